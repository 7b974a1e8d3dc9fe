/* A median without samples: up when a call is above it, down when it is below, so that it rests
 * where both are as frequent. Steps grow smaller as the series grows older. */
#include "alert/usual.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"

#define STEP_MIN   4    /* the first steps: a quarter */
#define STEP_MAX   2048 /* the last ones */
#define FAST_CALLS 512  /* that each make a step */
#define PAUSE_NS   (2 * NS_PER_SEC)

struct series_key {
	char provider[32];
	char model[96];
	char operation[32];
	bool streaming;
};

struct series {
	struct series_key key;
	int64_t median_ns;
	int64_t learned_ns;
	unsigned n;
	UT_hash_handle hh;
};

struct usual {
	struct series *series; /* in order of use, oldest first */
};

struct usual *usual_new(void)
{
	return calloc(1, sizeof(struct usual));
}

static void drop(struct usual *usual, struct series *series)
{
	HASH_DEL(usual->series, series);
	free(series);
}

void usual_free(struct usual *usual)
{
	while (usual && usual->series)
		drop(usual, usual->series);
	free(usual);
}

static struct series *find(struct usual *usual, const struct usage *usage, struct series_key *key)
{
	const char *model = usage->model_requested[0] ? usage->model_requested : usage->model;
	struct series *series;

	memset(key, 0, sizeof(*key)); /* the hash looks at every byte */
	span_copy(span_of(usage->provider), key->provider, sizeof(key->provider));
	span_copy(span_of(model), key->model, sizeof(key->model));
	span_copy(span_of(usage->operation), key->operation, sizeof(key->operation));
	key->streaming = usage->streaming;
	HASH_FIND(hh, usual->series, key, sizeof(*key), series);
	return series;
}

static void step(struct series *series, int64_t ttfb_ns)
{
	int64_t part = series->n / 2 + STEP_MIN;
	int64_t width = series->median_ns / (part < STEP_MAX ? part : STEP_MAX) + 1;

	if (ttfb_ns > series->median_ns)
		series->median_ns += width;
	else if (ttfb_ns < series->median_ns)
		series->median_ns -= width;
}

/* The last one used from now on; NULL: no memory. */
static struct series *use(struct usual *usual, struct series *series, const struct series_key *key,
			  int64_t ttfb_ns)
{
	if (series) {
		HASH_DEL(usual->series, series); /* added again below */
	} else {
		if (HASH_COUNT(usual->series) >= USUAL_SERIES_MAX)
			drop(usual, usual->series);
		series = calloc(1, sizeof(*series));
		if (!series)
			return NULL;
		series->key = *key;
		series->median_ns = ttfb_ns;
	}
	HASH_ADD(hh, usual->series, key, sizeof(series->key), series);
	return series;
}

static void learn(struct series *series, int64_t ttfb_ns, int64_t now_ns)
{
	if (series->n >= FAST_CALLS && now_ns - series->learned_ns < PAUSE_NS &&
	    now_ns >= series->learned_ns)
		return;
	step(series, ttfb_ns);
	series->learned_ns = now_ns;
	series->n += series->n < STEP_MAX * 2;
}

int64_t usual_ttfb_ns(struct usual *usual, const struct usage *usage, bool learns, int64_t now_ns)
{
	struct series_key key;
	struct series *series;
	int64_t before_ns = -1;

	if (usage->ttfb_ns < 0)
		return -1;
	series = find(usual, usage, &key);
	if (series && series->n >= USUAL_CALLS_MIN)
		before_ns = series->median_ns;
	if (learns)
		series = use(usual, series, &key, usage->ttfb_ns);
	if (learns && series)
		learn(series, usage->ttfb_ns, now_ns);
	return before_ns;
}
