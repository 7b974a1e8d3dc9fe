/* A streaming JSON scanner (RFC 8259) for bodies that arrive in pieces, are megabytes long and of
 * which a few values are wanted. It builds no tree and keeps no text besides the selected scalars:
 * the state is a fixed struct of less than a KiB, whatever the document.
 *
 * Which values are wanted is a set of JSON pointers, compiled once and shared by any number of
 * scans (read-only, any thread). What no pointer leads into is skipped at the speed of memchr: its
 * brackets must match and its strings must end, but what stands between them is not checked. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

#define JSON_DEPTH_MAX    512 /* nesting of a document; deeper is refused */
#define JSON_POINTER_MAX  16  /* tokens of one pointer */
#define JSON_POINTERS_MAX 128 /* pointers of one set */
#define JSON_TEXT_MAX     256 /* bytes kept of a selected string or number */
#define JSON_KEY_MAX      64  /* bytes kept of a key that only a "*" stands for */

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_INTEGER, /* fits int64 and is written without point or exponent */
	JSON_NUMBER,  /* any other number: only `text` */
	JSON_STRING,
	JSON_ARRAY,  /* reported when it opens: its presence is the value */
	JSON_OBJECT, /* the same */
};

struct json_value {
	enum json_type type;
	bool truncated;       /* longer than JSON_TEXT_MAX: `text` is its first whole characters */
	int64_t integer;      /* JSON_INTEGER; JSON_BOOL: 0 or 1 */
	struct span text;     /* STRING: unescaped; UTF-8 as far as the sender's bytes were.
			       * NUMBER, INTEGER: as written */
	uint64_t text_length; /* STRING: bytes of the whole unescaped string */
	struct span key;      /* of a member that a "*" took, its first JSON_KEY_MAX bytes; ptr is
			       * NULL for a member that a pointer names, and for an element */
};

/* Called for each value that a pointer names, in document order. A key that occurs twice is
 * reported twice: the caller keeps the last. `value` is valid during the call. */
typedef void json_value_fn(void *ctx, unsigned id, const struct json_value *value);

/* The unescaped bytes of a wanted string, all of them, as they come before its value is told. */
typedef void json_piece_fn(void *ctx, struct span piece);

struct json_paths;

int json_paths_new(struct json_paths **ret_paths); /* -ENOMEM */
void json_paths_free(struct json_paths *paths);

/* Adds an RFC 6901 pointer ("/usage/prompt_tokens"; "" is the document). A token "*" stands for
 * every element of an array and every member of an object. Equal pointers get the same id; ids
 * count from 0. -EINVAL (does not start with '/', bad ~ escape, closed), -E2BIG (over the limits).
 * A pointer that was refused changes nothing. */
int json_paths_add(struct json_paths *paths, struct span pointer, unsigned *ret_id);
/* No more will be added: gives back what only that needs. */
void json_paths_close(struct json_paths *paths);

/* Containers to which only pointers lead that are added from here on are skipped by a scan that
 * says `no_extra`. */
void json_paths_begin_extra(struct json_paths *paths);

struct json_scan {
	const struct json_paths *paths;
	json_value_fn *fn;
	json_piece_fn *piece_fn; /* NULL after json_scan_init: whoever wants it sets it */
	void *ctx;
	uint8_t state;
	uint8_t error;  /* the errno that ended it */
	uint8_t escape; /* bytes of an escape seen */
	bool is_key;    /* the string at hand is a key */
	bool collect;   /* the scalar or key at hand is wanted */
	bool in_string; /* of what is skipped */
	bool has_key;   /* `key` is that of the value at hand */
	bool no_extra;  /* false after json_scan_init: whoever wants it sets it */
	uint8_t key_len;
	uint16_t depth;       /* open containers */
	uint16_t tracked;     /* of them, those that pointers lead into */
	uint16_t node;        /* of the value at hand, in the tree of `paths` */
	uint16_t code_unit;   /* of a \uXXXX escape */
	uint16_t surrogate;   /* high one, waits for its low half */
	uint64_t text_length; /* of the scalar or key at hand */
	/* Only the fields above are written at the start. The rest: by level. */
	uint64_t is_object[JSON_DEPTH_MAX / 64];
	int64_t index[JSON_POINTER_MAX + 1];
	uint16_t nodes[JSON_POINTER_MAX + 1];
	char key[JSON_KEY_MAX];
	char text[JSON_TEXT_MAX];
};

/* Makes a zero-cost start: nothing but the header of the struct is written. `paths` must outlive
 * the scan. */
void json_scan_init(struct json_scan *scan, const struct json_paths *paths, json_value_fn *fn,
		    void *ctx);

/* The same for a document whose beginning was not seen: what comes is what follows a comma between
 * two members of the root object. */
void json_scan_init_members(struct json_scan *scan, const struct json_paths *paths,
			    json_value_fn *fn, void *ctx);

/* Takes the next piece, cut anywhere. 0 = goes on; 1 = the document is complete (what follows may
 * be white space only); -EBADMSG = not JSON, -E2BIG = nested too deep: both stay, and no value is
 * reported after them. */
int json_scan_feed(struct json_scan *scan, struct span piece);

/* Inside of a string, not of a key and not of an escape: up to its end plain text changes nothing
 * besides the value. */
bool json_scan_in_text(const struct json_scan *scan);

/* No more bytes. 1 = complete, -EAGAIN = cut off in the middle, else as json_scan_feed. A number
 * at the top level ends here. */
int json_scan_end(struct json_scan *scan);
