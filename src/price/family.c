/* What may be cut off a model's name before it is looked up again. Only endings with a meaning of
 * their own: a version is never cut, so that no model is priced as an earlier one. */
#include "price/family.h"

#include <stdbool.h>

static bool is_date(const char *year, const char *month, const char *day)
{
	int m, d;

	for (int i = 0; i < 4; i++)
		if (year[i] < '0' || year[i] > '9')
			return false;
	for (int i = 0; i < 2; i++)
		if (month[i] < '0' || month[i] > '9' || day[i] < '0' || day[i] > '9')
			return false;
	m = (month[0] - '0') * 10 + month[1] - '0';
	d = (day[0] - '0') * 10 + day[1] - '0';
	return m >= 1 && m <= 12 && d >= 1 && d <= 31;
}

/* What of "gemini-2.0-flash-001" follows the family's name: three digits. */
static bool is_revision(const char *at)
{
	return at[0] == '-' && at[1] >= '0' && at[1] <= '9' && at[2] >= '0' && at[2] <= '9' &&
	       at[3] >= '0' && at[3] <= '9';
}

struct span family_without_date(struct span model)
{
	const char *end = model.ptr + model.len;

	if (model.len > 11 && end[-11] == '-' && end[-6] == '-' && end[-3] == '-' &&
	    is_date(end - 10, end - 5, end - 2))
		return span_head(model, model.len - 11);
	if (model.len > 9 && (end[-9] == '-' || end[-9] == '@') &&
	    is_date(end - 8, end - 4, end - 2))
		return span_head(model, model.len - 9);
	if (model.len > 4 && is_revision(end - 4))
		return span_head(model, model.len - 4);
	return model;
}

struct span family_without_owner(struct span model)
{
	struct span rest = span_skip(model, 3);

	if (!span_starts(model, SPAN("ft:")))
		return model;
	return span_head(model, 3 + span_cut(&rest, ':').len);
}
