/* The proleptic Gregorian calendar as days since 1970-01-01, and back (H. Hinnant,
 * "chrono-compatible low-level date algorithms"). month 1..12, day 1..31. */
#pragma once

#include <stdint.h>

int64_t civil_to_days(int64_t year, int month, int day);
void civil_from_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day);
