/* Any bytes through the formats that split a body into documents. The first byte chooses the format
 * (a sequence may stand within a document) and how the body is cut; a 0xfe inside is a hole. Whole
 * or in pieces, the slots are the same. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "meter/format.h"

#define HOLE  '\xfe'
#define SLOTS 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	struct slot slots[SLOTS];
	uint32_t documents;
	bool well;
};

static void read_body(uint8_t choice, const struct slot_plan *plan, struct span body, size_t piece,
		      struct result *ret_result)
{
	static const int formats[] = { FORMAT_SEQUENCE, FORMAT_EVENTSTREAM, FORMAT_FORM,
				       FORMAT_MULTIPART };
	struct format_reader reader;

	memset(ret_result, 0, sizeof(*ret_result));
	format_begin(&reader, &format_table[formats[choice & 3]], plan, ret_result->slots);
	if ((choice & 3) == 0 && choice & 0x40)
		sequence_nest(&reader, SPAN("/a/b"));
	while (body.ptr) {
		struct span part = span_cut(&body, HOLE);

		for (; part.len; part = span_skip(part, piece))
			format_feed(&reader, span_head(part, piece));
		if (body.ptr)
			format_gap(&reader);
	}
	format_end(&reader, true);
	ret_result->documents = reader.documents;
	ret_result->well = format_read_well(&reader);
}

/* Texts are compared by what they say; the slots lose theirs. */
static void compare(struct result *a, struct result *b)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		struct slot *x = &a->slots[i], *y = &b->slots[i];

		assert(span_eq((struct span){ x->text, x->text_len },
			       (struct span){ y->text, y->text_len }));
		free(x->text);
		free(y->text);
		x->text = y->text = NULL;
		x->text_room = y->text_room = 0;
	}
	assert(memcmp(a, b, sizeof(*a)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct slot_plan plan; /* made once: it never changes */
	struct result whole, parts;
	struct span body;
	unsigned id;

	if (!size)
		return 0;
	body = (struct span){ (const char *)data + 1, size - 1 };
	if (!plan.paths &&
	    (slot_plan_init(&plan) < 0 || slot_plan_add(&plan, SPAN("/u/n"), &id) < 0 ||
	     slot_plan_add(&plan, SPAN("/t"), &id) < 0 ||
	     slot_plan_add(&plan, SPAN("/i/*"), &id) < 0))
		abort();
	read_body(data[0], &plan, body, SIZE_MAX, &whole);
	read_body(data[0], &plan, body, 1 + (data[0] >> 2) % 16, &parts);
	compare(&whole, &parts);
	return 0;
}
