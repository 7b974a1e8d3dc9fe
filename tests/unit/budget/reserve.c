/* budget/reserve: who may claim which reservation, in what order, and how many there may be. */
#include "budget/reserve.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/timestamp.h"

#define SEC(n) ((int64_t)(n)*NS_PER_SEC)

static struct uuid id_of(unsigned n)
{
	struct uuid id = { { 0x01 } };

	memcpy(id.bytes + 8, &n, sizeof(n));
	return id;
}

static struct reserve *start(void)
{
	struct reserve *reserve;

	assert_int_equal(reserve_new(&reserve), 0);
	return reserve;
}

static const struct budget_size dime = { .priced = true, .cost_pico = 100000000000 };

static int add_for(struct reserve *reserve, unsigned n, const struct process *process,
		   const char *provider, const char *model, int64_t now_ns)
{
	const struct match_subject subject = { .process = process,
					       .provider = span_of(provider),
					       .models = { span_of(model) } };
	const struct match_set none = { 0 };
	struct uuid id = id_of(n);
	struct reservation *r;

	return reserve_add(reserve, &id, &subject, &none, &dime, now_ns, &r);
}

/* The number of the reservation that a call gets, 0 = none. */
static unsigned claim(struct reserve *reserve, const struct process *process, const char *provider,
		      const char *model, int64_t start_ns)
{
	const struct match_subject subject = { .process = process,
					       .provider = span_of(provider),
					       .models = { span_of(model), span_of("asked") } };
	bool ambiguous;
	const struct reservation *r = reserve_claim(reserve, &subject, start_ns, &ambiguous);
	unsigned n = 0;

	assert_false(ambiguous);

	if (r)
		memcpy(&n, r->id.bytes + 8, sizeof(n));
	return n;
}

static void end(struct reserve *reserve, unsigned n, enum reservation_state state, int64_t now_ns)
{
	struct uuid id = id_of(n);
	struct reservation *r = reserve_find(reserve, &id);

	assert_non_null(r);
	reserve_end(reserve, r, state, now_ns);
}

static bool known(struct reserve *reserve, unsigned n)
{
	struct uuid id = id_of(n);

	return reserve_find(reserve, &id) != NULL;
}

static const struct process one = { .pid = 100, .uid = 1, .start_ns = 123456789 };

static void test_order_of_claims(void **state)
{
	struct reserve *reserve = start();

	(void)state;
	assert_int_equal(claim(reserve, &one, "openai", "m", SEC(9)), 0);
	assert_int_equal(add_for(reserve, 1, &one, "openai", "other", SEC(1)), 0);
	assert_int_equal(add_for(reserve, 2, &one, "openai", "m", SEC(2)), 0);
	assert_int_equal(add_for(reserve, 3, &one, "openai", "m", SEC(3)), 0);
	assert_int_equal(add_for(reserve, 4, &one, "anthropic", "m", SEC(4)), 0);
	assert_int_equal(add_for(reserve, 5, &one, "openai", "asked", SEC(5)), 0);

	/* The same model first, though an older one has another. */
	assert_int_equal(claim(reserve, &one, "openai", "m", SEC(9)), 2);
	end(reserve, 2, RESERVATION_BY_CAPTURE, SEC(9));
	assert_int_equal(claim(reserve, &one, "openai", "m", SEC(9)), 3);
	end(reserve, 3, RESERVATION_BY_CAPTURE, SEC(9));
	/* What was asked for is as good as what served. */
	assert_int_equal(claim(reserve, &one, "openai", "m", SEC(9)), 5);
	end(reserve, 5, RESERVATION_BY_CAPTURE, SEC(9));
	assert_int_equal(claim(reserve, &one, "openai", "m", SEC(9)), 1);
	end(reserve, 1, RESERVATION_BY_CAPTURE, SEC(9));
	assert_int_equal(claim(reserve, &one, "openai", "m", SEC(9)), 0);
	assert_int_equal(claim(reserve, &one, "anthropic", "x", SEC(9)), 4);
	reserve_free(reserve);
}

static void test_whose_claim(void **state)
{
	struct process same_ticks = one, later = one, other = one;
	struct reserve *reserve = start();

	(void)state;
	/* /proc cuts a start to 10 ms; a reused pid has another one. */
	same_ticks.start_ns = 120000000;
	later.start_ns = 130000000;
	other.pid = 101;
	assert_int_equal(add_for(reserve, 1, &one, "openai", "m", SEC(10)), 0);
	assert_int_equal(claim(reserve, &same_ticks, "openai", "m", SEC(10)), 1);
	assert_int_equal(claim(reserve, &later, "openai", "m", SEC(10)), 0);
	assert_int_equal(claim(reserve, &other, "openai", "m", SEC(10)), 0);
	/* A call that began before the decision did not wait for it. */
	assert_int_equal(claim(reserve, &one, "openai", "m", SEC(9)), 1);
	assert_int_equal(claim(reserve, &one, "openai", "m", SEC(9) - 1), 0);
	/* One that began after the caller's figure is another call. */
	end(reserve, 1, RESERVATION_BY_CALLER, SEC(20));
	assert_int_equal(claim(reserve, &one, "openai", "m", SEC(21)), 1);
	assert_int_equal(claim(reserve, &one, "openai", "m", SEC(21) + 1), 0);
	reserve_free(reserve);
}

static void test_lapse_and_keep(void **state)
{
	struct reserve *reserve = start();
	const struct reservation *r;

	(void)state;
	assert_int_equal(add_for(reserve, 1, &one, "openai", "m", 0), 0);
	assert_int_equal(add_for(reserve, 2, &one, "openai", "m", 1), 0);
	assert_null(reserve_expired(reserve, RESERVATION_TTL_NS - 1));
	r = reserve_expired(reserve, RESERVATION_TTL_NS);
	assert_non_null(r);
	assert_int_equal(reserve_n_open(reserve), 2);
	end(reserve, 1, RESERVATION_LAPSED, RESERVATION_TTL_NS);
	assert_int_equal(reserve_n_open(reserve), 1);
	assert_null(reserve_expired(reserve, RESERVATION_TTL_NS));

	/* Behind what is open it is still there, to be settled by a long call or by its caller. */
	assert_int_equal(claim(reserve, &one, "openai", "m", SEC(5)), 2);
	end(reserve, 1, RESERVATION_BY_CALLER, RESERVATION_TTL_NS + 5);
	reserve_expired(reserve, RESERVATION_TTL_NS + RESERVATION_KEEP_NS + 4);
	assert_true(known(reserve, 1));
	reserve_expired(reserve, RESERVATION_TTL_NS + RESERVATION_KEEP_NS + 5);
	assert_false(known(reserve, 1));
	assert_true(known(reserve, 2));
	reserve_free(reserve);
}

static void test_clock_set_back(void **state)
{
	struct reserve *reserve = start();

	(void)state;
	assert_int_equal(add_for(reserve, 1, &one, "openai", "m", SEC(100000)), 0);
	assert_int_equal(add_for(reserve, 2, &one, "openai", "m", SEC(100000)), 0);
	end(reserve, 2, RESERVATION_BY_CALLER, SEC(100001));
	reserve_rewind(reserve, SEC(50));
	assert_false(known(reserve, 2));
	/* Not held for a day more: made now. */
	assert_int_equal(claim(reserve, &one, "openai", "m", SEC(50)), 1);
	assert_non_null(reserve_expired(reserve, SEC(50) + RESERVATION_TTL_NS));
	reserve_free(reserve);
}

/* One user cannot take all of them, all cannot take more than there are, and what ended counts for
 * nobody. */
static void test_limits(void **state)
{
	struct reserve *reserve = start();
	struct process process = one;
	unsigned n = 0;

	(void)state;
	for (uint32_t uid = 0; uid < 4; uid++) {
		process.uid = uid;
		for (int i = 0; i < RESERVATIONS_PER_USER_MAX; i++)
			assert_int_equal(add_for(reserve, ++n, &process, "openai", "m", 0), 0);
		assert_int_equal(add_for(reserve, 0, &process, "openai", "m", 0), -ENOSPC);
	}
	assert_int_equal(n, RESERVATIONS_MAX);
	process.uid = 77;
	assert_int_equal(add_for(reserve, 0, &process, "openai", "m", 0), -ENOSPC);
	end(reserve, 1, RESERVATION_LAPSED, n);
	assert_int_equal(add_for(reserve, ++n, &process, "openai", "m", 0), 0);

	/* As many are kept after their end as may be open: the oldest is forgotten. */
	for (unsigned i = 2; i <= n; i++)
		end(reserve, i, RESERVATION_BY_CALLER, n);
	assert_int_equal(reserve_n_open(reserve), 0);
	assert_false(known(reserve, 1));
	for (unsigned i = 2; i <= n; i++)
		assert_true(known(reserve, i));
	reserve_free(reserve);
}

/* A claim looks at so many and no more, whatever a process has piled up. */
static void test_scan_is_bounded(void **state)
{
	struct reserve *reserve = start();

	(void)state;
	for (unsigned i = 1; i <= RESERVE_SCAN_MAX; i++)
		assert_int_equal(add_for(reserve, i, &one, "openai", "other", 1), 0);
	assert_int_equal(add_for(reserve, RESERVE_SCAN_MAX + 1, &one, "openai", "m", 1), 0);
	assert_int_equal(claim(reserve, &one, "openai", "m", SEC(1)), 1);
	end(reserve, 1, RESERVATION_BY_CAPTURE, SEC(1));
	assert_int_equal(claim(reserve, &one, "openai", "m", SEC(1)), RESERVE_SCAN_MAX + 1);
	reserve_free(reserve);
}

static void count(void *ctx, struct reservation *r)
{
	unsigned *n = ctx;

	assert_int_equal(r->n_holds, 100);
	for (unsigned i = 0; i < r->n_holds; i++)
		assert_int_equal(r->holds[i], i * 40);
	++*n;
}

/* More budgets than fit in place. */
static void test_many_holds(void **state)
{
	const struct match_subject subject = { .process = &one };
	struct match_set set = { 0 };
	struct reserve *reserve = start();
	struct reservation *r;
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		match_set_add(&set, i * 40);
	for (unsigned i = 1; i <= 3; i++) {
		struct uuid id = id_of(i);

		assert_int_equal(reserve_add(reserve, &id, &subject, &set, &dime, 0, &r), 0);
	}
	reserve_each(reserve, count, &n);
	assert_int_equal(n, 3);
	end(reserve, 1, RESERVATION_BY_CAPTURE, 0);
	reserve_expired(reserve, RESERVATION_KEEP_NS);
	assert_false(known(reserve, 1));
	reserve_free(reserve);
	reserve_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_of_claims), cmocka_unit_test(test_whose_claim),
		cmocka_unit_test(test_lapse_and_keep),  cmocka_unit_test(test_clock_set_back),
		cmocka_unit_test(test_limits),          cmocka_unit_test(test_scan_is_bounded),
		cmocka_unit_test(test_many_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
