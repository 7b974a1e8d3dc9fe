/* A document that breaks off leaves its values marked as torn, so that no count rests on half of a
 * usage object; in a stream a later whole document heals them. */
#include "meter/document.h"

#include <stdio.h>

#include "base/json_tail.h"

#define MARKER_NONE 0xff

/* Ends a stream of the OpenAI shape: an event, and the only one that is no JSON. */
static const struct span marker = { "[DONE]", 6 };

static void store(void *ctx, unsigned id, const struct json_value *value)
{
	struct format_reader *reader = ctx;

	if (reader->repeat && slot_plan_selects(reader->plan, id))
		repeat_spoil(reader->repeat);
	else if (reader->repeat && !slot_is_absent(value))
		repeat_learn(reader->repeat, id, value);
	slot_plan_store(reader->plan, reader->slots, reader->documents, id, value);
	if (!reader->plan->measures)
		return;
	reader->slots[id].characters = (int64_t)reader->work->measure.characters;
	reader->slots[id].segments = (int64_t)measure_segments(&reader->work->measure);
	reader->work->measure = (struct measure){ 0 };
}

static void measure(void *ctx, struct span piece)
{
	struct format_reader *reader = ctx;

	measure_feed(&reader->work->measure, piece);
}

/* The beginning of a document in a stream of its like. */
static size_t begin_document(struct format_reader *reader, struct span piece)
{
	reader->open = true;
	reader->documents++;
	reader->marker = 0;
	json_scan_init(&reader->work->scan, reader->plan->paths, store, reader);
	/* What is wanted besides is of the events of a stream. */
	reader->work->scan.no_extra = reader->format == &format_table[FORMAT_JSON];
	if (reader->plan->measures) {
		reader->work->scan.piece_fn = measure;
		reader->work->measure = (struct measure){ 0 };
	}
	if (reader->format != &format_table[FORMAT_SSE] || reader->plan->measures)
		return 0;
	if (!reader->repeat && reader->documents > 1)
		reader->repeat = repeat_new();
	return reader->repeat ? repeat_feed(reader->repeat, &reader->work->scan, reader->slots,
					    reader->documents, piece)
			      : 0;
}

static void tear_values(struct format_reader *reader)
{
	reader->broken = true;
	for (unsigned i = 0; i < reader->plan->n; i++)
		if (reader->slots[i].document == reader->documents)
			reader->slots[i].torn = true;
}

static void match_marker(struct format_reader *reader, struct span piece)
{
	if (reader->marker == MARKER_NONE)
		return;
	if (piece.len <= marker.len - reader->marker &&
	    memcmp(piece.ptr, marker.ptr + reader->marker, piece.len) == 0)
		reader->marker += (uint8_t)piece.len;
	else
		reader->marker = MARKER_NONE;
}

void document_feed(struct format_reader *reader, struct span piece)
{
	size_t done = 0;

	if (!piece.len)
		return;
	if (!reader->open)
		done = begin_document(reader, piece);
	match_marker(reader, piece);
	json_scan_feed(&reader->work->scan, span_skip(piece, done));
}

void document_feed_text(struct format_reader *reader, struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		char escaped[8];

		if (c == '"' || c == '\\' || c < ' ') {
			snprintf(escaped, sizeof(escaped), "\\u%04x", c);
			document_feed(reader, span_of(escaped));
		} else {
			document_feed(reader, (struct span){ text.ptr + i, 1 });
		}
	}
}

void document_end(struct format_reader *reader)
{
	if (!reader->open)
		return;
	reader->open = false;
	if (reader->marker == marker.len)
		reader->finished = true;
	else if (json_scan_end(&reader->work->scan) != 1)
		tear_values(reader);
	else if (reader->ended)
		reader->ended(reader->ctx);
}

void document_tear(struct format_reader *reader)
{
	tear_values(reader);
	reader->open = false;
}

void document_read_tail(struct format_reader *reader, struct span tail)
{
	reader->documents++;
	json_tail_scan(tail, reader->plan->paths, store, reader);
}
