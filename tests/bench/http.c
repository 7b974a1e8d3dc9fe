/* http: what the parser costs for one exchange on a keep-alive connection: a request of
 * 1 KiB in one chunk, a response of 3 KiB of JSON in two, both with Content-Length. Prints one JSON
 * line: the median over rounds, and what libhttp-parser takes for the same bytes with no callbacks,
 * which keeps nothing and pairs nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <http_parser.h>

#include "base/timestamp.h"
#include "http/h1.h"

#define ROUNDS          31
#define REQUEST_BYTES   1024
#define RESPONSE_BYTES  3072 /* of body */
#define EXCHANGES_ROUND 20000

struct tally {
	uint64_t body_bytes, complete;
};

static void on_head(void *ctx, struct exchange *ex)
{
	(void)ctx;
	(void)ex;
}

static void on_body(void *ctx, struct exchange *ex, enum direction direction, struct span piece)
{
	(void)ex;
	(void)direction;
	((struct tally *)ctx)->body_bytes += piece.len;
}

static void on_gap(void *ctx, struct exchange *ex, enum direction direction)
{
	(void)ctx;
	(void)ex;
	(void)direction;
}

static void on_end(void *ctx, struct exchange *ex)
{
	struct tally *tally = ctx;

	tally->complete += ex->completeness == COMPLETENESS_COMPLETE && ex->fault == EXCHANGE_OK;
}

static const struct exchange_handler handler = { on_head, on_head, on_body, on_gap,
						 on_end,  on_gap,  NULL };

static size_t make_request(char out[REQUEST_BYTES + 1])
{
	static const char head[] = "POST /v1/chat/completions HTTP/1.1\r\n"
				   "Host: api.openai.com\r\n"
				   "Accept-Encoding: gzip, deflate\r\n"
				   "Connection: keep-alive\r\n"
				   "Accept: application/json\r\n"
				   "Content-Type: application/json\r\n"
				   "User-Agent: OpenAI/Python 2.8.0\r\n"
				   "X-Stainless-Lang: python\r\n"
				   "X-Stainless-OS: Linux\r\n"
				   "X-Stainless-Retry-Count: 0\r\n"
				   "Authorization: Bearer sk-bench-0123456789abcdef0123456789\r\n"
				   "Content-Length: %03d\r\n\r\n";
	int head_bytes = snprintf(out, REQUEST_BYTES, head, 0);

	snprintf(out, REQUEST_BYTES, head, REQUEST_BYTES - head_bytes);
	memset(out + head_bytes, 'x', REQUEST_BYTES - (size_t)head_bytes);
	return REQUEST_BYTES;
}

static size_t make_response(char out[2 * RESPONSE_BYTES])
{
	int head_bytes = snprintf(out, RESPONSE_BYTES,
				  "HTTP/1.1 200 OK\r\n"
				  "Date: Wed, 25 Nov 2026 00:00:00 GMT\r\n"
				  "Content-Type: application/json\r\n"
				  "Content-Length: %d\r\n"
				  "Connection: keep-alive\r\n"
				  "openai-organization: bench\r\n"
				  "openai-processing-ms: 420\r\n"
				  "openai-version: 2020-10-01\r\n"
				  "x-ratelimit-limit-requests: 10000\r\n"
				  "x-ratelimit-remaining-requests: 9999\r\n"
				  "x-ratelimit-reset-requests: 6ms\r\n"
				  "x-request-id: req_0123456789abcdef0123456789abcdef\r\n\r\n",
				  RESPONSE_BYTES);

	memset(out + head_bytes, 'y', RESPONSE_BYTES);
	return (size_t)head_bytes + RESPONSE_BYTES;
}

static void feed(struct h1 *h1, enum direction direction, struct span bytes, uint64_t *offset)
{
	struct chunk chunk = { .data = bytes,
			       .offset = *offset,
			       .length = bytes.len,
			       .time_utc_ns = 1,
			       .direction = direction };

	h1_feed(h1, &chunk);
	*offset += bytes.len;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The median over rounds of the mean time of an exchange. */
static int64_t median_ns(void (*exchange)(void *ctx), void *ctx)
{
	int64_t times_ns[ROUNDS];

	for (int round = 0; round < ROUNDS; round++) {
		int64_t start_ns = clock_system.monotonic_ns(&clock_system);

		for (int i = 0; i < EXCHANGES_ROUND; i++)
			exchange(ctx);
		times_ns[round] =
		    (clock_system.monotonic_ns(&clock_system) - start_ns) / EXCHANGES_ROUND;
	}
	qsort(times_ns, ROUNDS, sizeof(*times_ns), compare);
	return times_ns[ROUNDS / 2];
}

struct talk {
	struct span sent, received;
	struct h1 *h1;
	uint64_t offsets[2];
	http_parser parsers[2];
};

static void exchange_h1(void *ctx)
{
	struct talk *t = ctx;

	feed(t->h1, DIRECTION_SENT, t->sent, &t->offsets[0]);
	feed(t->h1, DIRECTION_RECEIVED, span_head(t->received, 2048), &t->offsets[1]);
	feed(t->h1, DIRECTION_RECEIVED, span_skip(t->received, 2048), &t->offsets[1]);
}

static void exchange_http_parser(void *ctx)
{
	static const http_parser_settings none;
	struct talk *t = ctx;

	http_parser_execute(&t->parsers[0], &none, t->sent.ptr, t->sent.len);
	http_parser_execute(&t->parsers[1], &none, t->received.ptr, 2048);
	http_parser_execute(&t->parsers[1], &none, t->received.ptr + 2048, t->received.len - 2048);
}

int main(void)
{
	char request[REQUEST_BYTES + 1], response[2 * RESPONSE_BYTES];
	struct talk talk = { .sent = { request, make_request(request) },
			     .received = { response, make_response(response) } };
	static const struct process process;
	struct connection conn = { .process = &process, .server = "api.openai.com" };
	struct http_counters counters = { 0 };
	struct tally tally = { 0 };
	int64_t ours_ns, theirs_ns;

	if (h1_new(&conn, &handler, &tally, &counters, &talk.h1) < 0)
		return 1;
	http_parser_init(&talk.parsers[0], HTTP_REQUEST);
	http_parser_init(&talk.parsers[1], HTTP_RESPONSE);
	ours_ns = median_ns(exchange_h1, &talk);
	theirs_ns = median_ns(exchange_http_parser, &talk);
	h1_free(talk.h1);
	if (tally.complete != (uint64_t)ROUNDS * EXCHANGES_ROUND || talk.parsers[0].http_errno ||
	    talk.parsers[1].http_errno) {
		fprintf(stderr, "http: %llu complete\n", (unsigned long long)tally.complete);
		return 1;
	}
	printf("{\"name\":\"http_ns_per_exchange\",\"value\":%lld,\"unit\":\"ns\","
	       "\"floor\":%lld,\"bytes\":%zu}\n",
	       (long long)ours_ns, (long long)theirs_ns, talk.sent.len + talk.received.len);
	return 0;
}
