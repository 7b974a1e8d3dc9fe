/* Money in integers. Amounts are picodollars (10^-12 USD): int64 for one call (up to 9.2 million
 * USD), 128 bits for totals. Rates are yoctodollars a unit (10^-24 USD), exact for every published
 * price (the longest has 21 decimals); a product of count and rate is summed in yoctodollars and
 * rounded once, half to even, to picodollars. Text is decimal USD in and out, never a float. */
#pragma once

#include <stdint.h>

#include "base/span.h"

typedef __int128 money_wide; /* picodollars of totals, yoctodollars of rates: the name says which */

#define MONEY_PICO_DIGITS  12
#define MONEY_YOCTO_DIGITS 24
#define MONEY_TEXT_MAX     48 /* bytes of any decimal text made here, NUL included */

/* "12.5", "0.0000003", "-1": decimal text -> integer of 10^-digits USD. -EINVAL when it is not a
 * plain decimal number, -ERANGE when it has more decimals than `digits` (zeros at the end do not
 * count) or more than 10^15 USD (in yoctodollars 10^14). */
int money_parse(struct span text, int digits, money_wide *ret_value);

/* As money_parse, with the exponents that JSON allows ("3e-06"): for catalogs of others. An
 * exponent over 999 is -ERANGE. */
int money_parse_exponent(struct span text, int digits, money_wide *ret_value);

/* Decimal text without trailing zeros: 150000 pico -> "0.00000015", 0 -> "0". Returns `out`. */
char *money_format(money_wide value, int digits, char out[static MONEY_TEXT_MAX]);
/* The same; returns where it ends, at its NUL. */
char *money_put(money_wide value, int digits, char out[static MONEY_TEXT_MAX]);

/* Adds count x rate to `*sum_yocto`. -ERANGE on overflow; the sum is then unchanged. */
int money_accumulate(money_wide *sum_yocto, int64_t count, money_wide rate_yocto);

/* The quotient of two that are not negative, half to even. */
money_wide money_divide(money_wide value, money_wide divisor);

/* Yoctodollars -> picodollars, half to even. -ERANGE when it does not fit int64. */
int money_round_pico(money_wide yocto, int64_t *ret_pico);
