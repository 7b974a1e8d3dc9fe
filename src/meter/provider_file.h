/* A provider file as libcyaml reads it. The schema table in provider_file.c is the list of its
 * keys; what they mean stands in meter/provider.h. */
#pragma once

#include "base/yaml.h"
#include "meter/usage.h"

/* Fields of a call that are texts. In a provider file they stand in a route, or at the top for all
 * routes that have none of their own. To add one: a row here, and one in meter/fill.c. */
#define ROUTE_TEXTS(X)                                                                             \
	X(MODEL, "model")                                                                          \
	X(MODEL_REQUESTED, "model_requested")                                                      \
	X(SERVICE_TIER, "service_tier")                                                            \
	X(REGION, "region")                                                                        \
	X(SPEED, "speed")                                                                          \
	X(QUALITY, "quality")                                                                      \
	X(SIZE, "size")                                                                            \
	X(DESTINATION, "destination")                                                              \
	X(REQUEST_ID, "request_id")                                                                \
	X(RESPONSE_ID, "response_id")                                                              \
	X(IDEMPOTENCY_KEY, "idempotency_key")                                                      \
	X(API_KEY, "api_key")                                                                      \
	X(ERROR, "error")                                                                          \
	X(REPORTED_COST, "reported_cost")                                                          \
	X(REPORTED_TICKS, "reported_ticks")                                                        \
	X(REPORTED_UPSTREAM, "reported_upstream")                                                  \
	X(REPORTED_CURRENCY, "reported_currency")

enum route_text {
#define X(id, name) ROUTE_##id,
	ROUTE_TEXTS(X)
#undef X
	    ROUTE_TEXT_MAX
};

/* Counts that are no usage, in the same places. */
#define ROUTE_COUNTS(X)                                                                            \
	X(ATTEMPT, "attempt")                                                                      \
	X(MAX_OUTPUT, "max_output") /* tokens that the request lets an answer have, */             \
	X(ANSWERS, "answers")       /* and how many answers it asks for */                         \
	X(TOTAL, "total")           /* tokens of the call, as the provider adds them up */

enum route_count {
#define X(id, name) ROUTE_##id,
	ROUTE_COUNTS(X)
#undef X
	    ROUTE_COUNT_MAX
};

#define ROUTE_BESIDES_MAX 4

struct usage_file {
	char *counts[USAGE_BUCKET_MAX];
};

struct beside_file {
	char *operation;
	char *model;
	struct usage_file usage;
};

struct route_file {
	char *match;
	char *operation;
	char **format;
	unsigned format_count;
	bool free;
	bool poll;
	bool provisional;
	bool each;
	char *texts[ROUTE_TEXT_MAX];
	char *counts[ROUTE_COUNT_MAX];
	char *within;
	char *snapshot;
	char *estimate;
	struct usage_file usage;
	struct beside_file *besides;
	unsigned besides_count;
};

struct limit_file {
	char *name;
	char *header;
};

struct provider_file {
	char *name;
	char **hosts;
	unsigned hosts_count;
	char *texts[ROUTE_TEXT_MAX];
	char *counts[ROUTE_COUNT_MAX];
	char *domestic;
	struct limit_file *limits;
	unsigned limits_count;
	struct deployment_file {
		char *name;
		char *model;
	} * deployments;
	unsigned deployments_count;
	struct route_file *routes;
	unsigned routes_count;
};

/* Both as yaml_load and yaml_unload. */
int provider_file_load(const char *path, struct provider_file **ret_file, struct err *err);
void provider_file_free(struct provider_file *file);

/* -EINVAL with "FILE:LINE: KEY: " and the text. */
__attribute__((format(printf, 4, 5))) int provider_file_refuse(const char *path, struct err *err,
							       const char *key, const char *format,
							       ...);

const char *provider_file_text_key(enum route_text text);
const char *provider_file_count_key(enum route_count count);
