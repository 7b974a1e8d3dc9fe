/* The commands that show one object of the agent: asked for, then printed as it is (--json) or by
 * a function of the command. */
#pragma once

#include "base/buf.h"

/* Parses the arguments, asks for `path`, prints. `print` gets the JSON of a 200. All return the
 * exit code. */
typedef int object_print_fn(const struct buf *body);
int object_run(int argc, char **argv, const char *about, const char *path, object_print_fn *print);
