/* The grammar of the streaming scanner: a state a token, resumable at any byte. What pointers lead
 * into is read token by token; the rest is stepped over, a string to its next quote and a container
 * by json_skip. Invariant: outside of SKIP depth == tracked, and nodes[tracked] leads on. */
#include "base/json.h"

#include <errno.h>

#include "base/json_block.h"
#include "base/json_paths.h"
#include "base/json_skip.h"
#include "base/json_stack.h"
#include "base/json_text.h"

enum state {
	/* Between tokens: white space may come first. */
	VALUE,
	VALUE_OR_END, /* behind '[' */
	KEY,
	KEY_OR_END, /* behind '{' */
	COLON,
	COMMA_OR_END,
	COMPLETE,
	/* Inside. */
	STRING,
	SCALAR,
	SKIP, /* a container without pointers, down to depth == tracked */
	START,
	MARK_2, /* the second and third byte of a byte order mark */
	MARK_3,
};

void json_scan_init(struct json_scan *scan, const struct json_paths *paths, json_value_fn *fn,
		    void *ctx)
{
	memset(scan, 0, offsetof(struct json_scan, is_object));
	scan->paths = paths;
	scan->fn = fn;
	scan->ctx = ctx;
	scan->node = JSON_NODE_ROOT;
	scan->state = START;
}

/* Ends the scan; nothing more of the piece is looked at. */
static const char *refuse(struct json_scan *scan, int error, const char *at)
{
	scan->error = (uint8_t)error;
	return at;
}

static const struct json_node *node_at_hand(const struct json_scan *scan)
{
	return &scan->paths->nodes[scan->node];
}

static void report(struct json_scan *scan, struct json_value *value)
{
	const struct json_node *node = node_at_hand(scan);

	if (scan->has_key)
		value->key = (struct span){ scan->key, scan->key_len };
	for (unsigned word = 0; word < JSON_POINTERS_MAX / 64; word++)
		for (uint64_t ids = node->ids[word]; ids; ids &= ids - 1)
			scan->fn(scan->ctx, word * 64 + (unsigned)__builtin_ctzll(ids), value);
}

static void end_value(struct json_scan *scan)
{
	scan->state = scan->depth ? COMMA_OR_END : COMPLETE;
}

static const char *begin_container(struct json_scan *scan, const char *at)
{
	struct json_value value = { .type = *at == '{' ? JSON_OBJECT : JSON_ARRAY };
	int err = json_stack_push(scan, *at);

	if (err)
		return refuse(scan, err, at);
	report(scan, &value);
	if (!json_node_leads_on(node_at_hand(scan)) ||
	    (scan->no_extra && scan->node >= scan->paths->extra_from)) {
		scan->state = SKIP;
		scan->escape = scan->in_string = false;
		return at + 1;
	}
	scan->tracked = scan->depth;
	scan->nodes[scan->tracked] = scan->node;
	scan->state = KEY_OR_END;
	if (*at == '[') {
		scan->state = VALUE_OR_END;
		scan->index[scan->tracked] = 0;
		scan->has_key = false;
		scan->node = json_paths_element(scan->paths, scan->node, 0);
	}
	return at + 1;
}

static const char *end_container(struct json_scan *scan, const char *at)
{
	int err = json_stack_pop(scan, *at);

	if (err)
		return refuse(scan, err, at);
	scan->tracked = scan->depth;
	end_value(scan);
	return at + 1;
}

static void end_key(struct json_scan *scan, struct span key)
{
	uint16_t parent = scan->nodes[scan->tracked];

	/* No pointer names a key so long, but a wildcard takes it. */
	scan->node = json_text_is_truncated(scan) ? scan->paths->nodes[parent].other
						  : json_paths_member(scan->paths, parent, key);
	scan->has_key = scan->node && scan->node == scan->paths->nodes[parent].other;
	if (scan->has_key) {
		key = span_head(key, JSON_KEY_MAX);
		memcpy(scan->key, key.ptr, key.len);
		scan->key_len = (uint8_t)key.len;
	}
	scan->state = COLON;
}

static void end_string(struct json_scan *scan, struct span text)
{
	if (scan->is_key) {
		end_key(scan, text);
		return;
	}
	if (scan->collect) {
		struct json_value value = json_text_string_value(scan, text);

		report(scan, &value);
	}
	end_value(scan);
}

static void end_scalar(struct json_scan *scan, struct span text)
{
	struct json_value value;

	end_value(scan);
	if (!scan->collect)
		return;
	if (json_text_scalar_value(scan, text, &value) < 0)
		scan->error = EBADMSG;
	else
		report(scan, &value);
}

/* Most strings lie in one piece and have no escapes: such a one ends here. */
static const char *begin_string(struct json_scan *scan, bool is_key, const char *at,
				const char *end)
{
	const char *stop = json_string_stop(at, end);

	scan->state = STRING;
	scan->is_key = is_key;
	json_text_begin(scan, is_key || json_node_is_wanted(node_at_hand(scan)));
	if (stop == end || *stop != '"')
		return at;
	end_string(scan, json_text_whole(scan, (struct span){ at, (size_t)(stop - at) }));
	return stop + 1;
}

static const char *begin_scalar(struct json_scan *scan, const char *at, const char *end)
{
	const char *stop = json_text_scalar_stop(at, end);

	scan->state = SCALAR;
	json_text_begin(scan, json_node_is_wanted(node_at_hand(scan)));
	if (stop == end)
		return at;
	end_scalar(scan, json_text_whole(scan, (struct span){ at, (size_t)(stop - at) }));
	return stop;
}

static const char *on_string(struct json_scan *scan, const char *at, const char *end)
{
	bool ended = false;
	struct span text;

	at = json_text_take_string(scan, at, end, &ended, &text);
	if (ended)
		end_string(scan, text);
	return at;
}

static const char *on_scalar(struct json_scan *scan, const char *at, const char *end)
{
	bool ended = false;
	struct span text;

	at = json_text_take_scalar(scan, at, end, &ended, &text);
	if (ended)
		end_scalar(scan, text);
	return at;
}

static const char *on_value(struct json_scan *scan, const char *at, const char *end)
{
	switch (*at) {
	case '{':
	case '[':
		return begin_container(scan, at);
	case '"':
		return begin_string(scan, false, at + 1, end);
	case '-':
	case '0' ... '9':
	case 't':
	case 'f':
	case 'n':
		return begin_scalar(scan, at, end);
	default:
		return refuse(scan, EBADMSG, at);
	}
}

static const char *on_key(struct json_scan *scan, const char *at, const char *end)
{
	return *at == '"' ? begin_string(scan, true, at + 1, end) : refuse(scan, EBADMSG, at);
}

static const char *on_comma_or_end(struct json_scan *scan, const char *at)
{
	unsigned level = scan->tracked;

	if (*at == '}' || *at == ']')
		return end_container(scan, at);
	if (*at != ',')
		return refuse(scan, EBADMSG, at);
	scan->state = KEY;
	if (!json_stack_in_object(scan)) {
		scan->state = VALUE;
		scan->index[level]++;
		scan->has_key = false;
		scan->node =
		    json_paths_element(scan->paths, scan->nodes[level], scan->index[level]);
	}
	return at + 1;
}

static const char *on_skip(struct json_scan *scan, const char *at, const char *end)
{
	at = json_skip(scan, at, end);
	if (scan->depth == scan->tracked)
		end_value(scan);
	return at;
}

static const char *on_start(struct json_scan *scan, const char *at)
{
	scan->state = *at == '\xef' ? MARK_2 : VALUE;
	return *at == '\xef' ? at + 1 : at;
}

static const char *expect(struct json_scan *scan, const char *at, char wanted, enum state next)
{
	if (*at != wanted)
		return refuse(scan, EBADMSG, at);
	scan->state = next;
	return at + 1;
}

static const char *step(struct json_scan *scan, const char *at, const char *end)
{
	switch ((enum state)scan->state) {
	case VALUE_OR_END:
		return *at == ']' ? end_container(scan, at) : on_value(scan, at, end);
	case VALUE:
		return on_value(scan, at, end);
	case KEY_OR_END:
		return *at == '}' ? end_container(scan, at) : on_key(scan, at, end);
	case KEY:
		return on_key(scan, at, end);
	case COLON:
		return expect(scan, at, ':', VALUE);
	case COMMA_OR_END:
		return on_comma_or_end(scan, at);
	case STRING:
		return on_string(scan, at, end);
	case SCALAR:
		return on_scalar(scan, at, end);
	case SKIP:
		return on_skip(scan, at, end);
	case START:
		return on_start(scan, at);
	case MARK_2:
		return expect(scan, at, '\xbb', MARK_3);
	case MARK_3:
		return expect(scan, at, '\xbf', VALUE);
	case COMPLETE:
		break;
	}
	return refuse(scan, EBADMSG, at);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

void json_scan_init_members(struct json_scan *scan, const struct json_paths *paths,
			    json_value_fn *fn, void *ctx)
{
	json_scan_init(scan, paths, fn, ctx);
	json_stack_push(scan, '{');
	scan->tracked = scan->depth;
	scan->nodes[scan->tracked] = JSON_NODE_ROOT;
	scan->state = KEY;
}

int json_scan_feed(struct json_scan *scan, struct span piece)
{
	const char *at = piece.ptr, *end = piece.len ? at + piece.len : at;

	while (at < end && !scan->error) {
		if (scan->state <= COMPLETE && is_space(*at))
			at++;
		else
			at = step(scan, at, end);
	}
	return scan->error ? -scan->error : scan->state == COMPLETE;
}

bool json_scan_in_text(const struct json_scan *scan)
{
	if (scan->error || scan->escape || scan->surrogate)
		return false;
	return scan->state == SKIP ? scan->in_string : scan->state == STRING && !scan->is_key;
}

int json_scan_end(struct json_scan *scan)
{
	if (!scan->error && scan->state == SCALAR && !scan->depth)
		end_scalar(scan, json_text_kept(scan));
	if (scan->error)
		return -scan->error;
	return scan->state == COMPLETE ? 1 : -EAGAIN;
}
