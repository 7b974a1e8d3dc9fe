/* Tables of words. To add one: a row; what is in no table is shown as it is, without a sentence. */
#include "cli/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"

#define N(table) (sizeof(table) / sizeof(*(table)))

struct word {
	const char *word; /* of `context`: its beginning */
	const char *sentence;
};

static const struct word reasons[] = {
	{ "route_unknown",
	  "the request is on no route of the provider's file: add one, or say free" },
	{ "no_usage", "the answer was seen whole and has none of the counts that it should have" },
	{ "unparsed", "the body could not be read to where its counts are: lost, cut, or broken" },
	{ "inconsistent", "counts contradict each other: a part is more than its whole" },
	{ "no_answer", "no answer was seen: the provider may have billed it all the same" },
	{ "provider_unknown", "the host is in no provider's file" },
	{ "no_model", "neither the answer nor the request names a model" },
	{ "model_unknown",
	  "no entry of the provider's price lists matches the model: see prices/" },
	{ "no_rate", "the entry has no rate for a bucket that was used, or for the tier" },
	{ "no_rate_for_date", "all rates of the entry begin after the call" },
	{ "overflow", "out of the range of picodollars in 64 bits" },
};

static const struct word usage_doubts[] = {
	{ "total_differs", "the provider's own total is another: see what it counts otherwise" },
};

static const struct word completenesses[] = {
	{ "complete", "request and answer were seen from end to end" },
	{ "truncated", "the connection ended inside the call" },
	{ "gap", "bytes inside were lost on the way" },
	{ "pre_attach", "the request began before it was watched" },
	{ "reported", "nothing was: the caller told of it" },
};

static const struct word contexts[] = {
	{ "tier=", "the service_tier that the call was served with has rates of its own" },
	{ "input>", "all input* together is over that: these rates hold for the whole call" },
	{ "hours=", "the call began within these hours (UTC), which have rates of their own" },
	{ "weekdays", "and on one of the days that these rates are for" },
	{ "minimum=", "less was used than is billed at the least" },
	{ "maximum=", "more was used than is billed at the most" },
	{ "region=", "calls of this region have a factor on the rates of tokens" },
	{ "region!=", "calls of other regions than this have a factor on the rates of tokens" },
	{ "server=", "calls to this server have a factor on the rates of tokens" },
	{ "server!=", "calls to other servers than this have a factor on the rates of tokens" },
	{ "x", "the factor: it is in the rates below" },
	{ "allowance",
	  "some units are free to an account each day or month, which one call cannot tell" },
	{ "estimate=", "nobody told this count: a token is taken for four bytes of text seen" },
	{ "told", "the call before, of which this one tells the price, was charged by the list" },
	{ "free", "by the provider's documentation the route costs nothing" },
	{ "error", "the call failed and nothing was counted: not billed" },
};

static const char *find(const struct word *words, size_t n, const char *word, bool begins)
{
	for (size_t i = 0; word && i < n; i++)
		if (begins ? span_starts(span_of(word), span_of(words[i].word))
			   : strcmp(word, words[i].word) == 0)
			return words[i].sentence;
	return "";
}

const char *words_of_reason(const char *reason)
{
	return find(reasons, N(reasons), reason, false);
}

const char *words_of_usage_doubt(const char *doubt)
{
	return find(usage_doubts, N(usage_doubts), doubt, false);
}

const char *words_of_completeness(const char *completeness)
{
	return find(completenesses, N(completenesses), completeness, false);
}

const char *words_of_context(const char *word)
{
	return find(contexts, N(contexts), word, true);
}

const char *words_of_match(const char *matched, const char *model, const char *requested)
{
	const char *name = model ? model : requested;

	if (!name)
		return "the entry for calls that name no model";
	if (strcmp(matched, name) == 0)
		return model ? "the model that served, by its exact name"
			     : "the model asked for, by its exact name: the answer names none";
	if (span_starts(span_of(name), span_of(matched)))
		return "the model's name without its date or revision, or by an alias of the entry";
	return "by an alias of the entry";
}

static int64_t sum_of(json_t *usage, const char *side)
{
	const char *bucket;
	json_t *count;
	int64_t sum = 0;

	json_object_foreach(usage, bucket,
			    count) if (span_starts(span_of(bucket), span_of(side)) &&
				       __builtin_add_overflow(sum, json_integer_value(count),
							      &sum)) return INT64_MAX;
	return sum;
}

struct words_sums words_sums(json_t *usage)
{
	long long in = sum_of(usage, "input"), out = sum_of(usage, "output");
	struct words_sums sums = { "" };

	if (in || out)
		snprintf(sums.text, sizeof(sums.text), "input* in all %lld, output* in all %lld",
			 in, out);
	return sums;
}

/* What the context says behind `word` of that bucket; else `otherwise`. */
static int64_t bound_of(const char *context, const char *word, const char *bucket,
			int64_t otherwise)
{
	const char *said = context ? strstr(context, word) : NULL;
	struct span rest = span_of(said ? said + strlen(word) : "");
	struct span name = span_cut(&rest, ':');

	return span_eq(name, span_of(bucket)) && rest.len ? atoll(rest.ptr) : otherwise;
}

int64_t words_billed(const char *context, const char *bucket, int64_t count)
{
	int64_t least = bound_of(context, "minimum=", bucket, count);
	int64_t most = bound_of(context, "maximum=", bucket, count);

	return count < least ? least : count > most ? most : count;
}
