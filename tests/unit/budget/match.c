/* budget/match: patterns by hand, and the index against a check of every rule one by one. */
#include "budget/match.h"

#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/budget/random.h"

#define CONTAINER_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define CONTAINER_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static char nothing[] = "";

static struct budget_rule rule_for_all(void)
{
	return (struct budget_rule){ .name = nothing,
				     .provider = nothing,
				     .model = nothing,
				     .operation = nothing,
				     .user = nothing,
				     .exe = nothing,
				     .unit = nothing,
				     .container = nothing,
				     .cgroup = nothing,
				     .uid = nothing };
}

static bool finds(const struct budget_rule *rule, const struct match_subject *subject)
{
	const struct budget_rules rules = { .count = 1, .rules = (struct budget_rule *)rule };
	struct match_index *index;
	struct match_set set;

	assert_int_equal(match_index_new(&rules, &index), 0);
	match_find(index, subject, &set);
	match_index_free(index);
	assert_int_equal(set.count, match_set_has(&set, 0));
	return set.count;
}

static void test_patterns(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool fits;
	} cases[] = {
		{ "", "", true },
		{ "", "x", true },
		{ "*", "", true },
		{ "*", "x", true },
		{ "a", "a", true },
		{ "a", "A", false },
		{ "a", "", false },
		{ "a", "ab", false },
		{ "a*", "a", true },
		{ "a*", "ab", true },
		{ "a*", "ba", false },
		{ "*a", "ba", true },
		{ "*a", "ab", false },
		{ "a*c", "abbc", true },
		{ "a*c", "abcd", false },
		{ "a*b*c", "aXbYc", true },
		{ "a*b*c", "acb", false },
		{ "**", "x", true },
		{ "a**b", "ab", true },
		{ "a?", "ab", false },
		{ "a?", "a?", true },
		{ "[ab]", "a", false },
		{ "*aab", "aaab", true },
		{ "gpt-4o*", "gpt-4o-mini-2024-07-18", true },
		{ "gpt-4", "gpt-4o", false },
	};
	struct process process = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct budget_rule rule = rule_for_all();
		struct match_subject subject = { .process = &process,
						 .provider = span_of(cases[i].text) };

		rule.provider = (char *)cases[i].pattern;
		assert_int_equal(finds(&rule, &subject), cases[i].fits);
	}
}

/* fnmatch(3) knows the same `*`. */
static void test_patterns_by_fnmatch(void **state)
{
	struct random random = random_start("match");
	struct process process = { 0 };

	(void)state;
	for (int i = 0; i < 50000; i++) {
		struct budget_rule rule = rule_for_all();
		struct match_subject subject = { .process = &process };
		char pattern[8] = "x", text[12] = "";
		uint64_t n = random_below(&random, 7), m = random_below(&random, 11);

		for (uint64_t j = 0; j < n; j++)
			pattern[j] = "ab*"[random_below(&random, 3)];
		for (uint64_t j = 0; j < m; j++)
			text[j] = "ab"[random_below(&random, 2)];
		rule.exe = pattern;
		span_copy(span_of(text), process.exe, sizeof(process.exe));
		assert_int_equal(finds(&rule, &subject), fnmatch(pattern, text, 0) == 0);
	}
}

static void test_where_it_runs(void **state)
{
	static const struct {
		const char *uid, *unit, *container;
		bool fits;
	} cases[] = {
		{ "", "", "", true },
		{ "1000", "", "", true },
		{ "0", "", "", false },
		{ "", "cron.service", "", true },
		{ "", "cron*", "", true },
		{ "", "cron", "", false },
		{ "", "", CONTAINER_A, true },
		{ "", "", "aaaa*", true },
		{ "", "", "aaaa", false },
		{ "1000", "cron.service", CONTAINER_A, true },
		{ "1000", "cron.service", CONTAINER_B, false },
	};
	struct process process = { .uid = 1000,
				   .cgroup = "/system.slice/cron.service/" CONTAINER_A };
	struct process stranger = { .uid = UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct budget_rule rule = rule_for_all();
		struct match_subject subject = { .process = &process };

		rule.uid = (char *)cases[i].uid;
		rule.unit = (char *)cases[i].unit;
		rule.container = (char *)cases[i].container;
		assert_int_equal(finds(&rule, &subject), cases[i].fits);
		assert_int_equal(match_process(&rule, &process), cases[i].fits);
		/* Of whom nothing is known, no rule fits but the one for all. */
		assert_int_equal(match_process(&rule, &stranger), i == 0);
	}
}

/* Work is bounded by the product of both lengths. */
static void test_pattern_of_stars(void **state)
{
	char pattern[256] = "";
	struct process process = { 0 };
	struct budget_rule rule = rule_for_all();
	struct match_subject subject = { .process = &process };

	(void)state;
	for (int i = 0; i < 254; i += 2)
		memcpy(pattern + i, "*a", 2);
	memset(process.exe, 'a', sizeof(process.exe) - 1);
	process.exe[sizeof(process.exe) - 2] = 'b';
	rule.exe = pattern;
	for (int i = 0; i < 1000; i++)
		assert_false(finds(&rule, &subject));
}

static void test_models_and_users(void **state)
{
	struct process process = { .user = "alice", .exe = "/bin/x" };
	struct match_subject subject = { .process = &process,
					 .models = { { NULL, 0 }, SPAN("m1") } };
	struct budget_rule rule = rule_for_all();

	(void)state;
	rule.model = (char *)"m1";
	assert_true(finds(&rule, &subject));
	subject.models[0] = SPAN("m1-2026-01-01");
	assert_true(finds(&rule, &subject));
	rule.model = (char *)"m1-2026-01-01";
	assert_true(finds(&rule, &subject));
	rule.model = (char *)"m1-2026*";
	assert_true(finds(&rule, &subject));
	subject.models[0] = subject.models[1] = SPAN("");
	assert_false(finds(&rule, &subject));
	rule.model = (char *)"*";
	assert_false(finds(&rule, &subject)); /* a call without a model is of no model */

	rule = rule_for_all();
	rule.user = (char *)"alice";
	assert_true(finds(&rule, &subject));
	rule.user = (char *)"al*"; /* users are names, not patterns */
	assert_false(finds(&rule, &subject));
	assert_false(match_process(&rule, &process));
	rule.user = nothing;
	rule.exe = (char *)"/bin/*";
	rule.provider = (char *)"other";
	assert_true(match_process(&rule, &process));
	assert_false(finds(&rule, &subject));
}

static void test_labels(void **state)
{
	static const struct {
		const char *process, *request;
		bool fits;
	} cases[] = {
		{ "team=search,env=prod", NULL, true },
		{ "env=prod,x=y,team=search", "", true },
		{ "team=search", "env=prod", true },
		{ "", "env=prod,team=search", true },
		{ "team=search,env=test", "env=prod", true },
		{ "team=search", NULL, false },
		{ "env=prod", NULL, false },
		{ "team=searching,env=prod", NULL, false },
		{ "team,env=prod", NULL, false },
		{ "=team=search,env=prod", NULL, false },
		{ ",,,", ",", false },
	};
	struct budget_label labels[] = { { (char *)"team", (char *)"search" },
					 { (char *)"env", (char *)"prod" } };
	struct budget_rule rule = rule_for_all();

	(void)state;
	rule.labels = labels;
	rule.n_labels = 2;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct process process = { 0 };
		struct match_subject subject = { .process = &process, .labels = cases[i].request };

		span_copy(span_of(cases[i].process), process.labels, sizeof(process.labels));
		assert_int_equal(finds(&rule, &subject), cases[i].fits);
	}
}

static char *pick(struct random *random, const char *const *texts, size_t n)
{
	return (char *)texts[random_below(random, n)];
}

/* Of many rules over few texts the index finds the same as each rule by itself does. */
static void test_index(void **state)
{
	static const char *const patterns[] = { "", "", "", "a", "b", "c", "a*", "*" };
	static const char *const texts[] = { "a", "b", "c", "ab" };
	enum { RULES = 300 };
	static struct budget_rule all[RULES];
	static struct budget_label labels[RULES];
	static const char *const units[] = { "a.service", "b.service", "a.*", "", "", "" };
	static const char *const ids[] = { CONTAINER_A, CONTAINER_B, "aa*", "", "", "" };
	static const char *const uids[] = { "0", "1000", "", "", "", "" };
	static const char *const groups[] = { "/system.slice/a.service",
					      "/system.slice/b.service/" CONTAINER_A,
					      "/docker/" CONTAINER_B, "" };
	struct random random = random_start("match");
	struct budget_rules rules = { .count = RULES, .rules = all };
	struct match_index *index;
	struct match_set set;

	(void)state;
	for (int i = 0; i < RULES; i++) {
		all[i] = rule_for_all();
		all[i].provider = pick(&random, patterns, 8);
		all[i].model = pick(&random, patterns, 8);
		all[i].operation = pick(&random, patterns, 8);
		all[i].user = pick(&random, patterns, 6);
		all[i].exe = pick(&random, patterns, 8);
		all[i].unit = pick(&random, units, 6);
		all[i].container = pick(&random, ids, 6);
		all[i].uid = pick(&random, uids, 6);
		labels[i] = (struct budget_label){ (char *)"k", pick(&random, texts, 4) };
		all[i].labels = &labels[i];
		all[i].n_labels = random_below(&random, 4) == 0;
	}
	assert_int_equal(match_index_new(&rules, &index), 0);
	for (int step = 0; step < 500; step++) {
		struct process process = { 0 };
		struct match_subject subject = { .process = &process };
		unsigned seen = 0;

		subject.provider = span_of(pick(&random, texts, 4));
		subject.operation = span_of(pick(&random, texts, 4));
		subject.models[0] = span_of(pick(&random, texts, 4));
		subject.models[1] = span_of(pick(&random, texts, 4));
		span_copy(span_of(pick(&random, texts, 4)), process.user, sizeof(process.user));
		span_copy(span_of(pick(&random, texts, 4)), process.exe, sizeof(process.exe));
		snprintf(process.labels, sizeof(process.labels), "k=%s", pick(&random, texts, 4));
		span_copy(span_of(groups[random_below(&random, 4)]), process.cgroup,
			  sizeof(process.cgroup));
		process.uid = random_below(&random, 2) ? 1000 : UINT32_MAX;
		match_find(index, &subject, &set);
		for (unsigned i = 0; i < RULES; i++)
			assert_int_equal(match_set_has(&set, i), finds(&all[i], &subject));
		MATCH_SET_EACH(i, &set)
		seen += match_set_has(&set, (unsigned)i);
		assert_int_equal(seen, set.count);
	}
	match_index_free(index);
}

/* Members at the ends of words and of all there are, in any order; words that nobody wrote yet hold
 * rubbish. */
static void test_set(void **state)
{
	static const unsigned members[] = { 9999, 0, 63, 4096, 64, 4095, 8191, 63 };
	static const unsigned ascending[] = { 0, 63, 64, 4095, 4096, 8191, 9999 };
	struct match_set set;
	unsigned n = 0;

	(void)state;
	memset(&set, 0xa5, sizeof(set));
	match_set_clear(&set);
	assert_int_equal(match_set_next(&set, 0), -1);
	for (unsigned i = 0; i < 8; i++)
		match_set_add(&set, members[i]);
	assert_int_equal(set.count, 7);
	MATCH_SET_EACH(i, &set)
	assert_int_equal(i, ascending[n++]);
	assert_int_equal(n, 7);
	assert_false(match_set_has(&set, 1) || match_set_has(&set, 4097) ||
		     match_set_has(&set, 128));
	assert_int_equal(match_set_next(&set, 9999 + 1), -1);
}

/* The reference vectors of the FNV authors: "" and "foobar", 64 bits, FNV-1a. */
static void test_hash(void **state)
{
	(void)state;
	assert_true(match_hash(MATCH_HASH_START, SPAN("")) == 0xcbf29ce484222325u);
	assert_true(match_hash(MATCH_HASH_START, SPAN("foobar")) == 0x85944171f73967e8u);
	assert_true(match_hash(match_hash(MATCH_HASH_START, SPAN("foo")), SPAN("bar")) ==
		    0x85944171f73967e8u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_where_it_runs),
		cmocka_unit_test(test_patterns_by_fnmatch),
		cmocka_unit_test(test_pattern_of_stars),
		cmocka_unit_test(test_models_and_users),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_index),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
