/* Options of commands. getopt_long does the syntax; this file its table and its words. */
#include "cli/args.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "cli/cli.h"

#define DEFAULT_SOCKET "/run/outlay/policy.sock"
#define OPTIONS_MAX    16

/* What is parsed, and what came of it. */
struct parse {
	const char *command, *about;
	const struct args_option *options;
	unsigned n_options;
	bool local; /* of the common options --help alone */
	struct args *args;
};

enum common { COMMON_HELP, COMMON_JSON, COMMON_SOCKET, N_COMMON };

static const struct option common_options[N_COMMON] = {
	{ "help", no_argument, NULL, 0 },
	{ "json", no_argument, NULL, 0 },
	{ "socket", required_argument, NULL, 0 },
};

int args_misused(const char *command, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "outlay %s: ", command);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "; see outlay %s --help\n", command);
	return CLI_USAGE;
}

static void print_option(const char *name, const char *value, const char *help)
{
	char left[40];

	snprintf(left, sizeof(left), "%s%s%s%s", name ? "--" : "", name ? name : "",
		 name && value ? " " : "", value ? value : "");
	printf("  %-24s %s\n", left, help);
}

static void print_help(const struct parse *parse)
{
	printf("Usage: outlay %s", parse->command);
	for (unsigned i = 0; i < parse->n_options; i++)
		if (!parse->options[i].name)
			printf(" %s%s", parse->options[i].value,
			       parse->options[i].repeats ? "..." : "");
	printf(" [OPTIONS]\n%s\n\n", parse->about);
	for (unsigned i = 0; i < parse->n_options; i++)
		if (parse->options[i].help)
			print_option(parse->options[i].name, parse->options[i].value,
				     parse->options[i].help);
	if (!parse->local) {
		print_option("json", NULL, "for programs, not for people");
		print_option("socket", "PATH",
			     "the agent's socket (OUTLAY_SOCKET; " DEFAULT_SOCKET ")");
	}
	print_option("help", NULL, "this text");
}

static unsigned n_common(const struct parse *parse)
{
	return parse->local ? COMMON_HELP + 1 : N_COMMON;
}

static void fill_table(const struct parse *parse, struct option *table)
{
	unsigned n = n_common(parse);

	memcpy(table, common_options, n * sizeof(*table));
	for (unsigned i = 0; i < parse->n_options; i++)
		table[n++] = (struct option){
			.name = parse->options[i].name ?: "",
			.has_arg = parse->options[i].value ? required_argument : no_argument,
		};
	table[n] = (struct option){ .name = NULL };
}

static int take(const char *command, const struct args_option *option, const char *value)
{
	struct args_value *into = option->into;

	if (into->n && !option->repeats)
		return args_misused(command, "--%s is given twice", option->name);
	if (into->n == ARGS_VALUES_MAX)
		return args_misused(command, "--%s is given more than %d times", option->name,
				    ARGS_VALUES_MAX);
	into->texts[into->n++] = value ? value : "";
	return ARGS_GO;
}

/* What is left behind the options. */
static int take_operands(const struct parse *parse, char **left)
{
	bool repeats = false;

	parse->args->operands = left;
	for (unsigned i = 0; i < parse->n_options; i++) {
		const struct args_option *operand = &parse->options[i];

		if (operand->name)
			continue;
		if (!*left)
			return args_misused(parse->command, "expected %s", operand->value);
		if (operand->into)
			operand->into->texts[operand->into->n++] = *left;
		left++;
		repeats = operand->repeats;
	}
	if (*left && !repeats)
		return args_misused(parse->command, "\"%s\" is not expected", *left);
	return ARGS_GO;
}

/* One option, at `at` of the table. */
static int take_option(const struct parse *parse, unsigned at)
{
	if (at >= n_common(parse))
		return take(parse->command, &parse->options[at - n_common(parse)], optarg);
	if (at == COMMON_HELP) {
		print_help(parse);
		return CLI_OK;
	}
	if (at == COMMON_JSON)
		parse->args->json = true;
	else
		parse->args->socket = optarg;
	return ARGS_GO;
}

static int run(const struct parse *parse, int argc, char **argv)
{
	struct option table[N_COMMON + OPTIONS_MAX + 1];
	int rc = ARGS_GO, code, at = 0;

	fill_table(parse, table);
	opterr = 0;
	optind = 0; /* glibc: begins anew, whatever was parsed before */
	while (rc == ARGS_GO) {
		code = getopt_long(argc, argv, ":h", table, &at);
		if (code < 0)
			return take_operands(parse, argv + optind);
		if (code == ':' || code == '?')
			return args_misused(parse->command,
					    code == ':' ? "%s wants a value"
							: "%s is no option of it",
					    argv[optind - 1]);
		rc = take_option(parse, code == 'h' ? COMMON_HELP : at);
	}
	return rc;
}

int args_parse(int argc, char **argv, const char *about, const struct args_option *options,
	       unsigned n_options, struct args *ret_args)
{
	const char *environment = getenv("OUTLAY_SOCKET");
	struct parse parse = { argv[0], about, options, n_options, false, ret_args };

	*ret_args =
	    (struct args){ .socket = environment && *environment ? environment : DEFAULT_SOCKET };
	return run(&parse, argc, argv);
}

int args_parse_local(const char *command, int argc, char **argv, const char *about,
		     const struct args_option *options, unsigned n_options, struct args *ret_args)
{
	struct parse parse = { command, about, options, n_options, true, ret_args };

	*ret_args = (struct args){ .socket = NULL };
	return run(&parse, argc, argv);
}

const char *args_text(const struct args_value *value, const char *otherwise)
{
	return value->n ? value->texts[value->n - 1] : otherwise;
}

const char *args_config(const struct args_value *given)
{
	const char *environment = getenv("OUTLAY_CONFIG");

	return args_text(given, environment && *environment ? environment : ARGS_CONFIG_DIR);
}

bool args_count(const char *text, long long *ret_count)
{
	uint64_t count;

	if (span_u64(span_of(text), &count) < 0 || count > INT64_MAX)
		return false;
	*ret_count = (long long)count;
	return true;
}
