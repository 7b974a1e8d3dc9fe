/* meter/key against published vectors of HMAC-SHA256 (RFC 4231): the first 64 bits. */
#include "meter/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void rfc4231(void **state)
{
	struct key_hasher *hasher;
	uint8_t secret[20];
	char text[KEY_HASH_TEXT];

	(void)state;
	/* Test case 1, twice: the context is used again. */
	memset(secret, 0x0b, sizeof(secret));
	assert_int_equal(key_hasher_new(secret, sizeof(secret), &hasher), 0);
	for (int i = 0; i < 2; i++) {
		key_hash(hasher, SPAN("Hi There"), text);
		assert_string_equal(text, "b0344c61d8db3853");
	}
	key_hash(hasher, SPAN("Bearer Hi There"), text);
	assert_string_equal(text, "b0344c61d8db3853");
	key_hasher_free(hasher);
	/* Test case 2 */
	assert_int_equal(key_hasher_new((const uint8_t *)"Jefe", 4, &hasher), 0);
	key_hash(hasher, SPAN("what do ya want for nothing?"), text);
	assert_string_equal(text, "5bdcc146bf60754e");
	key_hasher_free(hasher);
	key_hasher_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(rfc4231) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
