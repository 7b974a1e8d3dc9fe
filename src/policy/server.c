/* Connections of the policy socket on libevent bufferevents. Input is bounded by a watermark,
 * output by not taking the next request while the last answers are unread. The usual answer leaves
 * by one send() from the callback that read the request; only what the socket does not take waits
 * in the bufferevent. Nothing here waits for anybody. */
#include "policy/server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "policy/calls.h"
#include "policy/peek.h"
#include "policy/routes.h"
#include "policy/watch.h"

#define INPUT_MAX  (POLICY_HEAD_MAX + POLICY_BODY_MAX)
#define UNSENT_MAX 65536 /* bytes of unread answers after which requests wait */
#define OUT_KEEP   65536 /* bytes of memory kept from one answer to the next */

int64_t server_monotonic_ns(const struct policy *policy)
{
	return policy->ports.clock->monotonic_ns(policy->ports.clock);
}

const struct process *server_process(struct client *client)
{
	peer_facts(bufferevent_getfd(client->bev), "/proc", client->policy->users, &client->peer);
	return &client->peer.process;
}

size_t server_unsent(const struct client *client)
{
	return evbuffer_get_length(bufferevent_get_output(client->bev));
}

void server_send(struct client *client, struct span bytes)
{
	ssize_t n = 0;

	if (!bytes.len)
		return;
	if (!server_unsent(client))
		n = send(bufferevent_getfd(client->bev), bytes.ptr, bytes.len,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
	/* A broken connection reports itself by the bufferevent's own attempt. */
	if (n < (ssize_t)bytes.len)
		bufferevent_write(client->bev, bytes.ptr + (n > 0 ? n : 0),
				  bytes.len - (size_t)(n > 0 ? n : 0));
}

void server_close(struct client *client)
{
	client->state = CLIENT_CLOSING;
	client->since_ns = server_monotonic_ns(client->policy);
}

void server_free(struct client *client)
{
	struct policy *policy = client->policy;

	if (client->state == CLIENT_WATCHING)
		policy->n_watchers--;
	peek_end(client);
	if (client->prev)
		client->prev->next = client->next;
	else
		policy->clients = client->next;
	if (client->next)
		client->next->prev = client->prev;
	policy->n_clients--;
	if (client->share)
		share_leave(client->share);
	bufferevent_free(client->bev);
	free(client);
}

/* The bytes that came and were not taken yet, as one run. */
static struct span input_of(const struct client *client)
{
	struct evbuffer *input = bufferevent_get_input(client->bev);

	return (struct span){ (const char *)evbuffer_pullup(input, -1),
			      evbuffer_get_length(input) };
}

static void refuse(struct client *client, unsigned status, const char *why)
{
	counter_add(&client->policy->counters.bad_requests, 1);
	answer_problem(&client->policy->out,
		       &(struct answer_fault){ .status = status, .detail = why }, false);
	server_close(client);
}

static bool is_blocked(const struct client *client)
{
	return client->is_throttled || server_unsent(client) + client->policy->out.len > UNSENT_MAX;
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
	bufferevent_disable(client->bev, EV_READ);
	return false;
}

/* Takes one request. False: nothing more can be done now. */
static bool take_request(struct client *client)
{
	struct policy *policy = client->policy;
	struct request request;
	struct span in = input_of(client);
	long n;

	if (!in.len)
		return false;
	n = request_take(in, &request);
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
	evbuffer_drain(bufferevent_get_input(client->bev), (size_t)n);
	if (client->state == CLIENT_OPEN && !client->keep_alive)
		server_close(client);
	return true;
}

static void take_requests(struct client *client)
{
	bool took = false, partial;

	while (client->state == CLIENT_OPEN && !is_blocked(client) && take_request(client))
		took = true;
	partial = client->state == CLIENT_OPEN && !is_blocked(client) &&
		  evbuffer_get_length(bufferevent_get_input(client->bev)) > 0;
	if (took || !partial || !client->has_partial)
		client->since_ns = server_monotonic_ns(client->policy);
	client->has_partial = partial;
	if (client->state != CLIENT_OPEN || is_blocked(client) || !client->has_ended)
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
	} else {
		server_send(client, buf_span(out));
	}
	if (out->cap > OUT_KEEP)
		buf_done(out);
	buf_reset(out);
}

void server_step(struct client *client)
{
	if (client->state == CLIENT_OPEN)
		take_requests(client);
	send_answers(client);
	if (client->state == CLIENT_PAGING)
		calls_ask(client);
	if (client->state != CLIENT_CLOSING || server_unsent(client))
		return;
	if (client->has_ended)
		server_free(client);
	else
		/* What the peer still sends is read and dropped for a while: closing now would
		 * take the answer away from a peer that is not done sending. */
		shutdown(bufferevent_getfd(client->bev), SHUT_WR);
}

static void on_read(struct bufferevent *bev, void *ctx)
{
	struct client *client = ctx;
	struct evbuffer *input = bufferevent_get_input(bev);

	if (client->state == CLIENT_CLOSING || client->state == CLIENT_WATCHING ||
	    client->state == CLIENT_PEEKING)
		evbuffer_drain(input, evbuffer_get_length(input));
	else if (client->state == CLIENT_OPEN)
		server_step(client);
}

static void on_drained(struct bufferevent *bev, void *ctx)
{
	(void)bev;
	server_step(ctx);
}

static void on_event(struct bufferevent *bev, short what, void *ctx)
{
	struct client *client = ctx;

	(void)bev;
	if (!(what & BEV_EVENT_EOF) || client->state == CLIENT_PEEKING) {
		server_free(client);
		return;
	}
	client->has_ended = true;
	/* Only a write tells a peer that has gone from one that just has no more to say. */
	if (client->state == CLIENT_WATCHING)
		watch_probe(client);
	server_step(client);
}

static struct client *add_client(struct policy *policy, int fd, const struct peer *peer)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->bev = bufferevent_socket_new(policy->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!client->bev) {
		free(client);
		return NULL;
	}
	client->policy = policy;
	client->peer = *peer;
	client->next = policy->clients;
	if (client->next)
		client->next->prev = client;
	policy->clients = client;
	policy->n_clients++;
	client->since_ns = client->moved_ns = server_monotonic_ns(policy);
	return client;
}

static void turn_away(struct policy *policy, int fd, const struct answer_fault *fault)
{
	counter_add(&policy->counters.refused_connections, 1);
	answer_problem(&policy->out, fault, false);
	if (!policy->out.failed)
		(void)!send(fd, policy->out.data, policy->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	buf_reset(&policy->out);
	close(fd);
}

static void begin_reading(struct client *client)
{
	bufferevent_setcb(client->bev, on_read, on_drained, on_event, client);
	bufferevent_setwatermark(client->bev, EV_READ, 0, INPUT_MAX);
	bufferevent_enable(client->bev, EV_READ | EV_WRITE);
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
	begin_reading(client);
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
			bufferevent_enable(client->bev, EV_READ);
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
