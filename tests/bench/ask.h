/* Requests to the policy socket, as bare bytes: what the programs that time decisions share. What
 * fails ends the program. */
#pragma once

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ASK_ID_BYTES 36

struct message {
	char bytes[16384];
	size_t n;
};

static inline void ask_fail(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static inline int64_t ask_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static inline struct message ask_request(const char *path, const char *body, size_t n)
{
	struct message m;

	m.n = (size_t)snprintf(m.bytes, sizeof(m.bytes),
			       "POST %s HTTP/1.1\r\nHost: localhost\r\n"
			       "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
			       path, n);
	memcpy(m.bytes + m.n, body, n);
	m.n += n;
	return m;
}

static inline struct message ask_decide(const char *body_path)
{
	FILE *file = fopen(body_path, "r");
	struct message m;
	char body[8192];

	if (!file)
		ask_fail(body_path);
	m = ask_request("/v1/decide", body, fread(body, 1, sizeof(body), file));
	fclose(file);
	return m;
}

static inline int ask_connect(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (strlen(path) >= sizeof(to.sun_path))
		ask_fail(path);
	memcpy(to.sun_path, path, strlen(path));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		ask_fail(path);
	return fd;
}

static inline void ask_send(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

		if (sent <= 0)
			ask_fail("send");
		bytes += sent;
		n -= (size_t)sent;
	}
}

/* One read into `m`, which begins empty: true when the response is whole. */
static inline bool ask_receive_some(int fd, struct message *m)
{
	ssize_t n = recv(fd, m->bytes + m->n, sizeof(m->bytes) - 1 - m->n, 0);
	char *end, *length;

	if (n <= 0)
		ask_fail("recv");
	m->n += (size_t)n;
	m->bytes[m->n] = '\0';
	end = strstr(m->bytes, "\r\n\r\n");
	length = strcasestr(m->bytes, "content-length:");
	return end && length && length < end &&
	       m->n >= (size_t)(end + 4 - m->bytes) + strtoul(length + 15, NULL, 10);
}

static inline void ask_receive(int fd, struct message *m)
{
	m->n = 0;
	while (!ask_receive_some(fd, m))
		;
}

/* The id of the reservation in an answer. */
static inline const char *ask_reservation(const struct message *answer)
{
	const char *id = strstr(answer->bytes, "\"reservation\":{\"id\":\"");

	if (!id)
		ask_fail("no reservation in the answer");
	return id + 21;
}

/* Settling makes the ledger work: not while time is taken. */
static inline void ask_settle_all(int fd, char (*ids)[ASK_ID_BYTES], size_t n)
{
	struct message m, answer;
	char body[128];

	for (size_t i = 0; i < n; i++) {
		snprintf(body, sizeof(body), "{\"reservation\":\"%.36s\",\"usd\":\"0\"}", ids[i]);
		m = ask_request("/v1/settle", body, strlen(body));
		ask_send(fd, m.bytes, m.n);
		ask_receive(fd, &answer);
	}
	usleep(200000);
}

static inline int ask_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Sorts them. */
static inline uint32_t ask_quantile(uint32_t *times, size_t n, unsigned percent)
{
	qsort(times, n, sizeof(*times), ask_compare);
	return times[n * percent / 100];
}

/* A child on `cpu` that ends with us. True in it. */
static inline bool ask_fork(int cpu)
{
	cpu_set_t set;

	if (fork())
		return false;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		ask_fail("sched_setaffinity");
	return true;
}
