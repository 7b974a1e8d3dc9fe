/* Versions of files that the compiler makes here: the text of OPENSSL_VERSION_TEXT as releases have
 * it, and versions of symbols as ld writes them. */
#include "attach/version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "compile.h"

static void expect(const char *source, const char *flags, const char *version)
{
	char text[VERSION_TEXT_MAX];
	const char *path = compile(source, flags);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	version_read(fd, text);
	assert_string_equal(text, version);
	close(fd);
	unlink(path);
}

static void test_what_it_says(void **state)
{
	(void)state;
	expect("const char t[] = \"OpenSSL 1.1.1w  11 Sep 2023\";", "-shared", "1.1.1w");
	expect("const char t[] = \"x OpenSSL 3.0.19 27 Jan 2026\";", "-shared", "3.0.19");
	expect("const char t[] = \"OpenSSL 3.0 or newer\";", "-shared", "");
	expect("const char t[] = \"OpenSSL 1.1.1 is old. OpenSSL 3.5.9 1 Apr 2031\";", "-shared",
	       "3.5.9");
	expect("const char t[] = \"nothing\";", "-shared", "");
}

/* Wherever it is in what is read at once. */
static void test_at_an_edge(void **state)
{
	(void)state;
	for (int pad = 65536 - 32; pad < 65536 + 4; pad++) {
		char source[160];

		snprintf(source, sizeof(source),
			 "struct { char pad[%d], text[40]; } const t = { {1}, \"OpenSSL 3.2.1 30 "
			 "Jan 2024\" };",
			 pad);
		expect(source, "-shared", "3.2.1");
	}
}

static void test_what_it_exports(void **state)
{
	char script[] = "/tmp/outlay-script-XXXXXX", flags[96];
	int fd = mkstemp(script);
	FILE *file = fdopen(fd, "w");

	(void)state;
	fputs("OPENSSL_3.0.0 { global: a; }; OPENSSL_3.10.2 { global: b; } OPENSSL_3.0.0;"
	      "OPENSSL_3.9.7 { global: c; } OPENSSL_3.0.0; GNUTLS_9_9 { global: d; };",
	      file);
	fclose(file);
	snprintf(flags, sizeof(flags), "-shared -Wl,--version-script=%s", script);
	expect("int a, b, c, d;", flags, "3.10.2+");
	file = fopen(script, "w");
	fputs("GNUTLS_3_4 { global: a; }; GNUTLS_3_6_8 { global: b; } GNUTLS_3_4;", file);
	fclose(file);
	expect("int a, b;", flags, "3.6.8+");
	unlink(script);
}

static void test_no_code(void **state)
{
	char text[VERSION_TEXT_MAX] = "x";
	int fd = memfd_create("text", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(write(fd, "OpenSSL 3.2.1 30 Jan 2024", 25), 25);
	version_read(fd, text);
	assert_string_equal(text, "");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_it_says),
		cmocka_unit_test(test_at_an_edge),
		cmocka_unit_test(test_what_it_exports),
		cmocka_unit_test(test_no_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
