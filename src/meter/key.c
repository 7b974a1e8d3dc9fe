/* One keyed context is made at the start and used again for each call: setting one up costs more
 * than the hash. The work is done in a copy, whose block holds the end of the key. */
#include "meter/key.h"

#include <errno.h>
#include <nettle/hmac.h>
#include <stdlib.h>
#include <string.h>

struct key_hasher {
	struct hmac_sha256_ctx keyed;
};

int key_hasher_new(const uint8_t *secret, size_t bytes, struct key_hasher **ret_hasher)
{
	struct key_hasher *hasher = malloc(sizeof(*hasher));

	if (!hasher)
		return -ENOMEM;
	hmac_sha256_set_key(&hasher->keyed, bytes, secret);
	*ret_hasher = hasher;
	return 0;
}

void key_hasher_free(struct key_hasher *hasher)
{
	free(hasher);
}

static struct span without_scheme(struct span value)
{
	struct span rest = value, word = span_cut(&rest, ' ');

	if (rest.ptr && (span_ieq(word, SPAN("Bearer")) || span_ieq(word, SPAN("Basic"))))
		return span_trim(rest);
	return value;
}

static void put_hex(const uint8_t *bytes, char out[static KEY_HASH_TEXT])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < KEY_HASH_TEXT - 1; i++)
		out[i] = digits[i % 2 ? bytes[i / 2] & 15 : bytes[i / 2] >> 4];
	out[KEY_HASH_TEXT - 1] = '\0';
}

void key_hash(struct key_hasher *hasher, struct span value, char out[static KEY_HASH_TEXT])
{
	struct span key = without_scheme(value);
	struct hmac_sha256_ctx work = hasher->keyed;
	uint8_t digest[SHA256_DIGEST_SIZE];

	hmac_sha256_update(&work, key.len, (const uint8_t *)key.ptr);
	hmac_sha256_digest(&work, sizeof(digest), digest);
	put_hex(digest, out);
	explicit_bzero(&work, sizeof(work));
	explicit_bzero(digest, sizeof(digest));
}
