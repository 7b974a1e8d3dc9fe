/* A recording and its replay: the vectors, cut at random, give the events of the live bytes; and
 * secrets that are planted all over random calls, whole or with losses, are not in the file. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>
#include <time.h>
#include <unistd.h>

#include "agent/offline.h"
#include "base/buf.h"
#include "budget/verdict.h"
#include "http/http.h"
#include "meter/meter.h"
#include "price/catalog.h"

#define FILE_BYTES_MAX (1u << 20)
#define SECRETS        256
#define SECRET         16 /* bytes of one */
#define PART           6  /* of it give it away */
#define ROUNDS         300
#define START_NS       1764072000000000000

static uint64_t seed;

static uint32_t pick(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % below;
}

/* --- live */

struct rig {
	struct catalog *catalog;
	struct meter *meter;
	struct offline *offline;
	json_t *live, *replayed;
};

static json_t *event_of(struct span text)
{
	/* Made anew, or not stored. */
	static const char *const apart[] = { "event_id", "api_key_hash", "user",     "labels",
					     "cgroup",   "host_id",      "host_name" };
	json_t *event = json_loadb(text.ptr, text.len, 0, NULL);

	assert_non_null(event);
	for (size_t i = 0; i < sizeof(apart) / sizeof(apart[0]); i++)
		json_object_del(event, apart[i]);
	return event;
}

static void on_usage(void *ctx, const struct usage *usage)
{
	struct buf text = buf_with_max(FILE_BYTES_MAX);
	struct rig *rig = ctx;
	struct verdict v = { 0 };

	catalog_price(rig->catalog, usage, &v.charge);
	verdict_json(&text, &v, "", "");
	json_array_append_new(rig->live, event_of(buf_span(&text)));
	buf_done(&text);
}

static int on_replayed(void *ctx, struct span event)
{
	json_array_append_new(((struct rig *)ctx)->replayed, event_of(event));
	return 0;
}

static int set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct meter_options options = { .usage = on_usage, .ctx = rig };
	struct err err = { "" };

	if (providers_load("config/providers", &options.providers, &err) < 0 ||
	    catalog_load("config/prices", &rig->catalog, &err) < 0 ||
	    offline_new("config", NULL, on_replayed, rig, &rig->offline, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(meter_new(&options, &rig->meter), 0);
	providers_unref(options.providers);
	rig->live = json_array();
	rig->replayed = json_array();
	*state = rig;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	offline_free(rig->offline);
	meter_free(rig->meter);
	catalog_unref(rig->catalog);
	json_decref(rig->live);
	json_decref(rig->replayed);
	free(rig);
	return 0;
}

/* --- a connection that is parsed and recorded */

struct tap {
	struct connection conn;
	struct http_counters counters;
	struct record *record;
	char path[64];
	uint64_t offset[2];
	int64_t now_ns;
};

static void tap_open(struct tap *tap, struct rig *rig)
{
	struct err err = { "" };
	struct http *http;

	static const struct process process = { .pid = 7,
						.uid = 1000,
						.comm = "client",
						.exe = "/usr/bin/client",
						.user = "Zoe",
						.labels = "team=red" };

	*tap = (struct tap){ .conn = { .process = &process, .server = "api.openai.com" },
			     .now_ns = START_NS };
	snprintf(tap->path, sizeof(tap->path), "/tmp/recording-XXXXXX");
	assert_non_null(mkdtemp(tap->path));
	snprintf(tap->path + strlen(tap->path), 8, "/file");
	json_array_clear(rig->live);
	json_array_clear(rig->replayed);
	assert_int_equal(http_new(&tap->conn, &meter_handler, rig->meter, &tap->counters, &http),
			 0);
	tap->conn.http = http;
	if (record_new(tap->path, &tap->record, &err) < 0)
		fail_msg("%s", err.text);
	record_opened(tap->record, &tap->conn);
}

static void tap_chunk(struct tap *tap, enum direction direction, struct span bytes, size_t missing)
{
	struct chunk chunk = { .data = bytes,
			       .offset = tap->offset[direction],
			       .length = bytes.len + missing,
			       .time_utc_ns = tap->now_ns++,
			       .direction = direction };

	tap->offset[direction] += chunk.length;
	record_chunk(tap->record, &tap->conn, &chunk);
	http_feed(tap->conn.http, &chunk);
}

/* In pieces; with `losses`, some of them or their ends are lost. */
static void tap_play(struct tap *tap, enum direction direction, struct span bytes, bool losses)
{
	size_t most = 1 + pick(3) * 300;

	while (bytes.len) {
		struct span piece = span_head(bytes, 1 + pick((uint32_t)most));
		size_t missing = losses && pick(20) == 0 ? pick((uint32_t)piece.len + 1) : 0;

		bytes = span_skip(bytes, piece.len);
		if (losses && pick(20) == 0)
			tap->offset[direction] += piece.len;
		else
			tap_chunk(tap, direction, span_head(piece, piece.len - missing), missing);
	}
}

static void tap_close(struct tap *tap)
{
	static const uint64_t none[2];

	record_closed(tap->record, &tap->conn, tap->now_ns, none);
	http_close(tap->conn.http, tap->now_ns, none);
	http_free(tap->conn.http);
	record_free(tap->record);
}

/* The file, which is removed. */
static struct buf tap_file(const struct tap *tap)
{
	struct buf out = buf_with_max(8 * FILE_BYTES_MAX);
	FILE *file = fopen(tap->path, "r");
	char piece[4096], dir[64];
	size_t n;

	assert_non_null(file);
	do {
		n = fread(piece, 1, sizeof(piece), file);
		buf_put(&out, (struct span){ piece, n });
	} while (n);
	fclose(file);
	unlink(tap->path);
	snprintf(dir, sizeof(dir), "%.*s", (int)strlen(tap->path) - 5, tap->path);
	rmdir(dir);
	return out;
}

static struct playback_counts replay(struct rig *rig, const struct buf *bytes)
{
	FILE *file = fmemopen(bytes->data, bytes->len, "r");
	struct playback_counts counts;
	struct err err = { "" };

	if (offline_replay(rig->offline, file, "recording", &counts, &err) < 0)
		fail_msg("%s", err.text);
	fclose(file);
	assert_int_equal(counts.connections, 1);
	return counts;
}

/* An estimate goes by words, and those are not in the recording. */
static bool is_estimated(json_t *event)
{
	const char *context = json_string_value(json_object_get(event, "context"));

	return context && strstr(context, "estimate=");
}

static void assert_same_events(const struct rig *rig, const char *what)
{
	const char *key;
	json_t *live;
	size_t i;

	assert_int_equal(json_array_size(rig->replayed), json_array_size(rig->live));
	for (i = 0; i < json_array_size(rig->live); i++)
		if (!is_estimated(json_array_get(rig->live, i)))
			json_object_foreach(json_array_get(rig->live, i), key, live)
			{
				json_t *got =
				    json_object_get(json_array_get(rig->replayed, i), key);

				if (!json_equal(live, got))
					fail_msg("%s, call %zu, %s: %s, live %s", what, i, key,
						 json_dumps(got, JSON_ENCODE_ANY),
						 json_dumps(live, JSON_ENCODE_ANY));
			}
}

/* --- the vectors */

static void read_file(const char *path, struct buf *out)
{
	FILE *file = fopen(path, "r");
	char piece[4096];
	size_t n;

	*out = buf_with_max(FILE_BYTES_MAX);
	while (file) {
		n = fread(piece, 1, sizeof(piece), file);
		if (!n)
			break;
		buf_put(out, (struct span){ piece, n });
	}
	if (file)
		fclose(file);
}

/* Whether all of it was stored. */
static bool play_vector(struct rig *rig, const char *dir)
{
	struct buf request, response, file;
	struct playback_counts counts;
	char path[1024];
	struct tap tap;

	snprintf(path, sizeof(path), "%s/request.http", dir);
	read_file(path, &request);
	snprintf(path, sizeof(path), "%s/response.http", dir);
	read_file(path, &response);
	tap_open(&tap, rig);
	tap_play(&tap, DIRECTION_SENT, buf_span(&request), false);
	tap_play(&tap, DIRECTION_RECEIVED, buf_span(&response), false);
	tap_close(&tap);
	file = tap_file(&tap);
	counts = replay(rig, &file);
	assert_true(json_array_size(rig->live) > 0);
	if (!counts.left_out_bytes)
		assert_same_events(rig, dir);
	buf_done(&request);
	buf_done(&response);
	buf_done(&file);
	return !counts.left_out_bytes;
}

static void test_vectors_give_the_same_events(void **state)
{
	unsigned whole = 0;
	glob_t found;

	assert_int_equal(glob("tests/vectors/*/*/", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		for (unsigned round = 0; round < 8; round++)
			whole += play_vector(*state, found.gl_pathv[i]);
	print_message("stored whole: %u of %zu\n", whole, 8 * found.gl_pathc);
	assert_true(whole >= 6 * found.gl_pathc);
	globfree(&found);
}

/* --- planted secrets */

struct plants {
	char secrets[SECRETS + 1][24];
	unsigned n;
};

static const char *plant(struct plants *plants, bool digits)
{
	static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
	char *at = plants->secrets[plants->n];

	if (plants->n == SECRETS)
		return digits ? "1" : "none";
	plants->n++;
	for (unsigned i = 0; i < SECRET; i++)
		at[i] = digits ? (char)('2' + pick(8)) : letters[pick(sizeof(letters) - 1)];
	return at;
}

static void put_value(struct buf *out, struct plants *plants, unsigned depth);

static void put_object(struct buf *out, struct plants *plants, unsigned depth)
{
	static const char *const keys[] = { "content", "text",  "messages", "data", "choices",
					    "delta",   "error", "message",  "tool", "mode" };

	buf_put(out, SPAN("{"));
	for (unsigned i = pick(5); i; i--) {
		if (pick(4) == 0)
			buf_printf(out, "\"%s%s\": ", pick(2) ? "mo" : "", plant(plants, false));
		else
			buf_printf(out, "\"%s\":", keys[pick(10)]);
		put_value(out, plants, depth + 1);
		buf_put(out, i > 1 ? SPAN(", ") : SPAN(""));
	}
	buf_put(out, SPAN("}"));
}

static void put_value(struct buf *out, struct plants *plants, unsigned depth)
{
	switch (pick(depth > 6 ? 4 : 7)) {
	case 0:
		buf_printf(out, "\"%s\"", plant(plants, false));
		break;
	case 1:
		buf_printf(out, "\"say \\\"\\u00e9 %s\\\\\\\", \\\"model\\\": \\\"%s\"",
			   plant(plants, false), plant(plants, false));
		break;
	case 2:
		buf_printf(out, "%s.5e+3", plant(plants, true));
		break;
	case 3:
		buf_put(out, SPAN("null"));
		break;
	case 4:
		buf_put(out, SPAN("["));
		put_value(out, plants, depth + 1);
		buf_put(out, SPAN(" ,true,"));
		put_value(out, plants, depth + 1);
		buf_put(out, SPAN("]"));
		break;
	default:
		put_object(out, plants, depth);
	}
}

/* A document with what the meter reads at its front or end, and anything between. */
static void put_document(struct buf *out, struct plants *plants, bool answer)
{
	buf_put(out, SPAN("{\"model\": \"gpt-4o-2024-08-06\", \"messages\": ["));
	put_value(out, plants, 0);
	buf_put(out, SPAN("], \"metadata\": "));
	put_object(out, plants, 1);
	if (answer)
		buf_printf(out,
			   ",\"id\":\"chatcmpl-%u\",\"usage\":{\"prompt_tokens\":%u,"
			   "\"completion_tokens\":%u,\"note\":\"%s\"}",
			   pick(1000), 1 + pick(5000), pick(5000), plant(plants, false));
	else
		buf_printf(out, ",\"user\":\"%s\",\"usage\":{\"a\":%s}", plant(plants, false),
			   plant(plants, true));
	buf_put(out, SPAN("}"));
}

static void put_body(struct buf *out, struct span body, bool chunked)
{
	if (!chunked) {
		buf_printf(out, "Content-Length: %zu\r\n\r\n", body.len);
		buf_put(out, body);
		return;
	}
	buf_put(out, SPAN("transfer-encoding: chunked\r\n\r\n"));
	while (body.len) {
		struct span piece = span_head(body, 1 + pick(200));

		buf_printf(out, "%zx\r\n", piece.len);
		buf_put(out, piece);
		buf_put(out, SPAN("\r\n"));
		body = span_skip(body, piece.len);
	}
	buf_put(out, SPAN("0\r\n\r\n"));
}

static void put_call(struct buf *sent, struct buf *received, struct plants *plants, bool odd)
{
	struct buf body = buf_with_max(FILE_BYTES_MAX);
	bool stream = pick(2);

	put_document(&body, plants, false);
	buf_printf(sent,
		   "POST /v1/chat/completions?key=%s HTTP/1.1\r\nHost: api.openai.com\r\n"
		   "Authorization: Bearer %s\r\nX-Re%s: 1\r\nx-api-key:%s\r\nCookie: a=%s\r\n"
		   "%shost-x: %s\r\nContent-Type: application/json\r\n",
		   plant(plants, false), plant(plants, false), plant(plants, false),
		   plant(plants, false), plant(plants, false), odd ? " " : "",
		   plant(plants, false));
	put_body(sent, buf_span(&body), pick(2));
	buf_reset(&body);
	buf_printf(
	    received,
	    "HTTP/1.1 200 %s\r\nX-Request-Id: req_%u\r\nset-cookie: %s\r\nContent-Type: %s\r\n",
	    plant(plants, false), pick(1000), plant(plants, false),
	    stream ? "text/event-stream" : "application/json");
	for (unsigned i = stream ? 1 + pick(4) : 0; i; i--) {
		buf_printf(&body, ": %s\r\nid: %s\n%s: b\r\ndata: ", plant(plants, false),
			   plant(plants, false), plant(plants, false));
		put_document(&body, plants, true);
		buf_put(&body, SPAN("\r\n\r\n"));
	}
	if (stream)
		buf_put(&body, SPAN("data: [DONE]\n\n"));
	else
		put_document(&body, plants, true);
	put_body(received, buf_span(&body), pick(2));
	buf_done(&body);
}

static void assert_nothing_leaks(const struct plants *plants, const struct buf *file)
{
	struct span records = span_skip(buf_span(file), RECORD_MAGIC.len);

	for (unsigned i = 0; i < plants->n; i++)
		for (unsigned at = 0; at + PART <= SECRET; at++)
			if (memmem(records.ptr, records.len, plants->secrets[i] + at, PART))
				fail_msg("%s is in the file", plants->secrets[i]);
}

static void play_random(struct rig *rig, bool losses)
{
	struct buf sent = buf_with_max(FILE_BYTES_MAX), received = buf_with_max(FILE_BYTES_MAX);
	struct plants plants = { 0 };
	struct playback_counts counts;
	struct buf file;
	struct tap tap;

	tap_open(&tap, rig);
	if (losses && pick(4) == 0) /* a late start */
		tap.offset[0] = tap.offset[1] = 1000;
	for (unsigned calls = 1 + pick(3); calls && plants.n < SECRETS / 2; calls--) {
		buf_reset(&sent);
		buf_reset(&received);
		put_call(&sent, &received, &plants, losses);
		tap_play(&tap, DIRECTION_SENT, buf_span(&sent), losses);
		tap_play(&tap, DIRECTION_RECEIVED, buf_span(&received), losses);
	}
	tap_close(&tap);
	file = tap_file(&tap);
	counts = replay(rig, &file);
	assert_nothing_leaks(&plants, &file);
	if (!losses) {
		assert_int_equal(counts.left_out_bytes, 0);
		assert_true(json_array_size(rig->live) > 0);
		assert_same_events(rig, "random");
	}
	buf_done(&sent);
	buf_done(&received);
	buf_done(&file);
}

static void test_planted_secrets_are_not_stored(void **state)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		play_random(*state, i % 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors_give_the_same_events),
		cmocka_unit_test(test_planted_secrets_are_not_stored),
	};
	const char *given = getenv("SEED");

	seed = given ? strtoull(given, NULL, 0) : ((uint64_t)time(NULL) << 20) + (uint64_t)getpid();
	printf("SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
