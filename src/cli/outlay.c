/* outlay: the command line. Finds the command in the table and runs it; all of them but `price`
 * and `prices` talk to the agent through its socket. */
#include <curl/curl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "gen/version.h"

/* To add a command: a row here, see cli.h. */
static const struct cli_command commands[] = {
	{ "status", "status", "the agent's state and counters", status_run },
	{ "doctor", "doctor", "how well the agent can see on this host", doctor_run },
	{ "calls", "calls [--since TIME] [--limit N]", "calls of the ledger, oldest first",
	  calls_run },
	{ "alerts", "alerts [--since TIME] [--limit N]", "what people were told, oldest first",
	  alerts_run },
	{ "why", "why EVENT_ID", "how the figure of a call came about", why_run },
	{ "tail", "tail", "calls as they happen", tail_run },
	{ "limits", "limits", "limits of the providers, as their answers tell", limits_run },
	{ "decide", "decide --provider NAME --model NAME ...", "may this call be made?",
	  decide_run },
	{ "budgets", "budgets", "budgets and what is left of them", budgets_run },
	{ "budget", "budget raise|hold|cut|release|reset NAME --why TEXT",
	  "overrides a budget, for root", budget_run },
	{ "price", "price FILE...", "prices recorded calls (HAR), without an agent", price_run },
	{ "prices", "prices show MODEL | diff A B | import ...", "what price lists say",
	  prices_run },
};

static void print_usage(FILE *out)
{
	fprintf(out, "Usage: outlay COMMAND [OPTIONS]; outlay COMMAND --help tells more.\n\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		fprintf(out, "  %-40s %s\n", commands[i].usage, commands[i].help);
}

int main(int argc, char **argv)
{
	setlocale(LC_CTYPE, "");
	if (argc < 2) {
		print_usage(stderr);
		return CLI_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		print_usage(stdout);
		return CLI_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("outlay %s\n", OUTLAY_VERSION);
		return CLI_OK;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (strcmp(argv[1], commands[i].name) == 0) {
			curl_global_init(CURL_GLOBAL_DEFAULT);
			return commands[i].run(argc - 1, argv + 1);
		}
	}
	fprintf(stderr, "outlay: there is no command \"%s\"; see outlay --help\n", argv[1]);
	return CLI_USAGE;
}
