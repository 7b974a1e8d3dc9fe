/* meter/provider: what a directory of provider files may say, and the line for each thing it may
 * not. Lines are counted by hand. */
#include "meter/provider.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "meter/format.h"
#include "meter/route.h"

#define FILES_MAX 4
#define LIST_MAX  128

struct fixture {
	char dir[32];
	char paths[FILES_MAX][64];
	unsigned n;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/prov-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	*state = f;
	return 0;
}

static void clear(struct fixture *f)
{
	while (f->n)
		unlink(f->paths[--f->n]);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	clear(f);
	rmdir(f->dir);
	free(f);
	return 0;
}

static const char *put(struct fixture *f, const char *name, const char *text)
{
	char *path = f->paths[f->n++];
	FILE *file;

	snprintf(path, sizeof(f->paths[0]), "%s/%s", f->dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	return path;
}

static const char good[] = "name: acme\n"
			   "hosts: [api.acme.com, \"*.eu.acme.com\"]\n"
			   "request_id: head:x-id\n"
			   "error: /e\n"
			   "routes:\n"
			   "  - match: POST /v1/chat\n"
			   "    operation: chat\n"
			   "    format: [json]\n"
			   "    model: /model\n"
			   "    request_id: /rid\n"
			   "    usage:\n"
			   "      input: /in - /cached\n"
			   "      input_cache_read: /cached\n"
			   "  - match: GET /v1/models/{m}\n"
			   "    operation: models\n"
			   "    free: true\n"
			   "    model: path:m\n";

static struct providers *load(struct fixture *f)
{
	struct providers *providers = NULL;
	struct err err = { "" };

	if (providers_load(f->dir, &providers, &err) < 0)
		fail_msg("%s", err.text);
	return providers;
}

static void collect(void *ctx, const struct provider *provider, const char *pattern)
{
	char *list = ctx;
	size_t length = strlen(list);

	assert_true(strlen(provider_name(provider)) > 0);
	snprintf(list + length, LIST_MAX - length, "%s ", pattern);
}

static void loads(void **state)
{
	struct fixture *f = *state;
	struct providers *providers;
	char hosts[LIST_MAX] = "";

	put(f, "acme.yaml", good);
	put(f, "other.yaml",
	    "name: other\nhosts: [api.other.io]\nroutes:\n"
	    "- {match: GET /, operation: root, free: true}\n");
	put(f, "notes.txt", "not: [yaml\n");
	put(f, ".hidden.yaml", "not: [yaml\n");
	providers = load(f);
	assert_int_equal(providers_count(providers), 2);
	providers_hosts(providers, collect, hosts);
	assert_non_null(strstr(hosts, "api.acme.com "));
	assert_non_null(strstr(hosts, "*.eu.acme.com "));
	assert_non_null(strstr(hosts, "api.other.io "));
	assert_string_equal(provider_name(providers_named(providers, SPAN("other"))), "other");
	assert_null(providers_named(providers, SPAN("othe")));
	assert_null(providers_named(providers, SPAN("")));
	providers_unref(providers);
}

static void finds_hosts(void **state)
{
	static const struct {
		const char *server, *provider;
	} cases[] = {
		{ "api.acme.com", "acme" },
		{ "x.eu.acme.com", "acme" },
		{ "a.eu.acme.com", "exact" },
		{ "eu.acme.com", NULL },
		{ "x.y.eu.acme.com", NULL },
		{ ".eu.acme.com", NULL },
		{ "api.acme.com.", NULL },
		{ "api.acme.co", NULL },
		{ "xapi.acme.com", NULL },
		{ "*.eu.acme.com", "acme" },
		{ "eu-api.acme.com", "exact" },
		{ "eu-west-1-api.acme.com", "exact" },
		{ "-api.acme.com", NULL },
		{ "eu-apis.acme.com", NULL },
		{ "api-eu.acme.com", NULL },
		{ "x.eu-api.acme.com", NULL },
		{ "acme.com", NULL },
		{ "com", NULL },
		{ "", NULL },
	};
	struct fixture *f = *state;
	struct providers *providers;

	put(f, "acme.yaml", good);
	put(f, "exact.yaml",
	    "name: exact\nhosts: [a.eu.acme.com, \"*-api.acme.com\"]\nroutes:\n"
	    "- {match: GET /, operation: root, free: true}\n");
	providers = load(f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct provider *found = providers_find(providers, span_of(cases[i].server));

		if (!cases[i].provider)
			assert_null(found);
		else
			assert_string_equal(provider_name(found), cases[i].provider);
	}
	providers_unref(providers);
}

static void finds_routes(void **state)
{
	static const struct {
		const char *method, *target, *match;
	} cases[] = {
		{ "POST", "/v1/chat", "POST /v1/chat" },
		{ "POST", "/v1/chat?stream=1", "POST /v1/chat" },
		{ "POST", "https://api.acme.com/v1/chat", "POST /v1/chat" },
		{ "GET", "/v1/models/x", "GET /v1/models/{m}" },
		{ "GET", "/v1/chat", "" },
		{ "post", "/v1/chat", "" },
		{ "POST", "/v1/chat/", "" },
		{ "POST", "/v2/chat", "" },
		{ "", "", "" },
	};
	struct fixture *f = *state;
	const struct provider *provider;
	struct providers *providers;
	const struct route *route;

	put(f, "acme.yaml", good);
	providers = load(f);
	provider = providers_find(providers, SPAN("api.acme.com"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		route =
		    provider_route(provider, span_of(cases[i].method), span_of(cases[i].target));
		assert_string_equal(route->match, cases[i].match);
		assert_string_equal(route->operation, i < 3   ? "chat"
						      : i < 4 ? "models"
							      : "unknown");
	}
	route = provider_route(provider, SPAN("POST"), SPAN("/v1/chat"));
	assert_int_equal(route->formats, 1u << FORMAT_JSON);
	assert_int_equal(route->extract->required, 1u << USAGE_INPUT);
	assert_false(route->free);
	assert_int_equal(route->extract->scope.response.n, 5); /* /model /rid /e /in /cached */
	route = provider_route(provider, SPAN("GET"), SPAN("/v1/models/x"));
	assert_true(route->free);
	assert_int_equal(route->extract->required, 0);
	providers_unref(providers);
}

/* What reads the same is one: of free routes, and of another provider's. */
static void shares_what_is_read(void **state)
{
	static const char text[] = "name: %s\nhosts: [api.%s.com]\nerror: %s\nroutes:\n"
				   "  - match: GET /a/{m}\n    operation: a\n    free: true\n"
				   "  - match: GET /b/c/{m}\n    operation: b\n    free: true\n"
				   "  - match: POST /a/{m}\n    operation: a\n    format: [json]\n"
				   "    model: path:m\n    usage:\n      input: /in\n"
				   "  - match: POST /b/c/{m}\n    operation: b\n"
				   "    format: [json, sse]\n"
				   "    model: path:m\n    usage:\n      input: /in\n"
				   "  - match: PUT /a/{m}\n    operation: a\n    format: [json]\n"
				   "    model: path:m\n    snapshot: /s\n    usage:\n"
				   "      input: /in\n"
				   "  - match: PUT /b/{m}\n    operation: a\n    format: [json]\n"
				   "    attempt: head:n\n    usage:\n      input: /in\n"
				   "  - match: PATCH /b/{m}\n    operation: a\n    format: [json]\n"
				   "    attempt: head:n\n    usage:\n      output: /in\n";
	enum { FREE_A, FREE_B, ASK_A, ASK_B, SNAPSHOT, ATTEMPT, OUTPUT, UNKNOWN, N };
	static const struct {
		const char *name, *error;
	} files[3] = { { "one", "/e" }, { "two", "/e" }, { "three", "/f" } };
	const struct route *routes[3];
	struct fixture *f = *state;
	struct providers *providers;
	char file[1024];
	unsigned n;

	for (int i = 0; i < 3; i++) {
		snprintf(file, sizeof(file), text, files[i].name, files[i].name, files[i].error);
		put(f, (const char *[]){ "a.yaml", "b.yaml", "c.yaml" }[i], file);
	}
	providers = load(f);
	for (int i = 0; i < 3; i++)
		routes[i] = provider_routes(providers_named(providers, span_of(files[i].name)), &n);
	assert_int_equal(n, N);
	for (int i = 0; i < N; i++) {
		assert_ptr_equal(routes[0][i].extract, routes[1][i].extract);
		assert_ptr_not_equal(routes[0][i].extract, routes[2][i].extract);
		for (int k = 0; k < i; k++)
			assert_int_equal(routes[0][i].extract == routes[0][k].extract,
					 i == FREE_B || (i == UNKNOWN && k <= FREE_B));
	}
	providers_unref(providers);
}

static void lives_as_long_as_its_references(void **state)
{
	struct fixture *f = *state;
	struct providers *providers;

	put(f, "acme.yaml", good);
	providers = load(f);
	assert_ptr_equal(providers_ref(providers), providers);
	providers_unref(providers);
	assert_int_equal(providers_count(providers), 1);
	providers_unref(providers);
	providers_unref(NULL);
}

#define HEAD  "name: a\nhosts: [a.b]\n"
#define ROUTE HEAD "routes:\n- match: "

/* The error without the name of the file. */
static void says_what_is_wrong(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "name: a\nhosts: [a.b]\n", ":1: routes: this key is required and missing" },
		{ HEAD "routes: []\n", ":3: routes: expected at least 1 entries" },
		{ "name: A b\nhosts: [a.b]\nroutes:\n- {match: GET /, operation: x, free: true}\n",
		  ":1: name: expected a word of a-z, 0-9, _, - and ." },
		{ "name: a\nhosts:\n- a.b\n- A.b\nroutes:\n- {match: GET /, operation: x, "
		  "free: true}\n",
		  ":4: hosts[1]: expected a host name in lower case, or *. or *- and one" },
		{ "name: a\nhosts: [localhost]\nroutes:\n- {match: GET /, operation: x, free: "
		  "true}\n",
		  ":2: hosts[0]: expected a host name in lower case, or *. or *- and one" },
		{ "name: a\nhosts: [\"a.*.b\"]\nroutes:\n- {match: GET /, operation: x, free: "
		  "true}\n",
		  ":2: hosts[0]: expected a host name in lower case, or *. or *- and one" },
		{ "name: a\nhosts: [\"*-b-c.d\"]\nroutes:\n- {match: GET /, operation: x, free: "
		  "true}\n",
		  ":2: hosts[0]: expected a host name in lower case, or *. or *- and one" },
		{ "name: a\nhosts: [\"*.b\"]\nroutes:\n- {match: GET /, operation: x, free: "
		  "true}\n",
		  ":2: hosts[0]: expected a host name in lower case, or *. or *- and one" },
		{ "name: a\nhosts: [a.b, c.d, a.b]\nroutes:\n- {match: GET /, operation: x, "
		  "free: true}\n",
		  ":2: hosts[2]: provider a has this host already" },
		{ ROUTE "/v1/x\n  operation: x\n  free: true\n",
		  ":4: routes[0].match: expected METHOD /path" },
		{ ROUTE "get /v1/x\n  operation: x\n  free: true\n",
		  ":4: routes[0].match: expected METHOD /path" },
		{ ROUTE "GET v1/x\n  operation: x\n  free: true\n",
		  ":4: routes[0].match: expected a path that starts with /" },
		{ ROUTE "GET /v1/{x}y\n  operation: x\n  free: true\n",
		  ":4: routes[0].match: expected a {name} to be a whole segment, or to end at a "
		  ":method" },
		{ ROUTE "GET /{x}/{x}\n  operation: x\n  free: true\n",
		  ":4: routes[0].match: expected each {name} once" },
		{ ROUTE "GET /x?y=z\n  operation: x\n  free: true\n",
		  ":4: routes[0].match: expected a path without spaces, ?, # and %" },
		{ ROUTE "GET /x\n  operation: X\n  free: true\n",
		  ":5: routes[0].operation: expected a word of a-z, 0-9, _, - and ." },
		{ ROUTE "GET /x\n  operation: x\n  format: [json, xml]\n",
		  ":6: routes[0].format[1]: no such format" },
		{ ROUTE "GET /x\n  operation: x\n  format: [sse]\n  estimate: talk\n  usage:\n"
			"    input: /x\n",
		  ":7: routes[0].estimate: no such shape" },
		{ ROUTE "GET /x\n  operation: x\n  format: [sequence]\n  each: true\n  within: a\n"
			"  usage: {input: /x}\n",
		  ":8: routes[0].within: expected a JSON pointer, and each: true beside it" },
		{ ROUTE "GET /x\n  operation: x\n  format: [sequence]\n  within: /a\n"
			"  usage: {input: /x}\n",
		  ":7: routes[0].within: expected a JSON pointer, and each: true beside it" },
		{ ROUTE "GET /x\n  operation: x\n",
		  ":4: routes[0].match: expected a usage or free: true beside it" },
		{ ROUTE "GET /x\n  operation: x\n  usage:\n    input: /x\n",
		  ":6: routes[0].usage: expected a format beside it" },
		{ ROUTE "GET /x\n  operation: x\n  free: true\n  format: [json]\n  usage: {input: "
			"/x}\n",
		  ":6: routes[0].free: expected no usage beside it" },
		{ ROUTE "GET /x\n  operation: x\n  format: [json]\n  usage:\n    inputs: /x\n",
		  ":8: routes[0].usage.inputs: unknown key; known here: input," },
		{ ROUTE "GET /x\n  operation: x\n  format: [json]\n  usage:\n    input: /x -\n",
		  ":8: routes[0].usage.input: expected |, + or - at \"-\"" },
		{ ROUTE "GET /x\n  operation: x\n  free: true\n  model: path:y\n",
		  ":7: routes[0].model: expected a {name} of the match at \"path:y\"" },
		{ ROUTE "GET /x\n  operation: x\n  free: true\n  attempt: \"head:\"\n",
		  ":7: routes[0].attempt: expected a name after the colon at \"head:\"" },
		{ HEAD
		  "limits:\n- {name: Big, header: \"x-{}\"}\nroutes:\n- {match: GET /, operation: "
		  "x, free: true}\n",
		  ":4: limits[0].name: expected a word of a-z" },
		{ HEAD
		  "limits:\n- {name: retry_after, header: \"x-{}\"}\nroutes:\n- {match: GET /, "
		  "operation: x, free: true}\n",
		  ":4: limits[0].name: expected a word of a-z" },
		{ HEAD
		  "limits:\n- {name: a, header: \"x-{}\"}\n- {name: a, header: x-limit}\nroutes:\n"
		  "- {match: GET /, operation: x, free: true}\n",
		  ":5: limits[1].header: expected {} where" },
		{ HEAD "error: /a + /b\nroutes:\n- {match: GET /, operation: x, free: true}\n",
		  ":3: error: expected | at \"+ /b\"" },
		{ HEAD "routes:\n- {match: \"GET /{x}\", operation: x, free: true}\n"
		       "- {match: GET /y, operation: y, free: true}\n",
		  ":5: routes[1].match: never reached, routes[0] takes it" },
		{ HEAD "routes:\n- {match: \"GET /{x}\", operation: x, free: true}\n"
		       "- {match: \"GET /{y}\", operation: y, free: true}\n",
		  ":5: routes[1].match: never reached, routes[0] takes it" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct providers *providers = NULL;
		const char *path = put(f, "a.yaml", cases[i].text);
		struct err err = { "" };

		assert_int_equal(providers_load(f->dir, &providers, &err), -EINVAL);
		assert_null(providers);
		assert_memory_equal(err.text, path, strlen(path));
		assert_memory_equal(err.text + strlen(path), cases[i].expected,
				    strlen(cases[i].expected));
		clear(f);
	}
}

static void two_files_share_nothing(void **state)
{
	static const char rest[] = "routes:\n- {match: GET /, operation: x, free: true}\n";
	struct fixture *f = *state;
	struct providers *providers = NULL;
	struct err err = { "" };
	const char *second;
	char text[256];

	put(f, "1.yaml", good);
	snprintf(text, sizeof(text), "name: b\nhosts:\n  - b.c\n  - \"*.eu.acme.com\"\n%s", rest);
	second = put(f, "2.yaml", text);
	assert_int_equal(providers_load(f->dir, &providers, &err), -EINVAL);
	assert_memory_equal(err.text, second, strlen(second));
	assert_string_equal(err.text + strlen(second),
			    ":4: hosts[1]: provider acme has this host already");
	f->n--;
	snprintf(text, sizeof(text), "hosts: [b.c]\nname: acme\n%s", rest);
	put(f, "2.yaml", text);
	err.text[0] = '\0';
	assert_int_equal(providers_load(f->dir, &providers, &err), -EINVAL);
	assert_string_equal(err.text + strlen(second),
			    ":2: name: another file has this name already");
	assert_null(providers);
}

static void directories(void **state)
{
	struct fixture *f = *state;
	struct providers *providers = NULL;
	struct err err = { "" };
	char path[64];

	assert_int_equal(providers_load(f->dir, &providers, &err), 0);
	assert_int_equal(providers_count(providers), 0);
	assert_null(providers_find(providers, SPAN("api.acme.com")));
	providers_unref(providers);

	providers = NULL;
	snprintf(path, sizeof(path), "%s/none", f->dir);
	assert_int_equal(providers_load(path, &providers, &err), -ENOENT);
	assert_string_equal(err.text + strlen(path), ": cannot be read: No such file or directory");
	assert_null(providers);
}

/* The file that ships. */
static void openai(void **state)
{
	struct providers *providers = NULL;
	const struct provider *provider;
	const struct route *route;
	struct err err = { "" };

	(void)state;
	if (providers_load("config/providers", &providers, &err) < 0)
		fail_msg("%s", err.text);
	provider = providers_find(providers, SPAN("api.openai.com"));
	assert_non_null(provider);
	route = provider_route(provider, SPAN("POST"), SPAN("/v1/chat/completions"));
	assert_string_equal(route->operation, "chat");
	assert_int_equal(route->formats, 1u << FORMAT_JSON | 1u << FORMAT_SSE);
	assert_int_equal(route->extract->required, 1u << USAGE_INPUT | 1u << USAGE_OUTPUT);
	route = provider_route(provider, SPAN("GET"), SPAN("/v1/models"));
	assert_true(route->free);
	route = provider_route(provider, SPAN("GET"), SPAN("/v1/models/gpt-4o"));
	assert_true(route->free);
	route = provider_route(provider, SPAN("PATCH"), SPAN("/v1/models/ft:x"));
	assert_string_equal(route->match, "");
	providers_unref(providers);
}

/* A file to copy loads as it stands. */
static void template(void **state)
{
	const struct provider *provider;
	struct providers *providers;
	struct err err = { "" };

	(void)state;
	if (providers_load("config/templates", &providers, &err) < 0)
		fail_msg("%s", err.text);
	provider = providers_find(providers, SPAN("llm.example.com"));
	assert_non_null(provider);
	assert_string_equal(
	    provider_route(provider, SPAN("POST"), SPAN("/v1/chat/completions"))->operation,
	    "chat");
	provider = providers_find(providers, SPAN("my-project.vercel.app"));
	assert_non_null(provider);
	assert_string_equal(provider_route(provider, SPAN("POST"), SPAN("/api/a/b"))->operation,
			    "function");
	assert_string_equal(provider_route(provider, SPAN("GET"), SPAN("/a/b"))->operation, "file");
	assert_string_equal(provider_route(provider, SPAN("GET"), SPAN("/"))->operation, "file");
	providers_unref(providers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(loads, setup, teardown),
		cmocka_unit_test_setup_teardown(finds_hosts, setup, teardown),
		cmocka_unit_test_setup_teardown(finds_routes, setup, teardown),
		cmocka_unit_test_setup_teardown(shares_what_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(lives_as_long_as_its_references, setup, teardown),
		cmocka_unit_test_setup_teardown(says_what_is_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(two_files_share_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(directories, setup, teardown),
		cmocka_unit_test(template),
		cmocka_unit_test(openai),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
