/* The provider's limits in the usage event, written and read back. A name is of a provider's file
 * (meter/limits.h lets only plain words in), so it needs no escapes. */
#include <errno.h>
#include <jansson.h>

#include "base/cleanup.h"
#include "base/emit.h"
#include "base/timestamp.h"
#include "budget/event.h"

CLEANUP_FOR(json, json_t *, json_decref)

void event_write_limits(struct buf *out, const struct verdict *v)
{
	const struct usage *usage = &v->charge.usage;
	char time[TIMESTAMP_TEXT_MAX];
	struct emit e = emit_to(out);

	emit_object(&e, NULL);
	for (unsigned i = 0; i < usage->n_limits; i++) {
		const struct usage_limit *limit = &usage->limits[i];

		emit_key(&e, span_of(limit->name));
		emit_object(&e, NULL);
		if (limit->limit >= 0)
			emit_int(&e, "limit", limit->limit);
		if (limit->remaining >= 0)
			emit_int(&e, "remaining", limit->remaining);
		if (limit->resets_ns)
			emit_text(&e, "resets", timestamp_format(limit->resets_ns, time));
		emit_end_object(&e);
	}
	emit_end_object(&e);
}

static bool read_count(const json_t *object, const char *key, int64_t *ret_count)
{
	const json_t *count = json_object_get(object, key);

	*ret_count = count ? json_integer_value(count) : -1;
	return !count || (json_is_integer(count) && *ret_count >= 0);
}

static bool read_limit(const char *name, const json_t *object, struct usage_limit *limit)
{
	const json_t *resets = json_object_get(object, "resets");

	limit->resets_ns = 0;
	return json_is_object(object) &&
	       span_copy(span_of(name), limit->name, sizeof(limit->name)) &&
	       read_count(object, "limit", &limit->limit) &&
	       read_count(object, "remaining", &limit->remaining) &&
	       (!resets ||
		timestamp_parse(span_of(json_string_value(resets)), &limit->resets_ns) == 0);
}

/* null: a row of before there was this field. */
int event_read_limits(struct span json, struct verdict *v)
{
	CLEANUP(cleanup_json)
	json_t *root =
	    json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	struct usage_limit limits[USAGE_LIMITS_MAX] = { 0 };
	const char *name;
	json_t *object;
	unsigned n = 0;

	if (!json_is_object(root) && !json_is_null(root))
		return -EBADMSG;
	json_object_foreach(root, name,
			    object) if (n == USAGE_LIMITS_MAX ||
					!read_limit(name, object, &limits[n++])) return -EBADMSG;
	memcpy(v->charge.usage.limits, limits, sizeof(limits));
	v->charge.usage.n_limits = n;
	return 0;
}
