/* Names of models and tiers. What is in no table here stays as the provider said it. */
#include "meter/naming.h"

#include <ctype.h>
#include <stdio.h>

struct span naming_resource(struct span model)
{
	struct span rest = model, last = model;

	if (!span_starts(model, SPAN("arn:")) && !span_starts(model, SPAN("models/")) &&
	    !span_starts(model, SPAN("projects/")) && !span_starts(model, SPAN("batches/")))
		return model;
	while (rest.ptr)
		last = span_cut(&rest, '/');
	return last.len ? last : model;
}

/* To add a word for a tier: a row, in lower case. */
static const struct {
	const char *said, *tier;
} tiers[] = {
	{ "1", "on_demand" }, /* Vertex, whose enum is at times a number */
	{ "2", "provisioned_throughput" },
	{ "on_demand_flex", "flex" },
	{ "on_demand_priority", "priority" },
};

void naming_image(struct span quality, struct span size, struct usage *usage)
{
	bool plain = !quality.len || span_ieq(quality, SPAN("standard"));

	if (size.len)
		snprintf(usage->service_tier, sizeof(usage->service_tier), "%.*s%s%.*s",
			 plain ? 0 : (int)quality.len, quality.ptr, plain ? "" : "-", (int)size.len,
			 size.ptr);
}

static void settle_tier(struct span speed, struct usage *usage)
{
	for (char *at = usage->service_tier; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	if (speed.len && !span_ieq(speed, SPAN("standard")))
		span_copy(speed, usage->service_tier, sizeof(usage->service_tier));
	for (size_t i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++)
		if (strcmp(usage->service_tier, tiers[i].said) == 0)
			span_copy(span_of(tiers[i].tier), usage->service_tier,
				  sizeof(usage->service_tier));
}

void naming_settle(const struct provider *provider, const struct naming *naming,
		   struct usage *usage)
{
	const char *model = provider_deployment(provider, span_of(usage->model_requested));

	if (!model)
		model = provider_deployment(provider, span_of(usage->model));
	if (model)
		span_copy(span_of(model), usage->model, sizeof(usage->model));
	if (provider_is_abroad(provider, naming->destination))
		span_copy(SPAN("international"), usage->service_tier, sizeof(usage->service_tier));
	settle_tier(naming->speed, usage);
}
