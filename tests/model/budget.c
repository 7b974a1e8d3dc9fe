/* budget: the budget engine on a line. Each line of stdin is a step; the answer is a line for it,
 * one for each budget, and a dot. Times are nanoseconds, amounts picodollars, tokens, ... .
 * tests/model/budget.py says the steps and knows the answers. Each step is "NOW STEP ...":
 *   rules PATH                            load, or load again
 *   restart                               a new engine, from what the ledger was told
 *   decide N LABEL USD|- IN OUT ESSENTIAL the reservation is known as N from now on
 *   charge N|- LABEL START END USD|- OUT  a captured call, by the token N
 *   settle N USD|-    release N    renew N
 *   override BUDGET ACTION AMOUNT UNTIL
 *   look */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "budget/budget.h"
#include "budget/override.h"
#include "budget/rules.h"
#include "tests/unit/budget/make.h"

#define IDS_MAX   65536
#define ROWS_MAX  65536
#define WORDS_MAX 8

struct world {
	struct budgets *budgets;
	char path[256];
	int64_t now_ns;
	struct uuid ids[IDS_MAX];
	struct budget_touch rows[ROWS_MAX]; /* as the ledger keeps them */
	unsigned n_rows;
	struct budget_override overrides[4096];
	unsigned n_overrides;
};

static void die(const char *what)
{
	fprintf(stderr, "budget: %s\n", what);
	exit(1);
}

static int64_t number(const char *text)
{
	return strtoll(text, NULL, 10);
}

/* --- the ledger */

static void keep(struct world *w, const struct budget_touch *touches, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned at = 0;

		while (at < w->n_rows &&
		       (strcmp(w->rows[at].name, touches[i].name) != 0 ||
			w->rows[at].window_start_ns != touches[i].window_start_ns))
			at++;
		if (at == ROWS_MAX)
			die("too many windows");
		w->rows[at] = touches[i];
		w->n_rows += at == w->n_rows;
	}
}

static void keep_owed(struct world *w)
{
	struct budget_touch owed[VERDICT_BUDGETS_MAX];
	unsigned n = budgets_owed(w->budgets, owed);

	for (; n; n = budgets_owed(w->budgets, owed))
		keep(w, owed, n);
}

static int by_window(const void *a, const void *b)
{
	const struct budget_touch *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order
		     : (x->window_start_ns > y->window_start_ns) -
			   (x->window_start_ns < y->window_start_ns);
}

static struct budget_rules *load(const struct world *w)
{
	struct budget_rules *rules;
	struct err err = { 0 };

	if (budget_rules_load(w->path, &rules, &err) < 0)
		die(err.text);
	return rules;
}

static void start(struct world *w)
{
	budgets_free(w->budgets);
	if (budgets_new(load(w), &w->budgets) < 0)
		die("no memory");
	for (unsigned i = 0; i < w->n_overrides; i++)
		override_restore(w->budgets, &w->overrides[i], w->now_ns);
	qsort(w->rows, w->n_rows, sizeof(w->rows[0]), by_window);
	for (unsigned i = 0; i < w->n_rows; i++)
		budgets_restore(w->budgets, &w->rows[i], w->now_ns);
}

static void reload(struct world *w, const char *path)
{
	snprintf(w->path, sizeof(w->path), "%s", path);
	if (!w->budgets)
		start(w);
	else if (budgets_reload(w->budgets, load(w), w->now_ns) < 0)
		die("no memory");
}

/* --- calls: those that ask are of one process, the others of another */

static struct process process_of(uint32_t pid, const char *label)
{
	struct process process = make_process(pid, "ann", "");

	snprintf(process.labels, sizeof(process.labels), "team=%s", label);
	return process;
}

static void decide(struct world *w, char **words)
{
	static const char *const names[] = { "allow", "warn", "deny" };
	struct process process = process_of(100, words[1]);
	struct budget_ask ask = make_ask(&process, "m", words[2][0] == '-' ? -1 : number(words[2]));
	struct budget_answer answer;

	ask.size.input_tokens = number(words[3]);
	ask.size.output_tokens = number(words[4]);
	ask.essential = ask.trusted = words[5][0] == '1';
	budgets_decide(w->budgets, &ask, w->now_ns, &answer);
	w->ids[number(words[0]) % IDS_MAX] = answer.reservation_id;
	printf("%s", names[answer.decision]);
	for (unsigned i = 0; i < answer.n_budgets; i++)
		if (answer.budgets[i].exceeded)
			printf(" %s=%lld", answer.budgets[i].name,
			       answer.budgets[i].rate ? (long long)answer.budgets[i].resets_ns : 0);
	putchar('\n');
}

static void charge(struct world *w, char **words)
{
	struct process process = process_of(words[0][0] == '-' ? 200 : 100, words[1]);
	struct charge call = make_charge(&process, "m", number(words[3]),
					 words[4][0] == '-' ? -1 : number(words[4]));
	struct verdict verdict;

	call.usage.time_start_ns = number(words[2]);
	call.usage.present = USAGE_BIT(USAGE_OUTPUT);
	call.usage.counts[USAGE_OUTPUT] = number(words[5]);
	if (words[0][0] != '-')
		call.usage.reservation = w->ids[number(words[0]) % IDS_MAX];
	budgets_charge(w->budgets, &call, w->now_ns, &verdict);
	keep(w, verdict.budgets, verdict.n_budgets);
	printf("%d\n", !uuid_is_zero(&verdict.decision_id));
}

static void settle(struct world *w, char **words)
{
	const struct uuid *id = &w->ids[number(words[0]) % IDS_MAX];
	struct budget_touch touches[VERDICT_BUDGETS_MAX];
	struct process process = process_of(100, "");
	int64_t cost_pico = words[1][0] == '-' ? 0 : number(words[1]);
	unsigned n = 0;
	int code = budgets_settle(w->budgets, id, &process, words[1][0] == '-' ? NULL : &cost_pico,
				  w->now_ns, touches, &n);

	keep(w, touches, n);
	printf("%d\n", code);
}

static void end(struct world *w, const char *id, bool renew)
{
	const struct uuid *reservation = &w->ids[number(id) % IDS_MAX];
	struct process process = process_of(100, "");
	int64_t expires_ns;

	printf("%d\n",
	       renew ? budgets_renew(w->budgets, reservation, &process, w->now_ns, &expires_ns)
		     : budgets_release(w->budgets, reservation, &process, w->now_ns));
}

static void override(struct world *w, char **words)
{
	struct budget_override word = { .time_ns = w->now_ns,
					.amount = number(words[2]),
					.until_ns = number(words[3]) };
	int code;

	span_copy(span_of(words[0]), word.budget, sizeof(word.budget));
	if (override_find(span_of(words[1]), &word.action) < 0)
		die(words[1]);
	for (unsigned i = 0; i < budgets_count(w->budgets); i++)
		if (strcmp(budgets_rule(w->budgets, i)->name, word.budget) == 0)
			word.unit = budgets_rule(w->budgets, i)->counts;
	code = override_obey(w->budgets, &word);
	if (code == 0)
		w->overrides[w->n_overrides++ % 4096] = word;
	printf("%d\n", code);
}

/* --- steps */

static void step(struct world *w, char **words)
{
	const char *what = words[0];

	if (strcmp(what, "decide") == 0)
		decide(w, words + 1);
	else if (strcmp(what, "charge") == 0)
		charge(w, words + 1);
	else if (strcmp(what, "settle") == 0)
		settle(w, words + 1);
	else if (strcmp(what, "release") == 0 || strcmp(what, "renew") == 0)
		end(w, words[1], what[2] == 'n');
	else if (strcmp(what, "override") == 0)
		override(w, words + 1);
	else if (strcmp(what, "rules") == 0)
		reload(w, words[1]);
	else if (strcmp(what, "restart") == 0)
		start(w);
	else if (strcmp(what, "look") != 0)
		die(what);
	if (strchr("rl", what[0]) && strcmp(what, "release") != 0 && strcmp(what, "renew") != 0)
		puts("0");
}

static void show(struct world *w)
{
	budgets_tick(w->budgets, w->now_ns);
	for (unsigned i = 0; i < budgets_count(w->budgets); i++) {
		struct budget_view view;

		budgets_view(w->budgets, i, w->now_ns, &view);
		printf("%s %lld %lld %lld %lld %d\n", view.name, (long long)view.limit,
		       (long long)view.spent, (long long)view.reserved,
		       (long long)view.window_start_ns, (int)view.mode);
	}
	keep_owed(w);
	puts(".");
	fflush(stdout);
}

int main(void)
{
	struct world *w = calloc(1, sizeof(*w));
	char line[1024];

	while (w && fgets(line, sizeof(line), stdin)) {
		char *words[WORDS_MAX + 1] = { NULL }, *rest = line;

		line[strcspn(line, "\n")] = '\0';
		for (int i = 0; i < WORDS_MAX; i++)
			words[i] = strsep(&rest, " ");
		w->now_ns = number(words[0]);
		step(w, words + 1);
		show(w);
	}
	if (w)
		budgets_free(w->budgets);
	free(w);
	return 0;
}
