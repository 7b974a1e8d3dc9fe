/* Which object a byte belongs to: objects older than the agent, servers, objects that are cleared,
 * reused, abandoned, shared by threads; and a process that may make no system call. Needs root;
 * this process is older than each agent it starts, so it is itself the late case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <linux/seccomp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/pair.h"
#include "tests/bpf/world.h"

#define HOST "api.outlay-test.invalid"

static struct pair_contexts contexts;
static const char *returns;

static void open_world(struct world *w)
{
	world_open(w,
		   (struct world_options){ .attach = { .returns = returns }, .hosts = { HOST } });
}

static void move(SSL *from, SSL *to, const char *text)
{
	pair_move(from, to, text, strlen(text));
}

/* --- older than the agent (capture case 36) */

static void test_late_by_the_object(void **state)
{
	struct pair ours = pair_open(&contexts, HOST),
		    other = pair_open(&contexts, "example.invalid");
	struct world w;

	(void)state;
	move(ours.client, ours.server, "before");
	open_world(&w);
	for (int i = 0; i < 100; i++)
		move(other.client, other.server, "not ours");
	move(ours.server, ours.client, "answer");
	move(ours.client, ours.server, "question");
	world_drain(&w);
	assert_int_equal(w.seen.opened, 1);
	assert_string_equal(w.seen.server, HOST);
	assert_int_equal(w.seen.first_offset, EVENT_LATE_OFFSET);
	assert_memory_equal(w.seen.bytes[DIRECTION_RECEIVED], "answer", 6);
	assert_memory_equal(w.seen.bytes[DIRECTION_SENT], "question", 8);
	assert_int_equal(w.seen.n[DIRECTION_SENT], 8);
	assert_true(world_count(&w, EVENT_COUNTER_LATE_CONNECTIONS) >= 1);
	/* Once an object, not once a call; other programs of this host may have some too. */
	assert_in_range(world_count(&w, EVENT_COUNTER_LATE_LOOKS), 4, 60);
	assert_int_equal(counter_read(&capture_counters(w.capture)->lost_bytes), 0);
	pair_close(&ours);
	pair_close(&other);
	world_close(&w);
}

static void test_late_by_the_request(void **state)
{
	static const char *const other[] = {
		"GET / HTTP/1.1\r\nHost: example.invalid\r\nX: " HOST "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nHost: " HOST "\r\n\r\n", /* no request */
		"hello\nHost: " HOST "\r\n",
		"GET / HTTP/1.1\r\nX-Host: " HOST "\r\n\r\n",
		("GET / HTTP/1.1\r\nHost: " HOST), /* no end: who knows */
	};
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		struct pair p = pair_open(&contexts, NULL);

		open_world(&w);
		for (int n = 0; n < 200; n++)
			move(p.client, p.server, other[i]);
		world_drain(&w);
		assert_int_equal(w.seen.opened, 0);
		assert_in_range(world_count(&w, EVENT_COUNTER_LATE_LOOKS), 1, 100);
		pair_close(&p);
		world_close(&w);
	}
	{
		const char *text =
		    "POST /v1 HTTP/1.1\r\nA: b\r\nhOST:  " HOST ":443\r\nKey: k\r\n\r\n";
		struct pair p = pair_open(&contexts, NULL);

		open_world(&w);
		move(p.client, p.server, "no head");
		move(p.client, p.server, text);
		world_drain(&w);
		assert_int_equal(w.seen.opened, 1);
		assert_string_equal(w.seen.server, HOST);
		assert_int_equal(w.seen.first_offset, EVENT_LATE_OFFSET);
		assert_int_equal(w.seen.n[DIRECTION_SENT], strlen(text));
		pair_close(&p);
		world_close(&w);
	}
}

/* --- servers, peeks, generations */

static void test_server_yields_nothing(void **state)
{
	struct pair p = pair_new(&contexts, NULL);
	struct world w;

	(void)state;
	open_world(&w);
	SSL_set_tlsext_host_name(p.server, HOST);
	pair_join(&p, PAIR_BIO_BYTES);
	pair_shake(&p);
	move(p.client, p.server, "request");
	move(p.server, p.client, "response");
	world_drain(&w);
	assert_int_equal(w.seen.chunks, 0);
	assert_int_equal(world_count(&w, EVENT_COUNTER_SERVER_SIDE), 1);
	pair_close(&p);
	world_close(&w);
}

static void test_peek_is_counted_once(void **state) /* capture case 7 */
{
	char sink[16];
	struct world w;
	struct pair p;
	size_t n;

	(void)state;
	open_world(&w);
	p = pair_open(&contexts, HOST);
	assert_int_equal(SSL_write(p.server, "peeked", 6), 6);
	assert_int_equal(SSL_peek(p.client, sink, sizeof(sink)), 6);
	assert_int_equal(SSL_peek_ex(p.client, sink, sizeof(sink), &n), 1);
	assert_int_equal(SSL_read(p.client, sink, sizeof(sink)), 6);
	world_drain(&w);
	assert_int_equal(w.seen.n[DIRECTION_RECEIVED], 6);
	pair_close(&p);
	world_close(&w);
}

static void test_clear_begins_a_generation(void **state) /* capture case 18 */
{
	struct world w;
	struct pair p;

	(void)state;
	open_world(&w);
	p = pair_open(&contexts, HOST);
	move(p.client, p.server, "first");
	world_drain(&w);
	assert_int_equal(SSL_clear(p.client), 1);
	assert_int_equal(SSL_clear(p.server), 1);
	pair_join(&p, PAIR_BIO_BYTES);
	pair_shake(&p);
	w.seen.chunks = 0;
	move(p.client, p.server, "second");
	world_drain(&w);
	assert_int_equal(w.seen.opened, 2);
	assert_int_equal(w.seen.closed, 1);
	assert_string_equal(w.seen.server, HOST);
	assert_int_equal(w.seen.first_offset, 0);
	assert_memory_equal(w.seen.bytes[DIRECTION_SENT], "firstsecond", 11);
	pair_close(&p);
	world_close(&w);
}

static void test_reused_addresses(void **state) /* capture cases 18, 21 */
{
	struct world w;
	uintptr_t last = 0;
	unsigned reused = 0;

	(void)state;
	open_world(&w);
	for (unsigned i = 0; i < 10000; i++) {
		SSL *ssl = SSL_new(contexts.client);

		reused += (uintptr_t)ssl == last;
		last = (uintptr_t)ssl;
		if (i % 3 == 0) /* else another host, or none */
			SSL_set_tlsext_host_name(ssl, HOST);
		else if (i % 3 == 1)
			SSL_set_tlsext_host_name(ssl, "example.invalid");
		SSL_free(ssl);
		if (i % 500 == 2) { /* after one without a name: it inherits nothing */
			struct pair p = pair_open(&contexts, NULL);

			move(p.client, p.server, "nobody");
			pair_close(&p);
		}
		world_drain(&w);
	}
	assert_true(reused > 1000);
	assert_int_equal(w.seen.opened, 3334);
	assert_int_equal(w.seen.closed, 3334);
	assert_int_equal(w.seen.chunks, 0);
	world_close(&w);
}

static unsigned occupancy(struct world *w)
{
	int map = attach_shared(w->attach).connections_fd;
	uint64_t key[2], next[2];
	unsigned n = 0;

	for (int more = bpf_map_get_next_key(map, NULL, next); more == 0; n++) {
		memcpy(key, next, sizeof(key));
		more = bpf_map_get_next_key(map, key, next);
	}
	return n;
}

#define CHILDREN  20
#define ABANDONED 5000 /* by each */

static void test_abandoned_connections(void **state) /* capture case 20 */
{
	struct world w;
	struct pair p;

	(void)state;
	open_world(&w);
	for (int i = 0; i < CHILDREN; i++) {
		pid_t child = fork();

		if (child == 0) {
			for (int n = 0; n < ABANDONED; n++)
				SSL_set_tlsext_host_name(SSL_new(contexts.client), HOST);
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
	assert_true(occupancy(&w) > 10000);
	assert_true(world_count(&w, EVENT_COUNTER_CONNECTIONS_EVICTED) > 0);
	assert_int_equal(world_count(&w, EVENT_COUNTER_CONNECTIONS_FULL), 0);
	world_drain(&w);
	w.seen.chunks = 0;
	p = pair_open(&contexts, HOST); /* a new one is followed all the same */
	move(p.client, p.server, "new");
	pair_close(&p);
	world_drain(&w);
	assert_int_equal(w.seen.chunks, 1);
	attach_tend(w.attach);
	assert_int_equal(occupancy(&w), 0);
	world_close(&w);
}

/* --- threads and sandboxes */

static void *read_answer(void *pair)
{
	struct pair *p = pair;

	move(p->server, p->client, "answer");
	return NULL;
}

static void test_write_here_read_there(void **state) /* capture case 25 */
{
	pthread_t reader;
	struct world w;
	struct pair p;

	(void)state;
	open_world(&w);
	p = pair_open(&contexts, HOST);
	move(p.client, p.server, "question");
	assert_int_equal(pthread_create(&reader, NULL, read_answer, &p), 0);
	assert_int_equal(pthread_join(reader, NULL), 0);
	world_drain(&w);
	assert_int_equal(w.seen.opened, 1);
	assert_memory_equal(w.seen.bytes[DIRECTION_SENT], "question", 8);
	assert_memory_equal(w.seen.bytes[DIRECTION_RECEIVED], "answer", 6);
	pair_close(&p);
	world_close(&w);
}

/* Capture case 6: a write that is retried moves nothing until it moves something. */
static void test_full_buffers_and_retries(void **state)
{
	char pattern[3000], sink[700];
	size_t sent = 0, retries = 0;
	struct world w;
	struct pair p;

	(void)state;
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (char)(i * 31 % 251);
	open_world(&w);
	p = pair_open(&contexts, HOST);
	SSL_set_mode(p.client, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_set_max_send_fragment(p.client, 512);
	while (SSL_write(p.client, pattern, 512) == 512) /* until no more fits */
		sent += 512;
	while (sent < 200000) {
		int n = SSL_write(p.client, pattern, sizeof(pattern));

		sent += n > 0 ? (size_t)n : 0;
		retries += n <= 0;
		if (n <= 0 && SSL_read(p.server, sink, sizeof(sink)) <= 0)
			fail_msg("neither side can move");
		world_drain(&w);
	}
	world_drain(&w);
	assert_true(retries > 100);
	assert_int_equal(w.seen.end[DIRECTION_SENT], sent);
	assert_int_equal(counter_read(&capture_counters(w.capture)->lost_bytes), 0);
	pair_close(&p);
	world_close(&w);
}

/* Capture case 8: 0-RTT, in which the first request goes before the handshake is over. */
static void test_early_data(void **state)
{
	SSL_SESSION *session;
	char sink[16];
	struct world w;
	struct pair p;
	size_t n;

	(void)state;
	SSL_CTX_set_num_tickets(contexts.server, 1);
	SSL_CTX_set_max_early_data(contexts.server, 16384);
	p = pair_open(&contexts, HOST);
	assert_true(SSL_read(p.client, sink, sizeof(sink)) <= 0); /* takes the ticket */
	session = SSL_get1_session(p.client);
	assert_true(SSL_SESSION_get_max_early_data(session) > 0);
	SSL_set_shutdown(p.client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* or it is of */
	SSL_set_shutdown(p.server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* no more use */
	pair_close(&p);
	open_world(&w);
	p = pair_new(&contexts, NULL);
	SSL_set_tlsext_host_name(p.client, HOST);
	pair_join(&p, PAIR_BIO_BYTES);
	assert_int_equal(SSL_set_session(p.client, session), 1);
	assert_int_equal(SSL_write_early_data(p.client, "early", 5, &n), 1);
	assert_int_equal(SSL_read_early_data(p.server, sink, sizeof(sink), &n),
			 SSL_READ_EARLY_DATA_SUCCESS);
	assert_int_equal(n, 5);
	for (int i = 0; i < 4; i++) {
		SSL_do_handshake(p.client);
		SSL_read_early_data(p.server, sink, sizeof(sink), &n);
		SSL_do_handshake(p.server);
	}
	assert_int_equal(SSL_get_early_data_status(p.client), SSL_EARLY_DATA_ACCEPTED);
	move(p.client, p.server, "late");
	move(p.server, p.client, "answer");
	world_drain(&w);
	assert_int_equal(w.seen.n[DIRECTION_SENT], 9);
	assert_memory_equal(w.seen.bytes[DIRECTION_SENT], "earlylate", 9);
	assert_memory_equal(w.seen.bytes[DIRECTION_RECEIVED], "answer", 6);
	SSL_SESSION_free(session);
	pair_close(&p);
	world_close(&w);
}

/* A worker that its parent has forked goes on with the parent's connection: what it moves is its
 * own, and the parent's stream has no hole. */
static void test_forked_with_a_connection(void **state)
{
	pid_t child;
	struct world w;
	struct pair p;

	(void)state;
	open_world(&w);
	p = pair_open(&contexts, HOST);
	move(p.client, p.server, "parent,");
	child = fork();
	if (child == 0) {
		move(p.client, p.server, "child,");
		move(p.server, p.client, "answer");
		_exit(0);
	}
	waitpid(child, NULL, 0);
	world_drain(&w);
	assert_int_equal(w.seen.opened, 2);
	assert_int_equal(w.seen.process.pid, child);
	assert_string_equal(w.seen.server, HOST);
	move(p.client, p.server, "parent");
	world_drain(&w);
	assert_int_equal(w.seen.opened, 2);
	assert_int_equal(w.seen.n[DIRECTION_SENT], 19);
	assert_memory_equal(w.seen.bytes[DIRECTION_SENT], "parent,child,parent", 19);
	assert_memory_equal(w.seen.bytes[DIRECTION_RECEIVED], "answer", 6);
	assert_int_equal(w.seen.end[DIRECTION_SENT], 13);
	assert_int_equal(w.seen.jumps, 0);
	pair_close(&p);
	world_close(&w);
}

/* An object that two hold ends when the second lets go. */
static void test_object_of_two_holders(void **state)
{
	struct world w;
	struct pair p;

	(void)state;
	open_world(&w);
	p = pair_open(&contexts, HOST);
	SSL_up_ref(p.client);
	move(p.client, p.server, "one");
	SSL_free(p.client);
	move(p.client, p.server, "two");
	world_drain(&w);
	assert_int_equal(w.seen.opened, 1);
	assert_int_equal(w.seen.closed, 0);
	assert_memory_equal(w.seen.bytes[DIRECTION_SENT], "onetwo", 6);
	assert_int_equal(w.seen.jumps, 0);
	pair_close(&p);
	world_drain(&w);
	assert_int_equal(w.seen.closed, 1);
	assert_int_equal(w.seen.lost_at_close, 0);
	world_close(&w);
}

/* Whoever holds it, and when: before its name is known, with another one that lets go again. */
static void test_held_before_it_is_named(void **state)
{
	struct world w;
	struct pair p;

	(void)state;
	open_world(&w);
	p = pair_new(&contexts, NULL);
	SSL_up_ref(p.client);
	SSL_up_ref(p.client);
	SSL_free(p.client);
	SSL_set_tlsext_host_name(p.client, "example.invalid");
	SSL_set_tlsext_host_name(p.client, HOST);
	pair_join(&p, PAIR_BIO_BYTES);
	pair_shake(&p);
	move(p.client, p.server, "one");
	SSL_free(p.client);
	move(p.client, p.server, "two");
	world_drain(&w);
	assert_int_equal(w.seen.opened, 1);
	assert_int_equal(w.seen.closed, 0);
	assert_int_equal(w.seen.n[DIRECTION_SENT], 6);
	assert_memory_equal(w.seen.bytes[DIRECTION_SENT], "onetwo", 6);
	assert_int_equal(w.seen.first_offset, 0);
	pair_close(&p);
	world_drain(&w);
	assert_int_equal(w.seen.closed, 1);
	assert_int_equal(w.seen.lost_at_close, 0);
	world_close(&w);
}

static void ask_when_done(const SSL *ssl, int where, int result)
{
	(void)result;
	if (where == SSL_CB_HANDSHAKE_DONE)
		assert_int_equal(SSL_write((SSL *)(uintptr_t)ssl, "question", 8), 8);
}

/* As node does it: the read shakes hands, the callback writes, then the read goes on and returns
 * what came behind the handshake. */
static void check_write_inside_a_read(void)
{
	struct pair p = pair_new(&contexts, NULL);
	char sink[16];
	struct world w;

	open_world(&w);
	SSL_set_max_proto_version(p.client, TLS1_2_VERSION);
	SSL_set_tlsext_host_name(p.client, HOST);
	pair_join(&p, PAIR_BIO_BYTES);
	SSL_set_info_callback(p.client, ask_when_done);
	while (SSL_do_handshake(p.server) != 1)
		assert_true(SSL_read(p.client, sink, sizeof(sink)) <= 0);
	assert_int_equal(SSL_write(p.server, "answer", 6), 6);
	assert_int_equal(SSL_read(p.client, sink, sizeof(sink)), 6);
	world_drain(&w);
	assert_int_equal(w.seen.n[DIRECTION_SENT], 8);
	assert_memory_equal(w.seen.bytes[DIRECTION_SENT], "question", 8);
	assert_int_equal(w.seen.n[DIRECTION_RECEIVED], 6);
	assert_memory_equal(w.seen.bytes[DIRECTION_RECEIVED], "answer", 6);
	SSL_set_info_callback(p.client, NULL);
	pair_close(&p);
	world_close(&w);
}

static void test_write_inside_a_read(void **state)
{
	(void)state;
	check_write_inside_a_read();
	returns = "ret";
	check_write_inside_a_read();
	returns = NULL;
}

/* read, write and exit are all that it may call; TLS over memory needs none of them. */
static void run_sandboxed(void)
{
	struct pair p = pair_open(&contexts, HOST);

	move(p.client, p.server, "warm");
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	move(p.client, p.server, "quiet");
	syscall(SYS_exit, 0);
}

static void test_strict_seccomp(void **state) /* capture case 12 */
{
	static const char *const means[] = { NULL, "ret" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct world w;
		int status;
		pid_t child;

		returns = means[i];
		open_world(&w);
		child = fork();
		if (child == 0)
			run_sandboxed();
		waitpid(child, &status, 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		world_drain(&w);
		assert_memory_equal(w.seen.bytes[DIRECTION_SENT], "warmquiet", 9);
		world_close(&w);
	}
	returns = NULL;
}

static int make_contexts(void **state)
{
	(void)state;
	contexts = pair_contexts();
	return 0;
}

static int free_contexts(void **state)
{
	(void)state;
	pair_contexts_free(&contexts);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_late_by_the_object),
		cmocka_unit_test(test_late_by_the_request),
		cmocka_unit_test(test_server_yields_nothing),
		cmocka_unit_test(test_peek_is_counted_once),
		cmocka_unit_test(test_clear_begins_a_generation),
		cmocka_unit_test(test_reused_addresses),
		cmocka_unit_test(test_abandoned_connections),
		cmocka_unit_test(test_write_here_read_there),
		cmocka_unit_test(test_full_buffers_and_retries),
		cmocka_unit_test(test_early_data),
		cmocka_unit_test(test_forked_with_a_connection),
		cmocka_unit_test(test_object_of_two_holders),
		cmocka_unit_test(test_held_before_it_is_named),
		cmocka_unit_test(test_write_inside_a_read),
		cmocka_unit_test(test_strict_seccomp),
	};

	if (geteuid() != 0) {
		print_message("skipped: needs root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, make_contexts, free_contexts);
}
