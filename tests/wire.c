/* wire CONFIG RECORDING: what moved over connections, from standard input -> a usage event a line,
 * through http, meter and price; RECORDING is made as by outlayd --record. For wire.py.
 *
 * Input, little-endian: u8 what (1 opens: the bytes are the server's name; 2 sent, 3 received;
 * 4 closes), u32 number of the connection, i64 time, u32 length, and as many bytes. One connection
 * at a time; its number is the pid of its client. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "budget/verdict.h"
#include "http/http.h"
#include "http/recording.h"
#include "meter/meter.h"
#include "price/catalog.h"

#define BYTES_MAX 16384

enum what { OPENS = 1, SENT, RECEIVED, CLOSES };

struct __attribute__((packed)) step {
	uint8_t what;
	uint32_t number;
	int64_t time_utc_ns;
	uint32_t length;
};

struct wire {
	struct catalog *catalog;
	struct recording *recording;
	struct process process;
	struct connection conn;
	struct http_counters counters;
	uint64_t offset[2];
	char bytes[BYTES_MAX];
};

static void fail(const char *why)
{
	fprintf(stderr, "wire: %s\n", why);
	exit(1);
}

static void on_usage(void *ctx, const struct usage *usage)
{
	const struct wire *wire = ctx;
	struct buf event = buf_with_max(1 << 16);
	struct verdict v = { 0 };

	catalog_price(wire->catalog, usage, &v.charge);
	verdict_json(&event, &v, "", "");
	printf("%.*s\n", (int)event.len, event.data);
	buf_done(&event);
}

static void open_connection(struct wire *wire, const struct step *step, struct span server)
{
	struct http *http;

	wire->process = (struct process){ .pid = step->number, .uid = 1000, .comm = "test" };
	wire->conn = (struct connection){ .process = &wire->process };
	connection_set_server(&wire->conn, server);
	memset(wire->offset, 0, sizeof(wire->offset));
	if (http_new(&wire->conn, &recording_handler, wire->recording, &wire->counters, &http) < 0)
		fail("out of memory");
	wire->conn.http = http;
}

static void move(struct wire *wire, const struct step *step, struct span bytes)
{
	struct chunk chunk = { .data = bytes,
			       .length = bytes.len,
			       .time_utc_ns = step->time_utc_ns,
			       .direction =
				   step->what == SENT ? DIRECTION_SENT : DIRECTION_RECEIVED };

	chunk.offset = wire->offset[chunk.direction];
	wire->offset[chunk.direction] += bytes.len;
	http_feed(wire->conn.http, &chunk);
}

static void close_connection(struct wire *wire, const struct step *step)
{
	static const uint64_t none[2];

	http_close(wire->conn.http, step->time_utc_ns, none);
	http_free(wire->conn.http);
	connection_set_server(&wire->conn, SPAN(""));
}

static void play(struct wire *wire)
{
	struct step step;

	while (fread(&step, sizeof(step), 1, stdin) == 1) {
		struct span bytes = { wire->bytes, step.length };

		if (step.length > BYTES_MAX ||
		    fread(wire->bytes, 1, step.length, stdin) != step.length)
			fail("a step that is not whole");
		if (step.what == OPENS)
			open_connection(wire, &step, bytes);
		else if (step.what == CLOSES)
			close_connection(wire, &step);
		else
			move(wire, &step, bytes);
	}
}

int main(int argc, char **argv)
{
	static struct wire wire;
	struct meter_options options = { .usage = on_usage, .ctx = &wire };
	struct meter *meter = NULL;
	char providers[4096];
	struct err err = { "" };

	if (argc != 3)
		fail("expected CONFIG RECORDING");
	snprintf(providers, sizeof(providers), "%s/providers", argv[1]);
	if (providers_load(providers, &options.providers, &err) < 0 ||
	    catalog_load_named(argv[1], NULL, &wire.catalog, &err) < 0 ||
	    meter_new(&options, &meter) < 0 ||
	    recording_new(argv[2], &meter_handler, meter, &wire.recording, &err) < 0)
		fail(err.text);
	play(&wire);
	(void)meter_settle(meter, INT64_MAX);
	if (!recording_flush(wire.recording))
		fail("the recording has ended");
	recording_free(wire.recording);
	meter_free(meter);
	providers_unref(options.providers);
	catalog_unref(wire.catalog);
	return 0;
}
