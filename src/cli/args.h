/* Options of a command, by a table: parsed, checked and explained from the same rows. */
#pragma once

#include <stdbool.h>

#define ARGS_VALUES_MAX 32
#define ARGS_GO         (-1) /* args_parse: go on; anything else is the exit code */

struct args_value {
	const char *texts[ARGS_VALUES_MAX];
	unsigned n; /* how often it was given */
};

struct args_option {
	const char *name;  /* without the dashes; NULL: the operand, which must be there */
	const char *value; /* "TIME"; NULL: a flag */
	const char *help;
	bool repeats;
	struct args_value *into;
};

struct args {
	const char *socket; /* --socket, OUTLAY_SOCKET or the default */
	bool json;
};

/* `about` is a sentence. --json, --socket and --help come by themselves. Prints help to stdout and
 * what is wrong to stderr. */
int args_parse(int argc, char **argv, const char *about, const struct args_option *options,
	       unsigned n_options, struct args *ret_args);

/* "outlay COMMAND: MESSAGE" and where help is, on stderr; returns CLI_USAGE. */
int args_misused(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whole non-negative number; false: it is none. */
bool args_count(const char *text, long long *ret_count);
