/* Readings of one answer, the best of them so far. The invariant: a reading stands against every
 * other, or none does. */
#include "meter/shape.h"

#include <string.h>

static bool agree(const struct usage *a, const struct usage *b)
{
	return a->present == b->present && memcmp(a->counts, b->counts, sizeof(a->counts)) == 0 &&
	       strcmp(a->model, b->model) == 0 && strcmp(a->service_tier, b->service_tier) == 0 &&
	       a->reported == b->reported && a->reported_cost_pico == b->reported_cost_pico;
}

static void merge(struct shape *shape, const struct usage *usage)
{
	struct usage *best = &shape->best;
	bool identified = usage->response_id[0], best_identified = best->response_id[0];

	if (identified != best_identified) {
		if (best_identified)
			return;
		*best = *usage;
		shape->torn = false;
	} else if (agree(best, usage)) {
		if (strcmp(best->operation, usage->operation) != 0)
			memcpy(best->operation, "unknown", sizeof("unknown"));
	} else if (!(best->present & ~usage->present) && best->present != usage->present) {
		*best = *usage;
	} else if (usage->present & ~best->present || best->present == usage->present) {
		shape->torn = true;
	}
}

void shape_add(struct shape *shape, const struct usage *usage, uint64_t required)
{
	if (!required || (usage->present & required) != required || usage->doubt ||
	    usage->estimated || !usage->model_requested[0])
		return;
	if (shape->found) {
		merge(shape, usage);
		return;
	}
	shape->best = *usage;
	shape->found = true;
}

bool shape_found(const struct shape *shape, struct usage *ret_usage)
{
	if (!shape->found || shape->torn)
		return false;
	*ret_usage = shape->best;
	ret_usage->route[0] = '\0';
	return true;
}
