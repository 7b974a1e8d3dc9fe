/* What one user takes of the server: connections, and requests a second by a bucket that fills at
 * POLICY_RATE up to POLICY_BURST. Root has no share: it is not limited. */
#pragma once

#include <stdbool.h>
#include <uthash.h>

#define SHARES_MAX 4096 /* users at once */

struct share {
	uint32_t uid;
	unsigned n_clients;
	unsigned n_requests; /* that may be made at once, as of `filled_ns` */
	int64_t filled_ns;   /* monotonic */
	UT_hash_handle hh;
};

#define SHARE_CONNECTION 4 /* requests that a new connection costs as much as */

/* One more connection of this user. NULL: not now; nothing was counted. */
struct share *share_join(struct share **shares, uint32_t uid, int64_t now_ns);
void share_leave(struct share *share);

/* So many more requests. False: not now. */
bool share_take(struct share *share, unsigned n_requests, int64_t now_ns);

/* Forgets who has neither a connection nor made a request lately; all of them when `now_ns` is
 * INT64_MAX. */
void share_sweep(struct share **shares, int64_t now_ns);
