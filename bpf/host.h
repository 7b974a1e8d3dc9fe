/* The host filter: is a server name one of a provider's? */
#pragma once

#include "shared.h"

struct name_hashes {
	__u64 whole, parent, region;
};

/* FNV-1a of the lower-case name, of it from its first dot on, and from the last dash before that
 * (0: there is none). */
static __always_inline struct name_hashes hash_name(const char *name)
{
	__u64 h = EVENT_FNV_OFFSET, p = 0, r = 0;

	for (int i = 0; i < EVENT_NAME_MAX; i++) {
		__u8 c = name[i];

		if (!c)
			break;
		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		h = (h ^ c) * EVENT_FNV_PRIME;
		if (c == '-' && !p)
			r = EVENT_FNV_OFFSET;
		if (c == '.' && !p)
			p = EVENT_FNV_OFFSET;
		if (p)
			p = (p ^ c) * EVENT_FNV_PRIME;
		if (r)
			r = (r ^ c) * EVENT_FNV_PRIME;
	}
	return (struct name_hashes){ h, p, r };
}

/* `name` has EVENT_NAME_MAX bytes. NULL: no provider's. The key names the pattern that matched: its
 * hash, and the lowest bit the other way for a wildcard. */
static __always_inline __u32 *find_host_key(const char *name, __u64 *ret_key)
{
	struct name_hashes hashes = hash_name(name);
	__u32 *host_id = bpf_map_lookup_elem(&hosts, &hashes.whole);

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
