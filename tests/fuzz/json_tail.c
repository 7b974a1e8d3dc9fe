/* The end of a document cut anywhere: what is reported of it is what a scan of the whole document
 * reports last. The first two bytes of the input are the cut. */
#include "base/json_tail.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const pointers[] = { "/a", "/a/b", "/a/*", "/*/b", "/*", "/model" };

static void check(bool right)
{
	if (!right)
		abort();
}

static void log_value(void *ctx, unsigned id, const struct json_value *value)
{
	buf_printf(ctx, "%u %d %llu ", id, value->type, (unsigned long long)value->text_length);
	buf_put(ctx, value->text);
}

static struct json_paths *compile(void)
{
	struct json_paths *paths;
	unsigned id;

	check(json_paths_new(&paths) == 0);
	for (size_t i = 0; i < sizeof(pointers) / sizeof(*pointers); i++)
		check(json_paths_add(paths, span_of(pointers[i]), &id) == 0);
	return paths;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct json_paths *paths;
	struct buf whole = buf_with_max(1 << 24), end = buf_with_max(1 << 24);
	struct span doc = { (const char *)data + 2, size - 2 }, all, last;
	struct json_scan scan;
	size_t cut;

	if (size < 4)
		return 0;
	if (!paths)
		paths = compile();
	cut = 1 + (data[0] | (size_t)data[1] << 8) % doc.len;
	json_scan_init(&scan, paths, log_value, &whole);
	json_tail_scan(span_skip(doc, cut), paths, log_value, &end);
	if (json_scan_feed(&scan, doc) == 1) {
		all = buf_span(&whole);
		last = buf_span(&end);
		check(all.len >= last.len && span_eq(span_skip(all, all.len - last.len), last));
	}
	buf_done(&whole);
	buf_done(&end);
	return 0;
}
