/* The child that posts one letter (sink/letter.h) from its standard input. It is nobody, and loads
 * libcurl only then. Signed as Standard Webhooks 1.0 says: the headers webhook-id,
 * webhook-timestamp and webhook-signature, which is "v1," and the base64 of HMAC-SHA256 over
 * ID.TIMESTAMP.BODY; "whsec_..." is a secret in base64, any other is taken as it stands. */
#pragma once

#include <stdint.h>

#include "base/buf.h"

/* Appends the value of webhook-signature. */
void webhook_sign(struct buf *out, struct span secret, struct span id, int64_t timestamp,
		  struct span body);

/* An exit code: 0 taken (2xx); 65 never will be (400, 410, 413, 414, 415, 422 or not a letter); 1
 * try again: no answer, or any other. Says what went wrong in one line on stderr. */
int webhook_deliver(const char *name, int in);
