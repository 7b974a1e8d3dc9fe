/* liboutlay against a real policy server, and against servers that are silent, cut short, or talk
 * nonsense. An input token costs one microdollar here, an output token two. */
#include "outlay/outlay.h"
#include "lib/reply.h"
#include "tests/unit/policy/rig.h"

#define BUDGETS                                                                                    \
	"budgets:\n"                                                                               \
	"  - name: day\n"                                                                          \
	"    limit: 0.004 USD per day\n"                                                           \
	"    mode: advise\n"                                                                       \
	"  - name: team\n"                                                                         \
	"    match: {label: {team: 'a\"b'}}\n"                                                     \
	"    limit: 0.001 USD per day\n"                                                           \
	"    mode: observe\n"
#define THREADS 8

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

static struct outlay *open_at(const char *path, unsigned deadline_ms, enum outlay_failure failure)
{
	struct outlay_options options = { path, deadline_ms, failure };
	struct outlay *outlay;

	assert_int_equal(outlay_open(&options, &outlay), 0);
	return outlay;
}

/* 1200 in and 400 out: 1200 + 2 * 400 microdollars. */
static const struct outlay_ask usual = { "openai", "gpt-4o-mini", NULL, NULL, 1200, 400, 0, 0 };

static void test_decide(void **state)
{
	struct rig *rig = *state;
	struct outlay *outlay = open_at(rig->path, RIG_WAIT_MS, OUTLAY_FAIL_CLOSED);
	struct outlay_ask ask = usual;
	struct outlay_answer a;

	assert_int_equal(outlay_decide(outlay, &ask, &a), 0);
	assert_int_equal(a.decision, OUTLAY_ALLOW);
	assert_string_equal(a.reserved_usd, "0.002");
	assert_int_equal(strlen(a.reservation), 36);
	assert_int_equal(strlen(a.decision_id), 36);
	assert_int_equal(a.expires[strlen(a.expires) - 1], 'Z');

	ask.dry_run = 1;
	ask.labels = "app=x,team=a\"b";
	assert_int_equal(outlay_decide(outlay, &ask, &a), 0);
	assert_int_equal(a.decision, OUTLAY_WARN);
	assert_string_equal(a.reservation, "");

	ask = usual;
	ask.operation = "chat";
	ask.max_output_tokens++;
	assert_int_equal(outlay_decide(outlay, &ask, &a), 0);
	assert_int_equal(a.decision, OUTLAY_DENY);
	assert_string_equal(a.reservation, "");
	assert_non_null(strstr(a.reason, "day"));
	assert_non_null(strstr(a.reason, "0.002002")); /* what was asked */
	outlay_close(outlay);
}

static void move_on(struct rig *rig, void *ctx)
{
	(void)ctx;
	rig->moved_ns += RESERVATION_TTL_NS - 10 * NS_PER_SEC;
}

/* Each holds half of the day's budget: renewed it outlives its first lease, released it is gone. */
static void test_renew_and_release(void **state)
{
	struct rig *rig = *state;
	struct outlay *outlay = open_at(rig->path, RIG_WAIT_MS, OUTLAY_FAIL_CLOSED);
	struct outlay_ask ask = usual;
	struct outlay_answer first, second, a;

	assert_int_equal(outlay_decide(outlay, &ask, &first), 0);
	assert_int_equal(outlay_decide(outlay, &ask, &second), 0);
	rig_run(rig, move_on, NULL);
	assert_int_equal(outlay_renew(outlay, first.reservation), 0);
	rig_run(rig, move_on, NULL); /* the second has expired */
	assert_int_equal(outlay_renew(outlay, second.reservation), -EALREADY);
	ask.max_output_tokens++;
	outlay_decide(outlay, &ask, &a);
	assert_int_equal(a.decision, OUTLAY_DENY);
	assert_int_equal(outlay_release(outlay, first.reservation), 0);
	assert_int_equal(outlay_release(outlay, first.reservation), -EALREADY);
	outlay_decide(outlay, &ask, &a);
	assert_int_equal(a.decision, OUTLAY_ALLOW);
	assert_int_equal(outlay_release(outlay, "01890a5d-ac96-774b-bcce-b302099a8057"), -ENOENT);
	assert_int_equal(outlay_renew(outlay, "x"), -EINVAL);
	outlay_close(outlay);
}

static void test_what_the_agent_does_not_take(void **state)
{
	struct rig *rig = *state;
	struct outlay *outlay = open_at(rig->path, RIG_WAIT_MS, OUTLAY_FAIL_OPEN);
	static char huge[20000];
	struct outlay_ask ask = usual;
	struct outlay_answer a;

	ask.provider = "\x01 \"\\";
	assert_int_equal(outlay_decide(outlay, &ask, &a), -EINVAL);
	assert_int_equal(a.decision, OUTLAY_DENY);
	assert_string_not_equal(a.reason, "");
	ask.provider = NULL;
	assert_int_equal(outlay_decide(outlay, &ask, &a), -EINVAL);
	memset(huge, 'x', sizeof(huge) - 1);
	ask.provider = huge;
	assert_int_equal(outlay_decide(outlay, &ask, &a), -EINVAL);
	assert_int_equal(a.decision, OUTLAY_DENY);
	/* And the connection is still good. */
	assert_int_equal(outlay_decide(outlay, &usual, &a), 0);
	outlay_close(outlay);
}

static void test_settle(void **state)
{
	struct rig *rig = *state;
	struct outlay *outlay = open_at(rig->path, RIG_WAIT_MS, OUTLAY_FAIL_OPEN);
	struct outlay_answer a;

	assert_int_equal(outlay_decide(outlay, &usual, &a), 0);
	assert_int_equal(outlay_settle(outlay, a.reservation, "-1"), -EINVAL);
	assert_int_equal(outlay_settle(outlay, a.reservation, "0.0005"), 0);
	assert_int_equal(outlay_settle(outlay, a.reservation, "0.0005"), -EALREADY);
	assert_int_equal(outlay_settle(outlay, "none", NULL), -EINVAL);
	assert_int_equal(outlay_settle(outlay, "00000000-0000-7000-8000-000000000000", NULL),
			 -ENOENT);
	/* 0.0005 of 0.004 is spent: 0.002 fits once more, and not twice. */
	assert_int_equal(outlay_decide(outlay, &usual, &a), 0);
	assert_int_equal(a.decision, OUTLAY_ALLOW);
	assert_int_equal(outlay_settle(outlay, a.reservation, NULL), 0);
	assert_int_equal(outlay_decide(outlay, &usual, &a), 0);
	assert_int_equal(a.decision, OUTLAY_DENY);
	outlay_close(outlay);
}

static void test_a_restart_is_not_seen(void **state)
{
	struct rig *rig = rig_start(BUDGETS), *next;
	struct outlay *outlay = open_at(rig->path, RIG_WAIT_MS, OUTLAY_FAIL_CLOSED);
	struct outlay_answer a;
	char path[sizeof(rig->path)], dir[sizeof(rig->dir)];

	(void)state;
	memcpy(path, rig->path, sizeof(path));
	memcpy(dir, rig->dir, sizeof(dir));
	assert_int_equal(outlay_decide(outlay, &usual, &a), 0);
	rig_stop(rig);
	assert_int_equal(outlay_decide(outlay, &usual, &a), -ENOENT);
	assert_int_equal(a.decision, OUTLAY_DENY);
	next = rig_start(BUDGETS);
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_int_equal(rename(next->path, path), 0);
	assert_int_equal(outlay_decide(outlay, &usual, &a), 0);
	assert_int_equal(a.decision, OUTLAY_ALLOW);
	assert_int_equal(rename(path, next->path), 0);
	rmdir(dir);
	outlay_close(outlay);
	rig_stop(next);
}

static void *ask_often(void *ctx)
{
	struct outlay_ask ask = usual;
	struct outlay_answer a;
	long allowed = 0;

	ask.input_tokens = 10;
	ask.max_output_tokens = 0;
	for (int i = 0; i < 100; i++) {
		if (outlay_decide(ctx, &ask, &a) < 0)
			return (void *)-1L;
		allowed += a.decision == OUTLAY_ALLOW;
	}
	return (void *)allowed;
}

/* 800 questions of 10 microdollars each; 4000 microdollars are there. */
static void test_threads(void **state)
{
	struct rig *rig = *state;
	struct outlay *outlay = open_at(rig->path, RIG_WAIT_MS, OUTLAY_FAIL_CLOSED);
	pthread_t threads[THREADS];
	long allowed = 0;

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_often, outlay), 0);
	for (int i = 0; i < THREADS; i++) {
		void *each;

		pthread_join(threads[i], &each);
		assert_true((long)each >= 0);
		allowed += (long)each;
	}
	assert_int_equal(allowed, 400);
	outlay_close(outlay);
}

/* A child that asked on its parent's connection could settle its parent's reservation. */
static void test_fork(void **state)
{
	struct rig *rig = *state;
	struct outlay *outlay = open_at(rig->path, RIG_WAIT_MS, OUTLAY_FAIL_CLOSED);
	struct outlay_answer a;
	int status;
	pid_t child;

	assert_int_equal(outlay_decide(outlay, &usual, &a), 0);
	child = fork();
	if (child == 0)
		_exit(outlay_settle(outlay, a.reservation, NULL) != -ENOENT);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(outlay_settle(outlay, a.reservation, NULL), 0);
	outlay_close(outlay);
}

static void test_watch(void **state)
{
	struct rig *rig = *state;
	struct outlay *outlay = open_at(rig->path, RIG_WAIT_MS, OUTLAY_FAIL_CLOSED);
	struct outlay_watch *watch;
	struct outlay_event event;
	struct outlay_answer a;
	char id[OUTLAY_ID];

	assert_int_equal(outlay_watch_open(outlay, &watch), 0);
	assert_int_equal(outlay_watch_next(watch, 20, &event), -ETIMEDOUT);
	assert_int_equal(outlay_decide(outlay, &usual, &a), 0);
	do {
		assert_int_equal(outlay_watch_next(watch, RIG_WAIT_MS, &event), 0);
	} while (strcmp(event.name, "decision") != 0);
	reply_text(reply_member(event.json, "decision_id"), id, sizeof(id));
	assert_string_equal(id, a.decision_id);
	outlay_watch_close(watch);
	outlay_watch_close(NULL);
	outlay_close(outlay);
}

/* --- servers that are none */

struct odd_server {
	char dir[32], path[64];
	int listener;
	pthread_t thread;
	const char *says; /* NULL: nothing, and keeps the connection */
	size_t len;
	bool chops; /* a byte at a time */
};

static void *be_odd(void *ctx)
{
	struct odd_server *server = ctx;
	int fd = accept(server->listener, NULL, NULL);
	char in[4096];

	if (recv(fd, in, sizeof(in), 0) <= 0)
		fail();
	if (server->says)
		for (size_t i = 0, n = server->chops ? 1 : server->len; i < server->len; i += n)
			if (send(fd, server->says + i, n, MSG_NOSIGNAL) < 0)
				break;
	if (!server->says && recv(fd, in, sizeof(in), 0) > 0)
		fail();
	close(fd);
	return NULL;
}

/* Asks a server that answers with `says`. */
static int ask_odd(const char *says, size_t len, bool chops, enum outlay_failure failure,
		   unsigned deadline_ms, struct outlay_answer *ret_answer)
{
	struct odd_server server = { .says = says, .len = len, .chops = chops };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct outlay *outlay;
	int code;

	snprintf(server.dir, sizeof(server.dir), "/tmp/outlay-odd-XXXXXX");
	assert_non_null(mkdtemp(server.dir));
	snprintf(server.path, sizeof(server.path), "%s/sock", server.dir);
	memcpy(address.sun_path, server.path, strlen(server.path));
	server.listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(server.listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(server.listener, 1), 0);
	assert_int_equal(pthread_create(&server.thread, NULL, be_odd, &server), 0);
	outlay = open_at(server.path, deadline_ms, failure);
	code = outlay_decide(outlay, &usual, ret_answer);
	outlay_close(outlay);
	pthread_join(server.thread, NULL);
	close(server.listener);
	unlink(server.path);
	rmdir(server.dir);
	return code;
}

static void test_no_agent(void **state)
{
	struct outlay *open = open_at("/nowhere/at/all", 0, OUTLAY_FAIL_OPEN);
	struct outlay *closed = open_at("/nowhere/at/all", 0, OUTLAY_FAIL_CLOSED);
	struct outlay_options options = { NULL, 0, OUTLAY_FAIL_OPEN };
	struct outlay_watch *watch;
	struct outlay_answer a;
	char path[200];

	(void)state;
	assert_int_equal(outlay_decide(open, &usual, &a), -ENOENT);
	assert_int_equal(a.decision, OUTLAY_ALLOW);
	assert_string_equal(a.reason, "no answer from /nowhere/at/all: No such file or directory");
	assert_int_equal(outlay_decide(closed, &usual, &a), -ENOENT);
	assert_int_equal(a.decision, OUTLAY_DENY);
	assert_int_equal(outlay_settle(closed, "x", NULL), -ENOENT);
	assert_int_equal(outlay_watch_open(closed, &watch), -ENOENT);
	outlay_close(open);
	outlay_close(closed);
	outlay_close(NULL);
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	options.socket = path;
	assert_int_equal(outlay_open(&options, &open), -ENAMETOOLONG);
}

static void test_silent_server(void **state)
{
	struct outlay_answer a;

	(void)state;
	assert_int_equal(ask_odd(NULL, 0, false, OUTLAY_FAIL_OPEN, 50, &a), -ETIMEDOUT);
	assert_int_equal(a.decision, OUTLAY_ALLOW);
	assert_int_equal(ask_odd(NULL, 0, false, OUTLAY_FAIL_CLOSED, 50, &a), -ETIMEDOUT);
	assert_int_equal(a.decision, OUTLAY_DENY);
}

static const char whole[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
			    "content-length:   24\r\n\r\n"
			    "{ \"decision\" : \"allow\" }";

static void test_every_cut(void **state)
{
	struct outlay_answer a;

	(void)state;
	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		int code = ask_odd(whole, n, false, OUTLAY_FAIL_CLOSED, RIG_WAIT_MS, &a);

		/* Unread bytes of the request make a reset of the end. */
		assert_true(code == -EPIPE || code == -ECONNRESET);
		assert_int_equal(a.decision, OUTLAY_DENY);
	}
	assert_int_equal(
	    ask_odd(whole, sizeof(whole) - 1, true, OUTLAY_FAIL_CLOSED, RIG_WAIT_MS, &a), 0);
	assert_int_equal(a.decision, OUTLAY_ALLOW);
}

static void test_nonsense(void **state)
{
#define HEAD "HTTP/1.1 200 OK\r\nContent-Length: "
	static const struct {
		const char *says;
		int code;
	} cases[] = {
		{ "SSH-2.0-OpenSSH_9.2\r\n\r\n", -EPROTO },
		{ "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", -EPROTO },
		{ HEAD "99999999999\r\n\r\n{}", -EPROTO },
		{ HEAD "-1\r\n\r\n{}", -EPROTO },
		{ HEAD "2\r\n\r\n{}", -EPROTO },
		{ HEAD "16\r\n\r\n{\"decision\":\"no\"", -EPROTO },
		{ HEAD "20\r\n\r\n[\"decision\",\"allow\"]", -EPROTO },
		{ HEAD "28\r\n\r\n{\"x\":{\"decision\":\"allow\"},1}", -EPROTO },
		{ "HTTP/1.1 503 x\r\nContent-Length: 24\r\n\r\n{\"detail\":\"Come later.\"} ",
		  -EAGAIN },
		/* Not the budgets say so: the socket is asked too often. */
		{ "HTTP/1.1 429 x\r\nContent-Length: 24\r\n\r\n{\"detail\":\"Come later.\"} ",
		  -EAGAIN },
		{ "HTTP/1.1 404 x\r\nContent-Length: 2\r\n\r\n{}", -EINVAL },
	};
	struct outlay_answer a;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		assert_int_equal(ask_odd(cases[i].says, strlen(cases[i].says), false,
					 OUTLAY_FAIL_CLOSED, RIG_WAIT_MS, &a),
				 cases[i].code);
		assert_int_equal(a.decision, OUTLAY_DENY);
		ask_odd(cases[i].says, strlen(cases[i].says), false, OUTLAY_FAIL_OPEN, RIG_WAIT_MS,
			&a);
		assert_int_equal(a.decision, cases[i].code == -EINVAL ? OUTLAY_DENY : OUTLAY_ALLOW);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_decide),
		TEST(test_what_the_agent_does_not_take),
		TEST(test_settle),
		TEST(test_renew_and_release),
		cmocka_unit_test(test_a_restart_is_not_seen),
		TEST(test_threads),
		TEST(test_fork),
		TEST(test_watch),
		cmocka_unit_test(test_no_agent),
		cmocka_unit_test(test_silent_server),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
