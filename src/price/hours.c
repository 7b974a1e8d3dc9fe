/* Prices by the clock. Everything is in UTC and whole minutes, and a day is its UTC date. */
#include "price/hours.h"

#include "base/timestamp.h"

#define MINUTES_A_DAY 1440
#define NS_A_MINUTE   (60 * NS_PER_SEC)
#define THURSDAY      3 /* 1970-01-01 was one; Monday is 0 */

static int two_digits(const char *at)
{
	if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9')
		return -1;
	return (at[0] - '0') * 10 + at[1] - '0';
}

/* "HH:MM" -> minutes; -1: it is none */
static int minute_of(const char *at)
{
	int hour = two_digits(at), minute = at[2] == ':' ? two_digits(at + 3) : -1;

	return hour < 0 || hour > 23 || minute < 0 || minute > 59 ? -1 : hour * 60 + minute;
}

static int parse_hours(const json_t *value, const struct document_place *at, struct rates *rates,
		       struct err *err)
{
	const char *text = json_string_value(value);
	int begin = -1, end = -1;

	if (json_string_length(value) == 11 && text[5] == '-') {
		begin = minute_of(text);
		end = minute_of(text + 6);
	}
	if (begin < 0 || end < 0 || begin == end)
		return document_refuse(at, err, "hours of the UTC day such as \"16:30-00:30\"");
	rates->begin_minute = (uint16_t)begin;
	rates->end_minute = (uint16_t)end;
	return 0;
}

static int parse_weekdays(const json_t *entry, const struct document_place *parent,
			  struct rates *rates, struct err *err)
{
	struct document_place at = document_member(parent, "weekdays");
	const json_t *days;
	int rc;

	rc = document_array(entry, "weekdays", parent, 1, 7, &days, err);
	for (size_t i = 0; !rc && i < json_array_size(days); i++) {
		json_int_t day = json_integer_value(json_array_get(days, i));

		if (day < 1 || day > 7)
			return document_refuse(&at, err, "days from 1 (Monday) to 7");
		rates->weekdays |= (uint8_t)(1u << (day - 1));
	}
	return rc;
}

int hours_parse(const json_t *entry, const struct document_place *parent, struct rates *rates,
		struct err *err)
{
	struct document_place at = document_member(parent, "hours");
	const json_t *hours = json_object_get(entry, "hours");
	int rc = 0;

	if (hours)
		rc = parse_hours(hours, &at, rates, err);
	if (!rc && json_object_get(entry, "weekdays"))
		rc = parse_weekdays(entry, parent, rates, err);
	return rc;
}

bool hours_limited(const struct rates *rates)
{
	return rates->begin_minute != rates->end_minute || rates->weekdays;
}

int hours_parse_holidays(const json_t *object, const struct document_place *parent,
			 struct rates_holidays *ret_holidays, struct err *err)
{
	struct document_place at = document_member(parent, "holidays");
	struct rates_holidays holidays = { 0 };
	const json_t *dates;
	int64_t time_ns;
	int rc;

	rc = document_array(object, "holidays", parent, 0, RATES_HOLIDAYS_MAX, &dates, err);
	for (size_t i = 0; !rc && i < json_array_size(dates); i++) {
		struct document_place here = document_element(&at, i);
		const json_t *date = json_array_get(dates, i);
		struct span text = { json_string_value(date), json_string_length(date) };
		int32_t day;

		if (text.len != 10 || timestamp_parse(text, &time_ns) < 0)
			return document_refuse(&here, err, "a date such as \"2026-10-01\"");
		day = (int32_t)(time_ns / NS_A_MINUTE / MINUTES_A_DAY);
		if (holidays.n && holidays.days[holidays.n - 1] >= day)
			return document_refuse(&here, err, "a later date than the one before");
		holidays.days[holidays.n++] = day;
	}
	if (!rc)
		*ret_holidays = holidays;
	return rc;
}

static bool is_holiday(const struct rates_holidays *holidays, int64_t day)
{
	for (unsigned i = 0; i < holidays->n; i++)
		if (holidays->days[i] == day)
			return true;
	return false;
}

bool hours_hold(const struct rates *rates, const struct rates_holidays *holidays, int64_t time_ns)
{
	int64_t minutes = time_ns / NS_A_MINUTE, day = minutes / MINUTES_A_DAY;
	int minute = (int)(minutes % MINUTES_A_DAY);
	int begin = rates->begin_minute, end = rates->end_minute;

	if (rates->weekdays) {
		if (!(rates->weekdays >> (day + THURSDAY) % 7 & 1) || is_holiday(holidays, day))
			return false;
	}
	if (begin <= end)
		return begin == end || (minute >= begin && minute < end);
	return minute >= begin || minute < end;
}
