/* GET /v1/limits: what the answers of providers last told of their limits, by user, provider, key
 * and model. A full table forgets what was not heard of for longest; nothing survives a restart. */
#include <stdlib.h>

#include "policy/routes.h"

#define GROW 16

struct limits_seen {
	uint32_t uid;
	char api_key_hash[17];
	char provider[32];
	char model[96];
	int64_t seen_ns;
	unsigned n;
	struct usage_limit limits[USAGE_LIMITS_MAX];
};

static bool is_of(const struct limits_seen *seen, const struct usage *usage, const char *model)
{
	return seen->uid == usage->process.uid &&
	       strcmp(seen->api_key_hash, usage->api_key_hash) == 0 &&
	       strcmp(seen->provider, usage->provider) == 0 && strcmp(seen->model, model) == 0;
}

static struct limits_seen *add(struct policy *policy)
{
	struct limits_seen *oldest = policy->limits, *more;

	if (policy->n_limits % GROW == 0 && policy->n_limits < POLICY_LIMITS_MAX) {
		more = reallocarray(policy->limits, policy->n_limits + GROW, sizeof(*more));
		if (!more)
			return NULL;
		policy->limits = more;
	}
	if (policy->n_limits < POLICY_LIMITS_MAX)
		return &policy->limits[policy->n_limits++];
	for (unsigned i = 1; i < policy->n_limits; i++)
		if (policy->limits[i].seen_ns < oldest->seen_ns)
			oldest = &policy->limits[i];
	return oldest;
}

void policy_limits(struct policy *policy, const struct usage *usage)
{
	const char *model = usage->model_requested[0] ? usage->model_requested : usage->model;
	struct limits_seen *seen = NULL;

	if (!usage->n_limits)
		return;
	for (unsigned i = 0; i < policy->n_limits && !seen; i++)
		if (is_of(&policy->limits[i], usage, model))
			seen = &policy->limits[i];
	/* Calls end in another order than their answers begin. */
	if (seen && seen->seen_ns > usage->time_start_ns)
		return;
	if (!seen)
		seen = add(policy);
	if (!seen)
		return;
	*seen = (struct limits_seen){ .uid = usage->process.uid,
				      .seen_ns = usage->time_start_ns,
				      .n = usage->n_limits };
	span_copy(span_of(usage->api_key_hash), seen->api_key_hash, sizeof(seen->api_key_hash));
	span_copy(span_of(usage->provider), seen->provider, sizeof(seen->provider));
	span_copy(span_of(model), seen->model, sizeof(seen->model));
	memcpy(seen->limits, usage->limits, sizeof(seen->limits));
}

static void emit_count(struct emit *e, const char *key, int64_t count)
{
	if (count < 0)
		emit_null(e, key);
	else
		emit_int(e, key, count);
}

static void emit_limit(struct emit *e, const struct limits_seen *seen,
		       const struct usage_limit *limit)
{
	char time[TIMESTAMP_TEXT_MAX];

	emit_object(e, NULL);
	emit_text(e, "provider", seen->provider);
	emit_text(e, "api_key_hash", seen->api_key_hash[0] ? seen->api_key_hash : NULL);
	emit_text(e, "model", seen->model[0] ? seen->model : NULL);
	emit_text(e, "name", limit->name);
	emit_count(e, "limit", limit->limit);
	emit_count(e, "remaining", limit->remaining);
	emit_text(e, "resets", limit->resets_ns ? timestamp_format(limit->resets_ns, time) : NULL);
	emit_text(e, "seen", timestamp_format(seen->seen_ns, time));
	emit_end_object(e);
}

void limits_serve(struct client *client, const struct request *request)
{
	struct policy *policy = client->policy;
	struct answer answer;
	struct emit e = routes_begin(client, request, &answer);

	emit_array(&e, "limits");
	for (unsigned i = 0; i < policy->n_limits; i++) {
		const struct limits_seen *seen = &policy->limits[i];

		if (!client->peer.sees_all && seen->uid != client->peer.process.uid)
			continue;
		for (unsigned k = 0; k < seen->n; k++)
			emit_limit(&e, seen, &seen->limits[k]);
	}
	emit_end_array(&e);
	emit_end_object(&e);
	answer_end(&answer);
}
