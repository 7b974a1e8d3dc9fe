/* Real sockets, real hooks: the server name of every shape of ClientHello is found in whatever
 * pieces it is sent, the bytes of a connection are counted as the peer counts them, and other hosts
 * leave nothing. The hellos are made by hand after RFC 8446 section 4.1.2. Needs root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/bpf/hooked.h"
#include "tests/bpf/link.h"

#define HOST        "api.outlay-flow.invalid"
#define RECORDS_MAX 512
#define RING_BYTES  (128 << 10) /* of bpf/flow_maps.h */

struct world {
	struct hooked hooked;
	unsigned n_hellos, n_quic, n_closes, n_older;
	struct flow_hello hellos[RECORDS_MAX];
	struct flow_close closes[RECORDS_MAX];
	struct flow_older older[RECORDS_MAX];
};

static void on_record(void *ctx, const void *record, size_t bytes)
{
	const struct flow_head *head = record;
	struct world *w = ctx;

	assert_true(w->n_hellos < RECORDS_MAX && w->n_closes < RECORDS_MAX);
	if (head->type == FLOW_CLOSE) {
		assert_int_equal(bytes, sizeof(struct flow_close));
		memcpy(&w->closes[w->n_closes++], record, sizeof(struct flow_close));
		return;
	}
	if (head->type == FLOW_OLDER) {
		assert_int_equal(bytes, sizeof(struct flow_older));
		if (w->n_older < RECORDS_MAX)
			memcpy(&w->older[w->n_older++], record, sizeof(struct flow_older));
		return;
	}
	assert_int_equal(bytes, sizeof(struct flow_hello));
	w->n_quic += head->type == FLOW_QUIC;
	memcpy(&w->hellos[w->n_hellos++], record, sizeof(struct flow_hello));
}

static void open_hooks(struct world *w)
{
	const struct hooks_feature *features;
	unsigned n;

	hooked_open(&w->hooked, false, on_record, w);
	features = hooks_features(w->hooked.hooks, &n);
	assert_int_equal(n, 6);
	for (unsigned i = 0; i < n; i++) {
		assert_true(strlen(features[i].name) > 0);
		if (strcmp(features[i].name, "sweep") != 0 || features[i].code != -EOPNOTSUPP)
			assert_int_equal(features[i].code, 0);
	}
}

static int open_world(void **state)
{
	const char *const hosts[] = { HOST, "*.outlay-wild.invalid" };
	struct world *w = calloc(1, sizeof(*w));

	hooked_attach(&w->hooked, hosts, 2);
	attach_sweep(w->hooked.attach);
	open_hooks(w);
	*state = w;
	return 0;
}

static int close_world(void **state)
{
	struct world *w = *state;

	hooked_close(&w->hooked);
	free(w);
	return 0;
}

static const struct flow_hello *one_hello(struct world *w)
{
	hooks_drain(w->hooked.hooks);
	assert_int_equal(w->n_hellos, 1);
	w->n_hellos = 0;
	return &w->hellos[0];
}

static void check_cuts(struct world *w, int family, const struct bytes *hello, const size_t *cuts,
		       unsigned n)
{
	struct link l = open_link(family);

	send_cut(&l, hello, cuts, n);
	assert_string_equal(one_hello(w)->name, HOST);
	close_link(&l);
	hooks_drain(w->hooked.hooks);
	w->n_closes = 0;
}

/* --- tests */

static void test_facts_of_a_hello(void **state)
{
	struct world *w = *state;
	struct bytes hello = make_hello(HOST, NAME_FIRST, 36);
	struct link l = open_link(AF_INET);
	int64_t now_ns = clock_system.monotonic_ns(&clock_system);
	const struct flow_hello *e;
	uint64_t cookie;
	socklen_t size = sizeof(cookie);

	assert_int_equal(getsockopt(l.client, SOL_SOCKET, SO_COOKIE, &cookie, &size), 0);
	send_cut(&l, &hello, NULL, 0);
	e = one_hello(w);
	assert_int_equal(e->head.type, FLOW_HELLO);
	assert_true(e->head.cookie == cookie);
	assert_in_range(e->head.time_ns, now_ns, now_ns + NS_PER_SEC);
	assert_int_equal(e->tgid, getpid());
	assert_int_equal(e->uid, getuid());
	assert_true(e->start_ns > 0);
	assert_string_equal(e->name, HOST);
	assert_string_equal(e->comm, "flow");
	assert_memory_equal(e->remote, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16);
	assert_int_equal(e->remote_port, ntohs(((struct sockaddr_in *)&l.address)->sin_port));
	assert_memory_equal(e->random, hello.at + 11, sizeof(e->random));
	close_link(&l);
}

static void test_every_shape_in_every_piece(void **state)
{
	static const size_t ones[] = { 1 }, fives[] = { 5 }, sixes[] = { 6 }, hundred[] = { 100 },
			    eight[] = { 1, 5, 6, 43, 90, 140, 150 };
	static const struct {
		const size_t *cuts;
		unsigned n;
	} ways[] = { { NULL, 0 },  { ones, 1 },    { fives, 1 },
		     { sixes, 1 }, { hundred, 1 }, { eight, 7 } };
	static const size_t keys[] = { 36, 1220, 3500 };

	for (unsigned way = 0; way < sizeof(ways) / sizeof(ways[0]); way++)
		for (unsigned k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			for (enum shape shape = NAME_FIRST; shape <= NAME_LAST; shape++) {
				struct bytes hello = make_hello(HOST, shape, keys[k]);

				check_cuts(*state, AF_INET, &hello, ways[way].cuts, ways[way].n);
				check_cuts(*state, AF_INET6, &hello, ways[way].cuts, ways[way].n);
			}
}

static void test_cut_at_every_byte(void **state)
{
	struct bytes hello = make_hello(HOST, NAME_LAST, 36);

	for (size_t cut = 1; cut < hello.n; cut++)
		check_cuts(*state, AF_INET, &hello, &cut, 1);
}

static void test_ipv4_in_an_ipv6_socket(void **state)
{
	struct bytes hello = make_hello(HOST, NAME_FIRST, 36);
	struct link l = open_link(AF_INET);
	struct sockaddr_in6 to = { .sin6_family = AF_INET6 };
	int client = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), server;

	to.sin6_port = ((struct sockaddr_in *)&l.address)->sin_port;
	memcpy(&to.sin6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16);
	assert_int_equal(connect(client, (void *)&to, sizeof(to)), 0);
	server = accept(l.listener, NULL, NULL);
	move(client, server, hello.at, hello.n);
	assert_memory_equal(one_hello(*state)->remote, &to.sin6_addr, 16);
	close(client);
	close(server);
	close_link(&l);
}

static void test_tunnel_through_a_proxy(void **state)
{
	static const char connect_text[] = "CONNECT " HOST ":443 HTTP/1.1\r\nHost: " HOST
					   "\r\nProxy-Authorization: Basic x\r\n\r\n";
	struct bytes hello = make_hello(HOST, NAME_LAST, 1220);
	struct world *w = *state;

	/* In one write, in two, and twice: the proxy may want to know who it is. */
	for (int way = 0; way < 3; way++) {
		struct link l = open_link(AF_INET);
		size_t cut = way == 1 ? 4 : 0, three = 3;

		if (cut)
			move(l.client, l.server, connect_text, cut);
		if (way == 2)
			move(l.client, l.server, connect_text, sizeof(connect_text) - 1);
		move(l.client, l.server, connect_text + cut, sizeof(connect_text) - 1 - cut);
		move(l.server, l.client, "HTTP/1.1 200 OK\r\n\r\n", 19);
		send_cut(&l, &hello, &three, 1);
		assert_string_equal(one_hello(w)->name, HOST);
		close_link(&l);
	}
}

static void test_case_and_wildcard(void **state)
{
	static const char *const names[] = { "API.Outlay-Flow.INVALID", "one.OUTLAY-wild.invalid" };

	for (unsigned i = 0; i < 2; i++) {
		struct bytes hello = make_hello(names[i], NAME_FIRST, 36);
		struct link l = open_link(AF_INET);

		send_cut(&l, &hello, NULL, 0);
		assert_string_equal(one_hello(*state)->name, names[i]);
		close_link(&l);
	}
}

static void test_others_leave_nothing(void **state)
{
	static const char *const names[] = { "example.invalid", "outlay-wild.invalid",
					     "a.b.outlay-wild.invalid", "x" HOST, HOST ".com" };
	static const char http[] = "GET / HTTP/1.1\r\nHost: " HOST "\r\n\r\n",
			  connect_ssh[] = "SSH-2.0-x\r\n";
	struct world *w = *state;
	uint64_t before = hooked_count(&w->hooked, FLOW_COUNTER_OTHER_HELLOS);
	struct link l;

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct bytes hello = make_hello(names[i], NAME_FIRST, 36);

		l = open_link(AF_INET);
		send_cut(&l, &hello, NULL, 0);
		close_link(&l);
	}
	l = open_link(AF_INET6);
	move(l.client, l.server, http, sizeof(http) - 1);
	close_link(&l);
	l = open_link(AF_INET);
	move(l.client, l.server, connect_ssh, sizeof(connect_ssh) - 1);
	close_link(&l);
	hooks_drain(w->hooked.hooks);
	assert_int_equal(w->n_hellos + w->n_closes, 0);
	assert_true(hooked_count(&w->hooked, FLOW_COUNTER_OTHER_HELLOS) - before >= 5);
}

static void test_doubt_is_counted(void **state)
{
	struct world *w = *state;
	struct bytes nameless = make_hello(HOST, NAME_NOT, 36);
	struct bytes broken = make_hello(HOST, NAME_LAST, 36);
	struct bytes huge = make_hello(HOST, NAME_LAST, 9000);
	const size_t half = 3000;
	const struct {
		struct bytes *hello;
		enum flow_counter counter;
	} cases[] = { { &nameless, FLOW_COUNTER_NAMELESS_HELLOS },
		      { &broken, FLOW_COUNTER_BROKEN_HELLOS },
		      { &huge, FLOW_COUNTER_PARTIAL_HELLOS } };

	broken.at[43] = 0xff; /* a session id that is longer than it can be */
	for (unsigned i = 0; i < 3; i++) {
		uint64_t before = hooked_count(&w->hooked, cases[i].counter);
		struct link l = open_link(AF_INET);

		send_cut(&l, cases[i].hello, &half, i == 2);
		close_link(&l);
		hooks_drain(w->hooked.hooks);
		assert_int_equal(w->n_hellos, 0);
		assert_true(hooked_count(&w->hooked, cases[i].counter) > before);
	}
}

/* Who closes first, and how: the counts are those of the bytes. */
static void test_bytes_at_close(void **state)
{
	static char load[3 << 20];
	struct world *w = *state;

	for (int way = 0; way < 4; way++) {
		struct bytes hello = make_hello(HOST, NAME_FIRST, 36);
		struct link l = open_link(way & 1 ? AF_INET6 : AF_INET);
		char sink;

		send_cut(&l, &hello, NULL, 0);
		move(l.client, l.server, load, 100000 + (size_t)way);
		move(l.server, l.client, load, sizeof(load));
		if (way == 1) { /* the server first */
			shutdown(l.server, SHUT_WR);
			assert_int_equal(recv(l.client, &sink, 1, 0), 0);
		}
		if (way == 2) { /* half closed, then the server */
			shutdown(l.client, SHUT_WR);
			assert_int_equal(recv(l.server, &sink, 1, 0), 0);
			move(l.server, l.client, load, 10);
			close(l.server);
			assert_int_equal(recv(l.client, &sink, 1, 0), 0);
		}
		if (way == 3) /* a reset */
			setsockopt(l.client, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
				   sizeof(struct linger));
		close(l.client);
		/* Until the last acknowledgement is there: it may be a delayed one. */
		for (int i = 0; i < 100 && !w->n_closes; i++) {
			usleep(10000);
			hooks_drain(w->hooked.hooks);
		}
		assert_int_equal(w->n_closes, 1);
		assert_true(w->closes[0].head.cookie == one_hello(w)->head.cookie);
		assert_int_equal(w->closes[0].sent, hello.n + 100000 + (size_t)way);
		assert_int_equal(w->closes[0].received, sizeof(load) + (way == 2) * 10);
		w->n_closes = 0;
		close(l.listener);
		if (way != 2)
			close(l.server);
	}
}

static bool is_woken(int epoll)
{
	struct epoll_event event;

	return epoll_wait(epoll, &event, 1, 0) == 1;
}

/* Nobody reads: the reader is woken as the ring becomes half full, and what finds no room is
 * counted to the record. */
static void test_full_ring(void **state)
{
	const unsigned record = (sizeof(struct flow_hello) + 8 + 7) / 8 * 8, half = RING_BYTES / 2;
	struct epoll_event edge = { .events = EPOLLIN | EPOLLET };
	struct bytes hello = make_hello(HOST, NAME_FIRST, 36);
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct link links[RECORDS_MAX];
	struct world *w = *state;
	unsigned n = 0, woken_at = 0;

	links[0] = open_link(AF_INET); /* of a process that is not known: at once */
	send_cut(&links[0], &hello, NULL, 0);
	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, hooks_fd(w->hooked.hooks), &edge), 0);
	assert_true(is_woken(epoll));
	one_hello(w);
	close_link(&links[0]);
	hooks_drain(w->hooked.hooks);
	assert_false(is_woken(epoll));
	while (hooked_count(&w->hooked, FLOW_COUNTER_RING_FULL) < 10) {
		assert_true(n < RECORDS_MAX);
		links[n] = open_link(AF_INET);
		close(links[n].listener);
		send_cut(&links[n++], &hello, NULL, 0);
		if (is_woken(epoll) && !woken_at)
			woken_at = n;
	}
	assert_int_equal(woken_at, (half + record - 1) / record);
	w->n_closes = 0;
	hooks_drain(w->hooked.hooks);
	assert_int_equal(w->n_hellos, (RING_BYTES - 1) / record);
	assert_int_equal(w->n_hellos, n - 10);
	assert_int_equal(w->n_closes, 0);
	for (unsigned i = 0; i < n; i++) {
		close(links[i].client);
		close(links[i].server);
	}
	close(epoll);
}

/* connect() by one process, the hello by its child. */
static void test_child_that_speaks(void **state)
{
	struct bytes hello = make_hello(HOST, NAME_FIRST, 36);
	struct link l = open_link(AF_INET);
	pid_t child = fork();

	if (child == 0) {
		move(l.client, l.server, hello.at, hello.n);
		_exit(0);
	}
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(one_hello(*state)->tgid, child);
	close_link(&l);
}

static void test_quic_to_a_known_address(void **state)
{
	struct bytes hello = make_hello(HOST, NAME_FIRST, 36);
	struct link l = open_link(AF_INET);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(443) };
	struct world *w = *state;
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	send_cut(&l, &hello, NULL, 0);
	one_hello(w);
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	for (int i = 0; i < 3; i++)
		sendto(udp, "\xc0\0\0\0\1", 5, 0, (void *)&to, sizeof(to));
	to.sin_port = htons(444);
	sendto(udp, "x", 1, 0, (void *)&to, sizeof(to));
	assert_int_equal(one_hello(w)->head.type, FLOW_QUIC);
	assert_int_equal(w->n_quic, 1);
	assert_int_equal(w->hellos[0].tgid, getpid());
	w->n_quic = 0;
	close(udp);
	close_link(&l);
}

static const struct flow_older *older_of(const struct world *w, uint64_t cookie)
{
	for (unsigned i = 0; i < w->n_older; i++)
		if (w->older[i].head.cookie == cookie)
			return &w->older[i];
	return NULL;
}

static struct link open_https(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(443) };
	struct link l = { .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
			  .client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };

	inet_pton(AF_INET, "127.83.9.1", &at.sin_addr);
	assert_int_equal(bind(l.listener, (void *)&at, sizeof(at)), 0);
	assert_int_equal(listen(l.listener, 1), 0);
	assert_int_equal(connect(l.client, (void *)&at, sizeof(at)), 0);
	l.server = accept(l.listener, NULL, NULL);
	move(l.client, l.server, (char[700]){ 0 }, 700);
	move(l.server, l.client, (char[90]){ 0 }, 90);
	return l;
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size), 0);
	return cookie;
}

static void check_older(struct world *w, uint64_t cookie, pid_t owner)
{
	const struct flow_older *older = older_of(w, cookie);

	assert_non_null(older);
	assert_int_equal(older->tgid, owner);
	assert_int_equal(older->sent, 700);
	assert_int_equal(older->received, 90);
	assert_memory_equal(older->remote, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\x53\x09\x01", 16);
}

/* Open before the hooks: told of when asked for, with its owner, its address and its bytes. */
static void test_older_connection(void **state)
{
	struct world *w = *state;
	struct link l;
	uint64_t cookie;

	hooks_free(w->hooked.hooks);
	l = open_https();
	cookie = cookie_of(l.client);
	open_hooks(w);
	assert_int_equal(hooks_older(w->hooked.hooks), 0);
	check_older(w, cookie, getpid());
	close_link(&l);
	w->n_older = 0;
	assert_int_equal(hooks_older(w->hooked.hooks), 0);
	assert_null(older_of(w, cookie));
}

static void test_older_connection_of_another_network(void **state)
{
	struct world *w = *state;
	uint64_t cookie = 0;
	int told[2], status;
	pid_t child;

	hooks_free(w->hooked.hooks);
	assert_int_equal(pipe(told), 0);
	child = fork();
	if (child == 0) {
		if (unshare(CLONE_NEWNET) < 0 || system("ip link set lo up") != 0)
			_exit(1);
		cookie = cookie_of(open_https().client);
		if (write(told[1], &cookie, sizeof(cookie)) != sizeof(cookie))
			_exit(1);
		pause();
	}
	assert_int_equal(read(told[0], &cookie, sizeof(cookie)), sizeof(cookie));
	open_hooks(w);
	assert_int_equal(hooks_older(w->hooked.hooks), 0);
	check_older(w, cookie, child);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	close(told[0]);
	close(told[1]);
}

/* --- whose SSL object it is */

struct talk {
	struct link link;
	SSL *ssl;
	char name[64];
};

static SSL_CTX *tls;

static struct talk open_talk(unsigned number)
{
	struct talk t = { .link = open_link(AF_INET), .ssl = SSL_new(tls) };

	snprintf(t.name, sizeof(t.name), "n%u.outlay-wild.invalid", number);
	SSL_set_fd(t.ssl, t.link.client);
	SSL_set_connect_state(t.ssl);
	assert_int_equal(SSL_set_tlsext_host_name(t.ssl, t.name), 1);
	return t;
}

static void end_talk(struct talk *t)
{
	shutdown(t->link.server, SHUT_RDWR);
	SSL_free(t->ssl);
	close_link(&t->link);
}

static void speak(struct talk *t, bool by_read)
{
	char byte;

	shutdown(t->link.server, SHUT_WR); /* so that nobody waits for an answer */
	if (by_read)
		assert_true(SSL_read(t->ssl, &byte, 1) <= 0);
	else
		assert_true(SSL_do_handshake(t->ssl) <= 0);
}

/* The object of the hello with that name; fails when there is not just one. */
static uint64_t object_of(struct world *w, const char *name)
{
	const struct flow_hello *found = NULL;

	hooks_drain(w->hooked.hooks);
	for (unsigned i = 0; i < w->n_hellos; i++)
		if (!strcmp(w->hellos[i].name, name)) {
			assert_null(found);
			found = &w->hellos[i];
		}
	assert_non_null(found);
	return found->ssl;
}

enum { THREADS = 8, TALKS = 6, UNREAD = 2 };

static void *talk_all(void *first)
{
	struct talk *talks = first;

	for (unsigned i = 0; i < TALKS; i++)
		speak(&talks[i], i != UNREAD);
	return NULL;
}

/* Named here, spoken for there: not joined, but by a read or write. */
static void test_object_of_each_thread(void **state)
{
	static struct talk talks[THREADS][TALKS];
	pthread_t threads[THREADS];
	struct world *w = *state;

	for (unsigned i = 0; i < THREADS; i++)
		for (unsigned j = 0; j < TALKS; j++)
			talks[i][j] = open_talk(i * TALKS + j);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, talk_all, talks[i]), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < THREADS; i++)
		for (unsigned j = 0; j < TALKS; j++) {
			uint64_t ssl = object_of(w, talks[i][j].name);

			assert_true(ssl == (j == UNREAD ? 0 : (uintptr_t)talks[i][j].ssl));
		}
	for (unsigned i = 0; i < THREADS; i++)
		for (unsigned j = 0; j < TALKS; j++)
			end_talk(&talks[i][j]);
	w->n_hellos = w->n_closes = 0;
}

static void *name_and_speak(void *number)
{
	static _Thread_local struct talk talk;

	talk = open_talk(*(unsigned *)number);
	speak(&talk, false);
	return &talk;
}

static void test_named_and_spoken_by_one_thread(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < 30; i++) {
		struct talk *talk = name_and_speak(&i);

		assert_true(object_of(w, talk->name) == (uintptr_t)talk->ssl);
		end_talk(talk);
		w->n_hellos = w->n_closes = 0;
	}
	assert_int_equal(hooked_count(&w->hooked, FLOW_COUNTER_JOINED), 30);
}

/* Two are named before either speaks: by a handshake it may be either, by a read it is known. */
static void test_two_named_are_not_guessed(void **state)
{
	struct world *w = *state;

	for (int by_read = 0; by_read < 2; by_read++) {
		struct talk a = open_talk(1), b = open_talk(2);

		speak(&a, by_read);
		speak(&b, by_read);
		assert_true(object_of(w, a.name) == (by_read ? (uintptr_t)a.ssl : 0));
		assert_true(object_of(w, b.name) == (by_read ? (uintptr_t)b.ssl : 0));
		end_talk(&a);
		end_talk(&b);
		w->n_hellos = w->n_closes = 0;
	}
}

/* The library gives the bytes to the program, which sends them: asyncio, node. */
static void test_memory_bio(void **state)
{
	struct world *w = *state;
	struct talk t = open_talk(7);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	char bytes[4096];
	int n;

	SSL_set_bio(t.ssl, in, out);
	SSL_do_handshake(t.ssl);
	n = BIO_read(out, bytes, sizeof(bytes));
	assert_true(n > 0);
	move(t.link.client, t.link.server, bytes, (size_t)n);
	assert_true(object_of(w, t.name) == (uintptr_t)t.ssl);
	end_talk(&t);
	w->n_hellos = w->n_closes = 0;
}

/* One object, freed and made anew at the same place or not: the generation tells. */
static void test_generation_is_that_of_the_name(void **state)
{
	struct world *w = *state;
	uint64_t last = 0;

	for (unsigned i = 0; i < 20; i++) {
		struct talk t = open_talk(i);

		speak(&t, false);
		assert_true(object_of(w, t.name) == (uintptr_t)t.ssl);
		assert_true(w->hellos[0].generation_ns > last);
		last = w->hellos[0].generation_ns;
		end_talk(&t);
		w->n_hellos = w->n_closes = 0;
	}
}

static int make_tls(void **state)
{
	(void)state;
	tls = SSL_CTX_new(TLS_client_method());
	return 0;
}

static int free_tls(void **state)
{
	(void)state;
	SSL_CTX_free(tls);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_facts_of_a_hello),
		TEST(test_every_shape_in_every_piece),
		TEST(test_cut_at_every_byte),
		TEST(test_ipv4_in_an_ipv6_socket),
		TEST(test_tunnel_through_a_proxy),
		TEST(test_case_and_wildcard),
		TEST(test_others_leave_nothing),
		TEST(test_doubt_is_counted),
		TEST(test_bytes_at_close),
		TEST(test_full_ring),
		TEST(test_child_that_speaks),
		TEST(test_quic_to_a_known_address),
		TEST(test_older_connection),
		TEST(test_older_connection_of_another_network),
		TEST(test_object_of_each_thread),
		TEST(test_named_and_spoken_by_one_thread),
		TEST(test_two_named_are_not_guessed),
		TEST(test_memory_bio),
		TEST(test_generation_is_that_of_the_name),
	};

	if (geteuid() != 0) {
		print_message("skipped: needs root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, make_tls, free_tls);
}
