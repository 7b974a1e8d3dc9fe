/* A refusal tells a person why (reasons), a program which policies (RFC 9457 with the problem type
 * and the fields of draft-ietf-httpapi-ratelimit-headers-10), and both the same figures. */
#include "policy/deny.h"

#define QUOTA_EXCEEDED   "https://iana.org/assignments/http-problem-types#quota-exceeded"
#define REASON_BYTES_MAX 512
#define PICO_PER_MICRO   1000000
#define SF_INTEGER_MAX   999999999999999 /* RFC 9651, 3.3.1: fifteen digits */

static void put_amount(struct buf *out, const char *name, enum budget_unit unit, money_wide amount)
{
	char text[MONEY_TEXT_MAX];

	buf_printf(out, "%s %s %s", name, unit_format(unit, amount, text), unit_name(unit));
}

/* Why one budget says no, in the figures that add up to it. */
static void put_reason(struct buf *out, const struct decide *d, const struct budget_view *view)
{
	char time[TIMESTAMP_TEXT_MAX];
	money_wide over = view->spent + view->reserved + view->asked - view->limit;

	buf_printf(out, "%s %s: ", view->rate ? "rate" : "budget", view->name);
	if (view->unpriced) {
		buf_printf(out,
			   "the price of model %s of %s is not known, and this budget takes "
			   "no call of unknown price",
			   d->request.model, d->request.provider);
		return;
	}
	if (view->stopped) {
		buf_printf(out, "a person has stopped its calls");
		return;
	}
	if (view->unusual) {
		buf_printf(out,
			   "the program calls more than it does at this time of day; its next "
			   "call fits %s",
			   timestamp_format(view->resets_ns, time));
		return;
	}
	put_amount(out, "limit", view->unit, view->limit);
	put_amount(out, ", spent", view->unit, view->spent);
	put_amount(out, ", reserved", view->unit, view->reserved);
	put_amount(out, ", asked", view->unit, view->asked);
	if (over > 0)
		put_amount(out, ", too much by", view->unit, over);
	if (view->resets_ns != INT64_MAX)
		buf_printf(out, "; %s %s", view->rate ? "it fits" : "resets",
			   timestamp_format(view->resets_ns, time));
	else if (view->rate)
		buf_put(out, SPAN("; more than it ever lets go at once"));
}

/* In a denial, a budget that only observes is over its limit but no reason. */
static bool is_reason(const struct budget_answer *answer, const struct budget_view *view)
{
	return view->exceeded && (answer->decision != DECISION_DENY || view->mode >= BUDGET_ADVISE);
}

static const struct budget_view *first_reason(const struct budget_answer *answer)
{
	for (unsigned i = 0; i < answer->n_budgets; i++)
		if (is_reason(answer, &answer->budgets[i]))
			return &answer->budgets[i];
	return NULL;
}

/* Of a denial whose budget is not among those shown. */
static const char *hidden_reason(const struct budget_answer *answer)
{
	return answer->too_many ? "too many reservations are open, no more are taken"
				: "a budget beyond the first 16 that apply has no room";
}

void deny_emit_reasons(struct emit *e, const struct decide *d)
{
	const struct budget_answer *answer = &d->answer;
	struct buf reason = buf_with_max(REASON_BYTES_MAX);

	emit_array(e, "reasons");
	for (unsigned i = 0; i < answer->n_budgets; i++) {
		if (!is_reason(answer, &answer->budgets[i]))
			continue;
		buf_reset(&reason);
		put_reason(&reason, d, &answer->budgets[i]);
		emit_string(e, NULL, buf_span(&reason));
	}
	if (answer->decision == DECISION_DENY && !first_reason(answer))
		emit_text(e, NULL, hidden_reason(answer));
	emit_end_array(e);
	buf_done(&reason);
}

void deny_emit_violated(struct emit *e, const struct budget_answer *answer)
{
	emit_array(e, "violated-policies");
	for (unsigned i = 0; i < answer->n_budgets; i++)
		if (is_reason(answer, &answer->budgets[i]))
			emit_text(e, NULL, answer->budgets[i].name);
	emit_end_array(e);
}

/* A structured field's string (RFC 9651, 3.3.3): printable ASCII. */
static void put_name(struct buf *out, const char *name)
{
	buf_put(out, SPAN("\""));
	for (; *name; name++) {
		char c = *name >= 0x20 && *name < 0x7f ? *name : '?';

		if (c == '"' || c == '\\')
			buf_put(out, SPAN("\\"));
		buf_put(out, (struct span){ &c, 1 });
	}
	buf_put(out, SPAN("\""));
}

/* Micro-dollars, or whole units, in a structured field's range; a limit is never overstated. */
static long long quota(enum budget_unit unit, money_wide amount)
{
	money_wide whole = amount > 0 ? amount : 0;

	if (unit == UNIT_USD)
		whole /= PICO_PER_MICRO;
	return (long long)(whole > SF_INTEGER_MAX ? SF_INTEGER_MAX : whole);
}

static long long seconds(int64_t ns)
{
	return ns > 0 ? (ns + NS_PER_SEC - 1) / NS_PER_SEC : 0;
}

static int64_t milliseconds(int64_t ns)
{
	return ns > 0 ? ns / NS_PER_MS + (ns % NS_PER_MS > 0) : 0;
}

/* When the last of the reasons is none any more; 0 where waiting is not known to help. */
static int64_t retry_at(const struct budget_answer *answer)
{
	int64_t retry_ns = 0;

	for (unsigned i = 0; i < answer->n_budgets; i++) {
		const struct budget_view *view = &answer->budgets[i];

		if (!is_reason(answer, view))
			continue;
		if (view->unpriced || view->stopped || view->resets_ns == INT64_MAX)
			return 0;
		if (view->resets_ns > retry_ns)
			retry_ns = view->resets_ns;
	}
	return retry_ns;
}

/* draft-ietf-httpapi-ratelimit-headers-10: the policies, what is left of each, and when the last
 * of those that refused begins anew. */
static void put_headers(struct buf *out, const struct decide *d)
{
	const struct budget_answer *answer = &d->answer;
	int64_t retry_ns = retry_at(answer);

	for (unsigned i = 0; i < answer->n_budgets; i++) {
		const struct budget_view *view = &answer->budgets[i];

		buf_put(out, i ? SPAN(", ") : SPAN("RateLimit-Policy: "));
		put_name(out, view->name);
		buf_printf(out, ";q=%lld;qu=\"%s\"", quota(view->unit, view->limit),
			   view->unit == UNIT_USD ? "micro-usd" : unit_name(view->unit));
		if (view->rate)
			buf_printf(out, ";w=%lld", seconds(d->now_ns - view->window_start_ns));
		else if (view->resets_ns != INT64_MAX)
			buf_printf(out, ";w=%lld",
				   seconds(view->resets_ns - view->window_start_ns));
	}
	for (unsigned i = 0; i < answer->n_budgets; i++) {
		const struct budget_view *view = &answer->budgets[i];

		buf_put(out, i ? SPAN(", ") : SPAN("\r\nRateLimit: "));
		put_name(out, view->name);
		buf_printf(out, ";r=%lld",
			   quota(view->unit, view->limit - view->spent - view->reserved));
		if (view->resets_ns != INT64_MAX)
			buf_printf(out, ";t=%lld", seconds(view->resets_ns - d->now_ns));
	}
	if (answer->n_budgets)
		buf_put(out, SPAN("\r\n"));
	if (retry_ns)
		buf_printf(out, "Retry-After: %lld\r\n", seconds(retry_ns - d->now_ns));
}

void deny_emit(struct emit *e, const struct decide *d)
{
	const struct budget_view *reason = first_reason(&d->answer);
	struct buf detail = buf_with_max(REASON_BYTES_MAX);

	if (reason)
		put_reason(&detail, d, reason);
	else
		buf_put(&detail, span_of(hidden_reason(&d->answer)));
	emit_object(e, NULL);
	emit_text(e, "type", QUOTA_EXCEEDED);
	emit_text(e, "title", "Quota Exceeded");
	emit_int(e, "status", 429);
	emit_string(e, "detail", buf_span(&detail));
	deny_emit_violated(e, &d->answer);
	if (retry_at(&d->answer))
		emit_int(e, "retry_after_ms", milliseconds(retry_at(&d->answer) - d->now_ns));
	decide_emit(e, d);
	deny_emit_reasons(e, d);
	decide_emit_budgets(e, d);
	emit_end_object(e);
	buf_done(&detail);
}

void deny_serve(struct client *client, const struct request *request, const struct decide *d)
{
	struct answer answer =
	    answer_begin(&client->policy->out, 429, ANSWER_PROBLEM, request->keep_alive);
	struct emit e = emit_to(answer.out);

	put_headers(answer.out, d);
	answer_body(&answer);
	deny_emit(&e, d);
	answer_end(&answer);
}
