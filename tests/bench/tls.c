/* tls HOST [PAIRS] [BYTES] [RATE]: nanoseconds of one SSL_write and one SSL_read of BYTES over a
 * BIO pair, without a system call, in turns from the client and from the server; one thread. HOST
 * is the server name that the client sets: the agent follows its calls or does not. With RATE
 * (pairs a second) the pairs come paced, in bursts of a millisecond. Prints the median over bursts
 * of STEP pairs, which other work on the machine disturbs little. */
#include <string.h>

#include "tests/bench/pair.h"

#define WARM_UP   1000 /* pairs before the clock starts */
#define STEP      200
#define STEPS_MAX 10000

static struct pair pair;
static char bytes[PAIR_BYTES_MAX];

static void move(long first, long n, size_t size)
{
	for (long i = first; i < first + n; i++) {
		if (i & 1)
			pair_move(pair.client, pair.server, bytes, size);
		else
			pair_move(pair.server, pair.client, bytes, size);
	}
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t median_ns(long pairs, size_t size)
{
	static int64_t took[STEPS_MAX];
	size_t n = 0;

	for (long i = 0; i < pairs && n < STEPS_MAX; i += STEP) {
		int64_t start = pair_now_ns();

		move(i, STEP, size);
		took[n++] = (pair_now_ns() - start) / STEP;
	}
	qsort(took, n, sizeof(*took), compare);
	return took[n / 2];
}

static void paced(long pairs, size_t size, long rate)
{
	int64_t start = pair_now_ns();
	long burst = rate > 1000 ? rate / 1000 : 1;

	for (long i = 0; i < pairs; i += burst) {
		pair_wait_until(start + i * 1000000000 / rate);
		move(i, burst < pairs - i ? burst : pairs - i, size);
	}
}

int main(int argc, char **argv)
{
	const char *host = argc > 1 ? argv[1] : "bench.invalid";
	long pairs = argc > 2 ? strtol(argv[2], NULL, 10) : 20000;
	long size = argc > 3 ? strtol(argv[3], NULL, 10) : 1024;
	long rate = argc > 4 ? strtol(argv[4], NULL, 10) : 0;
	struct pair_contexts ctx = pair_contexts();

	if (pairs < STEP || size < 1 || size > PAIR_BYTES_MAX)
		return 2;
	pair = pair_open(&ctx, host);
	memset(bytes, 'x', sizeof(bytes));
	move(0, WARM_UP, (size_t)size);
	if (rate)
		paced(pairs, (size_t)size, rate);
	else
		printf("%lld\n", (long long)median_ns(pairs, (size_t)size));
	pair_close(&pair);
	return 0;
}
