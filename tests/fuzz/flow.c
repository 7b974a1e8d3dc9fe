/* Records of the flow ring and notices of the capture stage in any order and of any content: no
 * crash, no leak, every hello ends under one verdict. Input: steps of a kind, a length, bytes. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flow.h"

enum { HELLO, QUIC, CLOSE, CAPTURED, LOST, TIME, RAW, OLDER, KINDS };

static int64_t now_ns;

static int64_t now(const struct clock *clock)
{
	(void)clock;
	return now_ns;
}

static const struct clock fuzz_clock = { now, now };

static void take_round(struct flows *flows, const uint8_t *bytes, size_t n)
{
	struct flow_older older = { .head = { .type = FLOW_OLDER } };

	flows_older_begin(flows);
	for (size_t i = 0; i < n; i++) {
		older.head.cookie = bytes[i];
		flows_record(flows, &older, sizeof(older));
	}
	flows_older_end(flows);
	assert(flows_older(flows) <= 256);
}

/* What is given replaces the start of a record; its few first bytes are kept small, so that keys
 * meet again. */
static void take_step(struct flows *flows, unsigned kind, const uint8_t *bytes, size_t n)
{
	struct flow_hello hello = { .start_ns = 1, .tgid = 1 };
	struct flow_close close = { .head = { .type = FLOW_CLOSE } };
	struct flow_capture capture = { .tls = { .start_ns = 1, .tgid = 1 },
					.news = kind == LOST ? FLOW_CAPTURE_LOST : FLOW_CAPTURED };

	hello.head.type = kind == QUIC ? FLOW_QUIC : FLOW_HELLO;
	hello.head.cookie = close.head.cookie = n ? bytes[0] % 8 : 0;
	hello.random[0] = n > 1 ? bytes[1] % 4 : 0;
	hello.ssl = capture.tls.ssl = n > 2 ? bytes[2] % 4 : 0;
	if (n > 3)
		memcpy(hello.name, bytes + 3, n - 3);
	memcpy(capture.server, hello.name, sizeof(capture.server));
	capture.server[sizeof(capture.server) - 1] = 0;
	if (kind == HELLO || kind == QUIC)
		flows_record(flows, &hello, sizeof(hello));
	else if (kind == CLOSE)
		flows_record(flows, &close, sizeof(close));
	else if (kind == CAPTURED || kind == LOST)
		flows_captured(flows, &capture);
	else if (kind == TIME)
		now_ns += (int64_t)n * NS_PER_SEC;
	else if (kind == RAW)
		flows_record(flows, bytes, n);
	else if (kind == OLDER)
		take_round(flows, bytes, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct flow_unmetered rows[4];
	struct flows *flows = NULL;

	now_ns = NS_PER_SEC;
	if (flows_new(&fuzz_clock, "/nowhere", &flows) < 0)
		return 0;
	while (size >= 2) {
		unsigned kind = data[0] % KINDS;
		size_t n = data[1] < size - 2 ? data[1] : size - 2;
		_Alignas(8) uint8_t bytes[256];

		memcpy(bytes, data + 2, n);
		take_step(flows, kind, bytes, n);
		flows_tick(flows);
		assert(flows_unmetered(flows, rows, 4) <= 4);
		data += 2 + n;
		size -= 2 + n;
	}
	flows_free(flows);
	return 0;
}
