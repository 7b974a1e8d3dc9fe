/* A share outlives the connections of its user until the bucket is full again, so that connecting
 * anew brings nobody more requests. */
#define HASH_NONFATAL_OOM 1
#include "policy/share.h"

#include <stdlib.h>

#include "base/clock.h"
#include "policy/policy.h"

#define NS_A_REQUEST (NS_PER_SEC / POLICY_RATE)

static void fill(struct share *share, int64_t now_ns)
{
	int64_t more = (now_ns - share->filled_ns) / NS_A_REQUEST;

	if (more >= POLICY_BURST - share->n_requests) {
		share->n_requests = POLICY_BURST;
		share->filled_ns = now_ns;
	} else {
		share->n_requests += (unsigned)more;
		share->filled_ns += more * NS_A_REQUEST;
	}
}

static struct share *find(struct share **shares, uint32_t uid)
{
	struct share *share;

	HASH_FIND(hh, *shares, &uid, sizeof(uid), share);
	if (share || HASH_COUNT(*shares) >= SHARES_MAX)
		return share;
	share = calloc(1, sizeof(*share));
	if (!share)
		return NULL;
	share->uid = uid;
	HASH_ADD(hh, *shares, uid, sizeof(uid), share);
	if (share->hh.tbl)
		return share;
	free(share);
	return NULL;
}

struct share *share_join(struct share **shares, uint32_t uid, int64_t now_ns)
{
	struct share *share = find(shares, uid);

	if (!share || share->n_clients >= POLICY_PER_UID_MAX ||
	    !share_take(share, SHARE_CONNECTION, now_ns))
		return NULL;
	share->n_clients++;
	return share;
}

void share_leave(struct share *share)
{
	share->n_clients--;
}

bool share_take(struct share *share, unsigned n_requests, int64_t now_ns)
{
	fill(share, now_ns);
	if (share->n_requests < n_requests)
		return false;
	share->n_requests -= n_requests;
	return true;
}

void share_sweep(struct share **shares, int64_t now_ns)
{
	struct share *share, *next;

	HASH_ITER(hh, *shares, share, next) {
		fill(share, now_ns);
		if (share->n_clients || share->n_requests < POLICY_BURST)
			continue;
		HASH_DEL(*shares, share);
		free(share);
	}
}
