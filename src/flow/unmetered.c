/* A small array, searched from one end to the other: rows are few and changes are rare. */
#include "flow/unmetered.h"

#include <stdlib.h>
#include <string.h>

struct unmetered {
	unsigned n, room;
	struct flow_unmetered *rows;
};

struct unmetered *unmetered_new(void)
{
	return calloc(1, sizeof(struct unmetered));
}

void unmetered_free(struct unmetered *t)
{
	if (!t)
		return;
	free(t->rows);
	free(t);
}

static struct flow_unmetered *find(struct unmetered *t, const struct flow_unmetered *like)
{
	for (unsigned i = 0; i < t->n; i++) {
		struct flow_unmetered *row = &t->rows[i];

		if (row->reason == like->reason && !strcmp(row->exe, like->exe) &&
		    !strcmp(row->host, like->host))
			return row;
	}
	return NULL;
}

static struct flow_unmetered *least_lately_seen(struct unmetered *t)
{
	struct flow_unmetered *least = t->rows;

	for (unsigned i = 1; i < t->n; i++)
		if (t->rows[i].last_seen_ns < least->last_seen_ns)
			least = &t->rows[i];
	return least;
}

static bool grow(struct unmetered *t)
{
	unsigned room = t->room ? 2 * t->room : 4;
	struct flow_unmetered *rows;

	if (t->n < t->room)
		return true;
	if (room > FLOW_UNMETERED_MAX)
		return false;
	rows = realloc(t->rows, room * sizeof(*rows));
	if (!rows)
		return false;
	t->rows = rows;
	t->room = room;
	return true;
}

bool unmetered_add(struct unmetered *t, const struct flow_unmetered *add)
{
	struct flow_unmetered *row = find(t, add);
	struct flow_unmetered sum = *add;
	bool dropped = false;

	if (row) {
		sum.connections += row->connections;
		sum.open += row->open;
		sum.sent += row->sent;
		sum.received += row->received;
		if (row->last_seen_ns > sum.last_seen_ns)
			sum.last_seen_ns = row->last_seen_ns;
	} else if (grow(t)) {
		row = &t->rows[t->n++];
	} else if (t->n) {
		row = least_lately_seen(t);
		dropped = true;
	} else {
		return true;
	}
	*row = sum;
	return dropped;
}

struct unmetered *unmetered_copy(const struct unmetered *t)
{
	struct unmetered *copy = unmetered_new();

	if (!copy || !t->n)
		return copy;
	copy->rows = malloc(t->room * sizeof(*t->rows));
	if (!copy->rows) {
		free(copy);
		return NULL;
	}
	memcpy(copy->rows, t->rows, t->n * sizeof(*t->rows));
	copy->n = t->n;
	copy->room = t->room;
	return copy;
}

static int most_connections_first(const void *a, const void *b)
{
	const struct flow_unmetered *const *x = a, *const *y = b;

	if ((*x)->connections != (*y)->connections)
		return (*x)->connections < (*y)->connections ? 1 : -1;
	return (*x)->last_seen_ns < (*y)->last_seen_ns ? 1 : -1;
}

unsigned unmetered_top(const struct unmetered *t, struct flow_unmetered *ret_rows, unsigned max)
{
	const struct flow_unmetered *order[FLOW_UNMETERED_MAX];
	unsigned n = t->n < max ? t->n : max;

	for (unsigned i = 0; i < t->n; i++)
		order[i] = &t->rows[i];
	qsort(order, t->n, sizeof(order[0]), most_connections_first);
	for (unsigned i = 0; i < n; i++)
		ret_rows[i] = *order[i];
	return n;
}
