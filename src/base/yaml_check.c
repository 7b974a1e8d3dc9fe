/* One walk down document and schema together, as deep as the schema. It checks what the schema
 * says about mappings, sequences, strings, integers, booleans and enums; any other type is left to
 * libcyaml. Each refusal names the place the way a person would: "routes[2].match". */
#include "base/yaml_check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>

#include "base/span.h"

struct place {
	const char *path;
	yaml_document_t *document;
	struct err *err;
	size_t key_length;
	char key[256];
};

static int check_value(struct place *at, const yaml_node_t *node,
		       const struct cyaml_schema_value *schema);

__attribute__((format(printf, 3, 4))) static int refuse(const struct place *at,
							const yaml_node_t *node, const char *format,
							...)
{
	char expected[384];
	va_list args;

	va_start(args, format);
	vsnprintf(expected, sizeof(expected), format, args);
	va_end(args);
	return err_set(at->err, -EINVAL, "%s:%zu: %s%s%s", at->path, node->start_mark.line + 1,
		       at->key, at->key_length ? ": " : "", expected);
}

/* Adds to the key at hand; returns its length before, for `leave`. */
__attribute__((format(printf, 2, 3))) static size_t enter(struct place *at, const char *format, ...)
{
	size_t before = at->key_length, room = sizeof(at->key) - before;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(at->key + before, room, format, args);
	va_end(args);
	at->key_length += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
	return before;
}

static void leave(struct place *at, size_t before)
{
	at->key_length = before;
	at->key[before] = '\0';
}

static size_t enter_field(struct place *at, const char *name)
{
	return enter(at, "%s%s", at->key_length ? "." : "", name);
}

static struct span scalar_text(const yaml_node_t *node)
{
	return (struct span){ (const char *)node->data.scalar.value, node->data.scalar.length };
}

/* "name, hosts, routes" */
static const char *known_keys(const struct cyaml_schema_value *schema, char *out, size_t size)
{
	size_t length = 0;

	out[0] = '\0';
	for (const struct cyaml_schema_field *f = schema->mapping.fields; f->key; f++) {
		int n = snprintf(out + length, size - length, "%s%s", length ? ", " : "", f->key);

		length += n < 0 ? 0 : (size_t)n;
		if (length >= size)
			break;
	}
	return out;
}

static const struct cyaml_schema_field *find_field(const struct cyaml_schema_value *schema,
						   struct span key)
{
	const struct cyaml_schema_field *field = schema->mapping.fields;

	while (field->key && !span_eq(span_of(field->key), key))
		field++;
	return field->key ? field : NULL;
}

static const yaml_node_t *find_key(yaml_document_t *document, const yaml_node_t *mapping,
				   struct span key, const yaml_node_pair_t *before)
{
	const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;

	for (; pair < before; pair++) {
		const yaml_node_t *node = yaml_document_get_node(document, pair->key);

		if (node->type == YAML_SCALAR_NODE && span_eq(scalar_text(node), key))
			return node;
	}
	return NULL;
}

static int check_pair(struct place *at, const yaml_node_t *mapping, const yaml_node_pair_t *pair,
		      const struct cyaml_schema_value *schema)
{
	const yaml_node_t *key = yaml_document_get_node(at->document, pair->key);
	const struct cyaml_schema_field *field;
	char name[64], known[256];
	size_t before;
	int rc = 0;

	if (key->type != YAML_SCALAR_NODE)
		return refuse(at, key, "expected a word as a key");
	span_copy(scalar_text(key), name, sizeof(name));
	before = enter_field(at, name);
	field = find_field(schema, scalar_text(key));
	if (!field)
		rc = refuse(at, key, "unknown key; known here: %s",
			    known_keys(schema, known, sizeof(known)));
	else if (find_key(at->document, mapping, scalar_text(key), pair))
		rc = refuse(at, key, "this key stands here twice");
	else
		rc = check_value(at, yaml_document_get_node(at->document, pair->value),
				 &field->value);
	leave(at, before);
	return rc;
}

static int check_mapping(struct place *at, const yaml_node_t *node,
			 const struct cyaml_schema_value *schema)
{
	char known[256];

	if (node->type != YAML_MAPPING_NODE)
		return refuse(at, node, "expected a mapping with these keys: %s",
			      known_keys(schema, known, sizeof(known)));
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++)
		if (check_pair(at, node, pair, schema) < 0)
			return -EINVAL;
	for (const struct cyaml_schema_field *f = schema->mapping.fields; f->key; f++) {
		if (f->value.flags & CYAML_FLAG_OPTIONAL ||
		    find_key(at->document, node, span_of(f->key), node->data.mapping.pairs.top))
			continue;
		enter_field(at, f->key);
		return refuse(at, node, "this key is required and missing");
	}
	return 0;
}

static int check_sequence(struct place *at, const yaml_node_t *node,
			  const struct cyaml_schema_value *schema)
{
	const yaml_node_item_t *item;
	size_t n;

	if (node->type != YAML_SEQUENCE_NODE)
		return refuse(at, node, "expected a list");
	n = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	if (n < schema->sequence.min)
		return refuse(at, node, "expected at least %" PRIu32 " entries",
			      schema->sequence.min);
	if (n > schema->sequence.max)
		return refuse(at, node, "expected at most %" PRIu32 " entries",
			      schema->sequence.max);
	item = node->data.sequence.items.start;
	for (size_t i = 0; i < n; i++) {
		size_t before = enter(at, "[%zu]", i);

		if (check_value(at, yaml_document_get_node(at->document, item[i]),
				schema->sequence.entry) < 0)
			return -EINVAL;
		leave(at, before);
	}
	return 0;
}

static int check_string(struct place *at, const yaml_node_t *node,
			const struct cyaml_schema_value *schema)
{
	struct span text = scalar_text(node);

	/* What follows an escaped NUL would be lost without a word. */
	if (memchr(text.ptr, '\0', text.len))
		return refuse(at, node, "expected text without NUL");
	if (text.len < schema->string.min)
		return refuse(at, node, "expected text of at least %" PRIu32 " bytes",
			      schema->string.min);
	if (text.len > schema->string.max)
		return refuse(at, node, "expected text of at most %" PRIu32 " bytes",
			      schema->string.max);
	return 0;
}

/* Plain decimal: libcyaml would take 010 for eight. */
static int check_integer(struct place *at, const yaml_node_t *node,
			 const struct cyaml_schema_value *schema)
{
	bool is_signed = schema->type == CYAML_INT;
	uint64_t max = UINT64_MAX >> (64 - 8 * schema->data_size + is_signed), value;
	struct span digits = scalar_text(node);
	bool negative = is_signed && span_starts(digits, SPAN("-"));

	digits = span_skip(digits, negative);
	if (span_u64(digits, &value) < 0 || (digits.len > 1 && digits.ptr[0] == '0') ||
	    value > max + negative)
		return refuse(at, node, "expected a whole number from %s%" PRIu64 " to %" PRIu64,
			      is_signed ? "-" : "", is_signed ? max + 1 : 0, max);
	return 0;
}

static int check_bool(struct place *at, const yaml_node_t *node)
{
	struct span word = scalar_text(node);

	if (!span_eq(word, SPAN("true")) && !span_eq(word, SPAN("false")))
		return refuse(at, node, "expected true or false");
	return 0;
}

static int check_enum(struct place *at, const yaml_node_t *node,
		      const struct cyaml_schema_value *schema)
{
	char words[256] = "";
	size_t length = 0;

	for (uint32_t i = 0; i < schema->enumeration.count; i++) {
		const char *word = schema->enumeration.strings[i].str;

		if (span_eq(span_of(word), scalar_text(node)))
			return 0;
		if (length < sizeof(words))
			length += (size_t)snprintf(words + length, sizeof(words) - length, "%s%s",
						   i ? ", " : "", word);
	}
	return refuse(at, node, "expected one of: %s", words);
}

/* An empty value where the schema wants a NULL pointer for it. */
static bool is_null(const yaml_node_t *node, const struct cyaml_schema_value *schema)
{
	return (schema->flags & CYAML_FLAG_POINTER_NULL) == CYAML_FLAG_POINTER_NULL &&
	       node->type == YAML_SCALAR_NODE && !node->data.scalar.length;
}

static int check_value(struct place *at, const yaml_node_t *node,
		       const struct cyaml_schema_value *schema)
{
	if (is_null(node, schema))
		return 0;
	if (schema->type == CYAML_MAPPING)
		return check_mapping(at, node, schema);
	if (schema->type == CYAML_SEQUENCE || schema->type == CYAML_SEQUENCE_FIXED)
		return check_sequence(at, node, schema);
	if (schema->type > CYAML_ENUM && schema->type != CYAML_STRING)
		return 0;
	if (node->type != YAML_SCALAR_NODE)
		return refuse(at, node, "expected a single value");
	switch (schema->type) {
	case CYAML_BOOL:
		return check_bool(at, node);
	case CYAML_ENUM:
		return check_enum(at, node, schema);
	case CYAML_STRING:
		return check_string(at, node, schema);
	default:
		return check_integer(at, node, schema);
	}
}

int yaml_check(const char *path, yaml_document_t *document, const struct cyaml_schema_value *schema,
	       struct err *err)
{
	struct place at = { .path = path, .document = document, .err = err };

	return check_value(&at, yaml_document_get_root_node(document), schema);
}
