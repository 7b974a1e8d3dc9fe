/* A pipe of decoders, a window of output at a time. The first error stays: a body that broke or
 * blew up is not looked at again. */
#include "http/body.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "http/decoder.h"

#define WINDOW_BYTES 16384
#define RATIO_FROM   (1u << 20) /* decoded bytes from which the ratio counts */

struct body {
	body_piece_fn *fn;
	void *ctx;
	int error;
	uint64_t wire_bytes; /* taken by the outermost decoder */
	unsigned n;
	struct layer { /* the outermost first */
		struct decoder decoder;
		uint64_t decoded_bytes;
	} layers[BODY_CODINGS_MAX];
};

static struct body *make(body_piece_fn *fn, void *ctx, unsigned n)
{
	struct body *body = calloc(1, sizeof(*body));

	if (!body)
		return NULL;
	body->fn = fn;
	body->ctx = ctx;
	body->n = n;
	return body;
}

int body_new(const struct span *codings, unsigned n, body_piece_fn *fn, void *ctx,
	     struct counter *taken, struct body **ret_body)
{
	FREE_PTR struct body *body = NULL;

	if (!n || n > BODY_CODINGS_MAX)
		return -ENOTSUP;
	body = make(fn, ctx, n);
	if (!body)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++)
		if (decoder_init(&body->layers[i].decoder, codings[n - 1 - i], taken) < 0)
			return -ENOTSUP;
	*ret_body = TAKE_PTR(body);
	return 0;
}

int body_new_raw(body_piece_fn *fn, void *ctx, unsigned window_bits, struct counter *taken,
		 struct body **ret_body)
{
	struct body *body = make(fn, ctx, 1);

	if (!body)
		return -ENOMEM;
	decoder_init_raw(&body->layers[0].decoder, window_bits, taken);
	*ret_body = body;
	return 0;
}

void body_free(struct body *body)
{
	if (!body)
		return;
	for (unsigned i = 0; i < body->n; i++)
		decoder_done(&body->layers[i].decoder);
	free(body);
}

static bool is_over(const struct body *body, uint64_t decoded_bytes)
{
	return decoded_bytes > BODY_OUTPUT_MAX ||
	       (decoded_bytes > RATIO_FROM && decoded_bytes / BODY_RATIO_MAX > body->wire_bytes);
}

static int feed_layer(struct body *body, unsigned at, struct span coded);

static int hand_on(struct body *body, unsigned at, struct span decoded)
{
	body->layers[at].decoded_bytes += decoded.len;
	if (is_over(body, body->layers[at].decoded_bytes))
		return -E2BIG;
	if (!decoded.len)
		return 0;
	if (at + 1 < body->n)
		return feed_layer(body, at + 1, decoded);
	body->fn(body->ctx, decoded);
	return 0;
}

/* Calls itself once a layer. */
static int feed_layer(struct body *body, unsigned at, struct span coded)
{
	struct decoder *decoder = &body->layers[at].decoder;
	char window[WINDOW_BYTES];
	size_t n, had;

	do {
		int err, handed;

		had = coded.len;
		err = decoder_step(decoder, &coded, window, sizeof(window), &n);
		if (at == 0)
			body->wire_bytes += had - coded.len;
		/* What came before a broken place is given: all that the decoder let out. */
		handed = hand_on(body, at, (struct span){ window, n });
		if (handed || err)
			return handed ? handed : err;
	} while (coded.len || (n == sizeof(window) && !decoder->at_end));
	return 0;
}

int body_feed(struct body *body, struct span coded)
{
	if (!body->error && coded.len)
		body->error = feed_layer(body, 0, coded);
	return body->error;
}

void body_next(struct body *body)
{
	body->wire_bytes = 0;
	for (unsigned i = 0; i < body->n; i++)
		body->layers[i].decoded_bytes = 0;
}

int body_end(struct body *body)
{
	for (unsigned i = 0; i < body->n && !body->error; i++)
		if (body->layers[i].decoder.begun && !body->layers[i].decoder.at_end)
			return -EAGAIN;
	return body->error;
}
