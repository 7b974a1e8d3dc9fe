/* Custom values of the usage event, written and read back. Documents are small (a few hundred
 * bytes) and our own, but a row may come from a damaged file: each reader checks all it uses. */
#include "budget/event.h"

#include <errno.h>
#include <jansson.h>

#include "base/cleanup.h"
#include "base/emit.h"

CLEANUP_FOR(json, json_t *, json_decref)

void event_put_u64(struct buf *out, uint64_t value)
{
	char text[20];
	size_t at = sizeof(text);

	do {
		text[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	buf_put(out, (struct span){ text + at, sizeof(text) - at });
}

static void put_i64(struct buf *out, int64_t value)
{
	if (value < 0)
		buf_put(out, SPAN("-"));
	event_put_u64(out, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void event_put_quoted(struct buf *out, const char *text)
{
	buf_put(out, SPAN("\""));
	buf_put(out, span_of(text));
	buf_put(out, SPAN("\""));
}

static json_t *load(struct span json)
{
	return json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, NULL);
}

static bool is_null(struct span json)
{
	return span_eq(json, SPAN("null"));
}

/* The inside of a string without escapes: decimal texts and names of ours. */
static struct span unquote(struct span json)
{
	if (json.len < 2 || json.ptr[0] != '"' || json.ptr[json.len - 1] != '"')
		return (struct span){ NULL, 0 };
	return span_head(span_skip(json, 1), json.len - 2);
}

static void put_money(struct buf *out, money_wide pico)
{
	char text[MONEY_TEXT_MAX];

	event_put_quoted(out, money_format(pico, MONEY_PICO_DIGITS, text));
}

/* null reads as 0: the field that says why it is null is another. */
static int read_money(struct span json, int64_t *ret_pico)
{
	money_wide pico = 0;

	if (!is_null(json) && money_parse(unquote(json), MONEY_PICO_DIGITS, &pico) < 0)
		return -EBADMSG;
	if (pico > INT64_MAX || pico < INT64_MIN)
		return -EBADMSG;
	*ret_pico = (int64_t)pico;
	return 0;
}

/* --- counts and rates, by bucket */

/* `,"bucket":`, or with the brace that opens the object. */
static void put_bucket(struct buf *out, bool first, enum usage_bucket bucket)
{
	buf_put(out, first ? SPAN("{\"") : SPAN(",\""));
	buf_put(out, span_of(usage_bucket_name(bucket)));
	buf_put(out, SPAN("\":"));
}

void event_write_usage(struct buf *out, const struct verdict *v)
{
	const struct usage *usage = &v->charge.usage;
	bool first = true;

	for (int i = 0; i < USAGE_BUCKET_MAX; i++) {
		if (!(usage->present >> i & 1))
			continue;
		put_bucket(out, first, i);
		put_i64(out, usage->counts[i]);
		first = false;
	}
	buf_put(out, first ? SPAN("{}") : SPAN("}"));
}

int event_read_usage(struct span json, struct verdict *v)
{
	CLEANUP(cleanup_json) json_t *root = load(json);
	int64_t counts[USAGE_BUCKET_MAX] = { 0 };
	enum usage_bucket bucket;
	uint64_t present = 0;
	const char *name;
	json_t *count;

	if (!json_is_object(root))
		return -EBADMSG;
	json_object_foreach(root, name, count)
	{
		if (!json_is_integer(count) || usage_bucket_find(span_of(name), &bucket) < 0)
			return -EBADMSG;
		counts[bucket] = json_integer_value(count);
		present |= USAGE_BIT(bucket);
	}
	memcpy(v->charge.usage.counts, counts, sizeof(counts));
	v->charge.usage.present = present;
	return 0;
}

void event_write_rates(struct buf *out, const struct verdict *v)
{
	char text[MONEY_TEXT_MAX];
	bool first = true;

	for (int i = 0; i < USAGE_BUCKET_MAX; i++) {
		if (!(v->charge.rated >> i & 1))
			continue;
		put_bucket(out, first, i);
		event_put_quoted(out,
				 money_format(v->charge.rates_yocto[i], MONEY_YOCTO_DIGITS, text));
		first = false;
	}
	buf_put(out, first ? SPAN("{}") : SPAN("}"));
}

int event_read_rates(struct span json, struct verdict *v)
{
	CLEANUP(cleanup_json) json_t *root = load(json);
	money_wide rates[USAGE_BUCKET_MAX] = { 0 };
	enum usage_bucket bucket;
	uint64_t rated = 0;
	const char *name;
	json_t *rate;

	if (!json_is_object(root))
		return -EBADMSG;
	json_object_foreach(root, name, rate)
	{
		if (!json_is_string(rate) || usage_bucket_find(span_of(name), &bucket) < 0)
			return -EBADMSG;
		if (money_parse(span_of(json_string_value(rate)), MONEY_YOCTO_DIGITS,
				&rates[bucket]) < 0)
			return -EBADMSG;
		rated |= USAGE_BIT(bucket);
	}
	memcpy(v->charge.rates_yocto, rates, sizeof(rates));
	v->charge.rated = rated;
	return 0;
}

/* What the buckets of tokens come to. */
static bool is_total(const struct usage *usage)
{
	money_wide sum = 0;

	for (int i = 0; i < USAGE_REQUESTS; i++)
		sum += usage->present & USAGE_BIT(i) ? usage->counts[i] : 0;
	return sum == (money_wide)usage->total_tokens;
}

void event_write_usage_doubt(struct buf *out, const struct verdict *v)
{
	const struct usage *usage = &v->charge.usage;

	if (usage->total_tokens && !is_total(usage))
		event_put_quoted(out, "total_differs");
	else
		buf_put(out, SPAN("null"));
}

/* --- cost */

void event_write_cost_usd(struct buf *out, const struct verdict *v)
{
	if (v->charge.source == COST_UNPRICED)
		buf_put(out, SPAN("null"));
	else
		put_money(out, v->charge.cost_pico);
}

int event_read_cost_usd(struct span json, struct verdict *v)
{
	return read_money(json, &v->charge.cost_pico);
}

void event_write_cost_pico(struct buf *out, const struct verdict *v)
{
	char text[MONEY_TEXT_MAX];

	if (v->charge.source == COST_UNPRICED)
		buf_put(out, SPAN("null"));
	else
		event_put_quoted(out, money_format(v->charge.cost_pico, 0, text));
}

/* In quotes as JSON, without them as the integer of a row. */
int event_read_cost_pico(struct span json, struct verdict *v)
{
	bool quoted = span_starts(json, SPAN("\""));
	struct span digits = quoted ? unquote(json) : json;
	bool negative = span_starts(digits, SPAN("-"));
	uint64_t pico = 0;

	if (!is_null(json) && span_u64(span_skip(digits, negative), &pico) < 0)
		return -EBADMSG;
	if (pico > INT64_MAX)
		return -EBADMSG;
	v->charge.cost_pico = negative ? -(int64_t)pico : (int64_t)pico;
	return 0;
}

void event_write_unpriced_reason(struct buf *out, const struct verdict *v)
{
	struct emit e = emit_to(out);

	emit_text(&e, NULL, charge_doubt_name(&v->charge));
}

/* A reason is one of price or, under PRICE_DOUBT_USAGE, one of usage: the names decide. */
int event_read_unpriced_reason(struct span json, struct verdict *v)
{
	struct charge probe = { .source = COST_UNPRICED };
	struct span reason = unquote(json);

	while (!is_null(json)) {
		const char *name = charge_doubt_name(&probe);

		if (name && span_eq(span_of(name), reason))
			break;
		if (probe.doubt == PRICE_DOUBT_USAGE && probe.usage.doubt < USAGE_DOUBT_NO_ANSWER)
			probe.usage.doubt++;
		else if (probe.doubt < PRICE_DOUBT_OVERFLOW)
			probe.doubt++;
		else
			return -EBADMSG;
	}
	v->charge.doubt = probe.doubt;
	v->charge.usage.doubt = probe.doubt == PRICE_DOUBT_USAGE ? probe.usage.doubt : 0;
	return 0;
}

/* --- durations */

static void put_ms(struct buf *out, int64_t ns)
{
	char decimals[4] = ".000";
	int64_t us = ns / 1000;

	if (ns < 0) {
		buf_put(out, SPAN("null"));
		return;
	}
	event_put_u64(out, (uint64_t)us / 1000);
	for (int i = 3; i > 0; i--, us /= 10)
		decimals[i] = (char)('0' + us % 10);
	buf_put(out, (struct span){ decimals, sizeof(decimals) });
}

void event_write_duration(struct buf *out, const struct verdict *v)
{
	int64_t ns;

	if (__builtin_sub_overflow(v->charge.usage.time_end_ns, v->charge.usage.time_start_ns, &ns))
		ns = -1;
	put_ms(out, ns);
}

void event_write_ttfb(struct buf *out, const struct verdict *v)
{
	put_ms(out, v->charge.usage.ttfb_ns);
}

int event_read_ttfb(struct span json, struct verdict *v)
{
	money_wide ns = -1;

	/* Milliseconds with six decimals are nanoseconds. */
	if (!is_null(json) && (money_parse(json, 6, &ns) < 0 || ns < 0 || ns > INT64_MAX))
		return -EBADMSG;
	v->charge.usage.ttfb_ns = (int64_t)ns;
	return 0;
}

/* --- what the budgets were charged */

void event_write_budget_cost(struct buf *out, const struct verdict *v)
{
	if (v->n_budgets)
		put_money(out, v->budget_cost_pico);
	else
		buf_put(out, SPAN("null"));
}

int event_read_budget_cost(struct span json, struct verdict *v)
{
	return read_money(json, &v->budget_cost_pico);
}
