/* What a call cost whose path is not known: the provider's routes read its bodies side by side, and
 * where all that can read the whole answer agree, their reading holds; never one of two.
 *
 * A reading counts when every bucket that its route requires is there and the request named its
 * model (what retrieves a stored answer names none). Of two readings the one with an id of the
 * response stands, for answers of other routes carry none; then the one that reads all that the
 * other does, and more. */
#pragma once

#include "meter/usage.h"

struct shape {
	struct usage best;
	bool found;
	bool torn; /* two readings, of which neither stands */
};

/* `required` of the route that read it. */
void shape_add(struct shape *shape, const struct usage *usage, uint64_t required);
/* The route stays unknown, the operation too where readings that agree differ in it. */
bool shape_found(const struct shape *shape, struct usage *ret_usage);
