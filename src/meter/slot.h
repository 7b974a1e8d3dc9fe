/* A slot keeps what the pointer of the same id last said: the one thing kept of a body. A plan says
 * which pointers. */
#pragma once

#include "base/err.h"
#include "base/json.h"

#define SLOT_SELECTORS_MAX 64 /* of one plan */
#define SLOT_WANTED_MAX    32 /* bytes of a selector's text, NUL included */

#define SLOT_TEXT_MAX                                                                              \
	96 /* bytes kept of a text, NUL included: the longest text of struct usage                 \
	    */

enum slot_type {
	SLOT_ABSENT,
	SLOT_INTEGER,
	SLOT_TEXT,  /* also a number that is no int64 */
	SLOT_OTHER, /* a boolean, an object, an array */
};

struct slot {
	uint8_t type;
	bool torn;         /* from a document that broke off: no count may rest on it */
	bool sum_bad;      /* an element was no integer, or the sum left int64 */
	bool chosen;       /* of a selector: the element at hand is one of those */
	uint8_t held_type; /* of its value that came before that was known; JSON_NULL: none */
	uint8_t text_len;  /* TEXT: as written */
	uint8_t text_room;
	uint32_t document; /* which one of the body it is from; 0 = none */
	int64_t integer;
	int64_t count; /* of values in that document, for pointers with '*' */
	int64_t sum;
	int64_t held_integer;
	int64_t bytes;      /* of its texts in all documents, each of them whole */
	int64_t characters; /* of a text, when the plan measures */
	int64_t segments;
	char *text; /* the slot's own, with a NUL; NULL: it had none yet */
};

/* A pointer with a token "*[kind=x]": of each element whose member `kind` is the text x what the
 * rest of the pointer leads to, or the element itself. */
struct slot_selector {
	unsigned slot, element, kind, value; /* ids; without a rest the value is the kind */
	char wanted[SLOT_WANTED_MAX];
};

/* What is wanted of a body: pointers and selectors, with a slot each. Zeroed is not valid. */
struct slot_plan {
	struct json_paths *paths;
	unsigned n;    /* slots */
	bool measures; /* texts, for characters() or segments() */
	unsigned n_selectors;
	struct slot_selector *selectors;
	uint64_t selects[JSON_POINTERS_MAX / 64]; /* the pointers of selectors, a bit each */
};

void slots_done(struct slot *slots, unsigned n); /* zeroed again */
void slots_free_texts(struct slot *slots, unsigned n);

int slot_plan_init(struct slot_plan *plan);   /* -ENOMEM */
void slot_plan_close(struct slot_plan *plan); /* no more will be added */
void slot_plan_done(struct slot_plan *plan);

/* As json_paths_add; `pointer` may hold one selector. */
int slot_plan_add(struct slot_plan *plan, struct span pointer, unsigned *ret_slot);

/* Whether the pointer `id` is one of a selector. */
static inline bool slot_plan_selects(const struct slot_plan *plan, unsigned id)
{
	return plan->selects[id / 64] >> (id % 64) & 1;
}

/* A value that the scanner found for the pointer `id`: into its slot, and those of selectors. */
void slot_plan_store(const struct slot_plan *plan, struct slot *slots, uint32_t document,
		     unsigned id, const struct json_value *value);

/* null and the empty text. */
bool slot_is_absent(const struct json_value *value);

/* A value of the document with this number. null and the empty text are absent: they leave the slot
 * as it is. A value from a later document replaces all of it. */
void slot_store(struct slot *slot, uint32_t document, const struct json_value *value);
