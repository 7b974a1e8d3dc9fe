/* Expressions: text -> a flat list of sources, each with how it joins what is before it; the two
 * levels of precedence need no tree. Pointers become ids of the route's pointer sets, so that one
 * scan of a body serves every expression of the route. */
#include "meter/expr.h"

#include <errno.h>
#include <stdlib.h>

#include "meter/expr_source.h"
#include "meter/target.h"

#define SPACES " \t\n" /* texts are C strings: there is no NUL to find */

struct parser {
	struct span rest;
	enum expr_want want;
	struct expr_scope *scope;
	struct err *err;
};

static void skip_spaces(struct parser *p)
{
	while (p->rest.len && strchr(SPACES, p->rest.ptr[0]))
		p->rest = span_skip(p->rest, 1);
}

static bool take(struct parser *p, struct span text)
{
	if (!span_starts(p->rest, text))
		return false;
	p->rest = span_skip(p->rest, text.len);
	return true;
}

static struct span take_word(struct parser *p)
{
	struct span word = { p->rest.ptr, 0 };

	while (word.len < p->rest.len && !strchr(SPACES, word.ptr[word.len]) &&
	       !strchr("|()", word.ptr[word.len]))
		word.len++;
	p->rest = span_skip(p->rest, word.len);
	return word;
}

static int refuse(const struct parser *p, struct span at, const char *what)
{
	char text[64];

	span_copy(at, text, sizeof(text));
	return err_set(p->err, -EINVAL, "%s at \"%s\"", what, text);
}

static bool is_wildcard(struct span token)
{
	return span_eq(token, SPAN("*")) || span_starts(token, SPAN("*["));
}

static bool has_wildcard(struct span pointer)
{
	while (pointer.ptr)
		if (is_wildcard(span_cut(&pointer, '/')))
			return true;
	return false;
}

static bool is_below(struct span pointer, struct span whole)
{
	return whole.len && span_starts(pointer, whole) &&
	       span_starts(span_skip(pointer, whole.len), SPAN("/"));
}

static int parse_pointer(struct parser *p, struct span pointer, struct expr_source *source)
{
	bool request = source->kind == REQUEST_BODY;
	struct slot_plan *plan = request ? &p->scope->request : &p->scope->response;
	unsigned slot = 0;
	int rc;

	if (source->fold != COUNT && source->fold != SUM && source->fold != TOKENS &&
	    source->fold != LAST_OF && has_wildcard(pointer))
		return refuse(p, pointer, "expected * inside count(), sum() or tokens() alone");
	rc = slot_plan_add(plan, pointer, &slot);
	source->slot = (uint16_t)slot;
	plan->measures |= source->fold == CHARACTERS || source->fold == SEGMENTS;
	if (rc == -EINVAL)
		return refuse(p, pointer, "expected a JSON pointer");
	if (rc == -E2BIG)
		return refuse(p, pointer, "too long a pointer, or too many of them");
	source->in_snapshot = !request && is_below(pointer, p->scope->snapshot);
	return rc;
}

static void set_name(struct expr_source *source, struct span name)
{
	source->name = name.ptr;
	source->name_len = (uint16_t)name.len;
}

static int parse_name(struct parser *p, struct span word, struct expr_source *source)
{
	struct span name = word;
	int segment;

	span_cut(&name, ':');
	if (!name.len)
		return refuse(p, word, "expected a name after the colon");
	if (source->kind != PATH) {
		set_name(source, name);
		return 0;
	}
	p->scope->of_path = true;
	segment = target_segment_of(p->scope->template, name);
	if (segment < 0)
		return refuse(p, word, "expected a {name} of the match");
	source->slot = (uint16_t)segment;
	source->constant = (int64_t)target_suffix_of(p->scope->template, name);
	return 0;
}

static int parse_constant(struct parser *p, struct span word, struct expr_source *source)
{
	uint64_t value;

	if (span_eq(word, SPAN("bytes")) && p->want == EXPR_WANT_COUNT && source->fold == LAST) {
		source->kind = BYTES;
		return 0;
	}
	if (p->want == EXPR_WANT_TEXT && word.len > 2 && word.ptr[0] == '\'' &&
	    word.ptr[word.len - 1] == '\'') {
		source->kind = LITERAL;
		set_name(source, (struct span){ word.ptr + 1, word.len - 2 });
		return 0;
	}
	if (p->want == EXPR_WANT_TEXT || source->fold != LAST || span_u64(word, &value) < 0 ||
	    value > INT64_MAX)
		return refuse(p, word.len ? word : p->rest, "expected a source");
	source->kind = CONSTANT;
	source->constant = (int64_t)value;
	return 0;
}

/* To add a kind of source: a row, its enum, and what it reads in find_text or find_slot. */
static const struct {
	const char *prefix;
	enum kind kind;
} prefixes[] = {
	{ "/", RESPONSE_BODY },        { "req:/", REQUEST_BODY }, { "head:", RESPONSE_HEAD },
	{ "req-head:", REQUEST_HEAD }, { "path:", PATH },         { "query:", QUERY },
};

static int parse_plain(struct parser *p, struct expr_source *source)
{
	struct span word = take_word(p);
	size_t i = 0, n = sizeof(prefixes) / sizeof(*prefixes);

	while (i < n && !span_starts(word, span_of(prefixes[i].prefix)))
		i++;
	if (i == n)
		return parse_constant(p, word, source);
	source->kind = prefixes[i].kind;
	if (source->kind == RESPONSE_BODY)
		return parse_pointer(p, word, source);
	if (source->kind == REQUEST_BODY)
		return parse_pointer(p, span_skip(word, strlen("req:")), source);
	if (source->fold != LAST && source->fold != RANGE)
		return refuse(p, word, "expected a pointer inside count() or sum()");
	return parse_name(p, word, source);
}

/* To add a function of a value: a row, its enum, and what it makes in expr_value.c. */
static const struct {
	const char *prefix;
	enum fold fold;
} folds[] = {
	{ "last(", LAST_OF },      { "count(", COUNT },
	{ "sum(", SUM },           { "some(", SOME },
	{ "any(", ANY },           { "zero(", ZERO },
	{ "not(", NOT },           { "ceil(", CEIL },
	{ "range(", RANGE },       { "characters(", CHARACTERS },
	{ "segments(", SEGMENTS }, { "tokens(", TOKENS },
	{ "minutes(", MINUTES },
};

static int parse_source(struct parser *p, struct expr_source *source)
{
	struct span start = p->rest;
	int rc;

	for (size_t i = 0; i < sizeof(folds) / sizeof(*folds) && source->fold == LAST; i++)
		if (take(p, span_of(folds[i].prefix)))
			source->fold = folds[i].fold;
	if (source->fold == LAST)
		return parse_plain(p, source);
	if (p->want == EXPR_WANT_TEXT && source->fold != LAST_OF)
		return refuse(p, start, "expected a text, not a number,");
	skip_spaces(p);
	rc = parse_plain(p, source);
	if (rc < 0)
		return rc;
	skip_spaces(p);
	return take(p, SPAN(")")) ? 0 : refuse(p, start, "expected a )");
}

/* + and - stand between spaces, because names and pointers may hold them. */
static bool take_sign(struct parser *p, char sign)
{
	if (p->want == EXPR_WANT_TEXT || p->rest.len < 2 || p->rest.ptr[0] != sign ||
	    !strchr(SPACES, p->rest.ptr[1]))
		return false;
	p->rest = span_skip(p->rest, 1);
	return true;
}

static int parse_join(struct parser *p, enum join *ret_join)
{
	if (take(p, SPAN("|")))
		*ret_join = OR;
	else if (take_sign(p, '+'))
		*ret_join = PLUS;
	else if (take_sign(p, '-'))
		*ret_join = MINUS;
	else
		return refuse(p, p->rest,
			      p->want == EXPR_WANT_TEXT ? "expected |" : "expected |, + or -");
	return 0;
}

static int parse_all(struct parser *p, struct expr *expr)
{
	enum join join = FIRST;

	for (;;) {
		int rc;

		skip_spaces(p);
		if (expr->n == EXPR_SOURCES_MAX)
			return refuse(p, p->rest, "too many sources");
		expr->sources[expr->n] = (struct expr_source){ .join = join };
		rc = parse_source(p, &expr->sources[expr->n]);
		if (rc < 0)
			return rc;
		expr->said |= expr->sources[expr->n].kind == RESPONSE_BODY ||
			      expr->sources[expr->n].kind == RESPONSE_HEAD ||
			      expr->sources[expr->n].kind == BYTES;
		expr->n++;
		skip_spaces(p);
		if (!p->rest.len)
			return 0;
		rc = parse_join(p, &join);
		if (rc < 0)
			return rc;
	}
}

/* Sources and text in one allocation; the names come to point into it. */
static int keep(struct span text, struct expr *expr)
{
	size_t bytes = expr->n * sizeof(*expr->sources);
	struct expr_source *kept = malloc(bytes + text.len + 1);
	char *copy = (char *)kept + bytes;

	if (!kept)
		return -ENOMEM;
	memcpy(kept, expr->sources, bytes);
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	for (unsigned i = 0; i < expr->n; i++)
		if (kept[i].name_len)
			kept[i].name = copy + (kept[i].name - text.ptr);
	expr->sources = kept;
	return 0;
}

int expr_compile(struct span text, enum expr_want want, struct expr_scope *scope,
		 struct expr *ret_expr, struct err *err)
{
	struct expr_source sources[EXPR_SOURCES_MAX];
	struct expr expr = { .sources = sources };
	struct parser p = { text, want, scope, err };
	int rc;

	if (text.len > EXPR_TEXT_MAX)
		return err_set(err, -EINVAL, "longer than %d bytes", EXPR_TEXT_MAX);
	rc = parse_all(&p, &expr);
	if (rc == 0)
		rc = keep(text, &expr);
	if (rc < 0)
		return rc;
	expr.has_snapshot = scope->snapshot.len > 0;
	expr.snapshot_slot = (uint16_t)scope->snapshot_slot;
	*ret_expr = expr;
	return 0;
}

bool expr_is(const struct expr *expr, const char *text)
{
	if (!text || !expr->n)
		return !text && !expr->n;
	return strcmp((const char *)(expr->sources + expr->n), text) == 0;
}

void expr_done(struct expr *expr)
{
	free(expr->sources);
	*expr = (struct expr){ 0 };
}
