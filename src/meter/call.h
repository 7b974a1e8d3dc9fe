/* call: one exchange with a provider while it goes on, read by one route. One allocation. */
#pragma once

#include "meter/fill.h"

struct call {
	struct leg leg;
	struct call *next; /* the same exchange, read as of another route besides */
	const struct exchange *exchange;
	void *owner;
	struct providers *providers; /* the set that was in force when the call began */
	const struct provider *provider;
	const struct route *route;
	bool body_begun;           /* that of the response: its reader is chosen */
	bool streaming, is_flying; /* told to have been sent */
	struct told {              /* of those that were handed on */
		unsigned n;
		int64_t utc_ns; /* the first message of the client since, 0 when none came */
		uint64_t request_bytes, response_bytes, lost_bytes;
	} told;
	struct format_reader request;
	struct format_reader response;
	struct slot slots[]; /* of the request, then of the response */
};

struct call *call_new(void *owner, struct providers *providers, const struct exchange *exchange,
		      const struct provider *provider, const struct route *route); /* or NULL */
void call_free(struct call *call);

struct format_reader *call_reader(struct call *call, enum direction direction);

/* From here on both bodies are messages, if those of the route are. */
void call_begin_websocket(struct call *call);

/* Chooses the reader: format_of_response. White space at the front of the body does not tell. */
void call_begin_body(struct call *call, struct span *body);

/* No more of the request comes. */
void call_sent(struct call *call);

/* No more of either body comes. */
void call_finish(struct call *call);

struct fill_input call_input(const struct call *call, struct key_hasher *hasher);
