/* What an expression is compiled to, by expr.c, for expr_value.c. */
#pragma once

#include "meter/expr.h"

enum kind {
	REQUEST_BODY,
	RESPONSE_BODY,
	REQUEST_HEAD,
	RESPONSE_HEAD,
	PATH,
	QUERY,
	BYTES,
	LITERAL,
	CONSTANT
};
enum fold {
	LAST,
	LAST_OF,
	COUNT,
	SUM,
	SOME,
	ANY,
	ZERO,
	NOT,
	CEIL,
	RANGE,
	CHARACTERS,
	SEGMENTS,
	TOKENS,
	MINUTES
};
enum join { FIRST, OR, PLUS, MINUS };

struct expr_source {
	enum kind kind : 8;
	enum fold fold : 8;
	enum join join : 8;
	bool in_snapshot;
	unsigned slot;    /* *_BODY: id of the pointer; PATH: which segment */
	int64_t constant; /* PATH: bytes of the :method behind the {name} */
	struct span name; /* of a header or a parameter */
};
