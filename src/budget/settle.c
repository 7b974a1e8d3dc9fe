/* What a call did cost, from the caller or from the wire. Either ends the reservation; a captured
 * call that comes after the caller's own figure takes that out again, so one call counts once. */
#include <errno.h>

#include "budget/labels.h"
#include "budget/state.h"

/* The touches of one verdict or settlement. */
struct telling {
	struct budget_touch *touches;
	unsigned n;
};

static void add(struct budgets *budgets, struct budget *budget, struct window_total *total,
		money_wide amount, struct telling *telling)
{
	window_add(&budget->totals, &budget->rule->kind, total, amount);
	match_set_add(&budgets->charged, (unsigned)(budget - budgets->all));
	budgets->rising |= alert_due(budget) != 0;
	if (budget->rate) {
		rate_take(budget->rate, amount);
		total->granted = rate_used(budget->rate);
	}
	if (telling->n < VERDICT_BUDGETS_MAX)
		budgets_tell(budget, total, &telling->touches[telling->n++]);
	else
		budgets_owe(budgets, total);
}

/* Of this process, or NULL. */
static struct reservation *own(struct budgets *budgets, const struct uuid *id,
			       const struct process *process)
{
	struct reservation *r = reserve_find(budgets->reserve, id);
	struct process owner = { 0 };

	if (!r)
		return NULL;
	owner.pid = r->pid;
	owner.start_ns = r->start_ns;
	return process_same(&owner, process) ? r : NULL;
}

int budgets_settle(struct budgets *budgets, const struct uuid *reservation,
		   const struct process *process, const int64_t *cost_pico, int64_t now_ns,
		   struct budget_touch *touches, unsigned *ret_n_touches)
{
	struct telling telling = { touches, 0 };
	struct reservation *r;

	budgets_advance(budgets, now_ns);
	r = own(budgets, reservation, process);
	if (!r)
		return -ENOENT;
	if (r->state == RESERVATION_BY_CALLER || r->state == RESERVATION_BY_CAPTURE)
		return -EALREADY;
	if (cost_pico && *cost_pico < 0)
		return -EINVAL;
	if (r->state == RESERVATION_OPEN)
		budgets_let_go(budgets, r);
	if (cost_pico) {
		r->size.priced = true;
		r->size.cost_pico = *cost_pico;
	}
	for (unsigned i = 0; i < r->n_holds; i++) {
		struct budget *budget = budgets_at(budgets, r->holds[i]);

		add(budgets, budget, &budget->totals.current, amount_asked(budget->rule, &r->size),
		    &telling);
	}
	reserve_end(budgets->reserve, r, RESERVATION_BY_CALLER, now_ns);
	counter_add(&budgets->counters.settled_by_caller, 1);
	budgets_check(budgets);
	*ret_n_touches = telling.n;
	return 0;
}

static int find_open(struct budgets *budgets, const struct uuid *reservation,
		     const struct process *process, int64_t now_ns,
		     struct reservation **ret_reservation)
{
	struct reservation *r;

	budgets_advance(budgets, now_ns);
	r = own(budgets, reservation, process);
	if (!r)
		return -ENOENT;
	if (r->state != RESERVATION_OPEN)
		return -EALREADY;
	*ret_reservation = r;
	return 0;
}

int budgets_renew(struct budgets *budgets, const struct uuid *reservation,
		  const struct process *process, int64_t now_ns, int64_t *ret_expires_ns)
{
	struct reservation *r;
	int code = find_open(budgets, reservation, process, now_ns, &r);

	if (code < 0)
		return code;
	reserve_renew(budgets->reserve, r, now_ns);
	*ret_expires_ns = r->leased_ns + RESERVATION_TTL_NS;
	return 0;
}

int budgets_release(struct budgets *budgets, const struct uuid *reservation,
		    const struct process *process, int64_t now_ns)
{
	struct reservation *r;
	int code = find_open(budgets, reservation, process, now_ns, &r);

	if (code < 0)
		return code;
	budgets_give_back(budgets, r);
	reserve_end(budgets->reserve, r, RESERVATION_LAPSED, now_ns);
	counter_add(&budgets->counters.released, 1);
	budgets_check(budgets);
	return 0;
}

int budgets_amount(struct budgets *budgets, const struct uuid *reservation, int64_t *ret_pico)
{
	const struct reservation *r = reserve_find(budgets->reserve, reservation);

	if (!r)
		return -ENOENT;
	*ret_pico = amount_cost_pico(&r->size);
	return 0;
}

/* The caller's figure leaves the window that it went to. When that one is over and gone (a clock
 * that jumped twice), there is nothing to leave. */
static void take_back(struct budgets *budgets, const struct reservation *r)
{
	for (unsigned i = 0; i < r->n_holds; i++) {
		struct budget *budget = budgets_at(budgets, r->holds[i]);
		struct window_total *total = window_find(&budget->totals, r->ended_ns);

		if (budget->rate)
			rate_unbook(budget->rate, amount_asked(budget->rule, &r->size), r->made_ns);
		if (!window_knows(&budget->totals, r->ended_ns))
			continue;
		window_add(&budget->totals, &budget->rule->kind, total,
			   -amount_asked(budget->rule, &r->size));
		match_set_add(&budgets->charged, r->holds[i]);
		budgets_owe(budgets, total);
	}
}

/* A captured call ends its reservation; sent again under its token it ends nothing more. */
static void end_by_capture(struct budgets *budgets, struct reservation *r)
{
	if (r->state == RESERVATION_BY_CAPTURE)
		return;
	if (r->state == RESERVATION_OPEN)
		budgets_let_go(budgets, r);
	if (r->state == RESERVATION_BY_CALLER) {
		take_back(budgets, r);
		counter_add(&budgets->counters.late, 1);
	} else {
		counter_add(&budgets->counters.settled_by_capture, 1);
	}
	reserve_end(budgets->reserve, r, RESERVATION_BY_CAPTURE, budgets->now_ns);
}

/* The one that a call names: of any process of that user, for a parent may ask for its child. */
static struct reservation *named(struct budgets *budgets, const struct usage *usage)
{
	struct reservation *r = reserve_find(budgets->reserve, &usage->reservation);

	if (!r || r->uid != usage->process.uid ||
	    r->provider_hash != match_hash(MATCH_HASH_START, span_of(usage->provider)))
		return NULL;
	return r;
}

/* NULL: none. An ambiguous one only says what the call may have been expected to take. */
static struct reservation *correlate(struct budgets *budgets, const struct match_subject *subject,
				     const struct usage *usage, enum correlation *ret_how)
{
	struct reservation *r;
	bool ambiguous;

	/* What was done besides an answer was asked for with that. */
	*ret_how = CORRELATION_NONE;
	if (usage->beside)
		return NULL;
	if (!uuid_is_zero(&usage->reservation)) {
		r = named(budgets, usage);
		*ret_how = r ? CORRELATION_TOKEN : CORRELATION_BAD_TOKEN;
		counter_add(&budgets->counters.bad_tokens, !r);
		return r;
	}
	r = reserve_claim(budgets->reserve, subject, usage->time_start_ns, &ambiguous);
	*ret_how = !r ? CORRELATION_NONE : ambiguous ? CORRELATION_AMBIGUOUS : CORRELATION_ORDER;
	counter_add(&budgets->counters.ambiguous, ambiguous);
	return r;
}

/* Its budgets are charged whether they match or not: a label of the decision may be one that the
 * process does not carry. */
static void match_holds(struct budgets *budgets, const struct reservation *r)
{
	for (unsigned i = 0; i < r->n_holds; i++)
		match_set_add(&budgets->matched, r->holds[i]);
}

static void charge_all(struct budgets *budgets, const struct reservation *r,
		       struct verdict *verdict)
{
	struct telling telling = { verdict->budgets, 0 };
	int64_t time_ns = verdict->charge.usage.time_end_ns;

	MATCH_SET_EACH(i, &budgets->matched)
	{
		struct budget *budget = budgets_at(budgets, (unsigned)i);
		money_wide amount =
		    amount_charged(budget->rule, &verdict->charge, r ? &r->size : NULL);
		struct window_total *total;

		if (budget->rate)
			rate_heed(budget->rate, unit_name(budget->rule->counts),
				  &verdict->charge.usage);
		total = window_find(&budget->totals, time_ns);
		if (verdict->charge.source == COST_ESTIMATED)
			total->estimated += amount;
		add(budgets, budget, total, amount, &telling);
		budget->charged_end_ns = time_ns;
	}
	verdict->n_budgets = telling.n;
}

static void count(struct budget_counters *counters, const struct charge *charge)
{
	counter_add(&counters->charged, 1);
	if (charge->source == COST_UNPRICED) {
		counter_add(&counters->unpriced, 1);
	} else if (charge->source == COST_ESTIMATED) {
		counter_add(&counters->estimated, 1);
		counter_add(&counters->estimated_pico, (uint64_t)charge->cost_pico);
	} else {
		counter_add(&counters->priced_pico, (uint64_t)charge->cost_pico);
	}
}

void budgets_charge(struct budgets *budgets, const struct charge *charge, int64_t now_ns,
		    struct verdict *ret_verdict)
{
	const struct usage *usage = &charge->usage;
	const struct match_subject subject = {
		.process = &ret_verdict->charge.usage.process,
		.provider = span_of(usage->provider),
		.operation = span_of(usage->operation),
		.models = { span_of(usage->model), span_of(usage->model_requested) },
	};
	struct reservation *r;

	ret_verdict->charge = *charge;
	labels_apply(budgets->rules, &ret_verdict->charge.usage.process);
	budgets_advance(budgets, now_ns);
	match_find(budgets->index, &subject, &budgets->matched);
	ret_verdict->decision_id = (struct uuid){ 0 };
	ret_verdict->budget_cost_pico = charge->source == COST_UNPRICED ? 0 : charge->cost_pico;

	r = correlate(budgets, &subject, usage, &ret_verdict->correlation);
	if (r && charge->source == COST_UNPRICED)
		ret_verdict->budget_cost_pico = amount_cost_pico(&r->size);
	if (r && ret_verdict->correlation != CORRELATION_AMBIGUOUS) {
		ret_verdict->decision_id = r->id;
		match_holds(budgets, r);
		end_by_capture(budgets, r);
	}
	charge_all(budgets, r, ret_verdict);
	count(&budgets->counters, charge);
	budgets_check(budgets);
}
