/* exchange -> usage. One meter belongs to one thread; it holds no state besides what it hangs on
 * the exchanges in flight. Its handler is what src/http calls. */
#pragma once

#include "base/counter.h"
#include "base/timestamp.h"
#include "http/exchange.h"
#include "meter/provider.h"
#include "meter/relay.h"
#include "meter/usage.h"

#define METER_SECRET_BYTES 32
#define METER_READINGS_MAX 512 /* of calls whose path is not known, all together: shape.h */

struct meter;

struct meter_counters {
	struct counter calls; /* with those that relay.h drops */
	struct counter unknown_routes;
	struct counter bodies_unparsed; /* JSON or event stream broken, cut or with a hole */
	struct counter inconsistent;
	struct counter lost; /* calls without a usage, for want of memory */
};

struct meter_flight {
	uint64_t call; /* its number, until it has ended */
	const struct usage *asked;
	int64_t most_output; /* tokens that its answers may have; -1: not said */
};

struct meter_options {
	struct providers *providers; /* a reference is taken */
	bool remembers;              /* what spans calls: meter/settle.h */
	const uint8_t *secret;       /* METER_SECRET_BYTES for key hashes, or NULL: none */
	/* Each call when it has ended, or a moment later: relay.h. */
	void (*usage)(void *ctx, const struct usage *usage);
	/* NULL, or: a call was sent, as its request says; and has ended: without `asked`. */
	void (*flight)(void *ctx, const struct meter_flight *flight);
	void *ctx;
};

int meter_new(const struct meter_options *options, struct meter **ret_meter); /* -ENOMEM */
void meter_free(struct meter *meter); /* meter_settle it before */

extern const struct exchange_handler meter_handler; /* its ctx is the struct meter */

/* Hands on calls that were held long enough, with INT64_MAX all of them; call it every few
 * milliseconds while it says true: some are still held. */
bool meter_settle(struct meter *meter, int64_t now_utc_ns);

const struct meter_counters *meter_counters(const struct meter *meter);
const struct relay_counters *meter_relayed(const struct meter *meter);

/* For exchanges that begin from now on; those in flight end with what they began with. */
void meter_set_providers(struct meter *meter, struct providers *providers);
