/* decide SOCKET BODY-FILE N [NAME SOCKET BODY-FILE]...: latency of POST /v1/decide on the policy
 * socket, beside a bare echo on a Unix socket that moves the same bytes and beside peers, in
 * interleaved rounds, both ends on the CPU that this process was started on. Prints, for ours, the
 * echo and each peer: name, p50 ns, p99 ns. Each decision of ours reserves; after a round all are
 * settled, untimed. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS      10
#define SERVERS_MAX 8

struct message {
	char bytes[16384];
	size_t n;
};

static void die(const char *what)
{
	fprintf(stderr, "decide: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static struct message request(const char *path, const char *body, size_t n)
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

static void send_all(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

		if (sent <= 0)
			die("send");
		bytes += sent;
		n -= (size_t)sent;
	}
}

/* One response: head and Content-Length. */
static void receive(int fd, struct message *m)
{
	m->n = 0;
	for (;;) {
		ssize_t n = recv(fd, m->bytes + m->n, sizeof(m->bytes) - 1 - m->n, 0);
		char *end, *length;

		if (n <= 0)
			die("recv");
		m->n += (size_t)n;
		m->bytes[m->n] = '\0';
		end = strstr(m->bytes, "\r\n\r\n");
		length = strcasestr(m->bytes, "content-length:");
		if (end && length && length < end &&
		    m->n >= (size_t)(end + 4 - m->bytes) + strtoul(length + 15, NULL, 10))
			return;
	}
}

/* Answers every `in_bytes` with the same bytes, parsing nothing. */
static void echo(int fd, size_t in_bytes, const struct message *answer)
{
	static char sink[16384];
	size_t got = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		ssize_t n = recv(fd, sink, in_bytes - got, 0);

		if (n <= 0)
			_exit(0);
		got += (size_t)n;
		if (got == in_bytes) {
			send_all(fd, answer->bytes, answer->n);
			got = 0;
		}
	}
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void print(const char *name, uint32_t *times, size_t n)
{
	qsort(times, n, sizeof(*times), compare);
	printf("%s %u %u\n", name, times[n / 2], times[n * 99 / 100]);
}

/* The id of the reservation in an answer: 36 characters. */
static const char *reservation(const struct message *answer)
{
	const char *id = strstr(answer->bytes, "\"reservation\":{\"id\":\"");

	if (!id)
		die("no reservation in the answer");
	return id + 21;
}

static void settle(int fd, const char *id)
{
	struct message m;
	char body[128];

	snprintf(body, sizeof(body), "{\"reservation\":\"%.36s\",\"usd\":\"0\"}", id);
	m = request("/v1/settle", body, strlen(body));
	send_all(fd, m.bytes, m.n);
	receive(fd, &m);
}

static uint32_t timed(int fd, const struct message *m, struct message *answer)
{
	int64_t start = now_ns();

	send_all(fd, m->bytes, m->n);
	receive(fd, answer);
	return (uint32_t)(now_ns() - start);
}

/* One server, asked the same thing again and again. */
struct server {
	const char *name;
	int fd;
	struct message ask;
	uint32_t *times;
};

static struct server server_at(const char *name, const char *path, const char *body_path, size_t n)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct server s = { name, socket(AF_UNIX, SOCK_STREAM, 0), .times = malloc(n * 4) };
	FILE *file = fopen(body_path, "r");
	char body[8192];

	if (!file || !s.times || strlen(path) >= sizeof(to.sun_path))
		die(body_path);
	s.ask = request("/v1/decide", body, fread(body, 1, sizeof(body), file));
	fclose(file);
	memcpy(to.sun_path, path, strlen(path));
	if (connect(s.fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die(path);
	return s;
}

/* The floor of `of`, whose answers look like `answer`. */
static struct server echo_of(const struct server *of, const struct message *answer, size_t n)
{
	struct server s = { "echo", .ask = of->ask, .times = malloc(n * 4) };
	int pair[2];

	if (!s.times || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		die("socketpair");
	if (fork() == 0)
		echo(pair[1], of->ask.n, answer);
	s.fd = pair[0];
	return s;
}

/* Settling makes the ledger work, on this CPU too: not while time is taken. */
static void settle_all(int fd, char (*ids)[36], size_t n)
{
	for (size_t i = 0; i < n; i++)
		settle(fd, ids[i]);
	usleep(200000);
}

int main(int argc, char **argv)
{
	size_t n = argc > 3 ? strtoul(argv[3], NULL, 10) : 0, each = n / ROUNDS, n_servers = 0;
	struct server servers[SERVERS_MAX];
	char(*ids)[36] = malloc(each * sizeof(*ids));
	struct message answer;

	if (!n || !ids || (argc - 4) % 3 || (argc - 4) / 3 + 2 > SERVERS_MAX)
		return 2;
	servers[n_servers++] = server_at("decide", argv[1], argv[2], n);
	(void)timed(servers[0].fd, &servers[0].ask, &answer);
	settle(servers[0].fd, reservation(&answer));
	servers[n_servers++] = echo_of(&servers[0], &answer, n);
	for (int i = 4; i < argc; i += 3)
		servers[n_servers++] = server_at(argv[i], argv[i + 1], argv[i + 2], n);
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t s = 0; s < n_servers; s++) {
			for (size_t i = 0; i < each; i++) {
				servers[s].times[(size_t)round * each + i] =
				    timed(servers[s].fd, &servers[s].ask, &answer);
				if (s == 0)
					memcpy(ids[i], reservation(&answer), sizeof(ids[i]));
			}
			if (s == 0)
				settle_all(servers[0].fd, ids, each);
		}
	}
	for (size_t s = 0; s < n_servers; s++)
		print(servers[s].name, servers[s].times, each * ROUNDS);
	return 0;
}
