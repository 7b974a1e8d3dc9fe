/* budget/rules: budgets.yaml as people write it, right and wrong. Lines are counted by hand. */
#include "budget/rules.h"

#include "budget/limit.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static int load_text(const char *text, struct budget_rules **ret_rules, struct err *err)
{
	char path[] = "/tmp/outlay-rules-XXXXXX";
	int fd = mkstemp(path), rc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	rc = budget_rules_load(path, ret_rules, err);
	unlink(path);
	/* The random part of the name is not compared. */
	if (rc < 0) {
		assert_memory_equal(err->text, path, strlen(path));
		memmove(err->text, err->text + strlen(path), strlen(err->text + strlen(path)) + 1);
	}
	return rc;
}

static void test_whole_entry(void **state)
{
	static const char text[] = "budgets:\n"
				   "  - name: search-team\n"
				   "    match:\n"
				   "      provider: openai\n"
				   "      model: \"gpt-4o*\"\n"
				   "      user: alice\n"
				   "      exe: \"/usr/bin/python*\"\n"
				   "      uid: 0\n"
				   "      unit: nightly.service\n"
				   "      container: \"3f*\"\n"
				   "      label: {team: search, env: \"\", note: a=b}\n"
				   "    limit: 500 USD per month\n"
				   "    mode: advise\n"
				   "    unpriced: ceiling 15 USD per million tokens\n"
				   "    grace: 12.5%\n"
				   "    rollover: 150%\n"
				   "    essential: [alice, \"svc-*\"]\n"
				   "    thresholds: [100%, 50%, 150%, 50%]\n"
				   "  - {name: rest, limit: \"12.50  USD per day\"}\n";
	struct err err = { 0 };
	struct budget_rules *rules;
	const struct budget_rule *rule;

	(void)state;
	assert_int_equal(load_text(text, &rules, &err), 0);
	assert_int_equal(budget_rules_count(rules), 2);
	rule = &rules->rules[0];
	assert_string_equal(rule->name, "search-team");
	assert_string_equal(rule->provider, "openai");
	assert_string_equal(rule->model, "gpt-4o*");
	assert_string_equal(rule->user, "alice");
	assert_string_equal(rule->exe, "/usr/bin/python*");
	assert_string_equal(rule->uid, "0");
	assert_string_equal(rule->unit, "nightly.service");
	assert_string_equal(rule->container, "3f*");
	assert_int_equal(rule->n_labels, 3);
	assert_string_equal(rule->labels[0].key, "team");
	assert_string_equal(rule->labels[0].value, "search");
	assert_string_equal(rule->labels[1].value, "");
	assert_string_equal(rule->labels[2].value, "a=b");
	assert_true(rule->limit == (money_wide)500000000000000);
	assert_int_equal(rule->kind.period, BUDGET_MONTH);
	assert_int_equal(rule->mode, BUDGET_ADVISE);
	assert_int_equal(rule->unpriced, UNPRICED_CEILING);
	assert_int_equal(rule->ceiling_pico, 15000000000000);
	assert_false(rule->ceiling_per_request);
	assert_int_equal(rule->grace_permyriad, 1250);
	assert_int_equal(rule->rollover_permyriad, 15000);
	assert_int_equal(rule->n_essential, 2);
	assert_string_equal(rule->essential[1], "svc-*");
	assert_int_equal(rule->n_thresholds, 3);
	assert_int_equal(rule->thresholds[0], 50);
	assert_int_equal(rule->thresholds[1], 100);
	assert_int_equal(rule->thresholds[2], 150);

	rule = &rules->rules[1];
	assert_string_equal(rule->provider, "");
	assert_string_equal(rule->uid, "");
	assert_int_equal(rule->n_labels, 0);
	assert_true(rule->limit == (money_wide)12500000000000);
	assert_int_equal(rule->kind.period, BUDGET_DAY);
	assert_int_equal(rule->mode, BUDGET_OBSERVE);
	assert_int_equal(rule->unpriced, UNPRICED_DENY);
	assert_int_equal(rule->grace_permyriad, 500);
	assert_int_equal(rule->rollover_permyriad, 0);
	assert_int_equal(rule->n_essential, 0);
	assert_int_equal(rule->n_thresholds, 3);
	assert_int_equal(rule->thresholds[1], 95);
	budget_rules_free(rules);
}

#define ONE(fields) "budgets:\n  - name: a\n    limit: 1 USD per day\n" fields

#define RATE(text) "budgets:\n  - name: a\n    rate: " text "\n"

static void test_refused(void **state)
{
	static const struct {
		const char *text, *error; /* the error's beginning, after the path */
	} cases[] = {
		{ "budgets: [\n", ":2: no valid YAML" },
		{ "{}\n", ":1: budgets" },
		{ "budgets: 1\n", ":1: budgets" },
		{ "budget: []\n", ":1: budget" },
		{ "budgets:\n  - limit: 1 USD per day\n", ":2: budgets[0].name" },
		{ "budgets:\n  - name: a\n", ":2: budgets[0]: expected either" },
		{ "budgets:\n  - name: \"\"\n    limit: 1 USD per day\n", ":2: budgets[0].name" },
		{ ONE("    mode: strict\n"), ":4: budgets[0].mode" },
		{ ONE("    mode: cut\n    match: {model: m}\n"),
		  ":4: budgets[0].mode: expected obs" },
		{ ONE("    in_flight: wait\n"), ":4: budgets[0].in_flight" },
		{ "budgets:\n  - name: a\n    limit: 1 USD per rolling day\n    rollover: 5%\n",
		  ":4: budgets[0].rollover" },
		{ ONE("    unpriced: maybe\n"), ":4: budgets[0].unpriced" },
		{ ONE("    timezone: Europe/Nowhere\n"),
		  ":4: budgets[0].timezone: /usr/share/zoneinfo/Europe/Nowhere: No such file" },
		{ ONE("    timezone: ../../etc/passwd\n"), ":4: budgets[0].timezone" },
		{ ONE("    unpriced: ceiling\n"), ":4: budgets[0].unpriced" },
		{ ONE("    unpriced: ceiling 1 EUR per request\n"), ":4: budgets[0].unpriced" },
		{ ONE("    unpriced: ceiling 1 USD per million\n"), ":4: budgets[0].unpriced" },
		{ ONE("    unpriced: deny it\n"), ":4: budgets[0].unpriced" },
		{ ONE("    grace: 5\n"), ":4: budgets[0].grace" },
		{ ONE("    rate: 1 requests per second\n"), ":2: budgets[0]: expected either" },
		{ ONE("    burst: 1\n"), ":4: budgets[0].burst" },
		{ RATE("1 requests per week"), ":3: budgets[0].rate" },
		{ RATE("0 requests per second"), ":3: budgets[0].rate" },
		{ RATE("2 to 1 requests per second"), ":3: budgets[0].rate" },
		{ RATE("1 to requests per second"), ":3: budgets[0].rate" },
		{ RATE("1 requests per rolling hour"), ":3: budgets[0].rate" },
		{ RATE("1 requests per hour now"), ":3: budgets[0].rate" },
		{ RATE("9223372036854775808 bytes per day"), ":3: budgets[0].rate" },
		{ RATE("1 requests per sliding hour\n    burst: 5"), ":4: budgets[0].burst" },
		{ RATE("1 requests per hour\n    burst: 0"), ":4: budgets[0].burst" },
		{ RATE("1 requests per hour\n    mode: cut"), ":4: budgets[0].mode" },
		{ RATE("1 requests per hour\n    thresholds: [80%]"), ":4: budgets[0].thr" },
		{ RATE("1 requests per hour\n    rollover: 5%"), ":4: budgets[0].rollover" },
		{ ONE("    rollover: 5\n"), ":4: budgets[0].rollover" },
		{ ONE("    rollover: 1001%\n"), ":4: budgets[0].rollover" },
		{ ONE("    thresholds: 80%\n"), ":4: budgets[0].thresholds" },
		{ ONE("    thresholds: [80]\n"), ":4: budgets[0].thresholds" },
		{ ONE("    essential: alice\n"), ":4: budgets[0].essential" },
		{ ONE("    thresholds: [0%]\n"), ":4: budgets[0].thresholds" },
		{ ONE("    thresholds: [1001%]\n"), ":4: budgets[0].thresholds" },
		{ ONE("    grace: 101%\n"), ":4: budgets[0].grace" },
		{ ONE("    grace: -1%\n"), ":4: budgets[0].grace" },
		{ ONE("    grace: \"%\"\n"), ":4: budgets[0].grace" },
		{ ONE("    match: {team: x}\n"), ":4: budgets[0].match.team" },
		{ ONE("    match: {provider: [a]}\n"), ":4: budgets[0].match.provider" },
		{ ONE("    match: {uid: alice}\n"), ":4: budgets[0].match.uid" },
		{ ONE("    match: {uid: 4294967296}\n"), ":4: budgets[0].match.uid" },
		{ ONE("    match:\n      label: x\n"), ":5: budgets[0].match.label" },
		{ ONE("    match:\n      label: {a: [b]}\n"), ":5: budgets[0].match.label" },
		{ ONE("    match:\n      label: {\"a=b\": c}\n"), ":5: budgets[0].match.label" },
		{ ONE("    match:\n      label:\n        k: a,b\n"), ":6: budgets[0].match.label" },
		{ ONE("    match:\n      label: {a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1,\n"
		      "        i: 1, j: 1, k: 1, l: 1, m: 1, n: 1, o: 1, p: 1, q: 1}\n"),
		  ":6: budgets[0].match.label: expected at most 16" },
		{ ONE("  - name: b\n    limit: 1 USD per day\n  - name: a\n"
		      "    limit: 1 USD per day\n"),
		  ":6: budgets[2].name: expected a name that no other" },
		/* 48 bytes do not fit an array that holds the NUL too */
		{ "budgets:\n  - name: "
		  "012345678901234567890123456789012345678901234567\n"
		  "    limit: 1 USD per day\n",
		  ":2: budgets[0].name" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct budget_rules *rules = (struct budget_rules *)state;
		struct err err = { 0 };

		assert_int_equal(load_text(cases[i].text, &rules, &err), -EINVAL);
		assert_ptr_equal(rules, state);
		if (strncmp(err.text, cases[i].error, strlen(cases[i].error)) != 0)
			fail_msg("case %zu: \"%s\" is not \"%s...\"", i, err.text, cases[i].error);
	}
}

/* pricing case 85: a limit that is negative or none is refused, never taken for another. */
static void test_limits(void **state)
{
	static const struct {
		const char *limit;
		int64_t pico; /* -1 = refused */
	} cases[] = {
		{ "0 USD per day", 0 },
		{ "0.000000000001 USD per day", 1 },
		{ "9223372 USD per month", 9223372000000000000 },
		{ "-2 USD per day", -1 },
		{ "0.0000000000001 USD per day", -1 },
		{ "1e3 USD per day", -1 },
		{ "1,000 USD per day", -1 },
		{ "USD per day", -1 },
		{ "5", -1 },
		{ "5 EUR per day", -1 },
		{ "5 USD a day", -1 },
		{ "5 USD per", -1 },
		{ "5 USD per fortnight", -1 },
		{ "5 USD per total", -1 },
		{ "5 USD in month", -1 },
		{ "5 USD in rolling total", -1 },
		{ "5 USD per rolling", -1 },
		{ "5 USD per rolling day now", -1 },
		{ "1.5 tokens per day", -1 },
		{ "5 apples per day", -1 },
		{ "5 USD per day or so", -1 },
		{ "$5 USD per day", -1 },
		{ "5 usd per day", -1 },
		{ "99999999999999999999 USD per day", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct budget_rules *rules = NULL;
		struct err err = { 0 };
		char text[256];
		int rc;

		snprintf(text, sizeof(text), "budgets:\n  - name: a\n    limit: \"%s\"\n",
			 cases[i].limit);
		rc = load_text(text, &rules, &err);
		if (cases[i].pico < 0) {
			assert_int_equal(rc, -EINVAL);
			assert_string_equal(err.text, ":3: budgets[0].limit: " LIMIT_EXPECTED);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_true(rules->rules[0].limit == cases[i].pico);
		budget_rules_free(rules);
	}
}

static void test_no_file(void **state)
{
	struct budget_rules *rules;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(budget_rules_load("/nonexistent/budgets.yaml", &rules, &err), 0);
	assert_int_equal(budget_rules_count(rules), 0);
	budget_rules_free(rules);
	assert_int_equal(budget_rules_load("/", &rules, &err), -EISDIR);
	assert_true(err.text[0]);
	budget_rules_free(NULL);
}

/* As shipped there is no budget; the example in its comment is one that loads. */
static void test_shipped(void **state)
{
	struct budget_rules *rules;
	struct err err = { 0 };
	char line[256], text[4096] = "";
	size_t length = 0;
	FILE *file = fopen("config/budgets.yaml", "re");

	(void)state;
	if (!file)
		skip();
	assert_int_equal(budget_rules_load("config/budgets.yaml", &rules, &err), 0);
	assert_int_equal(budget_rules_count(rules), 0);
	budget_rules_free(rules);

	/* The example ends at the first empty line. */
	while (fgets(line, sizeof(line), file) && (!length || line[1] != '\n'))
		if (strncmp(line, "#   ", 4) == 0)
			length +=
			    (size_t)snprintf(text + length, sizeof(text) - length, "%s", line + 4);
	fclose(file);
	assert_int_equal(load_text(text, &rules, &err), 0);
	assert_int_equal(budget_rules_count(rules), 1);
	assert_int_equal(rules->rules[0].mode, BUDGET_ADVISE);
	assert_int_equal(rules->rules[0].n_labels, 1);
	budget_rules_free(rules);
}

/* Every unit and window, and the zone's clock. */
static void test_kinds(void **state)
{
	static const struct {
		const char *limit, *window;
		int64_t amount;
		unsigned counts;
	} cases[] = {
		{ "2000000 tokens per day", "day", 2000000, UNIT_TOKENS },
		{ "10000 requests per hour", "hour", 10000, UNIT_REQUESTS },
		{ "5000 input per minute", "minute", 5000, UNIT_BUCKET + USAGE_INPUT },
		{ "1 bytes per week", "week", 1, UNIT_BYTES },
		{ "7 images per rolling quarter", "rolling quarter", 7,
		  UNIT_BUCKET + USAGE_IMAGES },
		{ "2.5 USD per year", "year", 2500000000000, UNIT_USD },
		{ "3 USD per  rolling minute", "rolling minute", 3000000000000, UNIT_USD },
		{ "60 audio_seconds in total", "total", 60, UNIT_BUCKET + USAGE_AUDIO_SECONDS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct budget_rules *rules = NULL;
		const struct budget_rule *rule;
		struct err err = { 0 };
		char text[256];

		snprintf(text, sizeof(text),
			 "budgets:\n  - {name: a, timezone: Asia/Tokyo, limit: \"%s\"}\n"
			 "  - {name: b, timezone: Asia/Tokyo, limit: 1 USD per day}\n",
			 cases[i].limit);
		assert_int_equal(load_text(text, &rules, &err), 0);
		rule = &rules->rules[0];
		assert_int_equal(rule->counts, cases[i].counts);
		assert_true(rule->limit == cases[i].amount);
		assert_string_equal(limit_window_name(rule), cases[i].window);
		assert_int_equal(zone_at(rule->kind.zone, 0).ahead_s, 9 * 3600);
		assert_ptr_equal(rule->kind.zone, rules->rules[1].kind.zone);
		budget_rules_free(rules);
	}
}

static void test_rates(void **state)
{
	static const struct {
		const char *text, *window;
		int64_t min, max, burst, period_s;
		enum rate_kind kind;
		enum budget_unit counts;
	} cases[] = {
		{ "100 requests per minute", "bucket minute", 100, 100, 0, 60, RATE_BUCKET,
		  UNIT_REQUESTS },
		{ "20 to 300 tokens per sliding hour", "sliding hour", 20, 300, 0, 3600,
		  RATE_SLIDING, UNIT_TOKENS },
		{ "0.5 to 2 USD per day\n    burst: 1.25", "bucket day", 500000000000,
		  2000000000000, 1250000000000, 86400, RATE_BUCKET, UNIT_USD },
		{ "1 bytes per sliding second", "sliding second", 1, 1, 0, 1, RATE_SLIDING,
		  UNIT_BYTES },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct budget_rules *rules = NULL;
		const struct budget_rule *rule;
		struct err err = { 0 };
		char text[256];

		snprintf(text, sizeof(text), RATE("%s") "    unpriced: allow\n", cases[i].text);
		assert_int_equal(load_text(text, &rules, &err), 0);
		rule = &rules->rules[0];
		assert_int_equal(rule->counts, cases[i].counts);
		assert_int_equal(rule->rate.kind, cases[i].kind);
		assert_int_equal(rule->rate.period_ns, cases[i].period_s * 1000000000);
		assert_true(rule->rate.min == cases[i].min && rule->rate.max == cases[i].max);
		assert_true(rule->rate.burst == cases[i].burst && rule->n_thresholds == 0);
		assert_string_equal(limit_window_name(rule), cases[i].window);
		assert_int_equal(rule->unpriced, UNPRICED_ALLOW);
		budget_rules_free(rules);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_entry), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),      cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_no_file),     cmocka_unit_test(test_shipped),
		cmocka_unit_test(test_rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
