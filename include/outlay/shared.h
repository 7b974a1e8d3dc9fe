/* The memory that the agent shares with a caller (GET /v1/peek): the state of the budgets that
 * concern it. One writer, the agent; a reader maps it read-only, and no one else can write it. It
 * is a sequence lock: `sequence` is odd while it is written, and what was read holds when it is
 * even and the same before and after. All fields are read and written as relaxed atomic words. A
 * reader trusts nothing in it. Between the agent and liboutlay of one host: not an interface. */
#pragma once

#include <stdint.h>

#define SHARED_MAGIC       UINT64_C(0x31766b6565706c6f) /* "olpeekv1" */
#define SHARED_BUDGETS_MAX 64
#define SHARED_BEAT_NS     INT64_C(1000000000)
#define SHARED_STALE_NS    (3 * SHARED_BEAT_NS)

enum shared_unit { SHARED_USD, SHARED_TOKENS, SHARED_REQUESTS, SHARED_OTHER };

/* Only budgets that refuse are here. Texts end in NUL; patterns as in budgets.yaml, empty = all. */
struct shared_budget {
	char name[48];
	char provider[32], model[64], operation[32];
	int64_t left; /* of the limit, in picodollars or units; what is beyond int64 is its end */
	int64_t resets_s; /* UTC; 0 = never, or not known */
	uint64_t unit;
};

struct outlay_shared {
	uint64_t magic;
	uint64_t sequence;
	int64_t alive_ns; /* CLOCK_MONOTONIC: when the agent last said that all this holds */
	uint64_t n_budgets;
	struct shared_budget budgets[SHARED_BUDGETS_MAX];
};
