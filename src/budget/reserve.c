/* The table of reservations. Memory comes in slabs that are used again and never given back, so
 * that a decision allocates nothing once the table has grown; at most RESERVATIONS_MAX are open and
 * as many are kept after their end, the oldest of those go first. */
#define HASH_NONFATAL_OOM 1 /* before uthash.h: an element that found no room has no table */
#include "budget/reserve.h"
#include "base/pages.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#define SLAB_RESERVATIONS 256
#define PROCESS_CHAINS    4096

struct slab {
	struct slab *next;
	struct reservation reservations[SLAB_RESERVATIONS];
};

/* Open reservations of one user; there is one as long as it has any. */
struct holder {
	uint32_t uid;
	unsigned n_open;
	UT_hash_handle hh;
};

struct reserve {
	struct reservation *by_id;
	struct reservation *open, *kept; /* oldest first */
	struct reservation *unused;
	struct holder *holders;
	struct slab *slabs;
	unsigned n_open, n_kept;
	struct reservation *claimable[PROCESS_CHAINS]; /* by process and provider, oldest first */
};

int reserve_new(struct reserve **ret_reserve)
{
	struct reserve *reserve = pages_new(sizeof(*reserve));

	if (!reserve)
		return -ENOMEM;
	*ret_reserve = reserve;
	return 0;
}

static void drop_holds(struct reservation *reservation)
{
	if (reservation->holds != reservation->few_holds)
		free(reservation->holds);
	reservation->holds = NULL;
}

void reserve_free(struct reserve *reserve)
{
	struct holder *holder, *next;

	if (!reserve)
		return;
	for (struct reservation *r = reserve->by_id; r; r = r->hh.next)
		drop_holds(r);
	HASH_CLEAR(hh, reserve->by_id);
	HASH_ITER(hh, reserve->holders, holder, next) {
		HASH_DEL(reserve->holders, holder);
		free(holder);
	}
	while (reserve->slabs) {
		struct slab *slab = reserve->slabs;

		reserve->slabs = slab->next;
		pages_free(slab, sizeof(*slab));
	}
	pages_free(reserve, sizeof(*reserve));
}

static struct reservation *take_unused(struct reserve *reserve)
{
	struct reservation *r;

	if (!reserve->unused) {
		struct slab *slab = pages_new_with(sizeof(*slab), MAP_POPULATE);

		if (!slab)
			return NULL;
		slab->next = reserve->slabs;
		reserve->slabs = slab;
		for (int i = 0; i < SLAB_RESERVATIONS; i++)
			LL_PREPEND(reserve->unused, &slab->reservations[i]);
	}
	r = reserve->unused;
	LL_DELETE(reserve->unused, r);
	return r;
}

static struct reservation **claim_chain(struct reserve *reserve, uint32_t pid,
					uint64_t provider_hash)
{
	uint64_t hash = (provider_hash ^ pid) * 0x9e3779b97f4a7c15u;

	return &reserve->claimable[hash >> 52 & (PROCESS_CHAINS - 1)];
}

/* NULL without memory. */
static struct holder *holder_of(struct reserve *reserve, uint32_t uid)
{
	struct holder *holder;

	HASH_FIND(hh, reserve->holders, &uid, sizeof(uid), holder);
	if (holder)
		return holder;
	holder = calloc(1, sizeof(*holder));
	if (!holder)
		return NULL;
	holder->uid = uid;
	HASH_ADD(hh, reserve->holders, uid, sizeof(uid), holder);
	if (holder->hh.tbl)
		return holder;
	free(holder);
	return NULL;
}

static void release_holder(struct reserve *reserve, struct holder *holder)
{
	if (holder->n_open)
		return;
	HASH_DEL(reserve->holders, holder);
	free(holder);
}

static int fill(struct reservation *r, const struct uuid *id, const struct match_subject *subject,
		const struct match_set *holds)
{
	*r = (struct reservation){
		.id = *id,
		.pid = subject->process->pid,
		.uid = subject->process->uid,
		.start_ns = subject->process->start_ns,
		.provider_hash = match_hash(MATCH_HASH_START, subject->provider),
		.model_hash = match_hash(MATCH_HASH_START, subject->models[0]),
	};
	r->holds = r->few_holds;
	if (holds->count > VERDICT_BUDGETS_MAX)
		r->holds = malloc(holds->count * sizeof(r->holds[0]));
	if (!r->holds)
		return -ENOMEM;
	MATCH_SET_EACH(i, holds)
	r->holds[r->n_holds++] = (uint16_t)i;
	return 0;
}

static void give_back(struct reserve *reserve, struct reservation *r)
{
	drop_holds(r);
	LL_PREPEND(reserve->unused, r);
}

static int add(struct reserve *reserve, struct reservation *r)
{
	HASH_ADD(hh, reserve->by_id, id, sizeof(r->id), r);
	if (!r->hh.tbl)
		return -ENOMEM;
	DL_APPEND(reserve->open, r);
	DL_APPEND2(*claim_chain(reserve, r->pid, r->provider_hash), r, process_prev, process_next);
	reserve->n_open++;
	return 0;
}

int reserve_add(struct reserve *reserve, const struct uuid *id, const struct match_subject *subject,
		const struct match_set *holds, const struct budget_size *size, int64_t now_ns,
		struct reservation **ret_reservation)
{
	struct holder *holder = holder_of(reserve, subject->process->uid);
	struct reservation *r = NULL;
	int err = -ENOMEM;

	if (!holder)
		return -ENOMEM;
	if (reserve->n_open >= RESERVATIONS_MAX || holder->n_open >= RESERVATIONS_PER_USER_MAX)
		err = -ENOSPC;
	else
		r = take_unused(reserve);
	if (r) {
		err = fill(r, id, subject, holds);
		if (err == 0)
			err = add(reserve, r);
		if (err < 0)
			give_back(reserve, r);
	}
	if (err < 0) {
		release_holder(reserve, holder);
		return err;
	}
	holder->n_open++;
	r->size = *size;
	r->made_ns = r->leased_ns = now_ns;
	*ret_reservation = r;
	return 0;
}

struct reservation *reserve_find(struct reserve *reserve, const struct uuid *id)
{
	struct reservation *r;

	HASH_FIND(hh, reserve->by_id, id, sizeof(*id), r);
	return r;
}

static bool may_claim(const struct reservation *r, int64_t call_start_ns)
{
	if (r->made_ns > call_start_ns + RESERVATION_SLACK_NS)
		return false;
	/* What was settled before the call began is the figure of another one. */
	return r->state != RESERVATION_BY_CALLER ||
	       r->ended_ns >= call_start_ns - RESERVATION_SLACK_NS;
}

static bool same_holds(const struct reservation *a, const struct reservation *b)
{
	return a->n_holds == b->n_holds &&
	       memcmp(a->holds, b->holds, a->n_holds * sizeof(a->holds[0])) == 0;
}

struct reservation *reserve_claim(struct reserve *reserve, const struct match_subject *subject,
				  int64_t call_start_ns, bool *ret_ambiguous)
{
	uint64_t provider = match_hash(MATCH_HASH_START, subject->provider);
	uint64_t served = match_hash(MATCH_HASH_START, subject->models[0]);
	uint64_t requested = match_hash(MATCH_HASH_START, subject->models[1]);
	struct reservation *r = *claim_chain(reserve, subject->process->pid, provider);
	struct reservation *best[4] = { NULL };
	bool differ[4] = { false };
	struct process process = { 0 };
	unsigned rank = 0;

	for (int i = 0; r && i < RESERVE_SCAN_MAX; i++, r = r->process_next) {
		process.pid = r->pid;
		process.start_ns = r->start_ns;
		if (r->provider_hash != provider || !process_same(&process, subject->process) ||
		    !may_claim(r, call_start_ns))
			continue;
		rank = (r->state == RESERVATION_LAPSED) * 2u +
		       (r->model_hash != served && r->model_hash != requested);
		if (best[rank])
			differ[rank] |= !same_holds(best[rank], r);
		else
			best[rank] = r;
	}
	for (rank = 0; rank < 3 && !best[rank];)
		rank++;
	*ret_ambiguous = differ[rank];
	return best[rank];
}

static void unlink_claim(struct reserve *reserve, struct reservation *r)
{
	DL_DELETE2(*claim_chain(reserve, r->pid, r->provider_hash), r, process_prev, process_next);
}

static void forget(struct reserve *reserve, struct reservation *r)
{
	DL_DELETE(reserve->kept, r);
	reserve->n_kept--;
	if (r->state != RESERVATION_BY_CAPTURE)
		unlink_claim(reserve, r);
	HASH_DEL(reserve->by_id, r);
	give_back(reserve, r);
}

void reserve_end(struct reserve *reserve, struct reservation *r, enum reservation_state state,
		 int64_t now_ns)
{
	if (r->state == RESERVATION_OPEN) {
		struct holder *holder;

		HASH_FIND(hh, reserve->holders, &r->uid, sizeof(r->uid), holder);
		holder->n_open--;
		release_holder(reserve, holder);
		DL_DELETE(reserve->open, r);
		reserve->n_open--;
	} else {
		DL_DELETE(reserve->kept, r);
		reserve->n_kept--;
	}
	if (state == RESERVATION_BY_CAPTURE)
		unlink_claim(reserve, r);
	r->state = state;
	r->ended_ns = now_ns;
	DL_APPEND(reserve->kept, r);
	reserve->n_kept++;
	if (reserve->n_kept > RESERVATIONS_MAX)
		forget(reserve, reserve->kept);
}

void reserve_renew(struct reserve *reserve, struct reservation *r, int64_t now_ns)
{
	DL_DELETE(reserve->open, r);
	r->leased_ns = now_ns;
	DL_APPEND(reserve->open, r);
}

struct reservation *reserve_expired(struct reserve *reserve, int64_t now_ns)
{
	struct reservation *oldest = reserve->open;

	while (reserve->kept && reserve->kept->ended_ns <= now_ns - RESERVATION_KEEP_NS)
		forget(reserve, reserve->kept);
	return oldest && oldest->leased_ns <= now_ns - RESERVATION_TTL_NS ? oldest : NULL;
}

void reserve_rewind(struct reserve *reserve, int64_t now_ns)
{
	while (reserve->kept)
		forget(reserve, reserve->kept);
	for (struct reservation *r = reserve->open; r; r = r->next) {
		if (r->made_ns > now_ns)
			r->made_ns = now_ns;
		if (r->leased_ns > now_ns)
			r->leased_ns = now_ns;
	}
}

void reserve_each(struct reserve *reserve, reserve_fn *fn, void *ctx)
{
	for (struct reservation *r = reserve->by_id; r; r = r->hh.next)
		fn(ctx, r);
}

unsigned reserve_n_open(const struct reserve *reserve)
{
	return reserve->n_open;
}
