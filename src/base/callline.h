/* One call as one aligned line for people: what `outlay tail` and `outlay calls` print, and the
 * agent on its terminal. Columns: time (local), process, provider, model, status, tokens in and
 * out, cost, duration. Safe to print whatever the fields hold. */
#pragma once

#include "base/buf.h"
#include "base/money.h"

#define CALLLINE_WIDTH_MIN 80  /* narrower terminals break the line */
#define CALLLINE_WIDTH_MAX 160 /* wider ones gain nothing */
#define CALLLINE_WIDTH     100 /* where there is no terminal */

struct callline {
	int64_t time_ns; /* UTC */
	uint32_t pid;
	struct span process, provider, model;
	unsigned status;               /* 0: no answer was seen */
	int64_t tokens_in, tokens_out; /* -1: not said */
	bool is_priced;
	int64_t cost_pico;
	int64_t duration_ns; /* -1: not known */
	bool is_partial;     /* part of the call was not seen: "!" behind the cost */
	bool is_estimated;   /* "~" behind it */
};

/* Without a newline; `width` is clamped to the limits above. */
void callline_format(const struct callline *line, unsigned width, struct buf *out);
void callline_heading(unsigned width, struct buf *out);

/* The pieces, for other tables: "$0.00002234" (rounded half to even to what fits, at most eight
 * decimals; "<$0.00000001" is not zero), "12345678" or "12.3M", "12 ms", "59.9 s", "12m05s". Each
 * fits in CALLLINE_PIECE_MAX bytes with its NUL and returns `out`. */
#define CALLLINE_PIECE_MAX 64
char *callline_usd(money_wide pico, char out[static CALLLINE_PIECE_MAX]);
char *callline_count(int64_t count, char out[static CALLLINE_PIECE_MAX]);
char *callline_duration(int64_t ns, char out[static CALLLINE_PIECE_MAX]);
