/* The bytes of a connection against a peer at the other end of a socket pair: none is lost, doubled
 * or out of order, whatever the size of the pieces. */
#include "policy/wire.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define ROOM  64
#define BYTES (1 << 21)
#define PIECE 200000

struct rig {
	struct event_base *base;
	struct wire wire;
	int peer;
	char room[ROOM];
	unsigned n_readable, n_writable;
	int flushed;
};

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct rig *rig = ctx;

	(void)fd;
	(void)what;
	rig->n_readable++;
}

static void on_writable(evutil_socket_t fd, short what, void *ctx)
{
	struct rig *rig = ctx;

	(void)fd;
	(void)what;
	rig->n_writable++;
	rig->flushed = wire_flush(&rig->wire);
}

static int start(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	int pair[2];

	assert_non_null(rig);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	rig->base = event_base_new();
	rig->peer = pair[1];
	assert_int_equal(wire_open(&rig->wire, rig->base, pair[0], on_readable, on_writable, rig),
			 0);
	*state = rig;
	return 0;
}

static int stop(void **state)
{
	struct rig *rig = *state;

	wire_close(&rig->wire);
	close(rig->peer);
	event_base_free(rig->base);
	free(rig);
	return 0;
}

static void turn(struct rig *rig)
{
	event_base_loop(rig->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void say(struct rig *rig, const char *text)
{
	assert_int_equal(send(rig->peer, text, strlen(text), 0), strlen(text));
}

static void assert_unread(const struct rig *rig, const char *text)
{
	assert_int_equal(rig->wire.unread.len, strlen(text));
	assert_memory_equal(rig->wire.unread.ptr, text, strlen(text));
}

static void test_receive(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(wire_receive(&rig->wire, rig->room, ROOM), -EAGAIN);
	say(rig, "one two");
	assert_int_equal(wire_receive(&rig->wire, rig->room, ROOM), 7);
	assert_unread(rig, "one two");
	rig->wire.unread = span_skip(rig->wire.unread, 4);
	wire_keep(&rig->wire);
	/* Another connection's bytes. */
	memset(rig->room, '#', ROOM);
	assert_unread(rig, "two");
	say(rig, " three");
	assert_int_equal(wire_receive(&rig->wire, rig->room, ROOM), 6);
	assert_unread(rig, "two three");
	rig->wire.unread = span_skip(rig->wire.unread, 4);
	wire_keep(&rig->wire);
	assert_unread(rig, "three");
	/* No more than the room, what is kept included. */
	say(rig, "0123456789012345678901234567890123456789012345678901234567890123456789");
	assert_int_equal(wire_receive(&rig->wire, rig->room, ROOM), ROOM - 5);
	rig->wire.unread.len = 0;
	wire_keep(&rig->wire);
	assert_null(rig->wire.in.data);
	assert_int_equal(wire_receive(&rig->wire, rig->room, ROOM), 70 - (ROOM - 5));
	close(rig->peer);
	assert_int_equal(wire_receive(&rig->wire, rig->room, ROOM), 0);
	rig->peer = -1;
}

static void test_reading(void **state)
{
	struct rig *rig = *state;

	say(rig, "x");
	turn(rig);
	assert_int_equal(rig->n_readable, 1);
	wire_read(&rig->wire, false);
	turn(rig);
	assert_int_equal(rig->n_readable, 1);
	wire_read(&rig->wire, true);
	turn(rig);
	assert_int_equal(rig->n_readable, 2);
}

/* Two megabytes in pieces that grow, of which the socket takes a part: the rest follows. */
static void test_send(void **state)
{
	struct rig *rig = *state;
	unsigned char *out = malloc(BYTES), *got = malloc(BYTES);
	size_t sent = 0, n = 0;

	for (size_t i = 0; i < BYTES; i++)
		out[i] = (unsigned char)(i * 31 + i / 251);
	for (size_t piece = 1; sent < BYTES; piece = piece < PIECE ? piece * 3 + 1 : PIECE) {
		size_t size = piece < BYTES - sent ? piece : BYTES - sent;
		ssize_t more;

		wire_send(&rig->wire, (struct span){ (char *)out + sent, size });
		sent += size;
		/* Less is read than was sent, so that what was kept is sent in part. */
		more = recv(rig->peer, got + n, PIECE / 4 * 3, 0);
		n += more > 0 ? (size_t)more : 0;
		turn(rig);
	}
	assert_true(wire_unsent(&rig->wire) > 0);
	for (int i = 0; n < BYTES && i < 10000; i++) {
		ssize_t more = recv(rig->peer, got + n, BYTES - n, 0);

		n += more > 0 ? (size_t)more : 0;
		turn(rig);
	}
	assert_int_equal(n, BYTES);
	assert_memory_equal(out, got, BYTES);
	assert_int_equal(wire_unsent(&rig->wire), 0);
	assert_null(rig->wire.out.data);
	assert_true(rig->n_writable > 0);
	free(out);
	free(got);
}

static void test_broken(void **state)
{
	struct rig *rig = *state;

	close(rig->peer);
	rig->peer = -1;
	wire_send(&rig->wire, SPAN("lost"));
	assert_int_equal(rig->flushed, 0);
	turn(rig);
	assert_int_equal(rig->flushed, -EPIPE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_receive),
		TEST(test_reading),
		TEST(test_send),
		TEST(test_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
