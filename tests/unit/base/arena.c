/* base/arena: what it gives is zeroed, aligned, apart from all else it gave, and as large as asked.
 */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void gives_room(void **state)
{
	const char *given = getenv("SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	enum { PIECES = 3000 };
	static struct {
		unsigned char *bytes;
		size_t n;
	} pieces[PIECES];
	struct arena arena = { NULL };

	(void)state;
	printf("SEED=%u\n", seed);
	for (int i = 0; i < PIECES; i++) {
		size_t n = (size_t)rand_r(&seed) % 1000, alignment = 1u << rand_r(&seed) % 5;

		/* Some are as large as a block, and larger. */
		if (i % 500 == 0)
			n = ARENA_BLOCK_BYTES - 500 + (size_t)i;
		pieces[i].bytes = arena_alloc(&arena, n, alignment);
		pieces[i].n = n;
		assert_non_null(pieces[i].bytes);
		assert_int_equal((uintptr_t)pieces[i].bytes % alignment, 0);
		for (size_t k = 0; k < n; k++)
			assert_int_equal(pieces[i].bytes[k], 0);
		memset(pieces[i].bytes, i % 255 + 1, n);
	}
	for (int i = 0; i < PIECES; i++)
		for (size_t k = 0; k < pieces[i].n; k++)
			assert_int_equal(pieces[i].bytes[k], i % 255 + 1);
	assert_null(arena_alloc(&arena, SIZE_MAX, 1));
	assert_null(arena_alloc(&arena, SIZE_MAX / 2, 16));
	arena_done(&arena);
	assert_null(arena.blocks);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(gives_room) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
