/* The two searches that make skipping fast, 16 bytes an instruction with SSE2, which every x86-64
 * has, one of them 32 with AVX2, and byte by byte elsewhere. All forms are compiled where they can
 * be, so that a test can hold them against each other. Private to base/json*.c. */
#pragma once

#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
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

/* For functions that are compiled for it. */
__attribute__((target("avx2"))) static inline struct json_block json_block_avx2(const char *at)
{
	struct json_block block = { 0 };

	for (int i = 0; i < JSON_BLOCK; i += 32) {
		__m256i bytes = _mm256_loadu_si256((const __m256i *)(at + i));
		__m256i braces = _mm256_or_si256(bytes, _mm256_set1_epi8(JSON_BRACE_BIT));
		__m256i quotes = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"'));
		__m256i backslashes = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\'));
		__m256i brackets =
		    _mm256_or_si256(_mm256_cmpeq_epi8(braces, _mm256_set1_epi8('{')),
				    _mm256_cmpeq_epi8(braces, _mm256_set1_epi8('}')));

		block.quotes |= (uint64_t)(uint32_t)_mm256_movemask_epi8(quotes) << i;
		block.backslashes |= (uint64_t)(uint32_t)_mm256_movemask_epi8(backslashes) << i;
		block.brackets |= (uint64_t)(uint32_t)_mm256_movemask_epi8(brackets) << i;
	}
	return block;
}

#define json_block_of    json_block_sse2
#define json_string_stop json_string_stop_sse2
#else
#define json_block_of    json_block_bytewise
#define json_string_stop json_string_stop_bytewise
#endif
