/* One look at the shared budgets: no system call, no lock, no memory. What was read while the agent
 * wrote is thrown away and read again. */
#include "lib/peek.h"

#include <errno.h>
#include <string.h>

#define TRIES 1000

static uint64_t word(const void *at)
{
	return __atomic_load_n((const uint64_t *)at, __ATOMIC_RELAXED);
}

/* A text of `size` bytes, a multiple of eight, with a NUL at its end whatever is in the memory. */
static void copy_text(const char *from, char *to, size_t size)
{
	for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
		uint64_t bytes = word(from + i);

		memcpy(to + i, &bytes, sizeof(bytes));
		if (memchr(&bytes, 0, sizeof(bytes)))
			return;
	}
	to[size - 1] = '\0';
}

/* `*` is any run of characters. */
static int fits(const char *pattern, const char *text)
{
	const char *star = NULL, *again = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			again = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++again;
		} else {
			return 0;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static int matches(const char *shared, size_t size, const char *text)
{
	char pattern[sizeof(((struct shared_budget *)0)->model)];

	/* An empty one fits all: its first byte says so. */
	if (!(word(shared) &
	      0xff00000000000000 >> (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) * 56))
		return 1;
	copy_text(shared, pattern, size);
	return fits(pattern, text ? text : "");
}

/* What decide would reserve at the least: of money no more is known than that it is something. */
static uint64_t least(uint64_t unit, const struct outlay_ask *ask)
{
	return unit == SHARED_TOKENS ? (uint64_t)ask->input_tokens + ask->max_output_tokens : 1;
}

/* The first budget that has no room; NULL: all have. */
static const struct shared_budget *full(const struct outlay_shared *shared,
					const struct outlay_ask *ask)
{
	uint64_t n = word(&shared->n_budgets);

	for (uint64_t i = 0; i < n && i < SHARED_BUDGETS_MAX; i++) {
		const struct shared_budget *b = &shared->budgets[i];
		int64_t left = (int64_t)word(&b->left);

		if (left > 0 && (uint64_t)left >= least(word(&b->unit), ask))
			continue;
		if (matches(b->provider, sizeof(b->provider), ask->provider) &&
		    matches(b->model, sizeof(b->model), ask->model) &&
		    matches(b->operation, sizeof(b->operation), ask->operation))
			return b;
	}
	return NULL;
}

int peek_read(const struct outlay_shared *shared, const struct outlay_ask *ask, int64_t now_ns,
	      struct outlay_peek_answer *ret_answer)
{
	if (word(&shared->magic) != SHARED_MAGIC)
		return -EPROTO;
	for (int i = 0; i < TRIES; i++) {
		uint64_t sequence = __atomic_load_n(&shared->sequence, __ATOMIC_ACQUIRE);
		int64_t alive_ns = (int64_t)word(&shared->alive_ns);
		const struct shared_budget *b;

		if (sequence & 1)
			continue;
		b = full(shared, ask);
		ret_answer->decision = b && !ask->essential ? OUTLAY_DENY : OUTLAY_ALLOW;
		ret_answer->budget[0] = '\0';
		ret_answer->resets = b ? (long)word(&b->resets_s) : 0;
		if (b)
			copy_text(b->name, ret_answer->budget, sizeof(ret_answer->budget));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (word(&shared->sequence) == sequence)
			return alive_ns < now_ns - SHARED_STALE_NS ? -ESTALE : 0;
	}
	return -EAGAIN;
}
