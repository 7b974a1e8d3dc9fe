/* flow pair BYTES [COUNT [NAME]]: nanoseconds of one write and read over a loopback TCP connection,
 * which has said a hello that names NAME.
 * flow connect NAME [COUNT]: of connect, accept, a hello of 517 bytes that names NAME, and close.
 * One process and thread; prints the mean of the fastest STEPS. The difference with an agent
 * running is what the hooks cost. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BYTES_MAX   65536
#define STEPS       50
#define HELLO_BYTES 517 /* what OpenSSL pads to */

static char bytes[BYTES_MAX];

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

struct link {
	struct sockaddr_in address;
	int listener, client, server;
};

static void listen_somewhere(struct link *l)
{
	socklen_t size = sizeof(l->address);

	l->address = (struct sockaddr_in){ .sin_family = AF_INET };
	l->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	l->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(l->listener, (void *)&l->address, size) < 0 || listen(l->listener, 16) < 0 ||
	    getsockname(l->listener, (void *)&l->address, &size) < 0)
		fail("listen");
}

static void connect_link(struct link *l)
{
	l->client = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(l->client, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (connect(l->client, (void *)&l->address, sizeof(l->address)) < 0)
		fail("connect");
	l->server = accept(l->listener, NULL, NULL);
	if (l->server < 0)
		fail("accept");
}

static void move(struct link *l, size_t n)
{
	if (write(l->client, bytes, n) != (ssize_t)n)
		fail("write");
	for (size_t got = 0; got < n;) {
		ssize_t r = read(l->server, bytes, sizeof(bytes));

		if (r <= 0)
			fail("read");
		got += (size_t)r;
	}
}

/* A ClientHello of HELLO_BYTES that names `name`: RFC 8446 section 4.1.2, padded by RFC 7685. */
static void make_hello(const char *name)
{
	size_t n = strlen(name), padding = HELLO_BYTES - 5 - 4 - 34 - 1 - 4 - 2 - 2 - 9 - n - 4;
	unsigned char *p = (unsigned char *)bytes;
	const unsigned char head[] = { 0x16,
				       3,
				       1,
				       (HELLO_BYTES - 5) >> 8,
				       (HELLO_BYTES - 5) & 255,
				       1,
				       0,
				       (HELLO_BYTES - 9) >> 8,
				       (HELLO_BYTES - 9) & 255,
				       3,
				       3 };
	const unsigned char middle[] = { 0,
					 0,
					 2,
					 0x13,
					 1,
					 1,
					 0,
					 (unsigned char)((9 + n + 4 + padding) >> 8),
					 (unsigned char)(9 + n + 4 + padding),
					 0,
					 0,
					 0,
					 (unsigned char)(n + 5),
					 0,
					 (unsigned char)(n + 3),
					 0,
					 0,
					 (unsigned char)n };

	memset(p, 0, HELLO_BYTES);
	memcpy(p, head, sizeof(head));
	memcpy(p + 43, middle, sizeof(middle));
	memcpy(p + 43 + sizeof(middle), name, n);
	p += 43 + sizeof(middle) + n;
	p[1] = 21;
	p[2] = (unsigned char)(padding >> 8);
	p[3] = (unsigned char)padding;
}

/* The fastest of many short runs: what it costs when nothing else happens. */
static double fastest(struct link *l, void (*step)(struct link *l, size_t n), size_t n, long count)
{
	double best = 0;

	for (long done = 0; done < count; done += STEPS) {
		double start = now_ns(), each;

		for (int i = 0; i < STEPS; i++)
			step(l, n);
		each = (now_ns() - start) / STEPS;
		if (!done || each < best)
			best = each;
	}
	return best;
}

/* Closed by a reset, so that no thousands of ports are left waiting. */
static void connect_once(struct link *l, size_t n)
{
	connect_link(l);
	move(l, n);
	setsockopt(l->client, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
		   sizeof(struct linger));
	close(l->client);
	close(l->server);
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "pair", *what = argc > 2 ? argv[2] : "64";
	long count = argc > 3 ? strtol(argv[3], NULL, 10) : 20000;
	long n = strtol(what, NULL, 10);
	struct link l;

	listen_somewhere(&l);
	if (strcmp(way, "connect") == 0) {
		make_hello(what);
		printf("%.0f\n", fastest(&l, connect_once, HELLO_BYTES, count));
	} else if (n > 0 && n <= BYTES_MAX) {
		connect_link(&l);
		if (argc > 4) {
			make_hello(argv[4]);
			move(&l, HELLO_BYTES);
		}
		printf("%.0f\n", fastest(&l, move, (size_t)n, count));
	} else {
		return 2;
	}
	return 0;
}
