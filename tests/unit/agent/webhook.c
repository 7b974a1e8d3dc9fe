/* The signature of webhooks, and letters that are none. Posting: tests/e2e/test_alerts.py. */
#include "agent/webhook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sink/hook.h"

static void assert_signed(const char *secret, const char *expected)
{
	struct buf out = buf_with_max(256);

	webhook_sign(&out, span_of(secret), SPAN("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330,
		     SPAN("{\"test\": 2432232314}"));
	buf_put(&out, (struct span){ "", 1 });
	assert_string_equal(out.data, expected);
	buf_done(&out);
}

/* The example in the libraries of Standard Webhooks; the second by
 * printf %s 'msg_...{"test": 2432232314}' | openssl dgst -sha256 -hmac plain -binary | base64 */
static void test_signature(void **state)
{
	(void)state;
	assert_signed("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		      "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
	assert_signed("plain", "v1,tgOMx2V+ymftc5zrV4Kwy5UOWZAx1XMh0yu4Sm/6/r0=");
}

static int deliver(const char *text)
{
	int ends[2], code, saved = dup(2);
	FILE *quiet = fopen("/dev/null", "w");

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], text, strlen(text)), strlen(text));
	close(ends[1]);
	dup2(fileno(quiet), 2);
	code = webhook_deliver("x", ends[0]);
	dup2(saved, 2);
	close(saved);
	fclose(quiet);
	close(ends[0]);
	return code;
}

static void test_no_letters(void **state)
{
	static const char *const texts[] = { "", "http://x", "http://x\n\n\n", "a\nb\nc\nd\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_int_equal(deliver(texts[i]), HOOK_EXIT_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signature),
		cmocka_unit_test(test_no_letters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
