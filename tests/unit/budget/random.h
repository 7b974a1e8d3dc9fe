/* Random verdicts and the seed that makes them: xorshift64*, the seed printed, SEED= sets it. */
#pragma once

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/timestamp.h"
#include "budget/verdict.h"

struct random {
	uint64_t state;
};

static inline struct random random_start(const char *what)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);

	printf("%s: SEED=%" PRIu64 "\n", what, seed);
	return (struct random){ seed * 2 + 1 };
}

static inline uint64_t random_u64(struct random *random)
{
	random->state ^= random->state >> 12;
	random->state ^= random->state << 25;
	random->state ^= random->state >> 27;
	return random->state * 0x2545f4914f6cdd1du;
}

static inline uint64_t random_below(struct random *random, uint64_t n)
{
	return (random_u64(random) >> 16) % n;
}

/* A number of any magnitude. */
static inline int64_t random_magnitude(struct random *random)
{
	return (int64_t)(random_u64(random) >> (1 + random_below(random, 63)));
}

/* Text as a stage would keep it: any UTF-8, made safe to print by span_copy, cut to its array. */
static inline void random_text(struct random *random, char *out, size_t size, const char *without)
{
	static const char *const pieces[] = { "a",  "Z",      "7",      "-",          "/", " ",
					      "\"", "\\",     "\n",     "\x7f",       "=", ",",
					      "é",  "\u2028", "\u2029", "\U0001f600", "{", "<" };
	char text[512];
	size_t length = 0;

	for (uint64_t n = random_below(random, 24); n > 0; n--) {
		const char *piece = pieces[random_below(random, 18)];

		if (!strpbrk(piece, without))
			length +=
			    (size_t)snprintf(text + length, sizeof(text) - length, "%s", piece);
	}
	span_copy((struct span){ text, length }, out, size);
}

static inline void random_labels(struct random *random, char *out, size_t size)
{
	size_t length = 0;

	out[0] = '\0';
	for (uint64_t i = random_below(random, 4); i > 0; i--) {
		char value[24];

		random_text(random, value, sizeof(value), ",");
		length += (size_t)snprintf(out + length, size - length, "%sk%d=%s",
					   length ? "," : "", (int)i, value);
	}
}

static inline struct uuid random_uuid(struct random *random)
{
	struct uuid id;

	for (int i = 0; i < UUID_BYTES; i++)
		id.bytes[i] = (uint8_t)random_u64(random);
	id.bytes[6] = (uint8_t)(0x70 | (id.bytes[6] & 15));
	id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 63));
	return id;
}

static inline void random_process(struct random *random, struct process *process)
{
	*process = (struct process){
		.pid = (uint32_t)random_below(random, 1 << 22),
		.uid = random_below(random, 4) ? (uint32_t)random_below(random, 70000) : UINT32_MAX,
		.cgroup_id = (uint64_t)random_magnitude(random),
	};
	random_text(random, process->comm, sizeof(process->comm), "");
	random_text(random, process->user, sizeof(process->user), "");
	random_text(random, process->exe, sizeof(process->exe), "");
	random_text(random, process->cgroup, sizeof(process->cgroup), "");
	process->ns_pid = (uint32_t)random_below(random, 1 << 22);
	process->labels_known = random_below(random, 4);
	if (process->labels_known)
		random_labels(random, process->labels, sizeof(process->labels));
}

static inline void random_usage(struct random *random, struct usage *usage)
{
	random_process(random, &usage->process);
	usage->event_id = random_uuid(random);
	usage->time_start_ns = (int64_t)random_below(random, 4000000000) * NS_PER_SEC +
			       (int64_t)random_below(random, NS_PER_SEC);
	usage->time_end_ns = usage->time_start_ns + random_magnitude(random) % NS_PER_DAY - 1000;
	usage->ttfb_ns = random_below(random, 3) ? random_magnitude(random) % NS_PER_DAY : -1;
	random_text(random, usage->provider, sizeof(usage->provider), "");
	random_text(random, usage->server, sizeof(usage->server), "");
	random_text(random, usage->operation, sizeof(usage->operation), "");
	random_text(random, usage->route, sizeof(usage->route), "");
	random_text(random, usage->method, sizeof(usage->method), "");
	random_text(random, usage->error, sizeof(usage->error), "");
	random_text(random, usage->model, sizeof(usage->model), "");
	random_text(random, usage->model_requested, sizeof(usage->model_requested), "");
	random_text(random, usage->service_tier, sizeof(usage->service_tier), "");
	random_text(random, usage->request_id, sizeof(usage->request_id), "");
	random_text(random, usage->response_id, sizeof(usage->response_id), "");
	snprintf(usage->api_key_hash, sizeof(usage->api_key_hash), "%016" PRIx64,
		 random_u64(random));
	usage->status = (uint16_t)(random_below(random, 4) ? 100 + random_below(random, 500) : 0);
	usage->streaming = random_below(random, 2);
	usage->attempt = (uint16_t)random_below(random, 4);
	for (int i = 0; i < USAGE_BUCKET_MAX; i++) {
		if (random_below(random, 2))
			continue;
		usage->present |= USAGE_BIT(i);
		usage->counts[i] = random_magnitude(random);
	}
	usage->total_tokens = (uint64_t)random_magnitude(random) * random_below(random, 2);
	usage->completeness = (enum completeness)random_below(random, 4);
	usage->lost_bytes = (uint64_t)random_magnitude(random);
	usage->request_bytes = (uint64_t)random_magnitude(random);
	usage->response_bytes = (uint64_t)random_magnitude(random);
	usage->n_limits = (unsigned)random_below(random, USAGE_LIMITS_MAX + 1);
	for (unsigned i = 0; i < usage->n_limits; i++) {
		struct usage_limit *limit = &usage->limits[i];

		snprintf(limit->name, sizeof(limit->name), "limit_%u", i);
		limit->limit = random_below(random, 3) ? random_magnitude(random) : -1;
		limit->remaining = random_below(random, 3) ? random_magnitude(random) : -1;
		limit->resets_ns = (int64_t)random_below(random, 40000) * 1000;
	}
}

static inline void random_price(struct random *random, struct charge *charge)
{
	charge->source = (enum cost_source)random_below(random, COST_UNPRICED + 1);
	if (charge->source == COST_UNPRICED) {
		charge->doubt = (enum price_doubt)(1 + random_below(random, PRICE_DOUBT_OVERFLOW));
		if (charge->doubt == PRICE_DOUBT_USAGE)
			charge->usage.doubt =
			    (enum usage_doubt)(1 + random_below(random, USAGE_DOUBT_NO_ANSWER));
		return;
	}
	charge->cost_pico = random_magnitude(random);
	random_text(random, charge->catalog, sizeof(charge->catalog), "");
	span_copy(SPAN("2025-08-07"), charge->effective_from, sizeof(charge->effective_from));
	random_text(random, charge->matched, sizeof(charge->matched), "");
	random_text(random, charge->context, sizeof(charge->context), "");
	for (int i = 0; i < USAGE_BUCKET_MAX; i++) {
		if (random_below(random, 2))
			continue;
		charge->rated |= USAGE_BIT(i);
		charge->rates_yocto[i] = (money_wide)random_magnitude(random) *
					 (int64_t)(1 + random_below(random, 1000000000));
	}
}

static inline void random_verdict(struct random *random, struct verdict *verdict)
{
	memset(verdict, 0, sizeof(*verdict));
	random_usage(random, &verdict->charge.usage);
	random_price(random, &verdict->charge);
	if (random_below(random, 2))
		verdict->decision_id = random_uuid(random);
	verdict->n_budgets = (unsigned)random_below(random, VERDICT_BUDGETS_MAX + 1);
	if (verdict->n_budgets)
		verdict->budget_cost_pico = random_magnitude(random);
	for (unsigned i = 0; i < verdict->n_budgets; i++) {
		struct budget_touch *touch = &verdict->budgets[i];

		random_text(random, touch->name, sizeof(touch->name), "");
		touch->window_start_ns = (int64_t)random_below(random, 40000) * NS_PER_DAY;
		touch->unit = (enum budget_unit)(
		    random_below(random, 2) * random_below(random, UNIT_BUCKET + USAGE_REQUESTS));
		touch->spent = random_magnitude(random) / 10000;
	}
}
