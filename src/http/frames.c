/* Frame headers and the fields in front of payloads are gathered in nine bytes; all else passes by.
 * The invariant: `left` counts what is still to come of the frame at hand, so a hole inside it is
 * passed over exactly. */
#include "http/frames.h"

/* What RFC 9113, 6 says of each type. To add one: a row, at its number. */
static const struct rule {
	uint32_t min, max; /* of the payload */
	uint8_t flags;     /* defined ones */
	bool on_stream, on_connection;
} rules[] = {
	[FRAME_DATA] = { 0, UINT32_MAX, FRAME_END_STREAM | FRAME_PADDED, true, false },
	[FRAME_HEADERS] = { 0, UINT32_MAX,
			    FRAME_END_STREAM | FRAME_END_HEADERS | FRAME_PADDED |
				FRAME_HAS_PRIORITY,
			    true, false },
	[FRAME_PRIORITY] = { 5, 5, 0, true, false },
	[FRAME_RST_STREAM] = { 4, 4, 0, true, false },
	[FRAME_SETTINGS] = { 0, UINT32_MAX, FRAME_ACK, false, true },
	[FRAME_PUSH_PROMISE] = { 4, UINT32_MAX, FRAME_END_HEADERS | FRAME_PADDED, true, false },
	[FRAME_PING] = { 8, 8, FRAME_ACK, false, true },
	[FRAME_GOAWAY] = { 8, UINT32_MAX, 0, false, true },
	[FRAME_WINDOW_UPDATE] = { 4, 4, 0, true, true },
	[FRAME_CONTINUATION] = { 0, UINT32_MAX, FRAME_END_HEADERS, true, false },
};

static const struct rule *rule_of(const struct frame *frame)
{
	return frame->type < sizeof(rules) / sizeof(*rules) ? &rules[frame->type] : NULL;
}

uint32_t frames_number(const uint8_t b[4])
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static struct frame parse_header(const uint8_t b[FRAMES_HEADER_BYTES])
{
	return (struct frame){ .length = (uint32_t)b[0] << 16 | (uint32_t)b[1] << 8 | b[2],
			       .type = b[3],
			       .flags = b[4],
			       .id = frames_number(b + 5) & INT32_MAX };
}

static bool is_valid(const struct frame *frame)
{
	const struct rule *rule = rule_of(frame);

	if (!rule)
		return true;
	if (frame->length < rule->min || frame->length > rule->max)
		return false;
	if (frame->type == FRAME_SETTINGS && frame->length % 6)
		return false;
	return frame->id ? rule->on_stream : rule->on_connection;
}

/* Bytes of the payload that come before what the frame is for. */
static uint8_t prefix_bytes(const struct frame *frame)
{
	bool padded = frame->flags & FRAME_PADDED;

	switch (frame->type) {
	case FRAME_DATA:
		return padded;
	case FRAME_HEADERS:
		return (uint8_t)(padded + (frame->flags & FRAME_HAS_PRIORITY ? 5 : 0));
	case FRAME_PUSH_PROMISE:
		return (uint8_t)(padded + 4);
	case FRAME_GOAWAY:
		return 8;
	default:
		return 0;
	}
}

static bool is_padded(const struct frame *frame)
{
	const struct rule *rule = rule_of(frame);

	return rule && frame->flags & rule->flags & FRAME_PADDED;
}

/* Padding is zeros, and zeros look like a header: an empty frame must be for something. */
static bool is_of_use(const struct frame *frame)
{
	return frame->length || (frame->type == FRAME_DATA && frame->flags & FRAME_END_STREAM) ||
	       (frame->type == FRAME_SETTINGS && frame->flags & FRAME_ACK);
}

static bool is_plausible(const uint8_t *bytes, struct frame *ret_frame)
{
	struct frame frame = parse_header(bytes);
	const struct rule *rule = rule_of(&frame);

	*ret_frame = frame;
	return rule && is_valid(&frame) && is_of_use(&frame) &&
	       frame.length >= prefix_bytes(&frame) && frame.length <= FRAMES_PLAUSIBLE_MAX &&
	       !(frame.flags & ~rule->flags) && !bytes[5] && (!frame.id || frame.id & 1);
}

static enum frames_event take_preface(struct frames *f, struct span *in)
{
	struct span due = span_skip(FRAMES_PREFACE, FRAMES_PREFACE.len - f->left);
	struct span part = span_head(*in, due.len);

	if (!span_starts(due, part))
		return FRAMES_BAD;
	*in = span_skip(*in, part.len);
	f->left -= (uint32_t)part.len;
	if (!f->left)
		f->state = FRAMES_IN_HEADER;
	return FRAMES_MORE;
}

/* True when all that is needed is there. */
static bool gather(struct frames *f, struct span *in)
{
	struct span part = span_head(*in, (size_t)(f->need - f->have));

	if (part.len)
		memcpy(f->gathered + f->have, part.ptr, part.len);
	f->have += (uint8_t)part.len;
	*in = span_skip(*in, part.len);
	return f->have == f->need;
}

static enum frames_event take_header(struct frames *f, struct span *in)
{
	if (!gather(f, in))
		return FRAMES_MORE;
	if (f->probation && !is_plausible(f->gathered, &f->frame))
		return FRAMES_BAD;
	f->probation -= f->probation > 0;
	f->frame = parse_header(f->gathered);
	f->need = prefix_bytes(&f->frame);
	if (!is_valid(&f->frame) || f->need > f->frame.length)
		return FRAMES_BAD;
	f->have = 0;
	f->left = f->frame.length - f->need;
	f->padding = 0;
	f->begun = f->blind = false;
	f->state = FRAMES_IN_PREFIX;
	return FRAMES_MORE;
}

static enum frames_event take_prefix(struct frames *f, struct span *in)
{
	if (!gather(f, in))
		return FRAMES_MORE;
	f->padding = is_padded(&f->frame) ? f->gathered[0] : 0;
	if (f->padding > f->left)
		return FRAMES_BAD;
	f->state = FRAMES_IN_PAYLOAD;
	return FRAMES_MORE;
}

static enum frames_event take_payload(struct frames *f, struct span *in, struct span *ret_piece)
{
	uint32_t padding = f->blind ? f->left : f->padding;
	struct span part = span_head(*in, f->left > padding ? f->left - padding : 0);

	if (!f->begun) {
		f->begun = true;
		return FRAMES_BEGIN;
	}
	if (part.len) {
		*in = span_skip(*in, part.len);
		f->left -= (uint32_t)part.len;
		*ret_piece = part;
		return FRAMES_PIECE;
	}
	if (f->left <= padding) {
		part = span_head(*in, f->left);
		*in = span_skip(*in, part.len);
		f->left -= (uint32_t)part.len;
	}
	if (f->left)
		return FRAMES_MORE;
	f->state = FRAMES_IN_HEADER;
	f->need = FRAMES_HEADER_BYTES;
	f->have = 0;
	return FRAMES_END;
}

enum frames_event frames_next(struct frames *f, struct span *in, struct span *ret_piece)
{
	enum frames_event event = FRAMES_MORE;
	enum frames_state before;

	*ret_piece = (struct span){ NULL, 0 };
	do {
		before = f->state;
		switch (f->state) {
		case FRAMES_IN_PREFACE:
			event = take_preface(f, in);
			break;
		case FRAMES_IN_HEADER:
			event = take_header(f, in);
			break;
		case FRAMES_IN_PREFIX:
			event = take_prefix(f, in);
			break;
		case FRAMES_IN_PAYLOAD:
			return take_payload(f, in, ret_piece);
		case FRAMES_LOST:
			*in = span_skip(*in, in->len);
			return FRAMES_MORE;
		}
	} while (event == FRAMES_MORE && f->state != before);
	return event;
}

void frames_expect_hole(struct frames *f)
{
	if (f->state != FRAMES_IN_PREFIX)
		return;
	f->left += (uint32_t)(f->need - f->have);
	f->blind = true;
	f->state = FRAMES_IN_PAYLOAD;
}

uint32_t frames_skip(struct frames *f, uint64_t n)
{
	if (f->state != FRAMES_IN_PREFACE && f->state != FRAMES_IN_PAYLOAD)
		return 0;
	if (n > f->left)
		n = f->left;
	f->left -= (uint32_t)n;
	if (f->state == FRAMES_IN_PREFACE && !f->left)
		f->state = FRAMES_IN_HEADER;
	return (uint32_t)n;
}

/* The rest of a block whose start was lost is no place to begin. */
bool frames_may_begin(struct span in)
{
	struct frame frame;

	return in.len >= FRAMES_HEADER_BYTES && is_plausible((const uint8_t *)in.ptr, &frame) &&
	       frame.type != FRAME_CONTINUATION;
}

bool frames_plausible(struct span in, bool (*is_open)(void *ctx, uint32_t id), void *ctx)
{
	unsigned n = 0;

	if (!frames_may_begin(in))
		return false;
	while (in.len >= FRAMES_HEADER_BYTES) {
		struct frame frame;
		size_t whole;

		if (!is_plausible((const uint8_t *)in.ptr, &frame))
			return false;
		if (!n && frame.id && is_open && is_open(ctx, frame.id))
			return true;
		whole = FRAMES_HEADER_BYTES + (size_t)frame.length;
		if (whole == in.len && (n || frame.length))
			return true;
		n++;
		in = span_skip(in, whole);
	}
	return n > 1;
}

bool frames_resync(struct frames *f, struct span in, bool (*is_open)(void *ctx, uint32_t id),
		   void *ctx)
{
	if (!frames_plausible(in, is_open, ctx))
		return false;
	*f = frames_on_probation();
	return true;
}
