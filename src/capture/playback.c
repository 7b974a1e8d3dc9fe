/* The reader trusts nothing: every length is checked before it is used, offsets only grow, and a
 * connection has one opening and at most one end. */
#include "capture/playback.h"

#include <errno.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/cleanup.h"
#include "capture/capture.h"

#define LENGTH_MAX (1ull << 62)
#define FLAGS_ALL  (RECORD_RECEIVED | RECORD_CUT | RECORD_LEFT_OUT)

struct played {
	UT_hash_handle hh;
	uint32_t number;
	uint64_t next[2]; /* offset that is due, by direction */
	struct process process;
	struct connection conn;
};

struct playback {
	FILE *file;
	const char *name;
	const struct chunk_handler *next;
	void *ctx;
	struct played *played; /* in order of opening */
	struct playback_counts *counts;
	struct err *err;
	uint64_t at; /* bytes that were read */
	int64_t now_utc_ns;
	bool failed;
	char stored[RECORD_STORED_MAX];
};

static int refuse(struct playback *p, const char *expected)
{
	return err_set(p->err, -EINVAL, "%s: byte %llu: expected %s", p->name,
		       (unsigned long long)p->at, expected);
}

/* --- fields. After the end of the file they are zero and `failed` is set. */

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

static void take_text(struct playback *p, char *out, size_t size)
{
	char text[UINT8_MAX];
	size_t n = take_uint(p, 1);

	take(p, text, n);
	span_copy((struct span){ text, n }, out, size);
}

static int take_magic(struct playback *p)
{
	char magic[8];

	take(p, magic, sizeof(magic));
	if (!span_eq((struct span){ magic, sizeof(magic) }, RECORD_MAGIC) ||
	    take_uint(p, 4) != RECORD_VERSION)
		return refuse(p, "a file of outlayd --record of this version");
	return 0;
}

/* --- records */

static void close_played(struct playback *p, struct played *played, const uint64_t lost[2])
{
	HASH_DEL(p->played, played);
	p->next->closed(p->ctx, &played->conn, p->now_utc_ns, lost);
	connection_set_server(&played->conn, SPAN(""));
	free(played);
}

static int take_opened(struct playback *p, uint32_t number)
{
	FREE_PTR struct played *played = calloc(1, sizeof(*played));
	char server[CONNECTION_SERVER_MAX];

	if (!played)
		return err_set(p->err, -ENOMEM, "out of memory");
	played->number = number;
	played->conn.key = (struct conn_key){ .ssl = number };
	played->conn.process = &played->process;
	played->process.pid = (uint32_t)take_uint(p, 4);
	played->process.uid = (uint32_t)take_uint(p, 4);
	take_text(p, played->process.comm, sizeof(played->process.comm));
	take_text(p, played->process.exe, sizeof(played->process.exe));
	take_text(p, server, sizeof(server));
	if (p->failed)
		return refuse(p, "the rest of a connection");
	if (HASH_COUNT(p->played) == CAPTURE_CONNECTIONS_MAX)
		return refuse(p, "fewer connections at a time");
	played->conn.key.tgid = played->process.pid;
	connection_set_server(&played->conn, span_of(server));
	p->counts->connections++;
	HASH_ADD(hh, p->played, number, sizeof(number), played);
	p->next->opened(p->ctx, &played->conn);
	(void)TAKE_PTR(played);
	return 0;
}

static int take_chunk(struct playback *p, struct played *played)
{
	unsigned flags = (unsigned)take_uint(p, 1);
	int64_t time = (int64_t)take_uint(p, 8);
	uint64_t offset = take_uint(p, 8), length = take_uint(p, 8), stored = take_uint(p, 4);
	struct chunk chunk = { .data = { p->stored, stored },
			       .offset = offset,
			       .length = length,
			       .time_utc_ns = time,
			       .direction =
				   flags & RECORD_RECEIVED ? DIRECTION_RECEIVED : DIRECTION_SENT,
			       .cut = flags & RECORD_CUT };

	if (flags & ~(unsigned)FLAGS_ALL || time < 0 || stored > RECORD_STORED_MAX ||
	    stored > length || length > LENGTH_MAX || offset > LENGTH_MAX ||
	    offset < played->next[chunk.direction])
		return refuse(p, "a chunk that fits behind the last one");
	take(p, p->stored, stored);
	if (p->failed)
		return refuse(p, "the rest of a chunk");
	p->now_utc_ns = time;
	played->next[chunk.direction] = offset + length;
	p->counts->chunks++;
	p->counts->left_out_bytes += flags & RECORD_LEFT_OUT ? length - stored : 0;
	p->next->chunk(p->ctx, &played->conn, &chunk);
	return 0;
}

static int take_closed(struct playback *p, struct played *played)
{
	int64_t time = (int64_t)take_uint(p, 8);
	uint64_t sent = take_uint(p, 8), received = take_uint(p, 8);

	if (p->failed || time < 0 || sent > LENGTH_MAX || received > LENGTH_MAX)
		return refuse(p, "the end of a connection");
	p->now_utc_ns = time;
	close_played(p, played, (uint64_t[]){ sent, received });
	return 0;
}

static int take_record(struct playback *p, enum record_type type)
{
	uint32_t number = (uint32_t)take_uint(p, 4);
	struct played *played;

	HASH_FIND(hh, p->played, &number, sizeof(number), played);
	if (p->failed || (type == RECORD_OPENED) == !!played)
		return refuse(p, "a connection that is open, or a new one to open");
	switch (type) {
	case RECORD_OPENED:
		return take_opened(p, number);
	case RECORD_CHUNK:
		return take_chunk(p, played);
	case RECORD_CLOSED:
		return take_closed(p, played);
	default:
		return refuse(p, "a record");
	}
}

int playback_read(FILE *file, const char *name, const struct chunk_handler *next, void *ctx,
		  struct playback_counts *ret_counts, struct err *err)
{
	static const uint64_t none[2];
	struct playback p = { .file = file,
			      .name = name,
			      .next = next,
			      .ctx = ctx,
			      .counts = ret_counts,
			      .err = err };
	int rc;

	*ret_counts = (struct playback_counts){ 0 };
	rc = take_magic(&p);
	while (!rc) {
		int type = fgetc(file);

		if (type == EOF)
			break;
		p.at++;
		rc = take_record(&p, (enum record_type)type);
	}
	if (ferror(file))
		rc = err_set(err, -EIO, "%s: cannot be read", name);
	while (p.played)
		close_played(&p, p.played, none);
	return rc;
}
