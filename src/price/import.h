/* import: price catalogs of others (LiteLLM, genai-prices, models.dev: all MIT) -> files of ours.
 *
 * Reading makes a table {provider: {model: {"aliases": [...], "rates": [...]}}} in the form of
 * catalog.h; merging puts it into a directory, one file a provider. What is there stays there: a
 * new model is added, a tier that a model lacks is added, a rate that its own source changed
 * becomes a later entry, and a rate on which two sources differ is listed and not taken. Numbers
 * are kept as decimal text from the first byte to the last and never pass through binary fractions;
 * what a source writes with more than 12 significant digits is the noise of its own doubles, and is
 * rounded. */
#pragma once

#include <jansson.h>

#include "base/buf.h"
#include "base/document.h"
#include "base/err.h"

#define IMPORT_FILE_BYTES_MAX (64u << 20)
#define IMPORT_JUMP           100          /* a change by this factor or more is taken for a slip */
#define IMPORT_SINCE_EVER     "2020-01-01" /* the first rates of a source that knows no dates */

/* One line for a person: what was added, changed, or is disputed. */
typedef void import_say_fn(void *ctx, const char *line);

struct import_options {
	const char *from;     /* "litellm", "genai-prices", "models.dev" */
	const char *version;  /* of that source, recorded */
	const char *date;     /* "2026-11-25": when changed rates begin, and the catalogs' name */
	const char *provider; /* ours; NULL: every one that is known */
	bool force;           /* also jumps */
	bool only_missing;    /* a model that is there is left as it is */
	import_say_fn *say;
	void *ctx;
};

struct import_counts {
	unsigned added, changed, disputed, left_out;
};

/* Reads `file` and merges it into the directory. -EINVAL with one line: what is wrong where, an
 * unknown source, or a jump; then no file is written. What is written can be loaded. */
int import_file(const struct import_options *options, const char *file, const char *dir,
		struct import_counts *ret_counts, struct err *err);

/* The same of a text, without writing: into documents, {provider: document}, which may be there
 * from before; those that are not come from the directory, NULL: from nowhere. */
int import_text(const struct import_options *options, const char *file, struct span text,
		const char *dir, json_t *documents, struct import_counts *ret_counts,
		struct err *err);
void import_put(const json_t *document, struct buf *out);

/* --- for the readers, one a source */

struct import_table {
	json_t *providers;
	const char *only;  /* as options.provider */
	unsigned left_out; /* models without a price or name that outlay can say */
};

/* A model of one provider; `uplifts` may be NULL; takes over the references. The first of two of
 * one name stays; one without rates (NULL), or of a name that cannot be ours, is counted as left
 * out. */
int import_add(struct import_table *table, const char *provider, const char *model, json_t *aliases,
	       json_t *rates, json_t *uplifts);

int import_litellm_read(const json_t *root, struct import_table *table);
int import_genai_read(const json_t *root, struct import_table *table);
int import_models_dev_read(const json_t *root, struct import_table *table);

/* "anthropic": what we call a provider of theirs, or NULL; `prefix` is what they put before the
 * names of its models. */
const char *import_provider_of(const char *source, const char *theirs, const char **ret_prefix);

/* "output" of "output_reasoning": what a bucket costs that has no rate of its own, or NULL. */
const char *import_fallback(const char *bucket);

/* --- for merging */

/* Merges models into a file's document. `names` of it are unique afterwards. */
int import_merge(json_t *document, const json_t *models, const struct import_options *options,
		 struct import_counts *counts, struct err *err);
