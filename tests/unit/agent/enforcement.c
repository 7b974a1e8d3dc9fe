/* Budgets -> orders: who is stopped by which key, when, and until when. A budget of 0 USD is spent
 * from the start, one of 1 USD never is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/enforcement.h"
#include "agent/flow_loop.h"
#include "budget/override.h"
#include "budget/rules.h"
#include "budget/stop.h"

#define NOW        1764072000000000000LL
#define ORDERS_MAX 64

struct world {
	char dir[64];
	struct providers *providers;
	struct budgets *budgets;
	struct queue *orders;
	struct enforcement *enforcement;
	unsigned n;
	struct flow_order seen[ORDERS_MAX];
	unsigned told;
	char last[2048];
};

static void put(const struct world *w, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void tell(void *ctx, unsigned budget, struct alert *alert, struct span json)
{
	struct world *w = ctx;

	assert_int_equal(alert->kind, ALERT_ENFORCEMENT);
	assert_memory_equal(alert->details, json.ptr, json.len);
	assert_string_equal(alert->subject, budgets_rule(w->budgets, budget)->name);
	w->told++;
	span_copy(json, w->last, sizeof(w->last));
}

static struct budget_rules *load(struct world *w, const char *entries)
{
	struct budget_rules *rules;
	struct err err = { "" };
	char path[128], text[2048];

	snprintf(text, sizeof(text), "budgets: [%s]\n", entries);
	put(w, "budgets", text);
	snprintf(path, sizeof(path), "%s/budgets", w->dir);
	if (budget_rules_load(path, &rules, &err) < 0)
		fail_msg("%s", err.text);
	return rules;
}

/* Takes the orders that are there. */
static void drain(struct world *w)
{
	w->n = 0;
	while (queue_pop(w->orders, &w->seen[w->n]))
		assert_true(++w->n < ORDERS_MAX);
}

static void open_budgets(struct world *w, const char *entries)
{
	struct enforcement_options options = { .tell = tell, .ctx = w, .orders = w->orders };

	assert_int_equal(budgets_new(load(w, entries), &w->budgets), 0);
	options.budgets = w->budgets;
	assert_int_equal(enforcement_new(&options, &w->enforcement), 0);
	enforcement_reload(w->enforcement, w->providers, NOW);
	drain(w);
}

static void reload(struct world *w, const char *entries)
{
	assert_int_equal(budgets_reload(w->budgets, load(w, entries), NOW), 0);
	enforcement_reload(w->enforcement, w->providers, NOW);
	drain(w);
}

static unsigned count(const struct world *w, enum flow_order_kind kind)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->n; i++)
		n += w->seen[i].kind == kind;
	return n;
}

/* There is an order for just this. */
static void check_block(const struct world *w, const char *who, const char *host, uint32_t scope,
			uint64_t id, enum flow_mode mode)
{
	struct flow_block key = { scope, 0, id, order_host_key(span_of(host)) };

	for (unsigned i = 0; i < w->n; i++) {
		const struct flow_order *o = &w->seen[i];

		if (o->kind == FLOW_ORDER_BLOCK && !strcmp(o->who, who) && o->mode == mode &&
		    !memcmp(&o->key, &key, sizeof(key)))
			return;
	}
	fail_msg("no order of %s for %s", who, host);
}

static int open_world(void **state)
{
	static struct world w;
	struct err err = { "" };

	memset(&w, 0, sizeof(w));
	snprintf(w.dir, sizeof(w.dir), "/tmp/outlay-enforcement-XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	put(&w, "acme.yaml",
	    "name: acme\nhosts: [a.acme.com, \"*.eu.acme.com\"]\nroutes:\n"
	    "- {match: GET /, operation: root, free: true}\n");
	put(&w, "other.yaml",
	    "name: other\nhosts: [api.other.io]\nroutes:\n"
	    "- {match: GET /, operation: root, free: true}\n");
	if (providers_load(w.dir, &w.providers, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(queue_new(sizeof(struct flow_order), ORDERS_MAX, &w.orders), 0);
	*state = &w;
	return 0;
}

static int close_world(void **state)
{
	static const char *const files[] = { "acme.yaml", "other.yaml", "budgets" };
	struct world *w = *state;
	char path[128];

	enforcement_free(w->enforcement);
	budgets_free(w->budgets);
	providers_unref(w->providers);
	queue_free(w->orders);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, files[i]);
		unlink(path);
	}
	rmdir(w->dir);
	return 0;
}

#define SPENT "limit: 0 USD per month"
#define ROOM  "limit: 1 USD per month"

static void test_all_hosts_of_the_provider(void **state)
{
	struct world *w = *state;

	open_budgets(w, "{name: a, mode: cut, match: {provider: ac*}, " SPENT "}");
	assert_int_equal(count(w, FLOW_ORDER_BLOCK), 2);
	check_block(w, "a", "a.acme.com", FLOW_ALL, 0, FLOW_CUT);
	check_block(w, "a", "*.eu.acme.com", FLOW_ALL, 0, FLOW_CUT);
	assert_int_equal(w->seen[w->n - 1].kind, FLOW_ORDER_PUBLISH);
	assert_int_equal(w->told, 1);
	assert_non_null(strstr(w->last, "\"action\":\"cut\",\"who\":\"outlayd\""));
	enforcement_look(w->enforcement, NOW);
	drain(w);
	assert_int_equal(w->n, 0); /* said once */
	reload(w, "{name: a, mode: cut, match: {provider: ac*}, " ROOM "}");
	assert_int_equal(count(w, FLOW_ORDER_RELEASE), 2); /* all, and its own */
	assert_int_equal(count(w, FLOW_ORDER_BLOCK), 0);
	assert_non_null(strstr(w->last, "\"action\":\"release\""));
}

static void test_only_hold_and_cut(void **state)
{
	struct world *w = *state;

	open_budgets(w, "{name: o, mode: observe, " SPENT "}, {name: v, mode: advise, " SPENT
			"}, {name: r, mode: hold, " ROOM "}, {name: h, mode: hold, " SPENT "}");
	assert_int_equal(count(w, FLOW_ORDER_BLOCK), 3);
	check_block(w, "h", "api.other.io", FLOW_ALL, 0, FLOW_HOLD);
}

/* The kernel knows a uid; what else is asked of a process is looked up when it speaks. */
static void test_whom(void **state)
{
	struct world *w = *state;
	struct process process = { .pid = 7,
				   .uid = 5,
				   .start_ns = 9,
				   .cgroup_id = 77,
				   .labels_known = true,
				   .user = "eve",
				   .exe = "/bin/x",
				   .labels = "team=a",
				   .cgroup = "/system.slice/n.service" };
	uint64_t me = flow_process_id(7, 9);

	open_budgets(
	    w, "{name: n, mode: cut, match: {provider: other, uid: 5}, " SPENT "},"
	       "{name: u, mode: cut, match: {provider: other, user: eve}, " SPENT "},"
	       "{name: c, mode: cut, match: {provider: other, unit: n.service}, " SPENT "},"
	       "{name: cu, mode: hold, match: {provider: other, unit: n.*, uid: 5}, " SPENT "},"
	       "{name: l, mode: cut, match: {provider: other, label: {team: a}}, " SPENT "},"
	       "{name: no, mode: cut, match: {provider: other, label: {team: b}}, " SPENT "},"
	       "{name: e, mode: cut, match: {provider: acme, exe: /bin/*}, " SPENT "}");
	check_block(w, "n", "api.other.io", FLOW_UID, 5, FLOW_CUT);
	check_block(w, "u", "api.other.io", FLOW_ALL, 0, FLOW_ASK);
	check_block(w, "c", "api.other.io", FLOW_ALL, 0, FLOW_ASK);
	check_block(w, "e", "a.acme.com", FLOW_ALL, 0, FLOW_ASK);
	assert_true(enforcement_answer(w->enforcement, &process));
	drain(w);
	check_block(w, "u", "api.other.io", FLOW_UID, 5, FLOW_CUT);
	check_block(w, "c", "api.other.io", FLOW_CGROUP, 77, FLOW_CUT);
	check_block(w, "cu", "api.other.io", FLOW_PROCESS, me, FLOW_HOLD);
	check_block(w, "l", "api.other.io", FLOW_PROCESS, me, FLOW_CUT);
	check_block(w, "e", "*.eu.acme.com", FLOW_PROCESS, me, FLOW_CUT);
	for (unsigned i = 0; i < w->n; i++)
		assert_string_not_equal(w->seen[i].who, "no");
	assert_int_equal(w->seen[w->n - 1].kind, FLOW_ORDER_JUDGED);
	assert_true(w->seen[w->n - 1].key.id == me);
	process.cgroup_id = 1; /* the root: where all are that have no cgroup of version 2 */
	assert_true(enforcement_answer(w->enforcement, &process));
	drain(w);
	check_block(w, "c", "api.other.io", FLOW_PROCESS, me, FLOW_CUT);
}

/* Whose word it was is in the event, also after a reload. */
static void test_a_person(void **state)
{
	struct world *w = *state;
	struct budget_override word = {
		.budget = "a", .action = OVERRIDE_CUT, .time_ns = NOW, .user = "ann"
	};

	open_budgets(w, "{name: a, mode: advise, match: {provider: other}, " ROOM "}");
	assert_int_equal(override_obey(w->budgets, &word), 0);
	enforcement_look(w->enforcement, NOW);
	drain(w);
	check_block(w, "a", "api.other.io", FLOW_ALL, 0, FLOW_CUT);
	assert_non_null(strstr(w->last, "\"who\":\"ann\",\"why\":\"a person says so\""));
	word = (struct budget_override){
		.budget = "a", .action = OVERRIDE_RELEASE, .time_ns = NOW, .user = "bea"
	};
	assert_int_equal(override_obey(w->budgets, &word), 0);
	reload(w, "{name: a, mode: advise, match: {provider: other}, " ROOM "}");
	assert_non_null(strstr(w->last, "\"who\":\"bea\",\"why\":\"a person let it go\""));
}

static void test_a_budget_that_is_gone(void **state)
{
	struct world *w = *state;

	open_budgets(w, "{name: a, mode: cut, " SPENT "}");
	reload(w, "{name: b, mode: cut, " ROOM "}");
	assert_int_equal(count(w, FLOW_ORDER_RELEASE), 1);
	assert_string_equal(w->seen[0].who, ""); /* whoever it was */
	assert_int_equal(w->seen[w->n - 1].kind, FLOW_ORDER_PUBLISH);
}

/* Nothing is half said: what has no room is said later. */
static void test_no_room(void **state)
{
	struct world *w = *state;
	struct flow_order filler = { .kind = FLOW_ORDER_PUBLISH };

	for (unsigned i = 0; i < ORDERS_MAX - 4; i++)
		assert_true(queue_push(w->orders, &filler));
	assert_int_equal(budgets_new(load(w, "{name: a, mode: cut, " SPENT "}"), &w->budgets), 0);
	assert_int_equal(enforcement_new(&(struct enforcement_options){ .budgets = w->budgets,
									.orders = w->orders,
									.tell = tell,
									.ctx = w },
					 &w->enforcement),
			 0);
	enforcement_reload(w->enforcement, w->providers, NOW);
	assert_int_equal(w->told, 0);
	drain(w);
	assert_int_equal(count(w, FLOW_ORDER_BLOCK), 0);
	enforcement_look(w->enforcement, NOW);
	drain(w);
	assert_int_equal(count(w, FLOW_ORDER_BLOCK), 3);
	assert_int_equal(w->told, 1);
}

static void charge(struct world *w, const char *provider, int64_t cost_pico)
{
	struct charge charge = { .source = COST_CATALOG, .cost_pico = cost_pico };
	struct verdict verdict;

	charge.usage.time_end_ns = NOW;
	span_copy(span_of(provider), charge.usage.provider, sizeof(charge.usage.provider));
	budgets_charge(w->budgets, &charge, NOW, &verdict);
	enforcement_charged(w->enforcement, NOW);
	drain(w);
}

/* However many there are, a charge is followed by a look at those that it touched. */
static void test_charges(void **state)
{
	struct world *w = *state;
	struct flow_order filler = { .kind = FLOW_ORDER_PUBLISH };
	struct budget_override word = {
		.budget = "b", .action = OVERRIDE_CUT, .time_ns = NOW, .user = "ann"
	};

	open_budgets(w, "{name: a, mode: cut, match: {provider: acme}, " ROOM "},"
			"{name: b, mode: cut, match: {provider: other}, " ROOM "}");
	assert_int_equal(override_obey(w->budgets, &word), 0);
	charge(w, "acme", 999999999999);
	assert_int_equal(w->n, 0);
	/* It has no room at first, and is not forgotten. */
	for (unsigned i = 0; i < ORDERS_MAX - 3; i++)
		assert_true(queue_push(w->orders, &filler));
	charge(w, "acme", 1);
	assert_int_equal(count(w, FLOW_ORDER_BLOCK), 0);
	charge(w, "nobody", 1);
	assert_int_equal(count(w, FLOW_ORDER_BLOCK), 2);
	check_block(w, "a", "a.acme.com", FLOW_ALL, 0, FLOW_CUT);
	charge(w, "acme", 1);
	assert_int_equal(w->n, 0);
	enforcement_look(w->enforcement, NOW);
	drain(w);
	assert_int_equal(count(w, FLOW_ORDER_BLOCK), 1);
	check_block(w, "b", "api.other.io", FLOW_ALL, 0, FLOW_CUT);
}

/* What was charged under former rules is no budget of these. */
static void test_charged_before_a_reload(void **state)
{
	struct world *w = *state;
	struct charge call = { .source = COST_CATALOG, .cost_pico = 1 };
	struct verdict verdict;

	open_budgets(w, "{name: a, mode: cut, match: {provider: acme}, " ROOM "},"
			"{name: b, mode: cut, match: {provider: other}, " ROOM "}");
	memcpy(call.usage.provider, "other", sizeof("other"));
	budgets_charge(w->budgets, &call, NOW, &verdict);
	assert_int_equal(stop_charged(w->budgets)->count, 1);
	reload(w, "{name: a, mode: cut, match: {provider: acme}, " ROOM "}");
	assert_int_equal(stop_charged(w->budgets)->count, 0);
	enforcement_charged(w->enforcement, NOW);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_hosts_of_the_provider),
		TEST(test_only_hold_and_cut),
		TEST(test_whom),
		TEST(test_a_person),
		TEST(test_a_budget_that_is_gone),
		TEST(test_no_room),
		TEST(test_charges),
		TEST(test_charged_before_a_reload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
