/* The value of an expression when its call has ended. What is absent is never 0: a count says so by
 * `| 0`, and in a route with a snapshot that holds only where the snapshot was seen. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "meter/expr_source.h"
#include "meter/target.h"

/* What the makers of tokenizers give as the rule of thumb for English. */
#define BYTES_A_TOKEN 4

/* NULL: not of a body. What the snapshot at hand does not say is absent, whatever the one before it
 * said. */
static const struct slot *find_slot(const struct expr *expr, const struct expr_source *source,
				    const struct expr_input *in)
{
	static const struct slot absent = { 0 };
	const struct slot *slot = &in->response[source->slot];

	if (source->kind == REQUEST_BODY)
		return &in->request[source->slot];
	if (source->kind != RESPONSE_BODY)
		return NULL;
	if (source->in_snapshot && slot->document != in->response[expr->snapshot_slot].document)
		return &absent;
	return slot;
}

/* A text outside the bodies; ptr NULL when there is none. */
static struct span find_text(const struct expr_source *source, const struct expr_input *in)
{
	const struct exchange *ex = in->exchange;
	const struct span name = { source->name, source->name_len };
	struct span path, query, raw;

	if (source->kind == LITERAL)
		return name;
	if (source->kind == REQUEST_HEAD)
		return head_get(&ex->request, name);
	if (source->kind == RESPONSE_HEAD)
		return head_get(&ex->response, name);
	target_split(ex->request.target, &path, &query);
	raw = source->kind == PATH ? target_segment(path, source->slot) : target_query(query, name);
	if (source->kind == PATH && raw.len >= (size_t)source->constant)
		raw = span_head(raw, raw.len - (size_t)source->constant);
	return raw.len ? target_decode(raw, in->scratch, EXPR_SCRATCH_BYTES) : raw;
}

static int text_of(const struct expr *expr, const struct expr_source *source,
		   const struct expr_input *in, struct span *ret_text)
{
	const struct slot *slot = find_slot(expr, source, in);
	struct span text;

	if (slot && slot->type == SLOT_OTHER)
		return -EBADMSG;
	if (slot && slot->type == SLOT_INTEGER) {
		snprintf(in->scratch, EXPR_SCRATCH_BYTES, "%" PRId64, slot->integer);
		*ret_text = span_of(in->scratch);
		return 1;
	}
	text = slot ? (struct span){ slot->text, slot->text_len } : find_text(source, in);
	if (!text.len)
		return 0;
	*ret_text = text;
	return 1;
}

int expr_text(const struct expr *expr, const struct expr_input *in, struct span *ret_text)
{
	int rc = 0;

	for (unsigned i = 0; i < expr->n && rc == 0; i++)
		rc = text_of(expr, &expr->sources[i], in, ret_text);
	return rc;
}

static int number_of(struct span text, int64_t *ret_number)
{
	uint64_t value;
	int rc = span_u64(text, &value);

	if (rc < 0 || value > INT64_MAX)
		return rc == 0 || rc == -ERANGE ? -ERANGE : -EBADMSG;
	*ret_number = (int64_t)value;
	return 1;
}

/* "3.2" -> 4; also a whole number. */
static int round_up(struct span text, int64_t *ret_number)
{
	struct span fraction = text, whole = span_cut(&fraction, '.');
	int rc = number_of(whole, ret_number);

	for (size_t i = 0; i < fraction.len; i++)
		if (fraction.ptr[i] < '0' || fraction.ptr[i] > '9')
			return -EBADMSG;
	for (size_t i = 0; i < fraction.len && rc > 0; i++)
		if (fraction.ptr[i] != '0')
			return __builtin_add_overflow(*ret_number, 1, ret_number) ? -ERANGE : 1;
	return rc;
}

/* "0-24/3573458" -> 25, and of an empty range 0 (RFC 9110, 14.4). */
static int range_of(struct span text, int64_t *ret_number)
{
	struct span last = span_cut(&text, '/'), first = span_cut(&last, '-');
	int64_t from, to;

	*ret_number = 0;
	if (span_eq(first, SPAN("*")))
		return 1;
	if (number_of(first, &from) < 0 || number_of(last, &to) < 0 || to < from)
		return -EBADMSG;
	*ret_number = to - from + 1;
	return 1;
}

static int text_count(const struct slot *slot, enum fold fold, int64_t *ret_count)
{
	if (slot->type != SLOT_TEXT)
		return -EBADMSG;
	*ret_count = fold == SEGMENTS ? slot->segments : slot->characters;
	return 1;
}

static int slot_count(const struct slot *slot, enum fold fold, int64_t *ret_count)
{
	const struct span text = { slot->text, slot->text_len };
	bool folded = fold == COUNT || fold == SUM;
	int rc = 1;

	if (fold == ZERO || fold == NOT) {
		*ret_count = 0;
		return (fold == ZERO) == (slot->type != SLOT_ABSENT);
	}
	if (slot->type == SLOT_ABSENT)
		return 0;
	if (fold == TOKENS) {
		*ret_count = slot->bytes / BYTES_A_TOKEN + (slot->bytes % BYTES_A_TOKEN > 0);
		return 1;
	}
	if (slot->torn || (fold == SUM && slot->sum_bad))
		return -EBADMSG;
	if (fold == CHARACTERS || fold == SEGMENTS)
		return text_count(slot, fold, ret_count);
	if (!folded && slot->type == SLOT_TEXT)
		rc = fold == CEIL ? round_up(text, ret_count) : number_of(text, ret_count);
	else if (!folded && slot->type != SLOT_INTEGER)
		rc = -EBADMSG;
	else
		*ret_count = fold == COUNT ? slot->count : folded ? slot->sum : slot->integer;
	if (rc > 0 && (fold == SOME || fold == ANY) && !*ret_count)
		return 0;
	if (rc > 0 && fold == ANY)
		*ret_count = 1;
	if (rc > 0 && fold == MINUTES)
		*ret_count = *ret_count / 60 + (*ret_count % 60 > 0);
	return rc;
}

static int count_of(const struct expr *expr, const struct expr_source *source,
		    const struct expr_input *in, int64_t *ret_count)
{
	const struct slot *slot = find_slot(expr, source, in);
	struct span text;

	if (slot)
		return slot_count(slot, source->fold, ret_count);
	if (source->kind == CONSTANT) {
		if (expr->has_snapshot && !in->response[expr->snapshot_slot].document)
			return 0;
		*ret_count = source->constant;
		return 1;
	}
	if (source->kind == BYTES) {
		*ret_count = (int64_t)in->exchange->response_bytes;
		return 1;
	}
	text = find_text(source, in);
	if (text.len && source->fold == RANGE)
		return range_of(text, ret_count);
	return text.len ? number_of(text, ret_count) : 0;
}

/* The sources from `*i` that | joins: the first one present. Moves `*i` behind them. */
static int term(const struct expr *expr, const struct expr_input *in, unsigned *i,
		int64_t *ret_count)
{
	int rc = 0;

	do {
		if (rc == 0)
			rc = count_of(expr, &expr->sources[*i], in, ret_count);
		++*i;
	} while (*i < expr->n && expr->sources[*i].join == OR);
	return rc;
}

int expr_count(const struct expr *expr, const struct expr_input *in, int64_t *ret_count)
{
	int64_t total, value;
	unsigned i = 0;
	int rc;

	if (!expr->n)
		return 0;
	rc = term(expr, in, &i, &total);
	if (rc <= 0)
		return rc;
	while (i < expr->n) {
		bool minus = expr->sources[i].join == MINUS, overflow;

		rc = term(expr, in, &i, &value);
		if (rc < 0)
			return rc;
		if (rc == 0)
			continue;
		overflow = minus ? __builtin_sub_overflow(total, value, &total)
				 : __builtin_add_overflow(total, value, &total);
		if (overflow)
			return -ERANGE;
	}
	if (total < 0)
		return -ERANGE;
	*ret_count = total;
	return 1;
}

uint32_t expr_document(const struct expr *expr, const struct expr_input *in)
{
	uint32_t last = 0;

	for (unsigned i = 0; i < expr->n; i++) {
		const struct slot *slot = find_slot(expr, &expr->sources[i], in);

		if (slot && slot->document > last)
			last = slot->document;
	}
	return last;
}

int expr_first(const struct expr *expr, const struct expr_input *in, int64_t *ret_count)
{
	unsigned i = 0;
	int rc = expr->n ? term(expr, in, &i, ret_count) : 0;

	return rc > 0 && *ret_count < 0 ? -ERANGE : rc;
}
