/* HTTP/1 framing of one direction as a machine over single bytes. A byte's fate is known before it
 * is taken: left out or not; and then what is kept of it follows from the bytes before it. */
#include "capture/mask_line.h"

#include <string.h>

enum kind { KIND_UNKNOWN, KIND_JSON, KIND_SSE, KIND_LEFT_OUT };

#define NO_ROW (-1)

enum meaning { MEANING_NONE, MEANING_LENGTH, MEANING_TRANSFER, MEANING_CODING };

#define LIMIT_ROWS(before, behind)                                                                 \
	{ before "limit" behind, MEANING_NONE }, { before "remaining" behind, MEANING_NONE },      \
	{                                                                                          \
		before "reset" behind, MEANING_NONE                                                \
	}

/* Headers that are kept. To add one that a provider file or src/http reads: a row; never one that
 * can carry a credential. */
static const struct header {
	const char *name;
	enum meaning meaning;
} headers[] = {
	{ "content-length", MEANING_LENGTH },
	{ "transfer-encoding", MEANING_TRANSFER },
	{ "content-encoding", MEANING_CODING },
	{ "content-type", MEANING_NONE },
	{ "content-range", MEANING_NONE },
	{ "host", MEANING_NONE },
	{ "connection", MEANING_NONE },
	{ "upgrade", MEANING_NONE },
	{ "expect", MEANING_NONE },
	{ "x-request-id", MEANING_NONE },
	{ "request-id", MEANING_NONE },
	{ "apim-request-id", MEANING_NONE },
	{ "cf-ray", MEANING_NONE },
	{ "dg-request-id", MEANING_NONE },
	{ "sb-request-id", MEANING_NONE },
	{ "twilio-request-id", MEANING_NONE },
	{ "x-amzn-requestid", MEANING_NONE },
	{ "x-resend-request-id", MEANING_NONE },
	{ "x-debug-trace-id", MEANING_NONE },
	{ "x-global-transaction-id", MEANING_NONE },
	{ "x-vercel-id", MEANING_NONE },
	{ "x-amzn-errortype", MEANING_NONE },
	{ "x-amzn-bedrock-input-token-count", MEANING_NONE },
	{ "x-amzn-bedrock-output-token-count", MEANING_NONE },
	{ "x-amzn-bedrock-service-tier", MEANING_NONE },
	{ "dg-char-count", MEANING_NONE },
	{ "dg-model-name", MEANING_NONE },
	{ "x-stainless-retry-count", MEANING_NONE },
	{ "retry-after", MEANING_NONE },
	{ "retry-after-ms", MEANING_NONE },
	LIMIT_ROWS("ratelimit-", ""),
	LIMIT_ROWS("x-ratelimit-", ""),
	LIMIT_ROWS("x-ratelimit-", "-requests"),
	LIMIT_ROWS("x-ratelimit-", "-tokens"),
	LIMIT_ROWS("anthropic-ratelimit-requests-", ""),
	LIMIT_ROWS("anthropic-ratelimit-tokens-", ""),
	LIMIT_ROWS("anthropic-ratelimit-input-tokens-", ""),
	LIMIT_ROWS("anthropic-ratelimit-output-tokens-", ""),
	{ NULL, MEANING_NONE },
};

void mask_init(struct mask *m)
{
	memset(m, 0, sizeof(*m));
	m->sides[DIRECTION_SENT].sent = true;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void begin_message(struct mask_side *s)
{
	s->state = MASK_START;
	s->at = s->token_len = s->value_len = 0;
	s->query = s->chunked = s->has_length = s->coded = s->in_trailer = false;
	s->status = 0;
	s->left = 0;
}

void mask_begin(struct mask *m, enum direction direction, struct span in)
{
	struct mask_side *s = &m->sides[direction];

	if (s->state == MASK_LOST && !m->switched && mask_line_begins(s, in))
		begin_message(s);
}

/* --- headers */

static void end_head(struct mask *m, struct mask_side *s)
{
	bool interim = !s->sent && s->status < 200;
	bool empty = !s->sent && (interim || s->status == 204 || s->status == 304 || m->head_asked);

	if (s->in_trailer || (interim && s->status != 101)) {
		begin_message(s);
		return;
	}
	if (!s->sent && s->status == 101) {
		m->switched = true;
		m->sides[0].state = m->sides[1].state = MASK_LOST;
		return;
	}
	if (!s->sent)
		m->head_asked = false;
	s->kind = s->coded ? KIND_LEFT_OUT : KIND_UNKNOWN;
	if (empty || (!s->chunked && (s->sent || s->has_length) && !s->left)) {
		begin_message(s);
		return;
	}
	s->state = s->chunked ? MASK_SIZE : MASK_BODY;
	if (s->chunked)
		s->left = 0;
	s->token_len = 0;
}

static void end_header(struct mask_side *s)
{
	struct span value = { s->value, s->value_len };
	enum meaning meaning = s->row == NO_ROW ? MEANING_NONE : headers[s->row].meaning;

	while (value.len && value.ptr[value.len - 1] == ' ')
		value.len--;
	if (s->in_trailer || meaning == MEANING_NONE)
		return;
	if (meaning == MEANING_CODING)
		s->coded |= value.len && !span_ieq(value, SPAN("identity"));
	else if (meaning == MEANING_TRANSFER)
		s->chunked |= span_ieq(value, SPAN("chunked"));
	else if (span_u64(value, &s->left) == 0)
		s->has_length = true;
	else
		s->state = MASK_LOST;
}

static void begin_value(struct mask_side *s)
{
	s->state = MASK_VALUE;
	s->value_len = 0;
	s->at = 0;
	s->row = NO_ROW;
	for (int i = 0; headers[i].name; i++)
		if (span_eq(span_of(headers[i].name), (struct span){ s->token, s->token_len }))
			s->row = (int8_t)i;
}

static char step_name(struct mask *m, struct mask_side *s, char c)
{
	if (c == '\n') {
		if (s->blank)
			end_head(m, s);
		else
			mask_line_end(s);
		return c;
	}
	if (c == '\r')
		return c;
	if (c == ':') {
		begin_value(s);
		return c;
	}
	if ((c == ' ' || c == '\t') && s->blank) { /* the value before goes on */
		begin_value(s);
		s->row = NO_ROW;
		return c;
	}
	s->blank = false;
	if (s->token_len < sizeof(s->token) &&
	    mask_json_leads(headers, sizeof(headers[0]), s->token, s->token_len, lower(c))) {
		s->token[s->token_len++] = lower(c);
		return c;
	}
	s->token[0] = '\0'; /* leads nowhere */
	s->token_len = sizeof(s->token);
	return 'x';
}

static char step_value(struct mask_side *s, char c)
{
	if (c == '\n') {
		s->state = MASK_NAME;
		end_header(s);
		if (s->state == MASK_NAME)
			mask_line_end(s);
		return c;
	}
	if (c == '\r' || c == ' ' || c == '\t') {
		if (s->value_len && s->value_len < sizeof(s->value) && c == ' ')
			s->value[s->value_len++] = c;
		return c;
	}
	if (s->value_len < sizeof(s->value))
		s->value[s->value_len++] = c;
	s->at += s->at < MASK_VALUE_MAX;
	if (s->row == NO_ROW || s->at == MASK_VALUE_MAX || !mask_line_is_plain(c))
		return 'x';
	return c;
}

/* --- bodies */

static void end_part(struct mask_side *s)
{
	if (s->state == MASK_DATA)
		s->state = MASK_DATA_END;
	else if (s->state == MASK_BODY && (s->has_length || s->sent))
		begin_message(s);
}

static void choose_kind(struct mask_side *s, char c)
{
	if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
		return;
	if (c == '{' || c == '[') {
		s->kind = KIND_JSON;
		mask_json_init(&s->body.json, !s->sent);
	} else if (!s->sent && c && strchr("dier:", c)) {
		s->kind = KIND_SSE;
		mask_sse_init(&s->body.sse, true);
	} else {
		s->kind = KIND_LEFT_OUT;
	}
}

static char step_body(struct mask_side *s, char c)
{
	char out = s->kind == KIND_JSON  ? mask_json_byte(&s->body.json, c)
		   : s->kind == KIND_SSE ? mask_sse_byte(&s->body.sse, c)
					 : c;

	if ((s->state == MASK_DATA || s->has_length) && --s->left == 0)
		end_part(s);
	return out;
}

static int hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char step_size(struct mask_side *s, char c)
{
	int digit = hex_digit(c);

	if (digit >= 0 && s->state == MASK_SIZE && s->token_len < 15) {
		s->left = s->left << 4 | (unsigned)digit;
		s->token_len++;
		return c;
	}
	if (!s->token_len)
		return mask_line_lose(s);
	if (c != '\n') {
		s->state = MASK_EXTENSION;
		return c == '\r' || c == ' ' || c == ';' ? c : 'x';
	}
	s->token_len = 0;
	s->state = MASK_DATA;
	if (!s->left) {
		s->in_trailer = true;
		mask_line_end(s);
	}
	return c;
}

static char step_data_end(struct mask_side *s, char c)
{
	if (c == '\n') {
		s->state = MASK_SIZE;
		s->left = 0;
		s->token_len = 0;
	}
	return c == '\r' || c == '\n' ? c : mask_line_lose(s);
}

void mask_gap(struct mask *m, enum direction direction, uint64_t n)
{
	struct mask_side *s = &m->sides[direction];
	bool endless = s->state == MASK_BODY && !s->has_length;

	if ((s->state != MASK_BODY && s->state != MASK_DATA) || (!endless && n > s->left)) {
		s->state = MASK_LOST;
		return;
	}
	if (s->kind == KIND_SSE)
		mask_sse_gap(&s->body.sse);
	else
		s->kind = KIND_LEFT_OUT;
	if (endless)
		return;
	s->left -= n;
	if (!s->left)
		end_part(s);
}

/* --- the machine */

static char step(struct mask *m, struct mask_side *s, char c)
{
	switch (s->state) {
	case MASK_START:
	case MASK_TARGET:
	case MASK_VERSION:
	case MASK_STATUS:
	case MASK_REASON:
		return mask_line_step(m, s, c);
	case MASK_NAME:
		return step_name(m, s, c);
	case MASK_VALUE:
		return step_value(s, c);
	case MASK_SIZE:
	case MASK_EXTENSION:
		return step_size(s, c);
	case MASK_DATA_END:
		return step_data_end(s, c);
	default:
		return step_body(s, c);
	}
}

/* Decides what can only be decided with the byte in hand. */
static bool keeps(struct mask_side *s, char c)
{
	bool body = s->state == MASK_BODY || s->state == MASK_DATA;

	if (body && s->kind == KIND_UNKNOWN)
		choose_kind(s, c);
	if (s->state == MASK_START && !mask_line_leads(s, c))
		s->state = MASK_LOST;
	return s->state != MASK_LOST && !(body && s->kind == KIND_LEFT_OUT);
}

size_t mask_next(struct mask *m, enum direction direction, struct span in, char *out,
		 bool *ret_kept)
{
	struct mask_side *s = &m->sides[direction];
	size_t n = 0;

	*ret_kept = keeps(s, in.ptr[0]);
	while (n < in.len && keeps(s, in.ptr[n]) == *ret_kept) {
		if (*ret_kept)
			out[n] = step(m, s, in.ptr[n]);
		else if (s->state != MASK_LOST)
			(void)step_body(s, in.ptr[n]);
		n++;
	}
	return n;
}
