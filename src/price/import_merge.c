/* Merging: what a file holds is never taken away. A rate of the same source that changed begins
 * anew on the date of the import; one of another source is listed, and what was there first
 * stays. */
#include "price/import.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/money.h"
#include "price/catalog.h"
#include "price/family.h"

#define RATE_DIGITS 24

struct merge {
	const struct import_options *options;
	struct import_counts *counts;
	struct err *err;
	const char *provider;
	json_t *names; /* name or alias -> entry, borrowed by a new reference */
};

/* `where`: "openai/gpt-5.4 tier=flex input". */
static void say(const struct merge *m, bool own, const char *where, const char *old,
		const char *new)
{
	char line[320];

	snprintf(line, sizeof(line), "%s: %s: %s here, %s in %s %s", own ? "changed" : "disputed",
		 where, old, new, m->options->from, m->options->version);
	if (m->options->say)
		m->options->say(m->options->ctx, line);
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key)) ?: "";
}

static bool is_jump(const char *old, const char *new)
{
	money_wide a, b;

	if (money_parse(span_of(old), RATE_DIGITS, &a) < 0 ||
	    money_parse(span_of(new), RATE_DIGITS, &b) < 0 || !a || !b)
		return false;
	return a / IMPORT_JUMP >= b || b / IMPORT_JUMP >= a;
}

/* --- one tier of a model, on one date */

struct view {
	json_t *rates;    /* of the entry, borrowed */
	const char *tier; /* "": standard */
	char from[11];    /* the date that is in force; "": none yet */
};

static struct view view_of(const json_t *entry, const char *tier, const char *date)
{
	struct view view = { json_object_get(entry, "rates"), tier, "" };

	for (size_t i = 0; i < json_array_size(view.rates); i++) {
		const json_t *one = json_array_get(view.rates, i);
		const char *from = text_of(one, "from");

		if (strcmp(text_of(one, "tier"), tier) == 0 && strcmp(from, date) <= 0 &&
		    strcmp(from, view.from) > 0)
			span_copy(span_of(from), view.from, sizeof(view.from));
	}
	return view;
}

static bool is_seen(const struct view *view, const json_t *one)
{
	return strcmp(text_of(one, "tier"), view->tier) == 0 &&
	       strcmp(text_of(one, "from"), view->from) == 0;
}

/* The entry for the same step and times. */
static json_t *find_like(const struct view *view, const json_t *like)
{
	static const char *const keys[] = { "input_over", "input_from", "hours", "weekdays" };

	for (size_t i = 0; i < json_array_size(view->rates); i++) {
		json_t *one = json_array_get(view->rates, i);
		size_t same = 0;

		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
			const json_t *a = json_object_get(one, keys[k]);
			const json_t *b = json_object_get(like, keys[k]);

			same += a && b ? json_equal(a, b) : a == b;
		}
		if (is_seen(view, one) && same == sizeof(keys) / sizeof(keys[0]))
			return one;
	}
	return NULL;
}

/* How many rates of two entries differ; each is told. What only the new one has counts when it is
 * the same source that speaks again. */
static int compare(const struct merge *m, const char *where, bool own, const json_t *old,
		   const json_t *new)
{
	static const char *const groups[] = { "per_million", "per_unit", "per_hour" };
	int differing = 0;

	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
		const json_t *before = json_object_get(old, groups[g]);
		json_t *rates = json_object_get(new, groups[g]), *rate;
		const char *bucket;

		json_object_foreach(rates, bucket, rate)
		{
			const char *was = text_of(before, bucket), *is = json_string_value(rate);
			char what[256];

			if (strcmp(was, is) == 0 || was[0] == '=' || (!was[0] && !own))
				continue;
			snprintf(what, sizeof(what), "%s %s", where, bucket);
			differing++;
			say(m, own, what, was[0] ? was : "none", is);
			if (is_jump(was, is) && !m->options->force)
				return err_set(
				    m->err, -EINVAL,
				    "%s: from %s to %s is over %d-fold: --force takes it", what,
				    was, is, IMPORT_JUMP);
		}
	}
	return differing;
}

/* The same of all steps and times of a tier. */
static int compare_views(const struct merge *m, const char *name, bool own, const struct view *old,
			 const struct view *new)
{
	int differing = 0, rc = 0;
	char where[192];

	snprintf(where, sizeof(where), "%s/%s%s%s", m->provider, name, new->tier[0] ? " tier=" : "",
		 new->tier);
	for (size_t i = 0; rc >= 0 && i < json_array_size(new->rates); i++) {
		const json_t *one = json_array_get(new->rates, i), *like;

		if (!is_seen(new, one))
			continue;
		like = find_like(old, one);
		if (like || own)
			rc = compare(m, where, own, like, one);
		differing += rc;
	}
	return rc < 0 ? rc : differing;
}

static void insert(json_t *rates, const char *tier, json_t *one)
{
	size_t at = 0;

	while (at < json_array_size(rates) &&
	       (strcmp(text_of(json_array_get(rates, at), "tier"), tier) != 0 ||
		strcmp(text_of(json_array_get(rates, at), "from"), text_of(one, "from")) <= 0))
		at++;
	json_array_insert_new(rates, at, one);
}

/* The whole tier begins anew: on the date that its source says, else on that of the import. What
 * was imported on the same date is then corrected, everything before it stays. */
static void begin_anew(const struct merge *m, const struct view *old, const struct view *new)
{
	const char *date = m->options->date;
	char from[11];

	if (strcmp(new->from, old->from) > 0)
		date = new->from;
	else if (strcmp(old->from, date) > 0)
		date = old->from;
	span_copy(span_of(date), from, sizeof(from));
	for (size_t i = json_array_size(old->rates); i-- > 0 && strcmp(old->from, from) == 0;)
		if (is_seen(old, json_array_get(old->rates, i)))
			json_array_remove(old->rates, i);
	for (size_t i = 0; i < json_array_size(new->rates); i++) {
		json_t *dated;

		if (!is_seen(new, json_array_get(new->rates, i)))
			continue;
		dated = json_copy(json_array_get(new->rates, i));
		json_object_set_new(dated, "from", json_string(from));
		insert(old->rates, new->tier, dated);
	}
}

/* --- a model that is there */

static bool has_tier(const json_t *rates, size_t n, const char *tier)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(text_of(json_array_get(rates, i), "tier"), tier) == 0)
			return true;
	return false;
}

static int merge_tier(struct merge *m, const char *name, bool own, const json_t *entry,
		      const json_t *model, const char *tier)
{
	struct view old = view_of(entry, tier, m->options->date);
	struct view new = view_of(model, tier, m->options->date);
	int differing;

	if (!old.from[0] || !new.from[0])
		return 0;
	differing = compare_views(m, name, own, &old, &new);
	if (differing > 0 && own)
		begin_anew(m, &old, &new);
	return differing;
}

/* Tiers that the entry lacks come from a second source too, unless the two differ. */
static void add_tiers(json_t *rates, const json_t *from)
{
	size_t n = json_array_size(rates);

	for (size_t i = 0; i < json_array_size(from); i++) {
		json_t *one = json_array_get(from, i);

		if (!has_tier(rates, n, text_of(one, "tier")))
			json_array_append(rates, one);
	}
}

static int merge_known(struct merge *m, const char *name, json_t *entry, const json_t *model)
{
	const json_t *from = json_object_get(model, "rates");
	size_t len = strlen(m->options->from);
	const char *source = text_of(entry, "source");
	bool own = strncmp(source, m->options->from, len) == 0 && source[len] == ' ';
	int differing = 0;

	for (size_t i = 0; i < json_array_size(from); i++) {
		const char *tier = text_of(json_array_get(from, i), "tier");
		int n = has_tier(from, i, tier) ? 0 : merge_tier(m, name, own, entry, model, tier);

		if (n < 0)
			return n;
		differing += n;
	}
	if (json_object_get(model, "uplifts") && !json_object_get(entry, "uplifts"))
		json_object_set(entry, "uplifts", json_object_get(model, "uplifts"));
	m->counts->changed += differing && own;
	m->counts->disputed += differing && !own;
	if (!differing || own)
		add_tiers(json_object_get(entry, "rates"), from);
	return 0;
}

static void add_model(struct merge *m, json_t *models, const char *name, const json_t *model)
{
	json_t *entry = json_object();

	json_object_set_new(entry, "model", json_string(name));
	json_object_set_new(entry, "source",
			    json_sprintf("%s %s", m->options->from, m->options->version));
	json_object_set(entry, "rates", json_object_get(model, "rates"));
	if (json_object_get(model, "uplifts"))
		json_object_set(entry, "uplifts", json_object_get(model, "uplifts"));
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

		if (!text || !text[0] || strlen(text) > 95 || json_object_get(m->names, text) ||
		    json_array_size(json_object_get(entry, "aliases")) == CATALOG_ALIASES_MAX)
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

/* The entry that prices calls of the name today, as the catalog looks it up. */
static json_t *find_entry(const struct merge *m, const char *name)
{
	struct span family = family_without_date(span_of(name));
	json_t *entry = json_object_get(m->names, name);

	if (!entry && m->options->only_missing)
		entry = json_object_getn(m->names, family.ptr, family.len);
	return entry;
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
		json_t *known = find_entry(&m, name);

		if (known && options->only_missing)
			continue;
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
