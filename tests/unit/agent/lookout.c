/* What is told once, and kept for the ledger while its queue has no room. */
#include "agent/lookout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "../ledger/fixture.h"
#include "budget/rules.h"
#include "ledger/journal.h"

#define ROOM 4

struct rig {
	struct fixture *f;
	struct event_base *base;
	struct budgets *budgets;
	struct policy *policy;
	struct ledger *ledger;
	struct queue *tasks;
	struct lookout *lookout;
	unsigned n_surveys;
};

static void survey(void *ctx, struct lookout *lookout)
{
	(void)lookout;
	((struct rig *)ctx)->n_surveys++;
}

static void open_lookout(struct rig *rig)
{
	struct lookout_options options = { .ledger = rig->ledger,
					   .tasks = rig->tasks,
					   .host_id = "h",
					   .host_name = "n",
					   .survey = survey,
					   .survey_ctx = rig,
					   .policy = rig->policy,
					   .breaker = { 5, 100 } };

	assert_int_equal(lookout_new(&options, &rig->lookout), 0);
}

static void open_rig(struct rig *rig, struct fixture *f)
{
	struct policy_ports ports = { .clock = &clock_system };
	struct err err = { "" };
	char path[96];

	*rig = (struct rig){ .f = f, .base = event_base_new() };
	snprintf(path, sizeof(path), "%s/sock", f->base);
	assert_int_equal(budgets_new(calloc(1, sizeof(struct budget_rules)), &rig->budgets), 0);
	ports.budgets = rig->budgets;
	assert_int_equal(policy_new(rig->base, path, -1, &ports, &rig->policy, &err), 0);
	assert_int_equal(ledger_open(f->dir, &rig->ledger, &err), 0);
	assert_int_equal(queue_new(sizeof(struct ledger_task), ROOM, &rig->tasks), 0);
	open_lookout(rig);
}

static void close_rig(struct rig *rig)
{
	lookout_free(rig->lookout);
	queue_free(rig->tasks);
	ledger_close(rig->ledger);
	policy_free(rig->policy);
	budgets_free(rig->budgets);
	event_base_free(rig->base);
}

static struct alert alert_of(unsigned step, int64_t window_ns)
{
	struct alert alert = { .time_ns = 1795608000000000000,
			       .kind = ALERT_THRESHOLD,
			       .window_ns = window_ns,
			       .step = step };

	snprintf(alert.subject, sizeof(alert.subject), "team");
	snprintf(alert.text, sizeof(alert.text), "a test");
	return alert;
}

static bool raise_one(struct rig *rig, unsigned step)
{
	struct alert alert = alert_of(step, 1);

	return lookout_raise(rig->lookout, &alert);
}

/* Steps of the alerts that come out of the queue, one decimal digit each. */
static unsigned taken(struct rig *rig)
{
	struct ledger_task task;
	unsigned steps = 0;

	while (queue_pop(rig->tasks, &task)) {
		assert_int_equal(task.kind, TASK_ALERT);
		steps = steps * 10 + task.alert.step;
	}
	return steps;
}

/* Four find room, five wait in their order, and nothing is told twice. */
static void test_waits_for_room(void **state)
{
	struct rig rig;

	open_rig(&rig, *state);
	for (unsigned step = 1; step <= 9; step++)
		assert_true(raise_one(&rig, step));
	assert_false(raise_one(&rig, 9));
	assert_false(lookout_store(rig.lookout));
	assert_int_equal(taken(&rig), 1234);
	lookout_tick(rig.lookout);
	assert_int_equal(taken(&rig), 5678);
	assert_true(lookout_store(rig.lookout));
	assert_int_equal(taken(&rig), 9);
	assert_int_equal(counter_read(&lookout_counters(rig.lookout)->told), 9);
	assert_int_equal(counter_read(&lookout_counters(rig.lookout)->not_stored), 0);
	close_rig(&rig);
}

static unsigned told_of(struct rig *rig, const char *model, enum price_doubt doubt, int64_t now_ns)
{
	uint64_t before = counter_read(&lookout_counters(rig->lookout)->told);
	struct charge charge = { .source = doubt ? COST_UNPRICED : COST_CATALOG, .doubt = doubt };

	span_copy(SPAN("openai"), charge.usage.provider, sizeof(charge.usage.provider));
	span_copy(span_of(model), charge.usage.model, sizeof(charge.usage.model));
	charge.usage.status = 200;
	lookout_charge(rig->lookout, &charge, now_ns);
	return (unsigned)(counter_read(&lookout_counters(rig->lookout)->told) - before);
}

/* One line a reason and model, a day; and no more than 64 of them, whatever callers invent. */
static void test_no_price_is_told_once(void **state)
{
	enum { DAY = 86400 };
	const int64_t now_ns = (int64_t)1795608000 * NS_PER_SEC;
	unsigned told = 0;
	struct rig rig;
	char name[24];

	open_rig(&rig, *state);
	assert_int_equal(told_of(&rig, "a", PRICE_DOUBT_NONE, now_ns), 0);
	assert_int_equal(told_of(&rig, "a", PRICE_DOUBT_MODEL_UNKNOWN, now_ns), 1);
	assert_int_equal(told_of(&rig, "a", PRICE_DOUBT_MODEL_UNKNOWN, now_ns + 5), 0);
	assert_int_equal(told_of(&rig, "a", PRICE_DOUBT_NO_RATE, now_ns), 1);
	assert_int_equal(told_of(&rig, "b", PRICE_DOUBT_MODEL_UNKNOWN, now_ns), 1);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "invented-%d", i);
		told += told_of(&rig, name, PRICE_DOUBT_MODEL_UNKNOWN, now_ns);
	}
	assert_int_equal(told, 64 - 3);
	assert_int_equal(told_of(&rig, "a", PRICE_DOUBT_MODEL_UNKNOWN, now_ns + DAY * NS_PER_SEC),
			 1);
	close_rig(&rig);
}

/* A ledger that is stuck: what is beyond those that wait is counted. */
static void test_no_room_at_all(void **state)
{
	struct rig rig;

	open_rig(&rig, *state);
	for (unsigned step = 1; step <= ROOM + 16 + 3; step++)
		assert_true(raise_one(&rig, step));
	assert_int_equal(counter_read(&lookout_counters(rig.lookout)->not_stored), 3);
	close_rig(&rig);
}

/* What the ledger has is not told after a restart. */
static void test_restart(void **state)
{
	struct alert alert = alert_of(7, 1);
	struct rig rig;

	open_rig(&rig, *state);
	assert_int_equal(ledger_begin(rig.ledger), 0);
	assert_int_equal(journal_add_alert(rig.ledger, &alert), 0);
	assert_int_equal(ledger_commit(rig.ledger), 0);
	lookout_free(rig.lookout);
	open_lookout(&rig);
	assert_false(raise_one(&rig, 7));
	assert_true(raise_one(&rig, 8));
	close_rig(&rig);
}

/* As the ledger loop does. */
static void store_tasks(struct rig *rig)
{
	struct ledger_task task;
	int64_t seq;

	assert_int_equal(ledger_begin(rig->ledger), 0);
	while (queue_pop(rig->tasks, &task))
		assert_int_equal(ledger_task_store(rig->ledger, &task, &seq), 0);
	assert_int_equal(ledger_commit(rig->ledger), 0);
}

/* 600 good calls, one a second, and twelve that fail open it (tests/unit/alert/breaker.c); what
 * was usual comes back with it. */
static void test_a_breaker_over_a_restart(void **state)
{
	struct charge charge = { .usage = {
				     .provider = "openai", .status = 200, .ttfb_ns = 1000 } };
	int64_t now_ns = clock_system.now_ns(&clock_system) - 612 * NS_PER_SEC;
	struct breaker_view seen;
	struct rig rig;

	open_rig(&rig, *state);
	for (int i = 0; i < 612; i++) {
		charge.usage.status = i < 600 ? 200 : 503;
		lookout_charge(rig.lookout, &charge, now_ns += NS_PER_SEC);
	}
	assert_true(lookout_store(rig.lookout));
	store_tasks(&rig);
	lookout_free(rig.lookout);
	open_lookout(&rig);
	assert_true(breakers_view(lookout_breakers(rig.lookout), SPAN("openai"), now_ns, &seen));
	assert_int_equal(seen.state, BREAKER_OPEN);
	assert_true(seen.by_errors);
	assert_int_equal(usual_ttfb_ns(breakers_usual(lookout_breakers(rig.lookout)), &charge.usage,
				       false, now_ns),
			 1000);
	close_rig(&rig);
}

static void test_survey(void **state)
{
	struct rig rig;

	open_rig(&rig, *state);
	for (int i = 0; i < 30; i++)
		lookout_tick(rig.lookout);
	assert_int_equal(rig.n_surveys, 3);
	close_rig(&rig);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		ROW(test_waits_for_room),           ROW(test_no_price_is_told_once),
		ROW(test_no_room_at_all),           ROW(test_restart),
		ROW(test_a_breaker_over_a_restart), ROW(test_survey),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
