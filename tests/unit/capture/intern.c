/* Equal facts are one object, others another; it lives as long as it is held. Random holders
 * against a plain list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "capture/intern.h"

#define HOLDERS 64

static struct process facts_of(unsigned n)
{
	struct process facts;

	memset(&facts, 0, sizeof(facts));
	facts.pid = 100 + n % 2;
	snprintf(facts.exe, sizeof(facts.exe), "/usr/bin/program-%u", n);
	return facts;
}

static void test_equal_facts_are_one(void **state)
{
	struct process one = facts_of(1), two = facts_of(2);
	const struct process *a, *b, *c;
	struct intern *intern;

	(void)state;
	assert_int_equal(intern_new(&intern), 0);
	a = intern_take(intern, &one);
	b = intern_take(intern, &one);
	c = intern_take(intern, &two);
	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, c);
	assert_int_equal(intern_count(intern), 2);
	memset(&one, 0xff, sizeof(one)); /* it is a copy */
	assert_string_equal(b->exe, "/usr/bin/program-1");
	intern_drop(intern, a);
	assert_int_equal(intern_count(intern), 2);
	assert_int_equal(b->pid, 101);
	intern_drop(intern, b);
	intern_drop(intern, c);
	assert_int_equal(intern_count(intern), 0);
	intern_free(intern);
}

static void test_random_holders(void **state)
{
	const char *given = getenv("SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	const struct process *held[HOLDERS] = { NULL };
	unsigned number[HOLDERS], holders[10] = { 0 };
	struct intern *intern;

	(void)state;
	print_message("SEED=%u\n", seed);
	assert_int_equal(intern_new(&intern), 0);
	for (unsigned i = 0; i < 20000 + HOLDERS; i++) {
		unsigned at = i < 20000 ? (unsigned)rand_r(&seed) % HOLDERS : i - 20000, kinds = 0;

		if (held[at]) {
			struct process expected = facts_of(number[at]);

			assert_memory_equal(held[at], &expected, sizeof(expected));
			intern_drop(intern, held[at]);
			holders[number[at]]--;
			held[at] = NULL;
		} else if (i < 20000) {
			struct process facts;

			number[at] = (unsigned)rand_r(&seed) % 10;
			facts = facts_of(number[at]);
			held[at] = intern_take(intern, &facts);
			holders[number[at]]++;
		}
		for (unsigned n = 0; n < 10; n++)
			kinds += holders[n] > 0;
		assert_int_equal(intern_count(intern), kinds);
	}
	intern_free(intern);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_facts_are_one),
		cmocka_unit_test(test_random_holders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
