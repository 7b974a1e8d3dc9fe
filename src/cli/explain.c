/* Usage event -> steps -> text or JSON. A step is {what is done, to what, what came out, by what};
 * both ways of printing walk the same list. Nothing is priced here: the products are those that the
 * event's own rates and counts have, and where they do not add up to its cost, that is said. */
#include "cli/explain.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/money.h"
#include "cli/show.h"
#include "cli/words.h"
#include "meter/provider_file.h"

#define TEXT_MAX 4096 /* of one step's columns; expressions are the longest */

struct explain {
	char *config_dir;
	bool json;
	struct provider_file *file; /* of the last event's provider; NULL: not readable */
	char file_of[32];
	/* of the event at hand */
	const json_t *event;
	const struct route_file *route;
	json_t *steps;
};

struct explain *explain_new(const char *config_dir, bool json)
{
	struct explain *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->json = json;
	x->config_dir = strdup(config_dir);
	if (!x->config_dir) {
		free(x);
		return NULL;
	}
	return x;
}

void explain_free(struct explain *x)
{
	if (!x)
		return;
	provider_file_free(x->file);
	free(x->config_dir);
	free(x);
}

/* --- what the event and the provider's file say */

/* NULL: null, or not there. */
static const char *said(const struct explain *x, const char *key)
{
	return json_string_value(json_object_get(x->event, key));
}

static void find_file(struct explain *x, const char *provider)
{
	char path[4096];
	struct err err;

	if (strcmp(provider, x->file_of) == 0)
		return;
	provider_file_free(x->file);
	x->file = NULL;
	span_copy(span_of(provider), x->file_of, sizeof(x->file_of));
	/* A name from an event is no path. */
	if (!strchr(provider, '/') && snprintf(path, sizeof(path), "%s/providers/%s.yaml",
					       x->config_dir, provider) < (int)sizeof(path))
		(void)provider_file_load(path, &x->file, &err);
}

static void find_route(struct explain *x)
{
	const char *match = said(x, "route"), *provider = said(x, "provider");

	x->route = NULL;
	find_file(x, provider ? provider : "");
	for (unsigned i = 0; match && x->file && i < x->file->routes_count && !x->route; i++)
		if (strcmp(x->file->routes[i].match, match) == 0)
			x->route = &x->file->routes[i];
}

/* What was done besides the route's answer, if the event is that; NULL: it is the answer. */
static const struct beside_file *beside_of(const struct explain *x)
{
	const char *operation = said(x, "operation");

	for (unsigned i = 0; x->route && operation && i < x->route->besides_count; i++)
		if (strcmp(x->route->besides[i].operation, operation) == 0)
			return &x->route->besides[i];
	return NULL;
}

/* The expression of a text, or "". */
static const char *text_expression(const struct explain *x, enum route_text text)
{
	const struct beside_file *beside = beside_of(x);
	const char *own = x->route ? x->route->texts[text] : NULL;
	const char *common = x->file ? x->file->texts[text] : NULL;

	if (text == ROUTE_MODEL && beside && beside->model)
		return beside->model;
	return own ? own : common ? common : "";
}

static const char *total_expression(const struct explain *x)
{
	const char *own = x->route ? x->route->counts[ROUTE_TOTAL] : NULL;
	const char *common = x->file ? x->file->counts[ROUTE_TOTAL] : NULL;

	return own ? own : common ? common : "";
}

static const char *count_expression(const struct explain *x, const char *bucket)
{
	const struct beside_file *beside = beside_of(x);
	enum usage_bucket found;
	const char *text;

	if (!x->route || usage_bucket_find(span_of(bucket), &found) < 0)
		return "";
	text = beside ? beside->usage.counts[found] : x->route->usage.counts[found];
	return text ? text : "";
}

/* --- steps */

static void step(struct explain *x, const char *what, const char *name, const char *value,
		 const char *format, ...) __attribute__((format(printf, 5, 6)));

static void step(struct explain *x, const char *what, const char *name, const char *value,
		 const char *format, ...)
{
	char from[TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(from, sizeof(from), format, args);
	va_end(args);
	json_array_append_new(x->steps, json_pack("{s:s, s:s, s:s, s:s}", "step", what, "name",
						  name, "value", value ? value : "", "from", from));
}

static void tell_call(struct explain *x)
{
	const char *provider = said(x, "provider"), *match = said(x, "route");
	const char *operation = said(x, "operation"), *error = said(x, "error");
	char status[24];

	step(x, "call", said(x, "event_id"), said(x, "time_start"), "to %s (%s)",
	     provider ? provider : "a host of no provider", show_member(x->event, "server"));
	if (match)
		step(x, "route", operation ? operation : "", match, "%s%s/providers/%s.yaml%s",
		     x->route ? "" : "not in ", x->config_dir, provider,
		     x->route ? ", from which, as it is now, the expressions below are" : "");
	else if (provider)
		step(x, "route", "none", "", "no route of providers/%s.yaml takes this request",
		     provider);
	snprintf(status, sizeof(status), "%lld",
		 (long long)json_integer_value(json_object_get(x->event, "status")));
	step(x, "status", error ? error : "", status, "%s",
	     error ? text_expression(x, ROUTE_ERROR) : "");
}

static void tell_texts(struct explain *x)
{
	static const struct {
		const char *key;
		enum route_text text;
	} texts[] = { { "model_requested", ROUTE_MODEL_REQUESTED },
		      { "model", ROUTE_MODEL },
		      { "service_tier", ROUTE_SERVICE_TIER },
		      { "region", ROUTE_REGION },
		      { "response_id", ROUTE_RESPONSE_ID } };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (said(x, texts[i].key))
			step(x, "read", texts[i].key, said(x, texts[i].key), "%s",
			     text_expression(x, texts[i].text));
}

static void tell_counts(struct explain *x)
{
	json_t *usage = json_object_get(x->event, "usage"), *count;
	const char *bucket;
	char value[24];

	json_object_foreach(usage, bucket, count)
	{
		snprintf(value, sizeof(value), "%lld", (long long)json_integer_value(count));
		step(x, "count", bucket, value, "%s", count_expression(x, bucket));
	}
}

/* What the provider adds the tokens up to, where it does. */
static void tell_total(struct explain *x)
{
	const json_t *total = json_object_get(x->event, "total_tokens");
	const char *doubt = said(x, "usage_doubt");
	char value[24];

	if (!json_is_integer(total))
		return;
	snprintf(value, sizeof(value), "%lld", (long long)json_integer_value(total));
	step(x, "read", "total_tokens", value, "%s", total_expression(x));
	step(x, "check", "total", doubt ? doubt : "sound", "%s",
	     doubt ? words_of_usage_doubt(doubt) : "the parts sum to the provider's own total");
}

/* What was held against each other before a price was looked for. */
static void tell_checks(struct explain *x)
{
	const char *reason = said(x, "unpriced_reason"), *seen = said(x, "completeness");
	const char *parts = words_sums(json_object_get(x->event, "usage")).text;

	if (parts[0])
		step(x, "check", "parts", "sound",
		     "%s; no unit is in two of them, none came out negative", parts);
	tell_total(x);
	if (seen)
		step(x, "check", "seen", seen, "%s", words_of_completeness(seen));
	if (reason)
		step(x, "check", reason, "unpriced", "%s", words_of_reason(reason));
}

static void tell_rates(struct explain *x, money_wide *sum_yocto)
{
	json_t *rates = json_object_get(x->event, "rates"), *rate;
	const json_t *usage = json_object_get(x->event, "usage");
	const char *bucket;

	*sum_yocto = 0;
	json_object_foreach(rates, bucket, rate)
	{
		int64_t count = words_billed(said(x, "context"), bucket,
					     json_integer_value(json_object_get(usage, bucket)));
		char product[MONEY_TEXT_MAX];
		money_wide yocto = 0, one = 0;

		if (money_parse(span_of(json_string_value(rate)), MONEY_YOCTO_DIGITS, &yocto) < 0 ||
		    money_accumulate(&one, count, yocto) < 0 ||
		    money_accumulate(sum_yocto, count, yocto) < 0)
			continue;
		/* 10^12 picodollars are a dollar: the text of one is the other's with the point
		 * moved, so yocto by 12 digits are picodollars. */
		step(x, "rate", bucket,
		     money_format(one, MONEY_YOCTO_DIGITS - MONEY_PICO_DIGITS, product),
		     "%lld x %s USD, in picodollars", (long long)count, json_string_value(rate));
	}
}

static void tell_price(struct explain *x)
{
	const char *matched = said(x, "matched"), *context = said(x, "context");
	struct span words = span_of(context ? context : "");

	if (said(x, "catalog"))
		step(x, "catalog", said(x, "catalog"), said(x, "effective_from"),
		     "rates in force at the start of the call, since that date");
	if (matched)
		step(x, "matched", matched, "", "%s",
		     words_of_match(matched, said(x, "model"), said(x, "model_requested")));
	if (matched && !words.len)
		step(x, "context", "standard", "", "no tier, no step of length, no hours");
	while (words.len) {
		char word[64];

		span_copy(span_cut(&words, ' '), word, sizeof(word));
		step(x, "context", word, "", "%s", words_of_context(word));
	}
}

static void tell_cost(struct explain *x, money_wide sum_yocto)
{
	const char *pico = said(x, "cost_pico"), *source = said(x, "cost_source");
	char sum[MONEY_TEXT_MAX], listed[24] = "";
	int64_t rounded = 0;

	if (json_object_size(json_object_get(x->event, "rates")) &&
	    money_round_pico(sum_yocto, &rounded) == 0) {
		step(x, "sum", "rates", money_format(sum_yocto, 12, sum), "in picodollars");
		snprintf(listed, sizeof(listed), "%lld", (long long)rounded);
		step(x, "round", "", listed, "half to even, once, to whole picodollars");
	}
	if (source && strcmp(source, "provider") == 0)
		step(x, "reported", "by the provider", pico, "%s%s",
		     text_expression(x, ROUTE_REPORTED_COST),
		     text_expression(x, ROUTE_REPORTED_TICKS));
	else if (pico && listed[0] && strcmp(pico, listed) != 0)
		step(x, "differs", "", pico, "%s",
		     "the agent's own sum: a rule that this program does not know");
	step(x, "cost", source ? source : "", said(x, "cost_usd"), "%s",
	     pico ? "USD" : "unknown, which is not zero");
}

/* --- printing */

static void print_text(const struct explain *x)
{
	size_t i;
	json_t *one;

	json_array_foreach(x->steps, i, one)
	{
		struct buf line = buf_with_max(2 * TEXT_MAX);

		buf_printf(&line, "%-9s %-22s %-28s %s",
			   json_string_value(json_object_get(one, "step")),
			   json_string_value(json_object_get(one, "name")),
			   json_string_value(json_object_get(one, "value")),
			   json_string_value(json_object_get(one, "from")));
		while (line.len && line.data[line.len - 1] == ' ')
			line.len--;
		show_line(SHOW_PLAIN, buf_span(&line));
		buf_done(&line);
	}
	putchar('\n');
}

static void print_json(const struct explain *x)
{
	json_t *out = json_object();

	json_object_set(out, "event_id", json_object_get(x->event, "event_id"));
	json_object_set(out, "cost_usd", json_object_get(x->event, "cost_usd"));
	json_object_set(out, "steps", x->steps);
	json_dumpf(out, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(out);
}

bool explain_print(struct explain *x, const json_t *event)
{
	money_wide sum_yocto;

	x->event = event;
	if (!said(x, "event_id") || !said(x, "cost_source"))
		return false;
	find_route(x);
	x->steps = json_array();
	tell_call(x);
	tell_texts(x);
	tell_counts(x);
	tell_checks(x);
	tell_price(x);
	tell_rates(x, &sum_yocto);
	tell_cost(x, sum_yocto);
	(x->json ? print_json : print_text)(x);
	json_decref(x->steps);
	return true;
}
