/* One keyed context is made at the start and used again for each call: setting one up costs more
 * than the hash. libcrypto wipes its own block when a hash is final. */
#include "meter/key.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

#define DIGEST_BYTES 32

struct key_hasher {
	EVP_MAC *mac;
	EVP_MAC_CTX *ctx;
};

int key_hasher_new(const uint8_t *secret, size_t bytes, struct key_hasher **ret_hasher)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	struct key_hasher *hasher = calloc(1, sizeof(*hasher));

	if (!hasher)
		return -ENOMEM;
	hasher->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	hasher->ctx = hasher->mac ? EVP_MAC_CTX_new(hasher->mac) : NULL;
	if (!hasher->ctx || !EVP_MAC_init(hasher->ctx, secret, bytes, params)) {
		key_hasher_free(hasher);
		return -ENOMEM;
	}
	*ret_hasher = hasher;
	return 0;
}

void key_hasher_free(struct key_hasher *hasher)
{
	if (!hasher)
		return;
	EVP_MAC_CTX_free(hasher->ctx);
	EVP_MAC_free(hasher->mac);
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
	uint8_t digest[DIGEST_BYTES];
	size_t bytes;

	out[0] = '\0';
	if (EVP_MAC_init(hasher->ctx, NULL, 0, NULL) &&
	    EVP_MAC_update(hasher->ctx, (const uint8_t *)key.ptr, key.len) &&
	    EVP_MAC_final(hasher->ctx, digest, &bytes, sizeof(digest)))
		put_hex(digest, out);
	OPENSSL_cleanse(digest, sizeof(digest));
}
