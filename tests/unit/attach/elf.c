/* Symbols of real libraries, against nm; files that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "attach/elf.h"

#define SELF "/proc/self/exe" /* the test itself: linked PIE, with symbols */

/* What a tool of others says; a PIE's code segment may be shifted against the file. */
static uint64_t address_by_nm(const char *name)
{
	char command[256], line[256];
	unsigned long address = 0;
	FILE *pipe;

	snprintf(command, sizeof(command), "nm /proc/%d/exe | grep ' [Tt] %s$'", getpid(), name);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	if (fgets(line, sizeof(line), pipe))
		address = strtoul(line, NULL, 16);
	pclose(pipe);
	return address;
}

/* The bytes at the offset in the file are those at the address in memory. */
static void test_offsets_point_at_the_code(void **state)
{
	static const char *const names[] = { "elf_find_symbols", "no_such_function", "main" };
	uint64_t offsets[3];
	unsigned char code[16];
	int fd = open(SELF, O_RDONLY);

	(void)state;
	assert_int_equal(elf_find_symbols(fd, names, 3, offsets), 0);
	assert_true(offsets[0] > 0);
	assert_int_equal(offsets[1], 0);
	assert_true(offsets[2] > 0);
	assert_int_equal(pread(fd, code, sizeof(code), (off_t)offsets[0]), sizeof(code));
	assert_memory_equal(code, (const void *)(uintptr_t)elf_find_symbols, sizeof(code));
	/* Both functions are in one segment: their distance is the same in nm's addresses. */
	assert_int_equal(offsets[2] - offsets[0],
			 address_by_nm("main") - address_by_nm("elf_find_symbols"));
	close(fd);
}

static int file_of(const void *bytes, size_t n)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);

	assert_int_equal(write(fd, bytes, n), n);
	return fd;
}

static void test_files_that_are_none(void **state)
{
	static const char *const names[] = { "SSL_read" };
	uint64_t offsets[1] = { 0 };
	int fd = file_of("#!/bin/sh\n", 10);

	(void)state;
	assert_int_equal(elf_find_symbols(fd, names, 1, offsets), -EBADMSG);
	close(fd);
	fd = file_of("", 0);
	assert_int_equal(elf_find_symbols(fd, names, 1, offsets), -EBADMSG);
	close(fd);
}

/* A hostile file: ours, with bytes of its heads and tables overwritten. It may find nothing or be
 * refused; it must not crash. */
static void test_damaged_files(void **state)
{
	static const char *const names[] = { "elf_find_symbols", "main" };
	static unsigned char bytes[8 << 20];
	const char *seed_text = getenv("SEED");
	unsigned seed = seed_text ? (unsigned)strtoul(seed_text, NULL, 10) : (unsigned)getpid();
	int self = open(SELF, O_RDONLY);
	ssize_t n = read(self, bytes, sizeof(bytes));
	uint64_t offsets[2];

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	close(self);
	assert_true(n > 0);
	for (int round = 0; round < 60; round++) {
		size_t at = (size_t)rand() % (round & 1 ? 64 : (size_t)n);
		int fd;

		bytes[at] ^= (unsigned char)(1 + rand() % 255);
		fd = file_of(bytes, round % 3 ? (size_t)n : (size_t)rand() % (size_t)n);
		(void)elf_find_symbols(fd, names, 2, offsets);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offsets_point_at_the_code),
		cmocka_unit_test(test_files_that_are_none),
		cmocka_unit_test(test_damaged_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
