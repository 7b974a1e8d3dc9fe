/* The budget engine against a naive model of budget.h: arrays that are walked from end to end, no
 * index, no order lists, texts compared as texts. Thousands of random steps, with a clock that
 * steps over midnights, month ends and a leap day, and back; after each, all figures are compared.
 */
#include <errno.h>
#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "budget/budget.h"
#include "budget/window.h"
#include "tests/unit/budget/make.h"
#include "tests/unit/budget/random.h"

enum { NAMES = 12, LOG_MAX = 4000, ASKS_MAX = 4000 };

/* --- the model */

struct posting {
	int64_t window_ns;
	int64_t amount;
};

struct model_budget {
	struct make_rule rule;
	bool exists;
	int64_t current_ns, former_ns; /* starts of windows; INT64_MIN = none */
	struct posting log[LOG_MAX];
	unsigned n_log;
};

enum model_state { UNUSED, HELD, LAPSED, TOLD, CAPTURED, FORGOTTEN };

struct model_ask {
	enum model_state state;
	struct uuid id;
	const struct process *process;
	const char *model;
	int64_t pico, tokens, made_ns, ended_ns;
	unsigned ended_order;
	bool in[NAMES];
};

struct model {
	struct model_budget budgets[NAMES];
	struct model_ask asks[ASKS_MAX];
	unsigned n_asks, n_ended;
	int64_t now_ns;
};

static int64_t window_start(const struct make_rule *rule, int64_t time_ns)
{
	time_t seconds = (time_t)(time_ns / NS_PER_SEC);
	struct tm tm;
	int hour;

	gmtime_r(&seconds, &tm);
	hour = tm.tm_hour;
	tm.tm_sec = tm.tm_min = tm.tm_hour = 0;
	if (rule->period == BUDGET_HOUR)
		tm.tm_hour = hour;
	if (rule->period == BUDGET_WEEK)
		tm.tm_mday -= (tm.tm_wday + 6) % 7;
	if (rule->period == BUDGET_MONTH)
		tm.tm_mday = 1;
	return timegm(&tm) * NS_PER_SEC;
}

static money_wide model_sum(const struct model_budget *budget, int64_t window_ns)
{
	money_wide sum = 0;

	for (unsigned i = 0; i < budget->n_log; i++)
		if (budget->log[i].window_ns == window_ns)
			sum += budget->log[i].amount;
	return sum;
}

static void model_post(struct model_budget *budget, int64_t window_ns, int64_t amount)
{
	/* Room is made by adding up, window by window. */
	if (budget->n_log == LOG_MAX) {
		int64_t windows[] = { budget->current_ns, budget->former_ns };
		money_wide sums[] = { model_sum(budget, windows[0]),
				      model_sum(budget, windows[1]) };

		budget->n_log = 0;
		for (int i = 0; i < 2; i++)
			budget->log[budget->n_log++] =
			    (struct posting){ windows[i], (int64_t)sums[i] };
	}
	budget->log[budget->n_log++] = (struct posting){ window_ns, amount };
}

/* "Current" and "the one before" change when the budget is looked at. */
static void model_turn(struct model_budget *budget, int64_t now_ns)
{
	int64_t now = window_start(&budget->rule, now_ns), back = budget->former_ns;

	if (now == budget->current_ns)
		return;
	budget->former_ns = budget->current_ns;
	budget->current_ns = now;
	if (now == back)
		return;
	for (unsigned i = 0; i < budget->n_log; i++)
		if (budget->log[i].window_ns == now)
			budget->log[i].amount = 0;
}

static int64_t model_asked(const struct model_budget *budget, const struct model_ask *ask)
{
	switch ((int)budget->rule.counts) {
	case UNIT_USD:
		return ask->pico;
	case UNIT_TOKENS:
		return ask->tokens;
	default:
		return 1;
	}
}

static money_wide model_reserved(const struct model *model, unsigned name)
{
	money_wide sum = 0;

	for (unsigned i = 0; i < model->n_asks; i++)
		if (model->asks[i].state == HELD && model->asks[i].in[name])
			sum += model_asked(&model->budgets[name], &model->asks[i]);
	return sum;
}

static void model_end(struct model *model, struct model_ask *ask, enum model_state state)
{
	ask->state = state;
	ask->ended_ns = model->now_ns;
	ask->ended_order = ++model->n_ended;
}

/* Ends and lapses are looked at oldest first, and no further than the first that is not due. */
static void model_advance(struct model *model, int64_t now_ns)
{
	bool back = now_ns < model->now_ns - RESERVATION_SLACK_NS;

	model->now_ns = now_ns;
	for (unsigned i = 0; back && i < model->n_asks; i++) {
		struct model_ask *ask = &model->asks[i];

		if (ask->state != HELD)
			ask->state = FORGOTTEN;
		else if (ask->made_ns > now_ns)
			ask->made_ns = now_ns;
	}
	for (;;) {
		struct model_ask *oldest = NULL;

		for (unsigned i = 0; i < model->n_asks; i++) {
			struct model_ask *ask = &model->asks[i];

			if (ask->state != HELD && ask->state != FORGOTTEN &&
			    (!oldest || ask->ended_order < oldest->ended_order))
				oldest = ask;
		}
		if (!oldest || oldest->ended_ns > now_ns - RESERVATION_KEEP_NS)
			break;
		oldest->state = FORGOTTEN;
	}
	for (unsigned i = 0; i < model->n_asks; i++) {
		if (model->asks[i].state != HELD)
			continue;
		if (model->asks[i].made_ns > now_ns - RESERVATION_TTL_NS)
			break;
		model_end(model, &model->asks[i], LAPSED);
	}
}

static bool fits(const char *pattern, const char *text)
{
	return !pattern || fnmatch(pattern, text, 0) == 0;
}

static bool has_label(const char *labels, const struct make_rule *rule)
{
	char wanted[64], all[300];

	snprintf(wanted, sizeof(wanted), ",%s=%s,", rule->label_key, rule->label_value);
	snprintf(all, sizeof(all), ",%s,", labels ? labels : "");
	return strstr(all, wanted) != NULL;
}

static bool model_matches(const struct make_rule *rule, const struct process *process,
			  const char *model, const char *labels)
{
	return fits(rule->provider, "openai") && fits(rule->model, model) &&
	       fits(rule->operation, "chat") && fits(rule->exe, process->exe) &&
	       (!rule->user || strcmp(rule->user, process->user) == 0) &&
	       (!rule->label_key || has_label(process->labels, rule) || has_label(labels, rule));
}

/* --- steps on both */

struct world {
	struct random random;
	struct model model;
	struct budgets *budgets;
	unsigned order[NAMES]; /* names by index of the engine */
	unsigned n_order;
	struct process processes[4];
	unsigned denied, captured, replaced, lapsed_told, ambiguous;
};

static const char *const names[NAMES] = { "n0", "n1", "n2", "n3", "n4",  "n5",
					  "n6", "n7", "n8", "n9", "n10", "n11" };
static const enum budget_period periods[] = { BUDGET_HOUR, BUDGET_DAY, BUDGET_WEEK, BUDGET_MONTH };
static const char *const models[] = { "m-a", "m-b", "x" };

static const char *choose(struct random *random, const char *const *texts, size_t n)
{
	return texts[random_below(random, n)];
}

static struct make_rule random_rule(struct random *random, unsigned name)
{
	static const char *const patterns[] = { NULL, NULL, "openai", "open*", "other" };
	static const char *const wanted[] = { NULL, NULL, "m-a", "m-*", "x", "*" };
	static const char *const users[] = { NULL, NULL, "alice", "bob" };
	static const char *const exes[] = { NULL, NULL, "/usr/bin/python3.11", "*node*", "/usr*" };
	static const char *const operations[] = { NULL, NULL, NULL, "chat", "c*t", "embed" };
	bool label = random_below(random, 4) == 0;

	return (struct make_rule){
		.name = names[name],
		.provider = choose(random, patterns, 5),
		.model = choose(random, wanted, 6),
		.operation = choose(random, operations, 6),
		.user = choose(random, users, 4),
		.exe = choose(random, exes, 5),
		.label_key = label ? "team" : NULL,
		.label_value = random_below(random, 2) ? "search" : "ads",
		.limit = (int64_t)random_below(random, 3000),
		.counts = (enum budget_unit)random_below(random, UNIT_REQUESTS + 1),
		.period = periods[random_below(random, 4)],
		.mode = random_below(random, 3) ? BUDGET_ADVISE : BUDGET_OBSERVE,
		.unpriced = (enum budget_unpriced)random_below(random, 2),
	};
}

/* Of the same kind: turned at once, and of two windows that are past the later one stays. */
static void model_look_again(struct model_budget *budget, int64_t now_ns)
{
	int64_t now = window_start(&budget->rule, now_ns);

	if (now != budget->current_ns && now != budget->former_ns &&
	    budget->former_ns > budget->current_ns)
		budget->current_ns = budget->former_ns;
	model_turn(budget, now_ns);
}

/* Another unit, or a budget that was not there, begins anew. Another window takes the former ones
 * that began in it, and with them the callers' figures in them. */
static void model_change(struct model *model, unsigned name, const struct make_rule *rule)
{
	struct model_budget *budget = &model->budgets[name];
	int64_t windows[] = { budget->current_ns, budget->former_ns };
	bool same_unit = budget->exists && rule->counts == budget->rule.counts;
	int64_t current = window_start(rule, model->now_ns);
	money_wide sum = 0;
	bool kept[2];

	for (int i = 0; i < 2; i++) {
		kept[i] = same_unit && windows[i] != INT64_MIN &&
			  window_start(rule, windows[i]) == current && windows[i] >= current;
		sum += kept[i] ? model_sum(budget, windows[i]) : 0;
	}
	for (unsigned i = 0; i < model->n_asks; i++) {
		struct model_ask *ask = &model->asks[i];
		int64_t window = budget->exists ? window_start(&budget->rule, ask->ended_ns) : 0;

		if (ask->state == TOLD && !(kept[0] && window == windows[0]) &&
		    !(kept[1] && window == windows[1]))
			ask->in[name] = false;
	}
	budget->n_log = 0;
	budget->current_ns = budget->former_ns = INT64_MIN;
	if (!same_unit)
		return;
	budget->current_ns = current;
	budget->log[budget->n_log++] = (struct posting){ current, (int64_t)sum };
}

/* New rules for some names, some left out, in random order. */
static struct budget_rules *new_rules(struct world *world)
{
	struct make_rule rules[NAMES];

	world->n_order = 0;
	for (unsigned name = 0; name < NAMES; name++) {
		struct model_budget *budget = &world->model.budgets[name];
		struct make_rule rule = budget->rule;
		bool keep = budget->exists && random_below(&world->random, 3), turned;

		if (!keep)
			rule = random_rule(&world->random, name);
		else
			rule.limit = (int64_t)random_below(&world->random, 3000);
		turned = budget->exists && rule.period != budget->rule.period;
		if (!budget->exists || turned || rule.counts != budget->rule.counts)
			model_change(&world->model, name, &rule);
		else
			model_look_again(budget, world->model.now_ns);
		budget->rule = rule;
		budget->exists = random_below(&world->random, 8) > 0;
		if (!budget->exists) {
			for (unsigned i = 0; i < world->model.n_asks; i++)
				world->model.asks[i].in[name] = false;
			continue;
		}
		if (turned) /* the ledger is told of it at once */
			model_turn(budget, world->model.now_ns);
		world->order[world->n_order++] = name;
	}
	for (unsigned i = world->n_order; i > 1; i--) {
		unsigned j = (unsigned)random_below(&world->random, i);
		unsigned name = world->order[i - 1];

		world->order[i - 1] = world->order[j];
		world->order[j] = name;
	}
	for (unsigned i = 0; i < world->n_order; i++)
		rules[i] = world->model.budgets[world->order[i]].rule;
	return make_rules(rules, world->n_order);
}

static const struct process *random_process_of(struct world *world)
{
	return &world->processes[random_below(&world->random, 4)];
}

static void step_decide(struct world *world, int64_t now_ns)
{
	static const char *const labels[] = { NULL, "team=search", "team=ads,x=y" };
	struct model *model = &world->model;
	struct model_ask *record = &model->asks[model->n_asks];
	const struct process *process = random_process_of(world);
	const char *wanted = choose(&world->random, models, 3);
	struct budget_ask ask = make_ask(process, wanted, -1);
	struct budget_answer answer;
	enum decision expected = DECISION_ALLOW;
	unsigned matched = 0;

	ask.labels = choose(&world->random, labels, 3);
	ask.size.priced = random_below(&world->random, 8) > 0;
	ask.size.cost_pico = (int64_t)random_below(&world->random, 200);
	ask.size.input_tokens = (int64_t)random_below(&world->random, 100);
	ask.size.output_tokens = (int64_t)random_below(&world->random, 100);
	ask.dry_run = random_below(&world->random, 8) == 0 || model->n_asks == ASKS_MAX - 1;
	budgets_decide(world->budgets, &ask, now_ns, &answer);

	model_advance(model, now_ns);
	*record = (struct model_ask){ HELD,
				      answer.reservation_id,
				      process,
				      wanted,
				      ask.size.priced ? ask.size.cost_pico : 0,
				      ask.size.input_tokens + ask.size.output_tokens,
				      now_ns,
				      0,
				      0,
				      { false } };
	for (unsigned name = 0; name < NAMES; name++) {
		struct model_budget *budget = &model->budgets[name];
		money_wide after;

		if (!budget->exists || !model_matches(&budget->rule, process, wanted, ask.labels))
			continue;
		matched++;
		record->in[name] = true;
		model_turn(budget, now_ns);
		after = model_sum(budget, budget->current_ns) + model_reserved(model, name) +
			model_asked(budget, record);
		if ((ask.size.priced || budget->rule.counts != UNIT_USD ||
		     budget->rule.unpriced == UNPRICED_ALLOW) &&
		    after <= budget->rule.limit)
			continue;
		if (budget->rule.mode == BUDGET_ADVISE)
			expected = DECISION_DENY;
		else if (expected == DECISION_ALLOW)
			expected = DECISION_WARN;
	}
	assert_int_equal(answer.decision, expected);
	assert_int_equal(answer.n_budgets + answer.n_cut, matched);
	assert_int_equal(uuid_is_zero(&answer.reservation_id),
			 expected == DECISION_DENY || ask.dry_run);
	model->n_asks += !uuid_is_zero(&answer.reservation_id);
	world->denied += expected == DECISION_DENY;
}

/* As the ledger does it: of each window of a budget the last touch stays, and must be its sum. */
static void check_told(struct world *world, const struct budget_touch *touches, unsigned n)
{
	struct budget_touch all[VERDICT_BUDGETS_MAX * 3];

	memcpy(all, touches, n * sizeof(*touches));
	n += budgets_owed(world->budgets, all + n);
	n += budgets_owed(world->budgets, all + n);
	for (unsigned i = 0; i < n; i++) {
		const struct model_budget *budget = NULL;
		bool last = true;

		for (unsigned later = i + 1; later < n; later++)
			last &= strcmp(all[i].name, all[later].name) != 0 ||
				all[i].window_start_ns != all[later].window_start_ns;
		for (unsigned name = 0; name < NAMES; name++)
			if (strcmp(all[i].name, names[name]) == 0)
				budget = &world->model.budgets[name];
		assert_non_null(budget);
		if (last)
			assert_true(all[i].spent == model_sum(budget, all[i].window_start_ns));
	}
}

static void step_settle(struct world *world, int64_t now_ns)
{
	struct model *model = &world->model;
	struct budget_touch touches[VERDICT_BUDGETS_MAX];
	const struct process *process = random_process_of(world);
	int64_t cost = (int64_t)random_below(&world->random, 300) - 10;
	bool reserved = random_below(&world->random, 4) == 0;
	struct model_ask *ask;
	unsigned n = 0, recent;
	int rc;

	if (!model->n_asks)
		return;
	recent = model->n_asks < 8 ? model->n_asks : 8;
	ask = &model->asks[model->n_asks - 1 - random_below(&world->random, recent)];
	if (random_below(&world->random, 4))
		process = ask->process;
	rc = budgets_settle(world->budgets, &ask->id, process, reserved ? NULL : &cost, now_ns,
			    touches, &n);

	model_advance(model, now_ns);
	if (ask->state == FORGOTTEN || process != ask->process) {
		assert_int_equal(rc, -ENOENT);
	} else if (ask->state == TOLD || ask->state == CAPTURED) {
		assert_int_equal(rc, -EALREADY);
	} else if (!reserved && cost < 0) {
		assert_int_equal(rc, -EINVAL);
	} else {
		unsigned touched = n;

		assert_int_equal(rc, 0);
		world->lapsed_told += ask->state == LAPSED;
		ask->pico = reserved ? ask->pico : cost;
		for (unsigned name = 0; name < NAMES; name++) {
			if (!ask->in[name])
				continue;
			model_turn(&model->budgets[name], now_ns);
			model_post(&model->budgets[name], model->budgets[name].current_ns,
				   model_asked(&model->budgets[name], ask));
			n--;
		}
		assert_int_equal(n, 0);
		model_end(model, ask, TOLD);
		check_told(world, touches, touched);
	}
}

/* By rank: the model of the call before another, and either before what has lapsed. */
static struct model_ask *model_claim(struct model *model, const struct charge *charge,
				     const struct process *process, bool *ret_ambiguous)
{
	struct model_ask *best[4] = { NULL };
	bool differ[4] = { false };

	for (unsigned i = 0; i < model->n_asks; i++) {
		struct model_ask *ask = &model->asks[i];
		int rank = (ask->state == LAPSED ? 2 : 0) +
			   (strcmp(ask->model, charge->usage.model) ? 1 : 0);

		if (ask->process != process || ask->state == CAPTURED || ask->state == FORGOTTEN ||
		    ask->made_ns > charge->usage.time_start_ns + RESERVATION_SLACK_NS)
			continue;
		if (ask->state == TOLD &&
		    ask->ended_ns < charge->usage.time_start_ns - RESERVATION_SLACK_NS)
			continue;
		if (!best[rank])
			best[rank] = ask;
		differ[rank] |= memcmp(best[rank]->in, ask->in, sizeof(ask->in)) != 0;
	}
	for (int rank = 0; rank < 4; rank++) {
		*ret_ambiguous = differ[rank];
		if (best[rank])
			return best[rank];
	}
	return NULL;
}

static int64_t model_amount(const struct model_budget *budget, const struct charge *charge,
			    const struct model_ask *ask)
{
	const struct usage *usage = &charge->usage;

	switch ((int)budget->rule.counts) {
	case UNIT_USD:
		if (charge->source != COST_UNPRICED)
			return charge->cost_pico;
		break;
	case UNIT_TOKENS:
		if (usage->present || usage->doubt == USAGE_DOUBT_NONE)
			return usage->counts[USAGE_INPUT_CACHE_READ] + usage->counts[USAGE_OUTPUT];
		break;
	default:
		return 1;
	}
	return ask ? model_asked(budget, ask) : 0;
}

static void model_charge(struct world *world, const struct charge *charge,
			 const struct process *process, struct verdict *verdict)
{
	struct model *model = &world->model;
	bool ambiguous;
	struct model_ask *size = model_claim(model, charge, process, &ambiguous);
	struct model_ask *ask = ambiguous ? NULL : size;
	int64_t pico =
	    charge->source == COST_UNPRICED ? (size ? size->pico : 0) : charge->cost_pico;
	unsigned n = 0;

	assert_int_equal(uuid_is_zero(&verdict->decision_id), ask == NULL);
	if (ask)
		assert_memory_equal(&verdict->decision_id, &ask->id, UUID_BYTES);
	assert_int_equal(verdict->correlation, ambiguous ? CORRELATION_AMBIGUOUS
					       : ask     ? CORRELATION_ORDER
							 : CORRELATION_NONE);
	assert_int_equal(verdict->budget_cost_pico, pico);
	world->ambiguous += ambiguous;
	world->captured += ask != NULL;
	world->replaced += ask && ask->state == TOLD;
	for (unsigned name = 0; name < NAMES; name++) {
		struct model_budget *budget = &model->budgets[name];
		bool held = ask && ask->in[name];
		int64_t window;

		if (!budget->exists ||
		    (!held && !model_matches(&budget->rule, process, charge->usage.model, NULL)))
			continue;
		n++;
		model_turn(budget, model->now_ns);
		if (held && ask->state == TOLD) {
			window = window_start(&budget->rule, ask->ended_ns);
			if (window == budget->current_ns || window == budget->former_ns)
				model_post(budget, window, -model_asked(budget, ask));
		}
		window = window_start(&budget->rule, charge->usage.time_end_ns);
		if (window != budget->former_ns)
			window = budget->current_ns;
		model_post(budget, window, model_amount(budget, charge, size));
		for (unsigned i = 0; i < verdict->n_budgets; i++)
			if (strcmp(verdict->budgets[i].name, names[name]) == 0) {
				assert_int_equal(verdict->budgets[i].window_start_ns, window);
				assert_true(verdict->budgets[i].spent == model_sum(budget, window));
			}
	}
	assert_int_equal(verdict->n_budgets, n);
	if (ask)
		model_end(model, ask, CAPTURED);
}

static void step_charge(struct world *world, int64_t now_ns)
{
	const struct process *process = random_process_of(world);
	struct random *random = &world->random;
	int64_t cost = (int64_t)random_below(random, 150) - 15;
	/* Late by a moment, seldom by hours. */
	uint64_t late = random_below(random, 6) ? 100 * NS_PER_MS : NS_PER_DAY;
	struct charge charge = make_charge(process, choose(random, models, 3),
					   now_ns - (int64_t)random_below(random, late), cost);
	struct verdict verdict;

	span_copy(SPAN("chat"), charge.usage.operation, sizeof(charge.usage.operation));
	if (random_below(random, 8) == 0) {
		charge.usage.doubt = USAGE_DOUBT_NO_USAGE;
	} else {
		charge.usage.present = USAGE_BIT(USAGE_INPUT_CACHE_READ) | USAGE_BIT(USAGE_OUTPUT);
		charge.usage.counts[USAGE_INPUT_CACHE_READ] = (int64_t)random_below(random, 100);
		charge.usage.counts[USAGE_OUTPUT] = (int64_t)random_below(random, 100);
	}
	budgets_charge(world->budgets, &charge, now_ns, &verdict);
	model_advance(&world->model, now_ns);
	model_charge(world, &charge, process, &verdict);
	check_told(world, verdict.budgets, verdict.n_budgets);
}

static void compare(struct world *world, int64_t now_ns)
{
	for (unsigned i = 0; i < world->n_order; i++) {
		struct model_budget *budget = &world->model.budgets[world->order[i]];
		int64_t window = window_start(&budget->rule, now_ns);
		struct budget_view view;
		money_wide spent;

		budgets_view(world->budgets, i, now_ns, &view);
		model_turn(budget, now_ns);
		spent = model_sum(budget, window);
		assert_string_equal(view.name, budget->rule.name);
		assert_int_equal(view.window_start_ns, window);
		assert_true(view.spent == spent);
		assert_true(view.reserved == model_reserved(&world->model, world->order[i]));
	}
}

/* Mostly a moment; sometimes to just before or just at the end of a window, or back. */
static int64_t next_instant(struct world *world, int64_t now_ns)
{
	struct window_kind kind = { periods[random_below(&world->random, 4)], false, NULL };
	struct window window = window_at(&kind, now_ns);

	switch (random_below(&world->random, 250)) {
	case 0:
		return window.end_ns - 1;
	case 1:
		return window.end_ns + (int64_t)random_below(&world->random, NS_PER_SEC);
	case 2:
		return now_ns + RESERVATION_TTL_NS - 1;
	case 3:
		return now_ns - (int64_t)random_below(&world->random, NS_PER_SEC);
	case 4:
		return now_ns - (int64_t)random_below(&world->random, 40 * NS_PER_DAY);
	case 5:
		return window.start_ns - 1;
	case 6:
	case 7:
		return now_ns + (int64_t)random_below(&world->random, 200 * NS_PER_SEC);
	default:
		return now_ns + (int64_t)random_below(&world->random, NS_PER_SEC / 2);
	}
}

static void run(struct world *world, int64_t now_ns, unsigned steps)
{
	for (unsigned step = 0; step < steps; step++) {
		uint64_t kind = random_below(&world->random, 100);

		now_ns = next_instant(world, now_ns);
		if (kind < 40) {
			step_decide(world, now_ns);
		} else if (kind < 65) {
			step_settle(world, now_ns);
		} else if (kind < 95) {
			step_charge(world, now_ns);
		} else if (kind < 99) {
			budgets_tick(world->budgets, now_ns);
			model_advance(&world->model, now_ns);
		} else {
			model_advance(&world->model, now_ns);
			assert_int_equal(budgets_reload(world->budgets, new_rules(world), now_ns),
					 0);
		}
		compare(world, now_ns);
	}
	/* At rest nothing is reserved. */
	now_ns += RESERVATION_TTL_NS + RESERVATION_SLACK_NS;
	budgets_tick(world->budgets, now_ns);
	model_advance(&world->model, now_ns);
	compare(world, now_ns);
	for (unsigned i = 0; i < world->n_order; i++) {
		struct budget_view view;

		budgets_view(world->budgets, i, now_ns, &view);
		assert_true(view.reserved == 0);
	}
}

static void test_against_model(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct random random = random_start("model");
	unsigned captured = 0, replaced = 0, lapsed_told = 0, denied = 0, ambiguous = 0;

	(void)state;
	assert_non_null(world);
	for (int round = 0; round < 12; round++) {
		/* From 2024-02-28T23:00:00Z: a leap day ahead. */
		int64_t now_ns = MAKE_SEC(1709161200);

		memset(world, 0, sizeof(*world));
		world->random = (struct random){ random_u64(&random) | 1 };
		for (unsigned i = 0; i < 4; i++)
			world->processes[i] = make_process(100 + i, i % 2 ? "alice" : "bob",
							   i < 2 ? "team=search" : "");
		span_copy(SPAN("/opt/node"), world->processes[3].exe, 32);
		assert_int_equal(budgets_new(new_rules(world), &world->budgets), 0);
		run(world, now_ns, 2500);
		budgets_free(world->budgets);
		captured += world->captured;
		replaced += world->replaced;
		lapsed_told += world->lapsed_told;
		ambiguous += world->ambiguous;
		denied += world->denied;
	}
	/* Histories in which nothing happened would prove nothing. */
	assert_true(captured > 1000 && replaced > 100 && lapsed_told > 10 && denied > 1000);
	assert_true(ambiguous > 100);
	free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_against_model) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
