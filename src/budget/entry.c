/* Checks an entry of budgets.yaml, text by text, and makes it a rule. What is wrong is told by its
 * line. */
#include "budget/entry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/yaml.h"
#include "budget/limit.h"

#define GRACE_PERMYRIAD 500 /* when it is not said */

int entry_refuse(const char *path, unsigned index, const char *key, struct err *err,
		 const char *expected)
{
	char place[64];

	snprintf(place, sizeof(place), "budgets[%u]%s%s", index, key ? "." : "", key ? key : "");
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

	return rc < 0 ? entry_refuse(path, index, "timezone", err, cause.text) : 0;
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

static int read_limit(const char *path, unsigned index, const struct entry *entry,
		      struct budget_rules *rules, struct err *err)
{
	struct budget_rule *rule = &rules->rules[index];

	if (limit_parse(span_of(entry->limit), rule) < 0)
		return entry_refuse(path, index, "limit", err, LIMIT_EXPECTED);
	if (entry->burst)
		return entry_refuse(path, index, "burst", err, "expected with a rate only");
	if (read_thresholds(entry, rule) < 0)
		return entry_refuse(path, index, "thresholds", err,
				    "expected a list of parts of the limit such as [80%, 100%]");
	if (entry->grace &&
	    limit_parse_percent(span_of(entry->grace), 100, &rule->grace_permyriad) < 0)
		return entry_refuse(path, index, "grace", err,
				    "expected a part of the limit such as 5%");
	if (entry->rollover && read_rollover(entry, rule) < 0)
		return entry_refuse(path, index, "rollover", err,
				    "expected a part of the limit such as 50%, of a limit per "
				    "minute, hour, day, week, month, quarter or year");
	return entry->timezone ? read_zone(path, index, entry->timezone, rules, err) : 0;
}

static int read_rate(const char *path, unsigned index, const struct entry *entry,
		     struct budget_rule *rule, struct err *err)
{
	const struct {
		const char *key;
		const void *value;
	} of_limits[] = { { "timezone", entry->timezone },
			  { "thresholds", entry->thresholds },
			  { "grace", entry->grace },
			  { "rollover", entry->rollover },
			  { "essential", entry->essential } };

	rule->grace_permyriad = 0;
	for (unsigned i = 0; i < sizeof(of_limits) / sizeof(of_limits[0]); i++)
		if (of_limits[i].value)
			return entry_refuse(path, index, of_limits[i].key, err,
					    "expected with a limit, not with a rate");
	if (rule->mode >= BUDGET_HOLD)
		return entry_refuse(path, index, "mode", err,
				    "expected observe or advise: a rate is told to those who ask");
	if (limit_parse_rate(span_of(entry->rate), rule) < 0)
		return entry_refuse(path, index, "rate", err, RATE_EXPECTED);
	if (entry->burst && limit_parse_burst(span_of(entry->burst), rule) < 0)
		return entry_refuse(path, index, "burst", err,
				    "expected a number above 0 in the unit of the rate, which is "
				    "not a sliding one");
	return 0;
}

int entry_read(const char *path, unsigned index, const struct entry *entry,
	       struct budget_rules *rules, struct err *err)
{
	struct budget_rule *rule = &rules->rules[index];
	int rc;

	*rule = (struct budget_rule){
		.name = copy_text(entry->name),
		.provider = copy_text(entry->match.provider),
		.model = copy_text(entry->match.model),
		.operation = copy_text(entry->match.operation),
		.user = copy_text(entry->match.user),
		.exe = copy_text(entry->match.exe),
		.unit = copy_text(entry->match.unit),
		.container = copy_text(entry->match.container),
		.cgroup = copy_text(entry->match.cgroup),
		.uid = copy_number(entry->match.uid),
		.mode = entry->mode,
		.cut_at_once = entry->cut_at_once,
		.throttles = entry->throttles,
		.grace_permyriad = GRACE_PERMYRIAD,
	};
	if (!rule->name || !rule->provider || !rule->model || !rule->operation || !rule->user ||
	    !rule->exe || !rule->unit || !rule->container || !rule->cgroup || !rule->uid ||
	    read_essential(entry, rule) < 0)
		return err_set(err, -ENOMEM, "%s: no memory", path);
	if (rule->mode >= BUDGET_HOLD && (rule->model[0] || rule->operation[0]))
		return entry_refuse(
		    path, index, "mode", err,
		    "expected observe or advise: a budget that matches a model or an "
		    "operation cannot be held or cut, for a connection is to a host");
	if (!entry->limit == !entry->rate)
		return entry_refuse(path, index, NULL, err, "expected either a limit or a rate");
	rc = entry->rate ? read_rate(path, index, entry, rule, err)
			 : read_limit(path, index, entry, rules, err);
	if (rc == 0 && entry->unpriced && limit_parse_unpriced(span_of(entry->unpriced), rule) < 0)
		return entry_refuse(path, index, "unpriced", err, UNPRICED_EXPECTED);
	return rc;
}
