/* A stream that broke off has cost what it had made until then, and nobody says how much. What was
 * seen of it is counted by the rule of its route; a count that the provider gave is kept where it
 * is the larger one. Nothing seen is no estimate: it stays unpriced. It is rough: of short recorded
 * streams whose counts were taken away, half gave less than half of the visible output. */
#include "meter/estimate.h"

#include <string.h>

enum { INPUT, OUTPUT }; /* of `estimates` */

/* What is said in parts has its text a level deeper; either may be absent. To add one: a row. */
static const struct estimate_shape shapes[] = {
	{ "chat", /* OpenAI's chat completions, and those of many others */
	  { "tokens(req:/messages/*/content) | 0 + tokens(req:/messages/*/content/*/text)",
	    "tokens(/choices/*/delta/content) | 0 + tokens(/choices/*/delta/reasoning_content) + "
	    "tokens(/choices/*/delta/reasoning) + "
	    "tokens(/choices/*/delta/tool_calls/*/function/arguments)" } },
	{ "completions", { "tokens(req:/prompt) | 0", "tokens(/choices/*/text) | 0" } },
	{ "responses",
	  { "tokens(req:/instructions) | 0 + tokens(req:/input) + tokens(req:/input/*/content) + "
	    "tokens(req:/input/*/content/*/text)",
	    "tokens(/delta) | 0" } },
	{ "messages", /* Anthropic's: what was asked is counted in the first event */
	  { "0",
	    "tokens(/delta/text) | 0 + tokens(/delta/thinking) + tokens(/delta/partial_json)" } },
	{ "converse", /* Bedrock's */
	  { "tokens(req:/system/*/text) | 0 + tokens(req:/messages/*/content/*/text)",
	    "tokens(/delta/text) | 0 + tokens(/delta/reasoningContent/text) + "
	    "tokens(/delta/toolUse/input)" } },
	{ "cohere",
	  { "tokens(req:/messages/*/content) | 0 + tokens(req:/messages/*/content/*/text)",
	    "tokens(/delta/message/content/text) | 0 + "
	    "tokens(/delta/message/content/thinking)" } },
};

const struct estimate_shape *estimate_find(const char *name_or_null)
{
	for (size_t i = 0; name_or_null && i < sizeof(shapes) / sizeof(*shapes); i++)
		if (strcmp(shapes[i].name, name_or_null) == 0)
			return &shapes[i];
	return NULL;
}

static bool lacks_counts(const struct usage *usage)
{
	return usage->doubt == USAGE_DOUBT_NO_USAGE || usage->doubt == USAGE_DOUBT_UNPARSED;
}

/* Cut short behind a count that more text followed. */
static bool is_stale(const struct fill_input *in, const struct expr_input *expr_in,
		     const struct usage *usage)
{
	const struct extract *extract = in->route->extract;

	return !usage->doubt && usage->completeness != COMPLETENESS_COMPLETE &&
	       expr_document(&extract->counts[USAGE_OUTPUT], expr_in) <
		   expr_document(&extract->estimates[OUTPUT], expr_in);
}

/* Where the provider gave none, what was seen; of what came out the larger one. */
static bool count(const struct fill_input *in, const struct expr_input *expr_in, int i,
		  const int64_t *said, int64_t *ret_count)
{
	bool whole = i == OUTPUT || format_read_well(in->request);

	*ret_count = said ? *said : 0;
	if (said && i == INPUT)
		return true;
	if (!whole || expr_count(&in->route->extract->estimates[i], expr_in, ret_count) <= 0)
		return false;
	if (said && *said > *ret_count)
		*ret_count = *said;
	return true;
}

void estimate_usage(const struct fill_input *in, const struct expr_input *expr_in,
		    struct usage *usage)
{
	static const enum usage_bucket buckets[] = { USAGE_INPUT, USAGE_OUTPUT };
	int64_t counts[2];

	if (!in->route->extract->estimates[OUTPUT].n || !in->streaming || usage->status >= 400 ||
	    (!lacks_counts(usage) && !is_stale(in, expr_in, usage)))
		return;
	for (int i = 0; i < 2; i++) {
		bool said = usage->present & USAGE_BIT(buckets[i]);

		if (!count(in, expr_in, i, said ? &usage->counts[buckets[i]] : NULL, &counts[i]))
			return;
	}
	if (!counts[INPUT] && !(usage->present & USAGE_BIT(USAGE_INPUT)))
		return; /* a request without text of the shape is another one */
	for (int i = 0; i < 2; i++) {
		if (i == OUTPUT || !(usage->present & USAGE_BIT(buckets[i])))
			usage->estimated |= USAGE_BIT(buckets[i]);
		usage->present |= USAGE_BIT(buckets[i]);
		usage->counts[buckets[i]] = counts[i];
	}
	usage->doubt = USAGE_DOUBT_NONE;
}
