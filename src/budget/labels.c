/* Walks the files by libyaml's tree. What is not where a schema put it (the file was changed in
 * between) is taken as no label. */
#include "budget/labels.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <yaml.h>

#include "base/cleanup.h"
#include "budget/match.h"

struct place {
	const char *path;
	yaml_document_t *document;
	char key[64];
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
	return err_set(at->err, -EINVAL, "%s:%zu: %s: %s", at->path, node->start_mark.line + 1,
		       at->key, expected);
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

/* The items of a sequence under a key of the document, one by one; NULL: no more. */
static yaml_node_t *item_of(const struct place *at, const char *key, unsigned index)
{
	const yaml_node_t *list =
	    member(at->document, yaml_document_get_root_node(at->document), key);

	if (!list || list->type != YAML_SEQUENCE_NODE ||
	    list->data.sequence.items.start + index >= list->data.sequence.items.top)
		return NULL;
	return yaml_document_get_node(at->document, list->data.sequence.items.start[index]);
}

static int read_budgets(struct place *at, struct budget_rules *rules)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < rules->count; i++) {
		const yaml_node_t *entry = item_of(at, "budgets", i);
		const yaml_node_t *match = member(at->document, entry, "match");

		snprintf(at->key, sizeof(at->key), "budgets[%u].match.label", i);
		rc = read_labels(at, member(at->document, match, "label"), &rules->rules[i]);
	}
	return rc;
}

/* --- rules of outlayd.yaml */

static int set_pattern(const struct place *at, const yaml_node_pair_t *pair,
		       struct budget_rule *rule)
{
	const struct {
		const char *key;
		char **into;
	} patterns[] = { { "unit", &rule->unit }, { "cgroup", &rule->cgroup },
			 { "user", &rule->user }, { "uid", &rule->uid },
			 { "exe", &rule->exe },   { "container", &rule->container } };
	const yaml_node_t *key = yaml_document_get_node(at->document, pair->key);
	struct span value = text_of(yaml_document_get_node(at->document, pair->value));

	for (unsigned i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		if (!span_eq(text_of(key), span_of(patterns[i].key)))
			continue;
		if (!value.len || value.len > 255 || holds_byte(value, '\0'))
			return refuse(at, key, "expected a text of 1 to 255 bytes");
		free(*patterns[i].into);
		*patterns[i].into = strndup(value.ptr, value.len);
		return *patterns[i].into ? 0 : -ENOMEM;
	}
	return refuse(at, key, "expected unit, cgroup, user, uid, exe or container");
}

static int read_match(const struct place *at, const yaml_node_t *match, struct budget_rule *rule)
{
	const yaml_node_pair_t *pair;
	int rc = 0;

	if (match->type != YAML_MAPPING_NODE)
		return refuse(at, match, "expected a mapping of patterns");
	pair = match->data.mapping.pairs.start;
	for (; rc == 0 && pair < match->data.mapping.pairs.top; pair++)
		rc = set_pattern(at, pair, rule);
	return rc;
}

static int read_rule(struct place *at, const yaml_node_t *entry, struct budget_rule *rule)
{
	const yaml_node_t *match = member(at->document, entry, "match");
	const yaml_node_t *set = member(at->document, entry, "set");
	size_t prefix = strlen(at->key);
	int rc;

	if (!match || !set || entry->data.mapping.pairs.top - entry->data.mapping.pairs.start != 2)
		return refuse(at, entry, "expected match and set, and nothing else");
	snprintf(at->key + prefix, sizeof(at->key) - prefix, ".match");
	rc = read_match(at, match, rule);
	snprintf(at->key + prefix, sizeof(at->key) - prefix, ".set");
	return rc < 0 ? rc : read_labels(at, set, rule);
}

static int read_rules(struct place *at, struct budget_rules *rules)
{
	const yaml_node_t *list =
	    member(at->document, yaml_document_get_root_node(at->document), "labels");
	const yaml_node_t *entry = item_of(at, "labels", 0);
	int rc = 0;

	snprintf(at->key, sizeof(at->key), "labels");
	if (list && list->type != YAML_SEQUENCE_NODE)
		return refuse(at, list, "expected a list of rules");
	rules->labellers = calloc(entry ? LABELLERS_MAX : 1, sizeof(*rules->labellers));
	if (!rules->labellers)
		return -ENOMEM;
	for (; rc == 0 && entry; entry = item_of(at, "labels", rules->n_labellers)) {
		struct budget_rule *rule = &rules->labellers[rules->n_labellers];

		if (rules->n_labellers == LABELLERS_MAX)
			return refuse(at, entry, "expected at most 256 rules");
		snprintf(at->key, sizeof(at->key), "labels[%u]", rules->n_labellers++);
		rc = rules_blank(rule);
		if (rc == 0)
			rc = read_rule(at, entry, rule);
	}
	return rc;
}

/* --- files */

static int walk(const char *path, int (*read)(struct place *, struct budget_rules *),
		struct budget_rules *rules, struct err *err)
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
		rc = err_set(err, -EINVAL, "%s:%zu: no valid YAML: %s", path,
			     parser.problem_mark.line + 1,
			     parser.problem ? parser.problem : "cannot be parsed");
	} else {
		rc = read(&at, rules);
		yaml_document_delete(&document);
	}
	yaml_parser_delete(&parser);
	return rc == -ENOMEM ? err_set(err, rc, "%s: no memory", path) : rc;
}

int labels_load(const char *path, struct budget_rules *rules, struct err *err)
{
	return walk(path, read_budgets, rules, err);
}

int labels_load_rules(const char *path, struct budget_rules *rules, struct err *err)
{
	return access(path, F_OK) == 0 || errno != ENOENT ? walk(path, read_rules, rules, err) : 0;
}

/* --- applied */

struct text {
	char bytes[sizeof(((struct process *)NULL)->labels)];
	size_t length;
};

static bool has(const struct text *text, struct span key)
{
	struct span rest = { text->bytes, text->length };

	while (rest.ptr) {
		struct span value = span_cut(&rest, ','), name = span_cut(&value, '=');

		if (span_eq(name, key))
			return true;
	}
	return false;
}

static void put(struct text *text, struct span key, struct span value)
{
	size_t room = sizeof(text->bytes) - text->length;

	if (has(text, key) || key.len + value.len + 2 + (text->length > 0) > room)
		return;
	text->length += (size_t)snprintf(text->bytes + text->length, room, "%s%.*s=%.*s",
					 text->length ? "," : "", (int)key.len, key.ptr,
					 (int)value.len, value.ptr);
}

void labels_apply(const struct budget_rules *rules, struct process *process)
{
	struct text text = { .length = 0 };
	struct span rest = span_of(process->labels);
	struct match_origin origin;

	if (!rules->n_labellers)
		return;
	origin = match_origin_of(process);
	for (unsigned i = 0; i < rules->n_labellers; i++) {
		const struct budget_rule *rule = &rules->labellers[i];

		for (unsigned k = 0; k < rule->n_labels && match_origin(rule, process, &origin);
		     k++)
			put(&text, span_of(rule->labels[k].key), span_of(rule->labels[k].value));
	}
	if (!text.length)
		return;
	while (rest.ptr) {
		struct span value = span_cut(&rest, ','), key = span_cut(&value, '=');

		if (value.ptr)
			put(&text, key, value);
	}
	memcpy(process->labels, text.bytes, text.length + 1);
	process->labels_known = true;
}

const struct process *labels_of(const struct budget_rules *rules, const struct process *process,
				struct process *copy)
{
	if (!rules->n_labellers)
		return process;
	*copy = *process;
	labels_apply(rules, copy);
	return copy;
}
