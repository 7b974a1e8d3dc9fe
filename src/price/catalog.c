/* The price lists: names of models in one hash table, and under each its dated rates. usage ->
 * charge. Unknown is never zero: a zero comes only from a free route, from an error that the
 * provider does not bill, or from counts that are zero. */
#include "price/catalog.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "price/family.h"
#include "price/hours.h"
#include "price/model.h"
#include "price/names.h"
#include "price/pool.h"

#define MODEL_NAME_MAX    (MODEL_NAME_BYTES - 1)
#define PROVIDER_NAME_MAX (sizeof(((struct usage *)0)->provider) - 1)
#define KEY_MAX           (PROVIDER_NAME_MAX + 1 + MODEL_NAME_MAX)

struct catalog {
	atomic_uint refs;
	size_t n_models;
	struct arena arena; /* of all that is below */
	struct model *models;
	struct names names; /* "provider/model": a model's own, its aliases */
	bool contracted;    /* one of the books is */
	struct pool pool;   /* while it is loaded */
};

#define SOURCE_BYTES_MAX 1024

static const char *const file_keys[] = { "catalog",  "provider", "gateways", "source", "contracted",
					 "fallback", "holidays", "models",   NULL };

/* --- names */

static size_t make_key(struct span provider, struct span model, char out[static KEY_MAX])
{
	memcpy(out, provider.ptr, provider.len);
	out[provider.len] = '/';
	memcpy(out + provider.len + 1, model.ptr, model.len);
	return provider.len + 1 + model.len;
}

static const struct model *find_name(const struct catalog *catalog, struct span provider,
				     struct span model)
{
	const struct name *name;
	char key[KEY_MAX];

	if (provider.len > PROVIDER_NAME_MAX || model.len > MODEL_NAME_MAX)
		return NULL;
	name = names_find(&catalog->names, (struct span){ key, make_key(provider, model, key) });
	return name ? name->model : NULL;
}

const struct model *catalog_find(const struct catalog *catalog, struct span provider,
				 struct span model)
{
	const struct model *found = find_name(catalog, provider, model);
	struct span base = family_without_owner(model), family = family_without_date(base);

	if (!found && base.len < model.len)
		found = find_name(catalog, provider, base);
	if (!found && family.len < base.len)
		found = find_name(catalog, provider, family);
	return found;
}

/* --- loading */

/* Of two entries for a name one must be the user's own, which then holds it. */
static int share_name(struct name *name, const struct model *model, const struct document_place *at,
		      struct err *err)
{
	if (name->model->book->contracted == model->book->contracted)
		return document_refuse(at, err, "a model that no other entry names");
	if (model->book->contracted)
		name->model = model;
	return 0;
}

static int add_name(struct catalog *catalog, struct span provider, struct span text,
		    const struct model *model, const struct document_place *at, struct err *err)
{
	char bytes[KEY_MAX];
	struct span key = { bytes, make_key(provider, text, bytes) };
	struct name *name = names_find(&catalog->names, key);

	if (name)
		return share_name(name, model, at, err);
	if (names_add(&catalog->names, &catalog->arena, key, model) < 0)
		return err_set(err, -ENOMEM, "%s: out of memory", at->file);
	return 0;
}

static int add_aliases(struct catalog *catalog, struct span provider, const json_t *entry,
		       const struct model *model, const struct document_place *entry_at,
		       struct err *err)
{
	struct document_place at = document_member(entry_at, "aliases");
	const json_t *aliases;
	int rc;

	rc = document_array(entry, "aliases", entry_at, 0, CATALOG_ALIASES_MAX, &aliases, err);
	for (size_t i = 0; !rc && i < json_array_size(aliases); i++) {
		struct document_place here = document_element(&at, i);
		const json_t *alias = json_array_get(aliases, i);
		struct span text = { json_string_value(alias), json_string_length(alias) };

		if (!text.len || text.len > MODEL_NAME_MAX)
			return document_refuse(&here, err, "the name of a model");
		rc = add_name(catalog, provider, text, model, &here, err);
	}
	return rc;
}

static int add_names(struct catalog *catalog, struct span provider, const json_t *entry,
		     const struct model *model, const struct document_place *at, struct err *err)
{
	int rc;

	if (!provider.len || provider.len > PROVIDER_NAME_MAX)
		return document_refuse(at, err, "gateways that are names of providers");
	rc = add_name(catalog, provider, span_of(model->name), model, at, err);
	return rc ? rc : add_aliases(catalog, provider, entry, model, at, err);
}

static int add_model(struct catalog *catalog, const struct book *book, const json_t *gateways,
		     const json_t *entry, const struct document_place *at, struct err *err)
{
	struct model *model;
	int rc;

	rc = model_parse(entry, book, &catalog->pool, at, &model, err);
	if (rc)
		return rc;
	model->next = catalog->models;
	catalog->models = model;
	catalog->n_models++;
	rc = add_names(catalog, span_of(book->provider), entry, model, at, err);
	for (size_t i = 0; !rc && i < json_array_size(gateways); i++)
		rc = add_names(catalog, span_of(json_string_value(json_array_get(gateways, i))),
			       entry, model, at, err);
	return rc;
}

/* "source" of the file: texts, or one. */
static const char *join_source(const json_t *root, struct arena *arena)
{
	const json_t *list = json_object_get(root, "source");
	struct buf text = buf_with_max(SOURCE_BYTES_MAX);
	char *joined;

	buf_put(&text, span_of(json_string_value(list)));
	for (size_t i = 0; i < json_array_size(list); i++)
		buf_printf(&text, "%s%s", i ? "; " : "",
			   json_string_value(json_array_get(list, i)) ?: "");
	buf_put(&text, (struct span){ "", 1 });
	joined = text.failed ? NULL : arena_alloc(arena, text.len, 1);
	if (joined)
		memcpy(joined, text.data, text.len);
	buf_done(&text);
	return joined;
}

/* The head of a file, without its models. */
static int add_book(struct catalog *catalog, const json_t *root, const struct document_place *top,
		    struct book **ret_book, struct err *err)
{
	struct document_place contracted_at = document_member(top, "contracted");
	const json_t *contracted = json_object_get(root, "contracted");
	struct book *book = arena_alloc(&catalog->arena, sizeof(*book), _Alignof(struct book));
	struct span name, provider;
	int rc;

	if (!book)
		return err_set(err, -ENOMEM, "%s: out of memory", top->file);
	book->source = join_source(root, &catalog->arena);
	if (!book->source)
		return err_set(err, -ENOMEM, "%s: expected a source of at most %d bytes", top->file,
			       SOURCE_BYTES_MAX);
	book->contracted = json_is_true(contracted);
	catalog->contracted |= book->contracted;
	if (contracted && !json_is_boolean(contracted))
		return document_refuse(&contracted_at, err, "true or false");
	rc = document_text(root, "catalog", top, CATALOG_NAME_BYTES - 1, &name, err);
	if (!rc)
		rc = document_text(root, "provider", top, PROVIDER_NAME_MAX, &provider, err);
	if (!rc)
		rc = rates_parse_loans(root, "fallback", top, &book->loans, err);
	if (!rc)
		rc = hours_parse_holidays(root, top, &book->holidays, err);
	if (rc)
		return rc;
	span_copy(name, book->name, sizeof(book->name));
	span_copy(provider, book->provider, sizeof(book->provider));
	*ret_book = book;
	return 0;
}

static int add_document(struct catalog *catalog, const json_t *root, const char *file,
			struct err *err)
{
	struct document_place top = { .file = file };
	struct document_place at = document_member(&top, "models");
	struct book *book = NULL;
	const json_t *models, *gateways = json_object_get(root, "gateways");
	int rc;

	rc = document_object(root, &top, file_keys, err);
	if (!rc)
		rc = add_book(catalog, root, &top, &book, err);
	if (!rc)
		rc = document_array(root, "models", &top, 1, CATALOG_MODELS_MAX, &models, err);
	for (size_t i = 0; !rc && i < json_array_size(models); i++) {
		struct document_place here = document_element(&at, i);

		rc = add_model(catalog, book, gateways, json_array_get(models, i), &here, err);
	}
	return rc;
}

int catalog_add(struct catalog *catalog, const char *file, struct span text, struct err *err)
{
	FREE_JSON json_t *root = NULL;
	int rc;

	rc = document_parse(text, file, 1, &root, err);
	return rc ? rc : add_document(catalog, root, file, err);
}

/* --- ownership */

int catalog_new(struct catalog **ret_catalog)
{
	struct catalog *catalog = calloc(1, sizeof(*catalog));

	if (!catalog)
		return -ENOMEM;
	atomic_init(&catalog->refs, 1);
	catalog->pool.arena = &catalog->arena;
	*ret_catalog = catalog;
	return 0;
}

void catalog_close(struct catalog *catalog)
{
	pool_done(&catalog->pool);
}

struct catalog *catalog_ref(struct catalog *catalog)
{
	atomic_fetch_add(&catalog->refs, 1);
	return catalog;
}

void catalog_unref(struct catalog *catalog)
{
	if (!catalog || atomic_fetch_sub(&catalog->refs, 1) != 1)
		return;
	catalog_close(catalog);
	names_done(&catalog->names);
	arena_done(&catalog->arena);
	free(catalog);
}

size_t catalog_models(const struct catalog *catalog)
{
	return catalog->n_models;
}

void catalog_each(const struct catalog *catalog, catalog_model_fn *fn, void *ctx)
{
	for (const struct model *model = catalog->models; model; model = model->next)
		fn(ctx, model);
}

/* --- pricing */

/* What a provider does not bill: it refused or failed the request and counted nothing. It may say
 * so under status 200, with an error for the answer, which the meter then finds sound. */
static bool is_unbilled_error(const struct usage *usage)
{
	bool refused = usage->error[0] && !usage->doubt;

	if ((usage->status < 400 && !refused) || usage->doubt == USAGE_DOUBT_INCONSISTENT)
		return false;
	for (int i = 0; i < USAGE_BUCKET_MAX; i++)
		if (usage->present >> i & 1 && usage->counts[i] != 0)
			return false;
	return true;
}

/* In place: a charge is 3 KiB. */
static void begin(struct charge *charge, const struct usage *usage)
{
	if (usage != &charge->usage)
		charge->usage = *usage;
	memset((char *)charge + sizeof(*usage), 0, sizeof(*charge) - sizeof(*usage));
	charge->source = COST_UNPRICED;
}

static void price_zero(struct charge *charge, const char *why)
{
	charge->source = COST_CATALOG;
	snprintf(charge->context, sizeof(charge->context), "%s", why);
}

/* What is wrong with a usage before any price list is asked. */
static enum price_doubt doubt_of(const struct usage *usage)
{
	if (usage->doubt)
		return PRICE_DOUBT_USAGE;
	return PRICE_DOUBT_NONE;
}

/* A bill stands whatever its counts say, as OpenRouter's, whose reasoning is counted by another
 * tokenizer than its output. That nothing was to pay is believed only if they hold. */
static bool is_reported(const struct usage *usage)
{
	return usage->reported &&
	       (usage->reported_cost_pico > 0 || usage->doubt != USAGE_DOUBT_INCONSISTENT);
}

static const struct model *choose_model(const struct catalog *catalog, const struct usage *usage,
					const char *name)
{
	struct span provider = span_of(usage->provider), asked = span_of(usage->model_requested);
	const struct model *model, *own;

	model = catalog_find(catalog, provider, name[0] ? span_of(name) : SPAN(CATALOG_NO_MODEL));
	if (!catalog->contracted || !asked.len || (model && model->book->contracted))
		return model;
	own = catalog_find(catalog, provider, asked);
	return own && own->book->contracted ? own : model;
}

static void price_by_model(const struct catalog *catalog, struct charge *charge)
{
	const struct usage *usage = &charge->usage;
	const char *name = usage->model[0] ? usage->model : usage->model_requested;
	const struct model *model = choose_model(catalog, usage, name);

	if (model)
		model_price(model, charge);
	else
		charge->doubt = name[0] ? PRICE_DOUBT_MODEL_UNKNOWN : PRICE_DOUBT_NO_MODEL;
}

/* What a call before told was charged by the list then, if it can be. */
static bool was_charged(const struct catalog *catalog, struct charge *charge)
{
	if (!charge->usage.told || charge->usage.doubt)
		return false;
	price_by_model(catalog, charge);
	return charge->source != COST_UNPRICED;
}

void catalog_price(const struct catalog *catalog, const struct usage *usage,
		   struct charge *ret_charge)
{
	begin(ret_charge, usage);
	if (!usage->provider[0]) {
		ret_charge->doubt = PRICE_DOUBT_PROVIDER_UNKNOWN;
		return;
	}
	if (usage->free || is_unbilled_error(usage)) {
		price_zero(ret_charge, usage->free ? "free" : "error");
		return;
	}
	if (was_charged(catalog, ret_charge)) {
		begin(ret_charge, usage);
		price_zero(ret_charge, "told");
		return;
	}
	/* A total of nothing said is not a total of zero. */
	if (!usage->present && !usage->doubt)
		ret_charge->usage.doubt = USAGE_DOUBT_NO_USAGE;
	ret_charge->doubt = doubt_of(&ret_charge->usage);
	if (!ret_charge->doubt)
		price_by_model(catalog, ret_charge);
	for (uint64_t left = usage->estimated; left; left &= left - 1)
		charge_put_context(ret_charge, "estimate=%s",
				   usage_bucket_name((enum usage_bucket)__builtin_ctzll(left)));
	if (is_reported(usage)) {
		ret_charge->source = COST_PROVIDER;
		ret_charge->cost_pico = usage->reported_cost_pico;
		ret_charge->doubt = PRICE_DOUBT_NONE;
	}
}
