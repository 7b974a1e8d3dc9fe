/* Another user who wants all of the server: a flood of requests, a crowd of connections, junk,
 * callers that never finish. What it gets is bounded, and whoever asks beside it is answered as if
 * it were not there. The one who asks is root here, the other one nobody: others than root skip. */
#include <sys/resource.h>
#include <time.h>

#include "tests/unit/policy/rig.h"

#define BUDGETS                                                                                    \
	"budgets:\n"                                                                               \
	"  - {name: all, limit: 1000 USD per day, mode: advise}\n"                                 \
	"  - {name: root's, match: {uid: 0}, limit: 1000 USD per day, mode: advise}\n"
#define ASKS            200
#define P99_MS_MAX      250 /* of a machine that does much else; alone it is a hundredth of that */
#define CONNECTIONS     1000
#define BODY            "{\"provider\":\"openai\",\"model\":\"gpt-1\",\"dry_run\":true}"
#define REQUEST(length) "POST /v1/decide HTTP/1.1\r\nContent-Length: " length "\r\n\r\n"

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

static int open_one(const struct rig *rig)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(address.sun_path, rig->path, strlen(rig->path));
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* --- what the other user does, each until it is killed */

static int flood(const struct rig *rig)
{
	static const char request[] = REQUEST("52") BODY;
	char taken[65536];

	for (int fd = open_one(rig);; fd = fd < 0 ? open_one(rig) : fd) {
		(void)!send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
		if (recv(fd, taken, sizeof(taken), 0) == 0 || fd < 0) {
			close(fd);
			fd = -1;
		}
	}
}

static int crowd(const struct rig *rig)
{
	struct rlimit files = { CONNECTIONS + 100, CONNECTIONS + 100 };
	static int fds[CONNECTIONS];

	setrlimit(RLIMIT_NOFILE, &files);
	memset(fds, -1, sizeof(fds));
	for (unsigned i = 0;; i++) {
		if (fds[i % CONNECTIONS] >= 0)
			close(fds[i % CONNECTIONS]);
		fds[i % CONNECTIONS] = open_one(rig);
	}
}

/* Bytes that are no request, a body of 64 KiB + 1, half a request that never ends. */
static int junk(const struct rig *rig)
{
	static const char *const openings[] = { "\x16\x03\x01\x02", REQUEST("65537") "{",
						REQUEST("52") "{\"provider\":", "GET /v1/st" };
	static int fds[512];

	memset(fds, -1, sizeof(fds));
	for (unsigned i = 0;; i++) {
		int *fd = &fds[i % LENGTH(fds)];
		const char *opening = openings[i % LENGTH(openings)];

		if (*fd >= 0)
			close(*fd);
		*fd = open_one(rig);
		if (*fd >= 0)
			(void)!send(*fd, opening, strlen(opening), MSG_NOSIGNAL);
	}
}

/* --- who asks beside it */

static int64_t ask_ns(struct caller *caller)
{
	int64_t start_ns = clock_system.monotonic_ns(&clock_system);
	struct reply reply = caller_ask(caller, "POST", "/v1/decide", BODY);

	assert_int_equal(reply.status, 200);
	reply_done(&reply);
	caller->len = caller->taken = 0;
	return clock_system.monotonic_ns(&clock_system) - start_ns;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t p99_ns(struct rig *rig)
{
	static const struct timespec pause = { .tv_nsec = 1000000 };
	struct caller caller = rig_connect(rig);
	int64_t waits[ASKS];

	for (int i = 0; i < ASKS; i++) {
		nanosleep(&pause, NULL);
		waits[i] = ask_ns(&caller);
	}
	qsort(waits, ASKS, sizeof(waits[0]), compare);
	caller_done(&caller);
	return waits[ASKS * 99 / 100];
}

static void beside(struct rig *rig, const char *name, int (*attack)(const struct rig *rig))
{
	int64_t before_ns = p99_ns(rig), under_ns;
	pid_t pid = rig_fork(RIG_NOBODY, attack, rig);

	under_ns = p99_ns(rig);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0); /* it was at it all the time */
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	printf("%s: p99 of the other %lld us, before %lld us\n", name, (long long)under_ns / 1000,
	       (long long)before_ns / 1000);
	assert_true(under_ns < P99_MS_MAX * NS_PER_MS);
}

static void test_flood(void **state)
{
	struct rig *rig = *state;

	beside(rig, "flood", flood);
	assert_true(counter_read(&policy_counters(rig->policy)->throttled) > 0);
}

static void test_crowd(void **state)
{
	struct rig *rig = *state;

	beside(rig, "a crowd", crowd);
	assert_true(counter_read(&policy_counters(rig->policy)->refused_connections) > 0);
}

static void test_junk(void **state)
{
	struct rig *rig = *state;

	beside(rig, "junk", junk);
	assert_true(counter_read(&policy_counters(rig->policy)->bad_requests) > 0);
}

/* All at once: those of the bucket, of which four went for the connection, are served, the next is
 * told when to come again. 0 = all that held. */
static int rate_of_one_user(const struct rig *rig)
{
	struct caller caller = rig_connect(rig);
	struct reply reply = { .status = 200 };
	unsigned n;

	for (n = 0; reply.status == 200; n++) {
		caller.len = caller.taken = 0;
		reply = caller_ask(&caller, "POST", "/v1/decide", BODY);
		reply_done(&reply);
	}
	if (reply.status != 429 || !reply_has(&reply, "Retry-After: 1\r\n"))
		return 1;
	caller_done(&caller);
	return n == POLICY_BURST - 4 + 1 ? 0 : 2;
}

/* A look at everything, or a list, takes as much of the bucket as it costs. */
static int costly_requests(const struct rig *rig)
{
	struct caller caller = rig_connect(rig);
	struct reply reply = { .status = 200 };
	unsigned n;

	for (n = 0; reply.status == 200; n++) {
		caller.len = caller.taken = 0;
		reply = n % 2 ? caller_ask(&caller, "GET", "/v1/status", NULL)
			      : caller_ask(&caller, "POST", "/v1/decide",
					   "[" BODY "," BODY "," BODY "," BODY "]");
		reply_done(&reply);
	}
	caller_done(&caller);
	/* 54 of each pair of what four leave; then a list and half a look. */
	return reply.status == 429 && n == 2 * ((POLICY_BURST - 4) / 54) + 2 ? 0 : 1;
}

static int is_turned_away(const struct rig *rig)
{
	struct caller caller = rig_connect(rig);
	struct reply reply = caller_reply(&caller);

	reply_done(&reply);
	caller_done(&caller);
	return reply.status == 429 ? 0 : 1;
}

/* The clock stands still, so that the bucket does not fill while the test is slow. */
static void test_rate_of_one_user(void **state)
{
	struct rig *rig = *state;

	rig->frozen_monotonic_ns = clock_system.monotonic_ns(&clock_system);
	assert_int_equal(rig_as(RIG_NOBODY, rate_of_one_user, rig), 0);
	assert_int_equal(rig_as(RIG_NOBODY, is_turned_away, rig), 0);
	rig->frozen_monotonic_ns += NS_PER_SEC;
	assert_int_equal(rig_as(RIG_NOBODY, rate_of_one_user, rig), 0);
	rig->frozen_monotonic_ns += NS_PER_SEC;
	assert_int_equal(rig_as(RIG_NOBODY, costly_requests, rig), 0);
}

static int sees_no_other(const struct rig *rig)
{
	struct caller caller = rig_connect(rig);
	struct reply reply = caller_ask(&caller, "GET", "/v1/budgets", NULL);
	bool mine = memmem(reply.body.ptr, reply.body.len, "\"all\"", 5) != NULL;
	bool other = memmem(reply.body.ptr, reply.body.len, "root's", 6) != NULL;

	reply_done(&reply);
	caller_done(&caller);
	return mine && !other ? 0 : 1;
}

/* A reservation of root: neither settled, renewed nor let go by another. */
static int touches_no_other(const struct rig *rig)
{
	static const char *const paths[] = { "/v1/settle", "/v1/renew", "/v1/release" };
	struct caller caller = rig_connect(rig);

	for (int i = 0; i < 3; i++) {
		struct reply reply = caller_ask(&caller, "POST", paths[i], rig->call);

		reply_done(&reply);
		if (reply.status != 404)
			return i + 1;
	}
	caller_done(&caller);
	return 0;
}

static void test_spend_of_another(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply = caller_ask(&caller, "POST", "/v1/decide",
					"{\"provider\":\"openai\",\"model\":\"gpt-1\"}");
	char body[128];

	snprintf(body, sizeof(body), "{\"reservation\":\"%s\"}",
		 text_of(json_object_get(reply.json, "reservation"), "id"));
	reply_done(&reply);
	rig->call = body;
	assert_int_equal(rig_as(RIG_NOBODY, sees_no_other, rig), 0);
	assert_int_equal(rig_as(RIG_NOBODY, touches_no_other, rig), 0);
	reply = caller_ask(&caller, "POST", "/v1/release", body);
	assert_int_equal(reply.status, 200);
	reply_done(&reply);
	caller_done(&caller);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_flood),
		TEST(test_crowd),
		TEST(test_junk),
		TEST(test_rate_of_one_user),
		TEST(test_spend_of_another),
	};

	if (getuid() != 0) {
		puts("skipped: only root can be another user");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
