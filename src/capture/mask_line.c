/* Start lines: a byte that does not fit ends all recognition. */
#include "capture/mask_line.h"

#include <string.h>

#define NO_ROW (-1)

static const char version[] = "HTTP/1.";
/* RFC 9110, 9; RFC 5789; and the preface of HTTP/2. */
static const char *const methods[] = { "GET ",    "POST ", "PUT ",     "PATCH ",
				       "DELETE ", "HEAD ", "OPTIONS ", "CONNECT ",
				       "TRACE ",  "PRI ",  NULL };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool mask_line_is_plain(char c)
{
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
	       (c && strchr("-._~:/;=+,*", c));
}

char mask_line_lose(struct mask_side *s)
{
	s->state = MASK_LOST;
	return 'x';
}

bool mask_line_begins(const struct mask_side *s, struct span in)
{
	if (!s->sent)
		return span_starts(in, SPAN("HTTP/1."));
	for (size_t i = 0; methods[i]; i++)
		if (span_starts(in, span_of(methods[i])))
			return true;
	return false;
}

static char step_method(struct mask *m, struct mask_side *s, char c)
{
	if (!s->token_len && (c == '\r' || c == '\n'))
		return c;
	s->token[s->token_len++] = c;
	if (c != ' ')
		return c;
	if (span_eq((struct span){ s->token, s->token_len }, SPAN("PRI "))) {
		m->switched = true;
		s->state = MASK_LOST;
		return c;
	}
	m->head_asked = s->token[0] == 'H';
	s->state = MASK_TARGET;
	s->at = 0;
	return c;
}

static char step_target(struct mask_side *s, char c)
{
	if (c == ' ') {
		s->state = MASK_VERSION;
		s->at = 0;
		return c;
	}
	if (c == '\r' || c == '\n')
		return mask_line_lose(s);
	s->at += s->at < MASK_TARGET_MAX;
	if (s->query || !mask_line_is_plain(c) || s->at == MASK_TARGET_MAX) {
		s->query |= c == '?';
		return c == '?' ? c : 'x';
	}
	return c;
}

void mask_line_end(struct mask_side *s)
{
	s->state = MASK_NAME;
	s->token_len = 0;
	s->row = NO_ROW;
	s->blank = true;
}

/* "HTTP/1.1", then the end of the line. */
static char step_version(struct mask_side *s, char c)
{
	const size_t end = sizeof(version) - 1;

	if (s->at < end ? c == version[s->at] : s->at == end ? is_digit(c) : c == '\r') {
		s->at++;
		return c;
	}
	if (s->at <= end || c != '\n')
		return mask_line_lose(s);
	mask_line_end(s);
	return c;
}

/* "HTTP/1.1 200", then a reason or the end of the line. */
static char step_status(struct mask_side *s, char c)
{
	const size_t minor = sizeof(version) - 1, space = minor + 1, end = space + 4;
	bool good = s->at < minor    ? c == version[s->at]
		    : s->at == space ? c == ' '
				     : s->at != end && is_digit(c);

	if (s->at == end && (c == ' ' || c == '\r')) {
		s->state = MASK_REASON;
		return c;
	}
	if (s->at == end && c == '\n') {
		mask_line_end(s);
		return c;
	}
	if (!good)
		return mask_line_lose(s);
	if (s->at > space)
		s->status = (uint16_t)(s->status * 10 + (c - '0'));
	s->at++;
	s->state = MASK_STATUS;
	return c;
}

static char step_reason(struct mask_side *s, char c)
{
	if (c == '\n')
		mask_line_end(s);
	return c == '\n' || c == '\r' || c == ' ' ? c : 'x';
}

bool mask_line_leads(const struct mask_side *s, char c)
{
	if (!s->sent)
		return c == version[0];
	if (!s->token_len && (c == '\r' || c == '\n'))
		return true;
	return mask_json_leads(methods, sizeof(methods[0]), s->token, s->token_len, c);
}

char mask_line_step(struct mask *m, struct mask_side *s, char c)
{
	switch (s->state) {
	case MASK_START:
		return s->sent ? step_method(m, s, c) : step_status(s, c);
	case MASK_TARGET:
		return step_target(s, c);
	case MASK_VERSION:
		return step_version(s, c);
	case MASK_STATUS:
		return step_status(s, c);
	default:
		return step_reason(s, c);
	}
}
