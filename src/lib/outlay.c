/* liboutlay: questions to the agent. A thread takes an unused connection of the handle or opens
 * one, so no thread waits for another, and puts it back when the answer has come whole. */
#include "lib/outlay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/reply.h"

#define UNUSED_MAX    8
#define HEAD_BYTES    160
#define REQUEST_BYTES 16384

OUTLAY_API int outlay_open(const struct outlay_options *options, struct outlay **ret_outlay)
{
	static const struct outlay_options defaults;
	const struct outlay_options *given = options ? options : &defaults;
	const char *path = given->socket ? given->socket : getenv("OUTLAY_SOCKET");
	struct outlay *outlay;

	if (!path || !*path)
		path = OUTLAY_SOCKET_DEFAULT;
	if (strlen(path) >= sizeof(outlay->socket))
		return -ENAMETOOLONG;
	outlay = calloc(1, sizeof(*outlay));
	if (!outlay)
		return -ENOMEM;
	memcpy(outlay->socket, path, strlen(path));
	outlay->deadline_ns =
	    (given->deadline_ms ? given->deadline_ms : OUTLAY_DEADLINE_MS) * INT64_C(1000000);
	outlay->failure = given->failure;
	pthread_mutex_init(&outlay->lock, NULL);
	*ret_outlay = outlay;
	return 0;
}

static void close_unused(struct outlay *outlay)
{
	while (outlay->unused) {
		struct channel *channel = outlay->unused;

		outlay->unused = channel->next;
		channel_close(channel);
	}
	outlay->n_unused = 0;
}

OUTLAY_API void outlay_close(struct outlay *outlay)
{
	if (!outlay)
		return;
	close_unused(outlay);
	pthread_mutex_destroy(&outlay->lock);
	free(outlay);
}

static struct channel *take_unused(struct outlay *outlay)
{
	struct channel *channel;

	pthread_mutex_lock(&outlay->lock);
	if (outlay->pid != getpid())
		close_unused(outlay);
	outlay->pid = getpid();
	channel = outlay->unused;
	if (channel) {
		outlay->unused = channel->next;
		outlay->n_unused--;
	}
	pthread_mutex_unlock(&outlay->lock);
	return channel;
}

static void put_unused(struct outlay *outlay, struct channel *channel)
{
	pthread_mutex_lock(&outlay->lock);
	if (outlay->n_unused < UNUSED_MAX && outlay->pid == getpid()) {
		channel->next = outlay->unused;
		outlay->unused = channel;
		outlay->n_unused++;
		channel = NULL;
	}
	pthread_mutex_unlock(&outlay->lock);
	channel_close(channel);
}

/* A connection that the agent closed meanwhile (it was restarted, or nobody asked for minutes) is
 * not one to ask on. */
static int take_channel(struct outlay *outlay, int64_t deadline_ns, struct channel **ret_channel)
{
	struct channel *channel = take_unused(outlay);

	while (channel && !channel_is_quiet(channel)) {
		channel_close(channel);
		channel = take_unused(outlay);
	}
	*ret_channel = channel;
	return channel ? 0 : channel_open(outlay->socket, deadline_ns, ret_channel);
}

/* Asks and leaves the answer in `*ret_channel`, to be given to put_channel. */
static int ask(struct outlay *outlay, const char *path, const char *json, size_t n,
	       struct channel **ret_channel, struct channel_reply *ret_reply)
{
	int64_t deadline_ns = channel_now_ns() + outlay->deadline_ns;
	struct channel *channel = NULL;
	char request[HEAD_BYTES + REQUEST_BYTES]; /* one send, one wake-up of the agent */
	int head = snprintf(request, HEAD_BYTES,
			    "POST %s HTTP/1.1\r\nHost: localhost\r\n"
			    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
			    path, n);
	int code = take_channel(outlay, deadline_ns, &channel);

	memcpy(request + head, json, n);
	if (code == 0)
		code = channel_send(channel, request, (size_t)head + n, deadline_ns);
	if (code == 0)
		code = channel_reply(channel, deadline_ns, ret_reply);
	if (code < 0) {
		channel_close(channel);
		return code;
	}
	*ret_channel = channel;
	return 0;
}

static void put_channel(struct outlay *outlay, struct channel *channel,
			const struct channel_reply *reply)
{
	if (reply->stays)
		put_unused(outlay, channel);
	else
		channel_close(channel);
}

static void put_member(struct reply_out *out, const char *name, const char *text)
{
	if (!text)
		return;
	reply_put_string(out, name, strlen(name));
	reply_put(out, ":", 1);
	reply_put_string(out, text, strlen(text));
	reply_put(out, ",", 1);
}

/* "a=b,c=d" as the members of an object. */
static void put_labels(struct reply_out *out, const char *labels)
{
	const char *at = labels, *between = "\"labels\":{";

	if (!labels || !*labels)
		return;
	while (*at) {
		size_t len = strcspn(at, ","), name_len = strcspn(at, "=,");

		if (len) {
			reply_put(out, between, strlen(between));
			reply_put_string(out, at, name_len);
			reply_put(out, ":", 1);
			reply_put_string(out, at + name_len + (name_len < len),
					 len - name_len - (name_len < len));
			between = ",";
		}
		at += len + (at[len] == ',');
	}
	reply_put(out, *between == ',' ? "}," : "", *between == ',' ? 2 : 0);
}

/* Bytes of the question in `json`, or 0: it has no room. */
static size_t put_ask(char *json, size_t size, const struct outlay_ask *asked)
{
	struct reply_out out = { json, json + size, 0 };
	char rest[160];
	int n = snprintf(rest, sizeof(rest),
			 "\"input_tokens\":%lu,\"max_output_tokens\":%lu,\"dry_run\":%s,"
			 "\"essential\":%s}",
			 asked->input_tokens, asked->max_output_tokens,
			 asked->dry_run ? "true" : "false", asked->essential ? "true" : "false");

	reply_put(&out, "{", 1);
	put_member(&out, "provider", asked->provider);
	put_member(&out, "model", asked->model);
	put_member(&out, "operation", asked->operation);
	put_labels(&out, asked->labels);
	reply_put(&out, rest, (size_t)n);
	return out.failed ? 0 : (size_t)(out.at - json);
}

static int read_answer(const struct channel_reply *reply, struct outlay_answer *answer)
{
	const char *reservation = reply_member(reply->body, "reservation");
	char decision[8];

	reply_text(reply_member(reply->body, "decision"), decision, sizeof(decision));
	reply_text(reply_member(reply->body, "decision_id"), answer->decision_id, OUTLAY_ID);
	reply_text(reply_member(reservation, "id"), answer->reservation, OUTLAY_ID);
	reply_text(reply_member(reservation, "usd"), answer->reserved_usd,
		   sizeof(answer->reserved_usd));
	reply_text(reply_member(reservation, "expires"), answer->expires, sizeof(answer->expires));
	reply_text(reply_member(reply->body, "detail"), answer->reason, sizeof(answer->reason));
	if (reply->status == 200 && strcmp(decision, "allow") == 0)
		answer->decision = OUTLAY_ALLOW;
	else if (reply->status == 200 && strcmp(decision, "warn") == 0)
		answer->decision = OUTLAY_WARN;
	else if (reply->status == 429 && strcmp(decision, "deny") == 0)
		answer->decision = OUTLAY_DENY;
	else if (reply->status == 429 || reply->status >= 500)
		return -EAGAIN; /* the socket is full, or asked too often */
	else
		return reply->status == 200 ? -EPROTO : -EINVAL;
	return 0;
}

static void by_failure(const struct outlay *outlay, int code, struct outlay_answer *answer)
{
	char said[128];

	if (outlay->failure == OUTLAY_FAIL_OPEN)
		answer->decision = OUTLAY_ALLOW;
	if (!answer->reason[0])
		snprintf(answer->reason, sizeof(answer->reason), "no answer from %s: %s",
			 outlay->socket, strerror_r(-code, said, sizeof(said)));
}

OUTLAY_API int outlay_decide(struct outlay *outlay, const struct outlay_ask *asked,
			     struct outlay_answer *ret_answer)
{
	char json[REQUEST_BYTES];
	size_t n = put_ask(json, sizeof(json), asked);
	struct channel_reply reply;
	struct channel *channel;
	int code;

	memset(ret_answer, 0, sizeof(*ret_answer));
	if (!n) {
		snprintf(ret_answer->reason, sizeof(ret_answer->reason),
			 "the question is longer than %d bytes", REQUEST_BYTES);
		return -EINVAL;
	}
	code = ask(outlay, "/v1/decide", json, n, &channel, &reply);
	if (code == 0) {
		code = read_answer(&reply, ret_answer);
		put_channel(outlay, channel, &reply);
	}
	if (code < 0 && code != -EINVAL)
		by_failure(outlay, code, ret_answer);
	return code;
}

/* Something about a reservation; `usd` may be NULL. */
static int tell(struct outlay *outlay, const char *path, const char *reservation, const char *usd)
{
	char json[REQUEST_BYTES];
	struct reply_out out = { json, json + sizeof(json), 0 };
	struct channel_reply reply;
	struct channel *channel;
	int code;

	reply_put(&out, "{", 1);
	put_member(&out, "usd", usd);
	put_member(&out, "reservation", reservation);
	if (out.failed)
		return -EINVAL;
	out.at[-1] = '}';
	code = ask(outlay, path, json, (size_t)(out.at - json), &channel, &reply);
	if (code < 0)
		return code;
	put_channel(outlay, channel, &reply);
	switch (reply.status) {
	case 200:
		return 0;
	case 404:
		return -ENOENT;
	case 409:
		return -EALREADY;
	case 429:
		return -EAGAIN;
	default:
		return reply.status >= 500 ? -EAGAIN : -EINVAL;
	}
}

OUTLAY_API int outlay_settle(struct outlay *outlay, const char *reservation, const char *usd)
{
	return tell(outlay, "/v1/settle", reservation, usd);
}

OUTLAY_API int outlay_renew(struct outlay *outlay, const char *reservation)
{
	return tell(outlay, "/v1/renew", reservation, NULL);
}

OUTLAY_API int outlay_release(struct outlay *outlay, const char *reservation)
{
	return tell(outlay, "/v1/release", reservation, NULL);
}
