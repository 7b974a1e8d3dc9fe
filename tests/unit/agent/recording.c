/* A recording and its replay: the vectors and random calls, over HTTP/1 and HTTP/2, in each content
 * coding and over a WebSocket, cut at random, whole or with losses, give the events of the live
 * bytes; and secrets that are planted all over the random ones are not in the file. */
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
#include "http/recording.h"
#include "meter/meter.h"
#include "price/catalog.h"

#include "../http/encode.h"
#include "../http/h2talk.h"

#define FILE_BYTES_MAX (1u << 20)
#define SECRETS        256
#define SECRET         16 /* bytes of one */
#define PART           6  /* of it give it away */
#define ROUNDS         600
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
	struct recording *recording;
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
	if (recording_new(tap->path, &meter_handler, rig->meter, &tap->recording, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(
	    http_new(&tap->conn, &recording_handler, tap->recording, &tap->counters, &http), 0);
	tap->conn.http = http;
}

static void tap_chunk(struct tap *tap, enum direction direction, struct span bytes, size_t missing)
{
	struct chunk chunk = { .data = bytes,
			       .offset = tap->offset[direction],
			       .length = bytes.len + missing,
			       .time_utc_ns = tap->now_ns++,
			       .direction = direction };

	tap->offset[direction] += chunk.length;
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

	http_close(tap->conn.http, tap->now_ns, none);
	http_free(tap->conn.http);
	recording_free(tap->recording);
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

/* --- calls, each in its way */

struct way {
	const char *name;
	const char *coding; /* of the answer; NULL: none */
	encode_fn *encode;
	bool h2;
};

static const struct way ways[] = {
	{ "HTTP/1", NULL, NULL, false },
	{ "gzip", "gzip", encode_gzip, false },
	{ "deflate", "deflate", encode_deflate, false },
	{ "brotli", "br", encode_brotli, false },
	{ "zstd", "zstd", encode_zstd, false },
	{ "HTTP/2", NULL, NULL, true },
	{ "HTTP/2 gzip", "gzip", encode_gzip, true },
	{ "HTTP/2 brotli", "br", encode_brotli, true },
	{ NULL, NULL, NULL, false },
};

/* Of both ends, as it would go over the wire. */
struct talk {
	struct talk2 wire; /* its parts, whatever the protocol */
	struct plants plants;
	uint32_t id; /* of the stream */
};

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

/* The heads are lines of "name: value", the first of HTTP/2's own. */
static void say(struct talk *t, enum direction direction, const struct way *way, struct span start,
		struct span lines, struct span body)
{
	struct buf text = buf_with_max(FILE_BYTES_MAX);

	if (way->h2) {
		buf_put(&text, start);
		buf_put(&text, lines);
		buf_put(&text, SPAN("\0"));
		talk2_headers(&t->wire, direction, 0, t->id, text.data);
		for (struct span rest = body; rest.len;) {
			struct span piece = span_head(rest, 1 + pick(3000));

			rest = span_skip(rest, piece.len);
			talk2_frame(&t->wire, direction, FRAME_DATA,
				    rest.len ? 0 : FRAME_END_STREAM, t->id, piece);
		}
	} else {
		buf_printf(&text, "%.*s\r\n", (int)start.len, start.ptr);
		for (struct span line; lines.len;) {
			line = span_cut(&lines, '\n');
			buf_printf(&text, "%.*s\r\n", (int)line.len, line.ptr);
		}
		put_body(&text, body, pick(2));
		talk2_bytes(&t->wire, direction, buf_span(&text));
	}
	buf_done(&text);
}

static void ask(struct talk *t, const struct way *way, bool odd)
{
	struct buf start = buf_with_max(4096), lines = start, body = buf_with_max(FILE_BYTES_MAX);
	struct plants *plants = &t->plants;

	put_document(&body, plants, false);
	if (way->h2)
		buf_printf(&start,
			   ":method: POST\n:scheme: https\n:authority: api.openai.com\n"
			   ":path: /v1/chat/completions?key=%s\n",
			   plant(plants, false));
	else
		buf_printf(&start,
			   "POST /v1/chat/completions?key=%s HTTP/1.1\r\nHost: api.openai.com",
			   plant(plants, false));
	buf_printf(&lines, "authorization: Bearer %s\nx-re%s: 1\nx-api-key: %s\ncookie: a=%s\n",
		   plant(plants, false), way->h2 ? "a" : plant(plants, false), plant(plants, false),
		   plant(plants, false));
	if (odd && !way->h2)
		buf_printf(&lines, " host-x: %s\n", plant(plants, false));
	buf_put(&lines, SPAN("content-type: application/json\n"));
	say(t, DIRECTION_SENT, way, buf_span(&start), buf_span(&lines), buf_span(&body));
	buf_done(&start);
	buf_done(&lines);
	buf_done(&body);
}

static void put_events(struct buf *body, struct plants *plants)
{
	for (unsigned i = 1 + pick(4); i; i--) {
		buf_printf(body, ": %s\r\nid: %s\n%s: b\r\ndata: ", plant(plants, false),
			   plant(plants, false), plant(plants, false));
		put_document(body, plants, true);
		buf_put(body, SPAN("\r\n\r\n"));
	}
	buf_put(body, SPAN("data: [DONE]\n\n"));
}

static void answer(struct talk *t, const struct way *way)
{
	struct buf start = buf_with_max(4096), lines = start;
	struct buf body = buf_with_max(FILE_BYTES_MAX), coded = body;
	bool stream = pick(2);

	if (stream)
		put_events(&body, &t->plants);
	else
		put_document(&body, &t->plants, true);
	if (way->encode)
		way->encode(&coded, buf_span(&body), 1 + (int)pick(9));
	if (way->h2)
		buf_printf(&start, ":status: 200\n");
	else
		buf_printf(&start, "HTTP/1.1 200 %s", plant(&t->plants, false));
	buf_printf(&lines, "x-request-id: req_%u\nset-cookie: %s\ncontent-type: %s\n", pick(1000),
		   plant(&t->plants, false), stream ? "text/event-stream" : "application/json");
	if (way->encode)
		buf_printf(&lines, "content-encoding: %s\n", way->coding);
	say(t, DIRECTION_RECEIVED, way, buf_span(&start), buf_span(&lines),
	    buf_span(way->encode ? &coded : &body));
	buf_done(&start);
	buf_done(&lines);
	buf_done(&body);
	buf_done(&coded);
}

static void put_calls(struct talk *t, const struct way *way, bool odd)
{
	if (way->h2)
		talk2_hello(&t->wire);
	for (unsigned calls = 1 + pick(3); calls && t->plants.n < SECRETS / 2; calls--) {
		t->id += t->id ? 2 : 1;
		ask(t, way, odd);
		answer(t, way);
	}
}

/* --- a WebSocket (RFC 6455), its messages deflated or not (RFC 7692) */

static void put_message(struct talk *t, enum direction direction, struct span text, bool deflated)
{
	bool masked = direction == DIRECTION_SENT;
	struct buf payload = buf_with_max(FILE_BYTES_MAX), frame = payload;

	if (deflated) {
		encode_raw(&payload, text, 6);
		buf_put(&payload, SPAN("\0")); /* after a final block */
	} else {
		buf_put(&payload, text);
	}
	assert_true(payload.len <= UINT16_MAX);
	buf_printf(&frame, "%c%c", 0x81 | (deflated ? 0x40 : 0), 126 | (masked ? 0x80 : 0));
	buf_put(&frame,
		(struct span){ (char[]){ (char)(payload.len >> 8), (char)payload.len }, 2 });
	if (masked)
		buf_put(&frame, SPAN("\x12\x34\x56\x78"));
	for (size_t i = 0; masked && i < payload.len; i++)
		payload.data[i] ^= "\x12\x34\x56\x78"[i % 4];
	buf_put(&frame, buf_span(&payload));
	talk2_bytes(&t->wire, direction, buf_span(&frame));
	buf_done(&payload);
	buf_done(&frame);
}

static void put_websocket(struct talk *t, bool deflated)
{
	struct buf text = buf_with_max(FILE_BYTES_MAX);

	buf_printf(&text,
		   "GET /v1/responses HTTP/1.1\r\nHost: api.openai.com\r\nUpgrade: websocket\r\n"
		   "Connection: Upgrade\r\nAuthorization: Bearer %s\r\n\r\n",
		   plant(&t->plants, false));
	talk2_bytes(&t->wire, DIRECTION_SENT, buf_span(&text));
	buf_reset(&text);
	buf_printf(
	    &text,
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nx-request-id: req_1\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
	talk2_bytes(&t->wire, DIRECTION_RECEIVED, buf_span(&text));
	for (unsigned i = 1 + pick(4); i; i--) {
		buf_reset(&text);
		buf_printf(&text,
			   "{\"type\":\"response.create\",\"model\":\"gpt-5\",\"input\":\"%s\"}",
			   plant(&t->plants, false));
		put_message(t, DIRECTION_SENT, buf_span(&text), deflated);
		buf_reset(&text);
		buf_printf(&text, "%s is no JSON", plant(&t->plants, false));
		put_message(t, pick(2), buf_span(&text), deflated);
		buf_reset(&text);
		buf_printf(&text,
			   "{\"type\":\"response.completed\",\"response\":{\"id\":\"resp_%u\","
			   "\"model\":\"gpt-5-2025-08-07\",\"output\":[\"%s\"],"
			   "\"usage\":{\"input_tokens\":%u,\"output_tokens\":%u}}}",
			   i, plant(&t->plants, false), 1 + pick(5000), pick(5000));
		put_message(t, DIRECTION_RECEIVED, buf_span(&text), deflated);
	}
	buf_done(&text);
}

static void assert_nothing_leaks(const struct plants *plants, const struct buf *file)
{
	struct span records = span_skip(buf_span(file), RECORDING_MAGIC.len);

	for (unsigned i = 0; i < plants->n; i++)
		for (unsigned at = 0; at + PART <= SECRET; at++)
			if (memmem(records.ptr, records.len, plants->secrets[i] + at, PART))
				fail_msg("%s is in the file", plants->secrets[i]);
}

/* `way` NULL: a WebSocket. How many of the calls had a price. */
static unsigned play_random(struct rig *rig, const struct way *way, bool losses)
{
	static struct talk t;
	struct playback_counts counts;
	unsigned priced = 0;
	struct buf file;
	struct tap tap;

	t = (struct talk){ .plants = { .n = 0 } };
	talk2_init(&t.wire);
	if (way)
		put_calls(&t, way, losses);
	else
		put_websocket(&t, pick(2));
	tap_open(&tap, rig);
	if (losses && pick(4) == 0) /* a late start */
		tap.offset[0] = tap.offset[1] = 1000;
	for (unsigned i = 0; i < t.wire.n; i++)
		tap_play(&tap, t.wire.parts[i].direction, talk2_part(&t.wire, i), losses);
	tap_close(&tap);
	file = tap_file(&tap);
	counts = replay(rig, &file);
	assert_nothing_leaks(&t.plants, &file);
	if (!counts.left_out_bytes || !losses)
		assert_same_events(rig, way ? way->name : "WebSocket");
	for (size_t i = 0; i < json_array_size(rig->replayed); i++)
		priced +=
		    json_is_string(json_object_get(json_array_get(rig->replayed, i), "cost_usd"));
	talk2_done(&t.wire);
	buf_done(&file);
	return priced;
}

static void test_planted_secrets_are_not_stored(void **state)
{
	const size_t n = sizeof(ways) / sizeof(ways[0]);
	unsigned priced[sizeof(ways) / sizeof(ways[0])] = { 0 };

	for (unsigned i = 0; i < ROUNDS; i++) {
		const struct way *way = &ways[i / 2 % n];

		priced[i / 2 % n] += play_random(*state, way->name ? way : NULL, i % 2);
	}
	for (size_t i = 0; i < n; i++) {
		const char *name = ways[i].name ? ways[i].name : "WebSocket";

		print_message("%s: %u with a price\n", name, priced[i]);
		if (priced[i] < ROUNDS / n / 2)
			fail_msg("%s: %u calls with a price", name, priced[i]);
	}
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
