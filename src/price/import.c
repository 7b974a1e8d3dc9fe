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

static int slurp(const char *path, struct buf *out, struct err *err)
{
	CLOSE_FILE FILE *file = fopen(path, "re");
	char piece[65536];
	size_t n;

	if (!file)
		return err_set(err, -errno, "%s: %m", path);
	do {
		n = fread(piece, 1, sizeof(piece), file);
		buf_put(out, (struct span){ piece, n });
	} while (n == sizeof(piece));
	if (ferror(file))
		return err_set(err, -EIO, "%s: cannot be read", path);
	if (out->failed)
		return err_set(err, -EFBIG, "%s: expected at most %u MiB", path,
			       IMPORT_FILE_BYTES_MAX >> 20);
	return 0;
}

static int load(const char *path, json_t **ret_root, struct err *err)
{
	struct buf text = buf_with_max(IMPORT_FILE_BYTES_MAX);
	struct buf quoted = buf_with_max(2 * IMPORT_FILE_BYTES_MAX);
	int rc = slurp(path, &text, err);

	if (!rc) {
		quote_numbers(buf_span(&text), &quoted);
		rc = document_parse(buf_span(&quoted), path, 1, ret_root, err);
	}
	buf_done(&text);
	buf_done(&quoted);
	return rc;
}

int import_add(struct import_table *table, const char *provider, const char *model, json_t *aliases,
	       json_t *rates)
{
	json_t *models = json_object_get(table->providers, provider);
	json_t *entry;

	if (!models) {
		models = json_object();
		json_object_set_new(table->providers, provider, models);
	}
	if ((table->only && strcmp(table->only, provider) != 0) || json_object_get(models, model) ||
	    strlen(model) >= sizeof(((struct usage *)0)->model)) {
		json_decref(aliases);
		json_decref(rates);
		return 0;
	}
	entry = json_pack("{s:o, s:o}", "aliases", aliases, "rates", rates);
	return entry && json_object_set_new(models, model, entry) == 0 ? 0 : -ENOMEM;
}

/* --- writing */

static void put_json(struct buf *out, const json_t *value)
{
	FREE_PTR char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	buf_put(out, span_of(text));
}

/* A model a line: differences between two versions of a file are then lines too. */
static void put_document(struct buf *out, const json_t *document)
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

static int write_document(const json_t *document, const char *path, struct err *err)
{
	struct buf text = buf_with_max(IMPORT_FILE_BYTES_MAX);
	CLOSE_FILE FILE *file = fopen(path, "we");
	int rc = 0;

	if (!file)
		return err_set(err, -errno, "%s: %m", path);
	put_document(&text, document);
	if (text.failed || fwrite(text.data, 1, text.len, file) != text.len || fflush(file) == EOF)
		rc = err_set(err, -EIO, "%s: cannot be written", path);
	buf_done(&text);
	return rc;
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

static int merge_all(const struct import_table *table, const struct import_options *options,
		     const char *dir, json_t *documents, struct import_counts *counts,
		     struct err *err)
{
	const char *provider;
	json_t *models;
	int rc = 0;

	json_object_foreach(table->providers, provider, models)
	{
		FREE_PTR char *path = NULL;
		json_t *document = NULL;

		if (!json_object_size(models))
			continue;
		if (asprintf(&path, "%s/%s.json", dir, provider) < 0)
			return err_set(err, -ENOMEM, "out of memory");
		if (access(path, F_OK) == 0)
			rc = document_load(path, IMPORT_FILE_BYTES_MAX, &document, err);
		else
			document = new_document(provider, options->date);
		if (!rc) {
			record_source(document, options);
			json_object_set_new(documents, path, document);
			rc = import_merge(document, models, options, counts, err);
		}
		if (rc)
			return rc;
	}
	return 0;
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

int import_file(const struct import_options *options, const char *file, const char *dir,
		struct import_counts *ret_counts, struct err *err)
{
	FREE_JSON json_t *root = NULL, *providers = json_object(), *documents = json_object();
	struct import_table table = { .providers = providers, .only = options->provider };
	struct import_counts counts = { 0 };
	const char *path;
	json_t *document;
	int rc;

	rc = load(file, &root, err);
	if (!rc)
		rc = read_source(root, options, &table, err);
	if (!rc)
		rc = merge_all(&table, options, dir, documents, &counts, err);
	if (rc)
		return err_set(err, rc, "%s: cannot be read as a catalog of %s", file,
			       options->from);
	json_object_foreach(documents, path, document)
	{
		rc = write_document(document, path, err);
		if (rc)
			return rc;
	}
	counts.left_out = table.left_out;
	*ret_counts = counts;
	return 0;
}
