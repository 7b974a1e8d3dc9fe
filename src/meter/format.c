/* From a body to values, with no more memory than the reader and the end of a torn document. */
#include "meter/format.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/json_tail.h"
#include "meter/document.h"

/* --- json */

static void json_begin(struct format_reader *reader)
{
	(void)reader;
}

/* The last bytes are kept: a longer piece pushes out what was there. */
static void keep_tail(struct format_reader *reader, struct span piece)
{
	size_t drop;

	if (!reader->tail)
		reader->tail = malloc(JSON_TAIL_MAX);
	if (!reader->tail)
		return;
	piece = span_skip(piece, piece.len > JSON_TAIL_MAX ? piece.len - JSON_TAIL_MAX : 0);
	drop = reader->tail_len + piece.len > JSON_TAIL_MAX
		   ? reader->tail_len + piece.len - JSON_TAIL_MAX
		   : 0;
	memmove(reader->tail, reader->tail + drop, reader->tail_len - drop);
	memcpy(reader->tail + reader->tail_len - drop, piece.ptr, piece.len);
	reader->tail_len += piece.len - drop;
}

static void json_feed(struct format_reader *reader, struct span piece)
{
	if (!reader->hole)
		document_feed(reader, piece);
	else if (piece.len)
		keep_tail(reader, piece);
}

static void tear_open(struct format_reader *reader)
{
	if (reader->open)
		document_tear(reader);
}

static void json_gap(struct format_reader *reader)
{
	tear_open(reader);
	reader->tail_len = 0;
}

/* What it says replaces what was torn. */
static void read_tail(struct format_reader *reader)
{
	if (reader->tail)
		document_read_tail(reader, (struct span){ reader->tail, reader->tail_len });
}

/* --- sse */

static void feed_event(void *ctx, struct span piece)
{
	document_feed(ctx, piece);
}

static void end_event(void *ctx, struct span name)
{
	(void)name;
	document_end(ctx);
}

static void sse_begin(struct format_reader *reader)
{
	static const struct sse_handler handler = { feed_event, end_event };

	sse_init(&reader->work->sse, &handler, reader);
}

static void sse_feed_piece(struct format_reader *reader, struct span piece)
{
	sse_feed(&reader->work->sse, piece);
}

static void sse_hole(struct format_reader *reader)
{
	sse_gap(&reader->work->sse);
	tear_open(reader);
}

/* --- ws: a message is a document when it is a JSON object, and binary ones too, for there are
 * providers that send JSON so. What else there is, is sound. */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void ws_feed_piece(struct format_reader *reader, struct span piece)
{
	while (!reader->open && piece.len && is_space(*piece.ptr))
		piece = span_skip(piece, 1);
	if (!reader->open && piece.len)
		reader->skipped |= *piece.ptr != '{';
	if (!reader->skipped)
		document_feed(reader, piece);
}

static void ws_hole(struct format_reader *reader)
{
	tear_open(reader);
	reader->skipped = false;
}

/* To add a format: its functions above or in a file of its own, and a row. */
const struct format format_table[] = {
	[FORMAT_JSON] = { "json", " application/json +json ", json_begin, json_feed, json_gap, NULL,
			  false },
	[FORMAT_SSE] = { "sse", " text/event-stream ", sse_begin, sse_feed_piece, sse_hole, NULL,
			 false },
	[FORMAT_WS] = { "ws", "", json_begin, ws_feed_piece, ws_hole, NULL, false },
	[FORMAT_SEQUENCE] = { "sequence",
			      " application/x-ndjson application/x-jsonl application/stream+json ",
			      sequence_begin, sequence_feed, sequence_gap, NULL, false },
	[FORMAT_EVENTSTREAM] = { "eventstream", " application/vnd.amazon.eventstream ",
				 eventstream_begin, eventstream_feed, eventstream_gap, NULL,
				 false },
	[FORMAT_FORM] = { "form", " application/x-www-form-urlencoded ", form_begin, form_feed,
			  form_gap, form_end, true },
	[FORMAT_MULTIPART] = { "multipart", " multipart/form-data ", multipart_begin,
			       multipart_feed, multipart_gap, NULL, true },
	{ 0 },
};

int format_find(struct span name)
{
	for (int i = 0; format_table[i].name; i++)
		if (span_eq(span_of(format_table[i].name), name) && !format_table[i].of_requests)
			return i;
	return -1;
}

static bool lists(const char *media_types, struct span type)
{
	struct span rest = span_of(media_types);

	while (type.len && rest.ptr)
		if (span_ieq(span_cut(&rest, ' '), type))
			return true;
	return false;
}

int format_of_type(struct span content_type)
{
	struct span type = span_trim(span_cut(&content_type, ';')), suffix = type;

	while (suffix.len && suffix.ptr[0] != '+')
		suffix = span_skip(suffix, 1);
	for (int i = 0; format_table[i].name; i++)
		if (lists(format_table[i].media_types, type) ||
		    lists(format_table[i].media_types, suffix))
			return i;
	return -1;
}

int format_of_body(struct span *body, unsigned allowed)
{
	int format = -1;

	while (body->len && is_space(*body->ptr))
		*body = span_skip(*body, 1);
	if (body->len && (*body->ptr == '{' || *body->ptr == '['))
		format = allowed & 1u << FORMAT_JSON ? FORMAT_JSON : FORMAT_SEQUENCE;
	else if (body->len && !*body->ptr) /* the length of a message: no 16 MiB of it */
		format = FORMAT_EVENTSTREAM;
	else if (body->len && memchr("dier:\xef", *body->ptr, 6)) /* a field, a comment, a mark */
		format = FORMAT_SSE;
	return format >= 0 && allowed & 1u << format ? format : -1;
}

static size_t work_bytes(const struct format *format)
{
	return format == &format_table[FORMAT_MULTIPART] ? sizeof(struct format_work)
							 : offsetof(struct format_work, multipart);
}

void format_begin(struct format_reader *reader, const struct format *format,
		  const struct slot_plan *plan, struct slot *slots)
{
	*reader = (struct format_reader){ .plan = plan, .slots = slots };
	if (format)
		reader->work = malloc(work_bytes(format));
	if (!reader->work)
		return;
	reader->format = format;
	format->begin(reader);
}

void format_feed(struct format_reader *reader, struct span piece)
{
	if (reader->work)
		reader->format->feed(reader, piece);
}

void format_gap(struct format_reader *reader)
{
	reader->hole = true;
	if (reader->work)
		reader->format->gap(reader);
}

void format_message(struct format_reader *reader)
{
	if (reader->work)
		document_end(reader);
	reader->skipped = false;
}

bool format_said_something(const struct format_reader *reader)
{
	for (unsigned i = 0; i < reader->plan->n; i++)
		if (reader->slots[i].document && reader->slots[i].document == reader->documents)
			return true;
	return false;
}

void format_forget(struct format_reader *reader)
{
	for (unsigned i = 0; i < reader->plan->n; i++)
		if (reader->slots[i].document == reader->documents)
			slots_done(&reader->slots[i], 1);
}

void format_end(struct format_reader *reader, bool whole)
{
	if (!reader->work)
		return;
	if (whole && reader->format->end)
		reader->format->end(reader);
	document_end(reader);
	if (whole)
		read_tail(reader);
	if (reader->tail)
		explicit_bzero(reader->tail, reader->tail_len);
	free(TAKE_PTR(reader->tail));
	repeat_free(TAKE_PTR(reader->repeat));
	free(TAKE_PTR(reader->work));
}

bool format_read_well(const struct format_reader *reader)
{
	return reader->format && reader->documents && !reader->broken && !reader->hole;
}

const struct format *format_of_request(const struct http_head *request)
{
	int row = format_of_type(head_get(request, SPAN("content-type")));

	return &format_table[row >= 0 && format_table[row].of_requests ? row : FORMAT_JSON];
}

const struct format *format_of_response(const struct http_head *response, unsigned allowed,
					struct span *body)
{
	int row;

	/* Errors come as JSON wherever they come as anything. */
	allowed |= response->status >= 400 ? 1u << FORMAT_JSON : 0;
	row = format_of_body(body, allowed);
	if (row < 0)
		row = format_of_type(head_get(response, SPAN("content-type")));
	return row < 0 || !(allowed & 1u << row) || format_table[row].of_requests
		   ? NULL
		   : &format_table[row];
}
