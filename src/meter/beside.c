/* A copy of the answer's usage with counts of its own. What is of the exchange once (its bytes,
 * what it reserved, the limits that its head told) stays with the answer. */
#include "meter/beside.h"

#include <errno.h>

static bool is_told(const struct beside *beside, const struct expr_input *expr_in)
{
	int64_t count;

	/* What stands before the first sign makes the whole absent. */
	for (uint64_t left = beside->counted; left; left &= left - 1)
		if (expr_first(&beside->counts[__builtin_ctzll(left)], expr_in, &count) != 0)
			return true;
	return false;
}

static void forget_answer(struct usage *usage)
{
	memset(usage->counts, 0, sizeof(usage->counts));
	usage->present = usage->estimated = usage->total_tokens = 0;
	usage->reported = false;
	usage->doubt = USAGE_DOUBT_NONE;
	usage->lost_bytes = usage->request_bytes = usage->response_bytes = 0;
	usage->n_limits = 0;
	usage->ttfb_ns = -1;
	usage->beside = true;
	usage->reservation = (struct uuid){ 0 };
}

static void read_model(const struct beside *beside, const struct expr_input *expr_in,
		       struct usage *usage)
{
	struct span model;

	if (!beside->model.n)
		return;
	usage->model[0] = usage->model_requested[0] = '\0';
	if (expr_text(&beside->model, expr_in, &model) > 0)
		span_copy(model, usage->model, sizeof(usage->model));
}

static void read_counts(const struct beside *beside, const struct expr_input *expr_in,
			struct usage *usage)
{
	for (uint64_t left = beside->counted; left; left &= left - 1) {
		int i = __builtin_ctzll(left);
		int rc = expr_count(&beside->counts[i], expr_in, &usage->counts[i]);

		if (rc > 0)
			usage->present |= USAGE_BIT(i);
		else if (rc < 0)
			usage->doubt =
			    rc == -ERANGE ? USAGE_DOUBT_INCONSISTENT : USAGE_DOUBT_UNPARSED;
	}
}

bool beside_usage(const struct beside *beside, const struct fill_input *in,
		  const struct usage *answer, struct usage *ret_usage)
{
	char scratch[EXPR_SCRATCH_BYTES];
	const struct expr_input expr_in = { in->exchange, in->request->slots, in->response->slots,
					    scratch };

	if (!is_told(beside, &expr_in))
		return false;
	*ret_usage = *answer;
	forget_answer(ret_usage);
	span_copy(span_of(beside->operation), ret_usage->operation, sizeof(ret_usage->operation));
	read_model(beside, &expr_in, ret_usage);
	read_counts(beside, &expr_in, ret_usage);
	return true;
}
