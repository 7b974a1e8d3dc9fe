/* Values of a body, by pointer. Replaced and never added over the documents of a stream: providers
 * repeat running totals in every event. */
#include "meter/slot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

bool slot_is_absent(const struct json_value *value)
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

/* Without memory it has none. */
static void keep_text(struct slot *slot, struct span text)
{
	size_t room = text.len < SLOT_TEXT_MAX ? text.len + 1 : SLOT_TEXT_MAX;

	if (slot->text_room < room) {
		free(slot->text);
		slot->text = malloc(room);
		slot->text_room = slot->text ? (uint8_t)room : 0;
	}
	if (!slot->text)
		return;
	span_copy(text, slot->text, slot->text_room);
	slot->text_len = (uint8_t)strlen(slot->text);
}

void slots_free_texts(struct slot *slots, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (slots[i].text) /* few have one */
			free(slots[i].text);
}

void slots_done(struct slot *slots, unsigned n)
{
	slots_free_texts(slots, n);
	memset(slots, 0, n * sizeof(*slots));
}

void slot_store(struct slot *slot, uint32_t document, const struct json_value *value)
{
	if (slot_is_absent(value))
		return;
	if (slot->document != document) {
		slot->document = document;
		slot->torn = slot->sum_bad = false;
		slot->count = slot->sum = 0;
	}
	add(slot, value);
	slot->bytes += (int64_t)value->text_length;
	slot->text_len = 0;
	slot->integer = value->integer;
	if (value->type == JSON_INTEGER)
		slot->type = SLOT_INTEGER;
	else if (value->type == JSON_NUMBER || value->type == JSON_STRING)
		slot->type = SLOT_TEXT;
	else
		slot->type = SLOT_OTHER;
	if (slot->type == SLOT_TEXT)
		keep_text(slot, value->text);
}

int slot_plan_init(struct slot_plan *plan)
{
	*plan = (struct slot_plan){ 0 };
	return json_paths_new(&plan->paths);
}

void slot_plan_close(struct slot_plan *plan)
{
	json_paths_close(plan->paths);
}

void slot_plan_done(struct slot_plan *plan)
{
	json_paths_free(plan->paths);
	free(plan->selectors);
	*plan = (struct slot_plan){ 0 };
}

static int add_pointer(struct slot_plan *plan, struct span pointer, unsigned *ret_slot)
{
	int rc = json_paths_add(plan->paths, pointer, ret_slot);

	if (rc == 0 && *ret_slot >= plan->n)
		plan->n = *ret_slot + 1;
	return rc;
}

/* The pointer of a part of a selector: what stands before it and what follows "/\*". */
static int add_part(struct slot_plan *plan, struct span list, const char *slash, struct span member,
		    unsigned *ret_slot)
{
	char text[JSON_TEXT_MAX];
	int n = snprintf(text, sizeof(text), "%.*s/*%s%.*s", (int)list.len, list.ptr, slash,
			 (int)member.len, member.ptr);

	if (n < 0 || (size_t)n >= sizeof(text))
		return -E2BIG;
	return add_pointer(plan, (struct span){ text, (size_t)n }, ret_slot);
}

static const char *find_selector(struct span pointer)
{
	return memmem(pointer.ptr, pointer.len, "/*[", 3);
}

static void mark_parts(struct slot_plan *plan, const struct slot_selector *selector)
{
	const unsigned ids[] = { selector->slot, selector->element, selector->kind,
				 selector->value };

	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
		plan->selects[ids[i] / 64] |= 1ULL << (ids[i] % 64);
}

/* Its slot is that of a pointer with the selector's own text, which no document has. */
static int add_selector(struct slot_plan *plan, struct span pointer, const char *at,
			unsigned *ret_slot)
{
	struct span list = span_head(pointer, (size_t)(at - pointer.ptr));
	struct span rest = span_skip(pointer, list.len + 3);
	struct span wanted = span_cut(&rest, ']'), kind = span_cut(&wanted, '=');
	struct slot_selector *selectors, selector = { 0 };
	int rc;

	if (!kind.len || !wanted.len || !rest.ptr ||
	    !span_copy(wanted, selector.wanted, sizeof(selector.wanted)))
		return -EINVAL;
	rc = add_pointer(plan, pointer, ret_slot);
	for (unsigned i = 0; i < plan->n_selectors && rc == 0; i++)
		if (plan->selectors[i].slot == *ret_slot)
			return 0;
	if (rc == 0 && plan->n_selectors == SLOT_SELECTORS_MAX)
		rc = -E2BIG;
	if (rc == 0)
		rc = add_part(plan, list, "", SPAN(""), &selector.element);
	if (rc == 0)
		rc = add_part(plan, list, "/", kind, &selector.kind);
	if (rc == 0)
		rc = rest.len ? add_part(plan, list, "", rest, &selector.value) : 0;
	if (rc < 0)
		return rc;
	selector.slot = *ret_slot;
	selector.value = rest.len ? selector.value : selector.kind;
	mark_parts(plan, &selector);
	selectors = reallocarray(plan->selectors, plan->n_selectors + 1, sizeof(selector));
	if (!selectors)
		return -ENOMEM;
	plan->selectors = selectors;
	plan->selectors[plan->n_selectors++] = selector;
	return 0;
}

int slot_plan_add(struct slot_plan *plan, struct span pointer, unsigned *ret_slot)
{
	const char *at = find_selector(pointer);

	return at ? add_selector(plan, pointer, at, ret_slot)
		  : add_pointer(plan, pointer, ret_slot);
}

/* Kind and value of an element come in any order. */
static void choose(const struct slot_selector *selector, struct slot *slot, uint32_t document,
		   unsigned id, const struct json_value *value)
{
	const struct json_value held = { .type = slot->held_type, .integer = slot->held_integer };

	if (id == selector->element) {
		slot->chosen = false;
		slot->held_type = JSON_NULL;
	}
	if (id == selector->kind && value->type == JSON_STRING) {
		slot->chosen = span_eq(value->text, span_of(selector->wanted));
		if (slot->chosen)
			slot_store(slot, document, &held);
	}
	if (id == selector->value && slot->chosen) {
		slot_store(slot, document, value);
	} else if (id == selector->value && id != selector->kind) {
		slot->held_type = value->type == JSON_STRING ? JSON_OBJECT : value->type;
		slot->held_integer = value->integer;
	}
}

void slot_plan_store(const struct slot_plan *plan, struct slot *slots, uint32_t document,
		     unsigned id, const struct json_value *value)
{
	for (unsigned i = 0; i < plan->n_selectors && slot_plan_selects(plan, id); i++) {
		const struct slot_selector *selector = &plan->selectors[i];

		if (id == selector->slot)
			return;
		choose(selector, &slots[selector->slot], document, id, value);
	}
	slot_store(&slots[id], document, value);
}
