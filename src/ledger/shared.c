/* A bounded table from what a row says to its key, in order of writing: the oldest leaves first. */
#include "ledger/shared.h"

#include <stdlib.h>

#define HASH_NONFATAL_OOM 1 /* before uthash.h: an element that found no room has no table */
#include <uthash.h>

struct shared_row {
	UT_hash_handle hh;
	int64_t seq;
	size_t len;
	char text[];
};

int64_t shared_find(const struct shared *shared, struct span text, int64_t seq)
{
	struct shared_row *row;

	HASH_FIND(hh, shared->rows, text.ptr, text.len, row);
	return row && seq - row->seq < SHARED_CALLS ? row->seq : 0;
}

static void forget(struct shared *shared, struct shared_row *row)
{
	HASH_DEL(shared->rows, row);
	free(row);
}

void shared_add(struct shared *shared, struct span text, int64_t seq)
{
	struct shared_row *row;

	HASH_FIND(hh, shared->rows, text.ptr, text.len, row);
	if (row) {
		row->seq = seq;
		return;
	}
	row = malloc(sizeof(*row) + text.len);
	if (!row)
		return;
	row->seq = seq;
	row->len = text.len;
	memcpy(row->text, text.ptr, text.len);
	HASH_ADD_KEYPTR(hh, shared->rows, row->text, row->len, row);
	if (!row->hh.tbl)
		free(row);
	else if (HASH_COUNT(shared->rows) > SHARED_ROWS_MAX)
		forget(shared, shared->rows);
}

void shared_clear(struct shared *shared)
{
	while (shared->rows)
		forget(shared, shared->rows);
}
