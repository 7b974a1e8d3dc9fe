/* The host filter: is a server name one of a provider's? */
#pragma once

#include "shared.h"

struct name_hashes {
	__u64 whole, parent, region;
};

/* All ones where both are equal, else 0. The loop below has no branch but its end, for the verifier
 * walks each path of it; the compiler must not see that these are comparisons. */
static __always_inline __u64 where_equal(__u64 a, __u64 b)
{
	__u64 negative;

	a ^= b;
	negative = -a;
	barrier_var(negative);
	return ((a | negative) >> 63) - 1;
}

static __always_inline __u64 to_lower(__u64 c)
{
	return c | (('A' - 1 - c) & (c - 'Z' - 1)) >> 63 << 5;
}

/* FNV-1a of the lower-case name, of it from its first dot on, and from the last dash before that
 * (0: there is none). Global, so that it is verified once and not where it is called. */
__noinline int host_hash(const char (*name)[EVENT_NAME_MAX], struct name_hashes *hashes)
{
	__u64 h = EVENT_FNV_OFFSET, p = 0, r = 0;

	if (!name || !hashes)
		return 0;
	for (int i = 0; i < EVENT_NAME_MAX; i++) {
		__u64 c = (__u8)(*name)[i], before_dot = where_equal(p, 0), dash;

		if (!c)
			break;
		c = to_lower(c);
		h = (h ^ c) * EVENT_FNV_PRIME;
		dash = before_dot & where_equal(c, '-');
		r = (r & ~dash) | (EVENT_FNV_OFFSET & dash);
		p |= EVENT_FNV_OFFSET & before_dot & where_equal(c, '.');
		p = ((p ^ c) * EVENT_FNV_PRIME) & ~where_equal(p, 0);
		r = ((r ^ c) * EVENT_FNV_PRIME) & ~where_equal(r, 0);
	}
	*hashes = (struct name_hashes){ h, p, r };
	return 0;
}

/* `name` has EVENT_NAME_MAX bytes. NULL: no provider's. The key names the pattern that matched: its
 * hash, and the lowest bit the other way for a wildcard. */
static __always_inline __u32 *find_host_key(const char *name, __u64 *ret_key)
{
	struct name_hashes hashes = {};
	__u32 *host_id;

	host_hash((const void *)name, &hashes);
	host_id = bpf_map_lookup_elem(&hosts, &hashes.whole);
	*ret_key = hashes.whole;
	if (host_id)
		return host_id;
	*ret_key = hashes.parent ^ 1;
	host_id = bpf_map_lookup_elem(&wildcards, &hashes.parent);
	if (host_id)
		return host_id;
	*ret_key = hashes.region ^ 1;
	return bpf_map_lookup_elem(&wildcards, &hashes.region);
}

static __always_inline __u32 *find_host(const char *name)
{
	__u64 key;

	return find_host_key(name, &key);
}
