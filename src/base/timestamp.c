/* RFC 3339 text of UTC instants, both ways. Reading goes field by field from the front of a span;
 * the calendar is civil.h's. */
#include "base/timestamp.h"

#include <errno.h>

static char *put_two(char *out, unsigned value, char after)
{
	out[0] = (char)('0' + value / 10);
	out[1] = (char)('0' + value % 10);
	out[2] = after;
	return out + 3;
}

/* By hand: decisions and events write several, and snprintf takes longer than the rest of one. */
char *timestamp_format(int64_t utc_ns, char out[static TIMESTAMP_TEXT_MAX])
{
	int64_t days = utc_ns / NS_PER_DAY, rest = utc_ns % NS_PER_DAY, year;
	unsigned seconds, micros;
	int month, day;
	char *at = out;

	if (rest < 0) {
		rest += NS_PER_DAY;
		days--;
	}
	seconds = (unsigned)(rest / NS_PER_SEC);
	micros = (unsigned)(rest % NS_PER_SEC / 1000);
	civil_from_days(days, &year, &month, &day);
	at = put_two(at, (unsigned)year / 100, '\0') - 1;
	at = put_two(at, (unsigned)year % 100, '-');
	at = put_two(at, (unsigned)month, '-');
	at = put_two(at, (unsigned)day, 'T');
	at = put_two(at, seconds / 3600, ':');
	at = put_two(at, seconds / 60 % 60, ':');
	at = put_two(at, seconds % 60, '.');
	at = put_two(at, micros / 10000, '\0') - 1;
	at = put_two(at, micros / 100 % 100, '\0') - 1;
	at = put_two(at, micros % 100, 'Z');
	*at = '\0';
	return out;
}

/* `width` digits from the front of `*text`; -1 when they are not there. */
static int take_digits(struct span *text, size_t width)
{
	int value = 0;

	if (text->len < width)
		return -1;
	for (size_t i = 0; i < width; i++) {
		if (text->ptr[i] < '0' || text->ptr[i] > '9')
			return -1;
		value = value * 10 + (text->ptr[i] - '0');
	}
	*text = span_skip(*text, width);
	return value;
}

static bool take_byte(struct span *text, const char *allowed)
{
	if (!text->len || !memchr(allowed, text->ptr[0], strlen(allowed)))
		return false;
	*text = span_skip(*text, 1);
	return true;
}

static int take_fraction(struct span *text, int64_t *ret_ns)
{
	int64_t scale = NS_PER_SEC / 10;
	int digit;

	if (!take_byte(text, "."))
		return 0;
	digit = take_digits(text, 1);
	if (digit < 0)
		return -EINVAL;
	for (; digit >= 0; digit = take_digits(text, 1), scale /= 10)
		*ret_ns += digit * scale;
	return 0;
}

static int take_offset(struct span *text, int64_t *ret_ns)
{
	bool west = text->len && text->ptr[0] == '-';
	int hours, minutes;

	if (take_byte(text, "Zz"))
		return 0;
	if (!take_byte(text, "+-"))
		return -EINVAL;
	hours = take_digits(text, 2);
	take_byte(text, ":");
	minutes = take_digits(text, 2);
	if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
		return -EINVAL;
	*ret_ns = (hours * 60 + minutes) * 60 * NS_PER_SEC * (west ? -1 : 1);
	return 0;
}

static int days_in_month(int year, int month)
{
	return (int)(civil_to_days(year + month / 12, month % 12 + 1, 1) -
		     civil_to_days(year, month, 1));
}

static int take_date(struct span *text, int64_t *ret_days)
{
	int year, month, day;

	year = take_digits(text, 4);
	if (year < 0 || !take_byte(text, "-"))
		return -EINVAL;
	month = take_digits(text, 2);
	if (month < 1 || month > 12 || !take_byte(text, "-"))
		return -EINVAL;
	day = take_digits(text, 2);
	/* The range of int64 nanoseconds, less a year at each end for the offset. */
	if (day < 1 || day > days_in_month(year, month) || year < 1679 || year > 2261)
		return -EINVAL;
	*ret_days = civil_to_days(year, month, day);
	return 0;
}

static int take_clock(struct span *text, int64_t *ret_ns)
{
	int hour, minute, second;

	hour = take_digits(text, 2);
	if (hour < 0 || hour > 23 || !take_byte(text, ":"))
		return -EINVAL;
	minute = take_digits(text, 2);
	if (minute < 0 || minute > 59 || !take_byte(text, ":"))
		return -EINVAL;
	second = take_digits(text, 2);
	if (second < 0 || second > 60)
		return -EINVAL;
	*ret_ns = ((hour * 60 + minute) * 60 + second) * NS_PER_SEC;
	return take_fraction(text, ret_ns);
}

int timestamp_parse(struct span text, int64_t *ret_utc_ns)
{
	int64_t days, clock_ns = 0, offset_ns = 0;

	if (take_date(&text, &days) < 0)
		return -EINVAL;
	if (text.len) {
		if (!take_byte(&text, "Tt ") || take_clock(&text, &clock_ns) < 0 ||
		    take_offset(&text, &offset_ns) < 0 || text.len)
			return -EINVAL;
	}
	*ret_utc_ns = days * NS_PER_DAY + clock_ns - offset_ns;
	return 0;
}
