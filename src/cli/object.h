/* The commands that show one object of the agent: asked for, then printed as it is (--json) or by
 * a function of the command. */
#pragma once

#include <jansson.h>

#include "base/buf.h"

/* Parses the arguments, asks for `path`, prints. `print` gets the JSON of a 200. All return the
 * exit code. */
typedef int object_print_fn(const struct buf *body);
int object_run(int argc, char **argv, const char *about, const char *path, object_print_fn *print);

/* Sends `body`, prints the answer: as it is, or by `print`. A `refusal` is printed like it; what
 * else is no 200 is complained of. Exit code: CLI_OK for a 200 alone. */
struct args;
struct client_answer;
int object_post(const struct args *args, const char *path, const json_t *body, long refusal,
		void (*print)(const struct client_answer *answer));
