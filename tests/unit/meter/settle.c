/* meter/settle: what is made in the background is billed by one poll, and a request that is sent
 * again under its key is not. */
#include "meter/settle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/span.h"
#include "base/timestamp.h"

#define HOUR (3600 * NS_PER_SEC)

static struct usage a_usage(const char *id, int64_t count, int64_t time_ns)
{
	struct usage usage = { .status = 200, .time_start_ns = time_ns };

	span_copy(SPAN("p"), usage.provider, sizeof(usage.provider));
	span_copy(span_of(id), usage.response_id, sizeof(usage.response_id));
	if (count) {
		usage.counts[USAGE_INPUT] = count;
		usage.present = USAGE_BIT(USAGE_INPUT);
	} else {
		usage.doubt = USAGE_DOUBT_NO_USAGE;
	}
	return usage;
}

/* What is billed of a call: its count, 0 of one that costs nothing, -1 of one that is not known. */
static int64_t billed(struct settle *settle, enum settle_kind kind, struct usage usage)
{
	settle_usage(settle, kind, &usage);
	if (usage.free) {
		assert_int_equal(usage.present, 0);
		assert_int_equal(usage.counts[USAGE_INPUT], 0);
		assert_int_equal(usage.doubt, USAGE_DOUBT_NONE);
		return 0;
	}
	return usage.doubt ? -1 : usage.counts[USAGE_INPUT];
}

static void polls(void **state)
{
	struct settle *settle;
	struct usage failed = a_usage("r3", 0, 1), other = a_usage("r4", 9, 2);

	(void)state;
	assert_int_equal(settle_new(&settle), 0);
	assert_int_equal(billed(settle, SETTLE_POLL, a_usage("r1", 7, 1)), 0); /* never asked for */
	assert_int_equal(billed(settle, SETTLE_ANSWER, a_usage("r1", 0, 1)), -1);
	assert_int_equal(billed(settle, SETTLE_POLL, a_usage("r1", 0, 2)), 0); /* not ready */
	assert_int_equal(billed(settle, SETTLE_POLL, a_usage("r1", 7, 3)), 7);
	assert_int_equal(billed(settle, SETTLE_POLL, a_usage("r1", 7, 4)), 0); /* once */
	assert_int_equal(billed(settle, SETTLE_ANSWER, a_usage("r2", 5, 1)), 5);
	assert_int_equal(billed(settle, SETTLE_POLL, a_usage("r2", 5, 2)),
			 0); /* was billed when made */
	failed.status = 500;
	assert_int_equal(billed(settle, SETTLE_ANSWER, failed), -1);
	assert_int_equal(billed(settle, SETTLE_POLL, a_usage("r3", 7, 2)), 0);
	assert_int_equal(billed(settle, SETTLE_ANSWER, a_usage("r4", 0, 1)), -1);
	span_copy(SPAN("q"), other.provider, sizeof(other.provider));
	assert_int_equal(billed(settle, SETTLE_POLL, other), 0); /* another provider's */
	settle_free(settle);
	assert_int_equal(billed(NULL, SETTLE_ANSWER, a_usage("r1", 0, 1)), -1);
	assert_int_equal(billed(NULL, SETTLE_POLL, a_usage("r1", 7, 2)), 0);
}

/* Of a call whose counts were told at once a poll may bring the price, once; `told` says so. */
static void prices(void **state)
{
	struct usage price = a_usage("r1", 7, 2);
	struct settle *settle;

	(void)state;
	price.reported = true;
	assert_int_equal(settle_new(&settle), 0);
	assert_int_equal(billed(settle, SETTLE_POLL, price), 0); /* never asked for */
	assert_int_equal(billed(settle, SETTLE_PROVISIONAL, a_usage("r1", 7, 1)), 7);
	assert_int_equal(billed(settle, SETTLE_POLL, a_usage("r1", 7, 2)), 0); /* no price yet */
	settle_usage(settle, SETTLE_POLL, &price);
	assert_true(price.told && price.reported && price.present);
	price.told = false;
	settle_usage(settle, SETTLE_POLL, &price);
	assert_true(price.free && !price.told && !price.reported);
	price = a_usage("r2", 7, 2);
	price.reported = true;
	assert_int_equal(billed(settle, SETTLE_ANSWER, a_usage("r2", 7, 1)), 7);
	assert_int_equal(billed(settle, SETTLE_POLL, price), 0); /* a final answer */
	price = a_usage("r3", 7, 2);
	assert_int_equal(billed(settle, SETTLE_PROVISIONAL, a_usage("r3", 0, 1)), -1);
	assert_int_equal(billed(settle, SETTLE_POLL, price), 7); /* counts that came late */
	settle_free(settle);
}

static struct usage sent(const char *key, const char *api_key, int64_t time_ns)
{
	struct usage usage = a_usage("", 4, time_ns);

	span_copy(span_of(key), usage.idempotency_key, sizeof(usage.idempotency_key));
	span_copy(span_of(api_key), usage.api_key_hash, sizeof(usage.api_key_hash));
	return usage;
}

static void replays(void **state)
{
	struct usage refused = sent("k3", "a", 1);
	struct settle *settle;

	(void)state;
	assert_int_equal(settle_new(&settle), 0);
	assert_int_equal(billed(settle, SETTLE_ANSWER, sent("", "a", 1)), 4);
	assert_int_equal(billed(settle, SETTLE_ANSWER, sent("", "a", 2)), 4);
	assert_int_equal(billed(settle, SETTLE_ANSWER, sent("k1", "a", 1)), 4);
	assert_int_equal(billed(settle, SETTLE_ANSWER, sent("k1", "a", HOUR)), 0);
	assert_int_equal(billed(settle, SETTLE_ANSWER, sent("k1", "b", HOUR)),
			 4); /* another account */
	assert_int_equal(billed(settle, SETTLE_ANSWER, sent("k2", "a", HOUR)), 4);
	assert_int_equal(billed(settle, SETTLE_ANSWER, sent("k1", "a", 24 * HOUR)), 0);
	assert_int_equal(billed(settle, SETTLE_ANSWER, sent("k1", "a", 24 * HOUR + 1)), 4);
	assert_int_equal(billed(settle, SETTLE_ANSWER, sent("k1", "a", 24 * HOUR + 2)), 0);
	refused.status = 422;
	assert_int_equal(billed(settle, SETTLE_ANSWER, refused), 4);
	assert_int_equal(billed(settle, SETTLE_ANSWER, sent("k3", "a", 2)), 4);
	settle_free(settle);
}

/* The latest are kept: many more than there is room for, then the last thousand are known. */
static void is_bounded(void **state)
{
	enum { ASKED = 100000, KNOWN = 1000 };
	struct settle *settle;
	unsigned found = 0;
	char id[24];

	(void)state;
	assert_int_equal(settle_new(&settle), 0);
	for (int i = 1; i <= ASKED; i++) {
		snprintf(id, sizeof(id), "r%d", i);
		billed(settle, SETTLE_ANSWER, a_usage(id, 0, i));
	}
	for (int i = ASKED - KNOWN + 1; i <= ASKED; i++) {
		snprintf(id, sizeof(id), "r%d", i);
		found += billed(settle, SETTLE_POLL, a_usage(id, 7, ASKED + 1)) == 7;
	}
	assert_true(found > KNOWN * 99 / 100);
	settle_free(settle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(polls),
		cmocka_unit_test(prices),
		cmocka_unit_test(replays),
		cmocka_unit_test(is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
