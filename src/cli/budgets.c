/* outlay budgets: every budget that concerns the user, with what is left of it. */
#include <stdio.h>

#include "base/money.h"
#include "cli/cli.h"
#include "cli/object.h"
#include "cli/show.h"

/* A figure of money, or in the budget's own unit. */
static const char *figure(const json_t *budget, const char *usd, const char *name)
{
	return show_member(budget, json_is_string(json_object_get(budget, usd)) ? usd : name);
}

/* Spent and reserved in percent of the limit; -1: the figures are none. */
static int percent_of(const json_t *budget)
{
	money_wide limit, spent, reserved, percent;

	if (money_parse(span_of(figure(budget, "limit_usd", "limit")), MONEY_PICO_DIGITS, &limit) <
		0 ||
	    money_parse(span_of(figure(budget, "spent_usd", "spent")), MONEY_PICO_DIGITS, &spent) <
		0 ||
	    money_parse(span_of(figure(budget, "reserved_usd", "reserved")), MONEY_PICO_DIGITS,
			&reserved) < 0)
		return -1;
	if (limit <= 0)
		return spent + reserved > 0 ? 999 : 100;
	percent = (spent + reserved) * 100 / limit;
	return (int)(percent > 999 ? 999 : percent < 0 ? 0 : percent);
}

/* "0.21", "unknown", or "any" where nobody stops who does not ask. */
static const char *overshoot(const json_t *budget)
{
	const json_t *bound = json_object_get(budget, "overshoot");
	const char *mode = show_member(budget, "mode");

	if (strcmp(mode, "hold") != 0 && strcmp(mode, "cut") != 0)
		return "any";
	return json_is_string(json_object_get(bound, "most")) ? show_member(bound, "most")
							      : "unknown";
}

static void add_budget(struct show_table *table, const json_t *budget)
{
	int percent = percent_of(budget);
	char used[16], resets[24] = "never";
	const char *cells[] = { show_member(budget, "name"),
				show_member(budget, "mode"),
				figure(budget, "limit_usd", "limit"),
				show_member(budget, "unit"),
				show_member(budget, "window"),
				figure(budget, "spent_usd", "spent"),
				figure(budget, "reserved_usd", "reserved"),
				figure(budget, "remaining_usd", "remaining"),
				used,
				overshoot(budget),
				resets };

	/* To the minute is enough for people. */
	if (json_is_string(json_object_get(budget, "resets")))
		snprintf(resets, sizeof(resets), "%.16sZ", show_member(budget, "resets"));
	snprintf(used, sizeof(used), percent < 0 ? "-" : "%d %%", percent);
	show_table_add(table,
		       percent >= 100  ? SHOW_RED
		       : percent >= 80 ? SHOW_YELLOW
				       : SHOW_PLAIN,
		       cells);
}

static int print_table(const struct buf *body)
{
	static const char *const heading[] = { "BUDGET", "MODE",    "LIMIT",    "OF",
					       "PER",    "SPENT",   "RESERVED", "LEFT",
					       "USED",   "OVER BY", "RESETS" };
	struct show_table table = {
		.n_columns = 11,
		.right = { [2] = true, [5] = true, [6] = true, [7] = true, [8] = true, [9] = true },
	};
	json_t *json = json_loadb(body->data, body->len, 0, NULL), *budget;
	size_t i;

	if (!json_array_size(json_object_get(json, "budgets"))) {
		puts("No budget concerns you.");
		json_decref(json);
		return show_end();
	}
	show_table_add(&table, SHOW_BOLD, heading);
	json_array_foreach(json_object_get(json, "budgets"), i, budget) add_budget(&table, budget);
	show_table_print(&table);
	json_decref(json);
	return show_end();
}

int budgets_run(int argc, char **argv)
{
	return object_run(argc, argv, "Shows the budgets that concern you.", "/v1/budgets",
			  print_table);
}
