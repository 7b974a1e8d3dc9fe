/* crowd SOCKET CPU BODY-FILE: decisions a second of an agent on CPU when CONNECTIONS clients ask at
 * once, each as soon as it has its answer, and how unevenly they are served; beside a bare echo
 * there that moves the same bytes. Prints, for ours and the echo: name, answers a second, the most
 * over the fewest that one connection got (of the worst round, in thousandths). */
#include <stdbool.h>
#include <sys/epoll.h>

#include "tests/bench/ask.h"

#define CONNECTIONS 64
#define ANSWERS     12800 /* of a round: one user may hold 16,384 reservations */
#define ROUNDS      21

struct crowd {
	int epoll, fds[CONNECTIONS];
	struct message ask, answers[CONNECTIONS];
	char ids[ANSWERS + CONNECTIONS][ASK_ID_BYTES];
	size_t n_ids;
	double rates[ROUNDS], spread;
};

static void watch(int epoll, int fd, uint32_t i)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		ask_fail("epoll_ctl");
}

static void echo(const int *fds, size_t in_bytes, const struct message *answer)
{
	static char sink[16384];
	struct epoll_event events[CONNECTIONS];
	int epoll = epoll_create1(0);

	for (uint32_t i = 0; i < CONNECTIONS; i++)
		watch(epoll, fds[i], i);
	for (;;) {
		int n = epoll_wait(epoll, events, CONNECTIONS, -1);

		for (int i = 0; i < n; i++) {
			int fd = fds[events[i].data.u32];

			if (recv(fd, sink, sizeof(sink), 0) != (ssize_t)in_bytes)
				_exit(1);
			ask_send(fd, answer->bytes, answer->n);
		}
	}
}

static void ask_again(struct crowd *c, uint32_t i)
{
	c->answers[i].n = 0;
	ask_send(c->fds[i], c->ask.bytes, c->ask.n);
}

/* Answers that have come, of which more are asked for while `more`. */
static size_t serve(struct crowd *c, bool more, bool keep, unsigned *served)
{
	struct epoll_event events[CONNECTIONS];
	int n = epoll_wait(c->epoll, events, CONNECTIONS, -1);
	size_t whole = 0;

	for (int e = 0; e < n; e++) {
		uint32_t i = events[e].data.u32;

		if (!ask_receive_some(c->fds[i], &c->answers[i]))
			continue;
		if (keep)
			memcpy(c->ids[c->n_ids++], ask_reservation(&c->answers[i]), ASK_ID_BYTES);
		whole++;
		served[i]++;
		if (more)
			ask_again(c, i);
	}
	return whole;
}

static void run_round(struct crowd *c, int round, bool keep)
{
	unsigned served[CONNECTIONS] = { 0 }, most = 0, fewest = UINT32_MAX;
	int64_t start = ask_now_ns();
	size_t n = 0;

	c->n_ids = 0;
	for (uint32_t i = 0; i < CONNECTIONS; i++)
		ask_again(c, i);
	while (n < ANSWERS - CONNECTIONS)
		n += serve(c, true, keep, served);
	c->rates[round] = (double)n * 1e9 / (double)(ask_now_ns() - start);
	for (int i = 0; i < CONNECTIONS; i++) {
		most = served[i] > most ? served[i] : most;
		fewest = served[i] < fewest ? served[i] : fewest;
	}
	if ((double)most / fewest > c->spread)
		c->spread = (double)most / fewest;
	for (size_t left = CONNECTIONS; left;)
		left -= serve(c, false, keep, served);
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void print(const char *name, struct crowd *c)
{
	qsort(c->rates, ROUNDS, sizeof(c->rates[0]), compare);
	printf("%s %.0f %.0f\n", name, c->rates[ROUNDS / 2], c->spread * 1000);
}

static void open_ours(struct crowd *c, const char *path)
{
	c->epoll = epoll_create1(0);
	for (uint32_t i = 0; i < CONNECTIONS; i++) {
		c->fds[i] = ask_connect(path);
		watch(c->epoll, c->fds[i], i);
	}
}

static void open_echo(struct crowd *c, int cpu, const struct message *answer)
{
	int theirs[CONNECTIONS];

	c->epoll = epoll_create1(0);
	for (uint32_t i = 0; i < CONNECTIONS; i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
			ask_fail("socketpair");
		c->fds[i] = pair[0];
		theirs[i] = pair[1];
		watch(c->epoll, c->fds[i], i);
	}
	if (ask_fork(cpu))
		echo(theirs, c->ask.n, answer);
}

int main(int argc, char **argv)
{
	static struct crowd ours, bare;
	struct message answer;
	int settler;

	if (argc != 4)
		return 2;
	ours.ask = bare.ask = ask_decide(argv[3]);
	settler = ask_connect(argv[1]);
	ask_send(settler, ours.ask.bytes, ours.ask.n);
	ask_receive(settler, &answer);
	memcpy(ours.ids[0], ask_reservation(&answer), ASK_ID_BYTES);
	ask_settle_all(settler, ours.ids, 1);
	open_ours(&ours, argv[1]);
	open_echo(&bare, (int)strtol(argv[2], NULL, 10), &answer);
	for (int round = 0; round < ROUNDS; round++) {
		run_round(&ours, round, true);
		ask_settle_all(settler, ours.ids, ours.n_ids);
		run_round(&bare, round, false);
	}
	print("crowd", &ours);
	print("echo", &bare);
	return 0;
}
