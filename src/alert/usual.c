/* A median without samples: up when a call is above it, down when it is below, so that it rests
 * where both are as frequent. Steps grow smaller as the series grows older. */
#include "alert/usual.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/lru.h"

#define STEP_MIN   4    /* the first steps: a quarter */
#define STEP_MAX   2048 /* the last ones */
#define FAST_CALLS 512  /* that each make a step */
#define PAUSE_NS   (2 * NS_PER_SEC)

struct series {
	struct usual_median is;
	bool is_owed; /* the ledger lacks it */
};

struct usual {
	struct lru series;
};

struct usual *usual_new(void)
{
	struct usual *usual = calloc(1, sizeof(*usual));

	if (usual)
		usual->series =
		    lru_of(sizeof(struct usual_key), sizeof(struct series), USUAL_SERIES_MAX);
	return usual;
}

void usual_free(struct usual *usual)
{
	if (!usual)
		return;
	lru_done(&usual->series);
	free(usual);
}

static struct usual_key key_of(const struct usage *usage)
{
	const char *model = usage->model_requested[0] ? usage->model_requested : usage->model;
	struct usual_key key;

	memset(&key, 0, sizeof(key));
	span_copy(span_of(usage->provider), key.provider, sizeof(key.provider));
	span_copy(span_of(model), key.model, sizeof(key.model));
	span_copy(span_of(usage->operation), key.operation, sizeof(key.operation));
	key.streaming = usage->streaming;
	return key;
}

static void step(struct series *series, int64_t ttfb_ns)
{
	int64_t part = series->is.n / 2 + STEP_MIN;
	int64_t width = series->is.median_ns / (part < STEP_MAX ? part : STEP_MAX) + 1;

	if (ttfb_ns > series->is.median_ns)
		series->is.median_ns += width;
	else if (ttfb_ns < series->is.median_ns)
		series->is.median_ns -= width;
}

static void learn(struct series *series, int64_t ttfb_ns, int64_t now_ns)
{
	if (series->is.n >= FAST_CALLS && now_ns - series->is.learned_ns < PAUSE_NS &&
	    now_ns >= series->is.learned_ns)
		return;
	step(series, ttfb_ns);
	series->is.learned_ns = now_ns;
	series->is.n += series->is.n < STEP_MAX * 2;
	series->is_owed = true;
}

int64_t usual_ttfb_ns(struct usual *usual, const struct usage *usage, bool learns, int64_t now_ns)
{
	struct usual_key key = key_of(usage);
	struct series *series;
	int64_t before_ns;
	bool is_new = false;

	if (usage->ttfb_ns < 0)
		return -1;
	series = learns ? lru_use(&usual->series, &key, &is_new) : lru_find(&usual->series, &key);
	if (!series)
		return -1;
	before_ns = series->is.n >= USUAL_CALLS_MIN ? series->is.median_ns : -1;
	if (is_new)
		series->is.median_ns = usage->ttfb_ns;
	if (learns)
		learn(series, usage->ttfb_ns, now_ns);
	return before_ns;
}

/* What the file says may have been edited: it is taken as far as it can be meant. */
void usual_restore(struct usual *usual, const struct usual_median *median)
{
	bool is_new;
	struct series *series;

	if (median->median_ns < 0 || median->n < USUAL_CALLS_MIN)
		return;
	series = lru_use(&usual->series, &median->key, &is_new);
	if (!series)
		return;
	series->is = *median;
	if (series->is.n > STEP_MAX * 2)
		series->is.n = STEP_MAX * 2;
}

unsigned usual_owed(struct usual *usual, struct usual_median *medians, unsigned max)
{
	struct series *series = lru_next(&usual->series, NULL);
	unsigned n = 0;

	for (; series && n < max; series = lru_next(&usual->series, series)) {
		if (!series->is_owed || series->is.n < USUAL_CALLS_MIN)
			continue;
		series->is_owed = false;
		medians[n++] = series->is;
	}
	return n;
}
