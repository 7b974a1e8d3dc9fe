/* Every library and program of this machine, told by its content, against what nm says of it; a
 * libssl under other names; programs linked by the test; files that are none or damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "attach/image.h"
#include "compile.h"

static unsigned classify(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned kinds;

	if (fd < 0)
		return 0;
	kinds = image_classify(fd);
	close(fd);
	return kinds;
}

/* A tool of others: does the file define that function for the dynamic linker? */
static bool nm_defines(const char *path, const char *symbol)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "nm -D --defined-only '%s' 2>/dev/null | grep -qE ' [TtWi] %s(@|$)'", path,
		 symbol);
	return system(command) == 0;
}

static void check_all(const char *pattern, unsigned *ret_openssl)
{
	glob_t found = { 0 };

	glob(pattern, 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *path = found.gl_pathv[i];
		unsigned kinds = classify(path);

		if (!!(kinds & IMAGE_OPENSSL) != nm_defines(path, "SSL_read"))
			fail_msg("%s: %u", path, kinds);
		if (!!(kinds & IMAGE_GNUTLS) != nm_defines(path, "gnutls_record_recv"))
			fail_msg("%s: %u", path, kinds);
		*ret_openssl += !!(kinds & IMAGE_OPENSSL);
	}
	globfree(&found);
}

static void test_libraries_as_nm_says(void **state)
{
	unsigned openssl = 0;

	(void)state;
	check_all("/usr/lib/*-linux-gnu/lib[g-z]*.so.[0-9]", &openssl);
	check_all("/usr/bin/[n-o]*", &openssl);
	assert_true(openssl > 0);
}

#define DEFINES "int SSL_read(void) { return 1; } int main(void) { return SSL_read(); }"
#define IMPORTS "int SSL_read(void*, void*, int); int main(void) { return SSL_read(0, 0, 0); }"

static void test_programs_made_here(void **state)
{
	static const struct {
		const char *source, *flags;
		unsigned kinds;
	} cases[] = {
		{ DEFINES, "-rdynamic", IMAGE_OPENSSL },
		{ DEFINES, "-rdynamic -s", IMAGE_OPENSSL },
		{ DEFINES, "-rdynamic -s -Wl,--hash-style=sysv", IMAGE_OPENSSL },
		{ DEFINES, "", IMAGE_OPENSSL }, /* not exported: .symtab has it */
		{ DEFINES, "-static", IMAGE_OPENSSL },
		{ DEFINES, "-static -s", 0 }, /* nothing names it any more */
		{ IMPORTS, "-Wl,--unresolved-symbols=ignore-all", 0 },
		{ "int main(void) { return 0; }", "", 0 },
		{ "int main(void) { return 0; }", "-Wl,--hash-style=sysv", 0 },
		{ "int gnutls_record_recv(void) { return 1; }", "-shared -fPIC", IMAGE_GNUTLS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *path = compile(cases[i].source, cases[i].flags);

		if (classify(path) != cases[i].kinds)
			fail_msg("case %zu: %u", i, classify(path));
		unlink(path);
	}
}

static void test_build_ids(void **state)
{
	static const char *const cases[][2] = {
		{ "0x0123456789abcdef0123456789abcdef01234567",
		  "0123456789abcdef0123456789abcdef01234567" },
		{ "0x00ff", "00ff" },
		{ "none", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char flags[96], build[IMAGE_BUILD_MAX];
		const char *path;
		int fd;

		snprintf(flags, sizeof(flags), "-Wl,--build-id=%s", cases[i][0]);
		path = compile(DEFINES, flags);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		image_build(fd, build);
		assert_string_equal(build, cases[i][1]);
		close(fd);
		unlink(path);
	}
}

static int file_of(const void *bytes, size_t n)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	assert_int_equal(write(fd, bytes, n), n);
	return fd;
}

static size_t read_libssl(unsigned char *bytes, size_t room)
{
	glob_t found = { 0 };
	ssize_t n;
	int fd;

	assert_int_equal(glob("/usr/lib/*-linux-gnu/libssl.so.3", 0, NULL, &found), 0);
	fd = open(found.gl_pathv[0], O_RDONLY | O_CLOEXEC);
	n = read(fd, bytes, room);
	close(fd);
	globfree(&found);
	assert_true(n > 0 && (size_t)n < room);
	return (size_t)n;
}

static unsigned char bytes[2 << 20];

static void test_other_machines_and_no_elf(void **state)
{
	static const struct {
		size_t at;
		unsigned char value;
	} wrong[] = {
		{ 4, 1 },   /* ELFCLASS32 */
		{ 5, 2 },   /* big endian */
		{ 16, 1 },  /* ET_REL */
		{ 18, 40 }, /* EM_ARM */
		{ 0, '#' },
	};
	size_t n = read_libssl(bytes, sizeof(bytes));
	int fd = file_of(bytes, n);

	(void)state;
	assert_int_equal(image_classify(fd), IMAGE_OPENSSL);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		unsigned char right = bytes[wrong[i].at];

		assert_int_equal(pwrite(fd, &wrong[i].value, 1, (off_t)wrong[i].at), 1);
		assert_int_equal(image_classify(fd), 0);
		assert_int_equal(pwrite(fd, &right, 1, (off_t)wrong[i].at), 1);
	}
	assert_int_equal(image_classify(fd), IMAGE_OPENSSL);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(image_classify(fd), 0);
	close(fd);
}

static void test_sections(void **state)
{
	size_t n = read_libssl(bytes, sizeof(bytes));
	int fd = file_of(bytes, n);
	struct image_section s;

	(void)state;
	assert_int_equal(image_section(fd, ".shstrtab", &s), 0);
	assert_non_null(memmem(bytes + s.offset, s.size, "\0.shstrtab", 11));
	assert_int_equal(image_section(fd, ".text", &s), 0);
	assert_true(s.size && s.address && s.offset + s.size < n);
	assert_true(image_section(fd, ".bss", &s) < 0); /* has no bytes in the file */
	assert_true(image_section(fd, ".none", &s) < 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libraries_as_nm_says),
		cmocka_unit_test(test_programs_made_here),
		cmocka_unit_test(test_build_ids),
		cmocka_unit_test(test_other_machines_and_no_elf),
		cmocka_unit_test(test_sections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
