/* The texts of a budget's figures. */
#pragma once

#include "budget/rules.h"

/* "500 USD per month", "2000000 tokens per rolling day", "10 USD in total": limit, unit and kind
 * (but for its zone). -EINVAL. */
#define LIMIT_EXPECTED                                                                             \
	"expected \"AMOUNT UNIT per [rolling] PERIOD\" or \"AMOUNT UNIT in total\" with a unit "   \
	"such as USD, tokens, requests, and minute, hour, day, week, month, quarter or year"
int limit_parse(struct span text, struct budget_rule *rule);

/* "100 requests per minute", "20 to 300 tokens per sliding hour": the rate but for its burst, limit
 * and unit. -EINVAL. */
#define RATE_EXPECTED                                                                              \
	"expected \"AMOUNT [to AMOUNT] UNIT per [sliding] PERIOD\", amounts above 0 that rise, "   \
	"and second, minute, hour or day"
int limit_parse_rate(struct span text, struct budget_rule *rule);

/* "20": in the unit of the rate. -EINVAL. */
int limit_parse_burst(struct span text, struct budget_rule *rule);

/* "5%", "12.5%": of 0 to `max_percent`. -EINVAL. */
int limit_parse_percent(struct span text, unsigned max_percent, unsigned *ret_permyriad);

/* "80%": whole percent of 1 to 1000. -EINVAL. */
int limit_parse_threshold(struct span text, uint16_t *ret_percent);

/* "deny", "allow", "ceiling 15 USD per million tokens", "ceiling 0.05 USD per request". -EINVAL. */
#define UNPRICED_EXPECTED                                                                          \
	"expected deny, allow, \"ceiling AMOUNT USD per million tokens\" or \"ceiling AMOUNT "     \
	"USD per request\""
int limit_parse_unpriced(struct span text, struct budget_rule *rule);

/* "month", "rolling day", "total"; of a rate "bucket minute", "sliding minute". */
const char *limit_window_name(const struct budget_rule *rule);
