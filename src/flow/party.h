/* party: a process and a host that it connects to, shared by the flows between them. The facts of
 * the process are read once, at the first hello: it may be gone at the last. */
#pragma once

#include <uthash.h>

#include "base/process.h"
#include "base/span.h"
#include "bpf/flow_event.h"

struct party_key {
	uint64_t start_ns, tgid; /* 64 bits: no hole in a hash key */
	char host[FLOW_NAME_MAX];
};

struct party {
	UT_hash_handle hh;
	struct party_key key;
	struct process process;
	unsigned flows;
	unsigned unjoined; /* flows, since the party is there, whose SSL object is not known */
	unsigned captured; /* TLS connections with plaintext that no flow was joined to */
};

/* NULL: there is none. */
struct party *party_find(struct party *parties, uint64_t tgid, uint64_t start_ns, struct span host);
/* Adds the one of a hello. NULL: out of memory. */
struct party *party_make(struct party **parties, const char *proc, const struct flow_hello *hello,
			 struct span host);
void party_free(struct party **parties, struct party *party);
