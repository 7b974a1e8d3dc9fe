/* What the scanner reports and what a tree of jansson holds, both as the same text: "ID:VALUE "
 * for each report, numbers by what they mean, for the tree has not kept their text. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/json.h"
#include "tests/jansson.h"

static inline void log_value(void *ctx, unsigned id, const struct json_value *value)
{
	struct buf *log = ctx;

	buf_printf(log, "%u:", id);
	switch (value->type) {
	case JSON_NULL:
		buf_printf(log, "null");
		break;
	case JSON_BOOL:
		buf_printf(log, value->integer ? "true" : "false");
		break;
	case JSON_INTEGER:
		buf_printf(log, "%lld", (long long)value->integer);
		break;
	case JSON_NUMBER:
		buf_printf(log, "#");
		buf_put(log, value->text);
		break;
	case JSON_STRING:
		buf_printf(log, "'");
		buf_put(log, value->text);
		buf_printf(log, "'");
		assert_true(value->truncated == (value->text_length > JSON_TEXT_MAX));
		assert_true(value->truncated || value->text_length == value->text.len);
		break;
	case JSON_ARRAY:
		buf_printf(log, "[]");
		break;
	case JSON_OBJECT:
		buf_printf(log, "{}");
		break;
	}
	if (value->truncated)
		buf_printf(log, "...%llu", (unsigned long long)value->text_length);
	buf_printf(log, " ");
}

static inline void log_tree_text(struct buf *log, const json_t *tree)
{
	struct span text = { json_string_value(tree), json_string_length(tree) };
	size_t kept = text.len;

	if (text.len > JSON_TEXT_MAX)
		for (kept = JSON_TEXT_MAX; (text.ptr[kept] & 0xc0) == 0x80;)
			kept--;
	buf_printf(log, "'%.*s'", (int)kept, text.ptr);
	if (text.len > JSON_TEXT_MAX)
		buf_printf(log, "...%zu", text.len);
}

static inline void log_tree_value(struct buf *log, unsigned id, const json_t *tree)
{
	static const char *const fixed[] = {
		[JANSSON_OBJECT] = "{}",   [JANSSON_ARRAY] = "[]",  [JANSSON_TRUE] = "true",
		[JANSSON_FALSE] = "false", [JANSSON_NULL] = "null",
	};

	buf_printf(log, "%u:", id);
	if (json_typeof(tree) == JANSSON_STRING)
		log_tree_text(log, tree);
	else if (json_typeof(tree) == JANSSON_INTEGER)
		buf_printf(log, "%lld", (long long)json_integer_value(tree));
	else if (json_typeof(tree) == JANSSON_REAL)
		buf_printf(log, "%.17g", json_real_value(tree));
	else
		buf_printf(log, "%s", fixed[json_typeof(tree)]);
	buf_printf(log, " ");
}

/* As log_value, but numbers by what they mean: the tree has not kept their text. */
static inline void log_value_by_meaning(void *ctx, unsigned id, const struct json_value *value)
{
	struct buf *log = ctx;
	char text[JSON_TEXT_MAX + 1];

	if (value->type != JSON_NUMBER) {
		log_value(ctx, id, value);
		return;
	}
	span_copy(value->text, text, sizeof(text));
	buf_printf(log, "%u:%.17g ", id, strtod(text, NULL));
}
