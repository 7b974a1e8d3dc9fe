/* Small JSON documents that people write, read whole by jansson. A refusal names the file and the
 * place: "prices/openai.json: models[3].rates[0].from: expected a date such as 2025-08-07"; one of
 * the syntax names the line. */
#pragma once

#include <jansson.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/span.h"

CLEANUP_FOR(json, json_t *, json_decref)
#define FREE_JSON CLEANUP(cleanup_json)

/* Where in a document: a chain of locals, one a level, written out only when something is wrong. */
struct document_place {
	const char *file;
	const struct document_place *parent; /* NULL: the document itself */
	const char *key;                     /* member of the parent; NULL: an element */
	size_t index;
};

static inline struct document_place document_member(const struct document_place *parent,
						    const char *key)
{
	return (struct document_place){ parent->file, parent, key, 0 };
}

static inline struct document_place document_element(const struct document_place *parent,
						     size_t index)
{
	return (struct document_place){ parent->file, parent, NULL, index };
}

/* Parses a whole document that is an object or an array; a key twice in one object is refused.
 * `file` is for errors, `line` what the first line is called. -EINVAL, -ENOMEM. */
int document_parse(struct span text, const char *file, unsigned line, json_t **ret_root,
		   struct err *err);
/* The same of a file of at most `max_bytes`. Also -EFBIG, or the errno of the file. */
int document_load(const char *path, size_t max_bytes, json_t **ret_root, struct err *err);

/* The bytes of a regular file, into a buffer with that maximum. */
int document_read(const char *path, size_t max_bytes, struct buf *out, struct err *err);

/* Sets "FILE: PLACE: expected ..." and returns -EINVAL. */
int document_refuse(const struct document_place *at, struct err *err, const char *expected);

/* An object that has no other keys than `known`, a list that ends in NULL. */
int document_object(const json_t *value, const struct document_place *at, const char *const *known,
		    struct err *err);
/* A member that is an array, absent or not: of at least `min` and at most `max` elements. */
int document_array(const json_t *object, const char *key, const struct document_place *at,
		   size_t min, size_t max, const json_t **ret_array, struct err *err);
/* A member that is a string of 1 to `max` bytes, without control characters; borrowed. */
int document_text(const json_t *object, const char *key, const struct document_place *at,
		  size_t max, struct span *ret_text, struct err *err);
