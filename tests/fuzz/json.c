/* The JSON scanner: however a document is cut, the same values and the same end; what jansson
 * takes, it takes. The first byte of the input seeds the cuts. */
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "tests/jansson.h"

#define LOG_MAX (1 << 22)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A container and into it, wildcards over names, indexes, escapes. */
static const char *const pointers[] = {
	"",    "/a",    "/a/b",   "/a/*",     "/*/b",     "/*",     "/0",     "/*/*/c",
	"/1/", "/a~1b", "/a/b/c", "/*/*/*/*", "/usage/0", "/b/*/a", "/b/1/a", "/\xc3\xa9",
};

static void check(bool right)
{
	if (!right)
		abort();
}

static void log_value(void *ctx, unsigned id, const struct json_value *value)
{
	struct buf *log = ctx;

	check(id < sizeof(pointers) / sizeof(*pointers));
	check(value->text.len <= JSON_TEXT_MAX);
	buf_printf(log, "%u %d %d %lld %llu ", id, value->type, value->truncated,
		   (long long)value->integer, (unsigned long long)value->text_length);
	buf_put(log, value->text);
	buf_printf(log, value->key.ptr ? " key " : " ");
	buf_put(log, value->key);
}

static struct json_paths *compile(void)
{
	struct json_paths *paths;
	unsigned id;

	check(json_paths_new(&paths) == 0);
	for (size_t i = 0; i < sizeof(pointers) / sizeof(*pointers); i++)
		check(json_paths_add(paths, span_of(pointers[i]), &id) == 0 && id == i);
	return paths;
}

/* Pieces of 1 to `longest` bytes, each a copy of its own size. */
static int scan_pieces(const struct json_paths *paths, struct span doc, unsigned seed,
		       size_t longest, struct buf *log)
{
	struct json_scan scan;

	json_scan_init(&scan, paths, log_value, log);
	while (doc.len) {
		size_t n = doc.len;
		char *copy;

		seed = seed * 1103515245u + 12345u;
		if (longest && n > 1 + (seed >> 16) % longest)
			n = 1 + (seed >> 16) % longest;
		copy = malloc(n);
		memcpy(copy, doc.ptr, n);
		json_scan_feed(&scan, (struct span){ copy, n });
		free(copy);
		doc = span_skip(doc, n);
	}
	return json_scan_end(&scan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t longest[] = { 1, 7, 100 };
	static struct json_paths *paths;
	struct buf whole = buf_with_max(LOG_MAX), cut = buf_with_max(LOG_MAX);
	struct span doc = { (const char *)data + 1, size - 1 };
	json_t *tree;
	int end;

	if (!size)
		return 0;
	if (!paths)
		paths = compile();
	end = scan_pieces(paths, doc, 0, 0, &whole);
	for (size_t i = 0; i < sizeof(longest) / sizeof(*longest); i++) {
		buf_reset(&cut);
		check(scan_pieces(paths, doc, data[0], longest[i], &cut) == end);
		check(span_eq(buf_span(&cut), buf_span(&whole)));
	}
	/* Its lexer ends at a NUL byte outside of strings, where RFC 8259 has none. */
	tree = NULL;
	if (doc.len && !memchr(doc.ptr, '\0', doc.len))
		tree = json_loadb(doc.ptr, doc.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	check(!tree || end == 1);
	json_decref(tree);
	buf_done(&whole);
	buf_done(&cut);
	return 0;
}
