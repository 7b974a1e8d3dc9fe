/* Merging: what a file holds is never taken away. A rate of the same source that changed begins
 * anew on the date of the import; one of another source is listed, and what was there first
 * stays. */
#include "price/import.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/money.h"

#define RATE_DIGITS 24

struct merge {
	const struct import_options *options;
	struct import_counts *counts;
	struct err *err;
	const char *provider;
	json_t *names; /* name or alias -> entry, borrowed by a new reference */
};

static void say(const struct merge *m, const char *what, const char *model, const char *bucket,
		const char *old, const char *new)
{
	char line[256];

	snprintf(line, sizeof(line), "%s: %s/%s %s: %s here, %s in %s %s", what, m->provider, model,
		 bucket, old, new, m->options->from, m->options->version);
	if (m->options->say)
		m->options->say(m->options->ctx, line);
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key)) ?: "";
}

/* The standard price that is in force on a date: without step and hours. */
static json_t *in_force(const json_t *entry, const char *date)
{
	const json_t *rates = json_object_get(entry, "rates");
	json_t *found = NULL;

	for (size_t i = 0; i < json_array_size(rates); i++) {
		json_t *one = json_array_get(rates, i);

		if (strcmp(text_of(one, "from"), date) > 0)
			continue;
		if (!text_of(one, "tier")[0] && !text_of(one, "hours")[0] &&
		    !json_object_get(one, "input_over") && !json_object_get(one, "input_from"))
			found = one;
	}
	return found;
}

static bool is_jump(const char *old, const char *new)
{
	money_wide a, b;

	if (money_parse(span_of(old), RATE_DIGITS, &a) < 0 ||
	    money_parse(span_of(new), RATE_DIGITS, &b) < 0 || !a || !b)
		return false;
	return a / IMPORT_JUMP >= b || b / IMPORT_JUMP >= a;
}

/* How many rates that both have differ between the two; each is told. */
static int compare(const struct merge *m, const char *model, const json_t *old, const json_t *new,
		   const char *what)
{
	static const char *const groups[] = { "per_million", "per_unit" };
	int differing = 0;

	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
		json_t *before = json_object_get(old, groups[g]), *rate;
		const char *bucket;

		json_object_foreach(before, bucket, rate)
		{
			const char *was = json_string_value(rate);
			const char *is = text_of(json_object_get(new, groups[g]), bucket);

			if (!is[0] || !was || was[0] == '=' || strcmp(was, is) == 0)
				continue;
			differing++;
			say(m, what, model, bucket, was, is);
			if (is_jump(was, is) && !m->options->force)
				return err_set(m->err, -EINVAL,
					       "%s/%s %s: from %s to %s is over %d-fold: --force "
					       "takes it",
					       m->provider, model, bucket, was, is, IMPORT_JUMP);
		}
	}
	return differing;
}

static bool has_tier(const json_t *entry, const char *tier)
{
	const json_t *rates = json_object_get(entry, "rates");

	for (size_t i = 0; i < json_array_size(rates); i++)
		if (strcmp(text_of(json_array_get(rates, i), "tier"), tier) == 0)
			return true;
	return false;
}

static bool holds(const json_t *list, const char *text)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_string_value(json_array_get(list, i)), text) == 0)
			return true;
	return false;
}

/* Tiers that the entry lacks come from the second source too. */
static void add_tiers(json_t *entry, const json_t *model)
{
	const json_t *from = json_object_get(model, "rates");
	json_t *lacking = json_array();

	for (size_t i = 0; i < json_array_size(from); i++) {
		const char *tier = text_of(json_array_get(from, i), "tier");

		if (!has_tier(entry, tier) && !holds(lacking, tier))
			json_array_append_new(lacking, json_string(tier));
	}
	for (size_t i = 0; i < json_array_size(from); i++) {
		json_t *one = json_array_get(from, i);

		if (holds(lacking, text_of(one, "tier")))
			json_array_append(json_object_get(entry, "rates"), one);
	}
	json_decref(lacking);
}

/* Rates of its own source that changed: the whole standard price begins anew. */
static void add_change(struct merge *m, json_t *entry, json_t *now)
{
	json_t *dated = json_copy(now);

	if (strcmp(text_of(now, "from"), IMPORT_SINCE_EVER) == 0)
		json_object_set_new(dated, "from", json_string(m->options->date));
	json_array_append_new(json_object_get(entry, "rates"), dated);
	m->counts->changed++;
}

static int merge_known(struct merge *m, const char *name, json_t *entry, const json_t *model)
{
	size_t len = strlen(m->options->from);
	const char *source = text_of(entry, "source");
	bool own = strncmp(source, m->options->from, len) == 0 && source[len] == ' ';
	json_t *now = in_force(model, m->options->date);
	int differing;

	differing = now ? compare(m, name, in_force(entry, m->options->date), now,
				  own ? "changed" : "disputed")
			: 0;
	if (differing < 0)
		return differing;
	if (differing && own)
		add_change(m, entry, now);
	else if (differing)
		m->counts->disputed++;
	else
		add_tiers(entry, model);
	return 0;
}

static void add_model(struct merge *m, json_t *models, const char *name, const json_t *model)
{
	json_t *entry = json_object();

	json_object_set_new(entry, "model", json_string(name));
	json_object_set_new(entry, "source",
			    json_sprintf("%s %s", m->options->from, m->options->version));
	json_object_set(entry, "rates", json_object_get(model, "rates"));
	json_array_append(models, entry);
	json_object_set_new(m->names, name, entry);
	m->counts->added++;
}

static void add_aliases(struct merge *m, const char *name, const json_t *model)
{
	const json_t *aliases = json_object_get(model, "aliases");
	json_t *entry = json_object_get(m->names, name);

	for (size_t i = 0; i < json_array_size(aliases); i++) {
		json_t *alias = json_array_get(aliases, i);
		const char *text = json_string_value(alias);

		if (!text || !text[0] || strlen(text) > 95 || json_object_get(m->names, text))
			continue;
		if (!json_object_get(entry, "aliases"))
			json_object_set_new(entry, "aliases", json_array());
		json_array_append(json_object_get(entry, "aliases"), alias);
		json_object_set(m->names, text, entry);
	}
}

static void learn_names(const struct merge *m, const json_t *models)
{
	for (size_t i = 0; i < json_array_size(models); i++) {
		json_t *entry = json_array_get(models, i);
		const json_t *aliases = json_object_get(entry, "aliases");

		json_object_set(m->names, text_of(entry, "model"), entry);
		for (size_t k = 0; k < json_array_size(aliases); k++)
			json_object_set(m->names, json_string_value(json_array_get(aliases, k)),
					entry);
	}
}

int import_merge(json_t *document, const json_t *models, const struct import_options *options,
		 struct import_counts *counts, struct err *err)
{
	FREE_JSON json_t *names = json_object();
	struct merge m = { options, counts, err, text_of(document, "provider"), names };
	json_t *list = json_object_get(document, "models"), *model;
	const char *name;
	int rc = 0;

	if (!json_is_array(list))
		return err_set(err, -EINVAL, "%s: expected a catalog with models", m.provider);
	learn_names(&m, list);
	json_object_foreach((json_t *)models, name, model)
	{
		json_t *known = json_object_get(names, name);

		if (known)
			rc = merge_known(&m, name, known, model);
		else
			add_model(&m, list, name, model);
		if (rc)
			return rc;
	}
	json_object_foreach((json_t *)models, name, model) add_aliases(&m, name, model);
	return 0;
}
