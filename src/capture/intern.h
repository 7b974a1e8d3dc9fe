/* The facts of processes, each kept once for all the connections that share them: a client may have
 * thousands. A process whose facts change while it lives (exec, setuid) has both, each for as long
 * as a connection holds it. The table holds at most one a holder: they are its bound. */
#pragma once

#include "base/process.h"

struct intern;

int intern_new(struct intern **ret_intern); /* -ENOMEM */
void intern_free(struct intern *intern);    /* NULL is allowed; all must have been dropped */

/* One that is equal to `facts` byte by byte (zero them first: gaps count), to hold until
 * intern_drop. NULL: out of memory. */
const struct process *intern_take(struct intern *intern, const struct process *facts);
void intern_drop(struct intern *intern, const struct process *process);

unsigned intern_count(const struct intern *intern);
