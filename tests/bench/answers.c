/* Bytes of answers -> charges: answers FILE, of recorded exchanges of many providers, each three
 * 32-bit little-endian lengths, the server's name, a request and a response. Each is a call on a
 * kept connection through h1, meter and price on one core; what is timed is the response, and
 * beside it the request with it. Run at the top of the repository; prints JSON lines. */
#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/timestamp.h"
#include "http/h1.h"
#include "meter/meter.h"
#include "price/catalog.h"

#define ROUNDS         101
#define CALLS_MAX      4096
#define FILE_BYTES_MAX (64u << 20)
#define PIECE_BYTES    16384 /* of a TLS record */

struct call {
	struct span request, response;
	struct connection connection;
	struct h1 *h1;
	uint64_t offsets[2];
};

static struct call calls[CALLS_MAX];
static struct catalog *catalog;
static uint64_t priced;

static void on_usage(void *ctx, const struct usage *usage)
{
	struct charge charge;

	(void)ctx;
	catalog_price(catalog, usage, &charge);
	priced += charge.source != COST_UNPRICED;
}

static void feed(struct call *call, enum direction direction, struct span bytes)
{
	for (; bytes.len; bytes = span_skip(bytes, PIECE_BYTES)) {
		struct span piece = span_head(bytes, PIECE_BYTES);
		struct chunk chunk = { .data = piece,
				       .offset = call->offsets[direction],
				       .length = piece.len,
				       .time_utc_ns = 1764061200 * NS_PER_SEC,
				       .direction = direction };

		h1_feed(call->h1, &chunk);
		call->offsets[direction] += piece.len;
	}
}

static struct buf read_file(const char *path)
{
	struct buf all = buf_with_max(FILE_BYTES_MAX);
	FILE *file = fopen(path, "rb");
	char chunk[1 << 16];
	size_t n;

	do {
		n = file ? fread(chunk, 1, sizeof(chunk), file) : 0;
		buf_put(&all, (struct span){ chunk, n });
	} while (n);
	if (file)
		fclose(file);
	return all;
}

static unsigned read_calls(struct span rest, struct meter *meter)
{
	static const struct process process;
	static struct http_counters counters;
	unsigned n = 0;

	for (; rest.len >= 12 && n < CALLS_MAX; n++) {
		struct call *call = &calls[n];
		struct span parts[3];
		uint32_t lengths[3];

		memcpy(lengths, rest.ptr, sizeof(lengths));
		rest = span_skip(rest, sizeof(lengths));
		for (int i = 0; i < 3; i++) {
			parts[i] = span_head(rest, le32toh(lengths[i]));
			rest = span_skip(rest, parts[i].len);
		}
		call->connection.process = &process;
		connection_set_server(&call->connection, parts[0]);
		if (h1_new(&call->connection, &meter_handler, meter, &counters, &call->h1) < 0)
			abort();
		call->request = parts[1];
		call->response = parts[2];
	}
	return n;
}

static int64_t less(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Of each call the best of its rounds: what else runs on the machine is not in it. */
static void play(unsigned n)
{
	int64_t answer_ns[CALLS_MAX], call_ns[CALLS_MAX], answers = 0, both = 0;

	for (unsigned i = 0; i < n; i++)
		answer_ns[i] = call_ns[i] = INT64_MAX;
	for (int round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < n; i++) {
			int64_t start = clock_system.monotonic_ns(&clock_system), asked, end;

			feed(&calls[i], DIRECTION_SENT, calls[i].request);
			asked = clock_system.monotonic_ns(&clock_system);
			feed(&calls[i], DIRECTION_RECEIVED, calls[i].response);
			end = clock_system.monotonic_ns(&clock_system);
			answer_ns[i] = less(answer_ns[i], end - asked);
			call_ns[i] = less(call_ns[i], end - start);
		}
	}
	for (unsigned i = 0; i < n; i++) {
		answers += answer_ns[i];
		both += call_ns[i];
	}
	printf("{\"name\":\"answer_charge_ns\",\"value\":%" PRId64 ",\"unit\":\"ns\"}\n",
	       answers / n);
	printf("{\"name\":\"call_charge_ns\",\"value\":%" PRId64 ",\"unit\":\"ns\"}\n", both / n);
}

int main(int argc, char **argv)
{
	static const uint8_t secret[METER_SECRET_BYTES];
	struct meter_options options = { .secret = secret, .usage = on_usage };
	struct buf file = read_file(argc > 1 ? argv[1] : "");
	struct meter *meter = NULL;
	struct err err = { "" };
	unsigned n;

	if (providers_load("config/providers", &options.providers, &err) < 0 ||
	    catalog_load("config/prices", &catalog, &err) < 0 || meter_new(&options, &meter) < 0) {
		fprintf(stderr, "answers: %s\n", err.text);
		return 1;
	}
	n = read_calls(buf_span(&file), meter);
	if (!n)
		return 1;
	play(n);
	printf("{\"name\":\"answers_priced\",\"value\":%" PRIu64 ",\"unit\":\"calls\"}\n",
	       priced / ROUNDS);
	return priced ? 0 : 1;
}
