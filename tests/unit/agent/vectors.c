/* The vectors: bytes of HTTP in, picodollars out. A folder tests/vectors/PROVIDER/CASE holds
 * request.http, response.http (absent: no answer came) and expected.json:
 *
 *   source  where the expectation comes from, with its arithmetic
 *   time    when the call starts; 2026-11-25T12:00:00Z if it does not matter
 *   prices  "models" of a price list (price/catalog.h) in the place of the shipped ones, for rates
 *           that are not those of today
 *   usage   {bucket: count}: these and no other count that is not zero
 *   before  [the same two of each call before the last]; else there is one call
 *   beside  true: done besides the answer, not the answer itself (of no event)
 *   others  members of the usage event, as they must be there
 *
 * Each runs through http -> meter -> price as whole messages, in pieces of 7 bytes and byte by
 * byte; the messages of a WebSocket follow its two heads. The server name is that of the Host
 * header. To add one: a folder. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/buf.h"
#include "base/timestamp.h"
#include "budget/verdict.h"
#include "http/h1.h"
#include "meter/meter.h"
#include "price/catalog.h"

#define FILE_BYTES_MAX (1u << 20)
#define VECTORS_MAX    4096

struct rig {
	struct catalog *catalog;
	json_t *events; /* of the play at hand */
};

/* What is shipped, loaded once. */
static struct providers *providers;
static struct catalog *shipped;

static int load(void **state)
{
	struct err err = { "" };

	(void)state;
	if (providers_load("config/providers", &providers, &err) < 0 ||
	    catalog_load("config/prices", &shipped, &err) < 0)
		fail_msg("%s", err.text);
	return 0;
}

static int unload(void **state)
{
	(void)state;
	providers_unref(providers);
	catalog_unref(shipped);
	return 0;
}

static void on_usage(void *ctx, const struct usage *usage)
{
	struct buf text = buf_with_max(FILE_BYTES_MAX);
	struct rig *rig = ctx;
	struct verdict v = { 0 };
	json_t *event;

	catalog_price(rig->catalog, usage, &v.charge);
	verdict_json(&text, &v, "host", "name");
	event = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
	assert_int_equal(json_array_append_new(rig->events, event), 0);
	if (usage->beside)
		assert_int_equal(json_object_set_new(event, "beside", json_true()), 0);
	buf_done(&text);
}

/* The vector's own list, of the provider whose folder it is in. */
static struct catalog *catalog_of(const char *dir, json_t *models)
{
	json_t *list =
	    json_pack("{s:s, s:s%, s:b, s:O}", "catalog", "vector", "provider",
		      dir + strlen("tests/vectors/"), strcspn(dir + strlen("tests/vectors/"), "/"),
		      "contracted", 1, "models", models);
	char *text = json_dumps(list, 0);
	struct err err = { "" };
	struct catalog *catalog;

	assert_int_equal(catalog_new(&catalog), 0);
	if (catalog_add(catalog, dir, span_of(text), &err) < 0)
		fail_msg("%s", err.text);
	free(text);
	json_decref(list);
	return catalog;
}

static void rig_init(struct rig *rig, const char *dir, json_t *prices)
{
	rig->catalog = prices ? catalog_of(dir, prices) : catalog_ref(shipped);
	rig->events = json_array();
}

static void rig_done(struct rig *rig)
{
	catalog_unref(rig->catalog);
	json_decref(rig->events);
}

static void read_file(const char *dir, const char *name, struct buf *out)
{
	char path[1024], piece[4096];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	*out = buf_with_max(FILE_BYTES_MAX);
	file = fopen(path, "r");
	if (!file)
		return;
	do {
		n = fread(piece, 1, sizeof(piece), file);
		buf_put(out, (struct span){ piece, n });
	} while (n);
	fclose(file);
	assert_false(out->failed);
}

static void find_server(struct span request, struct connection *conn)
{
	struct http_header room[HEAD_HEADERS_MAX];
	struct http_head head;

	assert_true(head_parse_request(request, room, &head) > 0);
	connection_set_server(conn, head_get(&head, SPAN("host")));
	assert_non_null(conn->server);
}

/* Bytes [from, to) of one direction. */
static void feed(struct h1 *h1, struct span bytes, size_t from, size_t to, size_t piece,
		 int64_t time_ns, enum direction direction)
{
	for (size_t at = from; at < to; at += piece) {
		struct span part =
		    span_head(span_skip(bytes, at), to - at < piece ? to - at : piece);
		char *copy = malloc(part.len); /* so that a sanitizer sees what is kept */
		struct chunk chunk = { .data = { copy, part.len },
				       .offset = at,
				       .length = part.len,
				       .time_utc_ns = time_ns,
				       .direction = direction };

		memcpy(copy, part.ptr, part.len);
		h1_feed(h1, &chunk);
		free(copy);
	}
}

static void play(struct rig *rig, struct span request, struct span response, size_t piece,
		 int64_t start_ns)
{
	const struct meter_options options = {
		.providers = providers, .remembers = true, .usage = on_usage, .ctx = rig
	};
	const struct process process = { .pid = 1, .uid = 1000 };
	struct connection conn = { .process = &process };
	struct http_counters counters = { 0 };
	uint64_t lost[2] = { 0, 0 };
	struct http_header room[HEAD_HEADERS_MAX];
	struct http_head head;
	struct meter *meter;
	long sent, received;
	struct h1 *h1;

	find_server(request, &conn);
	json_array_clear(rig->events);
	assert_int_equal(meter_new(&options, &meter), 0);
	assert_int_equal(h1_new(&conn, &meter_handler, meter, &counters, &h1), 0);
	sent = head_parse_request(request, room, &head);
	received = response.len ? head_parse_response(response, room, &head) : 0;
	/* A client of a WebSocket sends when it was told that it is one. */
	if (received <= 0 || head.status != 101) {
		sent = (long)request.len;
		received = 0;
	}
	feed(h1, request, 0, (size_t)sent, piece, start_ns, DIRECTION_SENT);
	feed(h1, response, 0, (size_t)received, piece, start_ns + NS_PER_SEC, DIRECTION_RECEIVED);
	feed(h1, request, (size_t)sent, request.len, piece, start_ns + NS_PER_SEC, DIRECTION_SENT);
	feed(h1, response, (size_t)received, response.len, piece, start_ns + NS_PER_SEC,
	     DIRECTION_RECEIVED);
	h1_close(h1, start_ns + 2 * NS_PER_SEC, lost);
	h1_free(h1);
	meter_settle(meter, INT64_MAX);
	meter_free(meter);
	connection_set_server(&conn, SPAN(""));
}

static void compare_usage(json_t *got, json_t *want)
{
	enum usage_bucket known;
	const char *bucket;
	json_t *count;

	assert_true(json_is_object(want));
	json_object_foreach(want, bucket, count)
	{
		assert_int_equal(usage_bucket_find(span_of(bucket), &known), 0);
		if (!json_equal(json_object_get(got, bucket), count))
			fail_msg("usage.%s: %lld, want %lld", bucket,
				 (long long)json_integer_value(json_object_get(got, bucket)),
				 (long long)json_integer_value(count));
	}
	json_object_foreach(got, bucket, count)
	{
		if (json_integer_value(count) && !json_object_get(want, bucket))
			fail_msg("usage.%s: %lld, want none", bucket,
				 (long long)json_integer_value(count));
	}
}

static void compare(json_t *got, json_t *want)
{
	const char *key;
	json_t *value;

	assert_ptr_equal(json_object_get(got, "beside"), json_object_get(want, "beside"));
	json_object_foreach(want, key, value)
	{
		if (strcmp(key, "source") == 0 || strcmp(key, "time") == 0 ||
		    strcmp(key, "prices") == 0 || strcmp(key, "before") == 0)
			continue;
		if (strcmp(key, "usage") == 0) {
			compare_usage(json_object_get(got, key), value);
		} else if (!json_equal(json_object_get(got, key), value)) {
			char *g = json_dumps(json_object_get(got, key), JSON_ENCODE_ANY);
			char *w = json_dumps(value, JSON_ENCODE_ANY);

			fail_msg("%s: %s, want %s", key, g ? g : "absent", w);
		}
	}
}

static void compare_all(json_t *got, json_t *want)
{
	json_t *before = json_object_get(want, "before");
	size_t n = json_array_size(before);

	if (json_array_size(got) != n + 1)
		fail_msg("%zu calls, want %zu", json_array_size(got), n + 1);
	for (size_t i = 0; i < n; i++)
		compare(json_array_get(got, i), json_array_get(before, i));
	compare(json_array_get(got, n), want);
}

static void run_case(const char *dir)
{
	static const size_t pieces[] = { FILE_BYTES_MAX, 7, 1 };
	struct buf request, response, text;
	struct rig rig = { 0 };
	int64_t start_ns;
	json_t *want;
	const char *time;

	read_file(dir, "request.http", &request);
	read_file(dir, "response.http", &response);
	read_file(dir, "expected.json", &text);
	want = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
	if (!want)
		fail_msg("%s/expected.json: not JSON", dir);
	assert_true(json_string_length(json_object_get(want, "source")) > 0);
	time = json_string_value(json_object_get(want, "time"));
	assert_int_equal(timestamp_parse(span_of(time ? time : "2026-11-25T12:00:00Z"), &start_ns),
			 0);
	rig_init(&rig, dir, json_object_get(want, "prices"));
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		play(&rig, buf_span(&request), buf_span(&response), pieces[i], start_ns);
		compare_all(rig.events, want);
	}
	rig_done(&rig);
	json_decref(want);
	buf_done(&request);
	buf_done(&response);
	buf_done(&text);
}

static void test_vector(void **state)
{
	run_case(*state);
}

/* Adds a test for each folder below tests/vectors/PROVIDER. */
static unsigned find_vectors(struct CMUnitTest tests[static VECTORS_MAX])
{
	glob_t found;
	unsigned n = 0;

	assert_int_equal(glob("tests/vectors/*/*/expected.json", 0, NULL, &found), 0);
	for (; n < found.gl_pathc && n < VECTORS_MAX; n++) {
		char *dir = strdup(found.gl_pathv[n]);

		*strrchr(dir, '/') = '\0';
		tests[n] = (struct CMUnitTest){ .name = dir,
						.test_func = test_vector,
						.initial_state = dir };
	}
	globfree(&found);
	return n;
}

int main(void)
{
	static struct CMUnitTest tests[VECTORS_MAX];
	unsigned n = find_vectors(tests);
	int rc;

	assert_true(n >= 50 && n < VECTORS_MAX);
	rc = _cmocka_run_group_tests("vectors", tests, n, load, unload);
	while (n)
		free(tests[--n].initial_state);
	return rc;
}
