/* Walks budgets[i].match.label of a file that the schema has accepted; the tree is libyaml's. What
 * is not where the schema put it (the file was changed in between) is taken as no label. */
#include "budget/labels.h"

#include <errno.h>
#include <stdlib.h>
#include <yaml.h>

#include "base/cleanup.h"

struct place {
	const char *path;
	yaml_document_t *document;
	unsigned budget;
	struct err *err;
};

static struct span text_of(const yaml_node_t *node)
{
	if (node->type != YAML_SCALAR_NODE)
		return (struct span){ NULL, 0 };
	return (struct span){ (const char *)node->data.scalar.value, node->data.scalar.length };
}

static yaml_node_t *member(yaml_document_t *document, const yaml_node_t *node, const char *name)
{
	const yaml_node_pair_t *pair;

	if (!node || node->type != YAML_MAPPING_NODE)
		return NULL;
	for (pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++)
		if (span_eq(text_of(yaml_document_get_node(document, pair->key)), span_of(name)))
			return yaml_document_get_node(document, pair->value);
	return NULL;
}

static int refuse(const struct place *at, const yaml_node_t *node, const char *expected)
{
	return err_set(at->err, -EINVAL, "%s:%zu: budgets[%u].match.label: %s", at->path,
		       node->start_mark.line + 1, at->budget, expected);
}

static bool holds_byte(struct span text, char byte)
{
	return text.len && memchr(text.ptr, byte, text.len);
}

static int read_label(const struct place *at, const yaml_node_pair_t *pair,
		      struct budget_rule *rule)
{
	const yaml_node_t *key_node = yaml_document_get_node(at->document, pair->key);
	struct span key = text_of(key_node);
	struct span value = text_of(yaml_document_get_node(at->document, pair->value));
	struct budget_label *label = &rule->labels[rule->n_labels];

	if (!key.len || holds_byte(key, '=') || holds_byte(key, ',') || holds_byte(key, '\0'))
		return refuse(at, key_node, "expected a key without '=' and ','");
	if (!value.ptr || holds_byte(value, ',') || holds_byte(value, '\0'))
		return refuse(at, key_node, "expected a text without ','");
	if (rule->n_labels == RULE_LABELS_MAX)
		return refuse(at, key_node, "expected at most 16 labels");
	rule->n_labels++;
	label->key = strndup(key.ptr, key.len);
	label->value = strndup(value.ptr, value.len);
	if (!label->key || !label->value)
		return err_set(at->err, -ENOMEM, "%s: no memory", at->path);
	return 0;
}

static int read_labels(const struct place *at, const yaml_node_t *labels, struct budget_rule *rule)
{
	const yaml_node_pair_t *pair;
	int rc = 0;

	if (!labels)
		return 0;
	if (labels->type != YAML_MAPPING_NODE)
		return refuse(at, labels, "expected a mapping of keys and texts");
	rule->labels = calloc(RULE_LABELS_MAX, sizeof(*rule->labels));
	if (!rule->labels)
		return err_set(at->err, -ENOMEM, "%s: no memory", at->path);
	pair = labels->data.mapping.pairs.start;
	for (; rc == 0 && pair < labels->data.mapping.pairs.top; pair++)
		rc = read_label(at, pair, rule);
	return rc;
}

static int read_document(struct place *at, struct budget_rules *rules)
{
	const yaml_node_t *root = yaml_document_get_root_node(at->document);
	const yaml_node_t *budgets = member(at->document, root, "budgets");
	int rc = 0;

	if (!budgets || budgets->type != YAML_SEQUENCE_NODE)
		return 0;
	for (; rc == 0 && at->budget < rules->count; at->budget++) {
		const yaml_node_item_t *item = budgets->data.sequence.items.start + at->budget;
		const yaml_node_t *entry;

		if (item >= budgets->data.sequence.items.top)
			break;
		entry = yaml_document_get_node(at->document, *item);
		rc = read_labels(
		    at, member(at->document, member(at->document, entry, "match"), "label"),
		    &rules->rules[at->budget]);
	}
	return rc;
}

int labels_load(const char *path, struct budget_rules *rules, struct err *err)
{
	CLOSE_FILE FILE *file = fopen(path, "re");
	yaml_document_t document;
	yaml_parser_t parser;
	struct place at = { .path = path, .document = &document, .err = err };
	int rc;

	if (!file)
		return err_set(err, -errno, "%s: cannot be read: %s", path, strerror(errno));
	if (!yaml_parser_initialize(&parser))
		return err_set(err, -ENOMEM, "%s: no memory", path);
	yaml_parser_set_input_file(&parser, file);
	if (!yaml_parser_load(&parser, &document)) {
		rc = err_set(err, -EINVAL, "%s: changed while it was read", path);
	} else {
		rc = read_document(&at, rules);
		yaml_document_delete(&document);
	}
	yaml_parser_delete(&parser);
	return rc;
}
