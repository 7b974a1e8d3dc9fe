/* The scanner on every JSON body of the corpus, and every event of its streams, against a tree that
 * jansson makes of it: by pointers drawn from the tree, cut at random. The scanner also takes
 * integers beyond 64 bits, and does not judge what no pointer leads to. Skipped without the corpus.
 */
#include <time.h>
#include <zlib.h>

#include "tests/unit/base/json_tree.h"

#define CORPUS     "../shared/corpus/exchanges.jsonl.gz"
#define LINE_MAX_  (1 << 20)
#define LOG_MAX    (1 << 22)
#define PICKED_MAX 24
#define PATH_MAX_  200

static uint64_t seed;

static unsigned random_below(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)((seed >> 33) % n);
}

struct oracle {
	struct json_paths *paths;
	struct buf log;
	unsigned n, one_in; /* about one of so many values is looked for */
};

/* A member's name as a token of RFC 6901. */
static void put_token(struct buf *path, const char *key)
{
	buf_put(path, SPAN("/"));
	for (; *key; key++)
		if (*key == '~' || *key == '/')
			buf_put(path, *key == '~' ? SPAN("~0") : SPAN("~1"));
		else
			buf_put(path, (struct span){ key, 1 });
}

/* A value is logged before those in it, as the scanner comes upon them. */
static void pick(struct oracle *o, struct buf *path, const json_t *tree)
{
	unsigned id;

	if (o->n == PICKED_MAX || path->len > PATH_MAX_ || random_below(o->one_in) ||
	    memchr(path->data, '*', path->len))
		return;
	assert_int_equal(json_paths_add(o->paths, buf_span(path), &id), 0);
	assert_int_equal(id, o->n++);
	log_tree_value(&o->log, id, tree);
}

static void walk(struct oracle *o, struct buf *path, json_t *tree)
{
	size_t length = path->len, index;
	const char *key;
	json_t *child;

	if (length)
		pick(o, path, tree);
	if (json_typeof(tree) == JANSSON_OBJECT) {
		json_object_foreach(tree, key, child)
		{
			put_token(path, key);
			walk(o, path, child);
			path->len = length;
		}
	} else if (json_typeof(tree) == JANSSON_ARRAY) {
		json_array_foreach(tree, index, child)
		{
			buf_printf(path, "/%zu", index);
			walk(o, path, child);
			path->len = length;
		}
	}
}

static int scan(const struct json_paths *paths, struct span doc, struct buf *log)
{
	unsigned longest = random_below(2) ? 7 : 4000;
	struct json_scan scan;

	json_scan_init(&scan, paths, log_value_by_meaning, log);
	while (doc.len) {
		size_t n = 1 + random_below(longest);
		struct span piece = span_head(doc, n);
		char *copy = malloc(piece.len);

		memcpy(copy, piece.ptr, piece.len);
		json_scan_feed(&scan, (struct span){ copy, piece.len });
		free(copy);
		doc = span_skip(doc, n);
	}
	return json_scan_end(&scan);
}

struct tally {
	unsigned equal, refused, other;
};

static void check_document(struct span doc, struct tally *tally)
{
	struct buf log = buf_with_max(LOG_MAX), path = buf_with_max(LOG_MAX);
	struct oracle o = { .log = buf_with_max(LOG_MAX), .one_in = 1 + random_below(30) };
	json_error_t error;
	json_t *tree = json_loadb(doc.ptr, doc.len, JSON_REJECT_DUPLICATES, &error);
	int end;

	assert_int_equal(json_paths_new(&o.paths), 0);
	if (tree)
		walk(&o, &path, tree);
	end = scan(o.paths, doc, &log);
	if (!tree && json_error_code(&error) == json_error_numeric_overflow) {
		assert_int_equal(end, 1);
		tally->refused++;
	} else if (!tree) {
		tally->other++;
	} else {
		assert_int_equal(end, 1);
		if (!span_eq(buf_span(&log), buf_span(&o.log)))
			fail_msg("scanner: %.*s\ntree: %.*s", (int)log.len, log.data,
				 (int)o.log.len, o.log.data);
		tally->equal++;
	}
	json_decref(tree);
	json_paths_free(o.paths);
	buf_done(&log);
	buf_done(&path);
	buf_done(&o.log);
}

/* A document, or the data of each event of a stream. */
static void check_body(json_t *message, struct tally *tally)
{
	const json_t *body = json_object_get(message, "body");
	const char *encoding = json_string_value(json_object_get(message, "body_encoding"));
	struct span text = { json_string_value(body), json_string_length(body) };

	if (!text.ptr || !encoding || strcmp(encoding, "utf-8") != 0)
		return;
	if (span_starts(text, SPAN("{")) || span_starts(text, SPAN("["))) {
		check_document(text, tally);
		return;
	}
	while (text.len) {
		struct span line = span_cut(&text, '\n');

		if (span_starts(line, SPAN("data: {")))
			check_document(span_trim(span_skip(line, 6)), tally);
	}
}

static void test_corpus(void **state)
{
	const char *given = getenv("SEED");
	struct tally tally = { 0 };
	gzFile file = gzopen(CORPUS, "rb");
	char *line = malloc(LINE_MAX_);

	(void)state;
	if (!file) {
		free(line);
		puts("skipped: no corpus");
		skip();
	}
	seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	print_message("SEED=%llu\n", (unsigned long long)seed);
	while (gzgets(file, line, LINE_MAX_)) {
		json_t *exchange = json_loads(line, 0, NULL);

		assert_non_null(exchange);
		check_body(json_object_get(exchange, "request"), &tally);
		check_body(json_object_get(exchange, "response"), &tally);
		json_decref(exchange);
	}
	gzclose(file);
	free(line);
	print_message("%u equal, %u with big integers, %u that are no JSON\n", tally.equal,
		      tally.refused, tally.other);
	assert_true(tally.equal > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_corpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
