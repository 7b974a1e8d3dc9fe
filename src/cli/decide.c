/* outlay decide: asks the agent what a program would ask before a call. Exit code 0: it may, 1: it
 * may not, so that a script can say `outlay decide ... && call`. */
#include <stdio.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/object.h"
#include "cli/show.h"

struct question {
	struct args_value provider, model, operation, input, output, labels, dry_run;
};

static int add_count(const char *command, json_t *body, const char *option, const char *member,
		     const struct args_value *value)
{
	long long count;

	if (!value->n)
		return ARGS_GO;
	if (!args_count(value->texts[0], &count))
		return args_misused(command, "--%s: \"%s\" is no number of 0 or more", option,
				    value->texts[0]);
	json_object_set_new(body, member, json_integer(count));
	return ARGS_GO;
}

static int add_labels(const char *command, json_t *body, const struct args_value *labels)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < labels->n; i++) {
		struct span value = span_of(labels->texts[i]), key = span_cut(&value, '=');
		char name[256];

		if (!value.ptr || !key.len || !span_copy(key, name, sizeof(name))) {
			json_decref(object);
			return args_misused(command, "--label: \"%s\" is not KEY=VALUE",
					    labels->texts[i]);
		}
		json_object_set_new(object, name, json_stringn(value.ptr, value.len));
	}
	json_object_set_new(body, "labels", object);
	return ARGS_GO;
}

static int make_body(const char *command, const struct question *q, json_t *body)
{
	int code;

	if (!q->provider.n || !q->model.n)
		return args_misused(command, "--provider and --model are needed");
	json_object_set_new(body, "provider", json_string(q->provider.texts[0]));
	json_object_set_new(body, "model", json_string(q->model.texts[0]));
	if (q->operation.n)
		json_object_set_new(body, "operation", json_string(q->operation.texts[0]));
	if (q->dry_run.n)
		json_object_set_new(body, "dry_run", json_true());
	code = add_count(command, body, "input-tokens", "input_tokens", &q->input);
	if (code == ARGS_GO)
		code =
		    add_count(command, body, "max-output-tokens", "max_output_tokens", &q->output);
	if (code == ARGS_GO)
		code = add_labels(command, body, &q->labels);
	return code;
}

static void print_answer(const struct client_answer *answer)
{
	json_t *json = json_loadb(answer->body.data, answer->body.len, 0, NULL);
	const json_t *reservation = json_object_get(json, "reservation");
	const char *decision = show_member(json, "decision");
	json_t *reason;
	char text[256];
	size_t i;

	show_text(answer->status == 429           ? SHOW_RED
		  : strcmp(decision, "warn") == 0 ? SHOW_YELLOW
						  : SHOW_GREEN,
		  span_of(decision));
	if (json_is_true(json_object_get(json, "priced")))
		snprintf(text, sizeof(text), ": asked %s USD", show_member(json, "asked_usd"));
	else
		snprintf(text, sizeof(text), ": the price is not known");
	show_text(SHOW_PLAIN, span_of(text));
	if (json_is_object(reservation)) {
		snprintf(text, sizeof(text), ", reserved %s USD until %s as %s",
			 show_member(reservation, "usd"), show_member(reservation, "expires"),
			 show_member(reservation, "id"));
		show_text(SHOW_PLAIN, span_of(text));
	}
	putchar('\n');
	json_array_foreach(json_object_get(json, "reasons"), i, reason)
	{
		printf("  ");
		show_line(SHOW_PLAIN, span_of(json_string_value(reason)));
	}
	json_decref(json);
}

int decide_run(int argc, char **argv)
{
	struct question q = { .provider = { .n = 0 } };
	const struct args_option options[] = {
		{ "provider", "NAME", "as in config/providers (needed)", false, &q.provider },
		{ "model", "NAME", "the model to be called (needed)", false, &q.model },
		{ "operation", "NAME", "chat, embeddings, ...", false, &q.operation },
		{ "input-tokens", "N", "tokens that will be sent", false, &q.input },
		{ "max-output-tokens", "N", "tokens that may come back", false, &q.output },
		{ "label", "KEY=VALUE", "a label of the call; may be repeated", true, &q.labels },
		{ "dry-run", NULL, "reserve nothing (else it is held for ten minutes)", false,
		  &q.dry_run },
	};
	struct args args;
	json_t *body;
	int code = args_parse(argc, argv, "Asks whether a call may be made: exit 0 yes, 1 no.",
			      options, sizeof(options) / sizeof(*options), &args);

	if (code != ARGS_GO)
		return code;
	body = json_object();
	code = make_body(argv[0], &q, body);
	if (code == ARGS_GO)
		code = object_post(&args, "/v1/decide", body, 429, print_answer);
	json_decref(body);
	return code;
}
