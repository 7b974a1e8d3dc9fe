/* Random traffic between a client and a server of nghttp2's session library, heard from the side:
 * cut at random, then with losses, then from the middle. What is heard must be what was said.
 * SEED= repeats a run. */
#include "http/demux.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "h2talk.h"

#define CALLS_MAX 60
#define BODY_MAX  40000
#define CELL      12

static unsigned seed;

static unsigned draw(unsigned below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

static void start_seed(const char *what)
{
	const char *given = getenv("SEED");

	seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	print_message("%s: SEED=%u\n", what, seed);
}

/* --- what is said: call n on stream 2n + 1, its bodies made of numbered cells */

struct said {
	size_t total[2], given[2]; /* bytes of the bodies: all, and as far as they were sent */
	unsigned status;
	bool whole; /* both ended by END_STREAM */
	bool ended[2];
};

struct world {
	struct talk2 talk;
	struct said said[CALLS_MAX];
	unsigned n;
	nghttp2_session *sessions[2]; /* by the direction in which they send */
};

static char *body_of(unsigned n, int direction)
{
	static char text[CALLS_MAX][2][BODY_MAX + CELL + 1];
	char *at = text[n][direction];

	if (!*at)
		for (unsigned i = 0; i < BODY_MAX / CELL; i++)
			snprintf(at + (size_t)i * CELL, CELL + 1, "%c%04u-%05u;",
				 direction ? 'r' : 'q', n, i);
	return at;
}

struct source {
	struct world *world;
	unsigned n;
	int direction;
	bool trailers;
};

static struct source sources[CALLS_MAX][2];

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *out, size_t room,
			 uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct source *s = source->ptr;
	struct said *said = &s->world->said[s->n];
	size_t left = said->total[s->direction] - said->given[s->direction];
	size_t n = left < room ? left : room;
	nghttp2_nv trailer = { (uint8_t *)"x-sum", (uint8_t *)"12", 5, 2, 0 };

	(void)ctx;
	if (n > 1 && draw(3) == 0)
		n = 1 + draw((unsigned)n);
	memcpy(out, body_of(s->n, s->direction) + said->given[s->direction], n);
	said->given[s->direction] += n;
	if (said->given[s->direction] == said->total[s->direction]) {
		*flags = NGHTTP2_DATA_FLAG_EOF;
		if (s->trailers) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			nghttp2_submit_trailer(session, id, &trailer, 1);
		}
	}
	return (ssize_t)n;
}

static nghttp2_data_provider provide(struct world *w, unsigned n, int direction)
{
	struct source *s = &sources[n][direction];

	*s = (struct source){ w, n, direction, draw(4) == 0 };
	return (nghttp2_data_provider){ .source.ptr = s, .read_callback = read_body };
}

static nghttp2_nv field(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value),
			     draw(8) == 0 ? NGHTTP2_NV_FLAG_NO_INDEX : 0 };
}

static char *long_value(void)
{
	static char value[30001];
	size_t n = draw(6) == 0 ? 20000 + draw(10000) : draw(60);

	for (size_t i = 0; i < n; i++)
		value[i] = (char)('a' + draw(26));
	value[n] = 0;
	return value;
}

static void submit_request(struct world *w)
{
	static const char *const kinds[] = { "application/json", "text/plain", "x/y" };
	unsigned n = w->n++;
	struct said *said = &w->said[n];
	nghttp2_data_provider provider = provide(w, n, 0);
	char path[16], odd[16];
	nghttp2_nv fields[7];

	snprintf(path, sizeof(path), "/%u", n);
	snprintf(odd, sizeof(odd), "x-odd-%u", draw(30));
	fields[0] = field(":method", draw(2) ? "POST" : "PUT");
	fields[1] = field(":scheme", "https");
	fields[2] = field(":path", path);
	fields[3] = field(":authority", "api.test");
	fields[4] = field("content-type", kinds[draw(3)]);
	fields[5] = field(odd, path);
	fields[6] = field("x-long", long_value());
	said->total[0] = draw(3) ? draw(2000) : draw(BODY_MAX - CELL);
	said->total[1] = draw(3) ? draw(2000) : draw(BODY_MAX - CELL);
	said->status = draw(2) ? 200 : 400 + draw(100);
	assert_true(nghttp2_submit_request(w->sessions[0], NULL, fields, 7, &provider, NULL) > 0);
}

static void push(struct world *w, int32_t id)
{
	nghttp2_nv fields[4] = { field(":method", "GET"), field(":scheme", "https"),
				 field(":path", "/pushed"), field(":authority", "api.test") };
	nghttp2_nv status = field(":status", "200");
	int32_t promised = nghttp2_submit_push_promise(w->sessions[1], 0, id, fields, 4, NULL);

	if (promised > 0)
		nghttp2_submit_headers(w->sessions[1], NGHTTP2_FLAG_END_STREAM, promised, NULL,
				       &status, 1, NULL);
}

static void respond(struct world *w, int32_t id)
{
	unsigned n = (unsigned)(id - 1) / 2;
	nghttp2_data_provider provider = provide(w, n, 1);
	nghttp2_nv early = field(":status", "103"), fields[4];
	char status[8], odd[16];

	if (draw(4) == 0)
		nghttp2_submit_headers(w->sessions[1], 0, id, NULL, &early, 1, NULL);
	if (draw(6) == 0)
		push(w, id);
	snprintf(status, sizeof(status), "%u", w->said[n].status);
	snprintf(odd, sizeof(odd), "x-back-%u", draw(30));
	fields[0] = field(":status", status);
	fields[1] = field("content-type", "text/event-stream");
	fields[2] = field(odd, "value");
	fields[3] = field("x-long", long_value());
	nghttp2_submit_response(w->sessions[1], id, fields, 4, &provider);
}

static int on_server_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	bool headers =
	    frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;

	(void)session;
	if (headers)
		respond(ctx, frame->hd.stream_id);
	return 0;
}

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct world *w = ctx;
	unsigned n = (unsigned)(frame->hd.stream_id - 1) / 2;

	if (frame->hd.stream_id % 2 && frame->hd.type <= NGHTTP2_HEADERS &&
	    frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		w->said[n].ended[session == w->sessions[1]] = true;
	return 0;
}

static ssize_t pad(nghttp2_session *session, const nghttp2_frame *frame, size_t most, void *ctx)
{
	size_t n = frame->hd.length + (draw(3) ? 0 : draw(256));

	(void)session;
	(void)ctx;
	return (ssize_t)(n < most ? n : most);
}

/* Everything that one side has to say, heard by the other. */
static bool pass_on(struct world *w, int direction)
{
	bool any = false;
	const uint8_t *bytes;
	ssize_t n;

	for (;;) {
		n = nghttp2_session_mem_send(w->sessions[direction], &bytes);
		assert_true(n >= 0);
		if (!n)
			return any;
		any = true;
		talk2_bytes(&w->talk, (enum direction)direction,
			    (struct span){ (const char *)bytes, (size_t)n });
		assert_int_equal(
		    nghttp2_session_mem_recv(w->sessions[!direction], bytes, (size_t)n), n);
	}
}

static void maybe_something_odd(struct world *w)
{
	nghttp2_session *session = w->sessions[draw(2)];
	nghttp2_settings_entry entry = { NGHTTP2_SETTINGS_HEADER_TABLE_SIZE,
					 (const uint32_t[]){ 0, 100, 4096, 60000 }[draw(4)] };

	if (draw(10) == 0)
		nghttp2_submit_settings(session, 0, &entry, 1);
	if (draw(10) == 0)
		nghttp2_submit_ping(session, 0, NULL);
	if (w->n && draw(12) == 0)
		nghttp2_submit_rst_stream(session, 0, (int32_t)draw(w->n) * 2 + 1, NGHTTP2_CANCEL);
}

static void converse(struct world *w, unsigned calls)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;

	memset(w->said, 0, sizeof(w->said));
	w->n = 0;
	talk2_init(&w->talk);
	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_option_new(&option);
	nghttp2_option_set_max_deflate_dynamic_table_size(option, draw(2) ? 4096 : 65536);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
	nghttp2_session_callbacks_set_select_padding_callback(callbacks, pad);
	nghttp2_session_client_new2(&w->sessions[0], callbacks, w, option);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_server_frame);
	nghttp2_session_server_new2(&w->sessions[1], callbacks, w, option);
	nghttp2_submit_settings(w->sessions[0], 0, NULL, 0);
	nghttp2_submit_settings(w->sessions[1], 0, NULL, 0);
	for (bool busy = true; busy || w->n < calls;) {
		for (unsigned more = draw(4); more && w->n < calls; more--)
			submit_request(w);
		maybe_something_odd(w);
		busy = pass_on(w, 0);
		busy |= pass_on(w, 1);
	}
	for (int d = 0; d < 2; d++)
		nghttp2_session_del(w->sessions[d]);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
	for (unsigned n = 0; n < w->n; n++)
		w->said[n].whole = w->said[n].ended[0] && w->said[n].ended[1];
}

/* --- what is heard */

struct heard {
	struct buf body[2]; /* NUL after each run without a gap */
	bool gap[2];
	unsigned sent;
};

struct judge {
	struct world *world;
	bool lossless;
	unsigned times[CALLS_MAX], complete, known, ended;
};

static struct heard *heard_of(struct exchange *ex)
{
	struct heard *h = ex->meter;

	if (!h) {
		h = calloc(1, sizeof(*h));
		h->body[0] = h->body[1] = buf_with_max(1 << 24);
		ex->meter = h;
	}
	return h;
}

static void on_head(void *ctx, struct exchange *ex)
{
	(void)ctx;
	heard_of(ex);
}

static void on_body(void *ctx, struct exchange *ex, enum direction direction, struct span piece)
{
	(void)ctx;
	buf_put(&heard_of(ex)->body[direction], piece);
}

static void on_gap(void *ctx, struct exchange *ex, enum direction direction)
{
	struct heard *h = heard_of(ex);

	(void)ctx;
	assert_true(ex->completeness >= COMPLETENESS_GAP);
	h->gap[direction] = true;
	buf_put(&h->body[direction], SPAN("\0"));
}

/* Whether the runs are all of this call's body, in order; `from_start`: beginning with its first
 * byte. */
static bool is_of(const struct heard *h, unsigned n, int direction, bool from_start)
{
	struct span rest = buf_span(&h->body[direction]), truth = span_of(body_of(n, direction));

	while (rest.ptr && rest.len) {
		struct span run = span_cut(&rest, '\0');
		const char *at =
		    run.len ? memmem(truth.ptr, truth.len, run.ptr, run.len) : truth.ptr;

		if (!at || (from_start && at != truth.ptr))
			return false;
		truth = span_skip(truth, (size_t)(at - truth.ptr) + run.len);
		from_start = false;
	}
	return true;
}

static void judge_known(struct judge *j, const struct exchange *ex, const struct heard *h)
{
	uint64_t n;
	const struct said *said;

	assert_int_equal(span_u64(span_skip(ex->request.target, 1), &n), 0);
	assert_true(n < j->world->n);
	said = &j->world->said[n];
	assert_int_equal(++j->times[n], 1);
	j->known++;
	assert_true(span_eq(head_get(&ex->request, SPAN("host")), SPAN("api.test")) ||
		    ex->completeness >= COMPLETENESS_GAP);
	assert_true(is_of(h, (unsigned)n, 0, true) || !j->lossless);
	assert_true(is_of(h, (unsigned)n, 0, false) && is_of(h, (unsigned)n, 1, false));
	if (ex->response.status)
		assert_int_equal(ex->response.status, said->status);
	if (ex->completeness != COMPLETENESS_COMPLETE)
		return;
	j->complete++;
	assert_int_equal(ex->fault, EXCHANGE_OK);
	assert_int_equal(ex->lost_bytes, 0);
	assert_true(ex->body_ended[1] && !h->gap[0] && !h->gap[1]);
	assert_int_equal(ex->response.status, said->status);
	for (int d = 0; d < 2; d++)
		if (ex->body_ended[d]) {
			assert_int_equal(h->body[d].len, said->total[d]);
			assert_memory_equal(h->body[d].data ? h->body[d].data : "",
					    body_of((unsigned)n, d), said->total[d]);
		}
}

static void on_request_end(void *ctx, struct exchange *ex)
{
	(void)ctx;
	heard_of(ex)->sent++;
}

static void on_end(void *ctx, struct exchange *ex)
{
	struct judge *j = ctx;
	struct heard *h = heard_of(ex);
	bool found = false;

	assert_int_equal(h->sent, ex->body_ended[DIRECTION_SENT]);
	if (ex->request.method.len) {
		judge_known(j, ex, h);
	} else {
		assert_true(ex->completeness >= COMPLETENESS_GAP);
		for (unsigned n = 0; n < j->world->n && !found; n++)
			found = is_of(h, n, 0, false) && is_of(h, n, 1, false) &&
				(!ex->response.status ||
				 ex->response.status == j->world->said[n].status);
		assert_true(found); /* never two calls in one */
	}
	j->ended++;
	buf_done(&h->body[0]);
	buf_done(&h->body[1]);
	free(h);
	ex->meter = NULL;
}

static const struct exchange_handler handler = {
	.request = on_head,
	.response = on_head,
	.body = on_body,
	.gap = on_gap,
	.end = on_end,
	.sent = on_request_end,
};

struct listener {
	struct judge judge;
	struct http_counters counters;
	struct connection conn;
	struct http *http;
	uint64_t offset[2];
	int64_t now_ns;
};

static void listen(struct listener *l, struct world *w, uint64_t from)
{
	*l = (struct listener){ .judge.world = w, .offset = { from, from }, .now_ns = 1 };
	assert_int_equal(http_new(&l->conn, &handler, &l->judge, &l->counters, &l->http), 0);
}

/* Bytes from..to of the conversation in random pieces, at most one run of a direction each. */
static void hear(struct listener *l, size_t from, size_t to)
{
	const struct talk2 *t = &l->judge.world->talk;
	unsigned i = 0;

	while (i < t->n && t->parts[i].from + t->parts[i].len <= from)
		i++;
	while (from < to) {
		enum direction direction = t->parts[i].direction;
		size_t end;

		while (i < t->n && t->parts[i].direction == direction)
			i++;
		end = t->parts[i - 1].from + t->parts[i - 1].len;
		end = end < to ? end : to;
		while (from < end) {
			size_t n = draw(4) ? end - from : 1 + draw((unsigned)(end - from));
			struct chunk chunk = { .data = { t->bytes.data + from, n },
					       .offset = l->offset[direction],
					       .length = n,
					       .time_utc_ns = l->now_ns++,
					       .direction = direction };

			http_feed(l->http, &chunk);
			l->offset[direction] += n;
			from += n;
		}
	}
}

/* Not heard, but not forgotten. */
static void miss(struct listener *l, size_t from, size_t to)
{
	const struct talk2 *t = &l->judge.world->talk;

	for (unsigned i = 0; i < t->n; i++) {
		size_t start = t->parts[i].from, end = start + t->parts[i].len;

		start = start > from ? start : from;
		end = end < to ? end : to;
		if (start < end)
			l->offset[t->parts[i].direction] += end - start;
	}
}

static void stop(struct listener *l)
{
	http_close(l->http, l->now_ns, (uint64_t[2]){ 0, 0 });
	http_free(l->http);
	assert_int_equal(l->judge.ended, counter_read(&l->counters.exchanges));
	assert_true(l->judge.ended <= l->judge.world->n); /* no call twice */
}

static void test_all_is_heard(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct listener l;

	(void)state;
	start_seed("all is heard");
	for (int round = 0; round < 30; round++) {
		unsigned whole = 0;

		converse(w, 1 + draw(CALLS_MAX - 1));
		listen(&l, w, 0);
		l.judge.lossless = true;
		hear(&l, 0, w->talk.bytes.len);
		stop(&l);
		for (unsigned n = 0; n < w->n; n++)
			whole += w->said[n].whole;
		assert_int_equal(l.judge.known, l.judge.ended);
		assert_true(l.judge.complete >= whole);
		assert_int_equal(counter_read(&l.counters.resyncs), 0);
		assert_int_equal(counter_read(&l.counters.hpack_lost), 0);
		assert_int_equal(counter_read(&l.counters.floods), 0);
		talk2_done(&w->talk);
	}
	free(w);
}

static void test_losses_invent_nothing(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct listener l;
	unsigned complete = 0;

	(void)state;
	start_seed("losses");
	for (int round = 0; round < 6; round++) {
		converse(w, 10 + draw(20));
		for (unsigned i = draw(3); i < w->talk.n; i += 1 + draw(5)) {
			const struct part *part = &w->talk.parts[i];
			size_t from = part->from, to = from + part->len;

			if (draw(2)) { /* not at the edges of a frame */
				from += draw((unsigned)part->len);
				to = from + 1 + draw((unsigned)(w->talk.bytes.len - from) / 8 + 1);
				to = to < w->talk.bytes.len ? to : w->talk.bytes.len;
			}
			listen(&l, w, 0);
			hear(&l, 0, from);
			miss(&l, from, to);
			hear(&l, to, w->talk.bytes.len);
			stop(&l);
			complete += l.judge.complete;
		}
		talk2_done(&w->talk);
	}
	assert_true(complete > 200);
	free(w);
}

static void test_from_the_middle(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct listener l;
	unsigned known = 0, ended = 0;

	(void)state;
	start_seed("from the middle");
	for (int round = 0; round < 4; round++) {
		converse(w, 20 + draw(CALLS_MAX - 20));
		for (unsigned i = 1; i < w->talk.n; i += 1 + draw(5)) {
			listen(&l, w, 1000);
			hear(&l, w->talk.parts[i].from, w->talk.bytes.len);
			stop(&l);
			known += l.judge.known;
			ended += l.judge.ended;
		}
		talk2_done(&w->talk);
	}
	print_message("%u of %u calls with a known path\n", known, ended);
	assert_true(known > ended / 4);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_is_heard),
		cmocka_unit_test(test_losses_invent_nothing),
		cmocka_unit_test(test_from_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
