/* config/providers: one YAML file a provider, compiled once, immutable after that and shared by
 * reference count. A file:
 *
 *   name: openai
 *   hosts: [api.openai.com]               # exact, or "*.example.com" for one level
 *   request_id: head:x-request-id         # optional, for all routes; so are:
 *   attempt: req-head:x-stainless-retry-count + 1
 *   api_key: req-head:authorization       # hashed with the host's key, never kept
 *   error: /error/type | /error/code
 *   routes:
 *     - match: POST /v1/chat/completions  # METHOD /path; {name} is one segment
 *       operation: chat
 *       format: [json, sse]               # of the response; rows of meter/format.c
 *       model: /model
 *       model_requested: req:/model
 *       service_tier: /service_tier
 *       response_id: /id
 *       usage:
 *         input: /usage/prompt_tokens - /usage/prompt_tokens_details/cached_tokens
 *         output: /usage/completion_tokens
 *     - match: GET /v1/models
 *       operation: models
 *       free: true
 *
 * Expressions: a source, or sources joined by `|` (first present), `+`, `-` (an absent right side
 * counts as 0, an absent left side makes the whole absent), count(source), sum(source), integers.
 * `|` binds tighter than `+` and `-`; no parentheses besides those. Sources:
 *   /pointer        the response body; in a stream each event's data, the latest value present
 *   req:/pointer    the request body
 *   head:Name       a response header          req-head:Name  a request header
 *   path:name       a {name} of the match      query:name     of the query string
 * A pointer may hold `*` tokens inside count() and sum() alone. A difference that is negative
 * makes the call inconsistent. */
#pragma once

#include "base/err.h"
#include "base/span.h"

struct providers;

/* Reads every *.yaml of the directory. -EINVAL with "FILE:LINE: KEY: what was expected" (also for
 * two files that claim one host or one name), else an errno. */
int providers_load(const char *dir, struct providers **ret_providers, struct err *err);
struct providers *providers_ref(struct providers *providers);
void providers_unref(struct providers *providers);

size_t providers_count(const struct providers *providers);

/* Visits each host pattern, for the filter in the kernel. */
typedef void providers_host_fn(void *ctx, const char *pattern);
void providers_hosts(const struct providers *providers, providers_host_fn *fn, void *ctx);

/* The provider of a server name: exact, then one-level wildcard. NULL: none. */
const struct provider *providers_find(const struct providers *providers, struct span server);
