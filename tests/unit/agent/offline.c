/* agent/offline and agent/har: archives in, events out, one for each entry and in order; what is
 * broken is named by file, line and place. Prices are those of gpt-4o-mini: 0.15 and 0.60 USD a
 * million, so 1000 + 1000 tokens are 0.00075 USD. Needs config/ of the repository. */
#include "agent/offline.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/buf.h"

#define EVENTS_MAX 16

struct result {
	json_t *events[EVENTS_MAX];
	char first[EVENTS_MAX][32]; /* how each line begins */
	unsigned n;
	unsigned stop_at; /* the callback refuses that one; 0 = none */
	int rc;
	struct err err;
};

static int keep_event(void *ctx, struct span event)
{
	struct result *r = ctx;

	assert_true(r->n < EVENTS_MAX);
	assert_null(memchr(event.ptr, '\n', event.len));
	span_copy(event, r->first[r->n], sizeof(r->first[0]));
	r->events[r->n] = json_loadb(event.ptr, event.len, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(r->events[r->n]);
	r->n++;
	return r->n == r->stop_at ? -EPIPE : 0;
}

static struct offline *open_offline(struct result *r)
{
	struct offline *offline;

	if (offline_new("config", NULL, keep_event, r, &offline, &r->err) < 0)
		fail_msg("%s", r->err.text);
	return offline;
}

static void read_text(struct offline *offline, struct result *r, struct span text)
{
	FILE *file = text.len ? fmemopen((void *)text.ptr, text.len, "r") : fopen("/dev/null", "r");

	assert_non_null(file);
	r->n = 0;
	r->err.text[0] = '\0';
	r->rc = offline_file(offline, file, "in", &r->err);
	fclose(file);
}

static void run(struct result *r, struct span text)
{
	struct offline *offline = open_offline(r);

	read_text(offline, r, text);
	offline_free(offline);
}

static void done(struct result *r)
{
	while (r->n)
		json_decref(r->events[--r->n]);
}

static const char *text_at(const struct result *r, unsigned i, const char *key)
{
	assert_true(i < r->n);
	return json_string_value(json_object_get(r->events[i], key));
}

/* Single quotes for double ones, and double quotes inside texts as backquotes. */
static void put_quoted(struct buf *out, const char *text)
{
	for (; *text; text++)
		if (*text == '`')
			buf_put(out, SPAN("\\\""));
		else
			buf_put(out, (struct span){ *text == '\'' ? "\"" : text, 1 });
}

#define USAGE_1000                                                                                 \
	"{`model`:`gpt-4o-mini-2024-07-18`,`usage`:{`prompt_tokens`:1000,`completion_tokens`:"     \
	"1000}}"
#define HEAD "'startedDateTime':'2025-03-01T10:00:00.000+02:00','time':250.4,"
#define REQUEST                                                                                    \
	"'request':{'method':'POST','url':'https://api.openai.com/v1/chat/completions',"           \
	"'headers':[{'name':'Authorization','value':'Bearer sk-planted'}],"                        \
	"'postData':{'text':'{`model`:`gpt-4o-mini`,`messages`:[]}'},'bodySize':40},"
#define RESPONSE(content)                                                                          \
	"'response':{'status':200,'headers':[{'name':'Content-Type','value':'application/json'},"  \
	"{'name':'X-Request-Id','value':'req_1'}],'content':" content "},"                         \
	"'timings':{'receive':50}"
#define ENTRY(id) "{'_id':'" id "'," HEAD REQUEST RESPONSE("{'text':'" USAGE_1000 "'}") "}"

static void read_quoted(struct offline *offline, struct result *r, const char *text)
{
	struct buf quoted = buf_with_max(1 << 20);

	put_quoted(&quoted, text);
	read_text(offline, r, buf_span(&quoted));
	buf_done(&quoted);
}

static void run_text(struct result *r, const char *text)
{
	struct offline *offline = open_offline(r);

	read_quoted(offline, r, text);
	offline_free(offline);
}

static void assert_priced(const struct result *r, unsigned i, const char *id)
{
	assert_string_equal(text_at(r, i, "source_id"), id);
	assert_string_equal(text_at(r, i, "provider"), "openai");
	assert_string_equal(text_at(r, i, "cost_usd"), "0.00075");
	assert_string_equal(text_at(r, i, "completeness"), "complete");
}

static void test_entry(void **state)
{
	struct result r = { 0 };

	(void)state;
	run_text(&r, ENTRY("a"));
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.n, 1);
	assert_priced(&r, 0, "a");
	assert_memory_equal(r.first[0], "{\"source_id\":\"a\",\"event_id\":\"", 28);
	assert_string_equal(text_at(&r, 0, "time_start"), "2025-03-01T08:00:00.000000Z");
	assert_string_equal(text_at(&r, 0, "time_end"), "2025-03-01T08:00:00.250000Z");
	assert_string_equal(text_at(&r, 0, "server"), "api.openai.com");
	assert_string_equal(text_at(&r, 0, "route"), "POST /v1/chat/completions");
	assert_string_equal(text_at(&r, 0, "model_requested"), "gpt-4o-mini");
	assert_string_equal(text_at(&r, 0, "model"), "gpt-4o-mini-2024-07-18");
	assert_string_equal(text_at(&r, 0, "request_id"), "req_1");
	assert_string_equal(text_at(&r, 0, "matched"), "gpt-4o-mini");
	assert_null(text_at(&r, 0, "api_key_hash")); /* there is no secret to hash it with */
	assert_int_equal(json_integer_value(json_object_get(r.events[0], "request_bytes")), 40);
	done(&r);
}

static void test_lines(void **state)
{
	struct result r = { 0 };

	(void)state;
	run_text(&r, "\xef\xbb\xbf\n" ENTRY("1") "\r\n \t\n" ENTRY("2") "\n\n" ENTRY("3"));
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.n, 3);
	assert_priced(&r, 0, "1");
	assert_priced(&r, 1, "2");
	assert_priced(&r, 2, "3");
	assert_string_not_equal(text_at(&r, 0, "event_id"), text_at(&r, 1, "event_id"));
	done(&r);
	run(&r, SPAN(""));
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.n, 0);
}

static void test_har(void **state)
{
	struct result r = { 0 };

	(void)state;
	run_text(&r, "{'log':{'version':'1.2','entries':[" ENTRY("1") "," ENTRY("2") "]}}");
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.n, 2);
	assert_priced(&r, 1, "2");
	done(&r);
	run_text(&r, "\xef\xbb\xbf{\n\t'log': {\n\t\t'entries': [\n" ENTRY("1") "\n]\n}\n}\n");
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.n, 1);
	assert_priced(&r, 0, "1");
	done(&r);
	run_text(&r, "{'log':{'entries':[]}}");
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.n, 0);
}

/* Lines that lie across the reads of 64 KiB, and longer than several. */
static void test_long_lines(void **state)
{
	struct buf text = buf_with_max(4 << 20);
	struct result r = { 0 };

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		buf_put(&text, SPAN("{\"pad\":\""));
		for (unsigned k = 0; k < 50021u * (i + 1); k++)
			buf_put(&text, SPAN("x"));
		buf_printf(&text, "\",\"_id\":\"%u\",", i);
		put_quoted(&text, HEAD REQUEST RESPONSE("{'text':'" USAGE_1000 "'}") "}\n");
	}
	assert_false(text.failed);
	run(&r, buf_span(&text));
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.n, 8);
	for (unsigned i = 0; i < 8; i++) {
		char id[8];

		snprintf(id, sizeof(id), "%u", i);
		assert_priced(&r, i, id);
	}
	done(&r);
	buf_done(&text);
}

/* {"model":"gpt-4o-mini","usage":{"prompt_tokens":1000,"completion_tokens":1000}}, by base64(1) */
#define BASE64                                                                                     \
	"eyJtb2RlbCI6ImdwdC00by1taW5pIiwidXNhZ2UiOnsicHJvbXB0X3Rva2VucyI6MTAwMCwiY29tcGxldGlvbl90" \
	"b2tlbnMiOjEwMDB9fQ"

static void test_base64(void **state)
{
	struct result r = { 0 };

	(void)state;
	run_text(&r, "{'_id':'p'," HEAD REQUEST RESPONSE(
			 "{'encoding':'base64','text':'" BASE64
			 "=='}") "}\n"
				 "{'_id':'q'," HEAD REQUEST RESPONSE(
				     "{'encoding':'base64','text':'" BASE64 "'}") "}\n");
	assert_int_equal(r.rc, 0);
	assert_priced(&r, 0, "p");
	assert_priced(&r, 1, "q");
	done(&r);
}

/* An archive may be without types, and without the body that it counted. */
static void test_what_is_left_out(void **state)
{
	struct result r = { 0 };

	(void)state;
	run_text(
	    &r,
	    "{" HEAD REQUEST "'response':{'status':200,'content':{'text':' " USAGE_1000 "'}}}\n"
	    "{" HEAD REQUEST "'response':{'status':200,'content':{'mimeType':'application/json',"
	    "'text':'" USAGE_1000 "'}}}\n"
	    "{" HEAD REQUEST "'response':{'status':200,'content':{'text':'data: " USAGE_1000
	    "\\n\\ndata: [DONE]\\n\\n'}}}\n"
	    "{" HEAD REQUEST RESPONSE("{'size':400}") "}\n"
						      "{" HEAD REQUEST "'response':{'status':0}}\n"
						      "{" HEAD REQUEST RESPONSE(
							  "{'size':0}") "}\n");
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.n, 6);
	for (unsigned i = 0; i < 3; i++) {
		assert_string_equal(text_at(&r, i, "cost_usd"), "0.00075");
		assert_null(json_object_get(r.events[i], "source_id"));
	}
	assert_true(json_is_true(json_object_get(r.events[2], "streaming")));
	for (unsigned i = 3; i < 6; i++) {
		assert_string_equal(text_at(&r, i, "cost_source"), "unpriced");
		assert_true(json_is_null(json_object_get(r.events[i], "cost_usd")));
	}
	assert_string_equal(text_at(&r, 3, "completeness"), "gap");
	assert_int_equal(json_integer_value(json_object_get(r.events[3], "lost_bytes")), 400);
	assert_string_equal(text_at(&r, 4, "unpriced_reason"), "no_answer");
	done(&r);
}

static void test_stranger(void **state)
{
	struct result r = { 0 };

	(void)state;
	run_text(
	    &r,
	    "{'_id':'\\u0001`x','startedDateTime':'2025-03-01T10:00:00Z','time':-1,"
	    "'request':{'method':'GET','url':'https://example.com'},'response':{'status':404}}");
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.n, 1);
	assert_string_equal(text_at(&r, 0, "source_id"), "\x01\"x");
	assert_null(text_at(&r, 0, "provider"));
	assert_string_equal(text_at(&r, 0, "server"), "example.com");
	assert_string_equal(text_at(&r, 0, "method"), "GET");
	assert_int_equal(json_integer_value(json_object_get(r.events[0], "status")), 404);
	assert_string_equal(text_at(&r, 0, "cost_source"), "unpriced");
	assert_string_equal(text_at(&r, 0, "unpriced_reason"), "provider_unknown");
	assert_string_equal(text_at(&r, 0, "time_end"), "2025-03-01T10:00:00.000000Z");
	done(&r);
}

/* As aiohttp's recorders write it; the wire had POST. */
static void test_small_method(void **state)
{
	struct result r = { 0 };

	(void)state;
	run_text(&r, "{'_id':'a'," HEAD "'request':{'method':'post',"
		     "'url':'https://api.openai.com/v1/chat/completions'}," RESPONSE(
			 "{'text':'" USAGE_1000 "'}") "}");
	assert_int_equal(r.rc, 0);
	assert_priced(&r, 0, "a");
	assert_string_equal(text_at(&r, 0, "method"), "POST");
	done(&r);
}

struct url_row {
	const char *url;
	const char *server; /* NULL: refused */
	const char *route;
};

static const struct url_row url_rows[] = {
	{ "https://API.OpenAI.com/v1/chat/completions", "api.openai.com",
	  "POST /v1/chat/completions" },
	{ "https://api.openai.com:443/v1/chat/completions?a=b/c", "api.openai.com",
	  "POST /v1/chat/completions" },
	{ "https://u:p@api.openai.com/v1/chat/completions#x?y", "api.openai.com",
	  "POST /v1/chat/completions" },
	{ "https://api.openai.com?x", "api.openai.com", NULL },
	{ "https://api.openai.com#x", "api.openai.com", NULL },
	{ "https://evil.example/@api.openai.com/", "evil.example", NULL },
	{ "https://[2001:db8::1]:8443/v1", "[2001:db8::1]:8443", NULL },
	{ "/v1/chat/completions", NULL, NULL },
	{ "api.openai.com/v1", NULL, NULL },
	{ "https:api.openai.com", NULL, NULL },
	{ "https:///v1", NULL, NULL },
	{ "://api.openai.com/", NULL, NULL },
	{ "https://u:p@/v1", NULL, NULL },
	{ "https:", NULL, NULL },
	{ "https:/", NULL, NULL },
	{ "https://", NULL, NULL },
	{ "", NULL, NULL },
};

static void test_urls(void **state)
{
	struct result r = { 0 };
	struct offline *offline = open_offline(&r);

	(void)state;
	for (size_t i = 0; i < sizeof(url_rows) / sizeof(url_rows[0]); i++) {
		const struct url_row *row = &url_rows[i];
		struct buf text = buf_with_max(4096);

		print_message("%s\n", row->url);
		buf_printf(&text,
			   "{\"startedDateTime\":\"2025-03-01T10:00:00Z\",\"request\":{\"method\":"
			   "\"POST\",\"url\":\"%s\"},\"response\":{\"status\":500}}",
			   row->url);
		read_text(offline, &r, buf_span(&text));
		assert_int_equal(r.rc, row->server ? 0 : -EINVAL);
		if (row->server)
			assert_string_equal(text_at(&r, 0, "server"), row->server);
		else
			assert_string_equal(
			    r.err.text,
			    "in:1: request.url: expected a URL such as \"https://host/path\"");
		if (row->route)
			assert_string_equal(text_at(&r, 0, "route"), row->route);
		done(&r);
		buf_done(&text);
	}
	offline_free(offline);
}

struct bad_row {
	const char *text;
	const char *error;
	unsigned n_events; /* priced before */
};

static const struct bad_row bad_rows[] = {
	{ "x", "in:1: ", 0 },
	{ ENTRY("1") "\n{\n", "in:2: ", 1 },
	{ ENTRY("1") "\n\n" ENTRY("2") "\n[]\n", "in:4: expected a HAR entry", 2 },
	{ "{}", "in:1: request: expected an object", 0 },
	{ "{'request':{}}", "in:1: request.method: expected a method such as POST", 0 },
	{ "{" HEAD "'request':{'method':'GET','url':7},'response':{}}",
	  "in:1: request.url: expected a URL", 0 },
	{ "{" HEAD "'request':{'method':'GET','url':'https://a/','headers':{}}}",
	  "in:1: request.headers: expected a list", 0 },
	{ "{" HEAD "'request':{'method':'GET','url':'https://a/','headers':[{'name':'a'}]}}",
	  "in:1: request.headers[0]: expected an object with name and value", 0 },
	{ "{" HEAD REQUEST "'response':7}", "in:1: response: expected an object", 0 },
	{ "{" HEAD REQUEST "'response':{}}",
	  "in:1: response.status: expected a status from 0 to 999", 0 },
	{ "{" HEAD REQUEST "'response':{'status':1000}}",
	  "in:1: response.status: expected a status", 0 },
	{ "{" HEAD REQUEST "'response':{'status':-1}}", "in:1: response.status: expected a status",
	  0 },
	{ "{" HEAD REQUEST RESPONSE("{'encoding':'base64','text':'a'}") "}",
	  "in:1: response.content.text: expected base64", 0 },
	{ "{" HEAD REQUEST RESPONSE("{'encoding':'base64','text':'ab c'}") "}",
	  "in:1: response.content.text: expected base64", 0 },
	{ "{" HEAD REQUEST RESPONSE("{'encoding':'base64','text':'a==='}") "}",
	  "in:1: response.content.text: expected base64", 0 },
	{ "{" REQUEST "'response':{'status':200}}",
	  "in:1: startedDateTime: expected a time such as", 0 },
	{ "{'startedDateTime':'yesterday'," REQUEST "'response':{'status':200}}",
	  "in:1: startedDateTime: expected a time", 0 },
	{ "{'log':{}}", "in: log.entries: expected a list", 0 },
	{ "{'log':7}", "in: log.entries: expected a list", 0 },
	{ "{\n'log':{'entries':[" ENTRY("1") ",\n7]}}", "in: log.entries[1]: expected a HAR entry",
	  1 },
	{ "{\n'log':{'entries':[\n}}", "in:3: ", 0 },
	{ "{'log':{'entries':[{'request':{}}]}}",
	  "in: log.entries[0].request.method: expected a method", 0 },
};

static void test_bad_input(void **state)
{
	struct result r = { 0 };
	struct offline *offline = open_offline(&r);

	(void)state;
	for (size_t i = 0; i < sizeof(bad_rows) / sizeof(bad_rows[0]); i++) {
		read_quoted(offline, &r, bad_rows[i].text);
		assert_int_equal(r.rc, -EINVAL);
		assert_int_equal(r.n, bad_rows[i].n_events);
		if (strncmp(r.err.text, bad_rows[i].error, strlen(bad_rows[i].error)) != 0)
			fail_msg("row %zu: got \"%s\", want \"%s\"", i, r.err.text,
				 bad_rows[i].error);
		done(&r);
	}
	offline_free(offline);
}

/* Every way to cut an entry off is a refusal, never an event. */
static void test_every_cut(void **state)
{
	struct buf text = buf_with_max(1 << 16);
	struct result r = { 0 };
	struct offline *offline = open_offline(&r);

	(void)state;
	put_quoted(&text, ENTRY("a"));
	for (size_t n = 1; n < text.len; n++) {
		read_text(offline, &r, span_head(buf_span(&text), n));
		assert_int_equal(r.rc, -EINVAL);
		assert_int_equal(r.n, 0);
	}
	offline_free(offline);
	buf_done(&text);
}

static void test_stop(void **state)
{
	struct result r = { .stop_at = 2 };

	(void)state;
	run_text(&r, ENTRY("1") "\n" ENTRY("2") "\n" ENTRY("3") "\n");
	assert_int_equal(r.rc, -EPIPE);
	assert_int_equal(r.n, 2);
	done(&r);
}

static void test_bad_configuration(void **state)
{
	struct offline *offline = NULL;
	struct err err = { "" };

	(void)state;
	assert_int_equal(offline_new("/nonexistent", NULL, keep_event, NULL, &offline, &err),
			 -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/providers"));
	assert_null(offline);
	offline_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entry),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_har),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_what_is_left_out),
		cmocka_unit_test(test_stranger),
		cmocka_unit_test(test_small_method),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_bad_input),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_bad_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
