/* A pushdown automaton over single bytes. Each open container has a zone, which says what may be
 * kept in it; a container without a row is dark, and so is all below it. */
#include "http/mask_json.h"

#include <string.h>

#include "http/mask_rows.h"

enum state {
	STATE_START,
	STATE_VALUE,       /* after a colon, or a comma in an array */
	STATE_FIRST_VALUE, /* after [ */
	STATE_FIRST_KEY,   /* after { */
	STATE_KEY,         /* after a comma in an object */
	STATE_COLON,
	STATE_AFTER, /* a value */
	STATE_STRING,
	STATE_ESCAPE,
	STATE_NUMBER,
	STATE_LITERAL,
	STATE_END,
	STATE_BAD,
};

#define FRAME_OBJECT 0x80 /* beside the zone; else an array */
#define NO_ROW       (-1)

void mask_json_init(struct mask_json *m, bool answer)
{
	memset(m, 0, sizeof(*m));
	m->answer = answer;
	m->row = NO_ROW;
}

void mask_json_spoil(struct mask_json *m)
{
	m->state = STATE_BAD;
}

bool mask_json_is_fresh(const struct mask_json *m)
{
	return m->state == STATE_START;
}

bool mask_json_leads(const void *words, size_t stride, const char *token, size_t len, char c)
{
	for (const char *at = words;; at += stride) {
		const char *word;

		memcpy(&word, at, sizeof(word));
		if (!word)
			return false;
		if (strlen(word) > len && memcmp(word, token, len) == 0 && word[len] == c)
			return true;
	}
}

/* --- zones */

static unsigned frame(const struct mask_json *m)
{
	return m->depth ? m->frames[m->depth - 1] : ZONE_TOP;
}

static enum zone zone_of(const struct mask_json *m)
{
	return (enum zone)(frame(m) & ~(unsigned)FRAME_OBJECT);
}

static bool in_object(const struct mask_json *m)
{
	return frame(m) & FRAME_OBJECT;
}

static enum zone zone_below(const struct mask_json *m)
{
	enum zone zone = zone_of(m), wanted;

	if (zone == ZONE_DARK || zone == ZONE_USAGE || !in_object(m))
		return zone;
	wanted = m->row == NO_ROW ? ZONE_DARK : mask_rows[m->row].zone;
	if (wanted == ZONE_USAGE)
		return m->answer ? ZONE_USAGE : ZONE_DARK;
	if (wanted == ZONE_FAULT && (zone == ZONE_PART || zone == ZONE_FAULT))
		return wanted;
	return zone == ZONE_TOP || wanted == ZONE_TOP || wanted == ZONE_CHAIN ? wanted : ZONE_DARK;
}

static bool keeps_scalar(const struct mask_json *m, bool number)
{
	enum zone zone = zone_of(m);

	if (zone == ZONE_USAGE && number)
		return true;
	/* What is asked and answered is called input and output, too. */
	if (zone == ZONE_CHAIN &&
	    (m->row == NO_ROW || (strcmp(mask_rows[m->row].key, "model") != 0 &&
				  strcmp(mask_rows[m->row].key, "type") != 0)))
		return false;
	return zone != ZONE_DARK && in_object(m) && m->row != NO_ROW && mask_rows[m->row].keep;
}

/* --- tokens */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_plain(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static char bad(struct mask_json *m)
{
	m->state = STATE_BAD;
	return 'x';
}

static char open_container(struct mask_json *m, char c)
{
	enum zone zone = zone_below(m);

	if (m->depth == MASK_JSON_DEPTH_MAX)
		return bad(m);
	m->frames[m->depth++] = (uint8_t)(zone | (c == '{' ? FRAME_OBJECT : 0));
	m->state = c == '{' ? STATE_FIRST_KEY : STATE_FIRST_VALUE;
	return c;
}

static char close_container(struct mask_json *m, char c)
{
	if (!m->depth || (c == '}') != in_object(m))
		return bad(m);
	m->depth--;
	m->state = m->depth ? STATE_AFTER : STATE_END;
	return c;
}

static char begin_string(struct mask_json *m, bool key)
{
	m->state = STATE_STRING;
	m->key = key;
	m->token_len = 0;
	m->keep = key ? zone_of(m) != ZONE_DARK : keeps_scalar(m, false);
	return '"';
}

static void end_scalar(struct mask_json *m)
{
	m->state = m->depth ? STATE_AFTER : STATE_END;
}

static void end_string(struct mask_json *m)
{
	if (!m->key) {
		end_scalar(m);
		return;
	}
	m->state = STATE_COLON;
	m->row = NO_ROW;
	for (int i = 0; m->keep && mask_rows[i].key; i++)
		if (strlen(mask_rows[i].key) == m->token_len &&
		    memcmp(mask_rows[i].key, m->token, m->token_len) == 0)
			m->row = (int8_t)i;
}

/* Whether one more byte of the string at hand may be kept. */
static bool keeps(const struct mask_json *m, char c)
{
	if (!m->keep)
		return false;
	if (!m->key)
		return m->token_len < MASK_JSON_VALUE_MAX && (is_plain(c) || strchr(".:/-", c));
	if (m->token_len == MASK_JSON_KEY_MAX)
		return false;
	if (zone_of(m) == ZONE_USAGE)
		return is_plain(c);
	return mask_json_leads(mask_rows, sizeof(mask_rows[0]), m->token, m->token_len, c);
}

static char step_string(struct mask_json *m, char c)
{
	if (m->state == STATE_ESCAPE) {
		m->state = STATE_STRING;
		return 'x';
	}
	if (c == '"') {
		end_string(m);
		return c;
	}
	if ((unsigned char)c < 0x20)
		return bad(m);
	m->keep = c != '\\' && keeps(m, c);
	if (!m->keep) {
		m->state = c == '\\' ? STATE_ESCAPE : STATE_STRING;
		return 'x';
	}
	if (m->key)
		m->token[m->token_len] = c;
	m->token_len++;
	return c;
}

static char begin_literal(struct mask_json *m, char c)
{
	m->state = STATE_LITERAL;
	m->token[0] = c;
	m->token_len = 1;
	return c;
}

static bool is_literal(const struct mask_json *m)
{
	struct span text = { m->token, m->token_len };

	return span_eq(text, SPAN("true")) || span_eq(text, SPAN("false")) ||
	       span_eq(text, SPAN("null"));
}

static char step_structure(struct mask_json *m, char c);

static char step_literal(struct mask_json *m, char c)
{
	static const char *const words[] = { "true", "false", "null", NULL };

	if (is_literal(m)) {
		end_scalar(m);
		return step_structure(m, c);
	}
	if (!mask_json_leads(words, sizeof(words[0]), m->token, m->token_len, c))
		return bad(m);
	m->token[m->token_len++] = c;
	return c;
}

static char step_number(struct mask_json *m, char c)
{
	if (is_digit(c))
		return m->keep ? c : '1';
	if (c && strchr("+-.eE", c))
		return c;
	end_scalar(m);
	return step_structure(m, c);
}

static char begin_value(struct mask_json *m, char c)
{
	if (c == '{' || c == '[')
		return open_container(m, c);
	if (c == '"')
		return begin_string(m, false);
	if (c == 't' || c == 'f' || c == 'n')
		return begin_literal(m, c);
	if (c != '-' && !is_digit(c))
		return bad(m);
	m->state = STATE_NUMBER;
	m->keep = keeps_scalar(m, true);
	return step_number(m, c);
}

/* --- between tokens */

static char step_after(struct mask_json *m, char c)
{
	if (c == '}' || c == ']')
		return close_container(m, c);
	if (c != ',')
		return bad(m);
	m->state = in_object(m) ? STATE_KEY : STATE_VALUE;
	return c;
}

static char step_structure(struct mask_json *m, char c)
{
	if (m->state != STATE_BAD && is_space(c))
		return c;
	switch (m->state) {
	case STATE_FIRST_VALUE:
		if (c == ']')
			return close_container(m, c);
		return begin_value(m, c);
	case STATE_START:
	case STATE_VALUE:
		return begin_value(m, c);
	case STATE_FIRST_KEY:
		if (c == '}')
			return close_container(m, c);
		return c == '"' ? begin_string(m, true) : bad(m);
	case STATE_KEY:
		return c == '"' ? begin_string(m, true) : bad(m);
	case STATE_COLON:
		if (c != ':')
			return bad(m);
		m->state = STATE_VALUE;
		return c;
	case STATE_AFTER:
		return step_after(m, c);
	case STATE_END: /* one more document of a sequence */
		if (c != '{' && c != '[')
			return bad(m);
		mask_json_init(m, m->answer);
		return open_container(m, c);
	default:
		return bad(m);
	}
}

char mask_json_byte(struct mask_json *m, char c)
{
	switch (m->state) {
	case STATE_STRING:
	case STATE_ESCAPE:
		return step_string(m, c);
	case STATE_NUMBER:
		return step_number(m, c);
	case STATE_LITERAL:
		return step_literal(m, c);
	default:
		return step_structure(m, c);
	}
}
