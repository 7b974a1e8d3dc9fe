/* The expressions of provider files: compiled once into pointers for base/json and a short list of
 * sources, evaluated when a call has ended. The language stands in meter/provider.h. */
#pragma once

#include "base/err.h"
#include "http/exchange.h"
#include "meter/slot.h"

#define EXPR_SOURCES_MAX   16 /* of one expression */
#define EXPR_TEXT_MAX      1024
#define EXPR_SCRATCH_BYTES 256

/* What the expressions of one route share: what is wanted of both bodies, and the path template. */
struct expr_scope {
	struct slot_plan request;
	struct slot_plan response;
	struct span template; /* "/v1/models/{model}" */
	bool of_path;         /* a source is a {name} of it */
	struct span snapshot; /* a pointer of the response that stands for a whole, or empty */
	unsigned snapshot_slot;
};

enum expr_want { EXPR_WANT_TEXT, EXPR_WANT_COUNT };

struct expr_source;

/* Zeroed is a valid expression that is always absent. */
struct expr {
	struct expr_source *sources;
	char *text; /* as it was said; names in `sources` point into it */
	uint8_t n;
	bool said; /* a part of it comes from the response */
	bool has_snapshot;
	uint16_t snapshot_slot;
};

/* -EINVAL with what is wrong and where in the text, or -ENOMEM. A text has no +, -, count or sum.
 */
int expr_compile(struct span text, enum expr_want want, struct expr_scope *scope,
		 struct expr *ret_expr, struct err *err);
void expr_done(struct expr *expr);

/* What an expression is evaluated on; slots by pointer id. */
struct expr_input {
	const struct exchange *exchange;
	const struct slot *request;
	const struct slot *response;
	char *scratch; /* EXPR_SCRATCH_BYTES: for what is percent-encoded */
};

/* 1 = present, 0 = absent, -EBADMSG = there, but no text. The text is borrowed from the input, and
 * that of a path or query good until the next call. */
int expr_text(const struct expr *expr, const struct expr_input *in, struct span *ret_text);

/* 1 = present, 0 = absent, -EBADMSG = there, but no whole number or from a torn document, -ERANGE =
 * negative or too big for an int64. */
int expr_count(const struct expr *expr, const struct expr_input *in, int64_t *ret_count);

/* The same of what stands before the first + or -. */
int expr_first(const struct expr *expr, const struct expr_input *in, int64_t *ret_count);
