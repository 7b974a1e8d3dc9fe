/* Values of the usage event that say where a call comes from: rows of the table in verdict.c, as
 * those of budget/event.h. */
#pragma once

#include "budget/verdict.h"

/* What the path of the cgroup tells (base/cgroup.h); null when it tells none. */
void origin_write_container(struct buf *out, const struct verdict *v);
void origin_write_unit(struct buf *out, const struct verdict *v);

/* OUTLAY_LABELS "k=v,k=v" as an object; null when it is not known. Entries without `=` or key are
 * left out; of a key that occurs twice the first one is told. */
void origin_write_labels(struct buf *out, const struct verdict *v);
/* What was written: 0, or -EBADMSG and the verdict unchanged. */
int origin_read_labels(struct span json, struct verdict *v);
