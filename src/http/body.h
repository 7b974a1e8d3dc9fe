/* Content codings (RFC 9110, 8.4), streaming: identity and gzip ("x-gzip" too); others are refused
 * by name, so that the call is marked and not guessed. Output is capped in bytes and in ratio. */
#pragma once

#include "base/span.h"

#define BODY_OUTPUT_MAX (256u << 20) /* decoded bytes of one body */
#define BODY_RATIO_MAX  200          /* decoded : coded, once 1 MiB came out */

struct body;

typedef void body_piece_fn(void *ctx, struct span piece);

/* `coding` is the Content-Encoding value, empty for none. -ENOTSUP: not one of the above, or more
 * than one coding; -ENOMEM. */
int body_new(struct span coding, body_piece_fn *fn, void *ctx, struct body **ret_body);
void body_free(struct body *body);

/* 0, or -EBADMSG: broken data, -E2BIG: over a cap, -ENOMEM. They stay. What came before a broken
 * place was given. */
int body_feed(struct body *body, struct span coded);

/* The bytes are all there: 0, -EAGAIN when the coded stream is not at its end. */
int body_end(struct body *body);
