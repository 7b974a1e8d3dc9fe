/* Circuit breakers: is a provider well? Taken from the calls that everybody on this host makes to
 * it; told to those who ask before they call, who then may wait or go elsewhere. Nothing is refused
 * by it. Pure state, no clock of its own, owned by one thread; over a restart the
 * ledger keeps all but the last minute.
 *
 *   CLOSED     well, or nothing is known yet
 *   OPEN       in the last minute it failed, or was late, beyond what is usual for it
 *   HALF_OPEN  it was; too few calls have been made since to say: a few should be tried
 *
 * Failed: a status of 500 or more, an error inside a 2xx, no answer. Usual is the rate of the hour
 * before the last minute. Late: the first byte came more than `latency_ms` behind the median of the
 * same model and operation. A provider opens when failed calls are more than `error_points` percent
 * points over what is usual, or late ones are more than half, each beyond what chance explains
 * (five standard deviations of a binomial) and of 20 calls or more. Each half minute it is looked
 * at anew, by the calls since then. While it is open nothing is learned; after an hour it is. */
#pragma once

#include "alert/usual.h"

#define BREAKER_PROVIDERS_MAX 256 /* the one that was not called for longest goes */

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker_limits {
	unsigned error_points; /* percent points; 0 = errors never open */
	unsigned latency_ms;   /* 0 = latency never opens */
};

struct breaker_view {
	char provider[32];
	enum breaker_state state;
	bool by_errors, by_latency; /* what opened it */
	int64_t since_ns;           /* UTC of the last change; 0 = none yet */
	uint64_t calls, errors;     /* of the last minute, or since it opened */
	uint64_t timed, late;       /* of those whose usual latency is known */
	unsigned usual_error_ppm;   /* in a million; UINT_MAX = not known yet */
};

/* What is kept of a provider. */
struct breaker_memory {
	char provider[32]; /* its unused bytes are zero */
	enum breaker_state state;
	bool by_errors, by_latency;
	int64_t since_ns;                       /* of the state */
	int64_t opened_ns;                      /* when it left CLOSED */
	int64_t looked_ns;                      /* not CLOSED: judged by the calls since then */
	uint64_t learned_calls, learned_errors; /* weighted, fading */
};

struct breakers;
int breakers_new(const struct breaker_limits *limits, struct breakers **ret_breakers);
void breakers_free(struct breakers *breakers);
void breakers_set(struct breakers *breakers, const struct breaker_limits *limits);

/* A call that has ended. True: the state of its provider has changed. What was seen in part and has
 * no status says nothing, and is left out. */
bool breakers_take(struct breakers *breakers, const struct usage *usage, int64_t now_ns);

/* False: nothing is known of this provider. */
bool breakers_view(struct breakers *breakers, struct span provider, int64_t now_ns,
		   struct breaker_view *ret_view);

/* From the ledger, before the first call; and what it has not been told: at most `max`, 0 = all. */
void breakers_restore(struct breakers *breakers, const struct breaker_memory *memory,
		      int64_t now_ns);
unsigned breakers_owed(struct breakers *breakers, struct breaker_memory *memories, unsigned max);
struct usual *breakers_usual(struct breakers *breakers); /* the medians, to be kept likewise */

const char *breaker_state_name(enum breaker_state state);
int breaker_state_find(struct span name, enum breaker_state *ret_state); /* -ENOENT */
