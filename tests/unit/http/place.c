/* Chunks that follow, overlap, jump and stand for more than they hold. Offsets by hand. */
#include "http/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TEXT "0123456789"

/* `offset`, then bytes held of TEXT, then bytes stood for. */
static struct piece take(struct places *p, uint64_t offset, size_t held, uint64_t length)
{
	struct chunk chunk = {
		.data = { TEXT, held }, .offset = offset, .length = length, .direction = 0
	};
	struct piece piece;

	assert_true(places_take(p, &chunk, &piece));
	return piece;
}

static void assert_piece(struct piece piece, uint64_t lost, const char *data, uint64_t missing)
{
	assert_int_equal(piece.lost, lost);
	assert_true(span_eq(piece.data, span_of(data)));
	assert_int_equal(piece.missing, missing);
}

static void follow(void **state)
{
	struct places p = { 0 };

	(void)state;
	assert_piece(take(&p, 0, 4, 4), 0, "0123", 0);
	assert_piece(take(&p, 4, 4, 4), 0, "0123", 0);
	assert_piece(take(&p, 8, 0, 0), 0, "", 0);
	assert_false(p.late);
}

static void overlap(void **state)
{
	struct places p = { 0 };

	(void)state;
	assert_piece(take(&p, 0, 4, 4), 0, "0123", 0);
	assert_piece(take(&p, 1, 3, 3), 0, "", 0);
	assert_piece(take(&p, 2, 6, 6), 0, "2345", 0);
	/* All that is held was seen, a part of what is missing too. */
	assert_piece(take(&p, 4, 2, 9), 0, "", 5);
	assert_piece(take(&p, 13, 1, 1), 0, "0", 0);
}

static void jump(void **state)
{
	struct places p = { 0 };

	(void)state;
	assert_piece(take(&p, 0, 4, 4), 0, "0123", 0);
	assert_piece(take(&p, 7, 2, 5), 3, "01", 3);
	assert_piece(take(&p, 12, 1, 1), 0, "0", 0);
	/* A chunk that says less than it holds. */
	assert_piece(take(&p, 13, 3, 1), 0, "012", 0);
	assert_piece(take(&p, 16, 1, 1), 0, "0", 0);
}

static void late(void **state)
{
	struct places p = { 0 };
	struct piece piece = take(&p, CHUNK_LATE_OFFSET, 4, 4);

	(void)state;
	assert_true(piece.is_late && p.late);
	assert_piece(piece, 0, "0123", 0);
	p = (struct places){ 0 };
	piece = take(&p, 30, 4, 4);
	assert_true(piece.is_late && p.late);
	assert_piece(piece, 29, "0123", 0);
	assert_false(take(&p, 34, 1, 1).is_late);
}

static void late_where_it_is_said(void **state)
{
	struct places p = { 0 };
	struct piece piece = take(&p, 30, 0, 0);

	(void)state;
	assert_true(piece.is_late && p.late);
	assert_piece(piece, 0, "", 0);
	assert_piece(take(&p, 30, 4, 4), 0, "0123", 0);
}

/* The other direction decides: one that begins at 0 was seen from the start. */
static void lost_start(void **state)
{
	struct places p = { 0 };
	struct chunk chunk = { .data = SPAN("x"), .length = 1, .direction = 1 };
	struct piece piece;

	(void)state;
	assert_true(places_take(&p, &chunk, &piece));
	piece = take(&p, 5, 2, 2);
	assert_false(piece.is_late || p.late);
	assert_piece(piece, 5, "01", 0);
}

static void past_the_end(void **state)
{
	struct chunk chunk = { .data = SPAN("x"), .offset = UINT64_MAX, .length = 1 };
	struct places p = { 0 };
	struct piece piece;

	(void)state;
	assert_false(places_take(&p, &chunk, &piece));
	assert_false(p.begun[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follow),       cmocka_unit_test(overlap),
		cmocka_unit_test(jump),         cmocka_unit_test(late),
		cmocka_unit_test(lost_start),   cmocka_unit_test(late_where_it_is_said),
		cmocka_unit_test(past_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
