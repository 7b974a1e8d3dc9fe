/* outlay budget: a person's word on a budget. The agent takes it from root alone, and keeps who
 * said it and why. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/timestamp.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/object.h"
#include "cli/show.h"
#include "cli/since.h"

/* A time, or how long from now: 2h. */
static int read_until(const char *text, char out[static TIMESTAMP_TEXT_MAX])
{
	int64_t now_ns = clock_system.now_ns(&clock_system), at_ns;

	if (since_parse(text, now_ns, &at_ns) < 0)
		return -1;
	if (islower((unsigned char)text[strlen(text) - 1]))
		at_ns = now_ns + (now_ns - at_ns);
	timestamp_format(at_ns, out);
	return 0;
}

static void print_answer(const struct client_answer *answer)
{
	json_t *json = json_loadb(answer->body.data, answer->body.len, 0, NULL);
	const json_t *budget = json_object_get(json, "budget");
	bool usd = json_is_string(json_object_get(budget, "limit_usd"));
	char text[512];

	snprintf(text, sizeof(text), "%s: %s", show_member(budget, "name"),
		 show_member(json, "action"));
	show_text(SHOW_BOLD, span_of(text));
	if (json_is_string(json_object_get(json, "until")))
		snprintf(text, sizeof(text), " until %s", show_member(json, "until"));
	else
		text[0] = '\0';
	show_text(SHOW_PLAIN, span_of(text));
	snprintf(text, sizeof(text), "; mode %s, limit %s %s, spent %s",
		 show_member(budget, "mode"), show_member(budget, usd ? "limit_usd" : "limit"),
		 show_member(budget, "unit"), show_member(budget, usd ? "spent_usd" : "spent"));
	show_line(SHOW_PLAIN, span_of(text));
	json_decref(json);
}

int budget_run(int argc, char **argv)
{
	struct args_value action = { .n = 0 }, name = { .n = 0 };
	struct args_value amount = { .n = 0 }, until = { .n = 0 }, why = { .n = 0 };
	const struct args_option options[] = {
		{ NULL, "ACTION", "raise, hold, cut, release or reset", false, &action },
		{ NULL, "NAME", "of the budget", false, &name },
		{ "amount", "NUMBER",
		  "raise: so much above the limit; reset: so much is used (else 0); in its unit",
		  false, &amount },
		{ "until", "TIME",
		  "when it ends: a time, or 2h, 7d from now; else raise and release end with the "
		  "window",
		  false, &until },
		{ "why", "TEXT", "kept with your name (needed)", false, &why },
	};
	char end[TIMESTAMP_TEXT_MAX];
	struct args args;
	json_t *body;
	int code = args_parse(argc, argv,
			      "Overrides a budget: a higher limit, its calls stopped or let go, or "
			      "what counts as used. For root.",
			      options, sizeof(options) / sizeof(*options), &args);

	if (code != ARGS_GO)
		return code;
	if (!why.n)
		return args_misused(argv[0], "--why is needed");
	if (until.n && read_until(until.texts[0], end) < 0)
		return args_misused(argv[0], "--until: \"%s\" is no time", until.texts[0]);
	body = json_pack("{s:s, s:s, s:s, s:s*, s:s*}", "action", action.texts[0], "budget",
			 name.texts[0], "why", why.texts[0], "amount",
			 amount.n ? amount.texts[0] : NULL, "until", until.n ? end : NULL);
	code = object_post(&args, "/v1/override", body, 0, print_answer);
	json_decref(body);
	return code;
}
