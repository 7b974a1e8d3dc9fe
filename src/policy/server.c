/* Connections of the policy socket. Input is bounded by not reading more, output by not taking the
 * next request while the last answers are unread. What one read brought is answered by one send().
 * Nothing here waits for anybody. */
#include "policy/server.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "policy/calls.h"
#include "policy/peek.h"
#include "policy/routes.h"
#include "policy/watch.h"

#define UNSENT_MAX 65536 /* bytes of unread answers after which requests wait */
#define A_TURN     8 /* requests of a caller that sends many at once, before others have theirs */
#define OUT_KEEP   131072 /* bytes of memory kept from one answer to the next */

int64_t server_monotonic_ns(const struct policy *policy)
{
	return policy->ports.clock->monotonic_ns(policy->ports.clock);
}

const struct process *server_process(struct client *client)
{
	peer_facts(client->wire.fd, "/proc", client->policy->users, &client->peer);
	return &client->peer.process;
}

size_t server_unsent(const struct client *client)
{
	return wire_unsent(&client->wire);
}

void server_send(struct client *client, struct span bytes)
{
	wire_send(&client->wire, bytes);
}

static bool is_awaited(enum client_state state)
{
	return state == CLIENT_PAGING || state == CLIENT_WATCHING || state == CLIENT_PEEKING;
}

void server_enter(struct client *client, enum client_state state)
{
	struct policy *policy = client->policy;

	if (is_awaited(client->state))
		DL_DELETE2(policy->awaited, client, prev_awaited, next_awaited);
	if (is_awaited(state))
		DL_APPEND2(policy->awaited, client, prev_awaited, next_awaited);
	policy->n_watchers += state == CLIENT_WATCHING;
	policy->n_watchers -= client->state == CLIENT_WATCHING;
	client->state = state;
}

void server_close(struct client *client)
{
	server_enter(client, CLIENT_CLOSING);
	client->since_ns = server_monotonic_ns(client->policy);
}

void server_free(struct client *client)
{
	struct policy *policy = client->policy;

	server_enter(client, CLIENT_CLOSING);
	peek_end(client);
	DL_DELETE(policy->clients, client);
	policy->n_clients--;
	if (client->share)
		share_leave(client->share);
	wire_close(&client->wire);
	free(client);
}

static void refuse(struct client *client, unsigned status, const char *why)
{
	counter_add(&client->policy->counters.bad_requests, 1);
	answer_problem(&client->policy->out,
		       &(struct answer_fault){ .status = status, .detail = why }, false);
	server_close(client);
}

static bool can_take(const struct client *client)
{
	const struct policy *policy = client->policy;

	return client->state == CLIENT_OPEN && !client->is_throttled &&
	       server_unsent(client) + policy->out.len <= UNSENT_MAX;
}

/* Nothing more is read before the next tick: the answer costs nearly as much as what it refuses. */
bool server_may(struct client *client, unsigned n_requests)
{
	struct policy *policy = client->policy;

	if (!client->share || share_take(client->share, n_requests, server_monotonic_ns(policy)))
		return true;
	counter_add(&policy->counters.throttled, 1);
	answer_problem(&policy->out,
		       &(struct answer_fault){ .status = 429,
					       .detail = "This user asks too often.",
					       .extra = SPAN("Retry-After: 1\r\n") },
		       client->keep_alive);
	client->is_throttled = true;
	return false;
}

/* Takes one request. False: nothing more can be done now. */
static bool take_request(struct client *client)
{
	struct policy *policy = client->policy;
	struct span *in = &client->wire.unread;
	struct request request;
	long n;

	if (!in->len)
		return false;
	n = request_take(*in, &request);
	if (n == -EAGAIN) {
		if (request.wants_continue && !client->was_continued)
			buf_put(&policy->out, SPAN("HTTP/1.1 100 Continue\r\n\r\n"));
		client->was_continued |= request.wants_continue;
		return false;
	}
	if (n < 0) {
		refuse(client, request.refused, request.why);
		return false;
	}
	counter_add(&policy->counters.requests, 1);
	client->was_continued = false;
	client->keep_alive = request.keep_alive;
	peek_touch(policy);
	routes_serve(client, &request);
	*in = span_skip(*in, (size_t)n);
	if (client->state == CLIENT_OPEN && !client->keep_alive)
		server_close(client);
	return true;
}

static void take_requests(struct client *client)
{
	unsigned n = 0;
	bool is_done, partial;

	while (n < A_TURN && can_take(client) && take_request(client))
		n++;
	is_done = can_take(client) && (n < A_TURN || !client->wire.unread.len);
	partial = is_done && client->wire.unread.len;
	if (n || !partial || !client->has_partial)
		client->since_ns = server_monotonic_ns(client->policy);
	client->has_partial = partial;
	if (!is_done || !client->has_ended)
		return;
	if (partial)
		refuse(client, 400, "The request ends in the middle.");
	else
		server_close(client);
}

static void send_answers(struct client *client)
{
	struct buf *out = &client->policy->out;

	if (out->failed) {
		/* Half an answer is worse than none. */
		server_close(client);
		client->has_ended = true;
	} else if (out->len) {
		server_send(client, buf_span(out));
	}
	if (out->cap > OUT_KEEP)
		buf_done(out);
	buf_reset(out);
}

/* What is not taken waits; who sends more than may wait, too. */
static void keep_input(struct client *client)
{
	if (client->state == CLIENT_CLOSING || client->state == CLIENT_WATCHING ||
	    client->state == CLIENT_PEEKING)
		client->wire.unread.len = 0;
	wire_keep(&client->wire);
	wire_read(&client->wire, !client->is_throttled && !client->has_ended &&
				     client->wire.unread.len < SERVER_INPUT_MAX);
}

/* Whether requests are here that only those before them kept from being taken, whose answers have
 * left: others have their turn first. */
static bool is_waiting(const struct client *client)
{
	return can_take(client) && client->wire.unread.len && !client->has_partial;
}

void server_step(struct client *client)
{
	if (client->state == CLIENT_OPEN)
		take_requests(client);
	keep_input(client);
	send_answers(client);
	if (client->state == CLIENT_PAGING) {
		calls_ask(client); /* which may end it */
		return;
	}
	if (is_waiting(client))
		event_active(client->wire.writable, EV_WRITE, 0);
	if (client->state != CLIENT_CLOSING || server_unsent(client))
		return;
	if (client->has_ended)
		server_free(client);
	else
		/* What the peer still sends is read and dropped for a while: closing now would
		 * take the answer away from a peer that is not done sending. */
		shutdown(client->wire.fd, SHUT_WR);
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct client *client = ctx;
	ssize_t n = wire_receive(&client->wire, client->policy->input, SERVER_INPUT_MAX);

	(void)fd;
	(void)what;
	if (n == -EAGAIN)
		return;
	if (n < 0 || (n == 0 && client->state == CLIENT_PEEKING)) {
		server_free(client);
		return;
	}
	client->has_ended |= n == 0;
	/* Only a write tells a peer that has gone from one that just has no more to say. */
	if (n == 0 && client->state == CLIENT_WATCHING)
		watch_probe(client);
	server_step(client);
}

static void on_writable(evutil_socket_t fd, short what, void *ctx)
{
	struct client *client = ctx;

	(void)fd;
	(void)what;
	if (wire_flush(&client->wire) < 0)
		server_free(client);
	else if (!server_unsent(client))
		server_step(client);
}

static struct client *add_client(struct policy *policy, int fd, const struct peer *peer)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	if (wire_open(&client->wire, policy->base, fd, on_readable, on_writable, client) < 0) {
		free(client);
		return NULL;
	}
	client->policy = policy;
	client->peer = *peer;
	DL_PREPEND(policy->clients, client);
	policy->n_clients++;
	client->since_ns = client->moved_ns = server_monotonic_ns(policy);
	return client;
}

static void turn_away(struct policy *policy, int fd, const struct answer_fault *fault)
{
	struct buf out = buf_with_max(1024);

	counter_add(&policy->counters.refused_connections, 1);
	answer_problem(&out, fault, false);
	if (!out.failed)
		(void)!send(fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	buf_done(&out);
	close(fd);
}

void server_accept(struct policy *policy, int fd)
{
	static const struct answer_fault full = { .status = 503,
						  .detail = "Too many connections are open.",
						  .extra = SPAN("Retry-After: 1\r\n") };
	static const struct answer_fault too_often = {
		.status = 429,
		.detail = "This user has too many connections, or asks too often.",
		.extra = SPAN("Retry-After: 1\r\n")
	};
	struct client *client = NULL;
	struct share *share = NULL;
	struct peer peer;

	if (policy->n_clients >= POLICY_CONNECTIONS_MAX ||
	    peer_init(fd, &policy->group, &peer) < 0) {
		turn_away(policy, fd, &full);
		return;
	}
	if (peer.process.uid)
		share = share_join(&policy->shares, peer.process.uid, server_monotonic_ns(policy));
	if (!peer.process.uid || share)
		client = add_client(policy, fd, &peer);
	if (!client) {
		if (share)
			share_leave(share);
		turn_away(policy, fd, share ? &full : &too_often);
		return;
	}
	client->share = share;
	counter_add(&policy->counters.connections, 1);
}

static bool is_past(int64_t now_ns, int64_t since_ns, int seconds)
{
	return now_ns - since_ns > seconds * NS_PER_SEC;
}

/* Whether the client made no use of its connection for too long. */
static bool is_idle(struct client *client, int64_t now_ns)
{
	size_t unsent = server_unsent(client);

	if (!unsent || unsent < client->unsent)
		client->moved_ns = now_ns;
	client->unsent = unsent;
	if (client->state == CLIENT_WATCHING || client->state == CLIENT_PEEKING)
		return false;
	if (unsent)
		return is_past(now_ns, client->moved_ns, POLICY_STALL_SECONDS);
	if (client->state == CLIENT_CLOSING)
		return is_past(now_ns, client->since_ns, POLICY_REQUEST_SECONDS);
	return client->state == CLIENT_OPEN && !client->has_partial &&
	       is_past(now_ns, client->since_ns, POLICY_IDLE_SECONDS);
}

void server_tick(struct policy *policy)
{
	int64_t now_ns = server_monotonic_ns(policy);
	struct client *next;

	share_sweep(&policy->shares, now_ns);
	for (struct client *client = policy->clients; client; client = next) {
		next = client->next;
		if (client->is_throttled) {
			client->is_throttled = false;
			server_step(client);
		} else if (is_idle(client, now_ns)) {
			server_free(client);
		} else if (client->state == CLIENT_WATCHING) {
			watch_beat(client, now_ns);
		} else if (client->state == CLIENT_PAGING) {
			calls_tick(client, now_ns);
		} else if (client->state == CLIENT_OPEN && client->has_partial &&
			   is_past(now_ns, client->since_ns, POLICY_REQUEST_SECONDS)) {
			refuse(client, 408, "The request did not arrive within 2 seconds.");
			server_step(client);
		}
	}
}
