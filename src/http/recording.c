/* A stage that changes nothing between http and the next: each event of an exchange is a record,
 * then it is handed on. Nothing is written that has not passed the mask. */
#include "http/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "http/mask.h"

/* A head at its limits, or a piece of a body. */
#define RECORD_MAX (HEAD_HEADERS_MAX * 2 * MASK_VALUE_MAX + RECORDING_PIECE_MAX)

struct recording {
	const struct exchange_handler *next;
	void *ctx;
	FILE *file;
	uint64_t bytes;
	uint32_t exchanges;
	bool ended;
	struct buf line;
	char kept[RECORDING_PIECE_MAX];
};

struct recorded { /* of an exchange */
	uint32_t number;
	struct mask masks[2]; /* by direction */
};

/* --- the file */

static void put_uint(struct recording *r, uint64_t value, unsigned bytes)
{
	char out[8];

	for (unsigned i = 0; i < bytes; i++)
		out[i] = (char)(value >> 8 * i);
	buf_put(&r->line, (struct span){ out, bytes });
}

static void put_text(struct recording *r, struct span text)
{
	put_uint(r, text.len, 2);
	buf_put(&r->line, text);
}

static void put_standing(struct recording *r, const struct exchange *ex)
{
	put_uint(r, (uint64_t)ex->request_utc_ns, 8);
	put_uint(r, (uint64_t)ex->response_utc_ns, 8);
	put_uint(r, (uint64_t)ex->end_utc_ns, 8);
	put_uint(r, ex->request_bytes, 8);
	put_uint(r, ex->response_bytes, 8);
	put_uint(r, ex->lost_bytes, 8);
	put_uint(r, ex->completeness, 1);
	put_uint(r, ex->fault, 1);
	put_uint(r, ex->body_ended[0] | ex->body_ended[1] << 1, 1);
}

static void write_line(struct recording *r)
{
	struct span line = buf_span(&r->line);

	if (r->line.failed || r->bytes + line.len > RECORDING_FILE_MAX ||
	    fwrite(line.ptr, 1, line.len, r->file) != line.len)
		r->ended = true;
	r->bytes += line.len;
	buf_reset(&r->line);
}

CLEANUP_FOR(recording, struct recording *, recording_free)

int recording_new(const char *path, const struct exchange_handler *next, void *ctx,
		  struct recording **ret_recording, struct err *err)
{
	CLEANUP(cleanup_recording) struct recording *r = calloc(1, sizeof(*r));
	CLOSE_FD int fd = -1;

	if (!r)
		return err_set(err, -ENOMEM, "out of memory");
	r->next = next;
	r->ctx = ctx;
	r->line = buf_with_max(RECORD_MAX);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(err, -errno, "%s: cannot be made for --record: %s", path,
			       strerror(errno));
	r->file = fdopen(fd, "w");
	if (!r->file)
		return err_set(err, -ENOMEM, "out of memory");
	(void)TAKE_FD(fd);
	buf_put(&r->line, RECORDING_MAGIC);
	put_uint(r, RECORDING_VERSION, 4);
	write_line(r);
	if (!recording_flush(r))
		return err_set(err, -EIO, "%s: cannot be written", path);
	*ret_recording = TAKE_PTR(r);
	return 0;
}

void recording_free(struct recording *r)
{
	if (!r)
		return;
	if (r->file)
		fclose(r->file);
	buf_done(&r->line);
	free(r);
}

bool recording_flush(struct recording *r)
{
	if (fflush(r->file) == EOF)
		r->ended = true;
	return !r->ended;
}

/* --- records */

static void begin_line(struct recording *r, enum recording_type type, const struct recorded *at)
{
	put_uint(r, type, 1);
	put_uint(r, at->number, 4);
}

static bool is_answer(enum direction direction)
{
	return direction == DIRECTION_RECEIVED;
}

static void put_flags(struct recording *r, enum direction direction, unsigned more)
{
	put_uint(r, (is_answer(direction) ? RECORDING_RECEIVED : 0) | more, 1);
}

static void open_recorded(struct recording *r, struct exchange *ex)
{
	const struct process *process = ex->connection->process;
	struct recorded *at = calloc(1, sizeof(*at));

	if (!at) {
		r->ended = true;
		return;
	}
	at->number = r->exchanges++;
	for (enum direction d = DIRECTION_SENT; d <= DIRECTION_RECEIVED; d++)
		mask_begin(&at->masks[d], is_answer(d));
	ex->recorded = at;
	begin_line(r, RECORDING_OPENED, at);
	put_uint(r, process->pid, 4);
	put_uint(r, process->uid, 4);
	put_text(r, span_of(process->comm));
	put_text(r, span_of(process->exe));
	put_text(r, connection_server(ex->connection));
	put_standing(r, ex);
	write_line(r);
}

/* NULL: nothing is recorded any more. */
static struct recorded *recorded_of(struct recording *r, struct exchange *ex)
{
	if (!ex->recorded && !r->ended)
		open_recorded(r, ex);
	return r->ended ? NULL : ex->recorded;
}

static void put_headers(struct recording *r, const struct http_head *head)
{
	char value[MASK_VALUE_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < head->n_headers; i++)
		n += mask_keeps_header(head->headers[i].name);
	put_uint(r, n, 1);
	for (unsigned i = 0; i < head->n_headers; i++) {
		if (!mask_keeps_header(head->headers[i].name))
			continue;
		put_text(r, head->headers[i].name);
		put_text(r, mask_value(head->headers[i].value, value));
	}
}

static void on_request(void *ctx, struct exchange *ex)
{
	struct recording *r = ctx;
	struct recorded *at = recorded_of(r, ex);
	struct span method = span_head(ex->request.method, RECORDING_METHOD_MAX);
	char value[MASK_VALUE_MAX], target[MASK_TARGET_MAX];

	if (at) {
		begin_line(r, RECORDING_REQUEST, at);
		put_text(r, mask_value(method, value));
		put_text(r, mask_target(ex->request.target, target));
		put_headers(r, &ex->request);
		put_standing(r, ex);
		write_line(r);
	}
	r->next->request(r->ctx, ex);
}

static void on_response(void *ctx, struct exchange *ex)
{
	struct recording *r = ctx;
	struct recorded *at = recorded_of(r, ex);

	if (at) {
		begin_line(r, RECORDING_RESPONSE, at);
		put_uint(r, ex->response.status, 2);
		put_headers(r, &ex->response);
		put_standing(r, ex);
		write_line(r);
	}
	r->next->response(r->ctx, ex);
}

/* Run by run of bytes with one fate. */
static void put_body(struct recording *r, struct recorded *at, enum direction direction,
		     struct span rest)
{
	while (rest.len && !r->ended) {
		bool kept;
		size_t n = mask_next(&at->masks[direction], span_head(rest, RECORDING_PIECE_MAX),
				     r->kept, &kept);

		begin_line(r, RECORDING_BODY, at);
		put_flags(r, direction, kept ? 0 : RECORDING_LEFT_OUT);
		put_uint(r, n, 4);
		buf_put(&r->line, (struct span){ r->kept, kept ? n : 0 });
		write_line(r);
		rest = span_skip(rest, n);
	}
}

static void on_body(void *ctx, struct exchange *ex, enum direction direction, struct span piece)
{
	struct recording *r = ctx;
	struct recorded *at = recorded_of(r, ex);

	if (at)
		put_body(r, at, direction, piece);
	r->next->body(r->ctx, ex, direction, piece);
}

static void on_gap(void *ctx, struct exchange *ex, enum direction direction)
{
	struct recording *r = ctx;
	struct recorded *at = recorded_of(r, ex);

	if (at) {
		/* Of a WebSocket's message nothing more comes. */
		if (ex->response.status == 101)
			mask_begin(&at->masks[direction], is_answer(direction));
		else
			mask_gap(&at->masks[direction]);
		begin_line(r, RECORDING_GAP, at);
		put_flags(r, direction, 0);
		write_line(r);
	}
	r->next->gap(r->ctx, ex, direction);
}

static void on_message(void *ctx, struct exchange *ex, enum direction direction)
{
	struct recording *r = ctx;
	struct recorded *at = recorded_of(r, ex);

	if (at) {
		mask_begin(&at->masks[direction], is_answer(direction));
		begin_line(r, RECORDING_MESSAGE, at);
		put_flags(r, direction, 0);
		put_standing(r, ex);
		write_line(r);
	}
	r->next->message(r->ctx, ex, direction);
}

static void on_end(void *ctx, struct exchange *ex)
{
	struct recording *r = ctx;
	struct recorded *at = recorded_of(r, ex);

	if (at) {
		begin_line(r, RECORDING_END, at);
		put_standing(r, ex);
		write_line(r);
	}
	free(ex->recorded);
	ex->recorded = NULL;
	r->next->end(r->ctx, ex);
}

const struct exchange_handler recording_handler = {
	.request = on_request,
	.response = on_response,
	.body = on_body,
	.gap = on_gap,
	.end = on_end,
	.message = on_message,
};
