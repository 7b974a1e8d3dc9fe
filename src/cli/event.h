/* A usage event, as the agent tells it, as a line for people. */
#pragma once

#include "base/span.h"

/* Prints the line of one event. False: it is no event. */
bool event_print(struct span json, unsigned width);

/* Prints the heading above such lines. */
void event_print_heading(unsigned width);
