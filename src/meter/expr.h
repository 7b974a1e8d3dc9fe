/* The expressions of provider files: compiled once into pointers for base/json and a short list of
 * sources, evaluated when a call has ended. The language:
 *
 * A source, or sources joined by `|` (first present), `+`, `-` (an absent right side counts as 0,
 * an absent left side makes the whole absent), count(pointer), sum(pointer), integers,
 * last(pointer): of several values the last; some(pointer): a count for which 0 stands for "not
 * known" and is absent; any(): 1 for one that is not 0; zero(pointer): 0 where that is there,
 * not(pointer): 0 where it is not, else absent; ceil(): rounded up; minutes(): of seconds, each
 * begun one; characters() and segments() of a text; range(head:Content-Range); bytes: of the
 * response on the wire; tokens(pointer): a quarter of the bytes (UTF-8) of all its texts, in all
 * events of a stream, rounded up: an estimate.
 * `|` binds tighter than `+` and `-`, which stand between spaces; no parentheses besides those.
 * null and the empty text are absent, and so are count() and sum() of nothing. Sources:
 *   /pointer        the response body; in a stream each event's data, the latest value present
 *   req:/pointer    the request body, JSON or a form; of a WebSocket the client's messages
 *   head:Name       a response header          req-head:Name  a request header
 *   path:name       a {name} of the match      query:name     of the query string
 * The last two are percent-decoded. A {name} is a whole segment, or ends at a :method that stands
 * behind it: "/v1beta/models/{model}:generateContent".
 * A pointer may hold `*` tokens inside count(), sum(), last() and tokens() alone, and one of them a
 * choice: `*[modality=AUDIO]` are the elements whose member `modality` is that text. Texts (model,
 * ids, api_key, error) are sources joined by `|`; what is there but is no text is left out. A count
 * that comes out negative makes the call inconsistent. One that rests on the request alone does not
 * hold for a call that was refused. */
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
	struct expr_source *sources; /* and behind them the text, into which their names point */
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

/* Whether it was compiled from this text; absent: from NULL. */
bool expr_is(const struct expr *expr, const char *text);

/* What an expression is evaluated on; slots by pointer id. */
struct expr_input {
	const struct exchange *exchange;
	const struct slot *request;
	const struct slot *response;
	char *scratch; /* EXPR_SCRATCH_BYTES: for what is percent-encoded, or an integer */
};

/* 1 = present, 0 = absent, -EBADMSG = there, but no text. The text is borrowed from the input, and
 * that of a path or query good until the next call. */
int expr_text(const struct expr *expr, const struct expr_input *in, struct span *ret_text);

/* 1 = present, 0 = absent, -EBADMSG = there, but no whole number or from a torn document, -ERANGE =
 * negative or too big for an int64. */
int expr_count(const struct expr *expr, const struct expr_input *in, int64_t *ret_count);

/* The same of what stands before the first + or -. */
int expr_first(const struct expr *expr, const struct expr_input *in, int64_t *ret_count);

/* The number of the last document that said a part of it; 0: none did. */
uint32_t expr_document(const struct expr *expr, const struct expr_input *in);
