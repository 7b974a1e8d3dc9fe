/* From the handshake of RFC 6455, 1.2, through frames to the close: each conversation whole and
 * byte by byte; bytes are counted, the call ends once. */
#include "http/upgrade.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "player.h"

#define ASK                                                                                        \
	"GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"           \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
#define AGREE(more)                                                                                \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"        \
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" more "\r\n"
#define DEFLATE "Sec-WebSocket-Extensions: permessage-deflate\r\n"

/* "Hello" from the client, "Hello" compressed, Close of either */
#define SENT_HELLO     "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
#define SENT_CLOSE     "\x88\x82\x01\x01\x01\x01\x02\xe9"
#define RECEIVED_CLOSE "\x88\x02\x03\xe8"

struct talk {
	const char *name;
	struct step steps[10];
	const char *lines;
	uint64_t nobodys[2]; /* bytes that belong to no exchange */
	uint64_t from[2];
	bool as_is; /* chunks as they are */
	bool opaque;
};

static const struct talk talks[] = {
	{ "closed by both",
	  { { SENT, ASK },
	    { RECEIVED, AGREE("") "\x81\x02hi" },
	    { SENT, SENT_HELLO },
	    { RECEIVED, "\x01\x02yo\x80\x01u" RECEIVED_CLOSE },
	    { SENT, SENT_CLOSE } },
	  .lines = "GET /chat [Hello|] -> 101 [hi|you|] complete\n" },
	{ "nothing follows the close",
	  { { SENT, ASK },
	    { RECEIVED, AGREE("") RECEIVED_CLOSE },
	    { SENT, SENT_CLOSE },
	    { SENT, GET("/a") } },
	  .lines = "GET /chat [] -> 101 [] complete\n",
	  .nobodys = { sizeof(GET("/a")) - 1, 0 } },
	{ "connection lost between messages",
	  { { SENT, ASK }, { RECEIVED, AGREE("") "\x81\x02hi" }, { SENT, SENT_HELLO } },
	  .lines = "GET /chat [Hello|] -> 101 [hi|] complete\n" },
	{ "connection lost in a message",
	  { { SENT, ASK }, { RECEIVED, AGREE("") "\x81\x03hi" } },
	  .lines = "GET /chat [] -> 101 [hi] truncated\n" },
	{ "compressed",
	  { { SENT, ASK }, { RECEIVED, AGREE(DEFLATE) "\x41\x03\xf2\x48\xcd\x80\x05\xc9\xc9" } },
	  .lines = "GET /chat [] -> 101 [Hell] truncated\n",
	  .as_is = true },
	{ "after other calls",
	  { { SENT, GET("/a") },
	    { RECEIVED, OK(1) "x" },
	    { SENT, ASK },
	    { RECEIVED, AGREE("") "\x81\x02hi" } },
	  .lines = "GET /a [] -> 200 [x] complete\n"
		   "GET /chat [] -> 101 [hi|] complete\n" },
	{ "a broken frame",
	  { { SENT, ASK }, { RECEIVED, AGREE("") "\x81\x02hi\xb1\x02hi" }, { SENT, SENT_HELLO } },
	  .lines = "GET /chat [Hello|] -> 101 [hi|~] complete bad-frame\n",
	  .as_is = true },
	{ "holes in both, inside their frames",
	  { { SENT, ASK },
	    { RECEIVED, AGREE("") },
	    { SENT, "\x81\x85\x37\xfa\x21\x3d\x7f" },
	    { LOST_SENT, "xxxx" },
	    { SENT, SENT_HELLO },
	    { SHORT_RECEIVED, "\x81\x06worl|d!" },
	    { RECEIVED, "\x81\x02hi" } },
	  .lines = "GET /chat [H~Hello|] -> 101 [worl~hi|] gap lost 6\n",
	  .as_is = true },
	{ "a hole over a frame's edge",
	  { { SENT, ASK },
	    { RECEIVED, AGREE("") },
	    { RECEIVED, "\x81\x06wor" },
	    { LOST_RECEIVED, "ld!\x81" },
	    { RECEIVED, "\x02hi" },
	    { SENT, SENT_HELLO } },
	  .lines = "GET /chat [Hello|] -> 101 [wor~] gap lost 4\n",
	  .as_is = true },
	{ "the client's frames seen before the 101",
	  { { SENT, ASK }, { SENT, SENT_HELLO }, { RECEIVED, AGREE("") "\x81\x02hi" } },
	  .lines = "GET /chat [~] -> 101 [hi|] gap\n",
	  .nobodys = { 11, 0 },
	  .as_is = true },
	{ "a late start: only the response to the handshake",
	  { { RECEIVED, AGREE("") "\x81\x02hi" }, { SENT, SENT_HELLO } },
	  .lines = "  [~] -> 101 [hi|] pre-attach\n",
	  .from = { CHUNK_LATE_OFFSET, CHUNK_LATE_OFFSET },
	  .as_is = true },
	{ "upgrade refused",
	  { { SENT, ASK }, { RECEIVED, OK(1) "x" }, { SENT, GET("/b") }, { RECEIVED, OK(1) "y" } },
	  .lines = "GET /chat [] -> 200 [x] complete\n"
		   "GET /b [] -> 200 [y] complete\n" },
	{ "with another request behind it",
	  { { SENT, ASK GET("/b") }, { RECEIVED, AGREE("") "\x81\x02hi" } },
	  .lines = "GET /chat [] -> 101 [] complete\n"
		   "GET /b [] -> 0 [] gap\n",
	  .nobodys = { 0, 4 },
	  .opaque = true },
	{ "before its request is complete",
	  { { SENT, "PUT /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhe" }, { RECEIVED, AGREE("") } },
	  .lines = "PUT /a [he] -> 101 [] gap\n",
	  .opaque = true },
};

static void play(const struct talk *talk, bool bytewise)
{
	struct player p;

	player_init(&p, talk->from);
	for (const struct step *s = talk->steps; s->what; s++) {
		if (!bytewise || s->what > RECEIVED) {
			player_step(&p, s);
			continue;
		}
		for (const char *c = s->bytes; *c; c++)
			player_chunk(&p, s->what - SENT, (struct span){ c, 1 }, 1);
	}
	player_close(&p, (uint64_t[2]){ 0 });
	if (strcmp(p.recorder.text.data, talk->lines) != 0)
		fail_msg("%s:\n%s---- expected:\n%s", talk->name, p.recorder.text.data,
			 talk->lines);
	for (int d = 0; d < 2; d++)
		if (p.recorder.bytes[d] + talk->nobodys[d] != p.offset[d] - talk->from[d])
			fail_msg("%s: %llu bytes of direction %d", talk->name,
				 (unsigned long long)p.recorder.bytes[d], d);
	assert_int_equal(counter_read(&p.counters.opaque_other), talk->opaque);
	assert_int_equal(counter_read(&p.counters.websockets),
			 !talk->opaque && strstr(talk->lines, "101"));
	player_done(&p);
}

static void test_talks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(talks) / sizeof(*talks); i++) {
		play(&talks[i], false);
		if (!talks[i].as_is)
			play(&talks[i], true);
	}
}

/* Bytes lost before the close, which no chunk came to tell of. */
static void test_lost_at_the_close(void **state)
{
	struct player p;

	(void)state;
	player_init(&p, (uint64_t[2]){ 0 });
	player_step(&p, &(struct step){ SENT, ASK });
	player_step(&p, &(struct step){ RECEIVED, AGREE("") "\x81\x02hi" });
	player_close(&p, (uint64_t[2]){ 0, 9 });
	assert_string_equal(p.recorder.text.data, "GET /chat [] -> 101 [hi|~] gap lost 9\n");
	player_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talks),
		cmocka_unit_test(test_lost_at_the_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
