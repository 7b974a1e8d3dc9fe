/* Conversations, seen from the side: each is played whole, cut in two at every place and byte by
 * byte, cut off at every place, and with holes. Expected lines are by hand from RFC 9112. */
#include "http/h1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "player.h"

struct talk {
	const char *name;
	struct step steps[16];
	const char *lines;
	bool as_is;          /* not cut: to find its place again it needs a head in one chunk */
	uint64_t nobodys[2]; /* bytes that belong to no exchange */
	uint64_t from[2];    /* first offsets */
	uint64_t lost[2];    /* at the close */
};

static void assert_lines(struct player *p, const struct talk *talk, const char *how, size_t at)
{
	if (strcmp(p->recorder.text.data, talk->lines) != 0) {
		print_error("%s, %s %zu:\n%s---- expected:\n%s", talk->name, how, at,
			    p->recorder.text.data, talk->lines);
		fail();
	}
	for (int d = 0; d < 2; d++)
		if (p->recorder.bytes[d] + talk->nobodys[d] !=
		    p->offset[d] - talk->from[d] + talk->lost[d])
			fail_msg("%s, %s %zu: %llu bytes of direction %d", talk->name, how, at,
				 (unsigned long long)p->recorder.bytes[d], d);
}

/* The `cut`-th byte of the whole conversation begins a new chunk. */
static void play(const struct talk *talk, size_t cut, const char *how)
{
	struct player p;
	size_t at = 0;

	player_init(&p, talk->from);
	for (const struct step *s = talk->steps; s->what; s++) {
		size_t n = strlen(s->bytes);

		if (s->what <= RECEIVED && cut > at && cut < at + n) {
			player_chunk(&p, s->what - SENT, (struct span){ s->bytes, cut - at },
				     cut - at);
			player_chunk(&p, s->what - SENT, span_of(s->bytes + cut - at),
				     at + n - cut);
		} else {
			player_step(&p, s);
		}
		at += n;
	}
	player_close(&p, talk->lost);
	assert_lines(&p, talk, how, cut);
	player_done(&p);
}

static size_t talk_bytes(const struct talk *talk)
{
	size_t n = 0;

	for (const struct step *s = talk->steps; s->what; s++)
		n += strlen(s->bytes);
	return n;
}

static void play_byte_by_byte(const struct talk *talk)
{
	struct player p;

	player_init(&p, talk->from);
	for (const struct step *s = talk->steps; s->what; s++) {
		if (s->what > RECEIVED) {
			player_step(&p, s);
			continue;
		}
		for (const char *c = s->bytes; *c; c++)
			player_chunk(&p, s->what - SENT, (struct span){ c, 1 }, 1);
	}
	player_close(&p, talk->lost);
	assert_lines(&p, talk, "byte by byte", 0);
	player_done(&p);
}

static void play_all_ways(const struct talk *talks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		play(&talks[i], 0, "whole");
		if (talks[i].as_is)
			continue;
		for (size_t cut = 1; cut < talk_bytes(&talks[i]); cut++)
			play(&talks[i], cut, "cut at");
		play_byte_by_byte(&talks[i]);
	}
}

static const struct talk whole_talks[] = {
	{ "one call",
	  { { SENT, GET("/a") }, { RECEIVED, OK(2) "hi" } },
	  .lines = "GET /a [] -> 200 [hi] complete\n" },
	{ "body",
	  { { SENT, POST("/a?b=c") }, { RECEIVED, OK(0) } },
	  .lines = "POST /a?b=c [hello] -> 200 [] complete\n" },
	{ "keep-alive",
	  { { SENT, POST("/1") },
	    { RECEIVED, OK(2) "hi" },
	    { SENT, GET("/2") },
	    { RECEIVED, OK(3) "you" } },
	  .lines = "POST /1 [hello] -> 200 [hi] complete\n"
		   "GET /2 [] -> 200 [you] complete\n" },
	{ "pipelined",
	  { { SENT, POST("/1") GET("/2") POST("/3") },
	    { RECEIVED, OK(1) "a" OK(1) "b" OK(1) "c" } },
	  .lines = "POST /1 [hello] -> 200 [a] complete\n"
		   "GET /2 [] -> 200 [b] complete\n"
		   "POST /3 [hello] -> 200 [c] complete\n" },
	{ "pipelined, two ahead",
	  { { SENT, GET("/1") },
	    { SENT, GET("/2") },
	    { RECEIVED, OK(1) "a" },
	    { SENT, GET("/3") },
	    { RECEIVED, OK(1) "b" },
	    { RECEIVED, OK(1) "c" } },
	  .lines = "GET /1 [] -> 200 [a] complete\n"
		   "GET /2 [] -> 200 [b] complete\n"
		   "GET /3 [] -> 200 [c] complete\n" },
	{ "chunked, RFC 9112 7.1, with extensions and trailers",
	  { { SENT, GET("/a") },
	    { RECEIVED, CHUNKED "4\r\nWiki\r\n5;x=\"y\"\r\npedia\r\nE ; a\r\n in\r\n\r\nchunks.\r\n"
				"0\r\nExpires: never\r\nX: y\r\n\r\n" },
	    { SENT, GET("/b") },
	    { RECEIVED, CHUNKED "000\r\n\r\n" } },
	  .lines = "GET /a [] -> 200 [Wikipedia in\r\n\r\nchunks.] complete\n"
		   "GET /b [] -> 200 [] complete\n" },
	{ "chunked request",
	  { { SENT, "PUT /a HTTP/1.1\r\ntransfer-encoding:  Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" },
	    { RECEIVED, OK(1) "x" } },
	  .lines = "PUT /a [abc] -> 200 [x] complete\n" },
	{ "interim responses",
	  { { SENT, POST("/a") },
	    { RECEIVED, "HTTP/1.1 100 Continue\r\n\r\n"
			"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK(1) "x" } },
	  .lines = "POST /a [hello] -> 200 [x] complete\n" },
	{ "responses without bodies, RFC 9112 6.3",
	  { { SENT, "HEAD /1 HTTP/1.1\r\n\r\n" },
	    { RECEIVED, OK(10) },
	    { SENT, GET("/2") },
	    { RECEIVED, "HTTP/1.1 204 No Content\r\n\r\n" },
	    { SENT, GET("/3") },
	    { RECEIVED, "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n" },
	    { SENT, GET("/4") },
	    { RECEIVED, OK(1) "x" } },
	  .lines = "HEAD /1 [] -> 200 [] complete\n"
		   "GET /2 [] -> 204 [] complete\n"
		   "GET /3 [] -> 304 [] complete\n"
		   "GET /4 [] -> 200 [x] complete\n" },
	{ "until the close",
	  { { SENT, "GET /a HTTP/1.0\r\n\r\n" }, { RECEIVED, "HTTP/1.0 200 OK\r\n\r\nall of it" } },
	  .lines = "GET /a [] -> 200 [all of it] complete\n" },
	{ "early response",
	  { { SENT, "POST /a HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc" },
	    { RECEIVED, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno" },
	    { SENT, "defghi" GET("/b") },
	    { RECEIVED, OK(1) "x" } },
	  .lines = "POST /a [abcdefghi] -> 413 [no] complete\n"
		   "GET /b [] -> 200 [x] complete\n" },
	{ "empty lines, lone line feeds, no reason",
	  { { SENT, "\r\n\nGET /a HTTP/1.1\nA: b\n\n" },
	    { RECEIVED, "HTTP/1.1 200\nContent-Length: 1\n\nx" } },
	  .lines = "GET /a [] -> 200 [x] complete\n" },
	{ "a response before its request",
	  { { RECEIVED, OK(2) "hi" },
	    { SENT, GET("/a") },
	    { SENT, GET("/b") },
	    { RECEIVED, OK(1) "x" } },
	  .lines = "GET /a [] -> 200 [hi] complete\n"
		   "GET /b [] -> 200 [x] complete\n" },
	{ "the same, later on the connection",
	  { { SENT, GET("/a") }, { RECEIVED, OK(2) "hi" OK(1) "x" }, { SENT, POST("/b") } },
	  .lines = "GET /a [] -> 200 [hi] complete\n"
		   "POST /b [hello] -> 200 [x] complete\n" },
	{ "a contradiction in a response",
	  { { SENT, GET("/a") },
	    { RECEIVED,
	      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n" } },
	  .lines = "GET /a [] -> 200 [] complete bad-head\n" },
	{ "a contradiction in a request",
	  { { SENT, "POST /a HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n" },
	    { RECEIVED, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n" } },
	  .lines = "POST /a [] -> 400 [] complete bad-head\n" },
	{ "no HTTP in return",
	  { { SENT, GET("/a") }, { RECEIVED, "220 mail\r\n\r\n" } },
	  .lines = "GET /a [] -> 0 [] complete bad-head\n",
	  .as_is = true },
	{ "a response before what is no request",
	  { { SENT, GET("/a") },
	    { RECEIVED, OK(1) "x" OK(1) "y" },
	    { SENT, "G(" },
	    { RECEIVED, OK(1) "z" } },
	  .lines = "GET /a [] -> 200 [x] complete\n"
		   "  [] -> 200 [y] gap\n"
		   "  [] -> 200 [z] gap\n",
	  .nobodys = { 2, 0 },
	  .as_is = true },
	{ "bad chunk",
	  { { SENT, GET("/a") }, { RECEIVED, CHUNKED "2\r\nabc" } },
	  .lines = "GET /a [] -> 200 [ab] complete bad-chunk\n" },
	{ "bad chunk size",
	  { { SENT, GET("/a") }, { RECEIVED, CHUNKED "\n" } },
	  .lines = "GET /a [] -> 200 [] complete bad-chunk\n" },
	{ "chunk size over 64 bits",
	  { { SENT, GET("/a") }, { RECEIVED, CHUNKED "10000000000000000" } },
	  .lines = "GET /a [] -> 200 [] complete bad-chunk\n" },
	{ "unknown coding",
	  { { SENT, GET("/a") },
	    { RECEIVED, "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc" },
	    { SENT, GET("/b") },
	    { RECEIVED, OK(1) "x" } },
	  .lines = "GET /a [] -> 200 [] complete bad-coding\n"
		   "GET /b [] -> 200 [x] complete\n" },
	{ "two codings, transfer coding",
	  { { SENT, GET("/a") },
	    { RECEIVED, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Encoding: gzip\r\n"
			"Content-Length: 1\r\n\r\nx" },
	    { SENT, GET("/b") },
	    { RECEIVED, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
			"1\r\nx\r\n0\r\n\r\n" } },
	  .lines = "GET /a [] -> 200 [] complete bad-coding\n"
		   "GET /b [] -> 200 [] complete bad-coding\n" },
	{ "identity, and a coding of nothing",
	  { { SENT, GET("/a") },
	    { RECEIVED,
	      "HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 1\r\n\r\nx" },
	    { SENT, GET("/b") },
	    { RECEIVED,
	      "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n" } },
	  .lines = "GET /a [] -> 200 [x] complete\n"
		   "GET /b [] -> 200 [] complete\n" },
	{ "closed in a body",
	  { { SENT, GET("/a") }, { RECEIVED, OK(3) "hi" } },
	  .lines = "GET /a [] -> 200 [hi] truncated\n" },
	{ "closed in a chunked body",
	  { { SENT, GET("/a") }, { RECEIVED, CHUNKED "2\r\nhi\r\n0\r\n" } },
	  .lines = "GET /a [] -> 200 [hi] truncated\n" },
	{ "closed in a head",
	  { { SENT, GET("/a") }, { RECEIVED, "HTTP/1.1 200 OK\r\n" } },
	  .lines = "GET /a [] -> 0 [] truncated\n" },
	{ "closed before the response",
	  { { SENT, GET("/a") GET("/b") } },
	  .lines = "GET /a [] -> 0 [] truncated\n"
		   "GET /b [] -> 0 [] truncated\n" },
	{ "closed in a request",
	  { { SENT, "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhe" } },
	  .lines = "POST /a [he] -> 0 [] truncated\n" },
	{ "closed in a request that was answered",
	  { { SENT, "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhe" }, { RECEIVED, OK(1) "x" } },
	  .lines = "POST /a [he] -> 200 [x] truncated\n" },
	{ "closed in the head of a request",
	  { { SENT, "POST /a HTTP/1.1\r\nContent-Le" } },
	  .lines = "",
	  .nobodys = { 28, 0 } },
	{ "a timeout without a request",
	  { { SENT, GET("/a") },
	    { RECEIVED, OK(1) "x" },
	    { RECEIVED, "HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n" } },
	  .lines = "GET /a [] -> 200 [x] complete\n"
		   "  [] -> 408 [] gap\n" },
	{ "HTTP/2",
	  { { SENT, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" }, { RECEIVED, "0123456789" } },
	  .lines = "",
	  .nobodys = { 24, 10 } },
	{ "no HTTP",
	  { { SENT, "\x16\x03\x01 what\r\n\r\n" GET("/a") }, { RECEIVED, OK(1) "x" } },
	  .lines = "",
	  .nobodys = { 12 + 28, 39 } },
	{ "the server speaks first",
	  { { RECEIVED, "220 mail\r\n" }, { SENT, "EHLO x\r\n" }, { RECEIVED, "250 mail\r\n" } },
	  .lines = "",
	  .nobodys = { 8, 20 } },
	{ "upgrade to something else",
	  { { SENT, "GET /a HTTP/1.1\r\nUpgrade: tac\r\n\r\n" },
	    { RECEIVED, "HTTP/1.1 101 Switching\r\nUpgrade: tac\r\n\r\n" },
	    { SENT, "\x81\x05hello" },
	    { RECEIVED, "\x81\x05world" } },
	  .lines = "GET /a [] -> 101 [] complete\n",
	  .nobodys = { 7, 7 } },
	{ "upgrade before the request is complete",
	  { { SENT, "PUT /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhe" },
	    { RECEIVED, "HTTP/1.1 101 Switching\r\n\r\n" } },
	  .lines = "PUT /a [he] -> 101 [] gap\n" },
	{ "upgrade refused",
	  { { SENT, "GET /a HTTP/1.1\r\nUpgrade: websocket\r\n\r\n" },
	    { RECEIVED, OK(1) "x" },
	    { SENT, GET("/b") },
	    { RECEIVED, OK(1) "y" } },
	  .lines = "GET /a [] -> 200 [x] complete\n"
		   "GET /b [] -> 200 [y] complete\n" },
	{ "tunnel",
	  { { SENT, "CONNECT x:443 HTTP/1.1\r\n\r\n" },
	    { RECEIVED, "HTTP/1.1 200 OK\r\n\r\n" },
	    { SENT, "\x16\x03\x01" },
	    { RECEIVED, "\x16\x03\x01" } },
	  .lines = "CONNECT x:443 [] -> 200 [] complete\n",
	  .nobodys = { 3, 3 } },
	{ "tunnel refused",
	  { { SENT, "CONNECT x:443 HTTP/1.1\r\n\r\n" },
	    { RECEIVED, "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno" } },
	  .lines = "CONNECT x:443 [] -> 403 [no] complete\n" },
};

static void test_whole(void **state)
{
	(void)state;
	play_all_ways(whole_talks, sizeof(whole_talks) / sizeof(*whole_talks));
}

static const struct talk holed_talks[] = {
	{ "in a body of known length",
	  { { SENT, GET("/a") },
	    { RECEIVED, OK(9) "abc" },
	    { LOST_RECEIVED, "def" },
	    { RECEIVED, "ghi" },
	    { SENT, GET("/b") },
	    { RECEIVED, OK(1) "x" } },
	  .lines = "GET /a [] -> 200 [abc~ghi] gap lost 3\n"
		   "GET /b [] -> 200 [x] complete\n" },
	{ "all of a body, not captured",
	  { { SENT, GET("/a") },
	    { SHORT_RECEIVED, OK(9) "|abcdefghi" },
	    { SENT, GET("/b") },
	    { RECEIVED, OK(1) "x" } },
	  .lines = "GET /a [] -> 200 [~] gap lost 9\n"
		   "GET /b [] -> 200 [x] complete\n" },
	{ "over the end of a body, up to a head",
	  { { SENT, GET("/a") },
	    { RECEIVED, OK(3) "a" },
	    { SENT, GET("/b") },
	    { LOST_RECEIVED, "bc" OK(1) "x" },
	    { SENT, GET("/c") },
	    { RECEIVED, OK(1) "y" } },
	  .lines = "GET /a [] -> 200 [a~] gap lost 2\n"
		   "GET /b [] -> 0 [] gap lost 39\n"
		   "GET /c [] -> 200 [y] gap\n",
	  .as_is = true },
	{ "inside a chunk",
	  { { SENT, GET("/a") },
	    { RECEIVED, CHUNKED "9\r\nabc" },
	    { LOST_RECEIVED, "def" },
	    { RECEIVED, "ghi\r\n0\r\n\r\n" },
	    { SENT, GET("/b") },
	    { RECEIVED, OK(1) "x" } },
	  .lines = "GET /a [] -> 200 [abc~ghi] gap lost 3\n"
		   "GET /b [] -> 200 [x] complete\n" },
	{ "the end of a chunk",
	  { { SENT, GET("/a") },
	    { RECEIVED, CHUNKED "9\r\nabc" },
	    { LOST_RECEIVED, "defghi" },
	    { RECEIVED, "\r\n0\r\n\r\n" } },
	  .lines = "GET /a [] -> 200 [abc~] gap lost 6\n" },
	{ "over a chunk's end",
	  { { SENT, GET("/a") },
	    { RECEIVED, CHUNKED "3\r\nabc" },
	    { LOST_RECEIVED, "\r\n3\r\n" },
	    { RECEIVED, "def\r\n0\r\n\r\n" },
	    { SENT, GET("/b") },
	    { RECEIVED, OK(1) "x" } },
	  .lines = "GET /a [] -> 200 [abc~] gap lost 5\n"
		   "GET /b [] -> 200 [x] complete\n",
	  .nobodys = { 0, 10 },
	  .as_is = true },
	{ "in a body until the close",
	  { { SENT, GET("/a") },
	    { RECEIVED, "HTTP/1.1 200 OK\r\n\r\nabc" },
	    { LOST_RECEIVED, "def" },
	    { RECEIVED, "ghi" } },
	  .lines = "GET /a [] -> 200 [abc~ghi] gap lost 3\n" },
	{ "in the head of a response",
	  { { SENT, GET("/a") },
	    { RECEIVED, "HTTP/1.1 200 OK\r\nConte" },
	    { LOST_RECEIVED, "nt-Length: 1\r\n\r\n" },
	    { RECEIVED, "x" },
	    { SENT, GET("/b") },
	    { RECEIVED, OK(1) "x" } },
	  .lines = "GET /a [] -> 0 [] gap lost 16\n"
		   "GET /b [] -> 200 [x] complete\n",
	  .nobodys = { 0, 1 },
	  .as_is = true },
	{ "a whole response",
	  { { SENT, GET("/a") },
	    { LOST_RECEIVED, OK(1) "x" },
	    { SENT, GET("/b") },
	    { RECEIVED, OK(1) "y" } },
	  .lines = "GET /a [] -> 0 [] gap lost 39\n"
		   "GET /b [] -> 200 [y] gap\n",
	  .as_is = true },
	{ "the first part of a response",
	  { { SENT, GET("/a") },
	    { LOST_RECEIVED, OK(9) "abc" },
	    { RECEIVED, "defghi" },
	    { SENT, GET("/b") },
	    { RECEIVED, OK(1) "y" } },
	  .lines = "GET /a [] -> 0 [] gap lost 41\n"
		   "GET /b [] -> 200 [y] complete\n",
	  .nobodys = { 0, 6 },
	  .as_is = true },
	{ "an interim response",
	  { { SENT, GET("/a") },
	    { LOST_RECEIVED, "HTTP/1.1 100 Continue\r\n\r\n" },
	    { RECEIVED, OK(1) "x" } },
	  .lines = "GET /a [] -> 200 [x] gap lost 25\n",
	  .as_is = true },
	{ "a whole request",
	  { { SENT, GET("/a") },
	    { RECEIVED, OK(1) "x" },
	    { LOST_SENT, GET("/b") },
	    { RECEIVED, OK(1) "y" },
	    { SENT, GET("/c") },
	    { RECEIVED, OK(1) "z" } },
	  .lines = "GET /a [] -> 200 [x] complete\n"
		   "  [] -> 200 [y] gap\n"
		   "GET /c [] -> 200 [z] complete\n",
	  .nobodys = { 28, 0 },
	  .as_is = true },
	{ "the first request",
	  { { LOST_SENT, GET("/a") },
	    { RECEIVED, OK(1) "x" },
	    { SENT, GET("/b") },
	    { RECEIVED, OK(1) "y" } },
	  .lines = "  [] -> 200 [x] gap\n"
		   "GET /b [] -> 200 [y] complete\n",
	  .nobodys = { 28, 0 },
	  .as_is = true },
	{ "a call, both ways",
	  { { SENT, GET("/a") },
	    { RECEIVED, OK(1) "x" },
	    { LOST_SENT, GET("/b") },
	    { LOST_RECEIVED, OK(1) "y" },
	    { SENT, GET("/c") },
	    { RECEIVED, OK(1) "z" } },
	  .lines = "GET /a [] -> 200 [x] complete\n"
		   "GET /c [] -> 200 [z] gap lost 39\n",
	  .nobodys = { 28, 0 },
	  .as_is = true },
	{ "the head of a request",
	  { { LOST_SENT, "POST /a HTTP/1.1\r\nContent-" },
	    { SENT, "Length: 5\r\n\r\nhello" },
	    { RECEIVED, OK(1) "x" },
	    { SENT, GET("/b") },
	    { RECEIVED, OK(1) "y" } },
	  .lines = "  [] -> 200 [x] gap\n"
		   "GET /b [] -> 200 [y] complete\n",
	  .nobodys = { 44, 0 },
	  .as_is = true },
	{ "in the body of a request",
	  { { SENT, "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nh" },
	    { LOST_SENT, "ell" },
	    { SENT, "o" GET("/b") },
	    { RECEIVED, OK(1) "x" OK(1) "y" } },
	  .lines = "POST /a [h~o] -> 200 [x] gap lost 3\n"
		   "GET /b [] -> 200 [y] complete\n" },
	{ "in the chunked body of a request",
	  { { SENT, "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" },
	    { LOST_SENT, "3\r\nabc\r\n" },
	    { SENT, "0\r\n\r\n" },
	    { RECEIVED, OK(1) "x" },
	    { SENT, GET("/b") },
	    { RECEIVED, OK(1) "y" } },
	  .lines = "POST /a [~] -> 200 [x] gap lost 8\n"
		   "GET /b [] -> 200 [y] complete\n",
	  .nobodys = { 5, 0 },
	  .as_is = true },
	{ "a request, while a response passes",
	  { { SENT, GET("/a") },
	    { RECEIVED, OK(2) "x" },
	    { LOST_SENT, GET("/b") },
	    { SENT, GET("/c") },
	    { RECEIVED, "x" OK(1) "y" OK(1) "z" } },
	  .lines = "GET /a [] -> 200 [xx] complete\n"
		   "GET /c [] -> 200 [y] gap\n"
		   "  [] -> 200 [z] gap\n",
	  .nobodys = { 28, 0 },
	  .as_is = true },
	{ "a response, then a request",
	  { { SENT, GET("/a") },
	    { LOST_RECEIVED, OK(1) "x" },
	    { LOST_SENT, "POST /b HTTP/1.1\r\n" },
	    { SENT, "Content-Length: 0\r\n\r\n" },
	    { RECEIVED, OK(1) "y" } },
	  .lines = "GET /a [] -> 0 [] gap lost 39\n"
		   "  [] -> 200 [y] gap\n",
	  .nobodys = { 39, 0 },
	  .as_is = true },
	{ "behind a response without a request",
	  { { SENT, GET("/a") },
	    { RECEIVED, OK(1) "x" },
	    { SHORT_RECEIVED, OK(1) "y|zzz" },
	    { SENT, GET("/b") },
	    { RECEIVED, OK(1) "z" } },
	  .lines = "GET /a [] -> 200 [x] complete\n"
		   "  [] -> 200 [y] gap\n"
		   "GET /b [] -> 200 [z] complete\n",
	  .nobodys = { 0, 3 },
	  .as_is = true },
	{ "where requests are pipelined",
	  { { SENT, GET("/1") GET("/2") GET("/3") GET("/4") },
	    { RECEIVED, OK(1) "a" },
	    { LOST_RECEIVED, OK(1) "b" },
	    { RECEIVED, OK(1) "c" },
	    { SENT, GET("/5") },
	    { RECEIVED, OK(1) "d" } },
	  .lines = "GET /1 [] -> 200 [a] complete\n"
		   "GET /2 [] -> 0 [] gap lost 39\n"
		   "GET /3 [] -> 0 [] gap\n"
		   "GET /4 [] -> 200 [c] gap\n"
		   "GET /5 [] -> 200 [d] gap\n",
	  .as_is = true },
	{ "at the close, in a body",
	  { { SENT, GET("/a") }, { RECEIVED, OK(5) "abc" } },
	  .lines = "GET /a [] -> 200 [abc~] gap lost 2\n",
	  .lost = { 0, 2 } },
	{ "at the close, in a chunked body",
	  { { SENT, GET("/a") }, { RECEIVED, CHUNKED "5\r\nabc" } },
	  .lines = "GET /a [] -> 200 [abc~] gap lost 2\n",
	  .lost = { 0, 2 } },
	{ "at the close, the response",
	  { { SENT, GET("/a") GET("/b") } },
	  .lines = "GET /a [] -> 0 [] gap lost 99\n"
		   "GET /b [] -> 0 [] gap\n",
	  .lost = { 0, 99 } },
	{ "at the close, until the close",
	  { { SENT, GET("/a") }, { RECEIVED, "HTTP/1.1 200 OK\r\n\r\nabc" } },
	  .lines = "GET /a [] -> 200 [abc~] gap lost 7\n",
	  .lost = { 0, 7 } },
	{ "at the close, the request",
	  { { RECEIVED, OK(1) "x" } },
	  .lines = "  [] -> 200 [x] gap\n",
	  .lost = { 28, 0 },
	  .nobodys = { 28, 0 } },
	{ "at the close, in the body of a request",
	  { { SENT, "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nh" }, { RECEIVED, OK(1) "x" } },
	  .lines = "POST /a [h~] -> 200 [x] gap lost 4\n",
	  .lost = { 4, 0 } },
	{ "between calls, at the close",
	  { { SENT, GET("/a") }, { RECEIVED, OK(1) "x" } },
	  .lines = "GET /a [] -> 200 [x] complete\n",
	  .lost = { 4, 4 },
	  .nobodys = { 4, 4 } },
};

static void test_holes(void **state)
{
	(void)state;
	play_all_ways(holed_talks, sizeof(holed_talks) / sizeof(*holed_talks));
}

static const struct talk late_talks[] = {
	{ "between calls",
	  { { SENT, GET("/a") }, { RECEIVED, OK(1) "x" } },
	  .lines = "GET /a [] -> 200 [x] complete\n",
	  .from = { 1, 1 },
	  .as_is = true },
	{ "in a request",
	  { { SENT, "lo" }, { RECEIVED, OK(1) "x" }, { SENT, GET("/b") }, { RECEIVED, OK(1) "y" } },
	  .lines = "  [] -> 200 [x] pre-attach\n"
		   "GET /b [] -> 200 [y] complete\n",
	  .from = { 1, 1 },
	  .nobodys = { 2, 0 },
	  .as_is = true },
	{ "in the first request",
	  { { SENT, "lo" }, { RECEIVED, OK(1) "x" }, { SENT, GET("/b") }, { RECEIVED, OK(1) "y" } },
	  .lines = "  [] -> 200 [x] pre-attach\n"
		   "GET /b [] -> 200 [y] complete\n",
	  .from = { 1, 0 },
	  .nobodys = { 2, 0 },
	  .as_is = true },
	{ "before a response",
	  { { RECEIVED, OK(5) "ab" },
	    { RECEIVED, "cde" },
	    { SENT, GET("/b") },
	    { RECEIVED, OK(1) "y" } },
	  .lines = "  [] -> 200 [abcde] pre-attach\n"
		   "GET /b [] -> 200 [y] complete\n",
	  .from = { 1, 1 },
	  .as_is = true },
	{ "in a response",
	  { { RECEIVED, "cde" }, { SENT, GET("/b") }, { RECEIVED, OK(1) "y" } },
	  .lines = "GET /b [] -> 200 [y] complete\n",
	  .from = { 1, 1 },
	  .nobodys = { 0, 3 },
	  .as_is = true },
	{ "in a response, where offsets begin with us",
	  { { RECEIVED, "{cde}" }, { SENT, GET("/b") }, { RECEIVED, OK(1) "y" } },
	  .lines = "GET /b [] -> 200 [y] complete\n",
	  .nobodys = { 0, 5 },
	  .as_is = true },
	{ "to a HEAD whose response seems to have a body",
	  { { RECEIVED, OK(500) }, { SENT, GET("/b") }, { RECEIVED, OK(1) "y" } },
	  .lines = "  [] -> 200 [] pre-attach\n"
		   "GET /b [] -> 200 [y] complete\n",
	  .from = { 1, 1 },
	  .as_is = true },
	{ "after a 1xx",
	  { { RECEIVED, "HTTP/1.1 100 Continue\r\n\r\n" },
	    { SENT, GET("/b") },
	    { RECEIVED, OK(1) "y" } },
	  .lines = "  [] -> 0 [] pre-attach\n"
		   "GET /b [] -> 200 [y] complete\n",
	  .from = { 1, 1 },
	  .as_is = true },
	{ "and closed without a request",
	  { { RECEIVED, OK(1) "x" } },
	  .lines = "  [] -> 200 [x] pre-attach\n" },
};

/* What is left out on purpose is no loss. */
static const struct talk cut_talks[] = {
	{ "in a body of known length",
	  { { SENT, "POST /a HTTP/1.1\r\nContent-Length: 9\r\n\r\n" },
	    { CUT_SENT, "ab|cdefg" },
	    { SENT, "hi" },
	    { RECEIVED, OK(1) "x" },
	    { SENT, GET("/b") },
	    { RECEIVED, OK(1) "y" } },
	  .lines = "POST /a [ab~hi] -> 200 [x] complete\n"
		   "GET /b [] -> 200 [y] complete\n",
	  .as_is = true },
	{ "up to the end of the body",
	  { { CUT_SENT, "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nab|cde" },
	    { RECEIVED, OK(1) "x" },
	    { SENT, GET("/b") },
	    { RECEIVED, OK(1) "y" } },
	  .lines = "POST /a [ab~] -> 200 [x] complete\n"
		   "GET /b [] -> 200 [y] complete\n",
	  .as_is = true },
	{ "in a chunked body: over its boundaries",
	  { { CUT_SENT, "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
			"4\r\nab|cd\r\n4\r\n" },
	    { SENT, "efgh\r\n0\r\n\r\n" },
	    { RECEIVED, OK(1) "x" },
	    { SENT, GET("/b") },
	    { RECEIVED, OK(1) "y" } },
	  .lines = "POST /a [ab~~] -> 200 [x] complete\n"
		   "GET /b [] -> 200 [y] complete\n",
	  .nobodys = { 11, 0 },
	  .as_is = true },
	{ "and then a loss",
	  { { CUT_SENT, "POST /a HTTP/1.1\r\nContent-Length: 9\r\n\r\nab|cd" },
	    { LOST_SENT, "ef" },
	    { SENT, "ghi" },
	    { RECEIVED, OK(1) "x" } },
	  .lines = "POST /a [ab~~ghi] -> 200 [x] gap lost 2\n",
	  .as_is = true },
	{ "before a head: what it hid is nobody's",
	  { { CUT_SENT, GET("/a") "|GET /x HTTP/1.1\r\n" },
	    { RECEIVED, OK(1) "x" },
	    { SENT, GET("/b") },
	    { RECEIVED, OK(1) "y" } },
	  .lines = "GET /a [] -> 200 [x] complete\n"
		   "GET /b [] -> 200 [y] complete\n",
	  .nobodys = { 17, 0 },
	  .as_is = true },
};

static void test_cuts(void **state)
{
	(void)state;
	play_all_ways(cut_talks, sizeof(cut_talks) / sizeof(*cut_talks));
}

static void test_late_starts(void **state)
{
	(void)state;
	play_all_ways(late_talks, sizeof(late_talks) / sizeof(*late_talks));
}

/* More of a response than may be held, before its request: the response is nobody's, the request
 * has none, and the calls after them are right again. */
static void test_long_response_before_its_request(void **state)
{
	struct span head = SPAN("HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n"), all;
	char body[20000];
	struct player p;

	(void)state;
	memset(body, 'x', sizeof(body));
	all = (struct span){ body, sizeof(body) };
	player_init(&p, (uint64_t[2]){ 0 });
	player_chunk(&p, DIRECTION_RECEIVED, head, head.len);
	player_chunk(&p, DIRECTION_RECEIVED, span_head(all, 17000), 17000);
	player_step(&p, &(struct step){ SENT, GET("/a") });
	player_chunk(&p, DIRECTION_RECEIVED, span_skip(all, 17000), 3000);
	player_step(&p, &(struct step){ SENT, GET("/b") });
	player_step(&p, &(struct step){ RECEIVED, OK(1) "y" });
	player_close(&p, (uint64_t[2]){ 0 });
	assert_true(span_starts(buf_span(&p.recorder.text), SPAN("GET /a [] -> 0 [] gap\n"
								 "  [] -> 200 [xxx")));
	assert_string_equal(strstr(p.recorder.text.data, "xxx] ") + 5,
			    "pre-attach\n"
			    "GET /b [] -> 200 [y] complete\n");
	player_done(&p);
}

/* Chunks that say again what was said, or what cannot be. */
static void test_odd_chunks(void **state)
{
	struct span get = SPAN(GET("/a"));
	struct chunk chunk = { .data = get, .length = get.len, .time_utc_ns = 1 };
	struct player p;

	(void)state;
	player_init(&p, (uint64_t[2]){ 0 });
	chunk.data.len = chunk.length = 10;
	h1_feed(p.h1, &chunk);
	h1_feed(p.h1, &chunk);
	chunk.data = get; /* all of it, the first ten bytes for the third time */
	chunk.length = 1; /* less than there is */
	h1_feed(p.h1, &chunk);
	chunk.data.len = 5; /* and some of it once more */
	h1_feed(p.h1, &chunk);
	chunk.offset = UINT64_MAX - 3; /* beyond the end of all offsets */
	h1_feed(p.h1, &chunk);
	assert_int_equal(counter_read(&p.counters.resyncs), 0);
	p.offset[0] = get.len;
	player_step(&p, &(struct step){ RECEIVED, OK(1) "y" });
	player_close(&p, (uint64_t[2]){ 0 });
	assert_string_equal(p.recorder.text.data, "GET /a [] -> 200 [y] complete\n");
	player_done(&p);
	h1_free(NULL);
}

struct times {
	int64_t request, response, end;
};

static void note_nothing(void *ctx, struct exchange *ex)
{
	(void)ctx;
	(void)ex;
}

static void note_body(void *ctx, struct exchange *ex, enum direction direction, struct span piece)
{
	(void)ctx;
	(void)ex;
	(void)direction;
	(void)piece;
}

static void note_times(void *ctx, struct exchange *ex)
{
	*(struct times *)ctx =
	    (struct times){ ex->request_utc_ns, ex->response_utc_ns, ex->end_utc_ns };
}

/* A 1xx is no response. */
static void test_time_of_no_response(void **state)
{
	static const struct exchange_handler handler = { note_nothing, note_nothing, note_body,
							 NULL,         note_times,   NULL,
							 NULL };
	struct span get = SPAN(GET("/a")), interim = SPAN("HTTP/1.1 100 Continue\r\n\r\n");
	struct chunk sent = { get, 0, get.len, 100, DIRECTION_SENT, false };
	struct chunk received = { interim, 0, interim.len, 101, DIRECTION_RECEIVED, false };
	struct http_counters counters = { 0 };
	struct connection conn = { 0 };
	struct times times = { 0 };
	struct h1 *h1;

	(void)state;
	assert_int_equal(h1_new(&conn, &handler, &times, &counters, &h1), 0);
	h1_feed(h1, &sent);
	h1_feed(h1, &received);
	h1_close(h1, 102, (uint64_t[2]){ 0 });
	assert_int_equal(times.request, 100);
	assert_int_equal(times.response, 0);
	assert_int_equal(times.end, 102);
	h1_free(h1);
}

/* A response that waited for a request in vain came when it came. */
static void test_time_of_a_held_response(void **state)
{
	static const struct exchange_handler handler = { note_nothing, note_nothing, note_body,
							 NULL,         note_times,   NULL,
							 NULL };
	struct span ok = SPAN(OK(1) "x");
	struct chunk received = { ok, 0, ok.len, 100, DIRECTION_RECEIVED, false };
	struct http_counters counters = { 0 };
	struct connection conn = { 0 };
	struct times times = { 0 };
	struct h1 *h1;

	(void)state;
	assert_int_equal(h1_new(&conn, &handler, &times, &counters, &h1), 0);
	h1_feed(h1, &received);
	h1_close(h1, 900, (uint64_t[2]){ 0 });
	assert_int_equal(times.response, 100);
	assert_int_equal(times.end, 100);
	h1_free(h1);
}

/* The request's first byte, the final response's first, the last of all. */
static void test_times(void **state)
{
	static const struct exchange_handler handler = { note_nothing, note_nothing, note_body,
							 NULL,         note_times,   NULL,
							 NULL };
	static const char *const bytes[] = { "GET / HT",   "TP/1.1\r\n\r\n",
					     "HTTP/1.1 1", "00 Continue\r\n\r\n",
					     "HTTP/1.1 ",  "200 OK\r\nContent-Length: 3\r\n\r\n",
					     "ab",         "c" };
	struct http_counters counters = { 0 };
	struct connection conn = { 0 };
	struct times times = { 0 };
	uint64_t offset[2] = { 0 };
	struct h1 *h1;

	(void)state;
	assert_int_equal(h1_new(&conn, &handler, &times, &counters, &h1), 0);
	for (int i = 0; i < 8; i++) {
		enum direction direction = i < 2 ? DIRECTION_SENT : DIRECTION_RECEIVED;
		struct span data = span_of(bytes[i]);
		struct chunk chunk = {
			data, offset[direction], data.len, 100 + i, direction, false
		};

		h1_feed(h1, &chunk);
		offset[direction] += data.len;
	}
	assert_int_equal(times.request, 100);
	assert_int_equal(times.response, 104);
	assert_int_equal(times.end, 107);
	h1_free(h1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_holes),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_late_starts),
		cmocka_unit_test(test_long_response_before_its_request),
		cmocka_unit_test(test_odd_chunks),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_time_of_no_response),
		cmocka_unit_test(test_time_of_a_held_response),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
