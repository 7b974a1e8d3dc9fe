/* Headers of limits. Values are from the providers' documentation: OpenAI ("6m0s", "1s", "8.64s"),
 * Groq ("2m59.56s"), Anthropic (RFC 3339), Resend (seconds), OpenRouter (milliseconds since
 * 1970), RFC 9110 (Retry-After). Instants are worked out by hand. */
#include "meter/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/timestamp.h"

#define NOW 1764063637000000000 /* 2025-11-25T09:40:37Z */

static struct limits compiled;

static void compile(struct limit_file *rules, unsigned n)
{
	struct provider_file file = { .limits = rules, .limits_count = n };
	struct err err = { "" };

	compiled = (struct limits){ 0 };
	assert_int_equal(limits_compile("x.yaml", &file, &compiled, &err), 0);
}

/* "Name: value" lines, each ended by a newline. */
static struct usage read(const char *lines)
{
	static struct http_header headers[HEAD_HEADERS_MAX];
	static struct exchange ex;
	struct usage usage = { 0 };
	struct span rest = span_of(lines);

	ex = (struct exchange){ .response.headers = headers, .response_utc_ns = NOW };
	while (rest.len) {
		struct span value = span_cut(&rest, '\n'), name = span_cut(&value, ':');

		ex.response.headers[ex.response.n_headers++] =
		    (struct http_header){ name, span_trim(value) };
	}
	limits_read(&compiled, &ex, &usage);
	return usage;
}

static void assert_limit(const struct usage *usage, unsigned i, const char *name, int64_t limit,
			 int64_t remaining, const char *resets)
{
	char text[TIMESTAMP_TEXT_MAX] = "";

	assert_true(i < usage->n_limits);
	assert_string_equal(usage->limits[i].name, name);
	assert_int_equal(usage->limits[i].limit, limit);
	assert_int_equal(usage->limits[i].remaining, remaining);
	if (usage->limits[i].resets_ns)
		timestamp_format(usage->limits[i].resets_ns, text);
	assert_string_equal(text, resets);
}

static void test_shapes(void **state)
{
	struct limit_file openai[] = { { "requests", "x-ratelimit-{}-requests" },
				       { "tokens", "x-ratelimit-{}-tokens" } };
	struct limit_file anthropic[] = { { "tokens", "anthropic-ratelimit-tokens-{}" },
					  { "input", "anthropic-ratelimit-input-tokens-{}" } };
	struct limit_file plain[] = { { "requests", "x-ratelimit-{}" } };
	struct usage usage;

	(void)state;
	compile(openai, 2);
	usage = read("X-RateLimit-Limit-Requests: 60\nx-ratelimit-remaining-requests: 59\n"
		     "x-ratelimit-reset-requests: 1s\nx-ratelimit-limit-tokens: 150000\n"
		     "x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 6m0s\n"
		     "x-ratelimit-limit-images: 5\nx-request-id: 7\n");
	assert_int_equal(usage.n_limits, 2);
	assert_limit(&usage, 0, "requests", 60, 59, "2025-11-25T09:40:38.000000Z");
	assert_limit(&usage, 1, "tokens", 150000, 0, "2025-11-25T09:46:37.000000Z");
	compile(anthropic, 2);
	usage = read("anthropic-ratelimit-input-tokens-limit: 10\n"
		     "anthropic-ratelimit-tokens-remaining: 9\n"
		     "anthropic-ratelimit-tokens-reset: 2025-11-25T09:41:00Z\n");
	assert_int_equal(usage.n_limits, 2);
	assert_limit(&usage, 0, "input", 10, -1, "");
	assert_limit(&usage, 1, "tokens", -1, 9, "2025-11-25T09:41:00.000000Z");
	compile(plain, 1);
	usage = read("x-ratelimit-limit: 10, 10;w=1\nx-ratelimit-reset: 1764063700000\n"
		     "x-ratelimit-limit-tokens: 7\nx-ratelimit: 3\nx-ratelimit-: 4\n");
	assert_int_equal(usage.n_limits, 1);
	assert_limit(&usage, 0, "requests", 10, -1, "2025-11-25T09:41:40.000000Z");
}

static void test_resets(void **state)
{
	static const struct {
		const char *value, *resets; /* "": nothing is made of it */
	} cases[] = {
		{ "1s", "2025-11-25T09:40:38.000000Z" },
		{ "12ms", "2025-11-25T09:40:37.012000Z" },
		{ "2m59.56s", "2025-11-25T09:43:36.560000Z" },
		{ "8.64s", "2025-11-25T09:40:45.640000Z" },
		{ "1h0m0s", "2025-11-25T10:40:37.000000Z" },
		{ "1d", "2025-11-26T09:40:37.000000Z" },
		{ "0", "2025-11-25T09:40:37.000000Z" },
		{ "0.25", "2025-11-25T09:40:37.250000Z" },
		{ "30", "2025-11-25T09:41:07.000000Z" },
		{ "1764063700", "2025-11-25T09:41:40.000000Z" },
		{ "2026-01-31T22:21:09Z", "2026-01-31T22:21:09.000000Z" },
		{ "-1", "" },
		{ "", "" },
		{ "s", "" },
		{ "1w", "" },
		{ "1.2.3s", "" },
		{ "367d", "" },
		{ "99999999999999999999", "" },
		{ "9999999999999999", "" },
		{ "soon", "" },
		{ "1s ", "2025-11-25T09:40:38.000000Z" },
	};
	struct limit_file rule = { "r", "r-{}" };

	(void)state;
	compile(&rule, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char line[64];
		struct usage usage;

		snprintf(line, sizeof(line), "r-reset: %s\n", cases[i].value);
		usage = read(line);
		print_message("%s", line);
		if (cases[i].resets[0])
			assert_limit(&usage, 0, "r", -1, -1, cases[i].resets);
		else
			assert_int_equal(usage.n_limits, 0);
	}
}

static void test_counts(void **state)
{
	static const char *const none[] = { "-1", "x", "", "1.5", "18446744073709551615", "1e3" };
	struct limit_file rule = { "r", "r-{}" };
	struct usage usage;

	(void)state;
	compile(&rule, 1);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		char line[64];

		snprintf(line, sizeof(line), "r-remaining: %s\n", none[i]);
		usage = read(line);
		assert_int_equal(usage.n_limits, 0);
	}
	usage = read("r-remaining: 9223372036854775807\n");
	assert_limit(&usage, 0, "r", -1, INT64_MAX, "");
}

static void test_retry_after(void **state)
{
	struct usage usage;

	(void)state;
	compile(NULL, 0);
	usage = read("Retry-After: 120\n");
	assert_limit(&usage, 0, "retry_after", -1, -1, "2025-11-25T09:42:37.000000Z");
	usage = read("retry-after: 2\nretry-after-ms: 1500\n");
	assert_int_equal(usage.n_limits, 1);
	assert_limit(&usage, 0, "retry_after", -1, -1, "2025-11-25T09:40:38.500000Z");
	usage = read("retry-after: Tue, 25 Nov 2025 09:45:00 GMT\n");
	assert_limit(&usage, 0, "retry_after", -1, -1, "2025-11-25T09:45:00.000000Z");
	usage = read("retry-after: Tue, 25 Nov 2025 09:45:00 CET\n");
	assert_int_equal(usage.n_limits, 0);
	usage = read("retry-after: \n");
	assert_int_equal(usage.n_limits, 0);
}

/* All rules at once leave no room for the time to try again; nothing is written past the end. */
static void test_full(void **state)
{
	struct limit_file rules[] = { { "a", "a-{}" }, { "b", "b-{}" }, { "c", "c-{}" },
				      { "d", "d-{}" }, { "e", "e-{}" }, { "f", "f-{}" } };
	struct usage usage;

	(void)state;
	compile(rules, 6);
	usage = read("a-limit: 1\nb-limit: 2\nc-limit: 3\nd-limit: 4\ne-limit: 5\nf-limit: 6\n"
		     "retry-after: 1\na-remaining: 0\n");
	assert_int_equal(usage.n_limits, 6);
	assert_limit(&usage, 0, "a", 1, 0, "");
	assert_limit(&usage, 5, "f", 6, -1, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes), cmocka_unit_test(test_resets),
		cmocka_unit_test(test_counts), cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
