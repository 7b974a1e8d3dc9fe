/* One function a rule of the grammar (RFC 8259); whatever it does not expect ends all of it. */
#include "base/plain.h"

#define DEPTH_MAX  32
#define DIGITS_MAX 18

struct plain {
	const char *at, *end;
	unsigned depth;
};

static json_t *take_value(struct plain *p);

static void skip_space(struct plain *p)
{
	while (p->at < p->end &&
	       (*p->at == ' ' || *p->at == '\n' || *p->at == '\t' || *p->at == '\r'))
		p->at++;
}

static bool take(struct plain *p, char c)
{
	skip_space(p);
	if (p->at == p->end || *p->at != c)
		return false;
	p->at++;
	return true;
}

/* Behind its first quote. `ptr` is NULL for one with escapes. */
static struct span take_text(struct plain *p)
{
	const char *begin = p->at;

	while (p->at < p->end && *p->at != '"') {
		unsigned char c = (unsigned char)*p->at;
		struct span rest = { p->at, (size_t)(p->end - p->at) };
		size_t n = c < 0x80 ? c >= 0x20 && c != '\\' : span_utf8(rest);

		if (!n)
			return (struct span){ NULL, 0 };
		p->at += n;
	}
	if (p->at == p->end)
		return (struct span){ NULL, 0 };
	p->at++;
	return (struct span){ begin, (size_t)(p->at - 1 - begin) };
}

static bool add_member(struct plain *p, json_t *object)
{
	size_t n = json_object_size(object);
	struct span key = { NULL, 0 };
	json_t *value;

	if (take(p, '"'))
		key = take_text(p);
	value = key.ptr && take(p, ':') ? take_value(p) : NULL;
	/* Of two members with one name the second takes the place of the first. */
	return value && json_object_setn_new_nocheck(object, key.ptr, key.len, value) == 0 &&
	       json_object_size(object) > n;
}

static bool add_element(struct plain *p, json_t *array)
{
	json_t *value = take_value(p);

	return value && json_array_append_new(array, value) == 0;
}

static json_t *take_container(struct plain *p, json_t *container, char end,
			      bool add(struct plain *, json_t *))
{
	bool good = p->depth++ < DEPTH_MAX && container;

	if (good && !take(p, end)) {
		do
			good = add(p, container);
		while (good && take(p, ','));
		good = good && take(p, end);
	}
	p->depth--;
	if (good)
		return container;
	json_decref(container);
	return NULL;
}

static json_t *take_integer(struct plain *p)
{
	bool minus = p->at < p->end && *p->at == '-';
	const char *begin = p->at + minus;
	json_int_t value = 0;

	for (p->at = begin; p->at < p->end && *p->at >= '0' && *p->at <= '9'; p->at++)
		if (p->at - begin < DIGITS_MAX)
			value = value * 10 + (*p->at - '0');
	if (p->at == begin || p->at - begin > DIGITS_MAX || (*begin == '0' && p->at > begin + 1) ||
	    p->at == p->end || *p->at == '.' || (*p->at | 0x20) == 'e')
		return NULL;
	return json_integer(minus ? -value : value);
}

static bool take_word(struct plain *p, struct span word)
{
	if (!span_starts((struct span){ p->at, (size_t)(p->end - p->at) }, word))
		return false;
	p->at += word.len;
	return true;
}

static json_t *take_value(struct plain *p)
{
	struct span text;

	if (take(p, '"')) {
		text = take_text(p);
		return text.ptr ? json_stringn_nocheck(text.ptr, text.len) : NULL;
	}
	if (take(p, '{'))
		return take_container(p, json_object(), '}', add_member);
	if (take(p, '['))
		return take_container(p, json_array(), ']', add_element);
	if (take_word(p, SPAN("true")))
		return json_true();
	if (take_word(p, SPAN("false")))
		return json_false();
	return take_word(p, SPAN("null")) ? json_null() : take_integer(p);
}

json_t *plain_parse(struct span text)
{
	struct plain p = { text.ptr, span_skip(text, text.len).ptr, 0 };
	json_t *root = NULL;

	if (take(&p, '{'))
		root = take_container(&p, json_object(), '}', add_member);
	else if (take(&p, '['))
		root = take_container(&p, json_array(), ']', add_element);
	skip_space(&p);
	if (root && p.at == p.end)
		return root;
	json_decref(root);
	return NULL;
}
