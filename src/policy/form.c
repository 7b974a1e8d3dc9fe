/* Request bodies, by the streaming scanner: no tree and no allocation for a decision. The set of
 * pointers is one for each field, one for all their siblings, one for what is below each field that
 * is an object, and the document itself. */
#include "policy/form.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

#define LABEL_KEY_MAX   63
#define LABEL_VALUE_MAX 63

/* What a pointer points to. */
enum place { PLACE_DOCUMENT, PLACE_SIBLING, PLACE_MEMBER, PLACE_BELOW };

struct form {
	const struct form_field *fields;
	unsigned n_fields;
	struct json_paths *paths;
	struct {
		enum place place;
		unsigned field;
	} pointers[2 + 2 * FORM_FIELDS_MAX]; /* by id */
};

/* One body while it is read. */
struct reading {
	const struct form *form;
	char *values;
	struct form_fault *fault;
	uint32_t seen; /* one bit a field */
};

static int add(struct form *form, enum place place, unsigned field)
{
	static const char *const patterns[] = { "%.0s", "/*%.0s", "/%s", "/%s/*" };
	char pointer[80];
	unsigned id;
	int err;

	snprintf(pointer, sizeof(pointer), patterns[place], form->fields[field].name);
	err = json_paths_add(form->paths, span_of(pointer), &id);
	if (err)
		return err;
	form->pointers[id].place = place;
	form->pointers[id].field = field;
	return 0;
}

static bool is_object(const struct form_field *field)
{
	return field->kind == FORM_LABELS || field->kind == FORM_USAGE;
}

int form_new(const struct form_field *fields, unsigned n_fields, struct form **ret_form)
{
	struct form *form = calloc(1, sizeof(*form));
	int err;

	if (!form)
		return -ENOMEM;
	form->fields = fields;
	form->n_fields = n_fields;
	err = json_paths_new(&form->paths);
	if (!err)
		err = add(form, PLACE_DOCUMENT, 0);
	if (!err)
		err = add(form, PLACE_SIBLING, 0);
	for (unsigned i = 0; !err && i < n_fields; i++) {
		err = add(form, PLACE_MEMBER, i);
		if (!err && is_object(&fields[i]))
			err = add(form, PLACE_BELOW, i);
	}
	if (err) {
		form_free(form);
		return err;
	}
	*ret_form = form;
	return 0;
}

void form_free(struct form *form)
{
	if (!form)
		return;
	json_paths_free(form->paths);
	free(form);
}

/* The first fault stays. */
static void fail(struct reading *reading, struct span field, const char *what)
{
	struct form_fault *fault = reading->fault;

	if (fault->detail[0])
		return;
	span_copy(field, fault->field, sizeof(fault->field));
	if (fault->field[0])
		snprintf(fault->detail, sizeof(fault->detail), "%s: %s", fault->field, what);
	else
		snprintf(fault->detail, sizeof(fault->detail), "%s", what);
}

static bool is_plain(struct span text)
{
	for (size_t i = span_plain(text); i < text.len; i++)
		if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
			return false;
	return true;
}

static void take_text(struct reading *reading, const struct form_field *field,
		      const struct json_value *value)
{
	char *out = reading->values + field->offset, what[80];

	if (value->type == JSON_STRING && value->text_length > 0 &&
	    value->text_length < field->size && !value->truncated && is_plain(value->text)) {
		memcpy(out, value->text.ptr, value->text.len);
		out[value->text.len] = '\0';
		return;
	}
	snprintf(what, sizeof(what),
		 "a text of 1 to %zu bytes without control characters was expected",
		 field->size - 1);
	fail(reading, span_of(field->name), what);
}

static void take_value(struct reading *reading, const struct form_field *field,
		       const struct json_value *value)
{
	char *out = reading->values + field->offset;

	switch (field->kind) {
	case FORM_TEXT:
		take_text(reading, field, value);
		break;
	case FORM_COUNT:
		if (value->type == JSON_INTEGER && value->integer >= 0)
			memcpy(out, &value->integer, sizeof(value->integer));
		else
			fail(reading, span_of(field->name),
			     "a whole number of 0 or more was expected");
		break;
	case FORM_FLAG:
		if (value->type == JSON_BOOL)
			*(bool *)out = value->integer;
		else
			fail(reading, span_of(field->name), "true or false was expected");
		break;
	case FORM_LABELS:
	case FORM_USAGE:
		if (value->type != JSON_OBJECT)
			fail(reading, span_of(field->name), "an object was expected");
		break;
	}
}

/* Bytes that stay what they are in "key=value,key=value". */
static bool is_label(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] == ',' || text.ptr[i] == '=')
			return false;
	return is_plain(text);
}

static bool has_label(struct span labels, struct span key)
{
	while (labels.ptr) {
		struct span label = span_cut(&labels, ',');

		if (span_eq(span_cut(&label, '='), key))
			return true;
	}
	return false;
}

static void take_label(struct reading *reading, const struct form_field *field,
		       const struct json_value *value)
{
	char *out = reading->values + field->offset;
	struct span key = value->key, text = value->text;
	size_t used = strlen(out);

	if (value->type != JSON_STRING || value->truncated || !key.len || key.len > LABEL_KEY_MAX ||
	    text.len > LABEL_VALUE_MAX || !is_label(key) || !is_label(text)) {
		fail(reading, span_of(field->name),
		     "keys of 1 to 63 bytes and texts of up to 63, without ',' and '=', were "
		     "expected");
	} else if (has_label(span_of(out), key)) {
		fail(reading, span_of(field->name), "a label stands there twice");
	} else if (used + key.len + text.len + 3 > field->size) {
		fail(reading, span_of(field->name), "these are too many labels");
	} else {
		out += used;
		if (used)
			*out++ = ',';
		memcpy(out, key.ptr, key.len);
		out += key.len;
		*out++ = '=';
		memcpy(out, text.ptr, text.len);
		out[text.len] = '\0';
	}
}

static void take_bucket(struct reading *reading, const struct form_field *field,
			const struct json_value *value)
{
	struct form_usage *usage = (struct form_usage *)(reading->values + field->offset);
	enum usage_bucket bucket;

	if (usage_bucket_find(value->key, &bucket) < 0) {
		fail(reading, span_of(field->name), "a member is no bucket of the usage event");
	} else if (usage->present & USAGE_BIT(bucket)) {
		fail(reading, span_of(field->name), "a bucket stands there twice");
	} else if (value->type != JSON_INTEGER || value->integer < 0) {
		fail(reading, span_of(field->name), "whole numbers of 0 or more were expected");
	} else {
		usage->counts[bucket] = value->integer;
		usage->present |= USAGE_BIT(bucket);
	}
}

static void take_member(struct reading *reading, unsigned i, const struct json_value *value)
{
	const struct form_field *field = &reading->form->fields[i];

	if (reading->seen >> i & 1)
		fail(reading, span_of(field->name), "stands there twice");
	reading->seen |= 1u << i;
	take_value(reading, field, value);
}

static void take_below(struct reading *reading, const struct form_field *field,
		       const struct json_value *value)
{
	if (field->kind == FORM_LABELS)
		take_label(reading, field, value);
	else
		take_bucket(reading, field, value);
}

static void on_value(void *ctx, unsigned id, const struct json_value *value)
{
	struct reading *reading = ctx;
	const struct form *form = reading->form;

	switch (form->pointers[id].place) {
	case PLACE_DOCUMENT:
		if (value->type != JSON_OBJECT)
			fail(reading, SPAN(""), "The body must be a JSON object.");
		break;
	case PLACE_MEMBER:
		take_member(reading, form->pointers[id].field, value);
		break;
	case PLACE_BELOW:
		take_below(reading, &form->fields[form->pointers[id].field], value);
		break;
	case PLACE_SIBLING:
		/* Reports the known members too; only those of no row have a key. */
		if (value->key.ptr)
			fail(reading, value->key, "there is no such field");
		break;
	}
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool form_list(struct span json, struct span *ret_inside)
{
	while (json.len && is_blank(json.ptr[0]))
		json = span_skip(json, 1);
	while (json.len && is_blank(json.ptr[json.len - 1]))
		json.len--;
	if (json.len < 2 || json.ptr[0] != '[' || json.ptr[json.len - 1] != ']')
		return false;
	*ret_inside = span_head(span_skip(json, 1), json.len - 2);
	return true;
}

struct span form_item(struct span *rest)
{
	struct span all = *rest;
	bool quoted = false;
	size_t depth = 0, i;

	for (i = 0; i < all.len && (all.ptr[i] != ',' || depth || quoted); i++) {
		char c = all.ptr[i];

		if (c == '\\' && quoted)
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '['))
			depth++;
		else if (!quoted && (c == '}' || c == ']') && depth)
			depth--;
	}
	*rest = i < all.len ? span_skip(all, i + 1) : (struct span){ NULL, 0 };
	return span_head(all, i);
}

int form_read(const struct form *form, struct span json, void *values, struct form_fault *ret_fault)
{
	struct reading reading = { .form = form, .values = values, .fault = ret_fault };
	struct json_scan scan;

	ret_fault->field[0] = ret_fault->detail[0] = '\0';
	json_scan_init(&scan, form->paths, on_value, &reading);
	json_scan_feed(&scan, json);
	if (json_scan_end(&scan) != 1)
		fail(&reading, SPAN(""), "The body is not JSON.");
	for (unsigned i = 0; i < form->n_fields; i++)
		if (form->fields[i].is_required && !(reading.seen >> i & 1))
			fail(&reading, span_of(form->fields[i].name), "is missing");
	return ret_fault->detail[0] ? -EINVAL : 0;
}
