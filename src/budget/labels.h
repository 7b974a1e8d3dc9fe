/* Labels as people write them: mappings with keys of their own, which a libcyaml schema cannot say.
 * Both sides are texts without ',' and the key without '=', for they travel as "k=v,k=v". Errors
 * are "FILE:LINE: PLACE: what was expected" (-EINVAL), -ENOMEM, or the errno of the file. */
#pragma once

#include "budget/rules.h"

/* `match.label` of budgets.yaml: fills the labels of rules made from the same file, which yaml_load
 * has accepted. */
int labels_load(const char *path, struct budget_rules *rules, struct err *err);

/* `labels` of outlayd.yaml: [{match: {PATTERN...}, set: {KEY: VALUE...}}]. They become the
 * labellers of the rules. No file, or no such key, is none. */
#define LABELLERS_MAX 256
int labels_load_rules(const char *path, struct budget_rules *rules, struct err *err);

/* Gives a process the labels of all labellers that match it; its user's name is filled in. The
 * first that sets a key sets it; a label of the process's own under that key goes, and so does one
 * that finds no room any more. */
void labels_apply(const struct budget_rules *rules, struct process *process);

/* The process with them: a copy, if there are labellers. */
const struct process *labels_of(const struct budget_rules *rules, const struct process *process,
				struct process *copy);
