/* The facts of a process that an open record carries. */
#pragma once

#include "base/process.h"
#include "bpf/event.h"

/* Fills `process` with what the record knows; the rest is left as it is. */
void facts_take(const struct event_open *open, struct process *process);
