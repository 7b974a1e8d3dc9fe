/* decide SOCKET CPU BODY-FILE N [NAME SOCKET BODY-FILE]...: latency of POST /v1/decide on the
 * policy socket of an agent on CPU, beside a bare echo there on a Unix socket that moves the same
 * bytes and beside peers, in interleaved rounds; our end is on the CPU we were started on. Prints,
 * for ours, the echo and each peer: name, p50 ns, p99 ns. Each decision of ours reserves; after a
 * round all are settled, untimed. */
#include "tests/bench/ask.h"

#define ROUNDS      10
#define SERVERS_MAX 8

/* Answers every `in_bytes` with the same bytes, parsing nothing. */
static void echo(int fd, size_t in_bytes, const struct message *answer)
{
	static char sink[16384];
	size_t got = 0;

	for (;;) {
		ssize_t n = recv(fd, sink, in_bytes - got, 0);

		if (n <= 0)
			_exit(0);
		got += (size_t)n;
		if (got == in_bytes) {
			ask_send(fd, answer->bytes, answer->n);
			got = 0;
		}
	}
}

static uint32_t timed(int fd, const struct message *m, struct message *answer)
{
	int64_t start = ask_now_ns();

	ask_send(fd, m->bytes, m->n);
	ask_receive(fd, answer);
	return (uint32_t)(ask_now_ns() - start);
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
	struct server s = { name, ask_connect(path), ask_decide(body_path), malloc(n * 4) };

	if (!s.times)
		ask_fail(name);
	return s;
}

/* The floor of `of`, whose answers look like `answer`. */
static struct server echo_of(const struct server *of, int cpu, const struct message *answer,
			     size_t n)
{
	struct server s = { "echo", .ask = of->ask, .times = malloc(n * 4) };
	int pair[2];

	if (!s.times || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		ask_fail("socketpair");
	if (ask_fork(cpu))
		echo(pair[1], of->ask.n, answer);
	s.fd = pair[0];
	return s;
}

int main(int argc, char **argv)
{
	size_t n = argc > 4 ? strtoul(argv[4], NULL, 10) : 0, each = n / ROUNDS, n_servers = 0;
	struct server servers[SERVERS_MAX];
	char(*ids)[ASK_ID_BYTES] = malloc(each * sizeof(*ids));
	struct message answer;

	if (!n || !ids || (argc - 5) % 3 || (argc - 5) / 3 + 2 > SERVERS_MAX)
		return 2;
	servers[n_servers++] = server_at("decide", argv[1], argv[3], n);
	(void)timed(servers[0].fd, &servers[0].ask, &answer);
	memcpy(ids[0], ask_reservation(&answer), sizeof(ids[0]));
	ask_settle_all(servers[0].fd, ids, 1);
	servers[n_servers++] = echo_of(&servers[0], (int)strtol(argv[2], NULL, 10), &answer, n);
	for (int i = 5; i < argc; i += 3)
		servers[n_servers++] = server_at(argv[i], argv[i + 1], argv[i + 2], n);
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t s = 0; s < n_servers; s++) {
			for (size_t i = 0; i < each; i++) {
				servers[s].times[(size_t)round * each + i] =
				    timed(servers[s].fd, &servers[s].ask, &answer);
				if (s == 0)
					memcpy(ids[i], ask_reservation(&answer), sizeof(ids[i]));
			}
			if (s == 0)
				ask_settle_all(servers[0].fd, ids, each);
		}
	}
	for (size_t s = 0; s < n_servers; s++)
		printf("%s %u %u\n", servers[s].name,
		       ask_quantile(servers[s].times, each * ROUNDS, 50),
		       ask_quantile(servers[s].times, each * ROUNDS, 99));
	return 0;
}
