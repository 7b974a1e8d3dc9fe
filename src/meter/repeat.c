/* The beginning of the last document, and the scan behind its parts. What a part leads to depends
 * on the scan before it alone, and that is the same behind whatever plain text ends a string. It
 * holds bytes of a body, so it is wiped when it goes. */
#include "meter/repeat.h"

#include <stdlib.h>
#include <string.h>

struct repeat *repeat_new(void)
{
	struct repeat *repeat = malloc(sizeof(*repeat));

	if (!repeat)
		return NULL;
	repeat->learning = NULL;
	repeat->n_bytes = repeat->front.at = repeat->front.n = repeat->rest.n = repeat->tries = 0;
	return repeat;
}

void repeat_free(struct repeat *repeat)
{
	if (repeat)
		explicit_bzero(repeat, sizeof(*repeat));
	free(repeat);
}

void repeat_learn(struct repeat *repeat, unsigned slot, const struct json_value *value)
{
	struct repeat_part *part = repeat->learning;

	if (!part)
		return;
	if (part->n_slots < REPEAT_SLOTS_MAX) {
		part->slots[part->n_slots] = (uint16_t)slot;
		part->texts[part->n_slots] = (uint16_t)value->text_length;
	}
	if (part->n_slots <= REPEAT_SLOTS_MAX)
		part->n_slots++;
}

void repeat_spoil(struct repeat *repeat)
{
	if (repeat->learning)
		repeat->learning->n_slots = REPEAT_SLOTS_MAX + 1;
}

static struct span bytes_of(const struct repeat *repeat, const struct repeat_part *part)
{
	return (struct span){ repeat->bytes + part->at, part->n };
}

/* As the first value of a document leaves it. */
static bool is_first(const struct slot *slot, uint32_t document)
{
	return slot->document == document && slot->count == 1 && !slot->torn;
}

/* Makes the values of the document before those of this one, and the scan that behind the part.
 * False, and nothing changes, when they are not there as these bytes alone left them. */
static bool take(struct repeat_part *part, struct json_scan *scan, struct slot *slots,
		 uint32_t document)
{
	if (part->n_slots > REPEAT_SLOTS_MAX || (part->n_slots && part->document != document - 1))
		return false;
	for (unsigned i = 0; i < part->n_slots; i++)
		if (!is_first(&slots[part->slots[i]], document - 1))
			return false;
	for (unsigned i = 0; i < part->n_slots; i++) {
		slots[part->slots[i]].document = document;
		slots[part->slots[i]].bytes += part->texts[i];
	}
	part->document = document;
	json_mark_resume(&part->behind, scan);
	return true;
}

static size_t common(struct span a, struct span b)
{
	size_t n = 0;

	while (n < a.len && n < b.len && a.ptr[n] == b.ptr[n])
		n++;
	return n;
}

/* Up to behind the quote that ends the text at hand; 0: it is none, has escapes, or no end. */
static size_t text_length(const struct json_scan *scan, struct span bytes)
{
	const char *quote = json_scan_in_text(scan) ? memchr(bytes.ptr, '"', bytes.len) : NULL;
	size_t n = quote ? (size_t)(quote - bytes.ptr) : 0;

	return quote && !memchr(bytes.ptr, '\\', n) ? n + 1 : 0;
}

static void learn(struct repeat *repeat, struct repeat_part *part, struct json_scan *scan,
		  uint32_t document, struct span bytes)
{
	part->n_slots = 0;
	part->document = document;
	repeat->learning = part;
	json_scan_feed(scan, bytes);
	repeat->learning = NULL;
	part->n = (uint16_t)(json_mark(scan, &part->behind) ? bytes.len : 0);
}

/* A new front, the bytes that they have in common, and what stands behind the text, here and in the
 * document that was kept. */
static size_t learn_all(struct repeat *repeat, struct json_scan *scan, uint32_t document,
			size_t front, struct span bytes)
{
	struct span kept = { repeat->bytes, repeat->n_bytes };
	size_t here, there, rest;

	repeat->front.n = repeat->rest.n = 0;
	if (front < REPEAT_BYTES_MIN)
		return 0;
	learn(repeat, &repeat->front, scan, document, span_head(bytes, front));
	bytes = span_skip(bytes, front);
	kept = span_skip(kept, front);
	here = text_length(scan, bytes);
	there = text_length(scan, kept);
	rest = common(span_skip(bytes, here), span_skip(kept, there));
	if (!repeat->front.n || !here || !there || rest < REPEAT_REST_MIN)
		return front;
	json_scan_feed(scan, span_head(bytes, here));
	repeat->rest.at = (uint16_t)(front + there);
	learn(repeat, &repeat->rest, scan, document, span_head(span_skip(bytes, here), rest));
	return front + here + rest;
}

static void keep(struct repeat *repeat, struct span document)
{
	document = span_head(document, REPEAT_BYTES_MAX);
	memcpy(repeat->bytes, document.ptr, document.len);
	repeat->n_bytes = (uint16_t)document.len;
	repeat->tries += repeat->tries < REPEAT_TRIES;
}

/* The part is there: takes what it leads to, or feeds it. */
static size_t pass(struct repeat *repeat, struct repeat_part *part, struct json_scan *scan,
		   struct slot *slots, uint32_t document)
{
	size_t n = part->n;

	if (!take(part, scan, slots, document))
		learn(repeat, part, scan, document, bytes_of(repeat, part));
	return n;
}

/* Behind the front: the text, and what is known to follow it. */
static size_t feed_rest(struct repeat *repeat, struct json_scan *scan, struct slot *slots,
			uint32_t document, struct span bytes)
{
	size_t n = text_length(scan, bytes);

	if (!n || !repeat->rest.n ||
	    !span_starts(span_skip(bytes, n), bytes_of(repeat, &repeat->rest)))
		return 0;
	json_scan_feed(scan, span_head(bytes, n));
	return scan->error ? n : n + pass(repeat, &repeat->rest, scan, slots, document);
}

size_t repeat_feed(struct repeat *repeat, struct json_scan *scan, struct slot *slots,
		   uint32_t document, struct span bytes)
{
	bool settled = repeat->rest.n || repeat->tries >= REPEAT_TRIES;
	size_t n;

	if (repeat->front.n && settled && span_starts(bytes, bytes_of(repeat, &repeat->front))) {
		n = pass(repeat, &repeat->front, scan, slots, document);
		return n + feed_rest(repeat, scan, slots, document, span_skip(bytes, n));
	}
	n = common(bytes, (struct span){ repeat->bytes, repeat->n_bytes });
	if (n == bytes.len && n < repeat->n_bytes)
		return 0; /* a piece of one, cut here: there is nothing to learn from it */
	n = learn_all(repeat, scan, document, n, bytes);
	if (!repeat->rest.n)
		keep(repeat, bytes);
	return n;
}
