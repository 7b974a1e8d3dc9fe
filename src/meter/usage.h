/* usage: what one call consumed, from whom, by whom. Made by src/meter, taken by src/price. A flat
 * struct that travels by value. Texts are safe to print and cut to their arrays. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "capture/chunk.h"
#include "http/exchange.h"

/* Disjoint counts: no unit is in two buckets. All input* sum to the tokens that carry an input
 * price, all output* to those that carry an output price. Names are the ones of provider files,
 * catalogs and events. To add one: a row. */
#define USAGE_BUCKETS(X)                                                                           \
	X(INPUT, "input")                                                                          \
	X(INPUT_CACHE_READ, "input_cache_read")                                                    \
	X(INPUT_CACHE_WRITE, "input_cache_write") /* lifetime not said */                          \
	X(INPUT_CACHE_WRITE_5M, "input_cache_write_5m")                                            \
	X(INPUT_CACHE_WRITE_30M, "input_cache_write_30m")                                          \
	X(INPUT_CACHE_WRITE_1H, "input_cache_write_1h")                                            \
	X(INPUT_CACHE_WRITE_12H, "input_cache_write_12h")                                          \
	X(INPUT_AUDIO, "input_audio")                                                              \
	X(INPUT_AUDIO_CACHE_READ, "input_audio_cache_read")                                        \
	X(INPUT_IMAGE, "input_image")                                                              \
	X(INPUT_IMAGE_CACHE_READ, "input_image_cache_read")                                        \
	X(INPUT_TOOL, "input_tool") /* what tools put into the prompt */                           \
	X(OUTPUT, "output")         /* visible text */                                             \
	X(OUTPUT_REASONING, "output_reasoning")                                                    \
	X(OUTPUT_AUDIO, "output_audio")                                                            \
	X(OUTPUT_IMAGE, "output_image")                                                            \
	X(REQUESTS, "requests") /* from here on: no tokens */                                      \
	X(WEB_SEARCHES, "web_searches")                                                            \
	X(FILE_SEARCHES, "file_searches")                                                          \
	X(CODE_SESSIONS, "code_sessions")                                                          \
	X(SEARCH_UNITS, "search_units")                                                            \
	X(IMAGES, "images")                                                                        \
	X(AUDIO_SECONDS, "audio_seconds")                                                          \
	X(CHARACTERS, "characters")                                                                \
	X(PAGES, "pages")                                                                          \
	X(SEGMENTS, "segments")                                                                    \
	X(MESSAGES, "messages")                                                                    \
	X(MINUTES, "minutes")                                                                      \
	X(RECIPIENTS, "recipients")                                                                \
	X(ROWS, "rows")                                                                            \
	X(BYTES_OUT, "bytes_out")                                                                  \
	X(INVOCATIONS, "invocations")                                                              \
	X(UNBILLED_CACHE_READ, "unbilled_cache_read") /* told, but in no bill: has no price */

enum usage_bucket {
#define X(id, name) USAGE_##id,
	USAGE_BUCKETS(X)
#undef X
	    USAGE_BUCKET_MAX
};

/* Its place in `present`. */
#define USAGE_BIT(bucket) ((uint64_t)1 << (bucket))

const char *usage_bucket_name(enum usage_bucket bucket);
/* -ENOENT for a name that is none. */
int usage_bucket_find(struct span name, enum usage_bucket *ret_bucket);

/* Why no price can be given, whatever the catalog. NONE when it can. */
enum usage_doubt {
	USAGE_DOUBT_NONE,
	USAGE_DOUBT_ROUTE_UNKNOWN, /* the provider's host, but no route of its file */
	USAGE_DOUBT_NO_USAGE,      /* an answer without the counts it should carry */
	USAGE_DOUBT_UNPARSED,     /* a body that could not be read: lost, cut or not what was due */
	USAGE_DOUBT_INCONSISTENT, /* counts that contradict each other: a part over its whole */
	USAGE_DOUBT_NO_ANSWER,    /* sent, no response seen: the provider may have billed it */
};

/* One of the provider's limits on the rate of calls, as the answer told it. "retry_after" has only
 * the time from which a call may be tried again. */
#define USAGE_LIMITS_MAX 6

struct usage_limit {
	char name[24];
	int64_t limit;     /* -1 = not said; so is `remaining` */
	int64_t remaining; /* after this call */
	int64_t resets_ns; /* UTC; 0 = not said */
};

struct usage {
	struct uuid event_id;
	int64_t time_start_ns; /* UTC */
	int64_t time_end_ns;
	int64_t ttfb_ns; /* first byte of the request to first byte of the response; -1 = none */
	struct process process;
	char provider[32];
	char server[256];
	char operation[32];
	char route[96]; /* "POST /v1/chat/completions": the template, never the path's own values */
	char method[16];
	uint16_t status; /* 0 = no response */
	char error[64];  /* the provider's error type or code, never its message */
	char model_requested[96];
	char model[96]; /* as served; empty = not said */
	char service_tier[24];
	char region[32]; /* where it was served, as the provider says; empty = not said */
	bool streaming;
	bool free, told, beside; /* costs nothing; a call before told it; not the answer itself */
	char request_id[96];
	char response_id[96];
	char idempotency_key[96];   /* where the provider answers a second request like the first */
	struct uuid reservation;    /* that the request names; zero = none */
	uint16_t attempt;           /* 1, or more when the client's SDK says that it retries */
	char api_key_hash[17];      /* 64 bits of a keyed hash in hex; empty without a key */
	bool reported;              /* the provider says itself what the call cost */
	int64_t reported_cost_pico; /* then this, rounded half to even */
	int64_t counts[USAGE_BUCKET_MAX];
	uint64_t present, estimated; /* one bit a bucket: it was told; of those, guessed */
	uint64_t total_tokens;       /* as the provider adds them up; 0 = it does not say */
	enum usage_doubt doubt;
	enum completeness completeness;
	uint64_t lost_bytes, request_bytes, response_bytes;
	unsigned n_limits;
	struct usage_limit limits[USAGE_LIMITS_MAX];
};
