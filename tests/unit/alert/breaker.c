/* Circuit breakers. Counts at which one opens are worked out by hand: with n calls in the minute
 * and the probability p (usual + 5 points; a half for latency), k > np + 5 sqrt(np(1 - p)). */
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "alert/breaker.h"
#include "base/clock.h"

#define START (1800000000 * NS_PER_SEC)
#define MS    NS_PER_MS

static const struct breaker_limits limits = { .error_points = 5, .latency_ms = 100 };

struct rig {
	struct breakers *breakers;
	int64_t now_ns;
	uint64_t seed;
	struct breaker_memory memory; /* in the ledger */
	struct usual_median median;
};

static int set_up(void **state)
{
	static struct rig rig;

	rig = (struct rig){ .now_ns = START };
	*state = &rig;
	return breakers_new(&limits, &rig.breakers);
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	breakers_free(rig->breakers);
	return 0;
}

static struct usage call(unsigned status, int64_t ttfb_ns)
{
	struct usage usage = { .status = (uint16_t)status, .ttfb_ns = ttfb_ns };

	snprintf(usage.provider, sizeof(usage.provider), "%s", "openai");
	snprintf(usage.operation, sizeof(usage.operation), "%s", "chat");
	snprintf(usage.model_requested, sizeof(usage.model_requested), "%s", "gpt-4o");
	return usage;
}

/* One call a second. Returns at which of them the state changed, 0 = at none. */
static unsigned calls(struct rig *rig, unsigned n, unsigned status, int64_t ttfb_ns)
{
	struct usage usage = call(status, ttfb_ns);
	unsigned changed = 0;

	for (unsigned i = 1; i <= n; i++) {
		rig->now_ns += NS_PER_SEC;
		if (breakers_take(rig->breakers, &usage, rig->now_ns) && !changed)
			changed = i;
	}
	return changed;
}

static struct breaker_view view(struct rig *rig)
{
	struct breaker_view view = { .calls = 0 };

	assert_true(breakers_view(rig->breakers, SPAN("openai"), rig->now_ns, &view));
	return view;
}

static void test_unknown(void **state)
{
	struct rig *rig = *state;
	struct breaker_view nothing;

	assert_false(breakers_view(rig->breakers, SPAN("openai"), START, &nothing));
	assert_int_equal(calls(rig, 100, 200, 500 * MS), 0);
	assert_int_equal(view(rig).usual_error_ppm, UINT_MAX);
	/* What is usual is not known yet: nothing opens. */
	assert_int_equal(calls(rig, 100, 500, 500 * MS), 0);
	assert_false(breakers_view(rig->breakers, SPAN("openai2"), rig->now_ns, &nothing));
}

/* The last minute has 51 to 60 calls, as its newest slot fills; p = 0.05, so that k > 2.55 + 7.78
 * of 51 and k > 3 + 8.44 of 60. */
static void test_errors(void **state)
{
	struct rig *rig = *state;
	unsigned opened;

	assert_int_equal(calls(rig, 600, 200, 500 * MS), 0);
	assert_int_equal(view(rig).usual_error_ppm, 0);
	opened = calls(rig, 30, 503, 100 * MS);
	assert_in_range(opened, 11, 12);
	assert_int_equal(view(rig).state, BREAKER_OPEN);
	assert_true(view(rig).by_errors);
	assert_false(view(rig).by_latency);
	assert_int_equal(view(rig).calls, 30 - opened);
	assert_int_equal(view(rig).since_ns, rig->now_ns - (30 - opened) * NS_PER_SEC);
}

/* What fails and what does not; one row a kind. */
static void test_kinds_of_failure(void **state)
{
	static const struct {
		unsigned status;
		const char *error;
		enum usage_doubt doubt;
		bool beside, counted, failed;
	} rows[] = {
		{ 200, "", USAGE_DOUBT_NONE, false, true, false },
		{ 200, "overloaded_error", USAGE_DOUBT_NONE, false, true, true },
		{ 400, "invalid_request_error", USAGE_DOUBT_NONE, false, true, false },
		{ 429, "rate_limit_error", USAGE_DOUBT_NONE, false, true, false },
		{ 500, "", USAGE_DOUBT_NONE, false, true, true },
		{ 529, "overloaded_error", USAGE_DOUBT_NONE, false, true, true },
		{ 0, "", USAGE_DOUBT_NO_ANSWER, false, true, true },
		{ 0, "", USAGE_DOUBT_UNPARSED, false, false, false },
		{ 200, "", USAGE_DOUBT_NONE, true, false, false },
	};
	struct rig *rig = *state;
	uint64_t counted = 0, failed = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct usage usage = call(rows[i].status, -1);
		struct breaker_view now;

		snprintf(usage.error, sizeof(usage.error), "%s", rows[i].error);
		usage.doubt = rows[i].doubt;
		usage.beside = rows[i].beside;
		breakers_take(rig->breakers, &usage, rig->now_ns);
		now = view(rig);
		counted += rows[i].counted;
		failed += rows[i].failed;
		assert_int_equal(now.calls, counted);
		assert_int_equal(now.errors, failed);
	}
}

/* One in ten fails all the time: that is how this provider is. Every second is not. */
static void test_usual_errors(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 300; i++) {
		assert_int_equal(calls(rig, 1, 500, 500 * MS), 0);
		assert_int_equal(calls(rig, 9, 200, 500 * MS), 0);
	}
	assert_in_range(view(rig).usual_error_ppm, 99000, 101000);
	for (int i = 0; i < 30 && view(rig).state == BREAKER_CLOSED; i++) {
		calls(rig, 1, 500, 500 * MS);
		calls(rig, 3, 200, 500 * MS);
	}
	/* p = 0.15: more than 9 + 13.83 of 60, and one in four is 15. */
	assert_int_equal(view(rig).state, BREAKER_CLOSED);
	for (int i = 0; i < 30 && view(rig).state == BREAKER_CLOSED; i++) {
		calls(rig, 1, 500, 500 * MS);
		calls(rig, 1, 200, 500 * MS);
	}
	assert_int_equal(view(rig).state, BREAKER_OPEN);
}

/* Within 100 ms over what is usual nothing opens; beyond it, when more than 25.5 + 17.9 of 51
 * calls are late, 30 + 19.4 of 60. */
static void test_latency(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(calls(rig, 1200, 200, 500 * MS), 0);
	assert_int_equal(calls(rig, 300, 200, 590 * MS), 0);
	assert_in_range(calls(rig, 120, 200, 800 * MS), 44, 50);
	assert_true(view(rig).by_latency);
	assert_false(view(rig).by_errors);
}

/* Nobody calls it while it is open: after half a minute some should be tried. */
static void test_trial(void **state)
{
	struct rig *rig = *state;

	calls(rig, 600, 200, 500 * MS);
	calls(rig, 12, 500, 500 * MS);
	assert_int_equal(view(rig).state, BREAKER_OPEN);
	rig->now_ns += 31 * NS_PER_SEC;
	assert_int_equal(view(rig).state, BREAKER_HALF_OPEN);
	/* Ten calls end it: n = 10, p = 0.05, more than 0.5 + 3.45. */
	assert_int_equal(calls(rig, 10, 500, 500 * MS), 10);
	assert_int_equal(view(rig).state, BREAKER_OPEN);
	rig->now_ns += 31 * NS_PER_SEC;
	assert_int_equal(view(rig).state, BREAKER_HALF_OPEN);
	calls(rig, 3, 500, 500 * MS);
	assert_int_equal(calls(rig, 7, 200, 500 * MS), 7);
	assert_int_equal(view(rig).state, BREAKER_CLOSED);
}

/* Callers who go on see it open until it is well; after an hour it is how the provider is now. */
static void test_stays_open(void **state)
{
	struct rig *rig = *state;

	calls(rig, 600, 200, 500 * MS);
	calls(rig, 1800, 500, 500 * MS);
	assert_int_equal(view(rig).state, BREAKER_OPEN);
	assert_int_equal(view(rig).usual_error_ppm, 0);
	calls(rig, 7200, 500, 500 * MS);
	assert_true(view(rig).usual_error_ppm > 500000);
	assert_int_equal(view(rig).state, BREAKER_CLOSED);
}

static double uniform(struct rig *rig)
{
	rig->seed ^= rig->seed << 13;
	rig->seed ^= rig->seed >> 7;
	rig->seed ^= rig->seed << 17;
	return (double)(rig->seed >> 11) / 9007199254740992.0;
}

/* Waiting times as they are with models: no two alike, a long tail. A week of them opens nothing.
 */
static void test_no_false_alarm(void **state)
{
	const char *given = getenv("SEED");
	struct rig *rig = *state;
	unsigned opened = 0;

	rig->seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 2654435761u + 1;
	print_message("SEED=%llu\n", (unsigned long long)rig->seed);
	for (int i = 0; i < 7 * 86400; i++) {
		int64_t ttfb_ns = (int64_t)((200 - 800 * log(1 - uniform(rig))) * (double)MS);

		opened += calls(rig, 1, uniform(rig) < 0.02 ? 500 : 200, ttfb_ns) != 0;
	}
	assert_int_equal(opened, 0);
}

/* Other models and operations have their own waiting times. */
static void test_series(void **state)
{
	struct rig *rig = *state;
	struct usage slow = call(200, 9000 * MS);

	snprintf(slow.model_requested, sizeof(slow.model_requested), "%s", "o3");
	for (int i = 0; i < 900; i++) {
		calls(rig, 1, 200, 300 * MS);
		assert_false(breakers_take(rig->breakers, &slow, rig->now_ns));
	}
	for (int i = 0; i < 300; i++)
		assert_false(breakers_take(rig->breakers, &slow, rig->now_ns += NS_PER_SEC));
}

/* Bounded, whatever names come. */
static void test_many(void **state)
{
	struct rig *rig = *state;
	struct breaker_view seen;

	for (unsigned i = 0; i < 3 * BREAKER_PROVIDERS_MAX; i++) {
		struct usage usage = call(200, MS);

		snprintf(usage.provider, sizeof(usage.provider), "p%u", i);
		breakers_take(rig->breakers, &usage, rig->now_ns);
	}
	assert_false(breakers_view(rig->breakers, SPAN("p0"), rig->now_ns, &seen));
	assert_true(breakers_view(rig->breakers, SPAN("p767"), rig->now_ns, &seen));
}

/* A clock that is set back or far ahead. */
static void test_clock(void **state)
{
	struct rig *rig = *state;

	calls(rig, 300, 200, 500 * MS);
	rig->now_ns -= 3600 * NS_PER_SEC;
	calls(rig, 10, 200, 500 * MS);
	assert_int_equal(view(rig).state, BREAKER_CLOSED);
	rig->now_ns += 400LL * 86400 * NS_PER_SEC;
	calls(rig, 10, 200, 500 * MS);
	assert_int_equal(view(rig).calls, 10);
}

/* Of the one provider and series: what the ledger has of them, from what is owed. */
static void restart(struct rig *rig)
{
	struct breaker_memory memories[2];
	struct usual_median medians[2];

	if (breakers_owed(rig->breakers, memories, 2))
		rig->memory = memories[0];
	if (usual_owed(breakers_usual(rig->breakers), medians, 2))
		rig->median = medians[0];
	assert_int_equal(breakers_owed(rig->breakers, memories, 2), 0);
	assert_int_equal(usual_owed(breakers_usual(rig->breakers), medians, 2), 0);
	breakers_free(rig->breakers);
	assert_int_equal(breakers_new(&limits, &rig->breakers), 0);
	breakers_restore(rig->breakers, &rig->memory, rig->now_ns);
	usual_restore(breakers_usual(rig->breakers), &rig->median);
	assert_int_equal(breakers_owed(rig->breakers, memories, 2), 0);
}

/* All but the last minute. */
static void test_restart(void **state)
{
	struct rig *rig = *state;
	struct breaker_view before, after;

	calls(rig, 1200, 200, 500 * MS);
	assert_in_range(calls(rig, 12, 503, 500 * MS), 11, 12);
	before = view(rig);
	rig->now_ns += NS_PER_SEC;
	restart(rig);
	after = view(rig);
	assert_int_equal(after.state, BREAKER_OPEN);
	assert_int_equal(after.since_ns, before.since_ns);
	assert_true(after.by_errors);
	assert_int_equal(after.usual_error_ppm, before.usual_error_ppm);
	assert_int_equal(after.calls, 0);
	rig->now_ns += 31 * NS_PER_SEC;
	assert_int_equal(view(rig).state, BREAKER_HALF_OPEN);
	restart(rig);
	assert_int_equal(calls(rig, 10, 200, 500 * MS), 10);
	assert_int_equal(view(rig).state, BREAKER_CLOSED);
	restart(rig);
	/* What is late is still known: n of n calls are more than n / 2 + 2.5 sqrt(n) from 26. */
	assert_int_equal(calls(rig, 120, 200, 800 * MS), 26);
	assert_true(view(rig).by_latency);
}

/* The file may have been edited, and the clock set back since. */
static void test_restore_of_nonsense(void **state)
{
	struct breaker_memory memory = { .provider = "openai",
					 .state = BREAKER_OPEN,
					 .looked_ns = INT64_MAX,
					 .learned_calls = 5,
					 .learned_errors = 6 };
	struct usual_median median = { .key.provider = "openai", .median_ns = -1, .n = UINT_MAX };
	struct rig *rig = *state;
	struct breaker_view nothing;

	breakers_restore(rig->breakers, &memory, rig->now_ns);
	assert_false(breakers_view(rig->breakers, SPAN("openai"), rig->now_ns, &nothing));
	memory.learned_errors = 0;
	breakers_restore(rig->breakers, &memory, rig->now_ns);
	assert_int_equal(view(rig).state, BREAKER_OPEN);
	rig->now_ns += 31 * NS_PER_SEC;
	assert_int_equal(view(rig).state, BREAKER_HALF_OPEN);
	usual_restore(breakers_usual(rig->breakers), &median);
	median.median_ns = 0;
	usual_restore(breakers_usual(rig->breakers), &median);
	calls(rig, 1, 200, 500 * MS);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(test_unknown),
		ROW(test_errors),
		ROW(test_kinds_of_failure),
		ROW(test_usual_errors),
		ROW(test_latency),
		ROW(test_trial),
		ROW(test_stays_open),
		ROW(test_no_false_alarm),
		ROW(test_series),
		ROW(test_many),
		ROW(test_clock),
		ROW(test_restart),
		ROW(test_restore_of_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
