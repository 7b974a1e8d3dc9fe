/* Keys are zeroed whole: the hash looks at every byte of them. */
#include "flow/party.h"

#include <stdlib.h>
#include <string.h>

struct party *party_find(struct party *parties, uint64_t tgid, uint64_t start_ns, struct span host)
{
	struct party_key key;
	struct party *party;

	memset(&key, 0, sizeof(key));
	key.start_ns = start_ns;
	key.tgid = tgid;
	span_copy(host, key.host, sizeof(key.host));
	HASH_FIND(hh, parties, &key, sizeof(key), party);
	return party;
}

struct party *party_make(struct party **parties, const char *proc, const struct flow_hello *hello,
			 struct span host)
{
	struct party *party = calloc(1, sizeof(*party));

	if (!party)
		return NULL;
	party->key.start_ns = hello->start_ns;
	party->key.tgid = hello->tgid;
	span_copy(host, party->key.host, sizeof(party->key.host));
	party->process = (struct process){ .pid = hello->tgid,
					   .uid = hello->uid,
					   .start_ns = hello->start_ns,
					   .cgroup_id = hello->cgroup_id };
	span_copy((struct span){ hello->comm, strnlen(hello->comm, sizeof(hello->comm)) },
		  party->process.comm, sizeof(party->process.comm));
	(void)process_read(proc, &party->process);
	HASH_ADD(hh, *parties, key, sizeof(party->key), party);
	return party;
}

void party_free(struct party **parties, struct party *party)
{
	HASH_DEL(*parties, party);
	free(party);
}
