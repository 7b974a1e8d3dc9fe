/* Which files are taken for a libssl, and how a mapping is opened: by map_files of a /proc made by
 * hand, with names that try to mislead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach/scan.h"

static char root[] = "/tmp/outlay-scan-XXXXXX";
static char found[1024];

static void on_found(void *ctx, int fd, const char *label)
{
	char text[32] = { 0 };

	assert_ptr_equal(ctx, found);
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s=%s;", label, text);
}

static void put(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int make_proc(void **state)
{
	char path[256];

	(void)state;
	snprintf(root, sizeof(root), "%s", "/tmp/outlay-scan-XXXXXX");
	found[0] = '\0';
	if (!mkdtemp(root))
		return -1;
	snprintf(path, sizeof(path), "%s/7", root);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/7/map_files", root);
	return mkdir(path, 0700);
}

static int remove_proc(void **state)
{
	char command[256];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

static void test_names(void **state)
{
	static const struct {
		const char *path;
		bool is;
	} cases[] = {
		{ "/usr/lib/x86_64-linux-gnu/libssl.so.3", true },
		{ "/usr/lib/libssl.so", true },
		{ "/opt/x/libssl.so.1.1", true },
		{ "/usr/lib/libssl.so.3 (deleted)", true },
		{ "/srv/libssl.so.3 X", true }, /* opened through map_files, whatever it says */
		{ "libssl.so.3", true },
		{ "/usr/lib/libssl3.so", false },
		{ "/usr/lib/libssl.so.3/evil", false },
		{ "/usr/lib/xlibssl.so.3", false },
		{ "/usr/lib/libssl.sox", false },
		{ "/usr/lib/libcrypto.so.3", false },
		{ "[heap]", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(scan_is_library(span_of(cases[i].path)), cases[i].is);
}

static void test_maps(void **state)
{
	(void)state;
	put("7/maps",
	    "00400000-00452000 r-xp 00000000 08:02 173521  /usr/bin/dbus-daemon\n"
	    "7f0000000000-7f0000001000 r--p 00000000 08:02 1  /usr/lib/libssl.so.3\n"
	    "7f0000001000-7f0000002000 r-xp 00001000 08:02 1  /usr/lib/libssl.so.3\n"
	    "7f0000003000-7f0000004000 r-xp 00001000 08:02 2  /a b/libssl.so.1.1 (deleted)\n"
	    "7f0000005000-7f0000006000 r-xp 00001000 08:02 3  /gone/libssl.so.3\n"
	    "7f0000007000-7f0000008000 r-xp 00000000 00:00 0 \n"
	    "garbage libssl.so.3\n"
	    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0   [vsyscall]\n");
	put("7/map_files/7f0000000000-7f0000001000", "not this one: no code");
	put("7/map_files/7f0000001000-7f0000002000", "one");
	put("7/map_files/7f0000003000-7f0000004000", "two");
	put("8", "no process");
	scan_processes(root, on_found, found);
	assert_string_equal(found, "/usr/lib/libssl.so.3=one;/a b/libssl.so.1.1 (deleted)=two;");
	assert_false(scan_process(root, 9, on_found, found));
	assert_false(scan_mapping(root, 7, 1, 2, "x", on_found, found));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test_setup_teardown(test_maps, make_proc, remove_proc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
