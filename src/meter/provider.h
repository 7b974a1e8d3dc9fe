/* config/providers: one YAML file a provider, compiled once, immutable after that and shared by
 * reference count. A file:
 *
 *   name: openai
 *   hosts: [api.openai.com]               # or "*.x.com" (a label) or "*-x.com" (to a last dash)
 *   request_id: head:x-request-id         # fields at the top are for all routes without their own
 *   attempt: req-head:x-stainless-retry-count + 1
 *   api_key: req-head:authorization       # hashed with the host's key, never kept
 *   error: /error/type | /error/code      # whatever is there makes the call an error
 *   routes:
 *     - match: POST /v1/chat/completions  # METHOD /path; {name} is one segment, {name...} the rest
 *       operation: chat
 *       format: [json, sse]               # of the response; rows of meter/format.c
 *       model: /model
 *       model_requested: req:/model
 *       service_tier: /service_tier
 *       region: /usage/inference_geo      # where it was served, if that has its price
 *       response_id: /id
 *       max_output: req:/max_tokens       # tokens that each of `answers: req:/n` may have; not 0
 *       usage:
 *         input: /usage/prompt_tokens - /usage/prompt_tokens_details/cached_tokens
 *         output: /usage/completion_tokens
 *       total: /usage/total_tokens        # held against the sum of input* and output*
 *     - match: GET /v1/models
 *       operation: models
 *       free: true
 *
 * Headers that tell of its limits on the rate of calls, where {} stands for limit, remaining and
 * reset (at the top, at most 6; Retry-After and Retry-After-Ms are read of any):
 *
 *   limits:
 *     - name: requests
 *       header: x-ratelimit-{}-requests
 *
 * Names that an account gave to models (Azure's deployments, Bedrock's application inference
 * profiles) are told by its owner; what is asked for by one is of that model, whatever is answered:
 *
 *   deployments:
 *     - name: our-chat
 *       model: gpt-4o-2024-11-20
 *
 * `service_tier` is in any case; `speed`, if not "standard", is a tier of its own, and so is
 * "international" for a `destination` that does not begin as `domestic: "+1"` says. Of a call that
 * counts `images` the tier is their `size`, behind a `quality` that is not "standard": "hd-1x2".
 * What a provider says itself that a call cost: `reported_cost` in USD, `reported_ticks` in 10^-10
 * USD, and `reported_upstream`, which is taken for a reported_cost of 0 (a customer's own key). A
 * negative one was taken off an account; in another `reported_currency` than USD it is not read.
 *
 * `poll: true`: a GET that brings what another call asked for; `provisional: true`: a call whose
 * poll may tell its price; `idempotency_key`: settle.h.
 * `each: true` of a sequence: each of its documents that is an answer is a call of its own. With
 * `poll`, as the results of a batch are, they are billed when the first one is. `within: /a/b`: the
 * sequence is the array at that pointer of one document.
 * The first route that matches takes the request. An answer must have the buckets `input` and
 * `output` that its route lists; the others may be absent.
 *
 * Formats: json, sse, sequence (JSON documents a line each, or the elements of an array; one alone,
 * too), eventstream (Amazon's: meter/eventstream.h), and ws for a WebSocket that a GET opens. Each
 * of its messages that is a JSON object is read like an event of a stream. A message with all the
 * counts that an answer must have, or with an error, is an answer, and a call of its own: counts
 * are those of that message alone. A second route with the same match is for messages of another
 * kind, known by the counts that its answers must have. What others said of model and the like
 * stays; a `response_id` is of an answer that has begun.
 *
 * `snapshot: /usage`: what is below that pointer is said anew as a whole by each event of a stream
 * that has it. What the last one leaves out is absent, and an integer stands for it only where a
 * snapshot was seen: "/usage/n | 0".
 *
 * `estimate: chat`: where the text is of a stream that ended without its counts, because the client
 * hung up or had not asked for them: a row of meter/estimate.c. A token is taken for four bytes.
 *
 * `besides: [{operation: compaction, model: /m, usage: {...}}]`: what an answer tells of other work
 * that was done for it, which its own counts leave out: each that was is a call of its own, told
 * behind it. Without `model` that of the answer did it.
 *
 * Expressions: meter/expr.h. */
#pragma once

#include "base/err.h"
#include "base/span.h"

struct limits;
struct provider;
struct providers;
struct route;

/* Reads every *.yaml of the directory. -EINVAL with "FILE:LINE: KEY: what was expected" (also for
 * two files that claim one host or one name), else an errno. */
int providers_load(const char *dir, struct providers **ret_providers, struct err *err);
struct providers *providers_ref(struct providers *providers);
void providers_unref(struct providers *providers);

size_t providers_count(const struct providers *providers);

/* Visits each host pattern. */
typedef void providers_host_fn(void *ctx, const struct provider *provider, const char *pattern);
void providers_hosts(const struct providers *providers, providers_host_fn *fn, void *ctx);

/* The provider of a server name: exact, then by a wildcard. NULL: none. */
const struct provider *providers_find(const struct providers *providers, struct span server);

/* The one of that name. NULL: none. */
const struct provider *providers_named(const struct providers *providers, struct span name);
const char *provider_name(const struct provider *provider);

/* How its answers tell of limits: meter/limits.h. */
const struct limits *provider_limits(const struct provider *provider);

/* Whether a telephone number is one of another country. */
bool provider_is_abroad(const struct provider *provider, struct span number);

/* The model behind a name of its deployments; NULL: none. */
const char *provider_deployment(const struct provider *provider, struct span name);

/* All routes, and the first that takes the request; the last (its `match` is empty) takes all. */
const struct route *provider_routes(const struct provider *provider, unsigned *ret_n);
const struct route *provider_route(const struct provider *provider, struct span method,
				   struct span target);
