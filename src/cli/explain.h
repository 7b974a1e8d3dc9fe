/* How the figure of a usage event came about, told step by step: what was called, what was counted
 * and by which expression of the provider's file, which entry of which price list matched and why,
 * each rate times its count, the sum and its rounding. All but the expressions stands in the event,
 * so that a call of last month is explained by the rates of last month. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct explain;

/* `config_dir` is where providers/ is; the expressions are left out where that cannot be read.
 * NULL: no memory. */
struct explain *explain_new(const char *config_dir, bool json);
void explain_free(struct explain *explain);

/* Prints the steps: lines of four columns and an empty one; in JSON one object a line, {"event_id",
 * "cost_usd", "steps": [{"step", "name", "value", "from"}]}. False: it is no usage event. */
bool explain_print(struct explain *explain, const json_t *event);
