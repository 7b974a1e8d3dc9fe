/* Reads the texts of a budget's figures, word by word. */
#include "budget/limit.h"

#include <errno.h>

#include "base/timestamp.h"

/* To add a period: a row, and its length in window.c. */
static const struct {
	const char *name;
	const char *rolling;
} periods[] = {
	[BUDGET_MINUTE] = { "minute", "rolling minute" },
	[BUDGET_HOUR] = { "hour", "rolling hour" },
	[BUDGET_DAY] = { "day", "rolling day" },
	[BUDGET_WEEK] = { "week", "rolling week" },
	[BUDGET_MONTH] = { "month", "rolling month" },
	[BUDGET_QUARTER] = { "quarter", "rolling quarter" },
	[BUDGET_YEAR] = { "year", "rolling year" },
	[BUDGET_TOTAL] = { "total", NULL },
};

/* To add a period: a row. */
static const struct {
	const char *name;
	int64_t ns;
	const char *bucket, *sliding;
} rates[] = {
	{ "second", NS_PER_SEC, "bucket second", "sliding second" },
	{ "minute", 60 * NS_PER_SEC, "bucket minute", "sliding minute" },
	{ "hour", 3600 * NS_PER_SEC, "bucket hour", "sliding hour" },
	{ "day", NS_PER_DAY, "bucket day", "sliding day" },
};
#define N_RATES (sizeof(rates) / sizeof(rates[0]))

static const char *window_name(const struct window_kind *kind)
{
	return kind->rolling ? periods[kind->period].rolling : periods[kind->period].name;
}

const char *limit_window_name(const struct budget_rule *rule)
{
	for (unsigned i = 0; rule->rate.kind && i < N_RATES; i++)
		if (rates[i].ns == rule->rate.period_ns)
			return rule->rate.kind == RATE_BUCKET ? rates[i].bucket : rates[i].sliding;
	return window_name(&rule->kind);
}

/* The next word of a text whose words stand between blanks. */
static struct span cut_word(struct span *text)
{
	struct span word = { NULL, 0 };

	while (text->ptr && !word.len)
		word = span_cut(text, ' ');
	return word;
}

/* "per rolling day", "in total" */
static int parse_window(struct span text, struct window_kind *kind)
{
	struct span how = cut_word(&text), word = cut_word(&text);

	kind->rolling = span_eq(word, SPAN("rolling"));
	if (kind->rolling)
		word = cut_word(&text);
	for (unsigned period = 0; period <= BUDGET_TOTAL; period++) {
		if (!span_eq(word, span_of(periods[period].name)))
			continue;
		kind->period = (enum budget_period)period;
		word = period == BUDGET_TOTAL ? SPAN("in") : SPAN("per");
		return span_eq(how, word) && window_name(kind) && !cut_word(&text).len ? 0
										       : -EINVAL;
	}
	return -EINVAL;
}

int limit_parse(struct span text, struct budget_rule *rule)
{
	struct span amount = cut_word(&text), unit = cut_word(&text);

	if (unit_find(unit, &rule->counts) < 0 ||
	    unit_parse(rule->counts, amount, &rule->limit) < 0 || rule->limit < 0)
		return -EINVAL;
	return parse_window(text, &rule->kind);
}

static int parse_amount(struct span text, enum budget_unit unit, money_wide *ret_amount)
{
	return unit_parse(unit, text, ret_amount) < 0 || *ret_amount <= 0 || *ret_amount > INT64_MAX
		   ? -EINVAL
		   : 0;
}

/* "per sliding minute" */
static int parse_period(struct span text, struct rate_rule *rate)
{
	struct span per = cut_word(&text), word = cut_word(&text);

	rate->kind = span_eq(word, SPAN("sliding")) ? RATE_SLIDING : RATE_BUCKET;
	if (rate->kind == RATE_SLIDING)
		word = cut_word(&text);
	for (unsigned i = 0; i < N_RATES; i++) {
		if (!span_eq(word, span_of(rates[i].name)))
			continue;
		rate->period_ns = rates[i].ns;
		return span_eq(per, SPAN("per")) && !cut_word(&text).len ? 0 : -EINVAL;
	}
	return -EINVAL;
}

int limit_parse_rate(struct span text, struct budget_rule *rule)
{
	struct span min = cut_word(&text), max = min, unit = cut_word(&text);

	if (span_eq(unit, SPAN("to"))) {
		max = cut_word(&text);
		unit = cut_word(&text);
	}
	if (unit_find(unit, &rule->counts) < 0 ||
	    parse_amount(min, rule->counts, &rule->rate.min) < 0 ||
	    parse_amount(max, rule->counts, &rule->rate.max) < 0 ||
	    rule->rate.min > rule->rate.max || parse_period(text, &rule->rate) < 0)
		return -EINVAL;
	rule->limit = rule->rate.max;
	rule->kind = (struct window_kind){ .period = BUDGET_HOUR };
	return 0;
}

int limit_parse_burst(struct span text, struct budget_rule *rule)
{
	return rule->rate.kind == RATE_BUCKET ? parse_amount(text, rule->counts, &rule->rate.burst)
					      : -EINVAL;
}

int limit_parse_percent(struct span text, unsigned max_percent, unsigned *ret_permyriad)
{
	money_wide permyriad;

	if (!text.len || text.ptr[text.len - 1] != '%' ||
	    money_parse(span_head(text, text.len - 1), 2, &permyriad) < 0 || permyriad < 0 ||
	    permyriad > (money_wide)max_percent * 100)
		return -EINVAL;
	*ret_permyriad = (unsigned)permyriad;
	return 0;
}

int limit_parse_threshold(struct span text, uint16_t *ret_percent)
{
	uint64_t percent;

	if (!text.len || text.ptr[text.len - 1] != '%' ||
	    span_u64(span_head(text, text.len - 1), &percent) < 0 || !percent || percent > 1000)
		return -EINVAL;
	*ret_percent = (uint16_t)percent;
	return 0;
}

static int parse_ceiling(struct span text, struct budget_rule *rule)
{
	struct span amount = cut_word(&text), unit = cut_word(&text), per = cut_word(&text);
	struct span what = cut_word(&text);
	money_wide pico;

	if (money_parse(amount, MONEY_PICO_DIGITS, &pico) < 0 || pico < 0 || pico > INT64_MAX ||
	    !span_eq(unit, SPAN("USD")) || !span_eq(per, SPAN("per")))
		return -EINVAL;
	rule->unpriced = UNPRICED_CEILING;
	rule->ceiling_pico = (int64_t)pico;
	rule->ceiling_per_request = span_eq(what, SPAN("request"));
	if (!rule->ceiling_per_request &&
	    (!span_eq(what, SPAN("million")) || !span_eq(cut_word(&text), SPAN("tokens"))))
		return -EINVAL;
	return cut_word(&text).len ? -EINVAL : 0;
}

int limit_parse_unpriced(struct span text, struct budget_rule *rule)
{
	struct span word = cut_word(&text);

	if (span_eq(word, SPAN("ceiling")))
		return parse_ceiling(text, rule);
	rule->unpriced = span_eq(word, SPAN("allow")) ? UNPRICED_ALLOW : UNPRICED_DENY;
	if (cut_word(&text).len ||
	    (rule->unpriced == UNPRICED_DENY && !span_eq(word, SPAN("deny"))))
		return -EINVAL;
	return 0;
}
