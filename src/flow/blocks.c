/* A hash of keys, each with a short list of orders. The map in the kernel is written with every
 * change, so it never says more or less than this table. */
#include "flow/blocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "base/span.h"

struct order {
	struct order *next;
	char who[BLOCK_WHO_MAX];
	struct block_judgement says;
};

struct block {
	UT_hash_handle hh;
	struct flow_block key;
	struct order *orders; /* none: the mark of a process */
	struct block **list, *next;
	struct block_judgement says; /* the strictest of them */
};

struct blocks {
	blocks_write_fn *write;
	void *ctx;
	struct block *all;
};

struct blocks *blocks_new(blocks_write_fn *write, void *ctx)
{
	struct blocks *t = calloc(1, sizeof(*t));

	if (t) {
		t->write = write;
		t->ctx = ctx;
	}
	return t;
}

static void drop(struct blocks *t, struct block *b)
{
	struct order *order, *next;

	(void)t->write(t->ctx, &b->key, NULL);
	if (b->list)
		LL_DELETE(*b->list, b);
	LL_FOREACH_SAFE(b->orders, order, next)
	{
		free(order);
	}
	HASH_DEL(t->all, b);
	free(b);
}

void blocks_free(struct blocks *t)
{
	while (t && t->all)
		drop(t, t->all);
	free(t);
}

static struct block *find(const struct blocks *t, const struct flow_block *key)
{
	struct block *b;

	HASH_FIND(hh, t->all, key, sizeof(*key), b);
	return b;
}

static int find_or_make(struct blocks *t, const struct flow_block *key, struct block **list,
			struct block **ret_block)
{
	struct block *b = find(t, key);

	if (!b && HASH_COUNT(t->all) >= FLOW_BLOCKS_MAX)
		return -ENOSPC;
	if (!b) {
		b = calloc(1, sizeof(*b));
		if (!b)
			return -ENOMEM;
		b->key = *key;
		b->list = list;
		HASH_ADD(hh, t->all, key, sizeof(b->key), b);
		if (list)
			LL_PREPEND(*list, b);
	}
	*ret_block = b;
	return 0;
}

static void raise_to(struct block_judgement *j, const struct block_judgement *says)
{
	j->at_once =
	    (j->at_once && j->mode >= says->mode) || (says->at_once && says->mode >= j->mode);
	if (says->mode > j->mode)
		j->mode = says->mode;
}

/* Works out what the orders come to, and tells the kernel. */
static int settle(struct blocks *t, struct block *b)
{
	struct order *order;
	uint32_t mode;
	int code;

	b->says = (struct block_judgement){ FLOW_PASS, false };
	LL_FOREACH(b->orders, order)
	{
		raise_to(&b->says, &order->says);
	}
	mode = b->says.mode == FLOW_CUT && b->says.at_once ? FLOW_CUT_NOW : b->says.mode;
	code = t->write(t->ctx, &b->key, &mode);
	if (code < 0)
		drop(t, b);
	return code;
}

static struct order *find_or_make_order(struct block *b, const char *who)
{
	struct order *order;

	LL_FOREACH(b->orders, order)
	{
		if (strcmp(order->who, who) == 0)
			return order;
	}
	order = calloc(1, sizeof(*order));
	if (order) {
		span_copy(span_of(who), order->who, sizeof(order->who));
		LL_PREPEND(b->orders, order);
	}
	return order;
}

int blocks_put(struct blocks *t, const char *who, const struct flow_block *key, enum flow_mode mode,
	       bool at_once, struct block **list)
{
	struct block *b;
	struct order *order;
	int code = find_or_make(t, key, list, &b);

	if (code < 0)
		return code;
	order = find_or_make_order(b, who);
	if (!order) {
		drop(t, b);
		return -ENOMEM;
	}
	order->says = (struct block_judgement){ mode, at_once };
	return settle(t, b);
}

int blocks_mark(struct blocks *t, uint64_t process_id, struct block **list)
{
	const struct flow_block key = { .scope = FLOW_PROCESS, .id = process_id };
	struct block *b;
	int code = find_or_make(t, &key, list, &b);

	return code < 0 ? code : settle(t, b);
}

static unsigned take_back(struct block *b, const char *who)
{
	struct order *order, *next;
	unsigned n = 0;

	LL_FOREACH_SAFE(b->orders, order, next)
	{
		if (!who[0] || strcmp(order->who, who) == 0) {
			LL_DELETE(b->orders, order);
			free(order);
			n++;
		}
	}
	return n;
}

unsigned blocks_release(struct blocks *t, const char *who)
{
	struct block *b, *next;
	unsigned n = 0;

	HASH_ITER(hh, t->all, b, next) {
		unsigned taken = take_back(b, who);

		if (!taken)
			continue;
		n += taken;
		if (b->orders)
			(void)settle(t, b);
		else
			drop(t, b);
	}
	return n;
}

void blocks_clear(struct blocks *t, struct block **list)
{
	while (*list)
		drop(t, *list);
}

bool blocks_any(const struct blocks *t)
{
	return t->all != NULL;
}

void blocks_judge(const struct blocks *t, const struct flow_block *key,
		  struct block_judgement *judgement)
{
	const struct block *b = find(t, key);

	if (b)
		raise_to(judgement, &b->says);
}
