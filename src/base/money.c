/* Exact decimal arithmetic on 128-bit integers. */
#include "base/money.h"

#include <errno.h>
#include <stdio.h>

#define MAX_USD ((money_wide)1000000000000000) /* 10^15: 10^39 yocto would not fit 128 bits */

static money_wide power_of_ten(int n)
{
	money_wide value = 1;

	while (n-- > 0)
		value *= 10;
	return value;
}

/* Digits with one optional point, moved by `exponent` places. */
static int parse_digits(struct span text, int digits, int exponent, money_wide *ret_value)
{
	money_wide value = 0, limit = MAX_USD;
	int decimals = -1, any = 0;

	if (digits > 20)
		limit = (money_wide)100000000000000; /* 10^14 USD x 10^24 < 2^127 */
	limit *= power_of_ten(digits);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c == '.' && decimals < 0) {
			decimals = 0;
			continue;
		}
		if (c < '0' || c > '9')
			return -EINVAL;
		any = 1;
		if (decimals >= 0)
			decimals++;
		if (value > limit / 10)
			return -ERANGE;
		value = value * 10 + (c - '0');
	}
	if (!any || text.ptr[text.len - 1] == '.' || text.ptr[0] == '.')
		return -EINVAL;
	for (int shift = digits + exponent - (decimals > 0 ? decimals : 0); shift;) {
		if (shift > 0) {
			if (value > limit / 10)
				return -ERANGE;
			value *= 10;
			shift--;
		} else {
			if (value % 10)
				return -ERANGE;
			value /= 10;
			shift++;
		}
		if (!value)
			break;
	}
	*ret_value = value;
	return 0;
}

static int parse_signed(struct span text, int digits, int exponent, money_wide *ret_value)
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
	uint64_t exponent;
	bool negative = false;
	size_t at = 0;
	struct span tail;

	while (at < text.len && text.ptr[at] != 'e' && text.ptr[at] != 'E')
		at++;
	if (at == text.len)
		return money_parse(text, digits, ret_value);
	tail = span_skip(text, at + 1);
	if (tail.len && (tail.ptr[0] == '-' || tail.ptr[0] == '+')) {
		negative = tail.ptr[0] == '-';
		tail = span_skip(tail, 1);
	}
	if (span_u64(tail, &exponent) < 0 || exponent > 64)
		return -EINVAL;
	return parse_signed(span_head(text, at), digits, negative ? -(int)exponent : (int)exponent,
			    ret_value);
}

char *money_format(money_wide value, int digits, char out[static MONEY_TEXT_MAX])
{
	unsigned __int128 rest = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
	char reversed[MONEY_TEXT_MAX];
	int n = 0, length = 0, place = 0;

	/* From the last decimal: zeros at the end are not written, the unit digit always is. */
	for (; rest || place <= digits; place++, rest /= 10) {
		if (place == digits && n)
			reversed[n++] = '.';
		if (n || rest % 10 || place >= digits)
			reversed[n++] = (char)('0' + (int)(rest % 10));
	}
	if (value < 0)
		out[length++] = '-';
	while (n)
		out[length++] = reversed[--n];
	out[length] = '\0';
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
