/* The reader trusts nothing: every length is checked before it is used, sizes only grow, and an
 * exchange has one opening, at most one head in each direction, and one end. */
#include "http/playback.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/cleanup.h"
#include "http/mask.h"

#define BYTES_MAX  (1ull << 62)
#define HEADER_MAX (MASK_NAME_MAX + MASK_VALUE_MAX)

struct played {
	UT_hash_handle hh;
	uint32_t number;
	bool has_head[2]; /* by direction */
	struct process process;
	struct connection conn;
	struct exchange exchange;
};

struct playback {
	FILE *file;
	const char *name;
	const struct exchange_handler *next;
	void *ctx;
	struct played *played; /* in order of opening */
	struct playback_counts *counts;
	struct err *err;
	uint64_t at; /* bytes that were read */
	bool failed;
	char piece[RECORDING_PIECE_MAX];
	struct http_header headers[HEAD_HEADERS_MAX];
	size_t texts_len; /* of the head at hand */
	char texts[RECORDING_METHOD_MAX + MASK_TARGET_MAX + HEAD_HEADERS_MAX * HEADER_MAX];
};

static int refuse(struct playback *p, const char *expected)
{
	return err_set(p->err, -EINVAL, "%s: byte %llu: expected %s", p->name,
		       (unsigned long long)p->at, expected);
}

/* --- fields. After the end of the file, or one that is too long, they are zero and `failed` is
 * set. */

static void take(struct playback *p, char *out, size_t bytes)
{
	size_t n = fread(out, 1, bytes, p->file);

	p->at += n;
	if (n == bytes)
		return;
	memset(out + n, 0, bytes - n);
	p->failed = true;
}

static uint64_t take_uint(struct playback *p, unsigned bytes)
{
	unsigned char in[8];
	uint64_t value = 0;

	take(p, (char *)in, bytes);
	for (unsigned i = bytes; i; i--)
		value = value << 8 | in[i - 1];
	return value;
}

static struct span take_text(struct playback *p, char *out, size_t max)
{
	size_t n = take_uint(p, 2);

	p->failed |= n > max;
	if (p->failed)
		n = 0;
	take(p, out, n);
	return (struct span){ out, n };
}

static void take_string(struct playback *p, char *out, size_t size)
{
	struct span text = take_text(p, p->piece, sizeof(p->piece));

	span_copy(text, out, size);
}

static int take_magic(struct playback *p)
{
	char magic[8];

	take(p, magic, sizeof(magic));
	if (!span_eq((struct span){ magic, sizeof(magic) }, RECORDING_MAGIC) ||
	    take_uint(p, 4) != RECORDING_VERSION)
		return refuse(p, "a file of outlayd --record of this version");
	return 0;
}

/* How the exchange stands. */
static int take_standing(struct playback *p, struct exchange *ex)
{
	int64_t request = (int64_t)take_uint(p, 8), response = (int64_t)take_uint(p, 8);
	int64_t end = (int64_t)take_uint(p, 8);
	uint64_t sent = take_uint(p, 8), received = take_uint(p, 8), lost = take_uint(p, 8);
	unsigned completeness = (unsigned)take_uint(p, 1), fault = (unsigned)take_uint(p, 1);
	unsigned ended = (unsigned)take_uint(p, 1);

	if (p->failed || request < 0 || response < 0 || end < 0 || sent < ex->request_bytes ||
	    sent > BYTES_MAX || received < ex->response_bytes || received > BYTES_MAX ||
	    lost < ex->lost_bytes || lost > BYTES_MAX || completeness > COMPLETENESS_PRE_ATTACH ||
	    fault > EXCHANGE_BAD_FRAME || ended > 3)
		return refuse(p, "how an exchange stands, with sizes that only grow");
	ex->request_utc_ns = request;
	ex->response_utc_ns = response;
	ex->end_utc_ns = end;
	ex->request_bytes = sent;
	ex->response_bytes = received;
	ex->lost_bytes = lost;
	ex->completeness = (enum completeness)completeness;
	ex->fault = (enum exchange_fault)fault;
	ex->body_ended[DIRECTION_SENT] = ended & 1;
	ex->body_ended[DIRECTION_RECEIVED] = ended >> 1;
	return 0;
}

/* --- records */

static void end_played(struct playback *p, struct played *played)
{
	HASH_DEL(p->played, played);
	p->next->end(p->ctx, &played->exchange);
	head_done(&played->exchange.request);
	head_done(&played->exchange.response);
	connection_set_server(&played->conn, SPAN(""));
	free(played);
}

static int take_opened(struct playback *p, uint32_t number)
{
	FREE_PTR struct played *played = calloc(1, sizeof(*played));
	char server[CONNECTION_SERVER_MAX];
	int rc;

	if (!played)
		return err_set(p->err, -ENOMEM, "out of memory");
	played->number = number;
	played->conn.key = (struct conn_key){ .ssl = number };
	played->conn.process = &played->process;
	played->exchange.connection = &played->conn;
	played->process.pid = (uint32_t)take_uint(p, 4);
	played->process.uid = (uint32_t)take_uint(p, 4);
	take_string(p, played->process.comm, sizeof(played->process.comm));
	take_string(p, played->process.exe, sizeof(played->process.exe));
	take_string(p, server, sizeof(server));
	rc = take_standing(p, &played->exchange);
	if (rc)
		return rc;
	if (HASH_COUNT(p->played) == PLAYBACK_OPEN_MAX)
		return refuse(p, "fewer exchanges at a time");
	played->conn.key.tgid = played->process.pid;
	connection_set_server(&played->conn, span_of(server));
	p->counts->exchanges++;
	HASH_ADD(hh, p->played, number, sizeof(number), played);
	(void)TAKE_PTR(played);
	return 0;
}

/* The next text of the head. */
static struct span keep_text(struct playback *p, size_t max)
{
	struct span text = take_text(p, p->texts + p->texts_len, max);

	p->texts_len += text.len;
	return text;
}

/* The headers of the head. */
static void take_headers(struct playback *p, struct http_head *head)
{
	unsigned n = (unsigned)take_uint(p, 1);

	p->failed |= n > HEAD_HEADERS_MAX;
	head->headers = p->headers;
	for (; !p->failed && head->n_headers < n; head->n_headers++) {
		struct http_header *header = &p->headers[head->n_headers];

		header->name = keep_text(p, MASK_NAME_MAX);
		header->value = keep_text(p, MASK_VALUE_MAX);
	}
}

static int take_head(struct playback *p, struct played *played, enum direction direction)
{
	struct exchange *ex = &played->exchange;
	struct http_head head = { .minor = 1 };
	int rc;

	p->texts_len = 0;
	if (direction == DIRECTION_SENT) {
		head.method = keep_text(p, RECORDING_METHOD_MAX);
		head.target = keep_text(p, MASK_TARGET_MAX);
	} else {
		head.status = (unsigned)take_uint(p, 2);
	}
	take_headers(p, &head);
	if (p->failed || played->has_head[direction])
		return refuse(p, "a head, and no second one");
	rc = take_standing(p, ex);
	if (rc)
		return rc;
	if (head_copy(&head, (struct span){ p->texts, p->texts_len },
		      exchange_head(ex, direction)) < 0)
		return err_set(p->err, -ENOMEM, "out of memory");
	played->has_head[direction] = true;
	(direction == DIRECTION_SENT ? p->next->request : p->next->response)(p->ctx, ex);
	return 0;
}

/* What was left out of a WebSocket was no JSON, of which http would have told: a message that
 * begins otherwise. Of other bodies it is missing. */
static void play_left_out(struct playback *p, struct exchange *ex, enum direction direction)
{
	if (ex->response.status == 101)
		p->next->body(p->ctx, ex, direction, SPAN("x"));
	else
		p->next->gap(p->ctx, ex, direction);
}

static int take_body(struct playback *p, struct exchange *ex)
{
	unsigned flags = (unsigned)take_uint(p, 1);
	uint64_t length = take_uint(p, 4);
	enum direction direction = flags & RECORDING_RECEIVED;

	if (flags & ~(unsigned)(RECORDING_RECEIVED | RECORDING_LEFT_OUT) || !length ||
	    length > sizeof(p->piece))
		return refuse(p, "a piece of a body");
	if (flags & RECORDING_LEFT_OUT) {
		p->counts->left_out_bytes += length;
		play_left_out(p, ex, direction);
		return 0;
	}
	take(p, p->piece, length);
	if (p->failed)
		return refuse(p, "the rest of a body");
	p->next->body(p->ctx, ex, direction, (struct span){ p->piece, length });
	return 0;
}

static int take_mark(struct playback *p, struct exchange *ex, bool message)
{
	unsigned flags = (unsigned)take_uint(p, 1);
	int rc;

	if (p->failed || flags & ~(unsigned)RECORDING_RECEIVED)
		return refuse(p, "a direction");
	rc = message ? take_standing(p, ex) : 0;
	if (!rc)
		(message ? p->next->message : p->next->gap)(p->ctx, ex, (enum direction)flags);
	return rc;
}

static int take_end(struct playback *p, struct played *played)
{
	int rc = take_standing(p, &played->exchange);

	if (!rc)
		end_played(p, played);
	return rc;
}

static int take_record(struct playback *p, enum recording_type type)
{
	uint32_t number = (uint32_t)take_uint(p, 4);
	struct played *played;

	HASH_FIND(hh, p->played, &number, sizeof(number), played);
	if (p->failed || (type == RECORDING_OPENED) == !!played)
		return refuse(p, "an exchange that is open, or a new one to open");
	switch (type) {
	case RECORDING_OPENED:
		return take_opened(p, number);
	case RECORDING_REQUEST:
		return take_head(p, played, DIRECTION_SENT);
	case RECORDING_RESPONSE:
		return take_head(p, played, DIRECTION_RECEIVED);
	case RECORDING_BODY:
		return take_body(p, &played->exchange);
	case RECORDING_GAP:
	case RECORDING_MESSAGE:
		return take_mark(p, &played->exchange, type == RECORDING_MESSAGE);
	case RECORDING_END:
		return take_end(p, played);
	default:
		return refuse(p, "a record");
	}
}

/* Those that the recording did not see the end of. */
static void end_all(struct playback *p)
{
	while (p->played) {
		struct exchange *ex = &p->played->exchange;

		if (ex->completeness == COMPLETENESS_COMPLETE)
			ex->completeness = COMPLETENESS_TRUNCATED;
		end_played(p, p->played);
	}
}

int playback_read(FILE *file, const char *name, const struct exchange_handler *next, void *ctx,
		  struct playback_counts *ret_counts, struct err *err)
{
	FREE_PTR struct playback *p = calloc(1, sizeof(*p));
	int rc;

	*ret_counts = (struct playback_counts){ 0 };
	if (!p)
		return err_set(err, -ENOMEM, "out of memory");
	p->file = file;
	p->name = name;
	p->next = next;
	p->ctx = ctx;
	p->counts = ret_counts;
	p->err = err;
	rc = take_magic(p);
	while (!rc) {
		int type = fgetc(file);

		if (type == EOF)
			break;
		p->at++;
		rc = take_record(p, (enum recording_type)type);
	}
	if (ferror(file))
		rc = err_set(err, -EIO, "%s: cannot be read", name);
	end_all(p);
	return rc;
}
