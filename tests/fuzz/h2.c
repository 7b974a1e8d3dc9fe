/* A connection with anything on it, through the door to HTTP/2: talk.h. */
#include "http/http.h"

#include <stdint.h>

#include "talk.h"

static void *begin(struct connection *conn, struct recorder *recorder,
		   struct http_counters *counters)
{
	struct http *http;

	if (http_new(conn, &record_handler, recorder, counters, &http) < 0)
		abort();
	return http;
}

static void feed(void *parser, const struct chunk *chunk)
{
	http_feed(parser, chunk);
}

static void end(void *parser, const uint64_t lost[2])
{
	http_close(parser, INT64_MAX, lost);
	http_free(parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	talk(&(struct talk_parser){ begin, feed, end }, data, size);
	return 0;
}
