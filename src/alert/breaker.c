/* Calls go into slots of ten seconds. Six of them are the last minute, which is judged; what leaves
 * it is what is usual, unless the breaker is open. Binomials are judged by their variance, in
 * integers. */
#include "alert/breaker.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "alert/usual.h"
#include "base/clock.h"
#include "base/lru.h"
#include "base/money.h"

#define SLOT_NS     (10 * NS_PER_SEC)
#define SLOTS       6
#define CALLS_MIN   20  /* to open, or to say that it is well again */
#define TRIAL_CALLS 10  /* to end HALF_OPEN */
#define LEARNED_MIN 200 /* calls, before a rate of errors is usual */
#define HALF_LIFE   256 /* slots with calls, some 45 minutes: what is older counts less */
#define LOOK_NS     (30 * NS_PER_SEC)
#define ADOPT_NS    (3600 * NS_PER_SEC)
#define MILLION     1000000
#define WEIGHT      1024 /* of a call in `learned` */

struct tally {
	uint64_t calls, errors, timed, late;
};

struct breaker {
	struct breaker_memory is;
	bool is_owed;              /* the ledger lacks it */
	int64_t slot;              /* of the newest tally: time / SLOT_NS */
	struct tally slots[SLOTS]; /* not CLOSED: of the time since it was looked at */
};

struct breakers {
	struct breaker_limits limits;
	struct usual *usual;
	struct lru providers; /* struct breaker */
};

static const char *const state_names[] = { "closed", "open", "half_open" };

const char *breaker_state_name(enum breaker_state state)
{
	return state_names[state];
}

int breaker_state_find(struct span name, enum breaker_state *ret_state)
{
	for (unsigned i = 0; i < 3; i++)
		if (span_eq(name, span_of(state_names[i]))) {
			*ret_state = (enum breaker_state)i;
			return 0;
		}
	return -ENOENT;
}

struct key {
	char provider[32];
};

int breakers_new(const struct breaker_limits *limits, struct breakers **ret_breakers)
{
	struct breakers *breakers = calloc(1, sizeof(*breakers));

	if (!breakers)
		return -ENOMEM;
	breakers->usual = usual_new();
	breakers->providers =
	    lru_of(sizeof(struct key), sizeof(struct breaker), BREAKER_PROVIDERS_MAX);
	if (!breakers->usual) {
		breakers_free(breakers);
		return -ENOMEM;
	}
	breakers->limits = *limits;
	*ret_breakers = breakers;
	return 0;
}

void breakers_set(struct breakers *breakers, const struct breaker_limits *limits)
{
	breakers->limits = *limits;
}

void breakers_free(struct breakers *breakers)
{
	if (!breakers)
		return;
	lru_done(&breakers->providers);
	usual_free(breakers->usual);
	free(breakers);
}

/* --- time */

static bool learns(const struct breaker *breaker, int64_t now_ns)
{
	return breaker->is.state == BREAKER_CLOSED || now_ns - breaker->is.opened_ns >= ADOPT_NS;
}

static void learn(struct breaker *breaker, const struct tally *tally)
{
	if (!tally->calls)
		return;
	breaker->is.learned_calls -= breaker->is.learned_calls / HALF_LIFE;
	breaker->is.learned_errors -= breaker->is.learned_errors / HALF_LIFE;
	breaker->is.learned_calls += tally->calls * WEIGHT;
	breaker->is.learned_errors += tally->errors * WEIGHT;
	breaker->is_owed = true;
}

/* What was seen leaves the judgement. */
static void retire(struct breaker *breaker, struct tally *tally, int64_t now_ns)
{
	if (learns(breaker, now_ns))
		learn(breaker, tally);
	*tally = (struct tally){ 0 };
}

/* Makes the slot of `now` the newest. A clock that goes back adds to the newest that there is. */
static void turn(struct breaker *breaker, int64_t now_ns)
{
	int64_t slot = now_ns / SLOT_NS;

	if (slot - breaker->slot > SLOTS)
		breaker->slot = slot - SLOTS;
	while (breaker->slot < slot)
		retire(breaker, &breaker->slots[++breaker->slot % SLOTS], now_ns);
}

/* --- judgement */

static struct tally sum(const struct breaker *breaker)
{
	struct tally total = { 0 };

	for (unsigned i = 0; i < SLOTS; i++) {
		total.calls += breaker->slots[i].calls;
		total.errors += breaker->slots[i].errors;
		total.timed += breaker->slots[i].timed;
		total.late += breaker->slots[i].late;
	}
	return total;
}

/* UINT_MAX: not known. */
static unsigned usual_error_ppm(const struct breaker *breaker)
{
	if (breaker->is.learned_calls < LEARNED_MIN * WEIGHT)
		return UINT_MAX;
	return (unsigned)((money_wide)breaker->is.learned_errors * MILLION /
			  breaker->is.learned_calls);
}

/* Whether k of n are more than chance makes of a probability of `ppm`: k > np + 5 sqrt(np(1 - p)).
 */
static bool is_beyond(uint64_t k, uint64_t n, unsigned ppm)
{
	money_wide over = (money_wide)k * MILLION - (money_wide)n * ppm;

	return over > 0 && over * over > (money_wide)25 * n * ppm * (MILLION - ppm);
}

static bool fails(const struct breakers *breakers, const struct breaker *breaker,
		  const struct tally *seen)
{
	unsigned usual = usual_error_ppm(breaker);
	unsigned points = breakers->limits.error_points;

	if (!points || usual == UINT_MAX || usual + points * 10000 >= MILLION)
		return false;
	return is_beyond(seen->errors, seen->calls, usual + points * 10000);
}

static bool is_late(const struct breakers *breakers, const struct tally *seen)
{
	return breakers->limits.latency_ms && is_beyond(seen->late, seen->timed, MILLION / 2);
}

static void enter(struct breaker *breaker, enum breaker_state state, int64_t now_ns)
{
	if (breaker->is.state == BREAKER_CLOSED)
		breaker->is.opened_ns = now_ns;
	if (breaker->is.state != state)
		breaker->is.since_ns = now_ns;
	breaker->is.state = state;
	breaker->is.looked_ns = now_ns;
	breaker->is_owed = true;
	for (unsigned i = 0; i < SLOTS; i++)
		retire(breaker, &breaker->slots[i], now_ns);
}

static void look(const struct breakers *breakers, struct breaker *breaker, int64_t now_ns)
{
	struct tally seen = sum(breaker);
	uint64_t least = breaker->is.state == BREAKER_HALF_OPEN ? TRIAL_CALLS : CALLS_MIN;
	bool by_errors = fails(breakers, breaker, &seen), by_latency = is_late(breakers, &seen);

	if (breaker->is.state == BREAKER_OPEN && now_ns - breaker->is.looked_ns < LOOK_NS)
		return;
	if (seen.calls < least) {
		if (breaker->is.state == BREAKER_OPEN)
			enter(breaker, BREAKER_HALF_OPEN, now_ns);
	} else if (by_errors || by_latency) {
		breaker->is.by_errors = by_errors;
		breaker->is.by_latency = by_latency;
		enter(breaker, BREAKER_OPEN, now_ns);
	} else if (breaker->is.state != BREAKER_CLOSED) {
		enter(breaker, BREAKER_CLOSED, now_ns);
	}
}

/* --- calls */

static struct key key_of(struct span provider)
{
	struct key key = { "" };

	span_copy(provider, key.provider, sizeof(key.provider));
	return key;
}

static struct breaker *of_call(struct breakers *breakers, const struct usage *usage, int64_t now_ns)
{
	struct key key = key_of(span_of(usage->provider));
	bool is_new;
	struct breaker *breaker = lru_use(&breakers->providers, &key, &is_new);

	if (breaker && is_new)
		breaker->slot = now_ns / SLOT_NS;
	return breaker;
}

static bool has_failed(const struct usage *usage)
{
	return usage->status >= 500 || usage->status == 0 ||
	       (usage->status < 300 && usage->error[0]);
}

bool breakers_take(struct breakers *breakers, const struct usage *usage, int64_t now_ns)
{
	int64_t late_ns = breakers->limits.latency_ms * NS_PER_MS, usual_ns = -1;
	enum breaker_state before;
	struct breaker *breaker;
	struct tally *tally;

	if (usage->beside || !usage->provider[0] ||
	    (usage->status == 0 && usage->doubt != USAGE_DOUBT_NO_ANSWER))
		return false;
	breaker = of_call(breakers, usage, now_ns);
	if (!breaker)
		return false;
	turn(breaker, now_ns);
	tally = &breaker->slots[breaker->slot % SLOTS];
	tally->calls++;
	tally->errors += has_failed(usage);
	if (!has_failed(usage))
		usual_ns = usual_ttfb_ns(breakers->usual, usage, learns(breaker, now_ns), now_ns);
	tally->timed += usual_ns >= 0;
	tally->late += usual_ns >= 0 && usage->ttfb_ns > usual_ns + late_ns;
	before = breaker->is.state;
	look(breakers, breaker, now_ns);
	return breaker->is.state != before;
}

bool breakers_view(struct breakers *breakers, struct span provider, int64_t now_ns,
		   struct breaker_view *ret_view)
{
	struct key key = key_of(provider);
	struct breaker *breaker = lru_find(&breakers->providers, &key);
	struct tally seen;

	if (!breaker)
		return false;
	turn(breaker, now_ns);
	look(breakers, breaker, now_ns);
	seen = sum(breaker);
	*ret_view = (struct breaker_view){ .state = breaker->is.state,
					   .by_errors = breaker->is.by_errors,
					   .by_latency = breaker->is.by_latency,
					   .since_ns = breaker->is.since_ns,
					   .calls = seen.calls,
					   .errors = seen.errors,
					   .timed = seen.timed,
					   .late = seen.late,
					   .usual_error_ppm = usual_error_ppm(breaker) };
	memcpy(ret_view->provider, breaker->is.provider, sizeof(breaker->is.provider));
	return true;
}

/* --- over a restart */

/* What the file says may have been edited: it is taken as far as it can be meant. */
void breakers_restore(struct breakers *breakers, const struct breaker_memory *memory,
		      int64_t now_ns)
{
	bool is_new;
	struct breaker *breaker;

	if (memory->learned_errors > memory->learned_calls || memory->learned_calls > INT64_MAX)
		return;
	breaker = lru_use(&breakers->providers, memory->provider, &is_new);
	if (!breaker)
		return;
	breaker->is = *memory;
	breaker->slot = now_ns / SLOT_NS;
	if (breaker->is.looked_ns > now_ns)
		breaker->is.looked_ns = now_ns;
}

unsigned breakers_owed(struct breakers *breakers, struct breaker_memory *memories, unsigned max)
{
	struct breaker *breaker = lru_next(&breakers->providers, NULL);
	unsigned n = 0;

	for (; breaker && n < max; breaker = lru_next(&breakers->providers, breaker)) {
		if (!breaker->is_owed)
			continue;
		breaker->is_owed = false;
		memories[n++] = breaker->is;
	}
	return n;
}

struct usual *breakers_usual(struct breakers *breakers)
{
	return breakers->usual;
}
