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

/* Small: they are read for each call, and after calls of other routes they are in no cache. */
struct expr_source {
	enum kind kind : 8;
	enum fold fold : 8;
	enum join join : 8;
	bool in_snapshot;
	uint16_t slot;     /* *_BODY: id of the pointer; PATH: which segment */
	uint16_t name_len; /* 0: it has none */
	union {
		int64_t constant; /* PATH: bytes of the :method behind the {name} */
		const char *name; /* of a header or a parameter, or the literal */
	};
};
