/* Cost of a look at shared budgets, with its clock, as outlay_peek does it: of 5 budgets and of 64,
 * all with room, each with patterns of which the first two match. A call to a system is not in it.
 * One line of JSON a figure: the median of ROUNDS. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "lib/peek.h"

enum { STEPS = 200000, ROUNDS = 15 };

static void fill(struct outlay_shared *shared, unsigned n)
{
	shared->magic = SHARED_MAGIC;
	shared->alive_ns = INT64_MAX;
	shared->n_budgets = n;
	for (unsigned i = 0; i < n; i++) {
		struct shared_budget *b = &shared->budgets[i];

		snprintf(b->name, sizeof(b->name), "budget-%u", i);
		snprintf(b->provider, sizeof(b->provider), "openai");
		snprintf(b->model, sizeof(b->model), "gpt-4o*");
		b->left = 1000000000000;
	}
}

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int64_t round_ns(const struct outlay_shared *shared)
{
	struct outlay_ask ask = { .provider = "openai", .model = "gpt-4o-mini" };
	int64_t start = clock_system.monotonic_ns(&clock_system);
	struct outlay_peek_answer answer;
	struct timespec t;

	for (int i = 0; i < STEPS; i++) {
		clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
		if (peek_read(shared, &ask, t.tv_sec * NS_PER_SEC + t.tv_nsec, &answer) != 0 ||
		    answer.decision != OUTLAY_ALLOW)
			abort();
	}
	/* In tenths. */
	return (clock_system.monotonic_ns(&clock_system) - start) * 10 / STEPS;
}

int main(void)
{
	static const unsigned sizes[] = { 5, 64 };
	struct outlay_shared *shared = calloc(1, sizeof(*shared));
	int64_t rounds[ROUNDS];

	for (int s = 0; s < 2; s++) {
		fill(shared, sizes[s]);
		for (int i = 0; i < ROUNDS; i++)
			rounds[i] = round_ns(shared);
		qsort(rounds, ROUNDS, sizeof(rounds[0]), compare);
		printf("{\"name\":\"peek_%u\",\"value\":%lld.%lld,\"unit\":\"ns\"}\n", sizes[s],
		       (long long)rounds[ROUNDS / 2] / 10, (long long)rounds[ROUNDS / 2] % 10);
	}
	free(shared);
	return 0;
}
