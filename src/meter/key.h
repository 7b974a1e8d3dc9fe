/* API keys -> 64 bits of HMAC-SHA256 under the host's secret: enough to tell two keys of a host
 * apart, useless elsewhere. */
#pragma once

#include "base/span.h"

#define KEY_HASH_TEXT 17 /* 16 hex digits and NUL */

struct key_hasher;

int key_hasher_new(const uint8_t *secret, size_t bytes, struct key_hasher **ret_hasher);
void key_hasher_free(struct key_hasher *hasher);

/* Of a header's value: a scheme word before the key ("Bearer", "Basic") does not count. Nothing of
 * the key stays in memory of ours. */
void key_hash(struct key_hasher *hasher, struct span value, char out[static KEY_HASH_TEXT]);
