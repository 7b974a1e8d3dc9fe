/* A TCP connection over loopback and the ClientHellos that are sent over it, made by hand after RFC
 * 8446 section 4.1.2. Include it behind cmocka. */
#pragma once

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HELLO_MAX 16384

/* --- a ClientHello */

struct bytes {
	size_t n;
	uint8_t at[HELLO_MAX];
};

static inline void put(struct bytes *b, const void *from, size_t n)
{
	assert_true(b->n + n <= sizeof(b->at));
	memcpy(b->at + b->n, from, n);
	b->n += n;
}

static inline void put_number(struct bytes *b, uint32_t value, int width)
{
	while (width--)
		put(b, &(uint8_t){ (uint8_t)(value >> (8 * width)) }, 1);
}

static inline void put_extension(struct bytes *b, unsigned type, const void *data, size_t n)
{
	put_number(b, type, 2);
	put_number(b, (uint32_t)n, 2);
	put(b, data, n);
}

static inline void put_name(struct bytes *b, const char *name)
{
	size_t n = strlen(name);

	put_number(b, 0, 2);
	put_number(b, (uint32_t)n + 5, 2);
	put_number(b, (uint32_t)n + 3, 2);
	put_number(b, 0, 1);
	put_number(b, (uint32_t)n, 2);
	put(b, name, n);
}

enum shape { NAME_FIRST, NAME_LAST, NAME_NOT };

/* `keys` bytes of key share: 36 of X25519, 1220 with ML-KEM. */
static inline struct bytes make_hello(const char *name, enum shape shape, size_t keys)
{
	static uint32_t serial;
	struct bytes extensions = { 0 }, body = { 0 }, hello = { 0 };
	uint8_t share[HELLO_MAX] = { 0 }, random[32] = { 0xde, 0xad };

	serial++;
	memcpy(random + 12, &serial, sizeof(serial));
	if (shape == NAME_FIRST)
		put_name(&extensions, name);
	put_extension(&extensions, 43, "\x02\x03\x04", 3);
	put_extension(&extensions, 51, share, keys);
	put_extension(&extensions, 16, "\x00\x09\x08http/1.1", 11);
	if (shape == NAME_LAST)
		put_name(&extensions, name);
	put_number(&body, 0x0303, 2);
	put(&body, random, 32);
	put_number(&body, 32, 1);
	put(&body, random, 32);
	put_number(&body, 2, 2);
	put_number(&body, 0x1301, 2);
	put_number(&body, 0x0100, 2);
	put_number(&body, (uint32_t)extensions.n, 2);
	put(&body, extensions.at, extensions.n);
	put_number(&hello, 0x160301, 3);
	put_number(&hello, (uint32_t)body.n + 4, 2);
	put_number(&hello, 1, 1);
	put_number(&hello, (uint32_t)body.n, 3);
	put(&hello, body.at, body.n);
	return hello;
}

/* --- a connection over loopback */

struct link {
	int listener, client, server;
	struct sockaddr_storage address;
};

static inline struct sockaddr_storage loopback(int family)
{
	struct sockaddr_storage address = { .ss_family = (sa_family_t)family };

	if (family == AF_INET)
		((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		((struct sockaddr_in6 *)&address)->sin6_addr = in6addr_loopback;
	return address;
}

static inline struct link open_link(int family)
{
	struct link l = { .address = loopback(family) };
	socklen_t size = sizeof(l.address);

	l.listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(l.listener, (void *)&l.address, size), 0);
	assert_int_equal(listen(l.listener, 1), 0);
	assert_int_equal(getsockname(l.listener, (void *)&l.address, &size), 0);
	l.client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(l.client, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, 4), 0);
	assert_int_equal(connect(l.client, (void *)&l.address, size), 0);
	l.server = accept(l.listener, NULL, NULL);
	assert_true(l.server >= 0);
	return l;
}

static inline void close_link(struct link *l)
{
	close(l->client);
	close(l->server);
	close(l->listener);
}

/* Moves all of it, so that what was sent is acknowledged. */
static inline void move(int from, int to, const void *bytes, size_t n)
{
	static char sink[HELLO_MAX];

	for (size_t sent = 0; sent < n;) {
		size_t piece = n - sent < sizeof(sink) ? n - sent : sizeof(sink);

		assert_int_equal(send(from, (const char *)bytes + sent, piece, 0), piece);
		for (size_t got = 0; got < piece;) {
			ssize_t r = recv(to, sink, sizeof(sink), 0);

			assert_true(r > 0);
			got += (size_t)r;
		}
		sent += piece;
	}
}

/* The hello in pieces that end at the cuts. */
static inline void send_cut(struct link *l, const struct bytes *hello, const size_t *cuts,
			    unsigned n)
{
	size_t at = 0;

	for (unsigned i = 0; i <= n; i++) {
		size_t end = i < n ? cuts[i] : hello->n;

		move(l->client, l->server, hello->at + at, end - at);
		at = end;
	}
}
