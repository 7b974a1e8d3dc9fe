/* The command line: `outlay COMMAND ...`. To add a command: a file x.c with `int x_run(int argc,
 * char **argv)` (argv[0] is the command's name), its prototype below, a row in outlay.c. */
#pragma once

struct cli_command {
	const char *name;
	const char *usage; /* what follows "outlay ", one line */
	const char *help;  /* one sentence for the list of commands */
	int (*run)(int argc, char **argv);
};

/* What a command returns, and the program exits with. */
enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1, /* the agent is not there, said no, or a file cannot be read */
	CLI_USAGE = 2,  /* bad use */
};

int status_run(int argc, char **argv);
int doctor_run(int argc, char **argv);
int calls_run(int argc, char **argv);
int alerts_run(int argc, char **argv);
int tail_run(int argc, char **argv);
int limits_run(int argc, char **argv);
int decide_run(int argc, char **argv);
int budgets_run(int argc, char **argv);
int budget_run(int argc, char **argv);
int why_run(int argc, char **argv);
int price_run(int argc, char **argv);
int prices_run(int argc, char **argv);
