/* The host filter: is a server name one of a provider's? */
#pragma once

#include "shared.h"

/* FNV-1a of the lower-case name, and of what follows its first dot (0: no dot). */
static __always_inline void hash_name(const char *name, __u64 *whole, __u64 *parent)
{
	__u64 h = EVENT_FNV_OFFSET, p = 0;

	for (int i = 0; i < EVENT_NAME_MAX; i++) {
		__u8 c = name[i];

		if (!c)
			break;
		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		h = (h ^ c) * EVENT_FNV_PRIME;
		if (p)
			p = (p ^ c) * EVENT_FNV_PRIME;
		else if (c == '.')
			p = EVENT_FNV_OFFSET;
	}
	*whole = h;
	*parent = p;
}

/* `name` has EVENT_NAME_MAX bytes. NULL: no provider's. The key names the pattern that matched: its
 * hash, and the lowest bit the other way for a wildcard. */
static __always_inline __u32 *find_host_key(const char *name, __u64 *ret_key)
{
	__u64 whole, parent;
	__u32 *host_id;

	hash_name(name, &whole, &parent);
	host_id = bpf_map_lookup_elem(&hosts, &whole);
	*ret_key = host_id ? whole : parent ^ 1;
	return host_id ?: bpf_map_lookup_elem(&wildcards, &parent);
}

static __always_inline __u32 *find_host(const char *name)
{
	__u64 key;

	return find_host_key(name, &key);
}
