/* The order of use, and what makes room. */
#include "base/lru.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAX 3

struct item {
	int key;
	int64_t value;
};

/* The keys from the one used longest ago on, a decimal digit each. */
static int order(const struct lru *lru)
{
	int digits = 0;

	for (const struct item *item = lru_next(lru, NULL); item; item = lru_next(lru, item))
		digits = digits * 10 + item->key;
	return digits;
}

static struct item *use(struct lru *lru, int key, bool is_new)
{
	bool was_new;
	struct item *item = lru_use(lru, &key, &was_new);

	assert_non_null(item);
	assert_int_equal(item->key, key);
	assert_int_equal(was_new, is_new);
	if (is_new)
		assert_int_equal(item->value, 0);
	return item;
}

static void test_order(void **state)
{
	struct lru table = lru_of(sizeof(int), sizeof(struct item), MAX), *lru = &table;
	int key = 1;

	(void)state;
	assert_null(lru_find(lru, &key));
	assert_null(lru_next(lru, NULL));
	for (int i = 1; i <= MAX; i++)
		use(lru, i, true)->value = i * 100;
	assert_int_equal(order(lru), 123);
	assert_int_equal(((struct item *)lru_find(lru, &key))->value, 100);
	assert_int_equal(order(lru), 123); /* to look is no use */
	assert_int_equal(use(lru, 1, false)->value, 100);
	assert_int_equal(order(lru), 231);
	use(lru, 4, true);
	assert_int_equal(order(lru), 314);
	key = 2;
	assert_null(lru_find(lru, &key));
	use(lru, 2, true);
	assert_int_equal(order(lru), 142);
	lru_done(lru);
}

/* The same steps on an array, moved by hand. */
static void test_many(void **state)
{
	struct lru table = lru_of(sizeof(int), sizeof(struct item), 50), *lru = &table;
	int keys[50], n = 0;

	(void)state;
	srand(7);
	for (int i = 0; i < 20000; i++) {
		int key = rand() % 80, at = 0;
		const struct item *item = NULL;

		while (at < n && keys[at] != key)
			at++;
		use(lru, key, at == n);
		if (at == n && n == 50)
			at = 0;
		else if (at == n)
			n++;
		for (; at < n - 1; at++)
			keys[at] = keys[at + 1];
		keys[n - 1] = key;
		for (int k = 0; k < n; k++) {
			item = lru_next(lru, item);
			assert_int_equal(item->key, keys[k]);
		}
		assert_null(lru_next(lru, item));
	}
	lru_done(lru);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
