/* One question to the ledger is in flight for a reader, or one page unread, never more. The ticket
 * is new for each response, so that a late page finds nobody and harms nobody. */
#include "policy/calls.h"

#include <errno.h>

#include "policy/routes.h"

#define NDJSON "application/x-ndjson"

static bool is_known(struct span name, bool of_alerts)
{
	return span_eq(name, SPAN("since")) || span_eq(name, SPAN("limit")) ||
	       (!of_alerts && span_eq(name, SPAN("event_id")));
}

/* The first parameter that is none of ours, or an empty span. */
static struct span unknown_parameter(struct span query, bool of_alerts)
{
	while (query.ptr) {
		struct span field = span_cut(&query, '&');
		struct span name = span_cut(&field, '=');

		if (name.len && !is_known(name, of_alerts))
			return name;
	}
	return SPAN("");
}

/* Fills the query from the parameters. NULL, or the name of the one that is wrong. */
static const char *read_parameters(struct span text, struct policy_calls_query *query)
{
	char value[64];
	uint64_t limit;
	int err;

	err = request_parameter(text, SPAN("since"), value, sizeof(value));
	if (err != -ENOENT && (err < 0 || timestamp_parse(span_of(value), &query->since_ns) < 0))
		return "since";
	err = request_parameter(text, SPAN("event_id"), value, sizeof(value));
	if (err != -ENOENT && (err < 0 || uuid_parse(span_of(value), &query->event_id) < 0))
		return "event_id";
	if (err != -ENOENT)
		query->limit = 1;
	err = request_parameter(text, SPAN("limit"), value, sizeof(value));
	if (err == -ENOENT)
		return NULL;
	if (err < 0 || span_u64(span_of(value), &limit) < 0 || limit == 0 || limit > INT64_MAX)
		return "limit";
	query->limit = (int64_t)limit;
	query->newest = true;
	return NULL;
}

static void refuse(struct client *client, int status, const char *detail, struct span field)
{
	counter_add(&client->policy->counters.bad_requests, 1);
	answer_problem(&client->policy->out,
		       &(struct answer_fault){ .status = status, .detail = detail, .field = field },
		       client->keep_alive);
}

static void serve(struct client *client, const struct request *request, bool alerts)
{
	struct policy *policy = client->policy;
	struct policy_calls_query query = { .limit = INT64_MAX, .alerts = alerts };
	struct span unknown = unknown_parameter(request->query, alerts);
	const char *wrong;

	if (unknown.len) {
		refuse(client, 400, "There is no such parameter.", unknown);
		return;
	}
	wrong = read_parameters(request->query, &query);
	if (wrong) {
		refuse(client, 400,
		       wrong[0] == 's'   ? "since: an RFC 3339 time was expected."
		       : wrong[0] == 'l' ? "limit: a whole number of 1 or more was expected."
					 : "event_id: a UUID was expected.",
		       span_of(wrong));
		return;
	}
	query.ticket = ++policy->last_ticket;
	query.uid = client->peer.sees_all ? UINT32_MAX : client->peer.process.uid;
	client->query = query;
	server_enter(client, CLIENT_PAGING);
	client->is_asked = client->has_head = false;
	client->is_chunked = !request->http_1_0;
	/* Without chunks only the end of the connection tells where the answer ends. */
	client->keep_alive &= client->is_chunked;
}

void calls_serve(struct client *client, const struct request *request)
{
	serve(client, request, false);
}

/* As those of the watch: an alert may tell of anybody. */
void calls_alerts(struct client *client, const struct request *request)
{
	if (client->peer.sees_all)
		serve(client, request, true);
	else
		refuse(client, 403, "Alerts are for root and the group outlay.", SPAN(""));
}

static void answer_busy(struct client *client)
{
	answer_problem(&client->policy->out,
		       &(struct answer_fault){ .status = 503,
					       .detail = "The ledger cannot answer now.",
					       .extra = SPAN("Retry-After: 1\r\n") },
		       client->keep_alive);
}

static void go_on(struct client *client)
{
	server_enter(client, CLIENT_OPEN);
	if (!client->keep_alive)
		server_close(client);
	server_step(client);
}

void calls_ask(struct client *client)
{
	struct policy *policy = client->policy;

	if (client->is_asked || server_unsent(client))
		return;
	client->is_asked = policy->n_questions < POLICY_QUESTIONS_MAX &&
			   policy->ports.query_calls(policy->ports.ctx, &client->query);
	policy->n_questions += client->is_asked;
	if (!client->is_asked && !client->has_head) {
		answer_busy(client);
		go_on(client);
	}
}

void calls_tick(struct client *client, int64_t now_ns)
{
	if (server_unsent(client))
		client->since_ns = now_ns; /* it is the reader who is waited for */
	if (now_ns - client->since_ns <= POLICY_LEDGER_SECONDS * NS_PER_SEC) {
		calls_ask(client);
	} else if (client->has_head) {
		server_free(client);
	} else {
		/* Closed, so that a caller cannot heap up questions by asking again. */
		client->keep_alive = false;
		answer_problem(&client->policy->out,
			       &(struct answer_fault){ .status = 504,
						       .detail = "The ledger did not answer in "
								 "time." },
			       false);
		go_on(client);
	}
}

static void put_head(struct client *client)
{
	struct span framing = !client->is_chunked ? SPAN("Connection: close\r\n")
			      : client->keep_alive
				  ? SPAN("Transfer-Encoding: chunked\r\n")
				  : SPAN("Transfer-Encoding: chunked\r\nConnection: close\r\n");

	answer_stream(&client->policy->out, NDJSON, framing);
	client->has_head = true;
}

static void put_lines(struct client *client, struct span lines)
{
	struct buf *out = &client->policy->out;

	if (client->is_chunked && lines.len)
		buf_printf(out, "%zx\r\n", lines.len);
	buf_put(out, lines);
	if (client->is_chunked && lines.len)
		buf_put(out, SPAN("\r\n"));
}

static int64_t count_lines(struct span lines)
{
	int64_t n = 0;

	while (lines.len) {
		span_cut(&lines, '\n');
		n++;
	}
	return n;
}

void calls_page(struct client *client, const struct policy_calls_page *page)
{
	if (page->failed && client->has_head) {
		/* The missing last chunk tells the reader that this is not all. */
		server_free(client);
		return;
	}
	client->is_asked = false;
	client->since_ns = server_monotonic_ns(client->policy);
	if (page->failed) {
		answer_busy(client);
		go_on(client);
		return;
	}
	if (!client->has_head)
		put_head(client);
	put_lines(client, page->lines);
	client->query.after_seq = page->last_seq;
	client->query.newest = false;
	client->query.limit -= client->query.limit == INT64_MAX ? 0 : count_lines(page->lines);
	if (!page->last && client->query.limit > 0) {
		server_step(client);
		return;
	}
	if (client->is_chunked)
		buf_put(&client->policy->out, SPAN("0\r\n\r\n"));
	go_on(client);
}
