/* Decimal text: what is taken is within its limits, is written again and read back as the same
 * amount, and rounds to within half a picodollar. The first byte chooses the digits. */
#include "base/money.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
	if (!right)
		abort();
}

static void check_value(money_wide value, int digits)
{
	char text[MONEY_TEXT_MAX];
	money_wide again;

	money_format(value, digits, text);
	check(strlen(text) < MONEY_TEXT_MAX);
	check(money_parse(span_of(text), digits, &again) == 0);
	check(again == value);
}

static void check_rounding(money_wide yocto)
{
	const money_wide unit = 1000000000000;
	money_wide error;
	int64_t pico;

	if (money_round_pico(yocto, &pico) < 0) {
		check(yocto / unit >= INT64_MAX || yocto / unit <= INT64_MIN);
		return;
	}
	error = pico * unit - yocto;
	check(error <= unit / 2 && error >= -unit / 2);
	check((error != unit / 2 && error != -unit / 2) || pico % 2 == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data + 1, size - 1 };
	money_wide plain, value;
	int digits;

	if (!size)
		return 0;
	digits = data[0] & 1 ? MONEY_YOCTO_DIGITS : MONEY_PICO_DIGITS;
	/* The form with exponents takes all that the plain one takes, as the same amount. */
	if (money_parse(text, digits, &plain) == 0)
		check(money_parse_exponent(text, digits, &value) == 0 && value == plain);
	if (money_parse_exponent(text, digits, &value) == 0) {
		check_value(value, digits);
		check_rounding(value);
	}
	return 0;
}
