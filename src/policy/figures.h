/* A budget's object, as every answer and event shows it, and stencils of those that decisions write
 * again and again: from one to the next only what is spent and reserved changes, the rest is kept
 * as text. A stencil is a copy and nothing depends on it: it is used while all that it was made
 * from is the same. */
#pragma once

#include "base/emit.h"
#include "budget/budget.h"

#define STENCILS          256 /* budgets so far apart take turns at one */
#define STENCIL_BYTES_MAX 512 /* of text; a longer one is not kept */
#define STENCIL_HOLES     3   /* what is spent, reserved and left */

struct stencil {
	unsigned generation; /* of the rules: one more, and an index is another budget's */
	struct budget_view of;
	uint16_t n_bytes;              /* of the text; 0: there is none */
	uint16_t holes[STENCIL_HOLES]; /* where the amounts belong */
	char text[STENCIL_BYTES_MAX];
};

/* Zero: all are empty. */
struct stencils {
	struct stencil all[STENCILS];
};

void figures_emit(struct emit *e, const char *key, const struct budget_view *view);
void figures_emit_members(struct emit *e, const struct budget_view *view);

/* The same as figures_emit with a NULL key. */
void figures_emit_again(struct stencils *stencils, unsigned generation, struct emit *e,
			const struct budget_view *view);
