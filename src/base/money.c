/* Exact decimal arithmetic on 128-bit integers. Text is read digit by digit and never passes
 * through a binary fraction; what does not fit, or would need a digit more, is refused. */
#include "base/money.h"

#include <endian.h>
#include <errno.h>

/* 10^15 USD; in yoctodollars 10^14, because 10^39 is over 2^127. */
#define MAX_USD_DIGITS   15
#define MAX_VALUE_DIGITS 38
#define EXPONENT_MAX     999
#define PICO_PER_USD     1000000000000u

static money_wide power_of_ten(int n)
{
	money_wide value = 1;

	while (n-- > 0)
		value *= 10;
	return value;
}

static money_wide max_value(int digits)
{
	int places = digits + MAX_USD_DIGITS;

	return power_of_ten(places < MAX_VALUE_DIGITS ? places : MAX_VALUE_DIGITS);
}

static bool all_digits(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
	return true;
}

/* value x 10 + digit; -ERANGE when that is over the limit. */
static int shift_in(money_wide *value, int digit, money_wide limit)
{
	if (*value > (limit - digit) / 10)
		return -ERANGE;
	*value = *value * 10 + digit;
	return 0;
}

/* 10^-digits USD of whole.fraction x 10^exponent, all of them digits. */
static int scale(struct span whole, struct span fraction, int digits, int64_t exponent,
		 money_wide *ret_value)
{
	money_wide value = 0, limit = max_value(digits);
	int64_t places = (int64_t)whole.len + exponent + digits; /* that are kept */

	for (size_t i = 0; i < whole.len + fraction.len; i++) {
		char c = i < whole.len ? whole.ptr[i] : fraction.ptr[i - whole.len];

		if ((int64_t)i >= places && c != '0')
			return -ERANGE;
		if ((int64_t)i < places && shift_in(&value, c - '0', limit) < 0)
			return -ERANGE;
	}
	for (int64_t i = (int64_t)(whole.len + fraction.len); i < places && value; i++)
		if (shift_in(&value, 0, limit) < 0)
			return -ERANGE;
	*ret_value = value;
	return 0;
}

/* Digits with one optional point between them. */
static int parse_digits(struct span text, int digits, int64_t exponent, money_wide *ret_value)
{
	struct span fraction = text, whole = span_cut(&fraction, '.');

	if (!whole.len || !all_digits(whole) || !all_digits(fraction))
		return -EINVAL;
	if (fraction.ptr && !fraction.len)
		return -EINVAL;
	return scale(whole, fraction, digits, exponent, ret_value);
}

static int parse_signed(struct span text, int digits, int64_t exponent, money_wide *ret_value)
{
	bool negative = text.len && text.ptr[0] == '-';
	money_wide value;
	int err;

	err = parse_digits(negative ? span_skip(text, 1) : text, digits, exponent, &value);
	if (err)
		return err;
	*ret_value = negative ? -value : value;
	return 0;
}

int money_parse(struct span text, int digits, money_wide *ret_value)
{
	return parse_signed(text, digits, 0, ret_value);
}

int money_parse_exponent(struct span text, int digits, money_wide *ret_value)
{
	struct span tail;
	uint64_t exponent;
	bool negative;
	size_t at = 0;
	int err;

	while (at < text.len && text.ptr[at] != 'e' && text.ptr[at] != 'E')
		at++;
	if (at == text.len)
		return money_parse(text, digits, ret_value);
	tail = span_skip(text, at + 1);
	negative = span_starts(tail, SPAN("-"));
	if (negative || span_starts(tail, SPAN("+")))
		tail = span_skip(tail, 1);
	err = span_u64(tail, &exponent);
	if (err < 0)
		return err;
	if (exponent > EXPONENT_MAX)
		return -ERANGE;
	return parse_signed(span_head(text, at), digits,
			    negative ? -(int64_t)exponent : (int64_t)exponent, ret_value);
}

/* The digits of a number below 10^8, the first in the lowest byte: halves, then halves of these,
 * side by side in a word. */
static uint64_t eight_digits(uint64_t number)
{
	uint64_t fours = number / 10000 | number % 10000 << 32;
	uint64_t hundreds = fours * 10486 >> 20 & 0x0000007f0000007f; /* fours / 100 */
	uint64_t twos = hundreds | (fours - hundreds * 100) << 16;
	uint64_t tens = twos * 103 >> 10 & 0x000f000f000f000f; /* twos / 10 */

	return tens | (twos - tens * 10) << 8;
}

static void store_digits(char *out, uint64_t digits)
{
	digits = htole64(digits | 0x3030303030303030);
	memcpy(out, &digits, sizeof(digits));
}

/* Picodollars that 64 bits hold, as nearly all do, without a loop: decisions write many, and the
 * lengths of amounts are nothing that a processor could foresee. */
static char *put_pico(char *out, uint64_t pico)
{
	uint64_t whole = eight_digits(pico / PICO_PER_USD), fraction = pico % PICO_PER_USD;
	int zeros = whole ? __builtin_ctzll(whole) / 8 : 7;
	uint64_t first, last;

	store_digits(out, whole >> 8 * zeros);
	out += 8 - zeros;
	if (fraction) {
		first = eight_digits(fraction / 10000);
		last = eight_digits(fraction % 10000 * 10000);
		*out++ = '.';
		store_digits(out, first);
		store_digits(out + 8, last);
		out += last ? 16 - __builtin_clzll(last) / 8 : 8 - __builtin_clzll(first) / 8;
	}
	*out = '\0';
	return out;
}

/* In front of `at`, with so many digits at least. A 128-bit division is a slow call. */
static char *put_digits(char *at, unsigned __int128 rest, int n_least)
{
	uint64_t low;

	for (; rest != (uint64_t)rest; rest /= 10, n_least--)
		*--at = (char)('0' + (int)(rest % 10));
	for (low = (uint64_t)rest; low || n_least > 0; low /= 10, n_least--)
		*--at = (char)('0' + low % 10);
	return at;
}

static char *put_any(char *out, unsigned __int128 amount, int digits)
{
	unsigned __int128 unit = (unsigned __int128)power_of_ten(digits), fraction = amount % unit;
	char text[MONEY_TEXT_MAX], *end = text + sizeof(text), *at = end;

	if (fraction) {
		at = put_digits(at, fraction, digits);
		*--at = '.';
		while (end[-1] == '0')
			end--;
	}
	at = put_digits(at, amount / unit, 1);
	memcpy(out, at, (size_t)(end - at));
	out[end - at] = '\0';
	return out + (end - at);
}

char *money_put(money_wide value, int digits, char out[static MONEY_TEXT_MAX])
{
	unsigned __int128 amount = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;

	if (value < 0)
		*out++ = '-';
	if (digits == MONEY_PICO_DIGITS && amount == (uint64_t)amount)
		return put_pico(out, (uint64_t)amount);
	return put_any(out, amount, digits);
}

char *money_format(money_wide value, int digits, char out[static MONEY_TEXT_MAX])
{
	(void)money_put(value, digits, out);
	return out;
}

int money_accumulate(money_wide *sum_yocto, int64_t count, money_wide rate_yocto)
{
	money_wide product, sum;

	if (__builtin_mul_overflow((money_wide)count, rate_yocto, &product) ||
	    __builtin_add_overflow(*sum_yocto, product, &sum))
		return -ERANGE;
	*sum_yocto = sum;
	return 0;
}

money_wide money_divide(money_wide value, money_wide divisor)
{
	money_wide whole = value / divisor, rest = value % divisor;

	return whole + (rest > divisor - rest || (rest == divisor - rest && whole % 2));
}

int money_round_pico(money_wide yocto, int64_t *ret_pico)
{
	const money_wide unit = power_of_ten(MONEY_YOCTO_DIGITS - MONEY_PICO_DIGITS);
	money_wide whole = yocto / unit, rest = yocto % unit;
	bool negative = rest < 0;

	if (negative)
		rest = -rest;
	if (rest * 2 > unit || (rest * 2 == unit && whole % 2))
		whole += negative ? -1 : 1;
	if (whole > INT64_MAX || whole < INT64_MIN)
		return -ERANGE;
	*ret_pico = (int64_t)whole;
	return 0;
}
