/* Catalogs read aloud. All comes from the entries as pricing sees them, not from the files' text:
 * what is shown is what a call is priced by. */
#include "price/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/money.h"
#include "price/hours.h"
#include "price/model.h"

#define MILLION_DIGITS 6
#define RATIO_DIGITS   3
#define CONTEXT_BYTES  96

static bool is_token(unsigned bucket)
{
	return bucket < USAGE_REQUESTS;
}

static json_t *rate_text(unsigned bucket, money_wide yocto)
{
	char text[MONEY_TEXT_MAX];
	int digits = MONEY_YOCTO_DIGITS - (is_token(bucket) ? MILLION_DIGITS : 0);

	return json_string(money_format(yocto, digits, text));
}

/* Whether it has begun, or is the first, and no later date of the same tier has. */
static bool is_in_force(const struct model *model, const struct rates *rates, int64_t time_ns)
{
	int64_t first_ns = model_first_ns(model, rates->tier);

	time_ns = time_ns > first_ns ? time_ns : first_ns;
	if (rates->from_ns > time_ns)
		return false;
	for (unsigned i = 0; i < model->n_rates; i++) {
		const struct rates *other = model->rates[i];

		if (strcmp(other->tier, rates->tier) == 0 && other->from_ns <= time_ns &&
		    other->from_ns > rates->from_ns)
			return false;
	}
	return true;
}

/* --- one entry */

static json_t *hours_of(const struct rates *rates)
{
	return json_sprintf("%02u:%02u-%02u:%02u", rates->begin_minute / 60,
			    rates->begin_minute % 60, rates->end_minute / 60,
			    rates->end_minute % 60);
}

static json_t *weekdays_of(const struct rates *rates)
{
	json_t *days = json_array();

	for (int i = 0; i < 7; i++)
		if (rates->weekdays >> i & 1)
			json_array_append_new(days, json_integer(i + 1));
	return days;
}

static void set_conditions(json_t *entry, const struct rates *rates)
{
	if (rates->tier[0])
		json_object_set_new(entry, "tier", json_string(rates->tier));
	if (rates->input_over >= 0)
		json_object_set_new(entry, "input_over", json_integer(rates->input_over));
	if (rates->begin_minute != rates->end_minute)
		json_object_set_new(entry, "hours", hours_of(rates));
	if (rates->weekdays)
		json_object_set_new(entry, "weekdays", weekdays_of(rates));
	if (rates->least)
		json_object_set_new(entry, "minimum",
				    json_pack("{s:I}", usage_bucket_name(rates->least_bucket),
					      (json_int_t)rates->least));
	if (rates->most)
		json_object_set_new(entry, "maximum",
				    json_pack("{s:I}", usage_bucket_name(rates->most_bucket),
					      (json_int_t)rates->most));
}

static json_t *list_rates(const struct rates *rates, bool in_force)
{
	json_t *tokens = json_object(), *units = json_object();
	json_t *entry = json_pack("{s:s}", "from", rates->from);

	set_conditions(entry, rates);
	json_object_set_new(entry, "in_force", json_boolean(in_force));
	for (unsigned i = 0; i < USAGE_BUCKET_MAX; i++)
		if (rates_has(rates, i))
			json_object_set_new(is_token(i) ? tokens : units, usage_bucket_name(i),
					    rate_text(i, rates_of(rates, i)));
	if (json_object_size(tokens))
		json_object_set(entry, "per_million", tokens);
	if (json_object_size(units))
		json_object_set(entry, "per_unit", units);
	json_decref(tokens);
	json_decref(units);
	return entry;
}

static json_t *list_uplifts(const struct uplifts *uplifts)
{
	json_t *object = json_object();

	for (unsigned i = 0; uplifts && i < uplifts->n; i++) {
		const struct uplift *uplift = &uplifts->list[i];
		char condition[96];

		snprintf(condition, sizeof(condition), "%s%s%s",
			 uplift->server ? "server" : "region", uplift->other ? "!=" : "=",
			 uplift->value);
		json_object_set_new(object, condition, json_string(uplift->text));
	}
	return object;
}

json_t *list_model(const struct model *model, int64_t time_ns, bool only_in_force)
{
	const struct book *book = model->book;
	json_t *list = json_array();

	for (unsigned i = 0; i < model->n_rates; i++) {
		bool in_force = is_in_force(model, model->rates[i], time_ns);

		if (in_force || !only_in_force)
			json_array_append_new(list, list_rates(model->rates[i], in_force));
	}
	return json_pack("{s:s, s:s, s:s, s:s, s:b, s:o, s:o}", "provider", book->provider, "model",
			 model->name, "catalog", book->name, "source", model->source, "contracted",
			 book->contracted, "uplifts", list_uplifts(model->uplifts), "rates", list);
}

/* --- of a name */

struct names {
	const char **providers;
	size_t n;
};

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_provider(void *ctx, const struct model *model)
{
	struct names *names = ctx;

	names->providers[names->n++] = model->book->provider;
}

json_t *list_find(const struct catalog *catalog, struct span provider, struct span name,
		  int64_t time_ns, bool only_in_force)
{
	struct names names = { calloc(catalog_models(catalog) + 1, sizeof(char *)), 0 };
	json_t *found = json_array();

	if (names.providers)
		catalog_each(catalog, add_provider, &names);
	qsort(names.providers, names.n, sizeof(char *), compare_texts);
	for (size_t i = 0; i < names.n; i++) {
		struct span here = span_of(names.providers[i]);
		const struct model *model;

		if ((i && strcmp(names.providers[i], names.providers[i - 1]) == 0) ||
		    (provider.len && !span_eq(here, provider)))
			continue;
		model = catalog_find(catalog, here, name);
		if (model)
			json_array_append_new(found, list_model(model, time_ns, only_in_force));
	}
	free(names.providers);
	return found;
}

/* --- differences */

/* One rate in force. */
struct line {
	const struct model *model;
	const struct rates *rates;
	unsigned bucket;
};

struct lines {
	struct line *lines;
	size_t n, cap;
	int64_t time_ns;
};

static int compare_models(const struct model *a, const struct model *b)
{
	int order = strcmp(a->book->provider, b->book->provider);

	return order ? order : strcmp(a->name, b->name);
}

static int compare_lines(const void *left, const void *right)
{
	const struct line *a = left, *b = right;
	int order = compare_models(a->model, b->model);
	const int64_t by[][2] = { { a->rates->input_over, b->rates->input_over },
				  { a->rates->begin_minute, b->rates->begin_minute },
				  { a->rates->end_minute, b->rates->end_minute },
				  { a->rates->weekdays, b->rates->weekdays },
				  { a->bucket, b->bucket } };

	if (!order)
		order = strcmp(a->rates->tier, b->rates->tier);
	for (size_t i = 0; !order && i < sizeof(by) / sizeof(by[0]); i++)
		order = (by[i][0] > by[i][1]) - (by[i][0] < by[i][1]);
	return order;
}

static void add_lines(void *ctx, const struct model *model)
{
	struct lines *all = ctx;

	for (unsigned i = 0; i < model->n_rates; i++) {
		const struct rates *rates = model->rates[i];

		for (unsigned k = 0; k < USAGE_BUCKET_MAX; k++) {
			if (!rates_has(rates, k) || !is_in_force(model, rates, all->time_ns))
				continue;
			if (all->n == all->cap) {
				all->cap = all->cap ? 2 * all->cap : 1024;
				all->lines = realloc(all->lines, all->cap * sizeof(*all->lines));
				if (!all->lines)
					abort();
			}
			all->lines[all->n++] = (struct line){ model, rates, k };
		}
	}
}

static struct lines lines_of(const struct catalog *catalog, int64_t time_ns)
{
	struct lines all = { .time_ns = time_ns };

	catalog_each(catalog, add_lines, &all);
	if (all.n)
		qsort(all.lines, all.n, sizeof(*all.lines), compare_lines);
	return all;
}

static void put_context(const struct rates *rates, char out[static CONTEXT_BYTES])
{
	struct charge charge = { .source = COST_CATALOG };

	model_context(rates, rates->tier, &charge);
	snprintf(out, CONTEXT_BYTES, "%s", charge.context);
}

static json_t *row_of(const char *what, const struct line *line)
{
	return json_pack("{s:s, s:s, s:s}", "what", what, "provider", line->model->book->provider,
			 "model", line->model->name);
}

/* A line that the other side lacks: of a model that it has, or the first of one that it has not. */
static void put_lone(json_t *out, const char *what, const struct lines *from, size_t at,
		     const struct lines *other, size_t place)
{
	const struct line *line = &from->lines[at];
	bool known =
	    (place < other->n && compare_models(other->lines[place].model, line->model) == 0) ||
	    (place && compare_models(other->lines[place - 1].model, line->model) == 0);
	char context[CONTEXT_BYTES];
	json_t *row;

	if (!known && at && compare_models(from->lines[at - 1].model, line->model) == 0)
		return;
	row = row_of(what, line);
	if (known) {
		put_context(line->rates, context);
		json_object_set_new(row, "context", json_string(context));
		json_object_set_new(row, "bucket", json_string(usage_bucket_name(line->bucket)));
		json_object_set_new(row, what[0] == 'a' ? "new" : "old",
				    rate_text(line->bucket, rates_of(line->rates, line->bucket)));
	}
	json_array_append_new(out, row);
}

/* new / old to three decimals, half up. */
static json_t *ratio_of(money_wide old, money_wide new)
{
	char text[MONEY_TEXT_MAX];

	return old ? json_string(money_format((new * 2000 + old) / (2 * old), RATIO_DIGITS, text))
		   : json_null();
}

static void put_change(json_t *out, const struct line *a, const struct line *b)
{
	money_wide old = rates_of(a->rates, a->bucket), new = rates_of(b->rates, b->bucket);
	char context[CONTEXT_BYTES];
	json_t *row;

	if (old == new)
		return;
	row = row_of("changed", a);
	put_context(a->rates, context);
	json_object_set_new(row, "context", json_string(context));
	json_object_set_new(row, "bucket", json_string(usage_bucket_name(a->bucket)));
	json_object_set_new(row, "old", rate_text(a->bucket, old));
	json_object_set_new(row, "new", rate_text(b->bucket, new));
	json_object_set_new(row, "ratio", ratio_of(old, new));
	json_array_append_new(out, row);
}

json_t *list_diff(const struct catalog *a, const struct catalog *b, int64_t time_ns)
{
	struct lines old = lines_of(a, time_ns), new = lines_of(b, time_ns);
	json_t *out = json_array();
	size_t i = 0, k = 0;

	while (i < old.n || k < new.n) {
		int order = i == old.n   ? 1
			    : k == new.n ? -1
					 : compare_lines(&old.lines[i], &new.lines[k]);

		if (order < 0)
			put_lone(out, "gone", &old, i, &new, k);
		else if (order > 0)
			put_lone(out, "added", &new, k, &old, i);
		else
			put_change(out, &old.lines[i], &new.lines[k]);
		i += order <= 0;
		k += order >= 0;
	}
	free(old.lines);
	free(new.lines);
	return out;
}
