/* Reads a foreign catalog, sorts its models by provider, and has each provider's file of the
 * directory merged and written anew: all of them, or none. */
#include "price/import.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "meter/usage.h"
#include "price/catalog.h"

/* To add a source: a row, and its reader in a file import_x.c. */
static const struct {
	const char *name;
	int (*read)(const json_t *root, struct import_table *table);
} sources[] = {
	{ "litellm", import_litellm_read },
	{ "genai-prices", import_genai_read },
	{ "models.dev", import_models_dev_read },
};

/* What a bucket without a rate of its own costs, as both LiteLLM and genai-prices have it. */
static const char *const fallback[][2] = {
	{ "input_cache_read", "=input" },
	{ "input_cache_write", "=input" },
	{ "input_cache_write_5m", "=input_cache_write" },
	{ "input_cache_write_30m", "=input_cache_write" },
	{ "input_cache_write_1h", "=input_cache_write" },
	{ "input_cache_write_12h", "=input_cache_write" },
	{ "input_audio", "=input" },
	{ "input_audio_cache_read", "=input_cache_read" },
	{ "input_image", "=input" },
	{ "input_image_cache_read", "=input_cache_read" },
	{ "input_tool", "=input" },
	{ "output_reasoning", "=output" },
	{ "output_audio", "=output" },
	{ "output_image", "=output" },
};

const char *import_fallback(const char *bucket)
{
	for (size_t i = 0; i < sizeof(fallback) / sizeof(fallback[0]); i++)
		if (strcmp(fallback[i][0], bucket) == 0)
			return fallback[i][1] + 1;
	return NULL;
}

/* --- reading: numbers become texts, so that none is read as a binary fraction */

static bool is_in_number(char c)
{
	return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

static void quote_numbers(struct span text, struct buf *out)
{
	size_t i = 0, from = 0;
	bool in_string = false;

	while (i < text.len) {
		char c = text.ptr[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '-' || (c >= '0' && c <= '9'))) {
			buf_put(out, (struct span){ text.ptr + from, i - from });
			buf_put(out, SPAN("\""));
			for (from = i; i < text.len && is_in_number(text.ptr[i]); i++)
				;
			buf_put(out, (struct span){ text.ptr + from, i - from });
			buf_put(out, SPAN("\""));
			from = i;
			continue;
		}
		i++;
	}
	buf_put(out, span_skip(text, from));
}

static int parse(const char *file, struct span text, json_t **ret_root, struct err *err)
{
	struct buf quoted = buf_with_max(2 * IMPORT_FILE_BYTES_MAX);
	int rc;

	quote_numbers(text, &quoted);
	rc = document_parse(buf_span(&quoted), file, 1, ret_root, err);
	buf_done(&quoted);
	return rc;
}

/* What a name of ours may be, as document_text has it. */
static bool is_name(const char *text)
{
	size_t len = strlen(text);

	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return false;
	return len && len < sizeof(((struct usage *)0)->model);
}

int import_add(struct import_table *table, const char *provider, const char *model, json_t *aliases,
	       json_t *rates, json_t *uplifts)
{
	bool wanted = !table->only || strcmp(table->only, provider) == 0;
	json_t *models = json_object_get(table->providers, provider);
	json_t *entry;

	if (wanted && (!rates || !is_name(model)))
		table->left_out++;
	if (!wanted || !rates || !is_name(model) || json_object_get(models, model)) {
		json_decref(aliases);
		json_decref(rates);
		json_decref(uplifts);
		return 0;
	}
	if (!models) {
		models = json_object();
		json_object_set_new(table->providers, provider, models);
	}
	entry =
	    json_pack("{s:o, s:o, s:o*}", "aliases", aliases, "rates", rates, "uplifts", uplifts);
	return entry && json_object_set_new(models, model, entry) == 0 ? 0 : -ENOMEM;
}

/* --- writing */

static void put_json(struct buf *out, const json_t *value)
{
	FREE_PTR char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	buf_put(out, span_of(text));
}

/* A model a line: differences between two versions of a file are then lines too. */
void import_put(const json_t *document, struct buf *out)
{
	const json_t *models = json_object_get(document, "models");
	const char *key;
	json_t *value;

	buf_put(out, SPAN("{\n"));
	json_object_foreach((json_t *)document, key, value)
	{
		if (value == models)
			continue;
		buf_put(out, SPAN("\""));
		buf_put(out, span_of(key));
		buf_put(out, SPAN("\": "));
		put_json(out, value);
		buf_put(out, SPAN(",\n"));
	}
	buf_put(out, SPAN("\"models\": [\n"));
	for (size_t i = 0; i < json_array_size(models); i++) {
		put_json(out, json_array_get(models, i));
		buf_put(out, i + 1 < json_array_size(models) ? SPAN(",\n") : SPAN("\n"));
	}
	buf_put(out, SPAN("]\n}\n"));
}

/* Whole or not at all: beside the file, then in its place. */
static int write_document(const json_t *document, const char *path, struct err *err)
{
	struct buf text = buf_with_max(IMPORT_FILE_BYTES_MAX);
	FREE_PTR char *beside = NULL;
	FILE *file = NULL;
	bool good;

	import_put(document, &text);
	if (asprintf(&beside, "%s.new", path) >= 0)
		file = fopen(beside, "we");
	good = file && !text.failed && fwrite(text.data, 1, text.len, file) == text.len;
	buf_done(&text);
	if (file && fclose(file) == EOF)
		good = false;
	if (good && rename(beside, path) == 0)
		return 0;
	return err_set(err, errno ? -errno : -EFBIG, "%s: cannot be written", path);
}

static json_t *new_document(const char *provider, const char *date)
{
	json_t *loans = json_object(), *document;

	for (size_t i = 0; i < sizeof(fallback) / sizeof(fallback[0]); i++) {
		enum usage_bucket bucket;

		if (usage_bucket_find(span_of(fallback[i][0]), &bucket) == 0)
			json_object_set_new(loans, fallback[i][0], json_string(fallback[i][1]));
	}
	document = json_pack("{s:o, s:s, s:[], s:o, s:[]}", "catalog",
			     json_sprintf("%s-%s", provider, date), "provider", provider, "source",
			     "fallback", loans, "models");
	return document;
}

static void record_source(json_t *document, const struct import_options *options)
{
	json_t *list = json_object_get(document, "source");
	json_t *text = json_sprintf("%s %s (MIT)", options->from, options->version);

	for (size_t i = 0; i < json_array_size(list); i++) {
		if (json_equal(json_array_get(list, i), text)) {
			json_decref(text);
			return;
		}
	}
	json_array_append_new(list, text);
	json_object_set_new(document, "catalog",
			    json_sprintf("%s-%s",
					 json_string_value(json_object_get(document, "provider")),
					 options->date));
}

/* --- all of it */

static char *path_of(const char *dir, const char *provider)
{
	char *path;

	return asprintf(&path, "%s/%s.json", dir, provider) < 0 ? NULL : path;
}

/* The provider's document, borrowed: as merged before, as in the directory, or a new one. */
static int open_document(const char *provider, const struct import_options *options,
			 const char *dir, json_t *documents, json_t **ret_document, struct err *err)
{
	FREE_PTR char *path = dir ? path_of(dir, provider) : NULL;
	json_t *document = json_object_get(documents, provider);
	int rc = 0;

	if (!document) {
		if (path && access(path, F_OK) == 0)
			rc = document_load(path, IMPORT_FILE_BYTES_MAX, &document, err);
		else
			document = new_document(provider, options->date);
		if (rc)
			return rc;
		json_object_set_new(documents, provider, document);
	}
	*ret_document = document;
	return 0;
}

static void leave_out(json_t *rates, json_t *common)
{
	json_t *units = json_object_get(rates, "per_unit"), *rate;
	const char *bucket;

	if (!units || !json_object_get(rates, "per_million"))
		return;
	json_object_foreach(common, bucket, rate)
	{
		if (json_equal(json_object_get(units, bucket), rate))
			json_object_del(units, bucket);
	}
	if (!json_object_size(units))
		json_object_del(rates, "per_unit");
}

/* What the file says of all its models is not said of each. */
static void leave_out_common(const json_t *document, json_t *models)
{
	json_t *common = json_object_get(document, "fallback"), *model, *rates;
	const char *name;
	size_t i;

	json_object_foreach(models, name, model)
	{
		json_array_foreach(json_object_get(model, "rates"), i, rates)
		{
			leave_out(rates, common);
		}
	}
}

/* What is written can be loaded. */
static int check_document(struct catalog *catalog, const char *provider, const json_t *document,
			  struct err *err)
{
	struct buf text = buf_with_max(CATALOG_FILE_BYTES_MAX);
	char file[64];
	int rc;

	snprintf(file, sizeof(file), "%.50s.json, as it would be", provider);
	import_put(document, &text);
	rc = text.failed ? err_set(err, -EFBIG, "%s: expected at most %u MiB", file,
				   CATALOG_FILE_BYTES_MAX >> 20)
			 : catalog_add(catalog, file, buf_span(&text), err);
	buf_done(&text);
	return rc;
}

static int merge_all(const struct import_table *table, const struct import_options *options,
		     const char *dir, json_t *documents, struct import_counts *counts,
		     struct err *err)
{
	struct catalog *catalog = NULL;
	const char *provider;
	json_t *models, *document;
	int rc;

	rc = catalog_new(&catalog);
	json_object_foreach(table->providers, provider, models)
	{
		if (!rc)
			rc = open_document(provider, options, dir, documents, &document, err);
		if (rc)
			break;
		record_source(document, options);
		leave_out_common(document, models);
		rc = import_merge(document, models, options, counts, err);
		if (!rc)
			rc = check_document(catalog, provider, document, err);
	}
	catalog_unref(catalog);
	return rc;
}

static int read_source(const json_t *root, const struct import_options *options,
		       struct import_table *table, struct err *err)
{
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		if (strcmp(options->from, sources[i].name) == 0)
			return sources[i].read(root, table);
	return err_set(err, -EINVAL, "expected litellm, genai-prices or models.dev, not %s",
		       options->from);
}

int import_text(const struct import_options *options, const char *file, struct span text,
		const char *dir, json_t *documents, struct import_counts *ret_counts,
		struct err *err)
{
	FREE_JSON json_t *root = NULL, *providers = json_object();
	struct import_table table = { .providers = providers, .only = options->provider };
	struct import_counts counts = { 0 };
	int rc;

	rc = parse(file, text, &root, err);
	if (!rc)
		rc = read_source(root, options, &table, err);
	if (!rc)
		rc = merge_all(&table, options, dir, documents, &counts, err);
	if (rc)
		return err_set(err, rc, "%s: cannot be read as a catalog of %s", file,
			       options->from);
	counts.left_out = table.left_out;
	*ret_counts = counts;
	return 0;
}

int import_file(const struct import_options *options, const char *file, const char *dir,
		struct import_counts *ret_counts, struct err *err)
{
	struct buf text = buf_with_max(IMPORT_FILE_BYTES_MAX);
	FREE_JSON json_t *documents = json_object();
	const char *provider;
	json_t *document;
	int rc;

	rc = document_read(file, IMPORT_FILE_BYTES_MAX, &text, err);
	if (!rc)
		rc = import_text(options, file, buf_span(&text), dir, documents, ret_counts, err);
	buf_done(&text);
	json_object_foreach(documents, provider, document)
	{
		FREE_PTR char *path = path_of(dir, provider);

		if (!rc)
			rc = path ? write_document(document, path, err) : -ENOMEM;
	}
	return rc;
}
