/* Splits an event stream into messages and hands on their payloads as they come. A checksum at the
 * end that is wrong tears what the message said. */
#include "meter/eventstream.h"

#include <zlib.h>

#include "base/base64.h"
#include "meter/document.h"

#define TRAILER_BYTES 4

enum payload { WRAPPER, PLAIN, BASE64, IGNORED };

static const struct span wrapper = { "{\"bytes\":\"", 10 };

static uint32_t read_be32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t crc_of(uint32_t crc, const void *bytes, size_t n)
{
	return (uint32_t)crc32(crc, bytes, (unsigned)n);
}

void eventstream_begin(struct format_reader *reader)
{
	reader->work->eventstream = (struct eventstream){ 0 };
}

void eventstream_gap(struct format_reader *reader)
{
	if (reader->open)
		document_tear(reader);
	eventstream_begin(reader);
}

/* 12 bytes that are no prelude: the stream is damaged, and one byte further is the next place to
 * look. */
static void begin_message(struct format_reader *reader)
{
	struct eventstream *es = &reader->work->eventstream;
	uint32_t total = read_be32(es->prelude), headers = read_be32(es->prelude + 4);
	uint32_t frame = EVENTSTREAM_PRELUDE_BYTES + TRAILER_BYTES;

	if (crc_of(0, es->prelude, 8) != read_be32(es->prelude + 8) || total < frame ||
	    total > EVENTSTREAM_MESSAGE_MAX || headers > total - frame) {
		reader->broken = true;
		memmove(es->prelude, es->prelude + 1, --es->prelude_len);
		return;
	}
	es->headers_left = headers;
	es->payload_left = total - frame - headers;
	es->crc = crc_of(0, es->prelude, sizeof(es->prelude));
	es->payload = WRAPPER;
	es->wrapper = es->base64_len = es->trailer_len = 0;
	es->base64 = es->trailer = 0;
}

static void feed_base64(struct format_reader *reader, struct span piece)
{
	struct eventstream *es = &reader->work->eventstream;
	char out[192];
	size_t n = 0;

	for (size_t i = 0; i < piece.len && es->payload == BASE64; i++) {
		int digit = base64_digit(piece.ptr[i]);

		if (piece.ptr[i] == '"')
			es->payload = IGNORED;
		if (digit < 0)
			continue; /* padding, and the escape of a slash */
		es->base64 = es->base64 << 6 | (uint32_t)digit;
		es->base64_len++;
		/* The first digit of four has no whole byte yet; each of the others ends one. */
		if (es->base64_len > 1)
			out[n++] = (char)(es->base64 >> (8 - 2 * es->base64_len));
		es->base64_len %= 4;
		if (n == sizeof(out)) {
			document_feed(reader, (struct span){ out, n });
			n = 0;
		}
	}
	document_feed(reader, (struct span){ out, n });
}

/* Takes what is of the wrapper. What turns out to be something else is fed as it came, but for the
 * white space. */
static struct span match_wrapper(struct format_reader *reader, struct span piece)
{
	struct eventstream *es = &reader->work->eventstream;

	while (piece.len && es->payload == WRAPPER) {
		char c = *piece.ptr;

		if (c == wrapper.ptr[es->wrapper]) {
			es->wrapper++;
		} else if (!strchr(" \t\r\n", c) || !c) {
			es->payload = PLAIN;
			document_feed(reader, span_head(wrapper, es->wrapper));
			return piece;
		}
		if (es->wrapper == wrapper.len)
			es->payload = BASE64;
		piece = span_skip(piece, 1);
	}
	return piece;
}

static void feed_payload(struct format_reader *reader, struct span piece)
{
	piece = match_wrapper(reader, piece);
	if (reader->work->eventstream.payload == BASE64)
		feed_base64(reader, piece);
	else if (reader->work->eventstream.payload == PLAIN)
		document_feed(reader, piece);
}

static void end_message(struct format_reader *reader)
{
	bool open = reader->open;

	document_end(reader);
	if (reader->work->eventstream.crc != reader->work->eventstream.trailer) {
		reader->broken = true;
		if (open)
			document_tear(reader);
	}
	eventstream_begin(reader);
}

/* Bytes at the front of the piece that belong to the next part of the message. */
static size_t take_part(struct format_reader *reader, struct span piece)
{
	struct eventstream *es = &reader->work->eventstream;
	size_t n = 1;

	if (es->prelude_len < EVENTSTREAM_PRELUDE_BYTES) {
		es->prelude[es->prelude_len++] = (uint8_t)*piece.ptr;
		if (es->prelude_len == EVENTSTREAM_PRELUDE_BYTES)
			begin_message(reader);
		return n;
	}
	if (es->headers_left || es->payload_left) {
		uint32_t *left = es->headers_left ? &es->headers_left : &es->payload_left;
		bool is_payload = left == &es->payload_left;

		piece = span_head(piece, *left);
		*left -= (uint32_t)piece.len;
		es->crc = crc_of(es->crc, piece.ptr, piece.len);
		if (is_payload)
			feed_payload(reader, piece);
		return piece.len;
	}
	es->trailer = es->trailer << 8 | (uint8_t)*piece.ptr;
	if (++es->trailer_len == TRAILER_BYTES)
		end_message(reader);
	return n;
}

void eventstream_feed(struct format_reader *reader, struct span piece)
{
	while (piece.len)
		piece = span_skip(piece, take_part(reader, piece));
}
