/* One HTTP/1 connection with anything on it: talk.h. */
#include "http/h1.h"

#include <stdint.h>

#include "talk.h"

static void *begin(struct connection *conn, struct recorder *recorder,
		   struct http_counters *counters)
{
	struct h1 *h1;

	if (h1_new(conn, &record_handler, recorder, counters, &h1) < 0)
		abort();
	return h1;
}

static void feed(void *parser, const struct chunk *chunk)
{
	h1_feed(parser, chunk);
}

static void end(void *parser, const uint64_t lost[2])
{
	h1_close(parser, INT64_MAX, lost);
	h1_free(parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	talk(&(struct talk_parser){ begin, feed, end }, data, size);
	return 0;
}
