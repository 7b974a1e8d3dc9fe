/* Two legs of one call, and calls that only look so. Times in milliseconds of one second. */
#include "meter/relay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define TOLD_MAX 400
#define CHAT     ((const void *)1)
#define SPEECH   ((const void *)2)

struct party { /* a leg, with what it says */
	struct leg leg;
	struct process process;
	struct relay_ids ids;
	int64_t begin_ms;
};

struct world {
	struct relay *relay;
	struct usage told[TOLD_MAX];
	unsigned n;
};

static void on_usage(void *ctx, const struct usage *usage)
{
	struct world *w = ctx;

	assert_true(w->n < TOLD_MAX);
	w->told[w->n++] = *usage;
}

static void on_ids(void *ctx, const struct leg *leg, struct relay_ids *ret_ids)
{
	(void)ctx;
	*ret_ids = ((const struct party *)leg)->ids;
}

static void begin(struct world *w, struct party *p, uint32_t pid, int64_t ms)
{
	*p = (struct party){ .process = { .pid = pid, .start_ns = pid }, .begin_ms = ms };
	p->leg = (struct leg){ .process = &p->process, .route = CHAT };
	relay_begin(w->relay, &p->leg);
}

static void says(struct party *p, const char *response_id, const char *request_id)
{
	snprintf(p->ids.response, sizeof(p->ids.response), "%s", response_id);
	snprintf(p->ids.request, sizeof(p->ids.request), "%s", request_id);
}

static struct usage usage_of(const struct party *p, int64_t ms, int64_t tokens)
{
	struct usage usage = { .process = p->process,
			       .time_start_ns = p->begin_ms * NS_PER_MS,
			       .time_end_ns = ms * NS_PER_MS,
			       .status = 200,
			       .present = tokens ? USAGE_BIT(USAGE_OUTPUT) : 0,
			       .doubt = tokens ? USAGE_DOUBT_NONE : USAGE_DOUBT_UNPARSED };

	usage.counts[USAGE_OUTPUT] = tokens;
	memcpy(usage.response_id, p->ids.response, sizeof(usage.response_id));
	memcpy(usage.request_id, p->ids.request, sizeof(usage.request_id));
	return usage;
}

static void tell(struct world *w, struct party *p, int64_t ms, int64_t tokens)
{
	struct usage usage = usage_of(p, ms, tokens);

	relay_tell(w->relay, &p->leg, &usage);
}

static void end(struct world *w, struct party *p, int64_t ms, int64_t tokens)
{
	tell(w, p, ms, tokens);
	relay_end(w->relay, &p->leg);
}

static void assert_told(const struct world *w, unsigned at, const struct party *p, int64_t tokens)
{
	assert_true(at < w->n);
	assert_int_equal(w->told[at].process.pid, p->process.pid);
	assert_int_equal(w->told[at].counts[USAGE_OUTPUT], tokens);
}

static void assert_counted(const struct world *w, uint64_t relayed, uint64_t unsure)
{
	assert_int_equal(counter_read(&relay_counters(w->relay)->relayed), relayed);
	assert_int_equal(counter_read(&relay_counters(w->relay)->unsure), unsure);
}

static int start(void **state)
{
	static struct world w;
	struct relay_options options = { on_usage, on_ids, &w };

	memset(&w, 0, sizeof(w));
	assert_int_equal(relay_new(&options, &w.relay), 0);
	*state = &w;
	return 0;
}

static int stop(void **state)
{
	struct world *w = *state;

	relay_free(w->relay);
	return 0;
}

/* --- one call */

static void alone(void **state)
{
	struct world *w = *state;
	struct party p;

	begin(w, &p, 1, 0);
	says(&p, "resp_1", "req_1");
	end(w, &p, 5, 7);
	assert_told(w, 0, &p, 7);
	assert_false(relay_settle(w->relay, 0));
}

static void inner_ends_first(void **state)
{
	struct world *w = *state;
	struct party program, proxy;

	begin(w, &program, 1, 0);
	begin(w, &proxy, 2, 1);
	says(&proxy, "resp_1", "req_1");
	end(w, &proxy, 5, 7);
	assert_int_equal(w->n, 0);
	assert_true(relay_settle(w->relay, 5 * NS_PER_MS));
	says(&program, "resp_1", "set by the proxy");
	end(w, &program, 6, 7);
	assert_int_equal(w->n, 1);
	assert_told(w, 0, &program, 7);
	assert_counted(w, 1, 0);
	assert_false(relay_settle(w->relay, 6 * NS_PER_MS));
}

static void outer_ends_first(void **state)
{
	struct world *w = *state;
	struct party program, proxy;

	begin(w, &program, 1, 0);
	begin(w, &proxy, 2, 1);
	says(&program, "resp_1", "");
	says(&proxy, "resp_1", "");
	end(w, &program, 5, 7);
	end(w, &proxy, 6, 7);
	assert_int_equal(w->n, 1);
	assert_told(w, 0, &program, 7);
	assert_counted(w, 1, 0);
}

/* An error has no id of a response. */
static void by_request_id(void **state)
{
	struct world *w = *state;
	struct party program, proxy;

	begin(w, &program, 1, 0);
	begin(w, &proxy, 2, 1);
	says(&proxy, "", "req_1");
	end(w, &proxy, 5, 0);
	says(&program, "", "req_1");
	end(w, &program, 6, 0);
	assert_int_equal(w->n, 1);
	assert_told(w, 0, &program, 0);
}

static void through_two_proxies(void **state)
{
	struct world *w = *state;
	struct party program, near, far;

	begin(w, &program, 1, 0);
	begin(w, &near, 2, 1);
	begin(w, &far, 3, 2);
	says(&far, "resp_1", "");
	end(w, &far, 5, 7);
	says(&near, "resp_1", "");
	end(w, &near, 6, 7);
	assert_int_equal(w->n, 0);
	says(&program, "resp_1", "");
	end(w, &program, 7, 7);
	assert_int_equal(w->n, 1);
	assert_told(w, 0, &program, 7);
	assert_counted(w, 2, 0);
}

/* The proxy thought for longer than we hold: still one call, now of the proxy. */
static void held_too_short(void **state)
{
	struct world *w = *state;
	struct party program, proxy;

	begin(w, &program, 1, 0);
	begin(w, &proxy, 2, 1);
	says(&proxy, "resp_1", "");
	end(w, &proxy, 5, 7);
	assert_true(relay_settle(w->relay, 5 * NS_PER_MS + RELAY_HOLD_NS - 1));
	assert_false(relay_settle(w->relay, 5 * NS_PER_MS + RELAY_HOLD_NS));
	assert_told(w, 0, &proxy, 7);
	says(&program, "resp_1", "");
	end(w, &program, 9000, 7);
	assert_int_equal(w->n, 1);
	assert_counted(w, 1, 0);
}

/* What was lost of one leg was seen on the other. */
static void counts_of_the_better(void **state)
{
	struct world *w = *state;
	struct party program, proxy;

	begin(w, &program, 1, 0);
	begin(w, &proxy, 2, 1);
	says(&proxy, "resp_1", "");
	end(w, &proxy, 5, 7);
	says(&program, "resp_1", "");
	end(w, &program, 6, 0);
	assert_int_equal(w->n, 1);
	assert_told(w, 0, &program, 7);
}

static void told_without_counts(void **state)
{
	struct world *w = *state;
	struct party program, proxy;

	begin(w, &program, 1, 0);
	begin(w, &proxy, 2, 1);
	says(&program, "resp_1", "");
	says(&proxy, "resp_1", "");
	end(w, &program, 5, 0);
	end(w, &proxy, 6, 7);
	assert_int_equal(w->n, 2);
	assert_told(w, 0, &program, 0);
	assert_told(w, 1, &proxy, 7);
}

/* --- more than one */

static void retries_of_a_proxy(void **state)
{
	struct world *w = *state;
	struct party program, first, second;

	begin(w, &program, 1, 0);
	begin(w, &first, 2, 1);
	says(&first, "", "req_1");
	end(w, &first, 3, 0);
	begin(w, &second, 2, 4);
	says(&second, "resp_2", "req_2");
	end(w, &second, 5, 7);
	says(&program, "resp_2", "req_2");
	end(w, &program, 6, 7);
	assert_int_equal(w->n, 2);
	assert_told(w, 0, &program, 7);
	assert_told(w, 1, &first, 0);
	assert_counted(w, 1, 0);
}

static void from_a_cache(void **state)
{
	struct world *w = *state;
	struct party program, proxy, later;

	begin(w, &program, 1, 0);
	begin(w, &proxy, 2, 1);
	says(&proxy, "resp_1", "req_1");
	says(&program, "resp_1", "req_1");
	end(w, &proxy, 5, 7);
	end(w, &program, 6, 7);
	begin(w, &later, 3, 7);
	says(&later, "resp_1", "req_1");
	end(w, &later, 8, 7);
	assert_int_equal(w->n, 2);
	assert_told(w, 1, &later, 7);
}

static void without_ids(void **state)
{
	struct world *w = *state;
	struct party one, other;

	begin(w, &one, 1, 0);
	begin(w, &other, 2, 1);
	end(w, &other, 5, 7);
	end(w, &one, 6, 7);
	assert_int_equal(w->n, 2);
	assert_counted(w, 0, 1);
}

/* Workers beside each other: nothing waits for a leg that has said that it is another call. */
static void known_to_be_others(void **state)
{
	struct world *w = *state;
	struct party stream, another, process, route;

	begin(w, &stream, 1, 0);
	says(&stream, "resp_1", "req_1");
	begin(w, &another, 2, 1);
	says(&another, "resp_2", "req_2");
	end(w, &another, 2, 7);
	assert_int_equal(w->n, 1);
	relay_end(w->relay, &stream.leg);
	begin(w, &process, 2, 3);
	begin(w, &route, 1, 3);
	route.leg.route = SPEECH;
	begin(w, &another, 2, 4);
	says(&another, "resp_3", "req_3");
	end(w, &another, 5, 7);
	assert_int_equal(w->n, 2);
}

static void outer_ends_as_another(void **state)
{
	struct world *w = *state;
	struct party older, newer;

	begin(w, &older, 1, 0);
	begin(w, &newer, 2, 1);
	says(&newer, "resp_2", "");
	end(w, &newer, 5, 7);
	assert_int_equal(w->n, 0);
	says(&older, "resp_1", "");
	end(w, &older, 6, 8);
	assert_int_equal(w->n, 2);
	assert_told(w, 0, &older, 8);
	assert_told(w, 1, &newer, 7);
	assert_counted(w, 0, 0);
}

/* Each answer of a WebSocket by its own id, whatever came before on the outer one. */
static void answers(void **state)
{
	struct world *w = *state;
	struct party program, proxy;

	begin(w, &program, 1, 0);
	begin(w, &proxy, 2, 1);
	program.leg.answers = proxy.leg.answers = true;
	for (int i = 0; i < 3; i++) {
		char id[] = { 'r', (char)('0' + i), 0 };

		says(&proxy, id, "");
		tell(w, &proxy, 10 * i + 5, i + 1);
		says(&program, id, "");
		tell(w, &program, 10 * i + 6, i + 1);
		assert_int_equal(w->n, i + 1);
		assert_told(w, (unsigned)i, &program, i + 1);
	}
	relay_end(w->relay, &proxy.leg);
	relay_end(w->relay, &program.leg);
	assert_counted(w, 3, 0);
}

/* --- limits */

static void full(void **state)
{
	struct world *w = *state;
	static struct party outer, inner[RELAY_HELD_MAX + 10];

	begin(w, &outer, 1, 0);
	for (unsigned i = 0; i < RELAY_HELD_MAX + 10; i++) {
		char id[16];

		snprintf(id, sizeof(id), "resp_%u", i);
		begin(w, &inner[i], 2, 1);
		says(&inner[i], id, "");
		end(w, &inner[i], 2, i + 1);
	}
	assert_int_equal(w->n, 10);
	assert_told(w, 0, &inner[0], 1);
	assert_false(relay_settle(w->relay, INT64_MAX));
	assert_int_equal(w->n, RELAY_HELD_MAX + 10);
	relay_end(w->relay, &outer.leg);
}

static void clock_set_back(void **state)
{
	struct world *w = *state;
	struct party outer, inner;

	begin(w, &outer, 1, 0);
	begin(w, &inner, 2, 1);
	end(w, &inner, 5, 7);
	assert_false(relay_settle(w->relay, 4 * NS_PER_MS));
	assert_told(w, 0, &inner, 7);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(alone),
		TEST(inner_ends_first),
		TEST(outer_ends_first),
		TEST(by_request_id),
		TEST(through_two_proxies),
		TEST(held_too_short),
		TEST(counts_of_the_better),
		TEST(told_without_counts),
		TEST(retries_of_a_proxy),
		TEST(from_a_cache),
		TEST(without_ids),
		TEST(known_to_be_others),
		TEST(outer_ends_as_another),
		TEST(answers),
		TEST(full),
		TEST(clock_set_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
