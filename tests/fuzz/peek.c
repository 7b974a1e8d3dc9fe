/* Whatever stands in the shared memory, also while it changes: the reader returns, what it tells is
 * text that ends, and only a budget that is in the memory refuses. The first byte cuts the rest
 * into a question and the memory. */
#include "lib/peek.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
	if (!right)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outlay_shared *shared = calloc(1, sizeof(*shared));
	size_t cut = size ? data[0] % size : 0, n = size - cut;
	char *model = strndup((const char *)data, cut);
	struct outlay_ask ask = { .provider = model,
				  .model = model,
				  .operation = size & 1 ? model : NULL,
				  .input_tokens = size };
	struct outlay_peek_answer answer = { .budget = "" };
	int code;

	memcpy(shared, data + cut, n < sizeof(*shared) ? n : sizeof(*shared));
	code = peek_read(shared, &ask, 0, &answer);
	check(code == 0 || code == -EPROTO || code == -ESTALE || code == -EAGAIN);
	/* The same with a beginning that is right. */
	shared->magic = SHARED_MAGIC;
	shared->sequence &= ~UINT64_C(1);
	shared->alive_ns = 0;
	check(peek_read(shared, &ask, 0, &answer) == 0);
	check(memchr(answer.budget, 0, sizeof(answer.budget)));
	check(answer.decision == OUTLAY_ALLOW || shared->n_budgets > 0);
	free(model);
	free(shared);
	return 0;
}
