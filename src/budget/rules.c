/* budgets.yaml: libcyaml loads what its schema can say, this file checks and turns it into rules.
 * Labels have keys that no schema knows: labels.c reads those. */
#include "budget/rules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/yaml.h"
#include "budget/labels.h"
#include "budget/limit.h"

/* --- the file as it is written */

struct match_entry {
	char *provider, *model, *operation, *user, *exe, *unit, *container;
	uint32_t *uid;
};

struct entry {
	char *name;
	struct match_entry match;
	char *limit, *timezone;
	enum budget_mode mode;
	unsigned cut_at_once;
	char *grace, *rollover, *unpriced;
	char **thresholds; /* NULL: not said */
	unsigned thresholds_count;
	char **essential;
	unsigned essential_count;
};

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

static const struct cyaml_strval in_flight_names[] = {
	{ "finish", false },
	{ "cut", true },
};

#define GRACE_PERMYRIAD 500 /* when it is not said */
#define TEXT_MAX        255 /* bytes of a pattern */
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
	CYAML_FIELD_STRING_PTR("limit", CYAML_FLAG_POINTER, struct entry, limit, 1, TEXT_MAX),
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

static int refuse(const char *path, unsigned index, const char *key, struct err *err,
		  const char *expected)
{
	char place[64];

	snprintf(place, sizeof(place), "budgets[%u].%s", index, key);
	return err_set(err, -EINVAL, "%s:%u: %s: %s", path, yaml_line(path, place), place,
		       expected);
}

static char *copy_text(const char *text)
{
	return strdup(text ? text : "");
}

/* No uid is an empty text. */
static char *copy_number(const uint32_t *number)
{
	char text[16] = "";

	if (number)
		snprintf(text, sizeof(text), "%" PRIu32, *number);
	return strdup(text);
}

/* The zone of a name, loaded once; at most as many as there are budgets. */
static int find_zone(const char *name, struct budget_rules *rules, const struct zone **ret_zone,
		     struct err *err)
{
	struct named_zone *zones;
	int rc;

	for (unsigned i = 0; i < rules->n_zones; i++) {
		if (strcmp(rules->zones[i].name, name) != 0)
			continue;
		*ret_zone = rules->zones[i].zone;
		return 0;
	}
	zones = reallocarray(rules->zones, rules->n_zones + 1, sizeof(*zones));
	if (!zones)
		return err_set(err, -ENOMEM, "no memory");
	rules->zones = zones;
	zones[rules->n_zones] = (struct named_zone){ .name = strdup(name) };
	rc = zones[rules->n_zones].name ? zone_load(name, &zones[rules->n_zones].zone, err)
					: err_set(err, -ENOMEM, "no memory");
	if (rc < 0) {
		free(zones[rules->n_zones].name);
		return rc;
	}
	*ret_zone = zones[rules->n_zones++].zone;
	return 0;
}

static int read_zone(const char *path, unsigned index, const char *name, struct budget_rules *rules,
		     struct err *err)
{
	struct err cause = { 0 };
	int rc = find_zone(name, rules, &rules->rules[index].kind.zone, &cause);

	return rc < 0 ? refuse(path, index, "timezone", err, cause.text) : 0;
}

/* In ascending order, each once. */
static void add_threshold(struct budget_rule *rule, uint16_t percent)
{
	unsigned at = rule->n_thresholds;

	for (unsigned i = 0; i < rule->n_thresholds; i++)
		if (rule->thresholds[i] == percent)
			return;
	for (; at && rule->thresholds[at - 1] > percent; at--)
		rule->thresholds[at] = rule->thresholds[at - 1];
	rule->thresholds[at] = percent;
	rule->n_thresholds++;
}

static int read_thresholds(const struct entry *entry, struct budget_rule *rule)
{
	static const uint16_t usual[] = { 80, 95, 100 };

	for (unsigned i = 0; !entry->thresholds && i < 3; i++)
		add_threshold(rule, usual[i]);
	for (unsigned i = 0; i < entry->thresholds_count; i++) {
		uint16_t percent;

		if (limit_parse_threshold(span_of(entry->thresholds[i]), &percent) < 0)
			return -EINVAL;
		add_threshold(rule, percent);
	}
	return 0;
}

/* What never ends, or ends bit by bit, has nothing to leave. */
static int read_rollover(const struct entry *entry, struct budget_rule *rule)
{
	if (rule->kind.rolling || rule->kind.period == BUDGET_TOTAL)
		return -EINVAL;
	return limit_parse_percent(span_of(entry->rollover), 1000, &rule->rollover_permyriad);
}

static int read_essential(const struct entry *entry, struct budget_rule *rule)
{
	rule->essential = calloc(entry->essential_count + 1, sizeof(*rule->essential));
	for (unsigned i = 0; rule->essential && i < entry->essential_count; i++) {
		rule->essential[i] = strdup(entry->essential[i]);
		if (!rule->essential[i])
			return -ENOMEM;
		rule->n_essential++;
	}
	return rule->essential ? 0 : -ENOMEM;
}

static int read_entry(const char *path, unsigned index, const struct entry *entry,
		      struct budget_rules *rules, struct err *err)
{
	struct budget_rule *rule = &rules->rules[index];

	*rule = (struct budget_rule){
		.name = copy_text(entry->name),
		.provider = copy_text(entry->match.provider),
		.model = copy_text(entry->match.model),
		.operation = copy_text(entry->match.operation),
		.user = copy_text(entry->match.user),
		.exe = copy_text(entry->match.exe),
		.unit = copy_text(entry->match.unit),
		.container = copy_text(entry->match.container),
		.uid = copy_number(entry->match.uid),
		.mode = entry->mode,
		.cut_at_once = entry->cut_at_once,
		.grace_permyriad = GRACE_PERMYRIAD,
	};
	if (!rule->name || !rule->provider || !rule->model || !rule->operation || !rule->user ||
	    !rule->exe || !rule->unit || !rule->container || !rule->uid ||
	    read_essential(entry, rule) < 0)
		return err_set(err, -ENOMEM, "%s: no memory", path);
	if (rule->mode >= BUDGET_HOLD && (rule->model[0] || rule->operation[0]))
		return refuse(path, index, "mode", err,
			      "expected observe or advise: a budget that matches a model or an "
			      "operation cannot be held or cut, for a connection is to a host");
	if (limit_parse(span_of(entry->limit), rule) < 0)
		return refuse(path, index, "limit", err, LIMIT_EXPECTED);
	if (read_thresholds(entry, rule) < 0)
		return refuse(path, index, "thresholds", err,
			      "expected a list of parts of the limit such as [80%, 100%]");
	if (entry->grace &&
	    limit_parse_percent(span_of(entry->grace), 100, &rule->grace_permyriad) < 0)
		return refuse(path, index, "grace", err, "expected a part of the limit such as 5%");
	if (entry->rollover && read_rollover(entry, rule) < 0)
		return refuse(path, index, "rollover", err,
			      "expected a part of the limit such as 50%, of a limit per minute, "
			      "hour, day, week, month, quarter or year");
	if (entry->unpriced && limit_parse_unpriced(span_of(entry->unpriced), rule) < 0)
		return refuse(path, index, "unpriced", err, UNPRICED_EXPECTED);
	return entry->timezone ? read_zone(path, index, entry->timezone, rules, err) : 0;
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
			return refuse(path, names[i].index, "name", err,
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
		rc = read_entry(path, i, &file->budgets[i], rules, err);
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

void budget_rules_free(struct budget_rules *rules)
{
	if (!rules)
		return;
	for (unsigned i = 0; i < rules->count; i++) {
		struct budget_rule *rule = &rules->rules[i];

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
		free(rule->uid);
	}
	for (unsigned i = 0; i < rules->n_zones; i++) {
		free(rules->zones[i].name);
		zone_free(rules->zones[i].zone);
	}
	free(rules->zones);
	free(rules->rules);
	free(rules);
}

unsigned budget_rules_count(const struct budget_rules *rules)
{
	return rules->count;
}
