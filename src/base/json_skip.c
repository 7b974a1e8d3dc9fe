/* One loop, compiled once with what every machine has and once with AVX2, where a block takes half
 * as many instructions; which one runs is asked of the processor, once a container. */
#include "base/json_skip.h"

#include "base/json_block.h"
#include "base/json_stack.h"
#include "base/json_text.h"

/* The bytes that a backslash before them takes out. `*escaped` carries the last one's effect from
 * and to the block beside this one, which is `n` bytes long. */
static uint64_t find_escaped(uint64_t backslashes, unsigned n, bool *escaped)
{
	uint64_t result = *escaped;

	*escaped = false;
	for (backslashes &= ~result; backslashes;) {
		unsigned i = (unsigned)__builtin_ctzll(backslashes);

		if (i + 1 == n) {
			*escaped = true;
			break;
		}
		result |= 2ULL << i;
		backslashes &= ~(3ULL << i);
	}
	return result;
}

/* Bit n of the result: an odd number of bits 0..n is set. Between two quotes it is set. */
static uint64_t find_between(uint64_t quotes)
{
	for (int shift = 1; shift < JSON_BLOCK; shift *= 2)
		quotes ^= quotes << shift;
	return quotes;
}

/* The brackets of one block; returns where it stopped, or NULL: behind them. */
static const char *take_brackets(struct json_scan *scan, const char *at, uint64_t brackets)
{
	for (; brackets; brackets &= brackets - 1) {
		unsigned i = (unsigned)__builtin_ctzll(brackets);
		bool opens = (at[i] | JSON_BRACE_BIT) == '{';
		int err = opens ? json_stack_push(scan, at[i]) : json_stack_pop(scan, at[i]);

		scan->error = (uint8_t)err;
		if (err)
			return at + i;
		if (scan->depth == scan->tracked)
			return at + i + 1;
	}
	return NULL;
}

__attribute__((always_inline)) static inline const char *skip(
    struct json_scan *scan, const char *at, const char *end,
    struct json_block (*block_of)(const char *at))
{
	char padded[JSON_BLOCK];

	while (at < end) {
		size_t n = end - at < JSON_BLOCK ? (size_t)(end - at) : JSON_BLOCK;
		bool escaped = scan->escape;
		struct json_block block;
		uint64_t inside;
		const char *stop;

		if (n < JSON_BLOCK) {
			memset(padded, ' ', sizeof(padded));
			memcpy(padded, at, n);
		}
		block = block_of(n < JSON_BLOCK ? padded : at);
		block.quotes &= ~find_escaped(block.backslashes, (unsigned)n, &escaped);
		inside = find_between(block.quotes) ^ -(uint64_t)scan->in_string;
		stop = take_brackets(scan, at, block.brackets & ~inside);
		if (stop)
			return stop;
		scan->in_string = inside >> (JSON_BLOCK - 1);
		at += n;
		if (scan->in_string && !escaped && !block.quotes && at < end)
			at = json_text_skip(at, end, &scan->in_string, &escaped);
		scan->escape = escaped;
	}
	return at;
}

#ifdef __SSE2__
__attribute__((target("avx2"))) static const char *skip_avx2(struct json_scan *scan, const char *at,
							     const char *end)
{
	return skip(scan, at, end, json_block_avx2);
}
#endif

const char *json_skip(struct json_scan *scan, const char *at, const char *end)
{
#ifdef __SSE2__
	if (__builtin_cpu_supports("avx2"))
		return skip_avx2(scan, at, end);
#endif
	return skip(scan, at, end, json_block_of);
}
