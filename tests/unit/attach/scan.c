/* How a mapping is opened: by map_files of a /proc made by hand, with names that try to mislead
 * (capture case 45). */
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
static char found[4096];

static void on_found(void *ctx, int fd, const char *label)
{
	char text[32] = { 0 };

	assert_ptr_equal(ctx, found);
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s=%s;", label, text);
}

static bool want_all_but_nine(void *ctx, const struct stat *st)
{
	assert_ptr_equal(ctx, found);
	return st->st_size != 9;
}

static const struct scan_visitor visitor = { want_all_but_nine, on_found, found };

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

static void make_directory(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	assert_int_equal(mkdir(path, 0700), 0);
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

static void test_maps(void **state)
{
	(void)state;
	put("host", "the host's");
	put("7/maps",
	    "00400000-00452000 r-xp 00000000 08:02 173521  /usr/bin/dbus-daemon\n"
	    "7f0000000000-7f0000001000 r--p 00000000 08:02 1  /usr/lib/libssl.so.3\n"
	    "7f0000001000-7f0000002000 r-xp 00001000 08:02 1  /usr/lib/libssl.so.3\n"
	    "7f0000003000-7f0000004000 r-xp 00001000 08:02 2  /a b/libssl.so.1.1 (deleted)\n"
	    "7f0000005000-7f0000006000 r-xp 00001000 08:02 3  /gone/libssl.so.3\n"
	    "7f0000007000-7f0000008000 r-xp 00000000 00:00 0 \n"
	    "7f0000009000-7f000000a000 r-xp 00000000 08:02 4  /srv/libssl.so.3 X\n"
	    "7f000000b000-7f000000c000 r-xp 00000000 08:02 5  /srv/a\\012b\n"
	    "7f000000d000-7f000000e000 r-xp 00000000 08:02 6  /known\n"
	    "7f000000f000-7f0000010000 r-xp 00000000 08:02 7  /a/directory\n"
	    "7f0000011000-7f0000012000 r-xp 00000000 08:02 8  ROOT/host\n"
	    "7f0000013000-7f0000014000 r-xp 00000000 08:02 9\n"
	    "garbage libssl.so.3\n"
	    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0   [vsyscall]\n");
	put("7/map_files/7f0000000000-7f0000001000", "not this one: no code");
	put("7/map_files/7f0000001000-7f0000002000", "one");
	put("7/map_files/7f0000003000-7f0000004000", "two");
	put("7/map_files/7f0000007000-7f0000008000", "no file by its inode");
	put("7/map_files/7f0000009000-7f000000a000", "three");
	put("7/map_files/7f000000b000-7f000000c000", "four");
	put("7/map_files/7f000000d000-7f000000e000", "9 letters");
	make_directory("7/map_files/7f000000f000-7f0000010000");
	put("7/map_files/7f0000013000-7f0000014000", "nameless");
	put("8", "no process");
	scan_processes(root, &visitor);
	assert_string_equal(found, "/usr/lib/libssl.so.3=one;/a b/libssl.so.1.1 (deleted)=two;"
				   "/srv/libssl.so.3 X=three;/srv/a\\012b=four;=nameless;");
	assert_false(scan_process(root, 9, &visitor));
	assert_false(scan_mapping(root, 7, 1, 2, "x", &visitor));
	found[0] = '\0';
	assert_true(scan_mapping(root, 7, 0x7f0000001000, 0x7f0000002000, "a\n\033b", &visitor));
	assert_string_equal(found, "a??b=one;");
}

/* What packages put there: every entry opens, and is a file of that name. */
static void test_directories(void **state)
{
	(void)state;
	found[0] = '\0';
	scan_directories(&visitor);
	assert_non_null(strstr(found, "libssl.so.3="));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_maps, make_proc, remove_proc),
		cmocka_unit_test(test_directories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
