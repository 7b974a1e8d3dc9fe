/* What budgets stop, on real sockets: held bytes wait and go out whole, cut ones never come and
 * their program is told, and nobody else notices. Needs root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/btf.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "flow/cutter.h"
#include "flow/enforce.h"
#include "tests/bpf/hooked.h"
#include "tests/bpf/link.h"

#define HOST      "api.outlay-block.invalid"
#define WILDCARD  "*.outlay-block-wild.invalid"
#define OTHER     "api.outlay-other.invalid"
#define PATIENCE  (2 * NS_PER_SEC)
#define QUIET_MS  300 /* nothing has come for so long: nothing comes */
#define BPF_FS    "/sys/fs/bpf"
#define PINS      BPF_FS "/outlay-test"
#define RESENT_MS 3000 /* TCP has sent again what was dropped */

struct world {
	struct hooked hooked;
	struct cutter *cutter;
	struct enforce *enforce;
	struct flow_hello last;
	bool sweeps; /* none is destroyed by its name */
	bool deaf;   /* what the kernel tells is lost */
	unsigned n_asked, n_kept;
	struct process asked;
};

static void on_record(void *ctx, const void *record, size_t bytes)
{
	struct world *w = ctx;

	if (((const struct flow_head *)record)->type == FLOW_HELLO)
		memcpy(&w->last, record, sizeof(w->last));
	if (((const struct flow_head *)record)->type == FLOW_OLDER)
		w->n_kept += ((const struct flow_older *)record)->host != 0;
	if (!w->deaf)
		enforce_record(w->enforce, record, bytes);
}

static int on_write(void *ctx, const struct flow_block *key, const uint32_t *mode)
{
	return hooks_write_block(((struct world *)ctx)->hooked.hooks, key, mode);
}

static int on_tell(void *ctx, uint64_t cookie, enum flow_call call)
{
	return hooks_tell_call(((struct world *)ctx)->hooked.hooks, cookie, call);
}

static void on_publish(void *ctx)
{
	hooks_publish_blocks(((struct world *)ctx)->hooked.hooks);
}

static int on_destroy(void *ctx, const struct flow_refused *socket)
{
	struct world *w = ctx;

	return w->sweeps ? -EOPNOTSUPP : cutter_destroy(w->cutter, socket);
}

static int on_sweep(void *ctx, uint32_t tgid, unsigned round)
{
	return cutter_sweep(((struct world *)ctx)->cutter, tgid, round);
}

static bool on_ask(void *ctx, const struct process *process)
{
	struct world *w = ctx;

	w->n_asked++;
	w->asked = *process;
	return true;
}

static int open_world(void **state)
{
	static const char *const hosts[] = { HOST, WILDCARD, OTHER };
	struct world *w = calloc(1, sizeof(*w));
	struct enforce_ports ports = { w,          on_write, on_tell, on_publish,
				       on_destroy, on_sweep, on_ask };

	hooked_attach(&w->hooked, hosts, 3);
	hooked_open(&w->hooked, false, on_record, w);
	w->cutter = cutter_new("/proc", hooks_sweeper(w->hooked.hooks));
	assert_int_equal(enforce_new(&ports, "/proc", &w->enforce), 0);
	hooks_beat(w->hooked.hooks, PATIENCE, false);
	*state = w;
	return 0;
}

static int open_sweeping_world(void **state)
{
	int code = open_world(state);

	((struct world *)*state)->sweeps = true;
	return code;
}

static int close_world(void **state)
{
	struct world *w = *state;

	enforce_free(w->enforce);
	cutter_free(w->cutter);
	hooked_close(&w->hooked);
	free(w);
	return 0;
}

static void order(struct world *w, const char *host, uint32_t scope, uint64_t id,
		  enum flow_mode mode, bool at_once)
{
	struct flow_block key = { scope, 0, id, order_host_key(span_of(host)) };

	assert_int_equal(enforce_block(w->enforce, "test", &key, mode, at_once), 0);
	enforce_publish(w->enforce);
}

static void release(struct world *w)
{
	assert_true(enforce_release(w->enforce, "test") > 0);
	enforce_publish(w->enforce);
}

static void drain(struct world *w)
{
	hooks_beat(w->hooked.hooks, PATIENCE, false);
	hooks_drain(w->hooked.hooks);
}

/* How many bytes come before it is quiet. */
static size_t comes(struct world *w, int fd, int quiet_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	size_t n = 0;
	char bytes[4096];

	for (int waited = 0; waited < quiet_ms; waited += 10) {
		ssize_t got = 0;

		drain(w);
		if (poll(&poll_fd, 1, 10) == 1)
			got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (got > 0) {
			n += (size_t)got;
			waited = 0;
		}
	}
	return n;
}

/* Waits until `due` bytes are there. */
static void arrives(struct world *w, int fd, size_t due)
{
	int64_t end_ns = clock_system.monotonic_ns(&clock_system) + RESENT_MS * 1000000LL;
	size_t n = 0;

	while (n < due && clock_system.monotonic_ns(&clock_system) < end_ns)
		n += comes(w, fd, 20);
	assert_int_equal(n, due);
}

/* The errno that the client is told; what it has sent is sent again until then. */
static int told(struct world *w, int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	char byte;

	for (int waited = 0; waited < RESENT_MS; waited += 10) {
		drain(w);
		if (poll(&poll_fd, 1, 10) == 1)
			return recv(fd, &byte, 1, MSG_DONTWAIT) < 0 ? errno : 0;
	}
	return 0;
}

static void say(int fd, const struct bytes *bytes)
{
	assert_int_equal(send(fd, bytes->at, bytes->n, MSG_NOSIGNAL), bytes->n);
}

static struct bytes record(unsigned type, size_t n)
{
	struct bytes bytes = { 0 };

	put_number(&bytes, type, 1);
	put_number(&bytes, 0x0303, 2);
	put_number(&bytes, (uint32_t)n - 5, 2);
	memset(bytes.at + 5, 0x55, n - 5);
	bytes.n = n;
	return bytes;
}

static struct bytes request(size_t n)
{
	return record(23, n);
}

/* A connection that has said its hello, and been heard. */
static struct link open_talk(struct world *w, const char *host, int family)
{
	struct bytes hello = make_hello(host, NAME_FIRST, 36);
	struct link l = open_link(family);

	move(l.client, l.server, hello.at, hello.n);
	drain(w);
	return l;
}

/* A hello of a new connection: nothing of it comes, its program is told. */
static void refuses(struct world *w, const char *host, int family)
{
	struct bytes hello = make_hello(host, NAME_LAST, 1220);
	struct link l = open_link(family);

	say(l.client, &hello);
	assert_int_equal(told(w, l.client), ECONNABORTED);
	assert_int_equal(comes(w, l.server, QUIET_MS), 0);
	close_link(&l);
}

static void passes(struct world *w, const char *host, int family)
{
	struct link l = open_talk(w, host, family);
	struct bytes more = request(1000);

	move(l.client, l.server, more.at, more.n);
	close_link(&l);
	drain(w);
}

/* --- tests */

static void test_hold_keeps_the_bytes(void **state)
{
	struct world *w = *state;
	struct bytes hello = make_hello(HOST, NAME_LAST, 36), more = request(3000);
	struct link old = open_talk(w, HOST, AF_INET), new;

	order(w, HOST, FLOW_ALL, 0, FLOW_HOLD, false);
	new = open_link(AF_INET);
	say(new.client, &hello);
	say(old.client, &more);
	assert_int_equal(comes(w, new.server, QUIET_MS), 0);
	assert_int_equal(comes(w, old.server, QUIET_MS), 0);
	assert_true(hooked_count(&w->hooked, FLOW_COUNTER_HELD) >= 2);
	passes(w, OTHER, AF_INET);
	release(w);
	arrives(w, new.server, hello.n);
	arrives(w, old.server, more.n);
	move(old.client, old.server, more.at, more.n);
	assert_int_equal(enforce_counters(w->enforce)->cut.value, 0);
	close_link(&old);
	close_link(&new);
}

static void test_cut_in_each_scope(void **state)
{
	struct world *w = *state;

	passes(w, HOST, AF_INET); /* it has no owner before */
	for (uint32_t scope = FLOW_ALL; scope <= FLOW_PROCESS; scope++) {
		struct link talk = open_talk(w, HOST, AF_INET); /* so that there is a process */
		uint64_t ids[] = { 0, getuid(), w->last.cgroup_id,
				   flow_process_id(w->last.tgid, w->last.start_ns) };

		order(w, HOST, scope, ids[scope], FLOW_CUT, false);
		refuses(w, HOST, AF_INET);
		refuses(w, HOST, AF_INET6);
		passes(w, OTHER, AF_INET);
		release(w);
		passes(w, HOST, AF_INET);
		if (scope != FLOW_ALL) {
			order(w, HOST, scope == FLOW_PROCESS ? FLOW_UID : scope, ids[scope] + 1,
			      FLOW_CUT, false);
			passes(w, HOST, AF_INET6);
			release(w);
		}
		close_link(&talk);
		drain(w);
	}
}

static void test_cut_between_calls(void **state)
{
	struct world *w = *state;
	struct link lazy = open_talk(w, HOST, AF_INET), eager = open_talk(w, HOST, AF_INET6);
	struct link other = open_talk(w, OTHER, AF_INET);
	struct bytes call = request(65);

	order(w, HOST, FLOW_UID, getuid(), FLOW_CUT, false);
	say(lazy.client, &call);
	assert_int_equal(told(w, lazy.client), ECONNABORTED);
	assert_int_equal(comes(w, lazy.server, QUIET_MS), 0);
	order(w, HOST, FLOW_UID, getuid(), FLOW_CUT, true);
	assert_int_equal(told(w, eager.client), ECONNABORTED);
	move(other.client, other.server, call.at, call.n);
	assert_int_equal(enforce_counters(w->enforce)->cut.value, 2);
	close_link(&lazy);
	close_link(&eager);
	close_link(&other);
}

/* Of what is small only an alert goes, one record and no more; with a call in flight all of it. */
static void test_small_packets(void **state)
{
	struct world *w = *state;
	struct bytes alert = record(21, 31), data = request(35), two = record(21, 7);
	struct link l;

	for (enum flow_mode mode = FLOW_HOLD; mode <= FLOW_CUT; mode++) {
		l = open_talk(w, HOST, AF_INET);
		two.n = 7;
		put(&two, data.at, data.n);
		order(w, HOST, FLOW_ALL, 0, mode, false);
		say(l.client, &alert);
		assert_int_equal(comes(w, l.server, QUIET_MS), alert.n);
		say(l.client, &data);
		assert_int_equal(comes(w, l.server, QUIET_MS), 0);
		assert_int_equal(on_tell(w, w->last.head.cookie, FLOW_MAY_END), 0);
		arrives(w, l.server, data.n);
		assert_int_equal(on_tell(w, w->last.head.cookie, FLOW_NO_CALL), 0);
		say(l.client, &two);
		assert_int_equal(comes(w, l.server, QUIET_MS), 0);
		assert_int_equal(enforce_counters(w->enforce)->cut.value, 0);
		release(w);
		close_link(&l);
		drain(w);
	}
}

/* Two window updates (13 bytes each, RFC 9113 section 6.9) under AES-GCM of TLS 1.2 (29 more). */
#define UPDATES 55

/* In a call that may end its client may say two of them, one more for every 64 times their bytes
 * that come, and one for a ping in 2^32 ns; put together by TCP, too. */
static void test_a_call_may_say_so_much(void **state)
{
	struct world *w = *state;
	struct bytes one = request(UPDATES), two = request(UPDATES);
	struct link l = open_talk(w, HOST, AF_INET), timed = open_talk(w, HOST, AF_INET6);
	static const char answer[64 * UPDATES + 1];

	put(&two, one.at, one.n);
	order(w, HOST, FLOW_ALL, 0, FLOW_CUT, false);
	assert_int_equal(on_tell(w, w->last.head.cookie, FLOW_MAY_END), 0);
	say(timed.client, &one);
	arrives(w, timed.server, one.n);
	say(timed.client, &one);
	arrives(w, timed.server, one.n);
	release(w);
	close_link(&l);
	l = open_talk(w, HOST, AF_INET);
	order(w, HOST, FLOW_ALL, 0, FLOW_CUT, false);
	assert_int_equal(on_tell(w, w->last.head.cookie, FLOW_MAY_END), 0);
	say(l.client, &two);
	arrives(w, l.server, two.n);
	say(l.client, &two);
	assert_int_equal(comes(w, l.server, QUIET_MS), 0);
	move(l.server, l.client, answer, sizeof(answer) - 2);
	assert_int_equal(comes(w, l.server, QUIET_MS), 0);
	move(l.server, l.client, answer, sizeof(answer));
	arrives(w, l.server, two.n);
	close_link(&l);
	sleep(5); /* 4.3, since its first */
	say(timed.client, &one);
	arrives(w, timed.server, one.n);
	say(timed.client, &one);
	assert_int_equal(comes(w, timed.server, QUIET_MS), 0);
	assert_int_equal(enforce_counters(w->enforce)->cut.value, 0);
	close_link(&timed);
}

/* Nothing larger, no part of a record, and no more of them in a packet than may have to wait. */
static void test_a_call_may_say_no_more(void **state)
{
	struct world *w = *state;
	struct bytes wide = request(UPDATES + 1), cut = request(UPDATES), many = { 0 };
	struct bytes small = request(6);
	const struct bytes *const all[] = { &wide, &cut, &many };

	cut.n--; /* it is not whole */
	for (int i = 0; i < 9; i++)
		put(&many, small.at, small.n);
	order(w, HOST, FLOW_ALL, 0, FLOW_HOLD, false);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct link l;

		release(w);
		l = open_talk(w, HOST, AF_INET);
		order(w, HOST, FLOW_ALL, 0, FLOW_HOLD, false);
		assert_int_equal(on_tell(w, w->last.head.cookie, FLOW_MAY_END), 0);
		say(l.client, all[i]);
		assert_int_equal(comes(w, l.server, QUIET_MS), 0);
		close_link(&l);
	}
}

static void is_open(struct world *w, const struct link *l)
{
	struct bytes alert = record(21, 31);

	say(l->client, &alert);
	assert_int_equal(comes(w, l->server, 20), alert.n);
}

/* One walk of the kernel destroys what is cut at once and what is between two calls: of this host,
 * and no more. */
static void test_sweep(void **state)
{
	struct world *w = *state;
	enum { OVER, MAY_END, NOT_KNOWN, KINDS };
	struct link kinds[KINDS], other = open_talk(w, OTHER, AF_INET);

	for (int i = 0; i < KINDS; i++) {
		kinds[i] = open_talk(w, HOST, i ? AF_INET : AF_INET6);
		if (i == OVER || i == MAY_END)
			assert_int_equal(on_tell(w, w->last.head.cookie,
						 i == OVER ? FLOW_IS_OVER : FLOW_MAY_END),
					 0);
	}
	order(w, HOST, FLOW_ALL, 0, FLOW_HOLD, true);
	assert_int_equal(on_sweep(w, (uint32_t)getpid(), 1), 0);
	order(w, HOST, FLOW_UID, getuid() + 1, FLOW_CUT, true);
	assert_int_equal(on_sweep(w, (uint32_t)getpid(), 2), 0);
	order(w, HOST, FLOW_ALL, 0, FLOW_CUT, false);
	assert_int_equal(on_sweep(w, (uint32_t)getpid(), 2), 0); /* the same round */
	assert_int_equal(on_sweep(w, (uint32_t)getpid(), 3), 1);
	assert_int_equal(told(w, kinds[OVER].client), ECONNABORTED);
	is_open(w, &kinds[MAY_END]);
	is_open(w, &kinds[NOT_KNOWN]);
	w->deaf = true; /* so none of these is known here */
	order(w, HOST, FLOW_ALL, 0, FLOW_CUT, true);
	assert_int_equal(on_sweep(w, (uint32_t)getpid(), 4), 0); /* both are cut by name */
	w->deaf = false;
	release(w);
	assert_int_equal(told(w, kinds[MAY_END].client), ECONNABORTED);
	assert_int_equal(told(w, kinds[NOT_KNOWN].client), ECONNABORTED);
	is_open(w, &other);
	for (int i = 0; i < KINDS; i++)
		close_link(&kinds[i]);
	close_link(&other);
}

/* Also what the agent has no row of. */
static void test_many_are_swept(void **state)
{
	enum { MANY = ENFORCE_MANY + 8 };
	struct world *w = *state;
	struct link links[MANY], lost, other = open_talk(w, OTHER, AF_INET6);

	w->deaf = true;
	lost = open_talk(w, HOST, AF_INET);
	w->deaf = false;
	for (int i = 0; i < MANY; i++)
		links[i] = open_talk(w, HOST, i % 2 ? AF_INET : AF_INET6);
	order(w, HOST, FLOW_UID, getuid(), FLOW_CUT, true);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(told(w, links[i].client), ECONNABORTED);
	assert_int_equal(told(w, lost.client), ECONNABORTED);
	is_open(w, &other);
	drain(w);
	assert_int_equal(enforce_counters(w->enforce)->cut.value, MANY + 1);
	for (int i = 0; i < MANY; i++)
		close_link(&links[i]);
	close_link(&lost);
	close_link(&other);
}

static void test_wildcard_has_a_key_of_its_own(void **state)
{
	struct world *w = *state;

	order(w, "outlay-block-wild.invalid", FLOW_ALL, 0, FLOW_CUT, false);
	passes(w, "eu.outlay-block-wild.invalid", AF_INET);
	release(w);
	order(w, WILDCARD, FLOW_ALL, 0, FLOW_CUT, false);
	refuses(w, "EU.outlay-block-wild.invalid", AF_INET);
	passes(w, HOST, AF_INET);
	release(w);
}

/* Where there is no agent that could let it go, it goes. */
static void test_without_a_beat_all_goes(void **state)
{
	struct world *w = *state;
	struct link l = open_talk(w, HOST, AF_INET);
	struct bytes call = request(500);

	order(w, HOST, FLOW_ALL, 0, FLOW_HOLD, false);
	hooks_beat(w->hooked.hooks, NS_PER_SEC / 2, false);
	say(l.client, &call);
	usleep(2000 * 1000);
	assert_int_equal(recv(l.server, call.at, call.n, MSG_DONTWAIT), call.n);
	assert_true(hooked_count(&w->hooked, FLOW_COUNTER_FAILED_OPEN) > 0);
	hooks_beat(w->hooked.hooks, NS_PER_SEC / 2, true);
	say(l.client, &call);
	usleep(1500 * 1000);
	assert_int_equal(recv(l.server, call.at, call.n, MSG_DONTWAIT), -1);
	close_link(&l);
}

static void test_asks_for_a_process(void **state)
{
	struct world *w = *state;
	struct link old = open_talk(w, HOST, AF_INET), new;
	struct bytes call = request(500);
	uint64_t me = flow_process_id(w->last.tgid, w->last.start_ns);

	order(w, HOST, FLOW_ALL, 0, FLOW_ASK, false);
	assert_int_equal(w->n_asked, 1);
	assert_int_equal(w->asked.pid, getpid());
	assert_true(w->asked.exe[0] == '/');
	move(old.client, old.server, call.at, call.n); /* it was there before the question */
	new = open_talk(w, HOST, AF_INET);
	say(new.client, &call);
	assert_int_equal(comes(w, new.server, QUIET_MS), 0);
	assert_int_equal(w->n_asked, 1);
	enforce_judged(w->enforce, me);
	arrives(w, new.server, call.n);
	order(w, OTHER, FLOW_ALL, 0, FLOW_ASK,
	      false); /* a new question; known till it is answered */
	assert_int_equal(w->n_asked, 2);
	move(new.client, new.server, call.at, call.n);
	order(w, HOST, FLOW_PROCESS, me, FLOW_CUT, false);
	enforce_judged(w->enforce, me);
	say(new.client, &call);
	assert_int_equal(told(w, new.client), ECONNABORTED);
	assert_int_equal(comes(w, new.server, QUIET_MS), 0);
	refuses(w, HOST, AF_INET);
	release(w);
	passes(w, HOST, AF_INET);
	close_link(&old);
	close_link(&new);
}

/* A listener of its own at 127.0.0.N, which has been met with these hosts. */
static struct link open_home(struct world *w, int n, const char *const *hosts)
{
	struct link l = { .address = loopback(AF_INET) };
	struct sockaddr_in *address = (struct sockaddr_in *)&l.address;
	socklen_t size = sizeof(l.address);

	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)n);
	l.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(l.listener, (void *)&l.address, size), 0);
	assert_int_equal(listen(l.listener, 8), 0);
	assert_int_equal(getsockname(l.listener, (void *)&l.address, &size), 0);
	for (; *hosts; hosts++) {
		struct bytes hello = make_hello(*hosts, NAME_FIRST, 36);

		l.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(l.client, (void *)&l.address, size), 0);
		l.server = accept(l.listener, NULL, NULL);
		move(l.client, l.server, hello.at, hello.n);
		close(l.client);
		close(l.server);
	}
	drain(w);
	return l;
}

/* 0, or the errno of connect(). */
static int knock(struct world *w, const struct link *l)
{
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), code = 0;

	drain(w);
	if (connect(client, (const void *)&l->address, sizeof(struct sockaddr_in)) < 0)
		code = errno;
	close(client);
	return code;
}

static void test_refused_in_connect(void **state)
{
	struct world *w = *state;
	struct link alone, two, shared, other;

	hooks_free(w->hooked.hooks);
	hooked_open(&w->hooked, true, on_record, w);
	alone = open_home(w, 7, (const char *[]){ HOST, HOST, NULL });
	two = open_home(w, 8, (const char *[]){ HOST, OTHER, NULL });
	shared = open_home(w, 9, (const char *[]){ "x.invalid", HOST, NULL });
	other = open_home(w, 10, (const char *[]){ OTHER, NULL });
	assert_int_equal(knock(w, &alone), 0);
	order(w, HOST, FLOW_UID, getuid() + 1, FLOW_CUT, false);
	order(w, HOST, FLOW_ALL, 0, FLOW_HOLD, false);
	assert_int_equal(knock(w, &alone), 0); /* another user is cut, this one held */
	order(w, HOST, FLOW_UID, getuid(), FLOW_CUT, false);
	assert_int_equal(knock(w, &alone), EPERM);
	assert_int_equal(knock(w, &two), 0);
	assert_int_equal(knock(w, &shared), 0);
	assert_int_equal(knock(w, &other), 0);
	assert_int_equal(hooked_count(&w->hooked, FLOW_COUNTER_NOT_CONNECTED), 1);
	release(w);
	assert_int_equal(knock(w, &alone), 0);
	close(alone.listener);
	close(two.listener);
	close(shared.listener);
	close(other.listener);
}

/* In the child: a network of its own, a connection, a hello. Its status is the errno. */
static int speak_elsewhere(void)
{
	struct bytes hello = make_hello(HOST, NAME_FIRST, 36);
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	struct pollfd poll_fd = { .events = POLLIN };
	struct link l;
	char byte;

	if (unshare(CLONE_NEWNET) < 0)
		return 200;
	l.listener = socket(AF_INET, SOCK_DGRAM, 0);
	if (ioctl(l.listener, SIOCSIFFLAGS, &lo) < 0)
		return 201;
	l = open_link(AF_INET);
	poll_fd.fd = l.client;
	if (send(l.client, hello.at, hello.n, 0) < 0 || poll(&poll_fd, 1, 2000) != 1)
		return 202;
	if (recv(l.client, &byte, 1, 0) >= 0)
		return 203;
	return recv(l.server, &byte, 1, MSG_DONTWAIT) < 0 ? errno : 204;
}

static void test_cut_in_another_network(void **state)
{
	struct world *w = *state;
	int status = 0;
	pid_t child;

	order(w, HOST, FLOW_ALL, 0, FLOW_CUT, false);
	for (int i = 0; i < 20; i++) { /* more than namespaces are kept open for */
		child = fork();
		if (child == 0)
			_exit(speak_elsewhere());
		while (waitpid(child, &status, WNOHANG) == 0) {
			drain(w);
			usleep(1000);
		}
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), ECONNRESET); /* the server's: no byte */
	}
	assert_int_equal(enforce_counters(w->enforce)->cut.value, 20);
	assert_int_equal(enforce_counters(w->enforce)->cut_failed.value, 0);
}

/* A child with another uid: `who` is asked by uid and by process alone. */
static void test_others_are_not_touched(void **state)
{
	struct world *w = *state;
	struct link mine = open_talk(w, HOST, AF_INET), theirs;
	struct bytes call = request(900);
	int go[2], status;
	pid_t child;

	assert_int_equal(pipe(go), 0);
	child = fork();
	if (child == 0) {
		bool good = setuid(65534) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;

		theirs = open_talk(w, HOST, AF_INET);
		good &= read(go[0], &status, 1) == 1;
		move(theirs.client, theirs.server, call.at, call.n);
		_exit(!good);
	}
	order(w, HOST, FLOW_UID, getuid(), FLOW_CUT, true);
	order(w, HOST, FLOW_PROCESS, flow_process_id(w->last.tgid, w->last.start_ns), FLOW_CUT,
	      true);
	assert_int_equal(told(w, mine.client), ECONNABORTED);
	assert_int_equal(write(go[1], "", 1), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close_link(&mine);
}

struct rival {
	pid_t child;
	int says[2], hears[2];
};

/* Another agent, in a child, which gives one order when it is told to, and is killed. */
static void open_rival(struct world *w, enum flow_mode mode, struct rival *r)
{
	char byte;

	assert_int_equal(pipe(r->says) | pipe(r->hears), 0);
	r->child = fork();
	if (r->child) {
		assert_int_equal(read(r->says[0], &byte, 1), 1);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	w->hooked.pins = PINS;
	hooked_open(&w->hooked, false, on_record, w);
	hooks_beat(w->hooked.hooks, PATIENCE, true);
	if (write(r->says[1], "", 1) != 1 || read(r->hears[0], &byte, 1) != 1)
		_exit(1);
	order(w, HOST, FLOW_UID, getuid(), mode, false);
	if (write(r->says[1], "", 1) != 1)
		_exit(1);
	pause();
	_exit(1);
}

static void tell_rival(struct rival *r)
{
	char byte;

	assert_int_equal(write(r->hears[1], "", 1), 1);
	assert_int_equal(read(r->says[0], &byte, 1), 1);
}

static void kill_rival(struct rival *r)
{
	kill(r->child, SIGKILL);
	assert_int_equal(waitpid(r->child, NULL, 0), r->child);
	for (int i = 0; i < 2; i++) {
		close(r->says[i]);
		close(r->hears[i]);
	}
}

static unsigned count_pins(void)
{
	DIR *dir = opendir(PINS);
	unsigned n = 0;

	if (!dir)
		return 0;
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

static void test_kept_when_dead(void **state)
{
	struct world *w = *state;
	struct bytes call = request(900), hello = make_hello(HOST, NAME_FIRST, 36);
	struct link old, new;
	struct rival rival;

	open_rival(w, FLOW_CUT, &rival);
	old = open_talk(w, HOST, AF_INET);
	move(old.client, old.server, call.at, call.n);
	tell_rival(&rival);
	assert_int_equal(count_pins(), 1);
	kill_rival(&rival);
	passes(w, OTHER, AF_INET);
	say(old.client, &call);
	assert_int_equal(comes(w, old.server, QUIET_MS), 0);
	new = open_link(AF_INET6);
	say(new.client, &hello);
	assert_int_equal(comes(w, new.server, QUIET_MS), 0);
	/* The next one: until it has orders, it is as if the other lived. */
	hooks_free(w->hooked.hooks);
	w->hooked.pins = PINS;
	hooked_open(&w->hooked, false, on_record, w);
	hooks_beat(w->hooked.hooks, PATIENCE, true);
	assert_int_equal(count_pins(), 2);
	assert_int_equal(comes(w, old.server, QUIET_MS), 0);
	order(w, HOST, FLOW_UID, getuid(), FLOW_CUT, false);
	assert_int_equal(count_pins(), 2); /* more orders may come */
	drain(w);
	assert_int_equal(count_pins(), 1);
	assert_int_equal(told(w, old.client), ECONNABORTED);
	assert_int_equal(comes(w, old.server, QUIET_MS), 0);
	refuses(w, HOST, AF_INET);
	release(w);
	passes(w, HOST, AF_INET6);
	hooks_free(w->hooked.hooks);
	w->hooked.hooks = NULL;
	assert_int_equal(count_pins(), 1); /* the sockets, for the next one */
	close_link(&old);
	close_link(&new);
}

/* Its hello passes, what it says then does not. */
static struct link open_waiting(const struct bytes *call)
{
	struct bytes hello = make_hello(HOST, NAME_FIRST, 36);
	struct link l = open_link(AF_INET);
	struct pollfd poll_fd = { .fd = l.server, .events = POLLIN };

	move(l.client, l.server, hello.at, hello.n);
	say(l.client, call);
	assert_int_equal(poll(&poll_fd, 1, QUIET_MS), 0);
	return l;
}

/* Who came when nobody was there to ask, and while the next agent began. */
static void test_asks_for_those_of_a_dead_agent(void **state)
{
	struct world *w = *state;
	struct bytes call = request(900);
	struct link links[2];
	struct rival rival;

	hooks_free(w->hooked.hooks);
	open_rival(w, FLOW_ASK, &rival);
	tell_rival(&rival);
	kill_rival(&rival);
	links[0] = open_waiting(&call);
	w->hooked.pins = PINS;
	hooked_open(&w->hooked, false, on_record, w);
	assert_int_equal(hooks_older(w->hooked.hooks), 0);
	assert_int_equal(w->n_kept, 1);
	links[1] = open_waiting(&call);
	order(w, HOST, FLOW_UID, getuid(), FLOW_ASK, false);
	assert_int_equal(w->n_asked, 1);
	assert_int_equal(w->asked.pid, getpid());
	assert_true(w->asked.exe[0] == '/');
	assert_int_equal(w->asked.uid, getuid());
	drain(w);
	assert_int_equal(w->n_kept, 3); /* the first again */
	assert_int_equal(comes(w, links[0].server, QUIET_MS), 0);
	enforce_judged(w->enforce, flow_process_id((uint32_t)w->asked.pid, w->asked.start_ns));
	for (int i = 0; i < 2; i++) {
		arrives(w, links[i].server, call.n);
		close_link(&links[i]);
	}
	drain(w);
	w->n_kept = 0;
	links[0] = open_talk(w, HOST, AF_INET);
	assert_int_equal(hooks_older(w->hooked.hooks), 0);
	assert_int_equal(w->n_kept, 0); /* whose hello was heard */
	close_link(&links[0]);
}

/* A file system to keep pins in which is there whatever the host has mounted. */
static int mount_pins(void **state)
{
	(void)state;
	return unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	       mount("bpf", BPF_FS, "bpf", 0, NULL) < 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
#define SWEPT(name)                                                                                \
	{                                                                                          \
#name " by sweeps", name, open_sweeping_world, close_world, NULL                   \
	}

static bool kernel_can_sweep(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool can = btf && btf__find_by_name_kind(btf, "bpf_sock_destroy", BTF_KIND_FUNC) > 0;

	btf__free(btf);
	return can;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_hold_keeps_the_bytes),
		TEST(test_cut_in_each_scope),
		TEST(test_cut_between_calls),
		TEST(test_small_packets),
		TEST(test_a_call_may_say_so_much),
		TEST(test_a_call_may_say_no_more),
		TEST(test_wildcard_has_a_key_of_its_own),
		TEST(test_without_a_beat_all_goes),
		TEST(test_asks_for_a_process),
		TEST(test_refused_in_connect),
		TEST(test_cut_in_another_network),
		TEST(test_others_are_not_touched),
		TEST(test_kept_when_dead),
		TEST(test_asks_for_those_of_a_dead_agent),
	};
	const struct CMUnitTest sweeps[] = {
		TEST(test_sweep),
		TEST(test_many_are_swept),
		SWEPT(test_cut_in_each_scope),
		SWEPT(test_cut_between_calls),
		SWEPT(test_cut_in_another_network),
		SWEPT(test_others_are_not_touched),
	};

	if (geteuid() != 0) {
		print_message("skipped: needs root\n");
		return 0;
	}
	if (!kernel_can_sweep()) {
		print_message("skipped: sweeps need bpf_sock_destroy, of Linux 6.5\n");
		return cmocka_run_group_tests(tests, mount_pins, NULL);
	}
	return cmocka_run_group_tests(tests, mount_pins, NULL) +
	       cmocka_run_group_tests(sweeps, NULL, NULL);
}
