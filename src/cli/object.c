/* What `outlay status`, `budgets` and `limits` have in common: all but the path and the table. */
#include "cli/object.h"

#include <stdio.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/show.h"

int object_run(int argc, char **argv, const char *about, const char *path, object_print_fn *print)
{
	struct client_answer answer;
	struct args args;
	int code = args_parse(argc, argv, about, NULL, 0, &args);

	if (code != ARGS_GO)
		return code;
	if (client_ask(args.socket, path, NULL, &answer) < 0)
		return CLI_FAILED;
	if (answer.status != 200) {
		client_complain(&answer);
		code = CLI_FAILED;
	} else if (args.json) {
		printf("%.*s\n", (int)answer.body.len, answer.body.data);
		code = show_end();
	} else {
		code = print(&answer.body);
	}
	buf_done(&answer.body);
	return code;
}
