/* Real OpenSSL, real probes: what a client moves through SSL_read and SSL_write arrives byte for
 * byte, in order, at every size; what it moves to another host does not; what the ring cannot hold
 * is counted to the byte. Needs root; both ends of the connection are in this process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/pair.h"
#include "tests/bpf/world.h"

#define HOST      "api.outlay-test.invalid"
#define WILD_HOST "one.outlay-wild.invalid"

static struct pair_contexts contexts;
static char *pattern; /* SEEN_MAX bytes that do not repeat soon */

/* How the next world puts its probes on; NULL: the best that the kernel has. */
static const char *links, *returns;

static void open_world_keeping(struct world *w, unsigned ring_bytes, unsigned request_keep_bytes)
{
	world_open(w, (struct world_options){
			  .attach = { .ring_bytes = ring_bytes,
				      .request_keep_bytes = request_keep_bytes,
				      .links = links,
				      .returns = returns },
			  .hosts = { HOST, "*.outlay-wild.invalid", "*-wild.outlay.invalid" } });
	assert_true(counter_read(&attach_libraries(w->attach)->watched) > 0);
}

static void open_world(struct world *w, unsigned ring_bytes)
{
	open_world_keeping(w, ring_bytes, 0);
}

static struct pair connect_pair(const char *host)
{
	struct pair p = pair_new(&contexts, host);

	pair_join(&p, 4 << 20);
	pair_shake(&p);
	return p;
}

/* One call of the client's writes all; the server's reads take it off the wire. */
static void send_bytes(struct pair *p, const char *bytes, size_t n, bool ex)
{
	static char sink[1 << 15];
	size_t done = 0;

	if (ex) {
		assert_int_equal(SSL_write_ex(p->client, bytes, n, &done), 1);
		assert_int_equal(done, n);
	} else {
		assert_int_equal(SSL_write(p->client, bytes, (int)n), (int)n);
	}
	for (size_t got = 0; got < n;) {
		int r = SSL_read(p->server, sink, sizeof(sink));

		assert_true(r > 0);
		got += (size_t)r;
	}
}

static void receive_bytes(struct pair *p, const char *bytes, size_t n, bool ex)
{
	static char sink[1 << 20];

	assert_int_equal(SSL_write(p->server, bytes, (int)n), (int)n);
	for (size_t got = 0; got < n;) {
		size_t r = 0;

		if (ex) {
			assert_int_equal(SSL_read_ex(p->client, sink, sizeof(sink), &r), 1);
		} else {
			int plain = SSL_read(p->client, sink, sizeof(sink));

			assert_true(plain > 0);
			r = (size_t)plain;
		}
		got += r;
	}
}

static const size_t sizes[] = {
	1,      2,      255,    256,    257,    511,    512,     513,     1023,  1024,
	1025,   2047,   2048,   2049,   4095,   4096,   4097,    8191,    8192,  8193,
	16383,  16384,  16385,  32767,  32768,  32769,  65535,   65536,   65537, 131071,
	131072, 131073, 262143, 262144, 262145, 524288, 1048575, 1048576,
};

static void check_sizes(bool ex)
{
	struct world w;
	struct pair p;
	size_t at = 0;

	open_world(&w, 8 << 20);
	p = connect_pair(HOST);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		send_bytes(&p, pattern + at, sizes[i], ex);
		receive_bytes(&p, pattern + at + 7, sizes[i], ex);
		at += sizes[i];
		world_drain(&w);
	}
	pair_close(&p);
	world_drain(&w);
	assert_int_equal(w.seen.opened, 1);
	assert_int_equal(w.seen.closed, 1);
	assert_string_equal(w.seen.server, HOST);
	assert_int_equal(w.seen.process.pid, getpid());
	assert_int_equal(w.seen.process.uid, getuid());
	assert_int_equal(w.seen.jumps, 0);
	assert_int_equal(w.seen.lost_at_close, 0);
	assert_int_equal(w.seen.end[DIRECTION_SENT], at);
	assert_int_equal(w.seen.end[DIRECTION_RECEIVED], at);
	assert_memory_equal(w.seen.bytes[DIRECTION_SENT], pattern, at);
	/* The received stream is the same ladder, each step seven bytes further on. */
	at = 0;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_memory_equal(w.seen.bytes[DIRECTION_RECEIVED] + at, pattern + at + 7,
				    sizes[i]);
		at += sizes[i];
	}
	world_close(&w);
}

/* Capture cases 26, 27. */
static void test_every_size_plain(void **state)
{
	(void)state;
	check_sizes(false);
}

/* Capture cases 1, 3: as Python calls it. */
static void test_every_size_ex(void **state)
{
	(void)state;
	check_sizes(true);
}

/* What the best kind did above, the others do too. */
static void test_every_size_by_every_means(void **state)
{
	static const struct {
		const char *links, *returns;
	} means[] = {
		{ "multi", "probe" }, { "perf", "probe" }, { "session", "ret" },
		{ "multi", "ret" },   { "perf", "ret" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(means) / sizeof(means[0]); i++) {
		links = means[i].links;
		returns = means[i].returns;
		check_sizes(i & 1);
	}
	links = NULL;
	returns = NULL;
}

static void test_one_call_of_more_than_its_records(void **state)
{
	const size_t over = 4096, n = EVENT_CALL_CHUNKS * EVENT_CHUNK_MAX + over;
	uint64_t counters[EVENT_COUNTER_MAX];
	struct world w;
	struct pair p;

	(void)state;
	open_world(&w, 8 << 20);
	p = connect_pair(HOST);
	send_bytes(&p, pattern, n, false);
	send_bytes(&p, pattern + n, 10, false);
	pair_close(&p);
	world_drain(&w);
	attach_read_counters(w.attach, counters);
	assert_int_equal(counters[EVENT_COUNTER_CALL_TOO_LONG_BYTES], over);
	assert_int_equal(w.seen.jumps, over);
	assert_int_equal(w.seen.end[DIRECTION_SENT], n + 10);
	world_close(&w);
}

/* Of a big request both ends are copied and the middle is only counted; of an answer, of a small
 * request, and of HTTP/2, whose frames cannot spare a byte, all is. */
static void test_the_middle_of_a_request_is_left_out(void **state)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	const size_t keep = 20000, writes[] = { 1, 2 * keep, 2 * keep + 1, 100000, 1 << 20 };
	struct world w;
	struct pair p;
	size_t at = 0;

	(void)state;
	open_world_keeping(&w, 8 << 20, keep);
	p = connect_pair(HOST);
	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		size_t n = writes[i], ends = n > 2 * keep ? keep : n / 2;
		uint64_t cut = w.seen.cut;

		send_bytes(&p, pattern + at, n, i % 2);
		world_drain(&w);
		assert_int_equal(w.seen.cut - cut, n > 2 * keep ? n - 2 * keep : 0);
		assert_int_equal(w.seen.end[DIRECTION_SENT], at + n);
		assert_memory_equal(w.seen.bytes[DIRECTION_SENT] + at, pattern + at, ends);
		at += n;
		assert_memory_equal(w.seen.bytes[DIRECTION_SENT] + at - ends, pattern + at - ends,
				    ends);
	}
	assert_int_equal(counter_read(&capture_counters(w.capture)->cut_bytes), w.seen.cut);
	w.seen.cut = 0;
	receive_bytes(&p, pattern, 1 << 20, false);
	pair_close(&p);
	world_drain(&w);
	p = connect_pair(HOST);
	send_bytes(&p, preface, sizeof(preface) - 1, false);
	send_bytes(&p, pattern, 1 << 20, false);
	pair_close(&p);
	world_drain(&w);
	assert_int_equal(w.seen.cut, 0);
	assert_int_equal(w.seen.jumps + w.seen.lost_at_close, 0);
	assert_int_equal(counter_read(&capture_counters(w.capture)->lost_bytes), 0);
	world_close(&w);
}

static void test_other_host_leaves_nothing(void **state)
{
	static const char *const hosts[] = { "example.invalid", "outlay-wild.invalid",
					     "a.b.outlay-wild.invalid", "xapi.outlay-test.invalid",
					     "api.outlay-test.invalid.com" };
	struct world w;

	(void)state;
	open_world(&w, 1 << 20);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct pair p = connect_pair(hosts[i]);

		send_bytes(&p, pattern, 1000, false);
		receive_bytes(&p, pattern, 1000, true);
		pair_close(&p);
	}
	world_drain(&w);
	assert_int_equal(counter_read(&capture_counters(w.capture)->records), 0);
	world_close(&w);
}

static void test_wildcard_and_case(void **state)
{
	static const char *const hosts[] = { WILD_HOST, "TWO.Outlay-Wild.Invalid",
					     "API.OUTLAY-TEST.INVALID",
					     "eu-West1-Wild.outlay.invalid" };
	struct world w;

	(void)state;
	open_world(&w, 1 << 20);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct pair p = connect_pair(hosts[i]);

		send_bytes(&p, pattern, 10, false);
		pair_close(&p);
		world_drain(&w);
		assert_int_equal(w.seen.closed, i + 1);
		assert_int_equal(strcasecmp(w.seen.server, hosts[i]), 0);
	}
	world_close(&w);
}

static void test_object_that_changes_its_host(void **state)
{
	struct world w;
	SSL *ssl;

	(void)state;
	open_world(&w, 1 << 20);
	ssl = SSL_new(contexts.client);
	SSL_set_tlsext_host_name(ssl, HOST);
	SSL_set_tlsext_host_name(ssl, HOST);
	SSL_set_tlsext_host_name(ssl, "example.invalid");
	SSL_free(ssl);
	world_drain(&w);
	/* Opened once for the two equal names; forgotten for the third, so no close. */
	assert_int_equal(w.seen.opened, 1);
	assert_int_equal(w.seen.closed, 0);
	world_close(&w);
}

/* Capture case 29: what is lost shifts nothing. */
static void test_loss_is_counted_to_the_byte(void **state)
{
	uint64_t counters[EVENT_COUNTER_MAX], sent = 0, captured = 0;
	struct world w;
	struct pair p;

	(void)state;
	open_world(&w, 64 << 10); /* made tiny on purpose, and not read while it fills */
	p = connect_pair(HOST);
	for (int i = 0; i < 200; i++) {
		size_t n = (size_t)(1 + i * 37 % 3000);

		send_bytes(&p, pattern + sent, n, i & 1);
		sent += n;
	}
	world_drain(&w);
	pair_close(&p);
	world_drain(&w);
	attach_read_counters(w.attach, counters);
	captured = counters[EVENT_COUNTER_BYTES_CAPTURED];
	assert_true(counters[EVENT_COUNTER_RING_FULL] > 0);
	assert_int_equal(captured + counters[EVENT_COUNTER_RING_FULL_BYTES], sent);
	assert_int_equal(w.seen.jumps + w.seen.lost_at_close,
			 counters[EVENT_COUNTER_RING_FULL_BYTES]);
	assert_int_equal(counter_read(&capture_counters(w.capture)->lost_bytes),
			 counters[EVENT_COUNTER_RING_FULL_BYTES]);
	/* What did arrive stands where it belongs. */
	assert_memory_equal(w.seen.bytes[DIRECTION_SENT], pattern, 1000);
	world_close(&w);
}

static void test_failed_calls_move_nothing(void **state)
{
	char sink[16];
	struct world w;
	struct pair p;
	size_t n = 77;

	(void)state;
	open_world(&w, 1 << 20);
	p = connect_pair(HOST);
	assert_true(SSL_read(p.client, sink, sizeof(sink)) <= 0); /* nothing is there: WANT_READ */
	assert_int_equal(SSL_read_ex(p.client, sink, sizeof(sink), &n), 0);
	receive_bytes(&p, pattern, 5, true);
	pair_close(&p);
	world_drain(&w);
	assert_int_equal(w.seen.end[DIRECTION_RECEIVED], 5);
	assert_int_equal(w.seen.end[DIRECTION_SENT], 0);
	world_close(&w);
}

#define WAIT_MS 2000

/* Milliseconds until the reader was woken. A poll that was not looks once more at its end. */
static int64_t wait_for_record(const struct capture *c)
{
	int64_t start_ns = clock_system.monotonic_ns(&clock_system);
	struct pollfd fd = { .fd = capture_fd(c), .events = POLLIN };

	assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
	return (clock_system.monotonic_ns(&clock_system) - start_ns) / NS_PER_MS;
}

static void *send_later(void *pair)
{
	usleep(50000); /* the reader is asleep by then */
	send_bytes(pair, pattern, 10, false);
	return NULL;
}

static void test_sleeper_is_woken_and_late_sleeper_told(void **state)
{
	pthread_t sender;
	struct world w;
	struct pair p;

	(void)state;
	open_world(&w, 1 << 20);
	p = connect_pair(HOST);
	assert_false(capture_sleep(w.capture)); /* the open is in the ring already */
	world_drain(&w);
	assert_int_equal(pthread_create(&sender, NULL, send_later, &p), 0);
	assert_true(capture_sleep(w.capture));
	assert_true(wait_for_record(w.capture) < WAIT_MS / 2);
	assert_int_equal(pthread_join(sender, NULL), 0);
	world_drain(&w);
	assert_int_equal(w.seen.end[DIRECTION_SENT], 10);
	pair_close(&p);
	world_close(&w);
}

/* Whether the kernel woke the reader within `ms`. */
static bool is_woken(int epoll, int ms)
{
	struct epoll_event event;

	return epoll_wait(epoll, &event, 1, ms) == 1;
}

/* Records of 4 KiB in a ring of 64: the fourth or fifth, by what a record takes besides. */
static void test_who_naps_is_woken_at_a_quarter(void **state)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct world w;
	struct pair p;

	(void)state;
	open_world(&w, 64 << 10);
	p = connect_pair(HOST);
	world_drain(&w);
	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, capture_fd(w.capture), &event), 0);
	for (int round = 0; round < 3; round++) {
		capture_nap(w.capture);
		for (int i = 0; i < 3; i++)
			send_bytes(&p, pattern, 4096, false);
		assert_false(is_woken(epoll, 50));
		for (int i = 0; i < 2; i++)
			send_bytes(&p, pattern, 4096, false);
		assert_true(is_woken(epoll, WAIT_MS));
		/* Once. */
		send_bytes(&p, pattern, 4096, false);
		assert_false(is_woken(epoll, 50));
		world_drain(&w);
	}
	assert_int_equal(w.seen.end[DIRECTION_SENT], 3 * 6 * 4096);
	assert_int_equal(w.seen.jumps, 0);
	pair_close(&p);
	world_close(&w);
	close(epoll);
}

static void test_what_is_no_ring_is_refused(void **state)
{
	_Atomic uint32_t wait_bytes = 0;
	struct capture_options options = { .clock = &clock_system,
					   .proc = "/proc",
					   .next = &world_handler,
					   .wait_bytes = &wait_bytes };
	struct capture *capture = NULL;

	(void)state;
	options.ring_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_true(options.ring_fd >= 0);
	assert_true(capture_new(&options, &capture) < 0);
	assert_null(capture);
	close(options.ring_fd);
}

/* A library that is mapped after the start is found by its mapping. */
static void test_late_library(void **state)
{
	struct world w;
	char path[] = "/tmp/outlay-libssl-XXXXXX", command[256];
	uint64_t before;
	pid_t child;
	int status;

	(void)state;
	assert_non_null(mkdtemp(path));
	open_world(&w, 1 << 20);
	before = counter_read(&attach_libraries(w.attach)->watched);
	snprintf(command, sizeof(command), "cp /usr/lib/*-linux-gnu*/libssl.so.3 %s/libssl.so.3",
		 path);
	assert_int_equal(system(command), 0);
	child = fork();
	if (child == 0) {
		setenv("LD_LIBRARY_PATH", path, 1);
		execl("/usr/bin/openssl", "openssl", "s_client", "-connect", "127.0.0.1:1", NULL);
		_exit(127);
	}
	for (int i = 0; i < 200; i++) {
		attach_poll(w.attach);
		if (counter_read(&attach_libraries(w.attach)->watched) > before)
			break;
		usleep(1000);
	}
	waitpid(child, &status, 0);
	snprintf(command, sizeof(command), "rm -r %s", path);
	assert_int_equal(system(command), 0);
	assert_true(counter_read(&attach_counters(w.attach)->mappings_seen) > 0);
	assert_int_equal(counter_read(&attach_libraries(w.attach)->watched), before + 1);
	world_close(&w);
}

static int make_contexts(void **state)
{
	uint32_t x = 1;

	(void)state;
	contexts = pair_contexts();
	pattern = malloc(SEEN_MAX);
	for (size_t i = 0; i < SEEN_MAX; i++) {
		x = x * 1664525 + 1013904223;
		pattern[i] = (char)(x >> 24);
	}
	return 0;
}

static int free_contexts(void **state)
{
	(void)state;
	pair_contexts_free(&contexts);
	free(pattern);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_size_plain),
		cmocka_unit_test(test_every_size_ex),
		cmocka_unit_test(test_every_size_by_every_means),
		cmocka_unit_test(test_one_call_of_more_than_its_records),
		cmocka_unit_test(test_the_middle_of_a_request_is_left_out),
		cmocka_unit_test(test_other_host_leaves_nothing),
		cmocka_unit_test(test_wildcard_and_case),
		cmocka_unit_test(test_object_that_changes_its_host),
		cmocka_unit_test(test_loss_is_counted_to_the_byte),
		cmocka_unit_test(test_failed_calls_move_nothing),
		cmocka_unit_test(test_sleeper_is_woken_and_late_sleeper_told),
		cmocka_unit_test(test_who_naps_is_woken_at_a_quarter),
		cmocka_unit_test(test_what_is_no_ring_is_refused),
		cmocka_unit_test(test_late_library),
	};

	if (geteuid() != 0) {
		print_message("skipped: needs root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, make_contexts, free_contexts);
}
