/* A JSON object of known members, read into a struct by a table of its fields. Strict: a member
 * that is in no row, twice, of another type or out of range is a fault that names it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "meter/usage.h"

#define FORM_FIELDS_MAX 32

enum form_kind {
	FORM_TEXT,   /* char[size]: 1 to size - 1 bytes, no control characters */
	FORM_COUNT,  /* int64_t: a whole number of 0 or more */
	FORM_FLAG,   /* bool */
	FORM_LABELS, /* char[size]: an object of texts -> "key=value,key=value" */
	FORM_USAGE,  /* struct form_usage: an object of whole numbers by bucket */
};

struct form_field {
	const char *name;
	enum form_kind kind;
	bool is_required;
	size_t offset;
	size_t size;
};

/* The member of a struct that a name goes to. */
#define FORM_ROW(type, name, kind, required, member)                                               \
	{                                                                                          \
		name, kind, required, offsetof(type, member), sizeof(((type *)0)->member)          \
	}

struct form_fault {
	char field[64]; /* empty: the fault is not one member's */
	char detail[192];
};

struct form_usage {
	int64_t counts[USAGE_BUCKET_MAX];
	uint64_t present;
};

struct form;

/* `fields` must outlive the form. -ENOMEM. */
int form_new(const struct form_field *fields, unsigned n_fields, struct form **ret_form);
void form_free(struct form *form);

/* Whether the document is an array, and what stands between its brackets. */
bool form_list(struct span json, struct span *ret_inside);
/* Cuts the next item off that; what it is, form_read says. `rest` has no ptr behind the last. */
struct span form_item(struct span *rest);

/* Writes what the object has into `values`, which holds the defaults before. -EINVAL with the
 * first fault; `values` is then half written. */
int form_read(const struct form *form, struct span json, void *values,
	      struct form_fault *ret_fault);
