/* What a scan of a response body for its usage costs: json FILE [CHUNK]. FILE holds bodies, each a
 * 32-bit little-endian length and its bytes; CHUNK cuts them into pieces of so many bytes. Prints
 * one JSON line: the median over rounds of the mean time of a body. */
#include "base/json.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"

#define ROUNDS         31
#define FILE_BYTES_MAX (1u << 30)

/* Where usage is in the answers of the providers that the corpus holds. */
static const char *const pointers[] = {
	"/id",
	"/model",
	"/modelVersion",
	"/service_tier",
	"/usage/prompt_tokens",
	"/usage/completion_tokens",
	"/usage/total_tokens",
	"/usage/input_tokens",
	"/usage/output_tokens",
	"/usage/cache_read_input_tokens",
	"/usage/cache_creation_input_tokens",
	"/usage/prompt_tokens_details/cached_tokens",
	"/usage/input_tokens_details/cached_tokens",
	"/usage/completion_tokens_details/reasoning_tokens",
	"/usage/output_tokens_details/reasoning_tokens",
	"/usage/inputTokens",
	"/usage/outputTokens",
	"/usageMetadata/promptTokenCount",
	"/usageMetadata/candidatesTokenCount",
	"/usageMetadata/thoughtsTokenCount",
	"/usageMetadata/cachedContentTokenCount",
	"/meta/billed_units/input_tokens",
	"/meta/billed_units/output_tokens",
};

static struct buf read_file(const char *path)
{
	struct buf all = buf_with_max(FILE_BYTES_MAX);
	FILE *file = fopen(path, "rb");
	char chunk[1 << 16];
	size_t n;

	if (!file) {
		perror(path);
		exit(2);
	}
	do {
		n = fread(chunk, 1, sizeof(chunk), file);
		buf_put(&all, (struct span){ chunk, n });
	} while (n);
	fclose(file);
	return all;
}

static void count_value(void *ctx, unsigned id, const struct json_value *value)
{
	uint64_t *values = ctx;

	(void)id;
	(void)value;
	(*values)++;
}

static void scan_body(const struct json_paths *paths, struct span body, size_t chunk,
		      uint64_t *values)
{
	struct json_scan scan;

	json_scan_init(&scan, paths, count_value, values);
	for (; body.len; body = span_skip(body, chunk))
		json_scan_feed(&scan, span_head(body, chunk));
	if (json_scan_end(&scan) != 1) {
		fprintf(stderr, "a body is not JSON\n");
		exit(1);
	}
}

/* All bodies once; returns their number. */
static size_t scan_all(const struct json_paths *paths, struct span all, size_t chunk,
		       uint64_t *values)
{
	size_t n = 0;
	uint32_t length;

	for (; all.len >= sizeof(length); n++) {
		memcpy(&length, all.ptr, sizeof(length));
		all = span_skip(all, sizeof(length));
		scan_body(paths, span_head(all, le32toh(length)), chunk, values);
		all = span_skip(all, le32toh(length));
	}
	return n;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	struct json_paths *paths;
	int64_t times_ns[ROUNDS];
	uint64_t values = 0;
	struct buf all;
	size_t chunk;
	unsigned id;

	if (argc < 2) {
		printf("skipped: no bodies\n");
		return 0;
	}
	chunk = argc > 2 ? strtoul(argv[2], NULL, 10) : SIZE_MAX;
	all = read_file(argv[1]);
	if (!all.len || !chunk || json_paths_new(&paths) < 0)
		return 2;
	for (size_t i = 0; i < sizeof(pointers) / sizeof(*pointers); i++)
		if (json_paths_add(paths, span_of(pointers[i]), &id) < 0)
			return 2;
	for (int round = 0; round < ROUNDS; round++) {
		int64_t start_ns = now_ns();
		size_t bodies = scan_all(paths, buf_span(&all), chunk, &values);

		times_ns[round] = (now_ns() - start_ns) / (int64_t)bodies;
	}
	qsort(times_ns, ROUNDS, sizeof(*times_ns), compare);
	printf("{\"name\":\"json_scan\",\"value\":%lld,\"unit\":\"ns/body\"}\n",
	       (long long)times_ns[ROUNDS / 2]);
	json_paths_free(paths);
	buf_done(&all);
	return 0;
}
