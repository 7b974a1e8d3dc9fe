/* Reads a POSIX TZ text and finds the two days of a year on which its clock changes. Signs are
 * turned round while reading: there an offset is what is added to reach UTC. */
#include "base/zone_rule.h"

#include <errno.h>

#include "base/civil.h"

#define DAY_S        86400
#define HOURS_MAX    167 /* of a time in a rule */
#define DEFAULT_TIME 7200

static bool is_digit(struct span text)
{
	return text.len && text.ptr[0] >= '0' && text.ptr[0] <= '9';
}

static bool take(struct span *text, char byte)
{
	if (!text->len || text->ptr[0] != byte)
		return false;
	*text = span_skip(*text, 1);
	return true;
}

static int take_number(struct span *text, int max, int *ret_value)
{
	int value = 0;

	if (!is_digit(*text))
		return -EINVAL;
	for (; is_digit(*text); *text = span_skip(*text, 1)) {
		value = value * 10 + text->ptr[0] - '0';
		if (value > max)
			return -EINVAL;
	}
	*ret_value = value;
	return 0;
}

/* [+-]hh[:mm[:ss]] */
static int take_time(struct span *text, int32_t *ret_seconds)
{
	bool negative = take(text, '-');
	int hours, minutes = 0, seconds = 0;

	if (!negative)
		take(text, '+');
	if (take_number(text, HOURS_MAX, &hours) < 0 ||
	    (take(text, ':') && take_number(text, 59, &minutes) < 0) ||
	    (take(text, ':') && take_number(text, 59, &seconds) < 0))
		return -EINVAL;
	*ret_seconds = (hours * 60 + minutes) * 60 + seconds;
	if (negative)
		*ret_seconds = -*ret_seconds;
	return 0;
}

/* "CET" or "<+03>" */
static int take_name(struct span *text)
{
	size_t n = 0;

	if (take(text, '<')) {
		span_cut(text, '>');
		return text->ptr ? 0 : -EINVAL;
	}
	while (n < text->len && ((text->ptr[n] >= 'A' && text->ptr[n] <= 'Z') ||
				 (text->ptr[n] >= 'a' && text->ptr[n] <= 'z')))
		n++;
	*text = span_skip(*text, n);
	return n >= 3 ? 0 : -EINVAL;
}

static int take_day(struct span *text, struct zone_date *date)
{
	if (take(text, 'M')) {
		date->kind = 'M';
		if (take_number(text, 12, &date->month) < 0 || !date->month || !take(text, '.') ||
		    take_number(text, 5, &date->week) < 0 || !date->week || !take(text, '.'))
			return -EINVAL;
		return take_number(text, 6, &date->day);
	}
	date->kind = take(text, 'J') ? 'J' : 'N';
	return take_number(text, 365, &date->day);
}

static int take_date(struct span *text, struct zone_date *ret_date)
{
	*ret_date = (struct zone_date){ .second = DEFAULT_TIME };
	if (!take(text, ',') || take_day(text, ret_date) < 0)
		return -EINVAL;
	return take(text, '/') ? take_time(text, &ret_date->second) : 0;
}

int zone_rule_parse(struct span text, struct zone_rule *ret_rule)
{
	struct zone_rule rule = { 0 };
	int32_t behind;

	if (take_name(&text) < 0 || take_time(&text, &behind) < 0)
		return -EINVAL;
	rule.standard_s = -behind;
	if (text.len) {
		rule.has_summer = true;
		rule.summer_s = rule.standard_s + 3600;
		if (take_name(&text) < 0)
			return -EINVAL;
		if (text.len && text.ptr[0] != ',') {
			if (take_time(&text, &behind) < 0)
				return -EINVAL;
			rule.summer_s = -behind;
		}
		if (take_date(&text, &rule.begins) < 0 || take_date(&text, &rule.ends) < 0 ||
		    text.len)
			return -EINVAL;
	}
	*ret_rule = rule;
	return 0;
}

static bool is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100) || year % 400 == 0;
}

/* Days since 1970. */
static int64_t day_of(const struct zone_date *date, int64_t year)
{
	int64_t first = civil_to_days(year, 1, 1), next;
	int64_t weekday;

	if (date->kind == 'N')
		return first + date->day;
	if (date->kind == 'J')
		return first + date->day - 1 + (date->day > 59 && is_leap(year));
	first = civil_to_days(year, date->month, 1);
	next = date->month == 12 ? civil_to_days(year + 1, 1, 1)
				 : civil_to_days(year, date->month + 1, 1);
	weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday, Sunday is 0 */
	first += (date->day - weekday + 7) % 7 + 7 * (date->week - 1);
	return first < next ? first : first - 7; /* the fifth one is the last one */
}

int64_t zone_rule_begins(const struct zone_rule *rule, int64_t year)
{
	return day_of(&rule->begins, year) * DAY_S + rule->begins.second - rule->standard_s;
}

int64_t zone_rule_ends(const struct zone_rule *rule, int64_t year)
{
	return day_of(&rule->ends, year) * DAY_S + rule->ends.second - rule->summer_s;
}
