/* Labels by rules of outlayd.yaml: read, refused with the line, and what becomes of a process's. */
#include "budget/labels.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/budget/make.h"

/* 2026-11-25T12:00:00Z, by date -u -d @1795608000. */
#define NOON      MAKE_SEC(1795608000)
#define CONTAINER "3f1c9a0b3f1c9a0b3f1c9a0b3f1c9a0b3f1c9a0b3f1c9a0b3f1c9a0b3f1c9a0b"

static int load(const char *text, struct budget_rules *rules, struct err *err)
{
	char path[] = "/tmp/outlay-labels-XXXXXX";
	int fd = mkstemp(path), code;

	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	code = labels_load_rules(path, rules, err);
	unlink(path);
	return code;
}

static const char rules_text[] = "ring_mib: 4\n"
				 "labels:\n"
				 "  - match: {unit: \"nightly-*.service\", user: ann}\n"
				 "    set: {team: search, app: indexer}\n"
				 "  - match: {cgroup: \"/user.slice/*\"}\n"
				 "    set: {env: desk}\n"
				 "  - match: {container: \"3f1c*\"}\n"
				 "    set: {env: prod, \"note one\": a=b}\n"
				 "  - match: {exe: \"/opt/*\", uid: 7}\n"
				 "    set: {team: data}\n"
				 "  - match: {}\n"
				 "    set: {org: acme, team: nobody}\n";

static void test_what_a_process_gets(void **state)
{
	static const struct {
		const char *cgroup, *user, *exe, *own, *labels;
		uint32_t uid;
	} cases[] = {
		{ "/system.slice/nightly-a.service", "ann", "/bin/x", "",
		  "team=search,app=indexer,org=acme", 1 },
		/* All that a rule asks for must fit. */
		{ "/system.slice/nightly-a.service", "bob", "/bin/x", "", "org=acme,team=nobody",
		  1 },
		{ "/user.slice/a", "ann", "/opt/x", "", "env=desk,team=data,org=acme", 7 },
		{ "/system.slice/docker-" CONTAINER ".scope", "", "/opt/x", "",
		  "env=prod,note one=a=b,org=acme,team=nobody", 8 },
		/* Its own under other keys stay, of each the first; the rules' word goes first. */
		{ "/", "", "", "x=1,team=me,x=2,y=", "org=acme,team=nobody,x=1,y=", 8 },
		{ "/", "", "", "bad,=", "org=acme,team=nobody,=", 8 },
	};
	struct budget_rules rules = { .count = 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(load(rules_text, &rules, &err), 0);
	assert_int_equal(rules.n_labellers, 5);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct process process = { .uid = cases[i].uid };

		span_copy(span_of(cases[i].cgroup), process.cgroup, sizeof(process.cgroup));
		span_copy(span_of(cases[i].user), process.user, sizeof(process.user));
		span_copy(span_of(cases[i].exe), process.exe, sizeof(process.exe));
		span_copy(span_of(cases[i].own), process.labels, sizeof(process.labels));
		labels_apply(&rules, &process);
		assert_string_equal(process.labels, cases[i].labels);
		assert_true(process.labels_known);
	}
	budget_rules_free(memcpy(malloc(sizeof(rules)), &rules, sizeof(rules)));
}

/* What has no room goes, whole. */
static void test_no_room(void **state)
{
	struct process process = { .uid = 1 };
	struct budget_rules *rules = calloc(1, sizeof(*rules));
	struct err err = { 0 };
	char own[256];

	(void)state;
	assert_int_equal(load("labels:\n  - match: {}\n    set: {team: search}\n", rules, &err), 0);
	/* 11 bytes of ours, a comma, 243 of its own and the end are 256. */
	memset(own, 'v', sizeof(own));
	memcpy(own, "k=", 2);
	own[243] = '\0';
	span_copy(span_of(own), process.labels, sizeof(process.labels));
	labels_apply(rules, &process);
	assert_int_equal(strlen(process.labels), 255);
	own[243] = 'v';
	own[244] = '\0';
	span_copy(span_of(own), process.labels, sizeof(process.labels));
	labels_apply(rules, &process);
	assert_string_equal(process.labels, "team=search");
	budget_rules_free(rules);
}

static void test_none(void **state)
{
	struct budget_rules *rules = calloc(1, sizeof(*rules));
	struct process process = { .labels = "a=b" };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(load("ring_mib: 4\n", rules, &err), 0);
	labels_apply(rules, &process);
	assert_string_equal(process.labels, "a=b");
	assert_false(process.labels_known);
	assert_int_equal(rules->n_labellers, 0);
	assert_int_equal(labels_load_rules("/nowhere/at/all", rules, &err), 0);
	budget_rules_free(rules);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *error; /* behind the path */
	} cases[] = {
		{ "labels:\n  - {\n", ":3: no valid YAML: " },
		{ "labels: 1\n", ":1: labels: expected a list" },
		{ "labels:\n  - 1\n", ":2: labels[0]: expected match and set" },
		{ "labels:\n  - match: {}\n", ":2: labels[0]: expected match and set" },
		{ "labels:\n  - {match: {}, set: {}, x: 1}\n", ":2: labels[0]: expected match" },
		{ "labels:\n  - match: 1\n    set: {}\n", ":2: labels[0].match: expected a map" },
		{ "labels:\n  - match: {model: x}\n    set: {}\n",
		  ":2: labels[0].match: expected unit, cgroup" },
		{ "labels:\n  - match: {exe: \"\"}\n    set: {}\n",
		  ":2: labels[0].match: expected a text" },
		{ "labels:\n  - match: {exe: [x]}\n    set: {}\n",
		  ":2: labels[0].match: expected a text" },
		{ "labels:\n  - match: {}\n    set: {\"a,b\": c}\n",
		  ":3: labels[0].set: expected a key" },
		{ "labels:\n  - match: {}\n    set: {}\n  - match: {}\n    set: {a: \"b,c\"}\n",
		  ":5: labels[1].set: expected a text" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct budget_rules *rules = calloc(1, sizeof(*rules));
		struct err err = { 0 };

		assert_int_equal(load(cases[i].text, rules, &err), -EINVAL);
		if (!strstr(err.text, cases[i].error))
			fail_msg("\"%s\" is not in \"%s\"", cases[i].error, err.text);
		budget_rules_free(rules);
	}
}

/* Budgets match by them: asked, captured and held; and the event tells them. */
static void test_budgets_match_by_them(void **state)
{
	const struct make_rule rule = { .name = "a",
					.limit = USD(1),
					.mode = BUDGET_ADVISE,
					.label_key = "team",
					.label_value = "search" };
	struct budget_rules *rules = make_rules(&rule, 1);
	struct process process = make_process(100, "ann", "team=other"),
		       other = make_process(101, "bob", "");
	struct budget_ask ask = make_ask(&process, "m", USD(1));
	struct charge call = make_charge(&process, "m", NOON, USD(1));
	struct budget_answer answer;
	struct budgets *budgets;
	struct verdict verdict;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(
	    load("labels:\n  - match: {user: ann}\n    set: {team: search}\n", rules, &err), 0);
	assert_int_equal(budgets_new(rules, &budgets), 0);
	budgets_decide(budgets, &ask, NOON, &answer);
	assert_int_equal(answer.n_budgets, 1);
	budgets_charge(budgets, &call, NOON, &verdict);
	assert_int_equal(verdict.n_budgets, 1);
	assert_false(uuid_is_zero(&verdict.decision_id));
	assert_string_equal(verdict.charge.usage.process.labels, "team=search");
	ask.process = &other;
	budgets_decide(budgets, &ask, NOON, &answer);
	assert_int_equal(answer.n_budgets, 0);
	budgets_free(budgets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_process_gets),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_budgets_match_by_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
