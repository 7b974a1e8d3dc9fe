/* Finds where documents begin and end by counting brackets outside strings; whether they are JSON
 * is the scanner's to say. */
#include "meter/sequence.h"

#include "base/json_text.h"
#include "meter/document.h"

void sequence_begin(struct format_reader *reader)
{
	reader->work->sequence = (struct sequence){ 0 };
}

void sequence_nest(struct format_reader *reader, struct span pointer)
{
	struct sequence *s = &reader->work->sequence;

	s->nested = true;
	within_begin(&s->within, pointer);
}

/* Between documents. True when one begins at the byte. */
static bool begins(struct format_reader *reader, char c)
{
	struct sequence *s = &reader->work->sequence;

	if (c == '{') {
		s->depth = 1;
		return true;
	}
	if (c == '[' && !s->in_array && !reader->documents)
		s->in_array = true;
	else if (c == ']' && s->in_array)
		s->in_array = false;
	else if (!strchr(" \t\r\n,", c) || !c)
		s->lost = reader->broken = true;
	return false;
}

/* A byte outside of strings. */
static void take(struct sequence *s, char c)
{
	if (c == '"')
		s->in_string = true;
	else if (c == '{' || c == '[')
		s->depth++;
	else if (c == '}' || c == ']')
		s->depth--;
}

/* Bytes of the document at hand at the front of the piece. */
static size_t measure(struct sequence *s, struct span piece)
{
	const char *at = piece.ptr, *end = at + piece.len;

	while (at < end && s->depth) {
		if (s->in_string && !s->escape) {
			at = json_text_skip(at, end, &s->in_string, &s->escape);
			continue;
		}
		if (!s->escape)
			take(s, *at);
		s->escape = false;
		at++;
	}
	return (size_t)(at - piece.ptr);
}

void sequence_feed(struct format_reader *reader, struct span piece)
{
	struct sequence *s = &reader->work->sequence;
	size_t n;

	while (piece.len && !s->lost) {
		if (s->nested && !s->in_array) {
			s->in_array = within_find(&s->within, &piece);
			continue;
		}
		if (!s->depth) {
			if (begins(reader, *piece.ptr))
				document_feed(reader, span_head(piece, 1));
			piece = span_skip(piece, 1);
			continue;
		}
		n = measure(s, piece);
		document_feed(reader, span_head(piece, n));
		piece = span_skip(piece, n);
		if (!s->depth)
			document_end(reader);
	}
}

void sequence_gap(struct format_reader *reader)
{
	if (reader->open)
		document_tear(reader);
	reader->work->sequence.lost = true;
}
