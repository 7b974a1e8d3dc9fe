/* The two searches that make skipping fast, 16 bytes an instruction with SSE2, which every x86-64
 * has, and byte by byte elsewhere. Both forms are compiled where they can be, so that a test can
 * hold them against each other. Private to base/json*.c. */
#pragma once

#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define JSON_BLOCK 64 /* bytes */

/* Which of 64 bytes are what: bit n = byte n. */
struct json_block {
	uint64_t quotes;
	uint64_t backslashes;
	uint64_t brackets;
};

/* '[' and '{', ']' and '}' differ in this bit. */
#define JSON_BRACE_BIT 0x20

static inline struct json_block json_block_bytewise(const char *at)
{
	struct json_block block = { 0 };

	for (int i = 0; i < JSON_BLOCK; i++) {
		block.quotes |= (uint64_t)(at[i] == '"') << i;
		block.backslashes |= (uint64_t)(at[i] == '\\') << i;
		block.brackets |= (uint64_t)((at[i] | JSON_BRACE_BIT) == '{') << i;
		block.brackets |= (uint64_t)((at[i] | JSON_BRACE_BIT) == '}') << i;
	}
	return block;
}

/* The first quote, backslash or control character; `end` when there is none. */
static inline const char *json_string_stop_bytewise(const char *at, const char *end)
{
	while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
		at++;
	return at;
}

#ifdef __SSE2__
static inline uint64_t json_mask_sse2(__m128i bytes, char wanted)
{
	return (uint64_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(wanted)));
}

static inline struct json_block json_block_sse2(const char *at)
{
	struct json_block block = { 0 };

	for (int i = 0; i < JSON_BLOCK; i += 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)(at + i));
		__m128i braces = _mm_or_si128(bytes, _mm_set1_epi8(JSON_BRACE_BIT));
		__m128i brackets = _mm_or_si128(_mm_cmpeq_epi8(braces, _mm_set1_epi8('{')),
						_mm_cmpeq_epi8(braces, _mm_set1_epi8('}')));

		block.quotes |= json_mask_sse2(bytes, '"') << i;
		block.backslashes |= json_mask_sse2(bytes, '\\') << i;
		block.brackets |= (uint64_t)_mm_movemask_epi8(brackets) << i;
	}
	return block;
}

static inline const char *json_string_stop_sse2(const char *at, const char *end)
{
	for (; end - at >= 16; at += 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)at);
		/* Unsigned byte < 0x20 is: the smaller of it and 0x1f is itself. */
		__m128i low = _mm_min_epu8(bytes, _mm_set1_epi8(0x1f));
		uint64_t stops = json_mask_sse2(bytes, '"') | json_mask_sse2(bytes, '\\') |
				 (uint64_t)_mm_movemask_epi8(_mm_cmpeq_epi8(low, bytes));

		if (stops)
			return at + __builtin_ctzll(stops);
	}
	return json_string_stop_bytewise(at, end);
}

#define json_block_of    json_block_sse2
#define json_string_stop json_string_stop_sse2
#else
#define json_block_of    json_block_bytewise
#define json_string_stop json_string_stop_bytewise
#endif

/* The bytes that a backslash before them takes out. `*escaped` carries the last one's effect from
 * and to the block beside this one, which is `n` bytes long. */
static inline uint64_t json_block_escaped(uint64_t backslashes, unsigned n, bool *escaped)
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
static inline uint64_t json_block_between(uint64_t quotes)
{
	for (int shift = 1; shift < JSON_BLOCK; shift *= 2)
		quotes ^= quotes << shift;
	return quotes;
}
