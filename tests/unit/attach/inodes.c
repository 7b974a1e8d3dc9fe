/* What is remembered, and what is forgotten first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "attach/inodes.h"

static void test_a_changed_file_is_another(void **state)
{
	struct counter evicted = { 0 };
	struct inodes *inodes = inodes_new(&evicted);
	struct stat st = { .st_dev = 3, .st_ino = 7, .st_size = 100, .st_mtim = { 5, 6 } };
	struct inode_id id = inodes_id(&st), other;

	(void)state;
	assert_int_equal(id.modified_ns, 5000000006);
	assert_false(inodes_has(inodes, &id));
	inodes_add(inodes, &id);
	assert_true(inodes_has(inodes, &id));
	for (int i = 0; i < 4; i++) {
		struct stat changed = st;

		changed.st_dev += i == 0;
		changed.st_ino += i == 1;
		changed.st_size += i == 2;
		changed.st_mtim.tv_nsec += i == 3;
		other = inodes_id(&changed);
		assert_false(inodes_same(&id, &other));
		assert_false(inodes_has(inodes, &other));
	}
	/* The same number with another time replaces what it was. */
	inodes_add(inodes, &other);
	assert_true(inodes_has(inodes, &other));
	assert_false(inodes_has(inodes, &id));
	assert_int_equal(counter_read(&evicted), 0);
	inodes_free(inodes);
}

static void test_the_least_recently_seen_makes_room(void **state)
{
	struct counter evicted = { 0 };
	struct inodes *inodes = inodes_new(&evicted);
	struct inode_id kept = { .dev = 1, .ino = 1 };
	unsigned known = 0;

	(void)state;
	inodes_add(inodes, &kept);
	for (uint64_t i = 2; i < 10 * INODES_MAX; i++) {
		inodes_add(inodes, &(struct inode_id){ .dev = 1, .ino = i });
		assert_true(inodes_has(inodes, &kept));
	}
	for (uint64_t i = 1; i < 10 * INODES_MAX; i++)
		known += inodes_has(inodes, &(struct inode_id){ .dev = 1, .ino = i });
	assert_true(known <= INODES_MAX && known > INODES_MAX * 9 / 10);
	assert_int_equal(counter_read(&evicted), 10 * INODES_MAX - 1 - known);
	inodes_free(inodes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_changed_file_is_another),
		cmocka_unit_test(test_the_least_recently_seen_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
