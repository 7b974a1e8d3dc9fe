/* What `outlay status`, `budgets` and `limits` have in common, and `decide` and `budget`: all but
 * the path and what is printed. */
#include "cli/object.h"

#include <stdio.h>
#include <stdlib.h>

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

int object_post(const struct args *args, const char *path, const json_t *body, long refusal,
		void (*print)(const struct client_answer *answer))
{
	char *text = json_dumps(body, JSON_COMPACT);
	struct client_answer answer;
	int err = text ? client_ask(args->socket, path, text, &answer) : -1;
	long status;

	free(text);
	if (err < 0)
		return CLI_FAILED;
	status = answer.status;
	if (status != 200 && status != refusal)
		client_complain(&answer);
	else if (args->json)
		printf("%.*s\n", (int)answer.body.len, answer.body.data);
	else
		print(&answer);
	buf_done(&answer.body);
	return show_end() == CLI_OK && status == 200 ? CLI_OK : CLI_FAILED;
}
