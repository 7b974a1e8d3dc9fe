/* Values of a body, by pointer. Replaced and never added over the documents of a stream: providers
 * repeat running totals in every event. */
#include "meter/slot.h"

static bool is_absent(const struct json_value *value)
{
	return value->type == JSON_NULL || (value->type == JSON_STRING && !value->text_length);
}

static void add(struct slot *slot, const struct json_value *value)
{
	slot->count++;
	if (value->type != JSON_INTEGER ||
	    __builtin_add_overflow(slot->sum, value->integer, &slot->sum))
		slot->sum_bad = true;
}

void slot_store(struct slot *slot, uint32_t document, const struct json_value *value)
{
	if (is_absent(value))
		return;
	if (slot->document != document) {
		slot->document = document;
		slot->torn = slot->sum_bad = false;
		slot->count = slot->sum = 0;
	}
	add(slot, value);
	slot->text_len = 0;
	slot->integer = value->integer;
	if (value->type == JSON_INTEGER)
		slot->type = SLOT_INTEGER;
	else if (value->type == JSON_NUMBER || value->type == JSON_STRING)
		slot->type = SLOT_TEXT;
	else
		slot->type = SLOT_OTHER;
	if (slot->type != SLOT_OTHER) {
		span_copy(value->text, slot->text, sizeof(slot->text));
		slot->text_len = (uint8_t)strlen(slot->text);
	}
}
