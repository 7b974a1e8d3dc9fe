/* The beginning of the last document, and the scan behind it. It holds bytes of a body, so it is
 * wiped when it goes. */
#include "meter/repeat.h"

#include <stdlib.h>
#include <string.h>

struct repeat *repeat_new(void)
{
	struct repeat *repeat = malloc(sizeof(*repeat));

	if (repeat)
		repeat->n_bytes = repeat->n = repeat->n_slots = 0;
	return repeat;
}

void repeat_free(struct repeat *repeat)
{
	if (repeat)
		explicit_bzero(repeat, sizeof(*repeat));
	free(repeat);
}

size_t repeat_match(const struct repeat *repeat, struct span document)
{
	bool same =
	    document.len >= repeat->n && memcmp(document.ptr, repeat->bytes, repeat->n) == 0;

	return same ? repeat->n : 0;
}

/* As the first value of a document leaves it. */
static bool is_first(const struct slot *slot, uint32_t document)
{
	return slot->document == document && slot->count == 1 && !slot->torn;
}

bool repeat_take(const struct repeat *repeat, struct slot *slots, uint32_t document)
{
	if (repeat->n_slots > REPEAT_SLOTS_MAX)
		return false;
	for (unsigned i = 0; i < repeat->n_slots; i++)
		if (!is_first(&slots[repeat->slots[i]], document - 1))
			return false;
	for (unsigned i = 0; i < repeat->n_slots; i++)
		slots[repeat->slots[i]].document = document;
	return true;
}

size_t repeat_common(struct repeat *repeat, struct span document)
{
	size_t n = 0;

	document = span_head(document, REPEAT_BYTES_MAX);
	while (n < document.len && n < repeat->n_bytes && document.ptr[n] == repeat->bytes[n])
		n++;
	repeat->n_slots = 0;
	repeat->n = (uint16_t)(n >= REPEAT_BYTES_MIN ? n : 0);
	if (!repeat->n) {
		memcpy(repeat->bytes, document.ptr, document.len);
		repeat->n_bytes = (uint16_t)document.len;
	}
	return repeat->n;
}

void repeat_learn(struct repeat *repeat, unsigned slot)
{
	if (repeat->n_slots < REPEAT_SLOTS_MAX)
		repeat->slots[repeat->n_slots] = (uint16_t)slot;
	if (repeat->n_slots <= REPEAT_SLOTS_MAX)
		repeat->n_slots++;
}
