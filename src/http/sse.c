/* Server-sent events by a small machine: a state a line's part, values passed on as they come.
 * What is not wanted is skipped to the line's end by memchr. */
#include "http/sse.h"

enum state {
	START,     /* of the stream: a byte order mark may come */
	FIELD,     /* the name of a field, from the start of a line */
	SPACE,     /* after the colon: one space is dropped */
	DATA,      /* value of a data line */
	NAME,      /* value of an event line */
	IGNORED,   /* the rest of any other line */
	LOST,      /* after a gap, within a line */
	LOST_LINE, /* after a gap, at the start of a line */
};

#define BYTE_ORDER_MARK SPAN("\xef\xbb\xbf")

void sse_init(struct sse *sse, const struct sse_handler *handler, void *ctx)
{
	*sse = (struct sse){ .handler = handler, .ctx = ctx, .state = START };
}

void sse_gap(struct sse *sse)
{
	sse->state = LOST;
	sse->skip_lf = false;
	sse->has_data = false;
	sse->name_len = 0;
}

static bool is_line_end(char c)
{
	return c == '\n' || c == '\r';
}

static size_t line_length(struct span in)
{
	const char *lf = memchr(in.ptr, '\n', in.len);
	size_t n = lf ? (size_t)(lf - in.ptr) : in.len;
	const char *cr = memchr(in.ptr, '\r', n);

	return cr ? (size_t)(cr - in.ptr) : n;
}

/* The field's name is complete: what becomes of its value? */
static enum state value_state(struct sse *sse)
{
	struct span field = { sse->field, sse->field_len };

	if (span_eq(field, SPAN("data"))) {
		if (sse->has_data)
			sse->handler->data(sse->ctx, SPAN("\n"));
		sse->has_data = true;
		return DATA;
	}
	if (span_eq(field, SPAN("event"))) {
		sse->name_len = 0;
		return NAME;
	}
	return IGNORED;
}

static void end_event(struct sse *sse)
{
	if (sse->has_data)
		sse->handler->event(sse->ctx, (struct span){ sse->name, sse->name_len });
	sse->has_data = false;
	sse->name_len = 0;
}

static void end_line(struct sse *sse)
{
	if (sse->state == LOST) {
		sse->state = LOST_LINE;
		return;
	}
	if (sse->state == FIELD && !sse->field_len)
		end_event(sse);
	else if (sse->state == FIELD)
		value_state(sse); /* a field without a colon has an empty value */
	sse->state = FIELD;
	sse->field_len = 0;
}

static void take_name(struct sse *sse, struct span part)
{
	part = span_head(part, SSE_NAME_MAX - sse->name_len);
	memcpy(sse->name + sse->name_len, part.ptr, part.len);
	sse->name_len += (uint8_t)part.len;
}

/* Bytes of a field's name. One too long for the array is none that we know. */
static size_t take_field(struct sse *sse, struct span in)
{
	size_t n = 0;

	while (n < in.len && sse->state == FIELD && !is_line_end(in.ptr[n])) {
		char c = in.ptr[n++];

		if (c == ':')
			sse->state = SPACE;
		else
			sse->field[sse->field_len++] = c;
		if (sse->field_len == sizeof(sse->field))
			sse->state = IGNORED;
	}
	return n;
}

/* Bytes of a line, without its end; returns how many were taken. */
static size_t take_part(struct sse *sse, struct span in)
{
	struct span line;

	if (sse->state == FIELD)
		return take_field(sse, in);
	if (sse->state == SPACE) {
		sse->state = (uint8_t)value_state(sse);
		return *in.ptr == ' ';
	}
	line = span_head(in, line_length(in));
	switch ((enum state)sse->state) {
	case DATA:
		sse->handler->data(sse->ctx, line);
		break;
	case NAME:
		take_name(sse, line);
		break;
	case LOST_LINE:
		sse->state = LOST;
		break;
	default:
		break;
	}
	return line.len;
}

/* Drops a byte order mark; a part of one that leads to something else is an unknown field. */
static struct span skip_mark(struct sse *sse, struct span in)
{
	struct span mark = span_skip(BYTE_ORDER_MARK, sse->bom_len);

	while (in.len && mark.len && *in.ptr == *mark.ptr) {
		in = span_skip(in, 1);
		mark = span_skip(mark, 1);
		sse->bom_len++;
	}
	if (!mark.len || (in.len && !sse->bom_len))
		sse->state = FIELD;
	else if (in.len)
		sse->state = IGNORED;
	return in;
}

void sse_feed(struct sse *sse, struct span in)
{
	if (sse->state == START)
		in = skip_mark(sse, in);
	while (in.len) {
		bool after_cr = sse->skip_lf;

		sse->skip_lf = false;
		if (after_cr && *in.ptr == '\n') {
			in = span_skip(in, 1);
		} else if (is_line_end(*in.ptr)) {
			sse->skip_lf = *in.ptr == '\r';
			if (sse->state == SPACE)
				sse->state = (uint8_t)value_state(sse);
			end_line(sse);
			in = span_skip(in, 1);
		} else {
			in = span_skip(in, take_part(sse, in));
		}
	}
}
