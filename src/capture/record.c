/* Chunks -> file. Each run of bytes with one fate is a record; nothing is written that has not
 * passed the mask. */
#include "capture/record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "capture/mask.h"

#define RECORD_MAX (RECORD_STORED_MAX + 1024)

struct record {
	FILE *file;
	uint64_t bytes;
	uint32_t connections;
	bool ended;
	struct buf line;
	char stored[RECORD_STORED_MAX];
};

struct recorded {
	uint32_t number;
	uint64_t next[2]; /* offset that is due, by direction */
	struct mask mask;
};

/* --- the file */

static void put_uint(struct record *r, uint64_t value, unsigned bytes)
{
	char out[8];

	for (unsigned i = 0; i < bytes; i++)
		out[i] = (char)(value >> 8 * i);
	buf_put(&r->line, (struct span){ out, bytes });
}

static void put_text(struct record *r, const char *text)
{
	struct span span = span_head(span_of(text), UINT8_MAX);

	put_uint(r, span.len, 1);
	buf_put(&r->line, span);
}

static void write_line(struct record *r)
{
	struct span line = buf_span(&r->line);

	if (r->line.failed || r->bytes + line.len > RECORD_FILE_MAX)
		r->ended = true;
	else if (fwrite(line.ptr, 1, line.len, r->file) != line.len)
		r->ended = true;
	r->bytes += line.len;
	buf_reset(&r->line);
}

static void begin_line(struct record *r, enum record_type type, const struct recorded *at)
{
	put_uint(r, type, 1);
	put_uint(r, at->number, 4);
}

CLEANUP_FOR(record, struct record *, record_free)

int record_new(const char *path, struct record **ret_record, struct err *err)
{
	CLEANUP(cleanup_record) struct record *r = calloc(1, sizeof(*r));
	CLOSE_FD int fd = -1;

	if (!r)
		return err_set(err, -ENOMEM, "out of memory");
	r->line = buf_with_max(RECORD_MAX);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(err, -errno, "%s: cannot be made for --record: %s", path,
			       strerror(errno));
	r->file = fdopen(fd, "w");
	if (!r->file)
		return err_set(err, -ENOMEM, "out of memory");
	(void)TAKE_FD(fd);
	buf_put(&r->line, RECORD_MAGIC);
	put_uint(r, RECORD_VERSION, 4);
	write_line(r);
	if (!record_flush(r))
		return err_set(err, -EIO, "%s: cannot be written", path);
	*ret_record = TAKE_PTR(r);
	return 0;
}

void record_free(struct record *r)
{
	if (!r)
		return;
	if (r->file)
		fclose(r->file);
	buf_done(&r->line);
	free(r);
}

bool record_flush(struct record *r)
{
	if (fflush(r->file) == EOF)
		r->ended = true;
	return !r->ended;
}

/* --- what happens */

void record_opened(struct record *r, struct connection *conn)
{
	struct recorded *at = r->ended ? NULL : calloc(1, sizeof(*at));

	if (!at) {
		r->ended = true;
		return;
	}
	at->number = r->connections++;
	mask_init(&at->mask);
	conn->recorded = at;
	begin_line(r, RECORD_OPENED, at);
	put_uint(r, conn->process->pid, 4);
	put_uint(r, conn->process->uid, 4);
	put_text(r, conn->process->comm);
	put_text(r, conn->process->exe);
	put_text(r, conn->server);
	write_line(r);
}

static void put_chunk(struct record *r, const struct recorded *at, const struct chunk *chunk,
		      unsigned flags)
{
	begin_line(r, RECORD_CHUNK, at);
	flags |= chunk->direction == DIRECTION_RECEIVED ? RECORD_RECEIVED : 0;
	put_uint(r, flags | (chunk->cut ? RECORD_CUT : 0), 1);
	put_uint(r, (uint64_t)chunk->time_utc_ns, 8);
	put_uint(r, chunk->offset, 8);
	put_uint(r, chunk->length, 8);
	put_uint(r, chunk->data.len, 4);
	buf_put(&r->line, chunk->data);
	write_line(r);
}

/* The bytes that are there, run by run. */
static void put_bytes(struct record *r, struct recorded *at, const struct chunk *chunk)
{
	struct span rest = chunk->data;

	mask_begin(&at->mask, chunk->direction, rest);
	while (rest.len && !r->ended) {
		struct chunk run = *chunk;
		bool kept;

		run.length = mask_next(&at->mask, chunk->direction,
				       span_head(rest, RECORD_STORED_MAX), r->stored, &kept);
		run.offset += chunk->data.len - rest.len;
		run.data = (struct span){ r->stored, kept ? run.length : 0 };
		run.cut = !kept;
		put_chunk(r, at, &run, kept ? 0 : RECORD_LEFT_OUT);
		rest = span_skip(rest, run.length);
	}
}

void record_chunk(struct record *r, struct connection *conn, const struct chunk *chunk)
{
	struct recorded *at = conn->recorded;
	enum direction direction = chunk->direction;
	struct chunk missing = *chunk;

	if (!at || r->ended)
		return;
	if (chunk->offset > at->next[direction])
		mask_gap(&at->mask, direction, chunk->offset - at->next[direction]);
	at->next[direction] = chunk->offset + chunk->length;
	put_bytes(r, at, chunk);
	if (chunk->length <= chunk->data.len)
		return;
	missing.offset += chunk->data.len;
	missing.length -= chunk->data.len;
	missing.data = (struct span){ NULL, 0 };
	mask_gap(&at->mask, direction, missing.length);
	put_chunk(r, at, &missing, 0);
}

void record_closed(struct record *r, struct connection *conn, int64_t time_utc_ns,
		   const uint64_t lost[2])
{
	struct recorded *at = conn->recorded;

	if (at && !r->ended) {
		begin_line(r, RECORD_CLOSED, at);
		put_uint(r, (uint64_t)time_utc_ns, 8);
		put_uint(r, lost[DIRECTION_SENT], 8);
		put_uint(r, lost[DIRECTION_RECEIVED], 8);
		write_line(r);
	}
	free(at);
	conn->recorded = NULL;
}
