/* outlay budgets: every budget that concerns the user, with what is left of it. */
#include <stdio.h>

#include "base/money.h"
#include "cli/cli.h"
#include "cli/object.h"
#include "cli/show.h"

/* Spent and reserved in percent of the limit; -1: the figures are none. */
static int percent_of(const json_t *budget)
{
	money_wide limit, spent, reserved, percent;

	if (money_parse(span_of(show_member(budget, "limit_usd")), MONEY_PICO_DIGITS, &limit) < 0 ||
	    money_parse(span_of(show_member(budget, "spent_usd")), MONEY_PICO_DIGITS, &spent) < 0 ||
	    money_parse(span_of(show_member(budget, "reserved_usd")), MONEY_PICO_DIGITS,
			&reserved) < 0)
		return -1;
	if (limit <= 0)
		return spent + reserved > 0 ? 999 : 100;
	percent = (spent + reserved) * 100 / limit;
	return (int)(percent > 999 ? 999 : percent < 0 ? 0 : percent);
}

static void add_budget(struct show_table *table, const json_t *budget)
{
	int percent = percent_of(budget);
	char used[16], resets[24];
	const char *cells[] = { show_member(budget, "name"),
				show_member(budget, "mode"),
				show_member(budget, "limit_usd"),
				show_member(budget, "spent_usd"),
				show_member(budget, "reserved_usd"),
				show_member(budget, "remaining_usd"),
				used,
				resets };

	/* To the minute is enough for people. */
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
	static const char *const heading[] = { "BUDGET",   "MODE", "LIMIT USD", "SPENT",
					       "RESERVED", "LEFT", "USED",      "RESETS" };
	struct show_table table = {
		.n_columns = 8,
		.right = { [2] = true, [3] = true, [4] = true, [5] = true, [6] = true },
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
