/* The server over real sockets, byte for byte: bad input, slow and half-closed callers, limits,
 * pipelining, pages of calls, watchers, and who sees what. */
#include <sys/resource.h>

#include "policy/server.h"
#include "tests/unit/policy/rig.h"

#define MANY  64 /* requests at once */
#define FILES (POLICY_CONNECTIONS_MAX + 1000)
#define BUDGETS                                                                                    \
	"budgets:\n"                                                                               \
	"  - name: all\n"                                                                          \
	"    limit: 1 USD per day\n"                                                               \
	"    mode: advise\n"                                                                       \
	"  - name: of-root\n"                                                                      \
	"    match: {user: root}\n"                                                                \
	"    limit: 2 USD per month\n"                                                             \
	"    mode: advise\n"
#define ASK   "{\"provider\":\"openai\",\"model\":\"gpt-x\",\"input_tokens\":10}"
#define ASK_N "{\"provider\":\"openai\",\"model\":\"gpt-x\",\"input_tokens\":%d,\"dry_run\":true}"

static int start(void **state)
{
	*state = rig_start(BUDGETS);
	return 0;
}

static int stop(void **state)
{
	rig_stop(*state);
	return 0;
}

static void later(struct rig *rig, int seconds)
{
	rig->moved_ns += seconds * NS_PER_SEC;
}

/* --- requests */

static void test_bad_requests(void **state)
{
	static const struct {
		const char *text;
		int status;
		bool ends;
	} cases[] = {
		{ "GET /v1/nothing HTTP/1.1\r\n\r\n", 404, false },
		{ "GET /v1/decide HTTP/1.1\r\n\r\n", 405, false },
		{ "POST /v1/budgets HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 405, false },
		{ "GET /v1/status/ HTTP/1.1\r\n\r\n", 404, false },
		{ "GET /v1/calls?sinc=x HTTP/1.1\r\n\r\n", 400, false },
		{ "GET /v1/calls?since=yesterday HTTP/1.1\r\n\r\n", 400, false },
		{ "GET /v1/calls?event_id=42 HTTP/1.1\r\n\r\n", 400, false },
		{ "GET /v1/calls?event_id= HTTP/1.1\r\n\r\n", 400, false },
		{ "GET /v1/calls?limit=0 HTTP/1.1\r\n\r\n", 400, false },
		{ "GET /v1/calls?limit=-1 HTTP/1.1\r\n\r\n", 400, false },
		{ "GET /v1/alerts?limit=0 HTTP/1.1\r\n\r\n", 400, false },
		{ "GET /v1/alerts?event_id=01a21225-d900-7149-8384-790000000042 HTTP/1.1\r\n\r\n",
		  400, false },
		{ "POST /v1/decide HTTP/1.1\r\nContent-Length: 4\r\n\r\nnull", 400, false },
		{ "POST /v1/decide HTTP/1.1\r\n\r\n", 400, false },
		{ "nonsense\r\n\r\n", 400, true },
		{ "\x16\x03\x01\x02", 400, true }, /* TLS */
		{ "POST /v1/decide HTTP/1.1\r\nContent-Length: 1, 2\r\n\r\n", 400, true },
		{ "POST /v1/decide HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411, true },
		{ "POST /v1/decide HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", 413, true },
		{ "POST /v1/decide HTTP/1.1\r\nExpect: x\r\n\r\n", 417, true },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct caller caller = rig_connect(rig);
		struct reply reply;

		caller_send(&caller, span_of(cases[i].text));
		reply = caller_reply(&caller);
		if (reply.status != cases[i].status)
			fail_msg("%s: %d", cases[i].text, reply.status);
		assert_true(reply_has(&reply, "Content-Type: application/problem+json\r\n"));
		assert_int_equal(json_integer_value(json_object_get(reply.json, "status")),
				 cases[i].status);
		assert_int_equal(reply_has(&reply, "Connection: close\r\n"), cases[i].ends);
		if (cases[i].status == 405)
			assert_true(reply_has(&reply, "Allow: "));
		reply_done(&reply);
		if (cases[i].ends) {
			assert_true(caller_has_ended(&caller));
		} else {
			reply = caller_ask(&caller, "GET", "/v1/status", NULL);
			assert_int_equal(reply.status, 200);
			reply_done(&reply);
		}
		caller_done(&caller);
	}
}

/* A body of exactly the limit is read; one byte more is refused and the sender, which has not
 * read yet, still gets the answer. */
static void test_body_limit(void **state)
{
	struct rig *rig = *state;

	for (size_t over = 0; over < 2; over++) {
		struct caller caller = rig_connect(rig);
		size_t size = POLICY_BODY_MAX + over;
		char *body = malloc(size + 1);
		struct reply reply;

		memset(body, ' ', size);
		body[size] = '\0';
		memcpy(body, ASK, sizeof(ASK) - 1);
		reply = caller_ask(&caller, "POST", "/v1/decide", body);
		assert_int_equal(reply.status, over ? 413 : 200);
		reply_done(&reply);
		if (over) {
			/* Who goes on sending is not reset: it reads the answer, then the end. */
			char byte;

			for (int i = 0; i < 16; i++)
				assert_int_equal(send(caller.fd, body, size, MSG_NOSIGNAL), size);
			assert_int_equal(recv(caller.fd, &byte, 1, 0), 0);
		}
		free(body);
		caller_done(&caller);
	}
}

static void test_every_cut(void **state)
{
	static const char text[] =
	    "POST /v1/decide HTTP/1.1\r\nHost: l\r\nContent-Length: 57\r\n\r\n"
	    "{\"provider\":\"openai\",\"model\":\"gpt-x\",\"input_tokens\":\"10\"}";
	struct rig *rig = *state;
	struct span whole = SPAN(text);

	for (size_t cut = 1; cut < whole.len; cut++) {
		struct caller caller = rig_connect(rig);
		struct reply reply;

		caller_send(&caller, span_head(whole, cut));
		if (cut % 2) {
			/* The rest does not come. */
			shutdown(caller.fd, SHUT_WR);
		} else {
			sched_yield();
			caller_send(&caller, span_skip(whole, cut));
		}
		reply = caller_reply(&caller);
		assert_int_equal(reply.status, 400);
		if (cut % 2)
			assert_true(caller_has_ended(&caller));
		else
			assert_string_equal(text_of(reply.json, "field"), "input_tokens");
		reply_done(&reply);
		caller_done(&caller);
	}
}

static void test_pipelining(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct buf requests = buf_with_max(1 << 20);
	char body[128], usd[32];

	for (int i = 1; i <= 300; i++) {
		int n = snprintf(body, sizeof(body), ASK_N, i);

		buf_printf(&requests, "POST /v1/decide HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s", n,
			   body);
	}
	caller_send(&caller, buf_span(&requests));
	/* All are sent: the answers to them come, then the end. */
	shutdown(caller.fd, SHUT_WR);
	for (int i = 1; i <= 300; i++) {
		struct reply reply = caller_reply(&caller);

		assert_int_equal(reply.status, 200);
		snprintf(usd, sizeof(usd), "0.000%03d", i);
		for (size_t n = strlen(usd); usd[n - 1] == '0'; n--)
			usd[n - 1] = '\0';
		assert_string_equal(text_of(reply.json, "asked_usd"), usd);
		reply_done(&reply);
	}
	assert_true(caller_has_ended(&caller));
	buf_done(&requests);
	caller_done(&caller);
}

static void test_half_close(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply;

	caller_send(&caller, SPAN("GET /v1/status HTTP/1.1\r\n\r\n"));
	shutdown(caller.fd, SHUT_WR);
	reply = caller_reply(&caller);
	assert_int_equal(reply.status, 200);
	assert_string_equal(text_of(reply.json, "version"), "test");
	assert_true(caller_has_ended(&caller));
	reply_done(&reply);
	caller_done(&caller);
}

static void test_continue(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply;

	caller_send(&caller, SPAN("POST /v1/decide HTTP/1.1\r\nExpect: 100-continue\r\n"
				  "Content-Length: 55\r\n\r\n"));
	caller.taken += caller_wait_for(&caller, "HTTP/1.1 100 Continue\r\n\r\n");
	caller_send(&caller, SPAN(ASK));
	reply = caller_reply(&caller);
	assert_int_equal(reply.status, 200);
	reply_done(&reply);
	caller_done(&caller);
}

static void test_http_1_0(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply;

	caller_send(&caller, SPAN("GET /v1/budgets HTTP/1.0\r\n\r\n"));
	reply = caller_reply(&caller);
	assert_int_equal(reply.status, 200);
	assert_true(reply_has(&reply, "Connection: close\r\n"));
	assert_true(caller_has_ended(&caller));
	reply_done(&reply);
	caller_done(&caller);
}

/* --- callers that do not hurry */

static int64_t ask_ns(struct caller *caller)
{
	int64_t start_ns = clock_system.monotonic_ns(&clock_system);
	struct reply reply = caller_ask(caller, "POST", "/v1/decide", ASK);

	assert_int_equal(reply.status, 200);
	reply_done(&reply);
	return clock_system.monotonic_ns(&clock_system) - start_ns;
}

static void test_slow_request(void **state)
{
	struct rig *rig = *state;
	struct caller slow = rig_connect(rig), silent = rig_connect(rig), quick = rig_connect(rig);
	struct pollfd answered = { .fd = slow.fd, .events = POLLIN };
	struct reply reply;

	caller_send(&slow, SPAN("POST /v1/decide HTTP/1.1\r\nContent-Length: 1000\r\n\r\n{"));
	for (int i = 0; i < 20; i++)
		assert_true(ask_ns(&quick) < NS_PER_SEC / 2);
	/* A byte now and then is no progress. */
	for (int i = 0; poll(&answered, 1, 30) == 0; i++) {
		assert_true(i < 100);
		caller_send(&slow, SPAN(" "));
		rig->moved_ns += NS_PER_SEC / 2;
	}
	reply = caller_reply(&slow);
	assert_int_equal(reply.status, 408);
	assert_true(caller_has_ended(&slow));
	reply_done(&reply);
	/* One that said nothing yet is not slow. */
	ask_ns(&silent);
	caller_done(&slow);
	caller_done(&silent);
	caller_done(&quick);
}

static void test_idle(void **state)
{
	struct rig *rig = *state;
	struct caller idle = rig_connect(rig);

	ask_ns(&idle);
	later(rig, POLICY_IDLE_SECONDS + 1);
	assert_true(caller_has_ended(&idle));
	caller_done(&idle);
}

/* Somebody who asks and never reads: the server stops taking requests, and gives up in the end. */
static void test_reader_stalls(void **state)
{
	struct rig *rig = *state;
	struct caller stalled = rig_connect(rig), quick = rig_connect(rig);
	struct timeval second = { .tv_sec = 1 };
	struct span request = SPAN("GET /v1/budgets HTTP/1.1\r\n\r\n");
	size_t sent = 0;

	setsockopt(stalled.fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof(second));
	while (send(stalled.fd, request.ptr, request.len, MSG_NOSIGNAL) == (ssize_t)request.len)
		sent += request.len;
	assert_int_equal(errno, EAGAIN);
	assert_true(sent < (8u << 20));
	ask_ns(&quick);
	later(rig, POLICY_STALL_SECONDS + 1);
	while (send(stalled.fd, request.ptr, request.len, MSG_NOSIGNAL) > 0)
		;
	assert_true(errno == EPIPE || errno == ECONNRESET);
	caller_done(&stalled);
	caller_done(&quick);
}

/* --- many callers */

static int open_many(const struct rig *rig, unsigned n, int *fds)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memcpy(address.sun_path, rig->path, strlen(rig->path));
	for (unsigned i = 0; i < n; i++) {
		fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fds[i] < 0 || connect(fds[i], (struct sockaddr *)&address, sizeof(address)) < 0)
			return -1;
	}
	return 0;
}

/* The status that a connection gets which asks nothing, 0 when it is left alone. */
static int unasked_status(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char text[16] = "";

	if (poll(&ready, 1, 200) != 1 || recv(fd, text, sizeof(text) - 1, 0) < 12)
		return 0;
	return (text[9] - '0') * 100 + (text[10] - '0') * 10 + (text[11] - '0');
}

/* By another process: the limit on open files is one's own. 0 = all that held. */
static int as_many_as_there_are(const struct rig *rig)
{
	static int fds[POLICY_CONNECTIONS_MAX + 1];
	struct caller caller;

	if (open_many(rig, POLICY_CONNECTIONS_MAX, fds) < 0 ||
	    open_many(rig, 1, fds + POLICY_CONNECTIONS_MAX) < 0)
		return 1;
	if (unasked_status(fds[POLICY_CONNECTIONS_MAX]) != 503)
		return 2;
	if (unasked_status(fds[POLICY_CONNECTIONS_MAX - 1]) != 0)
		return 3;
	/* The ones before work. */
	caller = (struct caller){ .fd = fds[17], .data = malloc(RIG_REPLY_MAX) };
	ask_ns(&caller);
	free(caller.data);
	return 0;
}

static void test_all_connections(void **state)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < FILES || getuid() != 0)
		skip();
	assert_int_equal(rig_as(0, as_many_as_there_are, *state), 0);
}

static int too_many_of_one_user(const struct rig *rig)
{
	static int fds[POLICY_PER_UID_MAX + 1];

	if (open_many(rig, POLICY_PER_UID_MAX + 1, fds) < 0)
		return 1;
	if (unasked_status(fds[POLICY_PER_UID_MAX]) != 429)
		return 2;
	return unasked_status(fds[POLICY_PER_UID_MAX - 1]) == 0 ? 0 : 3;
}

static void test_connections_of_one_user(void **state)
{
	struct rig *rig = *state;
	struct caller caller;

	if (getuid() != 0)
		skip();
	assert_int_equal(rig_as(RIG_NOBODY, too_many_of_one_user, rig), 0);
	caller = rig_connect(rig);
	ask_ns(&caller);
	caller_done(&caller);
}

static int64_t thread_cpu_ns(pthread_t thread)
{
	struct timespec t;
	clockid_t id;

	pthread_getcpuclockid(thread, &id);
	clock_gettime(id, &t);
	return t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

/* Without descriptors the listener rests instead of spinning, and comes back. */
static void test_out_of_descriptors(void **state)
{
	struct rig *rig = *state;
	struct caller caller = { .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
				 .data = malloc(RIG_REPLY_MAX) };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct rlimit limit, low;
	int64_t before_ns, spent_ns;
	int fd;

	getrlimit(RLIMIT_NOFILE, &limit);
	low = limit;
	fd = dup(0);
	low.rlim_cur = (rlim_t)fd; /* nothing above what is open */
	close(fd);
	setrlimit(RLIMIT_NOFILE, &low);
	memcpy(address.sun_path, rig->path, strlen(rig->path));
	assert_int_equal(connect(caller.fd, (struct sockaddr *)&address, sizeof(address)), 0);
	before_ns = thread_cpu_ns(rig->thread);
	usleep(500000);
	spent_ns = thread_cpu_ns(rig->thread) - before_ns;
	setrlimit(RLIMIT_NOFILE, &limit);
	assert_true(spent_ns < 100 * NS_PER_MS);
	ask_ns(&caller);
	caller_done(&caller);
}

/* --- calls */

/* Takes one chunked response apart; false when its last chunk is missing. */
static bool read_lines(struct caller *caller, struct buf *lines)
{
	size_t n = caller_wait_for(caller, "\r\n\r\n");

	assert_true(n > 0);
	assert_non_null(memmem(caller_rest(caller).ptr, n, "Transfer-Encoding: chunked", 26));
	caller->taken += n;
	for (;;) {
		unsigned long size;

		n = caller_wait_for(caller, "\r\n");
		if (!n)
			return false;
		size = strtoul(caller_rest(caller).ptr, NULL, 16);
		while (caller_rest(caller).len < n + size + 2)
			if (!caller_read(caller))
				return false;
		buf_put(lines, span_head(span_skip(caller_rest(caller), n), size));
		caller->taken += n + size + 2;
		if (!size)
			return true;
	}
}

static void assert_seqs(struct span lines, int64_t first, int64_t last, int64_t step)
{
	int64_t seq = first;

	for (; lines.len; seq += step) {
		struct span line = span_cut(&lines, '\n');
		json_t *json = json_loadb(line.ptr, line.len, 0, NULL);

		assert_non_null(json);
		assert_int_equal(json_integer_value(json_object_get(json, "seq")), seq);
		json_decref(json);
	}
	assert_int_equal(seq, last + step);
}

static void ask_calls(struct caller *caller, const char *query)
{
	char text[128];

	snprintf(text, sizeof(text), "GET /v1/calls%s HTTP/1.1\r\n\r\n", query);
	caller_send(caller, span_of(text));
}

static void test_calls(void **state)
{
	static const struct {
		const char *query;
		int64_t first, last;
	} cases[] = {
		{ "", 1, 5000 },
		{ "?limit=7", 4994, 5000 },
		{ "?limit=2000", 3001, 5000 },
		{ "?limit=5000", 1, 5000 },
		{ "?limit=6000", 1, 5000 },
		{ "?since=1970-01-01T01:00:00Z", 3601, 5000 },
		{ "?since=1970-01-01T02:00:00%2B01:00&limit=100000", 3601, 5000 },
		{ "?since=1970-01-01T01:00:00Z&limit=1", 5000, 5000 },
		{ "?since=1971-01-01", 1, 0 },
		{ "?event_id=01a21225-d900-7149-8384-790000000042", 66, 66 },
		{ "?event_id=01a21225-d900-7149-8384-790000000042&since=1971-01-01", 1, 0 },
	};
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);

	rig->n_calls = 5000;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct buf lines = buf_with_max(RIG_REPLY_MAX);

		caller.len = caller.taken = 0;
		ask_calls(&caller, cases[i].query);
		assert_true(read_lines(&caller, &lines));
		assert_seqs(buf_span(&lines), cases[i].first, cases[i].last, 1);
		buf_done(&lines);
	}
	caller_done(&caller);
}

/* The same, of alerts. */
static void test_alerts(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct buf lines = buf_with_max(RIG_REPLY_MAX);

	rig->n_calls = 5000;
	caller_send(&caller, SPAN("GET /v1/alerts?since=1970-01-01T01:00:00Z&limit=2 "
				  "HTTP/1.1\r\n\r\n"));
	assert_true(read_lines(&caller, &lines));
	assert_null(memmem(lines.data, lines.len, "alert 4998\"", 11));
	assert_non_null(memmem(lines.data, lines.len, "alert 4999\"", 11));
	assert_non_null(memmem(lines.data, lines.len, "alert 5000\"", 11));
	buf_done(&lines);
	caller_done(&caller);
}

/* The newest N are those of the start, without a hole, while more come in. */
static void test_calls_while_they_come(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct buf lines = buf_with_max(RIG_REPLY_MAX);

	rig->n_calls = 5000;
	rig->n_calls_a_page = 10;
	ask_calls(&caller, "?limit=2000");
	assert_true(read_lines(&caller, &lines));
	assert_seqs(buf_span(&lines), 3001, 5000, 1);
	buf_done(&lines);
	caller_done(&caller);
}

/* Requests behind a long answer wait for it; other callers do not. */
static void test_calls_of_a_slow_reader(void **state)
{
	struct rig *rig = *state;
	struct caller slow = rig_connect(rig), quick = rig_connect(rig);
	struct buf lines = buf_with_max(RIG_REPLY_MAX);
	struct reply reply;
	unsigned queries;

	rig->n_calls = 10000;
	rig->n_queries = 0;
	ask_calls(&slow, "");
	caller_send(&slow, SPAN("GET /v1/status HTTP/1.1\r\n\r\n"));
	for (int i = 0; i < 200; i++)
		assert_true(ask_ns(&quick) < NS_PER_SEC / 2);
	queries = rig->n_queries;
	/* 2.2 MB in pages of 64 KiB: the socket takes a few, the rest stays in the ledger. */
	assert_in_range(queries, 1, 10);
	assert_true(read_lines(&slow, &lines));
	assert_seqs(buf_span(&lines), 1, 10000, 1);
	reply = caller_reply(&slow);
	assert_int_equal(reply.status, 200);
	reply_done(&reply);
	buf_done(&lines);
	caller_done(&slow);
	caller_done(&quick);
}

static void test_calls_when_the_ledger_cannot(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct buf lines = buf_with_max(RIG_REPLY_MAX);
	struct reply reply;

	rig->n_calls = 10000;
	for (int fails = 0; fails < 2; fails++) {
		rig->ledger_is_full = !fails;
		rig->ledger_fails = fails;
		reply = caller_ask(&caller, "GET", "/v1/calls", NULL);
		assert_int_equal(reply.status, 503);
		assert_true(reply_has(&reply, "Retry-After: 1\r\n"));
		reply_done(&reply);
	}
	rig->ledger_fails = false;
	/* In the middle: a full queue is waited for, a failure cuts the answer visibly. */
	ask_calls(&caller, "");
	caller_wait_for(&caller, "\r\n\r\n");
	rig->ledger_is_full = true;
	usleep(20000);
	rig->ledger_is_full = false;
	assert_true(read_lines(&caller, &lines));
	assert_seqs(buf_span(&lines), 1, 10000, 1);
	caller.len = caller.taken = 0;
	ask_calls(&caller, "");
	caller_wait_for(&caller, "\r\n\r\n");
	rig->ledger_fails = true;
	assert_false(read_lines(&caller, &lines));
	rig->ledger_fails = false;
	buf_done(&lines);
	caller_done(&caller);
}

/* What the socket holds is read; only then is it the ledger that is waited for, by a clock that is
 * moved until it was long enough. */
static bool ends_later(struct rig *rig, struct caller *caller)
{
	for (int i = 0; i < 20; i++) {
		struct pollfd ready = { .fd = caller->fd, .events = POLLIN };

		while (poll(&ready, 1, 1500) == 1) {
			caller->len = caller->taken = 0;
			if (!caller_read(caller))
				return true;
		}
		rig->moved_ns += (POLICY_LEDGER_SECONDS + 1) * NS_PER_SEC;
	}
	return false;
}

/* Nobody waits for ever: not for the first page, nor for a later one, nor for a queue that stays
 * full. */
static void test_calls_of_a_silent_ledger(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply;

	rig->n_calls = 10000;
	rig->ledger_is_silent = true;
	ask_calls(&caller, "");
	usleep(1500000); /* a tick has passed, and the caller still waits */
	assert_int_equal(recv(caller.fd, caller.data, 1, MSG_DONTWAIT), -1);
	rig->moved_ns += (POLICY_LEDGER_SECONDS + 1) * NS_PER_SEC;
	reply = caller_reply(&caller);
	assert_int_equal(reply.status, 504);
	assert_true(reply_has(&reply, "application/problem+json"));
	assert_true(reply_has(&reply, "Connection: close\r\n"));
	assert_true(caller_has_ended(&caller));
	reply_done(&reply);
	caller_done(&caller);
	for (int is_full = 0; is_full < 2; is_full++) {
		rig->ledger_is_silent = rig->ledger_is_full = false;
		caller = rig_connect(rig);
		ask_calls(&caller, "");
		caller_wait_for(&caller, "\r\n\r\n");
		*(is_full ? &rig->ledger_is_full : &rig->ledger_is_silent) = true;
		assert_true(ends_later(rig, &caller));
		caller_done(&caller);
	}
	rig->ledger_is_silent = rig->ledger_is_full = false;
}

/* A page for a caller that has gone finds nobody. */
static void test_calls_of_one_that_goes(void **state)
{
	struct rig *rig = *state;
	struct caller caller;

	rig->n_calls = 10000;
	for (int i = 0; i < 20; i++) {
		caller = rig_connect(rig);
		ask_calls(&caller, "");
		if (i % 2)
			caller_read(&caller);
		caller_done(&caller);
	}
	caller = rig_connect(rig);
	ask_ns(&caller);
	caller_done(&caller);
}

/* The ledger is asked so much at once and no more; what it has answered is no question any more. */
static void test_too_many_questions(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	static int fds[POLICY_QUESTIONS_MAX];
	static const char request[] = "GET /v1/calls HTTP/1.1\r\n\r\n";
	struct reply reply;

	for (int i = 0; i < POLICY_QUESTIONS_MAX + 100; i++) {
		caller.len = caller.taken = 0;
		ask_calls(&caller, "");
		caller.taken += caller_wait_for(&caller, "\r\n0\r\n\r\n");
	}
	rig->ledger_is_silent = true;
	assert_int_equal(open_many(rig, POLICY_QUESTIONS_MAX, fds), 0);
	rig->n_queries = 0;
	for (int i = 0; i < POLICY_QUESTIONS_MAX; i++)
		assert_int_equal(send(fds[i], request, sizeof(request) - 1, 0),
				 sizeof(request) - 1);
	for (int i = 0; rig->n_queries < POLICY_QUESTIONS_MAX && i < 500; i++)
		usleep(10000);
	assert_int_equal(rig->n_queries, POLICY_QUESTIONS_MAX);
	caller.len = caller.taken = 0;
	reply = caller_ask(&caller, "GET", "/v1/calls", NULL);
	assert_int_equal(reply.status, 503);
	reply_done(&reply);
	for (int i = 0; i < POLICY_QUESTIONS_MAX; i++)
		close(fds[i]);
	rig->ledger_is_silent = false;
	caller_done(&caller);
}

/* The last answer to one that has said all: it is the end of the connection, too. */
static void test_calls_of_one_that_ended(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply;

	rig->ledger_is_full = true;
	for (int i = 0; i < 1000; i++)
		caller_send(&caller, SPAN("GET /v1/budgets HTTP/1.1\r\n\r\n"));
	caller_send(&caller, SPAN("GET /v1/calls HTTP/1.1\r\nConnection: close\r\n\r\n"));
	shutdown(caller.fd, SHUT_WR);
	usleep(20000); /* more than a socket holds: the end is known before the last is taken */
	for (int i = 0; i <= 1000; i++) {
		reply = caller_reply(&caller);
		assert_int_equal(reply.status, i < 1000 ? 200 : 503);
		reply_done(&reply);
	}
	assert_true(caller_has_ended(&caller));
	rig->ledger_is_full = false;
	caller_done(&caller);
}

static void test_calls_http_1_0(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	size_t head;

	rig->n_calls = 1000;
	caller_send(&caller, SPAN("GET /v1/calls HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
	head = caller_wait_for(&caller, "\r\n\r\n");
	assert_null(memmem(caller.data, head, "chunked", 7));
	caller.taken = head;
	while (caller_read(&caller))
		;
	assert_seqs(caller_rest(&caller), 1, 1000, 1);
	caller_done(&caller);
}

/* --- watchers */

static struct caller watch(const struct rig *rig)
{
	struct caller caller = rig_connect(rig);

	caller_send(&caller, SPAN("GET /v1/watch HTTP/1.1\r\n\r\n"));
	caller.taken += caller_wait_for(&caller, "\r\n\r\n");
	assert_non_null(memmem(caller.data, caller.taken, "text/event-stream", 17));
	/* Behind the first comment it is surely on the list. */
	caller.taken += caller_wait_for(&caller, ": outlay\n\n");
	return caller;
}

struct publication {
	const char *json;
	uint32_t uid;
	unsigned times;
};

static void publish(struct rig *rig, void *ctx)
{
	const struct publication *p = ctx;

	for (unsigned i = 0; i < p->times; i++)
		policy_publish(rig->policy, "call", span_of(p->json), p->uid);
}

static void test_watch(void **state)
{
	struct rig *rig = *state;
	struct caller watcher = watch(rig), asker = rig_connect(rig);

	rig_run(rig, publish, &(struct publication){ "{\"a\":1}", UINT32_MAX, 1 });
	rig_run(rig, publish, &(struct publication){ "{\"a\":2}", 12345, 1 });
	watcher.taken += caller_wait_for(&watcher, "event: call\ndata: {\"a\":1}\n\n");
	watcher.taken += caller_wait_for(&watcher, "event: call\ndata: {\"a\":2}\n\n");
	ask_ns(&asker);
	watcher.taken += caller_wait_for(&watcher, "event: decision\ndata: {\"decision_id\":\"");
	/* At the next tick: what the decision reserved, 10 tokens at a microdollar. */
	watcher.taken += caller_wait_for(&watcher, "event: budget\ndata: {\"name\":\"all\"");
	watcher.taken += caller_wait_for(&watcher, "\"reserved_usd\":\"0.00001\"");
	caller_done(&watcher);
	caller_done(&asker);
}

static void test_watch_beats(void **state)
{
	struct rig *rig = *state;
	struct caller watcher = watch(rig), half = watch(rig);

	later(rig, 16);
	assert_true(caller_wait_for(&watcher, ": here\n\n") > 0);
	/* One that has closed its sending side still hears. */
	shutdown(half.fd, SHUT_WR);
	rig_run(rig, publish, &(struct publication){ "{\"a\":3}", UINT32_MAX, 1 });
	assert_true(caller_wait_for(&half, "{\"a\":3}") > 0);
	caller_done(&watcher);
	caller_done(&half);
}

static int64_t open_connections(struct caller *caller)
{
	struct reply reply = caller_ask(caller, "GET", "/v1/status", NULL);
	int64_t n = json_integer_value(
	    json_object_get(json_object_get(reply.json, "policy"), "open_connections"));

	reply_done(&reply);
	return n;
}

static void test_watcher_that_goes(void **state)
{
	struct rig *rig = *state;
	struct caller watcher = watch(rig), asker = rig_connect(rig);

	assert_int_equal(open_connections(&asker), 2);
	caller_done(&watcher);
	for (int i = 0; open_connections(&asker) != 1; i++) {
		assert_true(i < 100);
		usleep(1000);
	}
	caller_done(&asker);
}

static void count_unsent(struct rig *rig, void *ctx)
{
	size_t *n = ctx;

	*n = 0;
	for (const struct client *client = rig->policy->clients; client; client = client->next)
		*n += server_unsent(client);
}

/* What has arrived. */
static void read_all(struct caller *caller)
{
	struct pollfd ready = { .fd = caller->fd, .events = POLLIN };

	while (poll(&ready, 1, 0) == 1)
		caller_read(caller);
}

static void test_slow_watcher(void **state)
{
	struct rig *rig = *state;
	struct caller slow = watch(rig), quick = watch(rig);
	char json[1001];
	size_t seen = 0, rest, unsent;

	memset(json, 'x', sizeof(json) - 1);
	json[sizeof(json) - 1] = '\0';
	for (unsigned i = 0; i < 20; i++) {
		rig_run(rig, publish, &(struct publication){ json, UINT32_MAX, 100 });
		for (unsigned n = 0; n < 100; n++)
			quick.taken += caller_wait_for(&quick, "xx\n\n");
	}
	/* 2 MB were published; the slow one gets what the socket and 256 KiB hold, and the count
	 * of the rest with the next event. */
	do {
		read_all(&slow);
		rig_run(rig, count_unsent, &unsent);
	} while (unsent);
	read_all(&slow);
	while (memmem(caller_rest(&slow).ptr, caller_rest(&slow).len, "xx\n\n", 4)) {
		slow.taken += caller_wait_for(&slow, "xx\n\n");
		seen++;
	}
	assert_true(seen < 2000 && seen > POLICY_WATCH_BYTES_MAX / 1100);
	rig_run(rig, publish, &(struct publication){ "next", UINT32_MAX, 1 });
	rest = caller_wait_for(&slow, "data: next\n\n");
	assert_true(rest > 0);
	snprintf(json, sizeof(json), "event: dropped\ndata: {\"events\":%zu}\n\n", 2000 - seen);
	assert_non_null(memmem(caller_rest(&slow).ptr, rest, json, strlen(json)));
	assert_int_equal(counter_read(&policy_counters(rig->policy)->watch_dropped), 2000 - seen);
	caller_done(&slow);
	caller_done(&quick);
}

struct two {
	struct caller many, one;
};

/* On the loop's thread: all is there when it looks again. */
static void send_both(struct rig *rig, void *ctx)
{
	static const char request[] =
	    "POST /v1/decide HTTP/1.1\r\nContent-Length: 52\r\n\r\n"
	    "{\"provider\":\"openai\",\"model\":\"gpt-1\",\"dry_run\":true}";
	struct two *two = ctx;

	(void)rig;
	for (int i = 0; i < MANY; i++)
		caller_send(&two->many, SPAN(request));
	caller_send(&two->one, SPAN(request));
}

/* Who sends many requests at once waits for those of others in between: ids rise with time. */
static void test_turns(void **state)
{
	struct rig *rig = *state;
	struct two two = { rig_connect(rig), rig_connect(rig) };
	char ids[MANY + 1][64];

	rig_run(rig, send_both, &two);
	for (int i = 0; i <= MANY; i++) {
		struct reply reply = caller_reply(i < MANY ? &two.many : &two.one);

		assert_int_equal(reply.status, 200);
		span_copy(span_of(text_of(reply.json, "decision_id")), ids[i], sizeof(ids[i]));
		assert_true(i == 0 || i == MANY || strcmp(ids[i - 1], ids[i]) < 0);
		reply_done(&reply);
	}
	assert_true(strcmp(ids[MANY], ids[MANY / 2]) < 0);
	caller_done(&two.many);
	caller_done(&two.one);
}

static void test_too_many_watchers(void **state)
{
	struct rig *rig = *state;
	struct caller watchers[POLICY_WATCHERS_MAX], caller = rig_connect(rig);
	struct reply reply;

	for (unsigned i = 0; i < POLICY_WATCHERS_MAX; i++)
		watchers[i] = watch(rig);
	reply = caller_ask(&caller, "GET", "/v1/watch", NULL);
	assert_int_equal(reply.status, 503);
	reply_done(&reply);
	for (unsigned i = 0; i < POLICY_WATCHERS_MAX; i++)
		caller_done(&watchers[i]);
	caller_done(&caller);
}

/* --- who sees what */

static int look_around(const struct rig *rig)
{
	struct caller caller = rig_connect(rig);
	struct buf lines = buf_with_max(RIG_REPLY_MAX);
	struct reply reply = caller_ask(&caller, "GET", "/v1/budgets", NULL);
	json_t *budgets = json_object_get(reply.json, "budgets");
	unsigned n_lines = 0;

	if (json_array_size(budgets) != 1 ||
	    strcmp(text_of(json_array_get(budgets, 0), "name"), "all") != 0)
		return 1;
	reply = caller_ask(&caller, "GET", "/v1/alerts", NULL);
	if (reply.status != 403 || strcmp(text_of(reply.json, "title"), "Forbidden") != 0)
		return 4;
	ask_calls(&caller, "");
	if (!read_lines(&caller, &lines))
		return 2;
	/* Every third call is its own. No assertion here: this is another process. */
	for (size_t i = 0; i < lines.len; i++)
		n_lines += lines.data[i] == '\n';
	return n_lines == 100 && memmem(lines.data, lines.len, "{\"seq\":298,", 11) ? 0 : 3;
}

static int watch_as_nobody(const struct rig *rig)
{
	struct caller caller = watch(rig);
	size_t n;

	/* A cut by the budget of everybody, not that of root; a round and all of the next. */
	for (int i = 0; i < 2; i++) {
		n = caller_wait_for(&caller, "event: enforcement\ndata: {\"a\":\"all\"}");
		if (!n)
			return 1;
		caller.taken += n;
		n = caller_wait_for(&caller, "{\"a\":\"nobody\"}");
		if (!n)
			return 2;
		caller.taken += n;
	}
	return memmem(caller.data, caller.taken, "secret", 6) ? 3 : 0;
}

/* `uid`: the index of a budget. */
static void publish_cut(struct rig *rig, void *ctx)
{
	const struct publication *p = ctx;

	policy_publish_of(rig->policy, p->uid, "enforcement", span_of(p->json));
}

static void *keep_publishing(void *ctx)
{
	struct rig *rig = ctx;

	for (int i = 0; i < 50; i++) {
		rig_run(rig, publish, &(struct publication){ "{\"a\":\"secret\"}", 0, 1 });
		rig_run(rig, publish, &(struct publication){ "{\"a\":\"secret\"}", UINT32_MAX, 1 });
		rig_run(rig, publish_cut, &(struct publication){ "{\"a\":\"secret\"}", 1, 1 });
		usleep(5000);
		rig_run(rig, publish_cut, &(struct publication){ "{\"a\":\"all\"}", 0, 1 });
		rig_run(rig, publish, &(struct publication){ "{\"a\":\"nobody\"}", RIG_NOBODY, 1 });
	}
	return NULL;
}

static void test_other_users(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply = caller_ask(&caller, "GET", "/v1/budgets", NULL);
	pthread_t thread;

	if (getuid() != 0)
		skip();
	assert_int_equal(json_array_size(json_object_get(reply.json, "budgets")), 2);
	reply_done(&reply);
	caller_done(&caller);
	rig->n_calls = 300;
	assert_int_equal(rig_as(RIG_NOBODY, look_around, rig), 0);
	pthread_create(&thread, NULL, keep_publishing, rig);
	assert_int_equal(rig_as(RIG_NOBODY, watch_as_nobody, rig), 0);
	pthread_join(thread, NULL);
}

/* --- the socket itself */

static int try_listen(struct rig *rig, const char *path, int inherited, struct err *err)
{
	struct policy_ports ports = rig_ports(rig);
	struct event_base *base = event_base_new();
	struct policy *policy = NULL;
	int code = policy_new(base, path, inherited, &ports, &policy, err);

	policy_free(policy);
	event_base_free(base);
	return code;
}

static void charge_all(struct rig *rig, void *ctx)
{
	struct charge charge = { .cost_pico = 5 };
	struct verdict verdict;
	bool *done = ctx;

	charge.usage.time_end_ns = rig->clock.now_ns(&rig->clock);
	budgets_charge(rig->budgets, &charge, charge.usage.time_end_ns, &verdict);
	assert_int_equal(verdict.n_budgets, VERDICT_BUDGETS_MAX);
	rig->store_is_full = true;
	done[0] = policy_store_owed(rig->policy);
	rig->store_is_full = false;
	done[1] = policy_store_owed(rig->policy);
}

/* More budgets than a verdict holds: what they are owed is stored at the last moment, or it is said
 * that there was no room. */
static void test_store_owed(void **state)
{
	struct buf yaml = buf_with_max(4096);
	bool done[2] = { true, false };
	struct rig *rig;

	(void)state;
	buf_printf(&yaml, "budgets:\n");
	for (int i = 0; i < VERDICT_BUDGETS_MAX + 4; i++)
		buf_printf(&yaml, "  - {name: b%d, limit: 5 USD per day}\n", i);
	rig = rig_start(yaml.data);
	rig_run(rig, charge_all, done);
	assert_false(done[0]);
	assert_true(done[1]);
	assert_int_equal(rig->n_touches, 4);
	rig_stop(rig);
	buf_done(&yaml);
}

static void test_socket(void **state)
{
	struct rig *rig = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct err err = { "" };
	char path[200];
	struct stat st;
	int fd;

	assert_int_equal(stat(rig->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0666);
	assert_int_equal(try_listen(rig, rig->path, -1, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, rig->path));
	/* Refusing did not take the socket away. */
	assert_int_equal(access(rig->path, F_OK), 0);

	/* One that nobody answers on. */
	snprintf(path, sizeof(path), "%s/stale", rig->dir);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	memcpy(address.sun_path, path, strlen(path));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_int_equal(try_listen(rig, path, -1, NULL), 0);
	assert_int_equal(access(path, F_OK), -1);

	fclose(fopen(path, "w"));
	assert_int_equal(try_listen(rig, path, -1, NULL), -EEXIST);
	unlink(path);
	assert_int_equal(try_listen(rig, "/nowhere/at/all", -1, NULL), -ENOENT);
	assert_int_equal(try_listen(rig, "", -1, NULL), -ENAMETOOLONG);
	memset(path, 'a', 108);
	path[108] = '\0';
	assert_int_equal(try_listen(rig, path, -1, NULL), -ENAMETOOLONG);
}

/* Serves on the inherited socket until the caller has its answer: its status. */
static int answered_on(struct rig *rig, int inherited, int caller)
{
	struct policy_ports ports = rig_ports(rig);
	struct event_base *base = event_base_new();
	struct policy *policy = NULL;
	char answer[65536];
	ssize_t n = -1;

	assert_int_equal(policy_new(base, "unused", inherited, &ports, &policy, NULL), 0);
	for (int i = 0; n <= 0 && i < RIG_WAIT_MS; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		n = recv(caller, answer, sizeof(answer), MSG_DONTWAIT);
		poll(NULL, 0, 1);
	}
	policy_free(policy);
	event_base_free(base);
	return n > 12 ? (int)strtol(answer + 9, NULL, 10) : -1;
}

/* Whoever comes between two agents waits, and is answered by the next. */
static void test_socket_of_the_service_manager(void **state)
{
	static const char ask[] = "GET /v1/budgets HTTP/1.1\r\nHost: x\r\n\r\n";
	struct rig *rig = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), other = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct err err = { "" };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/given", rig->dir);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(try_listen(rig, "unused", listener, &err), -EINVAL);
	assert_non_null(strstr(err.text, "ListenStream"));
	assert_int_equal(try_listen(rig, "unused", other, NULL), -EINVAL);
	assert_int_equal(listen(listener, 8), 0);
	for (int restarts = 0; restarts < 3; restarts++) {
		int caller = socket(AF_UNIX, SOCK_STREAM, 0);

		assert_int_equal(connect(caller, (struct sockaddr *)&address, sizeof(address)), 0);
		assert_int_equal(send(caller, ask, sizeof(ask) - 1, 0), sizeof(ask) - 1);
		assert_int_equal(answered_on(rig, dup(listener), caller), 200);
		close(caller);
	}
	close(listener);
	close(other);
	unlink(address.sun_path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bad_requests),
		TEST(test_body_limit),
		TEST(test_every_cut),
		TEST(test_pipelining),
		TEST(test_half_close),
		TEST(test_continue),
		TEST(test_http_1_0),
		TEST(test_slow_request),
		TEST(test_idle),
		TEST(test_reader_stalls),
		TEST(test_all_connections),
		TEST(test_connections_of_one_user),
		TEST(test_out_of_descriptors),
		TEST(test_calls),
		TEST(test_alerts),
		TEST(test_calls_while_they_come),
		TEST(test_calls_of_a_slow_reader),
		TEST(test_calls_when_the_ledger_cannot),
		TEST(test_calls_of_a_silent_ledger),
		TEST(test_calls_of_one_that_goes),
		TEST(test_too_many_questions),
		TEST(test_calls_of_one_that_ended),
		TEST(test_calls_http_1_0),
		TEST(test_watch),
		TEST(test_watch_beats),
		TEST(test_watcher_that_goes),
		TEST(test_slow_watcher),
		TEST(test_turns),
		TEST(test_too_many_watchers),
		TEST(test_other_users),
		TEST(test_socket),
		TEST(test_socket_of_the_service_manager),
		cmocka_unit_test(test_store_owed),
	};
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max < FILES ? limit.rlim_max : FILES;
	setrlimit(RLIMIT_NOFILE, &limit);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
