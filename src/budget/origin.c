/* Where a call comes from, as values of the event: container and unit follow from the path of the
 * cgroup, labels are kept as they came and told as an object. */
#include "budget/origin.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "base/cgroup.h"
#include "base/cleanup.h"
#include "base/emit.h"

CLEANUP_FOR(json, json_t *, json_decref)

static void put_text_or_null(struct buf *out, struct span text)
{
	struct emit e = emit_to(out);

	if (text.len)
		emit_string(&e, NULL, text);
	else
		emit_null(&e, NULL);
}

void origin_write_container(struct buf *out, const struct verdict *v)
{
	put_text_or_null(out, cgroup_container(span_of(v->charge.usage.process.cgroup)));
}

void origin_write_unit(struct buf *out, const struct verdict *v)
{
	put_text_or_null(out, cgroup_unit(span_of(v->charge.usage.process.cgroup)));
}

/* --- labels */

static bool has_key(struct span labels, const char *end, struct span key)
{
	while (labels.ptr && labels.ptr < end) {
		struct span entry = span_cut(&labels, ',');

		if (entry.ptr < end && span_eq(span_cut(&entry, '='), key) && entry.ptr)
			return true;
	}
	return false;
}

void origin_write_labels(struct buf *out, const struct verdict *v)
{
	const struct span all = span_of(v->charge.usage.process.labels);
	struct emit e = emit_to(out);
	struct span rest = all;

	if (!v->charge.usage.process.labels_known) {
		emit_null(&e, NULL);
		return;
	}
	emit_object(&e, NULL);
	while (rest.ptr) {
		struct span value = span_cut(&rest, ','), key = span_cut(&value, '=');

		if (!key.len || !value.ptr || has_key(all, key.ptr, key))
			continue;
		emit_key(&e, key);
		emit_string(&e, NULL, value);
	}
	emit_end_object(&e);
}

int origin_read_labels(struct span json, struct verdict *v)
{
	CLEANUP(cleanup_json)
	json_t *root = json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, NULL);
	char labels[sizeof(v->charge.usage.process.labels)] = "";
	size_t length = 0;
	const char *key;
	json_t *value;

	if (span_eq(json, SPAN("null"))) {
		v->charge.usage.process.labels_known = false;
		v->charge.usage.process.labels[0] = '\0';
		return 0;
	}
	if (!json_is_object(root))
		return -EBADMSG;
	json_object_foreach(root, key, value)
	{
		size_t more = (length > 0) + strlen(key) + 1 + json_string_length(value);

		if (!json_is_string(value))
			return -EBADMSG;
		/* Longer than it was when a broken byte became U+FFFD: the last ones go. */
		if (length + more >= sizeof(labels))
			break;
		length += (size_t)snprintf(labels + length, sizeof(labels) - length, "%s%s=%s",
					   length ? "," : "", key, json_string_value(value));
	}
	memcpy(v->charge.usage.process.labels, labels, sizeof(labels));
	v->charge.usage.process.labels_known = true;
	return 0;
}
