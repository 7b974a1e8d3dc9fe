/* Random traffic. Without loss, the same as libhttp-parser and as the truth. With chunks dropped or
 * captured in part, what is called complete is so, and right, and no call is heard of twice. */
#include "http/pairing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <http_parser.h>

#include "record.h"
#include "traffic.h"

/* --- the reference: one parser for each direction, which is told of HEAD by the truth */
struct reference {
	const struct traffic *traffic;
	struct buf text;
	unsigned call;
};

static int reference_begin(http_parser *p)
{
	struct reference *r = p->data;

	if (p->type == HTTP_REQUEST)
		buf_printf(&r->text, "> ");
	return 0;
}

static int reference_url(http_parser *p, const char *at, size_t n)
{
	struct reference *r = p->data;

	buf_put(&r->text, (struct span){ at, n });
	return 0;
}

static int reference_field(http_parser *p, const char *at, size_t n)
{
	struct reference *r = p->data;

	/* A trailer is a field too, but after the headers. */
	if (!(p->flags & F_TRAILING))
		buf_put(&r->text, (struct span){ at, n });
	return 0;
}

static int reference_headers_complete(http_parser *p)
{
	struct reference *r = p->data;

	if (p->type == HTTP_REQUEST)
		buf_printf(&r->text, " %s", http_method_str((enum http_method)p->method));
	else
		buf_printf(&r->text, "< %u", p->status_code);
	buf_printf(&r->text, " [");
	/* It knows by itself of 1xx and 204 that they have no body. */
	return p->type == HTTP_RESPONSE &&
	       (p->status_code == 304 || r->traffic->calls[r->call].method[0] == 'H');
}

static int reference_body(http_parser *p, const char *at, size_t n)
{
	struct reference *r = p->data;

	buf_put(&r->text, (struct span){ at, n });
	return 0;
}

static int reference_complete(http_parser *p)
{
	struct reference *r = p->data;

	buf_printf(&r->text, "]\n");
	if (p->type == HTTP_REQUEST || p->status_code >= 200)
		r->call++;
	return 0;
}

static const http_parser_settings reference_settings = {
	.on_message_begin = reference_begin,
	.on_url = reference_url,
	.on_header_field = reference_field,
	.on_header_value = reference_field,
	.on_headers_complete = reference_headers_complete,
	.on_body = reference_body,
	.on_message_complete = reference_complete,
};

static void reference_run(struct reference *r, const struct traffic *t, enum direction direction)
{
	struct span bytes = buf_span(&t->bytes[direction]);
	http_parser parser;

	*r = (struct reference){ .traffic = t, .text = buf_with_max(1 << 24) };
	http_parser_init(&parser, direction == DIRECTION_SENT ? HTTP_REQUEST : HTTP_RESPONSE);
	parser.data = r;
	assert_int_equal(http_parser_execute(&parser, &reference_settings, bytes.ptr, bytes.len),
			 bytes.len);
	http_parser_execute(&parser, &reference_settings, NULL, 0);
	assert_int_equal(r->call, t->n_calls);
}

/* --- ours, in the same words */
struct mirror {
	struct buf text[2];  /* of each direction */
	struct buf response; /* 1xx are not ours to hear: they are put in by the test */
};

static void mirror_head(struct buf *out, const struct http_head *head)
{
	for (unsigned i = 0; i < head->n_headers; i++) {
		buf_put(out, head->headers[i].name);
		buf_put(out, head->headers[i].value);
	}
}

static void mirror_request(void *ctx, struct exchange *ex)
{
	struct buf *out = &((struct mirror *)ctx)->text[DIRECTION_SENT];

	buf_printf(out, "%s> ", out->len ? "]\n" : "");
	buf_put(out, ex->request.target);
	mirror_head(out, &ex->request);
	buf_printf(out, " %.*s [", (int)ex->request.method.len, ex->request.method.ptr);
}

static void mirror_response(void *ctx, struct exchange *ex)
{
	struct buf *out = &((struct mirror *)ctx)->text[DIRECTION_RECEIVED];

	buf_printf(out, "%s", out->len ? "]\n" : "");
	mirror_head(out, &ex->response);
	buf_printf(out, "< %u [", ex->response.status);
}

static void mirror_body(void *ctx, struct exchange *ex, enum direction direction, struct span piece)
{
	(void)ex;
	buf_put(&((struct mirror *)ctx)->text[direction], piece);
}

static void mirror_gap(void *ctx, struct exchange *ex, enum direction direction)
{
	(void)ctx;
	(void)ex;
	fail_msg("a gap in direction %d", direction);
}

static void mirror_end(void *ctx, struct exchange *ex)
{
	(void)ctx;
	assert_int_equal(ex->completeness, COMPLETENESS_COMPLETE);
	assert_int_equal(ex->fault, EXCHANGE_OK);
}

static const struct exchange_handler mirror_handler = {
	mirror_request, mirror_response, mirror_body, mirror_gap, mirror_end, NULL, NULL
};

/* The reference hears 1xx as messages of their own. */
static void drop_interims(struct buf *text)
{
	struct span interim = SPAN("< 100 []\n");
	char *at;

	buf_put(text, SPAN("\0"));
	for (at = text->data; (at = strstr(at, interim.ptr)) != NULL;)
		memmove(at, at + interim.len, strlen(at + interim.len) + 1);
}

static void assert_same(struct reference *r, struct buf *ours)
{
	buf_put(ours, SPAN("]\n\0"));
	drop_interims(&r->text);
	assert_string_equal(ours->data, r->text.data);
	buf_done(&r->text);
	buf_done(ours);
}

static void compare_with_reference(struct random *random)
{
	struct traffic *t = traffic_new(random, random_below(random, 2), false);
	struct mirror mirror = { { buf_with_max(1 << 24), buf_with_max(1 << 24) }, { 0 } };
	struct http_counters counters = { 0 };
	struct reference reference;
	struct connection conn;
	struct h1 *h1;

	assert_int_equal(h1_new(&conn, &mirror_handler, &mirror, &counters, &h1), 0);
	for (unsigned i = 0; i < t->n_chunks; i++) {
		struct chunk chunk = traffic_chunk(t, i);

		h1_feed(h1, &chunk);
	}
	h1_close(h1, 1000000, (uint64_t[2]){ 0 });
	h1_free(h1);
	assert_int_equal(counter_read(&counters.exchanges), t->n_calls);
	for (enum direction d = DIRECTION_SENT; d <= DIRECTION_RECEIVED; d++) {
		reference_run(&reference, t, d);
		assert_same(&reference, &mirror.text[d]);
	}
	traffic_free(t);
}

static void test_as_the_reference(void **state)
{
	struct random random = random_start("pairing reference");

	(void)state;
	for (int i = 0; i < 200; i++)
		compare_with_reference(&random);
}

/* --- losses: the judge knows the truth */
struct judge {
	const struct traffic *traffic;
	unsigned heard[TRAFFIC_CALLS_MAX]; /* how often, by its request */
	unsigned complete, marked, orphans, wrong;
	struct recorder recorder;
};

static void judge_end(void *ctx, struct exchange *ex)
{
	struct judge *j = ctx;
	struct record *record = record_of(&j->recorder, ex);
	struct span target = ex->request.target;
	const struct truth *truth;
	uint64_t call;

	assert(!ex->lost_bytes || ex->completeness >= COMPLETENESS_GAP);
	if (!target.len) {
		assert(ex->completeness >= COMPLETENESS_GAP);
		j->orphans++;
		goto done;
	}
	assert(span_u64(span_skip(target, 1), &call) == 0 && call < j->traffic->n_calls);
	j->heard[call]++;
	assert(j->heard[call] == 1);
	truth = &j->traffic->calls[call];
	assert(span_eq(ex->request.method, span_of(truth->method)));
	if (ex->completeness != COMPLETENESS_COMPLETE || ex->fault != EXCHANGE_OK) {
		j->marked++;
		goto done;
	}
	j->complete++;
	for (int d = 0; d < 2; d++) {
		if (!span_eq(buf_span(&record->body[d]), buf_span(&truth->body[d])))
			j->wrong++;
	}
	j->wrong += ex->response.status != truth->status;
done:
	record_end(&j->recorder, ex);
	buf_reset(&j->recorder.text);
}

static void judge_request(void *ctx, struct exchange *ex)
{
	record_request(&((struct judge *)ctx)->recorder, ex);
}

static void judge_response(void *ctx, struct exchange *ex)
{
	record_response(&((struct judge *)ctx)->recorder, ex);
}

static void judge_body(void *ctx, struct exchange *ex, enum direction direction, struct span piece)
{
	record_body(&((struct judge *)ctx)->recorder, ex, direction, piece);
}

static void judge_gap(void *ctx, struct exchange *ex, enum direction direction)
{
	record_gap(&((struct judge *)ctx)->recorder, ex, direction);
}

static const struct exchange_handler judge_handler = { judge_request, judge_response, judge_body,
						       judge_gap,     judge_end,      NULL,
						       NULL };

struct tally {
	unsigned calls, untouched, complete, marked, orphans;
};

/* The second call is untouched too: by then we know whether the client pipelines. */
static bool may_drop(const struct traffic *t, const struct traffic_chunk *c)
{
	return !t->pipelined || (t->n_calls > 2 && c->from >= t->calls[1].end[c->direction]);
}

static void lose_some(struct random *random, bool pipelined, bool gzip, struct tally *tally)
{
	struct traffic *t = traffic_new(random, pipelined, gzip);
	struct judge judge = { .traffic = t, .recorder.text = buf_with_max(1 << 20) };
	uint64_t rarity = 2 + random_below(random, random_below(random, 2) ? 10 : 200);
	size_t next[2] = { 0, 0 }, late = random_below(random, 4) ? 0 : random_below(random, 20);
	bool touched[TRAFFIC_CALLS_MAX] = { false };
	struct http_counters counters = { 0 };
	struct connection conn;
	uint64_t lost[2];
	struct h1 *h1;

	assert_int_equal(h1_new(&conn, &judge_handler, &judge, &counters, &h1), 0);
	for (unsigned i = 0; i < t->n_chunks; i++) {
		const struct traffic_chunk *c = &t->chunks[i];
		struct chunk chunk = traffic_chunk(t, i);
		bool hit = (!pipelined && i < late) ||
			   (random_below(random, rarity) == 0 && may_drop(t, c));

		if (hit)
			for (unsigned n = 0; n < t->n_calls; n++)
				touched[n] |= c->from < t->calls[n].end[c->direction] &&
					      c->to > t->calls[n].start[c->direction];
		if (hit && (i < late || random_below(random, 2)))
			continue;
		if (hit)
			chunk.data.len = random_below(random, chunk.data.len);
		h1_feed(h1, &chunk);
		next[c->direction] = c->to;
	}
	for (int d = 0; d < 2; d++)
		lost[d] = t->bytes[d].len - next[d];
	h1_close(h1, 1000000, lost);
	h1_free(h1);
	assert_int_equal(judge.recorder.live, 0);
	assert_int_equal(judge.wrong, 0);
	assert_true(judge.orphans <= t->n_calls);
	for (unsigned n = 0; n < t->n_calls; n++)
		tally->untouched += !touched[n];
	tally->calls += t->n_calls;
	tally->complete += judge.complete;
	tally->marked += judge.marked;
	tally->orphans += judge.orphans;
	buf_done(&judge.recorder.text);
	traffic_free(t);
}

static void lose(const char *what, bool pipelined, bool gzip, struct tally *tally)
{
	struct random random = random_start(what);

	for (int i = 0; i < 1000; i++)
		lose_some(&random, pipelined, gzip, tally);
	printf("%s: %u calls, %u untouched by loss; %u complete, %u marked, %u orphans\n", what,
	       tally->calls, tally->untouched, tally->complete, tally->marked, tally->orphans);
}

/* Capture case 29. */
static void test_losses(void **state)
{
	struct tally tally = { 0 };

	(void)state;
	lose("losses", false, true, &tally);
	/* Nearly all that can be saved is; some were taken along by what was lost before them. */
	assert_true(tally.complete * 100 >= tally.untouched * 85);
}

static void test_losses_while_pipelining(void **state)
{
	struct tally tally = { 0 };

	(void)state;
	lose("losses while pipelining", true, true, &tally);
	assert_true(tally.complete > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_the_reference),
		cmocka_unit_test(test_losses),
		cmocka_unit_test(test_losses_while_pipelining),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
