/* The window of a sink, step by step, and a random owner and a random other side. */
#include "sink/flight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct flight));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

/* Runs a script of steps: "o5" offer 5 and send it, "s5" offer 5: to be skipped, "+0" ticket 0
 * landed, "-0" it failed, "!" all failed, "=3" acked_seq is 3. */
static void run(struct flight *f, const char *script)
{
	char *end;

	for (const char *at = script; *at; at = end + strspn(end, " ")) {
		long n = strtol(at + 1, &end, 10);
		uint64_t ticket = UINT64_MAX;
		bool good = true;

		switch (*at) {
		case 'o':
			good = flight_offer(f, n, &ticket) == FLIGHT_SEND;
			flight_sent(f, ticket, n);
			break;
		case 's':
			good = flight_offer(f, n, &ticket) == FLIGHT_SKIP;
			break;
		case '+':
			flight_landed(f, (uint64_t)n);
			break;
		case '-':
			flight_failed(f, (uint64_t)n);
			break;
		case '!':
			flight_failed_all(f);
			break;
		default:
			good = f->acked_seq == n;
			break;
		}
		if (!good)
			fail_msg("%s: at %s", script, at);
	}
}

static void test_scripts(void **state)
{
	static const char *const scripts[] = {
		"=0 o1 o2 o3 =0 +0 =1 +1 =2 +2 =3",
		/* Reports in any order: only a whole row counts. */
		"o1 o2 o3 +2 =0 +1 =0 +0 =3",
		/* It starts where the cursor stood, and numbers may be missing. */
		"o41 o45 o46 +0 =41 +2 =41 +1 =46",
		/* A failure: what landed or is under way is not sent again. */
		"o1 o2 o3 o4 -1 +2 +0 =1 o2 s3 s4 o5 =1 +1 =3 +3 +4 =5",
		/* Offered from acked + 1, and that one has landed in the meantime. */
		"o1 o2 o3 -2 +0 =1 +1 =2 s2 o3 +2 =3",
		/* It fails again and again. */
		"o1 -0 o1 -0 o1 -0 =0 o1 +0 =1",
		"o1 o2 ! =0 o1 o2 ! o1 o2 +1 =0 +0 =2",
		/* What is gone from the ledger does not hold up the rest. */
		"o1 o2 o3 o4 ! =0 o3 =2 o4 +2 =3 +3 =4",
		/* Going back without a failure. */
		"o1 o2 o3 s1 s2 s3 o4 s2 s3 s4 o5",
		/* Reports that mean nothing: twice, contrary, of nobody. */
		"o1 o2 +0 +0 -0 =1 +7 -7 =1 -1 +1 =1 o2 +1 =2",
		"o1 +0 =1 s1 =1",
	};

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		memset(*state, 0, sizeof(struct flight));
		run(*state, scripts[i]);
	}
}

static void test_it_is_full_at_its_size(void **state)
{
	struct flight *f = *state;
	uint64_t ticket;

	for (int64_t seq = 1; seq <= FLIGHT_MAX; seq++) {
		assert_int_equal(flight_offer(f, seq, &ticket), FLIGHT_SEND);
		flight_sent(f, ticket, seq);
	}
	assert_int_equal(f->n_pending, FLIGHT_MAX);
	assert_int_equal(flight_offer(f, FLIGHT_MAX + 1, &ticket), FLIGHT_FULL);
	flight_landed(f, 1);
	assert_int_equal(flight_offer(f, FLIGHT_MAX + 1, &ticket), FLIGHT_FULL);
	flight_failed(f, 0);
	assert_int_equal(flight_offer(f, 1, &ticket), FLIGHT_SEND);
	flight_sent(f, ticket, 1);
	flight_landed(f, ticket);
	assert_int_equal(f->acked_seq, 2);
	assert_int_equal(flight_offer(f, FLIGHT_MAX + 1, &ticket), FLIGHT_SEND);
}

/* Every event arrives, and nothing is acked that has not. */
static void test_random_owner_and_other_side(void **state)
{
	enum { EVENTS = 60000 };
	struct flight *f = *state;
	const char *given = getenv("SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid();
	uint64_t *under_way = calloc(FLIGHT_MAX, sizeof(*under_way));
	int64_t *seq_of = calloc(FLIGHT_MAX, sizeof(*seq_of)), at = 1, checked = 0;
	bool *arrived = calloc(EVENTS + 1, sizeof(*arrived));
	unsigned n = 0, failures = 0;
	uint64_t ticket;

	print_message("SEED=%u\n", seed);
	srand(seed);
	while (f->acked_seq < EVENTS) {
		bool go_back = false;

		for (int i = rand() % 300; i > 0 && at <= EVENTS; i--) {
			enum flight_answer answer = flight_offer(f, at, &ticket);

			if (answer == FLIGHT_FULL)
				break;
			if (answer == FLIGHT_SEND) {
				flight_sent(f, ticket, at);
				assert_false(arrived[at]);
				seq_of[ticket % FLIGHT_MAX] = at;
				under_way[n++] = ticket;
			}
			at++;
		}
		for (int i = rand() % 300; i > 0 && n; i--) {
			unsigned pick = rand() % n;

			ticket = under_way[pick];
			under_way[pick] = under_way[--n];
			if (rand() % 20) {
				arrived[seq_of[ticket % FLIGHT_MAX]] = true;
				flight_landed(f, ticket);
			} else {
				flight_failed(f, ticket);
				go_back = true;
				failures++;
			}
		}
		assert_int_equal(f->n_pending, n);
		while (checked < f->acked_seq)
			assert_true(arrived[++checked]);
		if (go_back)
			at = f->acked_seq + 1;
	}
	assert_true(failures > 100);
	free(under_way);
	free(seq_of);
	free(arrived);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_scripts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_is_full_at_its_size, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random_owner_and_other_side, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
