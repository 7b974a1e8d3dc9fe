/* The refusal: 429 with the reasons, in figures that add up to it. */
#pragma once

#include "policy/decide.h"
#include "policy/routes.h"

void deny_serve(struct client *client, const struct request *request, const struct decide *d);

/* Its body. */
void deny_emit(struct emit *e, const struct decide *d);

/* "reasons": a sentence for each budget that has no room; "violated-policies": their names. */
void deny_emit_reasons(struct emit *e, const struct decide *d);
void deny_emit_violated(struct emit *e, const struct budget_answer *answer);
