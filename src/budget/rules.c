/* budgets.yaml: libcyaml loads what its schema can say, entry.c checks each entry and makes it a
 * rule. Labels have keys that no schema knows: labels.c reads those. */
#include "budget/rules.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/yaml.h"
#include "budget/entry.h"
#include "budget/labels.h"

/* --- the file as it is written */

struct file {
	struct entry *budgets;
	unsigned budgets_count;
};

static const struct cyaml_strval mode_names[] = {
	{ "observe", BUDGET_OBSERVE },
	{ "advise", BUDGET_ADVISE },
	{ "hold", BUDGET_HOLD },
	{ "cut", BUDGET_CUT },
};

static const struct cyaml_strval anomaly_names[] = {
	{ "observe", false },
	{ "throttle", true },
};

static const struct cyaml_strval in_flight_names[] = {
	{ "finish", false },
	{ "cut", true },
};

#define TEXT_MAX 255 /* bytes of a pattern */
#define ENUM_FIELD(key, member, names)                                                             \
	CYAML_FIELD_ENUM(key, CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct entry, member,       \
			 names, CYAML_ARRAY_LEN(names))
#define TEXT_FIELD(key, member)                                                                    \
	CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct entry,        \
			       member, 1, TEXT_MAX)
#define PATTERN_FIELD(key, member)                                                                 \
	CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct match_entry,  \
			       member, 1, TEXT_MAX)

static const struct cyaml_schema_field match_fields[] = {
	PATTERN_FIELD("provider", provider),   /* `*` is any run of characters */
	PATTERN_FIELD("model", model),         /* as served or as requested; `*` */
	PATTERN_FIELD("operation", operation), /* of the provider's file; `*` */
	PATTERN_FIELD("user", user),           /* name of the process's user */
	PATTERN_FIELD("exe", exe),             /* path of the program; `*` */
	PATTERN_FIELD("unit", unit),           /* of systemd, as in the event; `*` */
	PATTERN_FIELD("container", container), /* id of the container; `*` */
	PATTERN_FIELD("cgroup", cgroup),       /* its path; `*` */
	CYAML_FIELD_UINT_PTR("uid", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct match_entry,
			     uid), /* number of the process's user */
	CYAML_FIELD_IGNORE("label", CYAML_FLAG_OPTIONAL),
	CYAML_FIELD_END,
};

static const struct cyaml_schema_value threshold_schema = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 2, TEXT_MAX),
};

static const struct cyaml_schema_value essential_schema = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, TEXT_MAX),
};

static const struct cyaml_schema_field entry_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct entry, name, 1,
			       BUDGET_NAME_MAX - 1),
	CYAML_FIELD_MAPPING("match", CYAML_FLAG_OPTIONAL, struct entry, match, match_fields),
	TEXT_FIELD("limit", limit),       /* this, */
	TEXT_FIELD("rate", rate),         /* or this */
	TEXT_FIELD("burst", burst),       /* with a rate; default the rate */
	TEXT_FIELD("timezone", timezone), /* default UTC */
	CYAML_FIELD_SEQUENCE("thresholds", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct entry,
			     thresholds, &threshold_schema, 0,
			     RULE_THRESHOLDS_MAX), /* default 80%, 95%, 100% */
	TEXT_FIELD("grace", grace),                /* default 5% */
	CYAML_FIELD_SEQUENCE("essential", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct entry,
			     essential, &essential_schema, 0, RULE_ESSENTIAL_MAX),
	TEXT_FIELD("rollover", rollover),
	TEXT_FIELD("unpriced", unpriced),                      /* default deny */
	ENUM_FIELD("mode", mode, mode_names),                  /* default observe */
	ENUM_FIELD("in_flight", cut_at_once, in_flight_names), /* default finish */
	ENUM_FIELD("anomaly", throttles, anomaly_names),       /* default observe */
	CYAML_FIELD_END,
};

static const struct cyaml_schema_value entry_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct entry, entry_fields),
};

static const struct cyaml_schema_field file_fields[] = {
	CYAML_FIELD_SEQUENCE("budgets", CYAML_FLAG_POINTER, struct file, budgets, &entry_schema, 0,
			     BUDGETS_MAX),
	CYAML_FIELD_END,
};

static const struct cyaml_schema_value file_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file, file_fields),
};

/* --- from the file to rules */

CLEANUP_FOR(rules, struct budget_rules *, budget_rules_free)

static void cleanup_loaded(void **file)
{
	yaml_unload(&file_schema, *file);
}

struct name {
	const char *text;
	unsigned index;
};

static int compare_names(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int order = strcmp(x->text, y->text);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* Spend is kept by name, so two budgets of one name would be one. */
static int check_names(const char *path, const struct budget_rules *rules, struct err *err)
{
	FREE_PTR struct name *names = calloc(rules->count + 1, sizeof(*names));

	if (!names)
		return err_set(err, -ENOMEM, "%s: no memory", path);
	for (unsigned i = 0; i < rules->count; i++)
		names[i] = (struct name){ rules->rules[i].name, i };
	qsort(names, rules->count, sizeof(*names), compare_names);
	for (unsigned i = 1; i < rules->count; i++)
		if (strcmp(names[i - 1].text, names[i].text) == 0)
			return entry_refuse(path, names[i].index, "name", err,
					    "expected a name that no other budget has");
	return 0;
}

static int read_file(const char *path, const struct file *file, struct budget_rules *rules,
		     struct err *err)
{
	rules->rules = calloc(file->budgets_count + 1, sizeof(*rules->rules));
	if (!rules->rules)
		return err_set(err, -ENOMEM, "%s: no memory", path);
	for (unsigned i = 0; i < file->budgets_count; i++) {
		int rc;

		rules->count++;
		rc = entry_read(path, i, &file->budgets[i], rules, err);
		if (rc < 0)
			return rc;
	}
	return file->budgets_count ? labels_load(path, rules, err) : 0;
}

int budget_rules_load(const char *path, struct budget_rules **ret_rules, struct err *err)
{
	CLEANUP(cleanup_rules) struct budget_rules *rules = calloc(1, sizeof(*rules));
	CLEANUP(cleanup_loaded) void *file = NULL;
	int rc;

	if (!rules)
		return err_set(err, -ENOMEM, "%s: no memory", path);
	if (access(path, F_OK) == 0 || errno != ENOENT) {
		rc = yaml_load(path, &file_schema, &file, err);
		if (rc == 0)
			rc = read_file(path, file, rules, err);
		if (rc == 0)
			rc = check_names(path, rules, err);
		if (rc < 0)
			return rc;
	}
	*ret_rules = TAKE_PTR(rules);
	return 0;
}

int rules_blank(struct budget_rule *rule)
{
	char **texts[] = { &rule->name, &rule->provider, &rule->model, &rule->operation,
			   &rule->user, &rule->exe,      &rule->unit,  &rule->container,
			   &rule->uid,  &rule->cgroup };

	*rule = (struct budget_rule){ .counts = UNIT_USD };
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		*texts[i] = strdup("");
		if (!*texts[i])
			return -ENOMEM;
	}
	return 0;
}

static void free_rules(struct budget_rule *rules, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct budget_rule *rule = &rules[i];

		for (unsigned j = 0; j < rule->n_labels; j++) {
			free(rule->labels[j].key);
			free(rule->labels[j].value);
		}
		free(rule->labels);
		for (unsigned j = 0; j < rule->n_essential; j++)
			free(rule->essential[j]);
		free(rule->essential);
		free(rule->name);
		free(rule->provider);
		free(rule->model);
		free(rule->operation);
		free(rule->user);
		free(rule->exe);
		free(rule->unit);
		free(rule->container);
		free(rule->cgroup);
		free(rule->uid);
	}
	free(rules);
}

void budget_rules_free(struct budget_rules *rules)
{
	if (!rules)
		return;
	free_rules(rules->rules, rules->count);
	free_rules(rules->labellers, rules->n_labellers);
	for (unsigned i = 0; i < rules->n_zones; i++) {
		free(rules->zones[i].name);
		zone_free(rules->zones[i].zone);
	}
	free(rules->zones);
	free(rules);
}

unsigned budget_rules_count(const struct budget_rules *rules)
{
	return rules->count;
}
