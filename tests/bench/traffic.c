/* Calls to a provider for the agent to see, over BIO pairs, so no other program's speed counts:
 *   traffic calls RATE SECONDS             on a keep-alive connection, RATE calls a second
 *   traffic streams PROCESSES RATE SECONDS each a stream of 1 KiB deltas, RATE records a second in
 *                                          all, 0: flat out
 *   traffic open COUNT [stream]            connections with one call each, over or in the middle
 *                                          of its stream; prints a line, waits for stdin's end
 *   traffic told COUNT SOCKET              one call after the other, and how long after its end a
 *                                          watcher is told, which is when its budgets know
 * Prints what the clients moved: {"calls", "records": reads and writes, "bytes", "ns"}, or of
 * `told`: {"p50", "p99"} in ns. */
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/ask.h"
#include "tests/bench/pair.h"

#define HOST        "api.openai.com"
#define DELTA_BYTES 1024
#define NS_PER_S    1000000000LL
#define TOLD_EVERY  13370000 /* ns; no multiple of the milliseconds of a timer */
#define USAGE       "\"usage\":{\"prompt_tokens\":1200,\"completion_tokens\":400}"

struct moved {
	long long calls, records, bytes;
};

static char request[2048], answer[4096], delta[DELTA_BYTES + 1];

static void send_text(const struct pair *p, const char *text, struct moved *moved)
{
	pair_move(p->client, p->server, text, strlen(text));
	moved->records++;
	moved->bytes += (long long)strlen(text);
}

static void receive_text(const struct pair *p, const char *text, struct moved *moved)
{
	pair_move(p->server, p->client, text, strlen(text));
	moved->records++;
	moved->bytes += (long long)strlen(text);
}

static void make_texts(void)
{
	const char *event = "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\","
			    "\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{\"index\":0,\"delta\":{"
			    "\"content\":\"%0*d\"}}],\"usage\":null}\n\n";
	int frame = (int)strlen("3f6\r\n\r\n"), bare = snprintf(NULL, 0, event, 1, 0);
	int n = DELTA_BYTES - frame;

	snprintf(request, sizeof(request),
		 "POST /v1/chat/completions HTTP/1.1\r\nHost: " HOST "\r\n"
		 "Content-Type: application/json\r\nContent-Length: 860\r\n\r\n"
		 "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"%0800d\"}]}",
		 0);
	snprintf(
	    answer, sizeof(answer),
	    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3123\r\n\r\n"
	    "{\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{\"message\":{\"content\":\"%03000d\"}"
	    "}]," USAGE "}",
	    0);
	snprintf(delta, sizeof(delta), "%x\r\n", n);
	snprintf(delta + strlen(delta), sizeof(delta) - strlen(delta), event, n - bare + 1, 0);
	memcpy(delta + strlen(delta), "\r\n", 3);
}

static void begin_stream(const struct pair *p, struct moved *moved)
{
	send_text(p, request, moved);
	receive_text(p,
		     "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
		     "Transfer-Encoding: chunked\r\n\r\n",
		     moved);
}

static void end_stream(const struct pair *p, struct moved *moved)
{
	static const char last[] =
	    "data: {\"model\":\"gpt-4o-2024-08-06\",\"choices\":[]," USAGE "}\n\ndata: [DONE]\n\n";
	char text[512];

	snprintf(text, sizeof(text), "%zx\r\n%s\r\n0\r\n\r\n", sizeof(last) - 1, last);
	receive_text(p, text, moved);
	moved->calls++;
}

static void one_call(const struct pair *p, struct moved *moved)
{
	send_text(p, request, moved);
	receive_text(p, answer, moved);
	moved->calls++;
}

static void calls(long rate, long seconds, struct moved *moved)
{
	struct pair_contexts ctx = pair_contexts();
	struct pair p = pair_open(&ctx, HOST);
	int64_t start = pair_now_ns();

	for (long i = 0; i < rate * seconds; i++) {
		pair_wait_until(start + i * NS_PER_S / rate);
		one_call(&p, moved);
	}
	pair_close(&p);
}

/* Paced by the millisecond. */
static void stream(double per_ms, long seconds, struct moved *moved)
{
	struct pair_contexts ctx = pair_contexts();
	struct pair p = pair_open(&ctx, HOST);
	int64_t start = pair_now_ns(), end = start + seconds * NS_PER_S;
	double due = 0;

	begin_stream(&p, moved);
	for (int64_t ms = 1; pair_now_ns() < end; ms++) {
		for (due += per_ms ? per_ms : 100; due >= 1; due--)
			receive_text(&p, delta, moved);
		if (per_ms)
			pair_wait_until(start + ms * (NS_PER_S / 1000));
	}
	end_stream(&p, moved);
	pair_close(&p);
}

static void streams(long processes, long rate, long seconds, struct moved *moved)
{
	int ends[2];

	if (pipe(ends) < 0)
		pair_fail("no pipe");
	for (long i = 0; i < processes; i++) {
		struct moved mine = { 0 };

		if (fork())
			continue;
		stream((double)rate / 1000 / (double)processes, seconds, &mine);
		exit(write(ends[1], &mine, sizeof(mine)) != sizeof(mine));
	}
	for (long i = 0; i < processes; i++) {
		struct moved mine;
		int status;

		if (wait(&status) < 0 || status ||
		    read(ends[0], &mine, sizeof(mine)) != sizeof(mine))
			pair_fail("a stream broke");
		moved->calls += mine.calls;
		moved->records += mine.records;
		moved->bytes += mine.bytes;
	}
}

/* The server's ends go: what they hold is not the agent's. */
static void open_many(long count, bool stream, struct moved *moved)
{
	struct pair_contexts ctx = pair_contexts();

	for (long i = 0; i < count; i++) {
		struct pair p = pair_open(&ctx, HOST);

		if (stream) {
			begin_stream(&p, moved);
			receive_text(&p, delta, moved);
		} else {
			one_call(&p, moved);
		}
		SSL_free(p.server);
		if (i % 100 == 0)
			pair_wait_until(pair_now_ns() + NS_PER_S / 1000);
	}
	puts("open");
	fflush(stdout);
	(void)getchar();
}

static void wait_for(FILE *lines, const char *text)
{
	static char line[65536];

	while (fgets(line, sizeof(line), lines))
		if (strncmp(line, text, strlen(text)) == 0)
			return;
	pair_fail("the watch ended");
}

static void told(long count, const char *path)
{
	static const char watch[] = "GET /v1/watch HTTP/1.1\r\nHost: localhost\r\n\r\n";
	struct pair_contexts ctx = pair_contexts();
	struct pair p = pair_open(&ctx, HOST);
	uint32_t *times = malloc((size_t)count * sizeof(*times));
	int fd = ask_connect(path);
	FILE *lines = fdopen(fd, "r");
	struct moved moved = { 0 };
	int64_t start;

	if (!times || !lines)
		pair_fail("out of memory");
	ask_send(fd, watch, sizeof(watch) - 1);
	wait_for(lines, ": outlay");
	start = pair_now_ns();
	for (long i = 0; i < count; i++) {
		int64_t end;

		pair_wait_until(start + i * TOLD_EVERY);
		one_call(&p, &moved);
		end = pair_now_ns();
		wait_for(lines, "event: call");
		times[i] = (uint32_t)(pair_now_ns() - end);
	}
	printf("{\"p50\":%u,", ask_quantile(times, (size_t)count, 50));
	printf("\"p99\":%u}\n", ask_quantile(times, (size_t)count, 99));
	pair_close(&p);
	fclose(lines);
	free(times);
}

int main(int argc, char **argv)
{
	const char *way = argc > 2 ? argv[1] : "";
	long first = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
	int64_t start = pair_now_ns();
	struct moved moved = { 0 };

	make_texts();
	if (strcmp(way, "calls") == 0 && argc == 4)
		calls(first, strtol(argv[3], NULL, 10), &moved);
	else if (strcmp(way, "streams") == 0 && argc == 5)
		streams(first, strtol(argv[3], NULL, 10), strtol(argv[4], NULL, 10), &moved);
	else if (strcmp(way, "open") == 0)
		open_many(first, argc == 4, &moved);
	else if (strcmp(way, "told") == 0 && argc == 4)
		return told(first, argv[3]), 0;
	else
		return 2;
	printf("{\"calls\":%lld,\"records\":%lld,\"bytes\":%lld,\"ns\":%lld}\n", moved.calls,
	       moved.records, moved.bytes, (long long)(pair_now_ns() - start));
	return 0;
}
