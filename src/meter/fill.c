/* The end of a call: expressions are evaluated, counts are judged. A count that cannot be trusted
 * is not given, and the doubt says why; nothing is clamped, nothing is guessed. */
#include "meter/fill.h"

#include <ctype.h>
#include <errno.h>

#include "base/money.h"
#include "meter/estimate.h"
#include "meter/limits.h"
#include "meter/naming.h"

#define TOKEN_HEADER "x-outlay-reservation" /* a program may say which one a call is for */

/* xAI counts in 10^-10 USD. */
#define YOCTO_A_TICK ((money_wide)100000000000000)
#define TICKS_MAX    ((money_wide)1000000000000000000)

/* Texts that go into `usage` as they are. The others have a function of their own below. */
static const struct {
	enum route_text text;
	size_t offset, size;
} fields[] = {
#define FIELD(id, member)                                                                          \
	{                                                                                          \
		id, offsetof(struct usage, member), sizeof(((struct usage *)0)->member)            \
	}
	FIELD(ROUTE_MODEL, model),
	FIELD(ROUTE_MODEL_REQUESTED, model_requested),
	FIELD(ROUTE_SERVICE_TIER, service_tier),
	FIELD(ROUTE_REGION, region),
	FIELD(ROUTE_REQUEST_ID, request_id),
	FIELD(ROUTE_RESPONSE_ID, response_id),
	FIELD(ROUTE_IDEMPOTENCY_KEY, idempotency_key),
#undef FIELD
};

static void fill_text(const struct extract *extract, enum route_text id,
		      const struct expr_input *expr_in, char *to, size_t size)
{
	struct span text;

	if (expr_text(&extract->texts[id], expr_in, &text) > 0)
		span_copy(naming_resource(text), to, size);
}

static void fill_texts(const struct fill_input *in, const struct expr_input *expr_in,
		       struct usage *usage)
{
	struct naming naming = { { NULL, 0 }, { NULL, 0 } };

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		fill_text(in->route->extract, fields[i].text, expr_in,
			  (char *)usage + fields[i].offset, fields[i].size);
	expr_text(&in->route->extract->texts[ROUTE_SPEED], expr_in, &naming.speed);
	expr_text(&in->route->extract->texts[ROUTE_DESTINATION], expr_in, &naming.destination);
	naming_settle(in->provider, &naming, usage);
}

/* What a request leaves out is known of one that was seen. */
static void fill_image(const struct fill_input *in, const struct expr_input *expr_in,
		       struct usage *usage)
{
	const struct extract *extract = in->route->extract;
	struct span quality = { NULL, 0 }, size = { NULL, 0 };

	if (!(usage->present & USAGE_BIT(USAGE_IMAGES)) || !format_read_well(in->request))
		return;
	expr_text(&extract->texts[ROUTE_QUALITY], expr_in, &quality);
	expr_text(&extract->texts[ROUTE_SIZE], expr_in, &size);
	naming_image(quality, size, usage);
}

/* A type or a code: no sentence, which may quote the caller, nor what a recording has for one. */
static bool is_code(struct span text)
{
	bool overwritten = true;

	for (size_t i = 0; i < text.len; i++) {
		if (!isalnum((unsigned char)text.ptr[i]) && !memchr("_-.:", text.ptr[i], 4))
			return false;
		overwritten &= text.ptr[i] == 'x';
	}
	return !overwritten && text.len < sizeof(((struct usage *)0)->error);
}

static void fill_error(const struct extract *extract, const struct expr_input *expr_in,
		       struct usage *usage)
{
	struct span text;
	int rc = expr_text(&extract->texts[ROUTE_ERROR], expr_in, &text);

	if (rc != 0)
		span_copy(rc > 0 && is_code(text) ? text : SPAN("unknown"), usage->error,
			  sizeof(usage->error));
}

static void fill_key(const struct fill_input *in, const struct expr_input *expr_in,
		     struct usage *usage)
{
	struct span key;

	if (in->hasher && expr_text(&in->route->extract->texts[ROUTE_API_KEY], expr_in, &key) > 0)
		key_hash(in->hasher, key, usage->api_key_hash);
}

static void fill_attempt(const struct extract *extract, const struct expr_input *expr_in,
			 struct usage *usage)
{
	int64_t attempt;

	usage->attempt = 1;
	if (expr_count(&extract->numbers[ROUTE_ATTEMPT], expr_in, &attempt) > 0 &&
	    attempt <= UINT16_MAX)
		usage->attempt = (uint16_t)attempt;
}

/* USD with this many decimals, or -1. */
static money_wide money_of(enum route_text text, int digits, const struct extract *extract,
			   const struct expr_input *expr_in)
{
	money_wide value;
	struct span said;

	if (expr_text(&extract->texts[text], expr_in, &said) <= 0 ||
	    money_parse_exponent(said, digits, &value) < 0)
		return -1;
	return value;
}

/* A provider may tell what it took off an account as a negative figure. */
static money_wide cost_of(const struct extract *extract, const struct expr_input *expr_in)
{
	money_wide yocto = money_of(ROUTE_REPORTED_COST, MONEY_YOCTO_DIGITS, extract, expr_in);
	struct span currency;

	if (expr_text(&extract->texts[ROUTE_REPORTED_CURRENCY], expr_in, &currency) > 0 &&
	    !span_ieq(currency, SPAN("USD")))
		return -1;
	return yocto < -1 ? -yocto : yocto;
}

/* A cost of 0 beside one of the model's own provider is that of a customer's own key. */
static void fill_reported(const struct extract *extract, const struct expr_input *expr_in,
			  struct usage *usage)
{
	money_wide ticks = money_of(ROUTE_REPORTED_TICKS, 0, extract, expr_in);
	money_wide yocto = cost_of(extract, expr_in);

	if (yocto == 0) {
		money_wide own =
		    money_of(ROUTE_REPORTED_UPSTREAM, MONEY_YOCTO_DIGITS, extract, expr_in);

		yocto = own > 0 ? own : 0;
	}
	if (yocto < 0 && ticks >= 0 && ticks <= TICKS_MAX)
		yocto = ticks * YOCTO_A_TICK;
	usage->reported = yocto >= 0 && money_round_pico(yocto, &usage->reported_cost_pico) == 0;
}

/* The first of the buckets [bucket, end) is a whole of which the others are parts, and these are
 * more than it: only it is told, and what was read from a cache, which cannot have been billed. */
static void keep_whole(const struct extract *extract, const struct expr_input *expr_in, int bucket,
		       int end, struct usage *usage)
{
	int64_t whole;

	if (expr_first(&extract->counts[bucket], expr_in, &whole) <= 0)
		return;
	if (bucket == USAGE_INPUT && usage->present & USAGE_BIT(USAGE_INPUT_CACHE_READ)) {
		usage->counts[USAGE_UNBILLED_CACHE_READ] = usage->counts[USAGE_INPUT_CACHE_READ];
		usage->present |= USAGE_BIT(USAGE_UNBILLED_CACHE_READ);
	}
	for (int i = bucket; i < end; i++) {
		usage->counts[i] = 0;
		usage->present &= ~USAGE_BIT(i);
	}
	usage->counts[bucket] = whole;
	usage->present |= USAGE_BIT(bucket);
}

/* 0, or the worst that befell a count: -ERANGE (they contradict each other) over -EBADMSG. */
static int fill_counts(const struct extract *extract, const struct expr_input *expr_in,
		       struct usage *usage)
{
	uint64_t negative = 0;
	int worst = 0;

	for (uint64_t left = extract->counted; left; left &= left - 1) {
		int i = __builtin_ctzll(left);
		int rc = expr_count(&extract->counts[i], expr_in, &usage->counts[i]);

		if (rc > 0)
			usage->present |= USAGE_BIT(i);
		else if (rc == -ERANGE || (rc < 0 && worst == 0))
			worst = rc;
		negative |= rc == -ERANGE ? USAGE_BIT(i) : 0;
	}
	if (negative & USAGE_BIT(USAGE_INPUT))
		keep_whole(extract, expr_in, USAGE_INPUT, USAGE_OUTPUT, usage);
	if (negative & USAGE_BIT(USAGE_OUTPUT))
		keep_whole(extract, expr_in, USAGE_OUTPUT, USAGE_REQUESTS, usage);
	return worst;
}

/* A snapshot leaves out what is 0, but not everything: one without any count is none. */
static void forget_empty(const struct extract *extract, struct usage *usage)
{
	for (int i = 0; i < USAGE_BUCKET_MAX; i++)
		if (!extract->scope.snapshot.len || usage->counts[i])
			return;
	usage->present = 0;
}

/* The whole answer was seen, so that what is absent was not sent. */
static bool is_seen_whole(const struct fill_input *in)
{
	return format_read_well(in->response) && in->exchange->fault == EXCHANGE_OK &&
	       (in->exchange->completeness == COMPLETENESS_COMPLETE || in->response->finished);
}

/* Refused calls cost nothing. A stream that fails on the way has already made tokens. */
static bool is_refused(const struct fill_input *in, const struct usage *usage)
{
	bool begun = in->streaming && in->response->documents > 1;

	if (in->answers)
		begun = usage->response_id[0];
	return usage->status >= 400 || (usage->error[0] && !begun);
}

/* What was asked for and refused was not consumed. Nor is a constant all there is to an answer. */
static void forget_asked(const struct fill_input *in, struct usage *usage)
{
	uint64_t required = in->route->extract->required, forget = in->route->extract->asked;

	if (!is_refused(in, usage))
		return;
	if (required && !(usage->present & required))
		forget = UINT64_MAX;
	usage->present &= ~forget;
	for (int i = 0; i < USAGE_BUCKET_MAX; i++)
		if (!(usage->present & USAGE_BIT(i)))
			usage->counts[i] = 0;
}

static enum usage_doubt judge(const struct fill_input *in, const struct usage *usage, int worst)
{
	uint64_t required = in->route->extract->required;

	if (in->route->free)
		return USAGE_DOUBT_NONE;
	if (!in->route->match[0])
		return USAGE_DOUBT_ROUTE_UNKNOWN;
	if (!usage->status)
		return USAGE_DOUBT_NO_ANSWER;
	if (worst == -ERANGE)
		return USAGE_DOUBT_INCONSISTENT;
	if (worst < 0)
		return USAGE_DOUBT_UNPARSED;
	if (!usage->present && is_refused(in, usage))
		return USAGE_DOUBT_NONE;
	if (usage->present && (usage->present & required) == required)
		return USAGE_DOUBT_NONE;
	return is_seen_whole(in) ? USAGE_DOUBT_NO_USAGE : USAGE_DOUBT_UNPARSED;
}

/* Clients of a stream hang up at its end marker, without waiting for the end of the body. */
static enum completeness completeness_of(const struct fill_input *in)
{
	const struct exchange *ex = in->exchange;

	if (ex->completeness == COMPLETENESS_TRUNCATED && in->response->finished &&
	    ex->fault == EXCHANGE_OK)
		return COMPLETENESS_COMPLETE;
	return ex->completeness;
}

/* A sequence of one document is a plain answer, and so is one within a document. */
static bool is_stream(const struct fill_input *in)
{
	bool sequence = in->response->format == &format_table[FORMAT_SEQUENCE];

	return in->streaming &&
	       (!sequence || (in->response->documents > 1 && !in->route->within[0]));
}

static void fill_facts(const struct fill_input *in, struct usage *usage)
{
	const struct exchange *ex = in->exchange;
	int64_t start = ex->request_utc_ns ? ex->request_utc_ns : ex->response_utc_ns;

	usage->time_start_ns = start ? start : ex->end_utc_ns;
	usage->time_end_ns = ex->end_utc_ns;
	usage->ttfb_ns = -1;
	if (ex->request_utc_ns && ex->response_utc_ns >= ex->request_utc_ns)
		usage->ttfb_ns = ex->response_utc_ns - ex->request_utc_ns;
	usage->process = *ex->connection->process;
	span_copy(span_of(provider_name(in->provider)), usage->provider, sizeof(usage->provider));
	span_copy(connection_server(ex->connection), usage->server, sizeof(usage->server));
	span_copy(span_of(in->route->operation), usage->operation, sizeof(usage->operation));
	span_copy(span_of(in->route->match), usage->route, sizeof(usage->route));
	span_copy(ex->request.method, usage->method, sizeof(usage->method));
	(void)uuid_parse(head_get(&ex->request, SPAN(TOKEN_HEADER)), &usage->reservation);
	usage->status = (uint16_t)ex->response.status;
	usage->streaming = is_stream(in);
	usage->free = in->route->free;
	usage->completeness = completeness_of(in);
	usage->lost_bytes = ex->lost_bytes;
	usage->request_bytes = ex->request_bytes;
	usage->response_bytes = ex->response_bytes;
}

/* Not of a call whose counts are in doubt already, nor of what a batch or another object that is
 * free says of all its calls. */
static void fill_total(const struct extract *extract, const struct expr_input *expr_in,
		       struct usage *usage)
{
	const uint64_t tokens = USAGE_BIT(USAGE_REQUESTS) - 1;
	int64_t total;

	if (!usage->doubt && !usage->estimated && usage->present & tokens &&
	    expr_count(&extract->numbers[ROUTE_TOTAL], expr_in, &total) > 0)
		usage->total_tokens = (uint64_t)total;
}

void fill_usage(const struct fill_input *in, struct usage *ret_usage)
{
	char scratch[EXPR_SCRATCH_BYTES];
	const struct expr_input expr_in = { in->exchange, in->request->slots, in->response->slots,
					    scratch };
	const struct extract *extract = in->route->extract;
	int worst;

	*ret_usage = (struct usage){ 0 };
	fill_facts(in, ret_usage);
	fill_texts(in, &expr_in, ret_usage);
	fill_error(extract, &expr_in, ret_usage);
	fill_key(in, &expr_in, ret_usage);
	fill_attempt(extract, &expr_in, ret_usage);
	fill_reported(extract, &expr_in, ret_usage);
	/* What opened a WebSocket is not of its answers. */
	if (!in->answers)
		limits_read(provider_limits(in->provider), in->exchange, ret_usage);
	worst = fill_counts(extract, &expr_in, ret_usage);
	forget_empty(extract, ret_usage);
	fill_image(in, &expr_in, ret_usage);
	forget_asked(in, ret_usage);
	ret_usage->doubt = judge(in, ret_usage, worst);
	estimate_usage(in, &expr_in, ret_usage);
	fill_total(extract, &expr_in, ret_usage);
}

bool fill_is_answer(const struct extract *extract, const struct usage *usage)
{
	if (usage->doubt == USAGE_DOUBT_INCONSISTENT || usage->error[0])
		return true;
	return usage->present && (usage->present & extract->required) == extract->required;
}

/* -1: not said, or nothing that can be said. */
static int64_t most_output(const struct fill_input *in, const struct expr_input *expr_in)
{
	const struct expr *numbers = in->route->extract->numbers;
	int64_t most, answers = 1;

	if (head_get(&in->exchange->request, SPAN("content-encoding")).len ||
	    expr_count(&numbers[ROUTE_MAX_OUTPUT], expr_in, &most) <= 0 ||
	    expr_count(&numbers[ROUTE_ANSWERS], expr_in, &answers) < 0 ||
	    __builtin_mul_overflow(most, answers, &most))
		return -1;
	/* To some, 0 is as many as the model can. */
	return most <= 0 ? -1 : most;
}

void fill_asked(const struct fill_input *in, struct usage *ret_usage, int64_t *ret_most_output)
{
	char scratch[EXPR_SCRATCH_BYTES];
	const struct expr_input expr_in = { in->exchange, in->request->slots, in->response->slots,
					    scratch };

	*ret_usage = (struct usage){ 0 };
	fill_facts(in, ret_usage);
	fill_texts(in, &expr_in, ret_usage);
	if (!in->route->match[0])
		ret_usage->doubt = USAGE_DOUBT_ROUTE_UNKNOWN;
	*ret_most_output = most_output(in, &expr_in);
}

void fill_ids(const struct extract *extract, const struct exchange *exchange,
	      const struct slot *request_slots, const struct slot *response_slots,
	      struct relay_ids *ret_ids)
{
	char scratch[EXPR_SCRATCH_BYTES];
	const struct expr_input in = { exchange, request_slots, response_slots, scratch };

	*ret_ids = (struct relay_ids){ 0 };
	fill_text(extract, ROUTE_RESPONSE_ID, &in, ret_ids->response, sizeof(ret_ids->response));
	fill_text(extract, ROUTE_REQUEST_ID, &in, ret_ids->request, sizeof(ret_ids->request));
}
