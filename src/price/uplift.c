/* Regional prices. The factor is a decimal fraction and the product is taken once a rate, far below
 * a picodollar: the rates that a charge carries are the ones that were used. */
#include "price/uplift.h"

#include <errno.h>

#define FACTOR_DIGITS 4
#define FACTOR_ONE    10000
#define FACTOR_MAX    100 /* also the least: 1/100 */

/* "region=us" */
static int parse_condition(struct span key, const struct document_place *at, struct uplift *uplift,
			   struct err *err)
{
	struct span value = key, name = span_cut(&value, '=');

	if (name.len && name.ptr[name.len - 1] == '!') {
		uplift->other = true;
		name.len--;
	}
	uplift->server = span_eq(name, SPAN("server"));
	if ((!uplift->server && !span_eq(name, SPAN("region"))) || !value.len ||
	    value.len >= sizeof(uplift->value))
		return document_refuse(at, err,
				       "region=NAME, region!=NAME, server=... or "
				       "server!=...");
	span_copy(value, uplift->value, sizeof(uplift->value));
	return 0;
}

static int parse_factor(const json_t *value, const struct document_place *at, struct uplift *uplift,
			struct err *err)
{
	struct span text = { json_string_value(value), json_string_length(value) };
	money_wide factor;

	if (text.len >= sizeof(uplift->text) || money_parse(text, FACTOR_DIGITS, &factor) < 0 ||
	    factor < FACTOR_ONE / FACTOR_MAX || factor > FACTOR_ONE * FACTOR_MAX)
		return document_refuse(at, err, "a factor in quotes, from \"0.01\" to \"100\"");
	uplift->ten_thousandths = (int)factor;
	span_copy(text, uplift->text, sizeof(uplift->text));
	return 0;
}

int uplift_parse(const json_t *entry, const struct document_place *parent, struct arena *arena,
		 const struct uplifts **ret_uplifts, struct err *err)
{
	struct document_place list_at = document_member(parent, "uplifts");
	json_t *object = json_object_get(entry, "uplifts");
	size_t n = json_object_size(object);
	struct uplifts *uplifts = NULL;
	int rc = 0;

	if (object && (!n || n > UPLIFTS_MAX))
		return document_refuse(&list_at, err, "an object of 1 to 16 factors");
	if (object) {
		uplifts = arena_alloc(arena, sizeof(*uplifts) + n * sizeof(uplifts->list[0]),
				      _Alignof(struct uplifts));
		if (!uplifts)
			return err_set(err, -ENOMEM, "%s: out of memory", parent->file);
	}
	for (void *i = json_object_iter(object); i && !rc; i = json_object_iter_next(object, i)) {
		struct document_place at = document_member(&list_at, json_object_iter_key(i));
		struct uplift *uplift = &uplifts->list[uplifts->n++];

		rc = parse_condition(span_of(at.key), &at, uplift, err);
		if (!rc)
			rc = parse_factor(json_object_iter_value(i), &at, uplift, err);
	}
	if (!rc)
		*ret_uplifts = uplifts;
	return rc;
}

const struct uplift *uplift_of(const struct uplifts *uplifts, const struct usage *usage)
{
	for (unsigned i = 0; uplifts && i < uplifts->n; i++) {
		const struct uplift *uplift = &uplifts->list[i];
		const char *value = uplift->server ? usage->server : usage->region;

		if (value[0] && (strcmp(value, uplift->value) == 0) != uplift->other)
			return uplift;
	}
	return NULL;
}

money_wide uplift_rate(const struct uplift *uplift, money_wide rate_yocto)
{
	return money_divide(rate_yocto * uplift->ten_thousandths, FACTOR_ONE);
}
