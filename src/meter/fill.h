/* What was read of a call -> usage. */
#pragma once

#include "meter/format.h"
#include "meter/key.h"
#include "meter/provider.h"
#include "meter/relay.h"
#include "meter/route.h"

/* A call whose exchange has ended. */
struct fill_input {
	const struct exchange *exchange;
	const struct provider *provider;
	const struct route *route;
	const struct format_reader *request; /* with their slots */
	const struct format_reader *response;
	bool streaming;
	bool answers;              /* one of those of a WebSocket */
	struct key_hasher *hasher; /* NULL: keys are not hashed */
};

/* Writes all of `*ret_usage` but the event id. */
void fill_usage(const struct fill_input *in, struct usage *ret_usage);

/* All counts that an answer must have are in this message, or they contradict each other, or it
 * says that there will be none. */
bool fill_is_answer(const struct extract *extract, const struct usage *usage);

/* What a call in flight says of itself in its request, and the most tokens that it lets its answers
 * have; -1: it does not say. */
void fill_asked(const struct fill_input *in, struct usage *ret_usage, int64_t *ret_most_output);

/* The ids that a call in flight has so far. */
void fill_ids(const struct extract *extract, const struct exchange *exchange,
	      const struct slot *request_slots, const struct slot *response_slots,
	      struct relay_ids *ret_ids);
