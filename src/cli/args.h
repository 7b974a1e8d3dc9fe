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
	const char *name;  /* without the dashes; NULL: an operand, which must be there */
	const char *value; /* "TIME"; NULL: a flag */
	const char *help;  /* NULL: the value says it all */
	bool repeats;
	struct args_value *into; /* NULL: an operand which is read from args.operands */
};

struct args {
	const char *socket; /* --socket, OUTLAY_SOCKET or the default */
	bool json;
	char **operands; /* in their order, NULL behind them */
};

/* `about` is a sentence. --json, --socket and --help come by themselves. Prints help to stdout and
 * what is wrong to stderr. */
int args_parse(int argc, char **argv, const char *about, const struct args_option *options,
	       unsigned n_options, struct args *ret_args);

/* The same for a command that asks no agent: only --help comes by itself. `command` as one types
 * it: "prices show". */
int args_parse_local(const char *command, int argc, char **argv, const char *about,
		     const struct args_option *options, unsigned n_options, struct args *ret_args);

/* The value of an option --config DIR; else OUTLAY_CONFIG, else where it is installed. */
#define ARGS_CONFIG_DIR "/etc/outlay"
const char *args_config(const struct args_value *given);

/* The last text that was given, or `otherwise`. */
const char *args_text(const struct args_value *value, const char *otherwise);

/* "outlay COMMAND: MESSAGE" and where help is, on stderr; returns CLI_USAGE. */
int args_misused(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whole non-negative number; false: it is none. */
bool args_count(const char *text, long long *ret_count);
