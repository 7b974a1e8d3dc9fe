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

enum common { COMMON_JSON, COMMON_SOCKET, COMMON_HELP, N_COMMON };

static const struct option common_options[N_COMMON] = {
	{ "json", no_argument, NULL, 0 },
	{ "socket", required_argument, NULL, 0 },
	{ "help", no_argument, NULL, 0 },
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

static const struct args_option *operand_of(const struct args_option *options, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!options[i].name)
			return &options[i];
	return NULL;
}

static void print_help(const char *command, const char *about, const struct args_option *options,
		       unsigned n)
{
	const struct args_option *operand = operand_of(options, n);

	printf("Usage: outlay %s%s%s [OPTIONS]\n%s\n\n", command, operand ? " " : "",
	       operand ? operand->value : "", about);
	for (unsigned i = 0; i < n; i++)
		print_option(options[i].name, options[i].value, options[i].help);
	print_option("json", NULL, "for programs, not for people");
	print_option("socket", "PATH", "the agent's socket (OUTLAY_SOCKET; " DEFAULT_SOCKET ")");
	print_option("help", NULL, "this text");
}

static void fill_table(struct option *table, const struct args_option *options, unsigned n)
{
	memcpy(table, common_options, sizeof(common_options));
	for (unsigned i = 0; i < n; i++)
		table[N_COMMON + i] = (struct option){
			.name = options[i].name ? options[i].name : "",
			.has_arg = options[i].value ? required_argument : no_argument,
		};
	table[N_COMMON + n] = (struct option){ .name = NULL };
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
static int take_operand(int argc, char **argv, const struct args_option *operand)
{
	if (operand && optind == argc)
		return args_misused(argv[0], "expected %s", operand->value);
	if (operand)
		operand->into->texts[operand->into->n++] = argv[optind++];
	if (optind < argc)
		return args_misused(argv[0], "\"%s\" is not expected", argv[optind]);
	return ARGS_GO;
}

int args_parse(int argc, char **argv, const char *about, const struct args_option *options,
	       unsigned n_options, struct args *ret_args)
{
	const char *environment = getenv("OUTLAY_SOCKET");
	struct option table[N_COMMON + OPTIONS_MAX + 1];
	int code, at;

	*ret_args =
	    (struct args){ .socket = environment && *environment ? environment : DEFAULT_SOCKET };
	fill_table(table, options, n_options);
	opterr = 0;
	optind = 0; /* glibc: begins anew, whatever was parsed before */
	for (;;) {
		code = getopt_long(argc, argv, ":", table, &at);
		if (code < 0)
			break;
		if (code != 0)
			return args_misused(
			    argv[0], code == ':' ? "%s wants a value" : "%s is no option of it",
			    argv[optind - 1]);
		if (at == COMMON_HELP) {
			print_help(argv[0], about, options, n_options);
			return CLI_OK;
		}
		if (at == COMMON_JSON)
			ret_args->json = true;
		else if (at == COMMON_SOCKET)
			ret_args->socket = optarg;
		else if (take(argv[0], &options[at - N_COMMON], optarg) != ARGS_GO)
			return CLI_USAGE;
	}
	return take_operand(argc, argv, operand_of(options, n_options));
}

bool args_count(const char *text, long long *ret_count)
{
	uint64_t count;

	if (span_u64(span_of(text), &count) < 0 || count > INT64_MAX)
		return false;
	*ret_count = (long long)count;
	return true;
}
