/* The state of the policy server and of each caller. Private to src/policy. */
#pragma once

#include <event2/event.h>
#include <event2/listener.h>

#include "policy/figures.h"
#include "policy/form.h"
#include "policy/peer.h"
#include "policy/policy.h"
#include "policy/share.h"
#include "policy/wire.h"

enum client_state {
	CLIENT_OPEN,     /* takes requests */
	CLIENT_PAGING,   /* gets pages of calls; further requests wait */
	CLIENT_WATCHING, /* gets events until it goes */
	CLIENT_PEEKING,  /* has memory that is kept up to date until it goes */
	CLIENT_CLOSING,  /* gets what is still to be sent, then the end; its bytes are dropped */
};

struct client {
	struct policy *policy;
	struct client *next, *prev;
	struct client *next_awaited, *prev_awaited;
	struct wire wire;
	struct peer peer;
	struct share *share; /* NULL: root */
	enum client_state state;
	bool is_throttled;  /* until the next tick: no request is read */
	bool keep_alive;    /* after the answer at hand */
	bool has_ended;     /* its sending side is closed: answers still go out */
	bool has_partial;   /* a part of a request is here, since `since_ns` */
	bool was_continued; /* that request got its "100 Continue" */
	int64_t since_ns; /* monotonic: last request, or start of the partial one, of closing, or of
			   * waiting for a page */
	int64_t moved_ns; /* monotonic: when it last took bytes that were ready for it */
	size_t unsent;    /* bytes, as of the last tick */

	struct policy_calls_query query; /* PAGING: the next question */
	bool is_asked;                   /* PAGING: the ledger has it */
	bool has_head;                   /* PAGING: the head of the response is sent */
	bool is_chunked;                 /* PAGING */

	struct peek *peek; /* PEEKING; peek.c */

	uint64_t dropped;   /* WATCHING: events since the last one it was sent */
	int64_t written_ns; /* WATCHING: monotonic, of the last bytes for it */
};

#define SERVER_INPUT_MAX (POLICY_HEAD_MAX + POLICY_BODY_MAX)

struct policy {
	struct policy_ports ports;
	struct event_base *base;
	struct evconnlistener *listener;
	int tick_fd;
	struct stencils stencils;
	struct charge estimate; /* of the decision at hand; of its usage no other members are set */
	struct event *tick, *relisten, *peek_timer;
	struct client *clients;
	struct client
	    *awaited; /* those of them that page, watch or peek: for events, not for ticks */
	struct share *shares;                                   /* by user */
	unsigned n_clients, n_watchers, n_peekers, n_questions; /* these: to the ledger */
	bool is_peek_due;                                       /* its timer runs */
	unsigned n_ticks;
	uint64_t last_ticket, n_accepted;
	struct peer_group group;
	struct users *users;
	struct uuid_maker ids; /* of the calls that are told */
	struct buf out;        /* the answers of the callback at hand */
	struct form *decide_form, *settle_form, *reservation_form, *usage_form;
	struct form *override_form;
	struct watch_state *watched; /* one a budget */
	unsigned n_watched;
	struct limits_seen *limits; /* limits.c */
	unsigned n_limits;
	struct policy_counters counters;
	char path[108];
	char input[SERVER_INPUT_MAX]; /* what the callback at hand has read */
};

/* Takes a connection that was just accepted. */
void server_accept(struct policy *policy, int fd);

/* What every callback ends in: answers the requests that are here, sends the answers, ends the
 * connection when it is over. The client may be gone afterwards. */
void server_step(struct client *client);

/* Whether the user may do what costs as much as so many decisions; if not, the answer is a 429. */
bool server_may(struct client *client, unsigned n_requests);

/* The only way to another state. */
void server_enter(struct client *client, enum client_state state);

/* Sends bytes, or keeps them until the client reads. */
void server_send(struct client *client, struct span bytes);
size_t server_unsent(const struct client *client);

/* No more requests; the connection ends when all is sent (in server_step). */
void server_close(struct client *client);
void server_free(struct client *client); /* at once */
void server_tick(struct policy *policy);

int64_t server_monotonic_ns(const struct policy *policy);
const struct process *server_process(struct client *client); /* the caller's, with its facts */
