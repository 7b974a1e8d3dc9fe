/* Any response through meter_handler by the file that ships. The first byte says how it is cut and
 * whether it is a stream; a 0xff inside is a hole. Whole or in pieces, the usage is the same. */
#include <assert.h>
#include <string.h>

#include "tests/unit/meter/drive.h"

#define HOLE '\xff'

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_usage(void *ctx, const struct usage *usage)
{
	*(struct usage *)ctx = *usage;
}

static void respond(struct drive *d, struct span body, size_t piece)
{
	while (body.ptr) {
		drive_body(d, DIRECTION_RECEIVED, span_cut(&body, HOLE), piece);
		if (body.ptr)
			drive_gap(d, DIRECTION_RECEIVED, 1);
	}
}

static struct usage meter_body(struct providers *providers, bool stream, struct span body,
			       size_t piece)
{
	static const char head[] = "POST /v1/chat/completions HTTP/1.1\r\n\r\n";
	static const char json[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";
	static const char sse[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
	struct usage usage = { 0 };
	struct meter_options options = { .providers = providers, .usage = on_usage, .ctx = &usage };
	struct meter *meter;
	struct drive d;

	if (meter_new(&options, &meter) < 0)
		abort();
	drive_begin(&d, meter, SPAN(head));
	drive_body(&d, DIRECTION_SENT, body, piece);
	drive_response(&d, stream ? SPAN(sse) : SPAN(json));
	respond(&d, body, piece);
	drive_end(&d);
	meter_free(meter);
	usage.event_id = (struct uuid){ 0 };
	return usage;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct providers *providers; /* read once: it never changes */
	struct usage whole, parts;
	struct span body;

	if (!size)
		return 0;
	body = (struct span){ (const char *)data + 1, size - 1 };
	if (!providers && providers_load("config/providers", &providers, NULL) < 0)
		abort();
	whole = meter_body(providers, data[0] & 1, body, SIZE_MAX);
	parts = meter_body(providers, data[0] & 1, body, 1 + (data[0] >> 1) % 16);
	assert(memcmp(&whole, &parts, sizeof(whole)) == 0);
	for (int i = 0; i < USAGE_BUCKET_MAX; i++)
		assert(whole.counts[i] >= 0);
	assert(whole.doubt != USAGE_DOUBT_NONE || whole.present || whole.error[0]);
	return 0;
}
