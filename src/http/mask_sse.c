/* Lines, and the JSON of an event's data lines as one document. */
#include "http/mask_sse.h"

#include <string.h>

enum state {
	STATE_LINE,  /* at the start of one */
	STATE_FIELD, /* in its name */
	STATE_DATA_START,
	STATE_DATA,
	STATE_EVENT,
	STATE_OTHER,     /* a value that is not kept */
	STATE_LOST,      /* in a line after a gap */
	STATE_LOST_LINE, /* at the start of one */
};

static const char marker[] = "[DONE]";

void mask_sse_init(struct mask_sse *m, bool answer)
{
	memset(m, 0, sizeof(*m));
	m->answer = answer;
	mask_json_init(&m->json, answer);
}

void mask_sse_gap(struct mask_sse *m)
{
	m->state = STATE_LOST;
	m->after_cr = false;
}

/* An empty line ends an event; no text in JSON can hold one. */
static void end_line(struct mask_sse *m)
{
	if (m->state == STATE_LINE || m->state == STATE_LOST_LINE) {
		mask_json_init(&m->json, m->answer);
		m->marker = 0;
		m->state = STATE_LINE;
		return;
	}
	m->state = m->state == STATE_LOST ? STATE_LOST_LINE : STATE_LINE;
}

static char step_field(struct mask_sse *m, char c)
{
	static const char *const fields[] = { "data", "event", "id", "retry", NULL };

	if (m->state == STATE_LINE)
		m->len = 0;
	m->state = STATE_FIELD;
	if (c == ':') {
		struct span name = { m->field, m->len };

		m->len = 0;
		m->state = span_eq(name, SPAN("data"))    ? STATE_DATA_START
			   : span_eq(name, SPAN("event")) ? STATE_EVENT
							  : STATE_OTHER;
		return c;
	}
	if (!mask_json_leads(fields, sizeof(fields[0]), m->field, m->len, c)) {
		m->state = STATE_OTHER;
		return 'x';
	}
	m->field[m->len++] = c;
	return c;
}

static char step_data(struct mask_sse *m, char c)
{
	bool fresh = mask_json_is_fresh(&m->json);

	if (m->state == STATE_DATA_START && c == ' ') {
		m->state = STATE_DATA;
		return c;
	}
	m->state = STATE_DATA;
	if (m->marker && m->marker < sizeof(marker) - 1 && c == marker[m->marker]) {
		m->marker++;
		mask_json_spoil(&m->json);
		return c;
	}
	m->marker = fresh && c == marker[0];
	return mask_json_byte(&m->json, c);
}

static char step_event(struct mask_sse *m, char c)
{
	bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		     c == '_' || c == '.' || c == '-' || c == ' ';

	if (!plain || m->len == MASK_JSON_KEY_MAX || (c == ' ' && m->len)) {
		m->state = STATE_OTHER;
		return 'x';
	}
	m->len++;
	return c;
}

char mask_sse_byte(struct mask_sse *m, char c)
{
	bool second = m->after_cr && c == '\n';

	m->after_cr = c == '\r';
	if (c == '\r' || c == '\n') {
		if (!second)
			end_line(m);
		return c;
	}
	switch (m->state) {
	case STATE_LINE:
	case STATE_FIELD:
		return step_field(m, c);
	case STATE_DATA_START:
	case STATE_DATA:
		return step_data(m, c);
	case STATE_EVENT:
		return step_event(m, c);
	case STATE_LOST_LINE:
		m->state = STATE_LOST;
		return 'x';
	default:
		return 'x';
	}
}
