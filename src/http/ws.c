/* Frames by a small machine: a header is gathered, a payload passes by in windows. Whether it
 * matters what is in it is settled at its header. */
#include "http/ws.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "http/body.h"
#include "http/content.h"

#define HEADER_MAX   14
#define WINDOW_BYTES 4096
#define CONTROL_MAX  125 /* RFC 6455, 5.5 */

enum { /* RFC 6455, 5.2: of the first byte, then of the second */
       FIN = 0x80,
       COMPRESSED = 0x40, /* RSV1: RFC 7692, 6 */
       RESERVED = 0x30,
       OPCODE = 0x0f,
       CONTROL = 0x08,
       MASKED = 0x80,
       LENGTH = 0x7f,
};

enum { CONTINUATION, TEXT, BINARY, CLOSE = 8, PING, PONG };

enum state { AT_HEADER, IN_PAYLOAD, CLOSED, LOST };

struct ws {
	struct ws_options o;
	enum state state;
	uint8_t header[HEADER_MAX];
	uint8_t header_len;
	uint8_t mask[4];
	uint64_t left;       /* of the payload at hand */
	uint64_t passed;     /* of it */
	bool deflate;        /* agreed */
	bool takeover;       /* compressed messages share a context */
	uint8_t window_bits; /* of that */
	bool deaf;           /* which is lost */
	bool in_message;
	bool compressed; /* the message at hand */
	bool muted;      /* it is given up */
	struct body *inflater;
};

/* Whether the parameters of an extension hold one of that name; what it is set to may be quoted. */
static bool find_parameter(struct span parameters, struct span name, struct span *ret_value)
{
	while (parameters.ptr) {
		struct span value = span_cut(&parameters, ';');

		if (!span_ieq(span_trim(span_cut(&value, '=')), name))
			continue;
		value = span_trim(value);
		if (span_starts(value, SPAN("\"")))
			value = span_head(span_skip(value, 1), value.len - 2);
		*ret_value = value;
		return true;
	}
	return false;
}

/* RFC 7692, 7.1.2. zlib makes 9 of 8. Where nothing is said the largest reads what was made with a
 * smaller one. */
static uint8_t window_bits(struct span parameters, struct span name)
{
	struct span value = { NULL, 0 };
	uint64_t bits;

	if (!find_parameter(parameters, name, &value) || span_u64(value, &bits) < 0 || bits < 8 ||
	    bits > MAX_WBITS)
		return MAX_WBITS;
	return bits == 8 ? 9 : (uint8_t)bits;
}

/* The response says what was agreed. */
static void agree(struct ws *ws)
{
	const struct http_head *head = &ws->o.exchange->response;
	bool sent = ws->o.direction == DIRECTION_SENT;
	struct span reset =
	    sent ? SPAN("client_no_context_takeover") : SPAN("server_no_context_takeover");
	struct span window = sent ? SPAN("client_max_window_bits") : SPAN("server_max_window_bits");
	struct span none;

	for (unsigned i = 0; i < head->n_headers; i++) {
		struct span rest = head->headers[i].value;

		if (!span_ieq(head->headers[i].name, SPAN("sec-websocket-extensions")))
			continue;
		while (rest.ptr) {
			struct span parameters = span_cut(&rest, ',');
			struct span name = span_trim(span_cut(&parameters, ';'));

			if (!span_ieq(name, SPAN("permessage-deflate")))
				continue;
			ws->deflate = true;
			ws->takeover = !find_parameter(parameters, reset, &none);
			ws->window_bits = window_bits(parameters, window);
		}
	}
}

int ws_new(const struct ws_options *options, struct ws **ret_ws)
{
	struct ws *ws = calloc(1, sizeof(*ws));

	if (!ws)
		return -ENOMEM;
	ws->o = *options;
	agree(ws);
	*ret_ws = ws;
	return 0;
}

void ws_free(struct ws *ws)
{
	if (!ws)
		return;
	body_free(ws->inflater);
	free(ws);
}

bool ws_is_closed(const struct ws *ws)
{
	return ws->state == CLOSED;
}

bool ws_in_message(const struct ws *ws)
{
	return ws->in_message || ws->header_len;
}

/* --- what goes wrong */

/* The message at hand cannot be read, nor can others that build on it. */
static void spoil(struct ws *ws)
{
	if (ws->muted)
		return;
	ws->muted = true;
	if (ws->compressed) {
		body_free(TAKE_PTR(ws->inflater));
		ws->deaf |= ws->takeover;
	}
	ws->o.handler->gap(ws->o.ctx, ws->o.exchange, ws->o.direction);
}

static void spoil_by(struct ws *ws, int err)
{
	content_fault_by(ws->o.exchange, ws->o.counters, err);
	spoil(ws);
}

void ws_lose(struct ws *ws)
{
	if (ws->state >= CLOSED)
		return;
	ws->state = LOST;
	if (!ws->in_message || !ws->muted)
		ws->o.handler->gap(ws->o.ctx, ws->o.exchange, ws->o.direction);
	ws->in_message = false;
	ws->header_len = 0;
	body_free(TAKE_PTR(ws->inflater));
}

/* --- messages */

static void deliver(void *ctx, struct span piece)
{
	struct ws *ws = ctx;

	ws->o.handler->body(ws->o.ctx, ws->o.exchange, ws->o.direction, piece);
}

static void begin_message(struct ws *ws, bool compressed)
{
	ws->in_message = true;
	ws->compressed = compressed;
	ws->muted = compressed && ws->deaf;
}

static void take_data(struct ws *ws, struct span data)
{
	int err = 0;

	if (ws->muted || !data.len)
		return;
	if (!ws->compressed) {
		deliver(ws, data);
		return;
	}
	if (!ws->inflater)
		err = body_new_raw(deliver, ws, ws->window_bits, &ws->o.counters->decoder_bytes,
				   &ws->inflater);
	if (!err)
		err = body_feed(ws->inflater, data);
	if (err)
		spoil_by(ws, err);
}

static void end_message(struct ws *ws)
{
	/* RFC 7692, 7.2.2: the sender took these away. */
	if (ws->compressed)
		take_data(ws, SPAN("\0\0\xff\xff"));
	ws->in_message = false;
	if (ws->inflater)
		body_next(ws->inflater);
	if (ws->compressed && !ws->takeover)
		body_free(TAKE_PTR(ws->inflater));
	if (!ws->muted)
		ws->o.handler->message(ws->o.ctx, ws->o.exchange, ws->o.direction);
}

/* --- frames */

static void end_frame(struct ws *ws)
{
	unsigned first = ws->header[0];

	ws->state = (first & OPCODE) == CLOSE ? CLOSED : AT_HEADER;
	ws->header_len = 0;
	if (first & CONTROL) {
		ws->in_message &= ws->state != CLOSED;
		return;
	}
	if (first & FIN)
		end_message(ws);
}

/* Bytes of the header at hand, as far as it tells. */
static size_t header_bytes(const struct ws *ws)
{
	unsigned length = ws->header[1] & LENGTH;

	if (ws->header_len < 2)
		return 2;
	return 2 + (ws->header[1] & MASKED ? 4u : 0u) +
	       (length == 127   ? 8u
		: length == 126 ? 2u
				: 0u);
}

/* RFC 6455, 5.1 to 5.5. Lengths in more bytes than they need are let pass. */
static bool is_sound(const struct ws *ws)
{
	unsigned first = ws->header[0], opcode = first & OPCODE;
	bool masked = ws->header[1] & MASKED;

	if (first & RESERVED || masked != (ws->o.direction == DIRECTION_SENT) || ws->left >> 63)
		return false;
	if (opcode & CONTROL)
		return opcode <= PONG && first & FIN && !(first & COMPRESSED) &&
		       ws->left <= CONTROL_MAX;
	if (first & COMPRESSED && (!ws->deflate || opcode == CONTINUATION))
		return false;
	return opcode <= BINARY && (opcode == CONTINUATION) == ws->in_message;
}

static void begin_frame(struct ws *ws)
{
	size_t end = ws->header_len - (ws->header[1] & MASKED ? 4u : 0u);

	ws->left = ws->header[1] & LENGTH;
	if (end > 2)
		ws->left = 0;
	for (size_t i = 2; i < end; i++)
		ws->left = ws->left << 8 | ws->header[i];
	memset(ws->mask, 0, sizeof(ws->mask));
	memcpy(ws->mask, ws->header + end, ws->header_len - end);
	ws->passed = 0;
	if (!is_sound(ws)) {
		content_fault(ws->o.exchange, EXCHANGE_BAD_FRAME);
		counter_add(&ws->o.counters->bad_frames, 1);
		ws_lose(ws);
		return;
	}
	if (!(ws->header[0] & CONTROL) && !ws->in_message)
		begin_message(ws, ws->header[0] & COMPRESSED);
	ws->state = IN_PAYLOAD;
	if (!ws->left)
		end_frame(ws);
}

static struct span take_header(struct ws *ws, struct span in)
{
	struct span part = span_head(in, header_bytes(ws) - ws->header_len);

	memcpy(ws->header + ws->header_len, part.ptr, part.len);
	ws->header_len += (uint8_t)part.len;
	if (ws->header_len == header_bytes(ws))
		begin_frame(ws);
	return span_skip(in, part.len);
}

static void unmask(const struct ws *ws, struct span in, char *out)
{
	char mask[4];

	for (unsigned i = 0; i < 4; i++)
		mask[i] = (char)ws->mask[(ws->passed + i) % 4];
	for (size_t i = 0; i < in.len; i++)
		out[i] = (char)(in.ptr[i] ^ mask[i % 4]);
}

static struct span take_payload(struct ws *ws, struct span in)
{
	bool plain = !(ws->header[1] & MASKED);
	struct span part =
	    span_head(in, ws->left < WINDOW_BYTES || plain ? ws->left : WINDOW_BYTES);
	char window[WINDOW_BYTES];

	if (ws->header[0] & CONTROL || ws->muted) {
		part = span_head(in, ws->left);
	} else if (plain) {
		take_data(ws, part);
	} else {
		unmask(ws, part, window);
		take_data(ws, (struct span){ window, part.len });
	}
	ws->left -= part.len;
	ws->passed += part.len;
	if (!ws->left)
		end_frame(ws);
	return span_skip(in, part.len);
}

void ws_feed(struct ws *ws, struct span bytes)
{
	while (bytes.len && ws->state < CLOSED)
		bytes = ws->state == AT_HEADER ? take_header(ws, bytes) : take_payload(ws, bytes);
}

void ws_skip(struct ws *ws, uint64_t n)
{
	if (!n || ws->state >= CLOSED)
		return;
	if (ws->state == AT_HEADER || n > ws->left) {
		ws_lose(ws);
		return;
	}
	if (!(ws->header[0] & CONTROL))
		spoil(ws);
	/* The mask may lose its step: what is left of this frame is not looked at. */
	ws->left -= n;
	if (!ws->left)
		end_frame(ws);
}
