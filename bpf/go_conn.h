/* Connections of Go's crypto/tls: whose they are and whether to follow them is read from the Conn
 * itself when it is first seen, so one that is older than the agent is found too. Fields are where
 * the cookie says (EVENT_GO_LAYOUT), which is the same for all of a program. */
#pragma once

#include "connection.h"

#define GO_CONN_DATA   8 /* Conn.conn, an interface: its second word */
#define GO_CONN_CLIENT 16

/* What was found out about a Conn, and in the bits that pointers leave, what it holds: its address
 * is used again after it is collected, and then that differs. */
enum go_verdict {
	GO_OTHER = 0,    /* not a provider's, a server's, or closed */
	GO_FOLLOWED = 1, /* has its state in `connections` */
	GO_UNKNOWN = 2,  /* another thread is finding out just now */
	GO_VERDICTS = 3, /* mask */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct connection_id);
	__type(value, __u64);
} go_verdicts SEC(".maps");

static __always_inline bool go_string(char *out, __u64 at)
{
	struct {
		__u64 text, n;
	} string;

	if (bpf_probe_read_user(&string, sizeof(string), (void *)at) || !string.n ||
	    string.n >= EVENT_NAME_MAX)
		return false;
	return !bpf_probe_read_user(out, string.n & (EVENT_NAME_MAX - 1), (void *)string.text);
}

/* The name it is to talk to, as the program set it or as the handshake has it. */
static __always_inline enum go_verdict go_examine(const struct connection_id *id, __u64 config,
						  __u64 layout)
{
	char name[EVENT_NAME_MAX] = {};
	__u32 *host_id, done = 0;
	__u8 is_client = 0;

	if (bpf_probe_read_user(&is_client, 1, (void *)id->ssl + GO_CONN_CLIENT) || !is_client)
		return GO_OTHER;
	if (!go_string(name, config + EVENT_GO_CONFIG_NAME(layout)) &&
	    !go_string(name, id->ssl + EVENT_GO_NAME(layout)))
		return GO_OTHER;
	host_id = find_host(name);
	if (!host_id)
		return GO_OTHER;
	/* Its handshake was not seen, so it may have moved bytes before. */
	bpf_probe_read_user(&done, sizeof(done), (void *)id->ssl + EVENT_GO_HANDSHAKE(layout));
	if (done == 1)
		count(EVENT_COUNTER_LATE_CONNECTIONS, 1);
	connection_open(id, *host_id, name, done == 1 ? EVENT_LATE_OFFSET : 0, layout);
	return connection_find(id) ? GO_FOLLOWED : GO_OTHER;
}

/* A program reads and writes a connection at once, so two threads may see it first together: one
 * of them examines it, the other goes on without knowing. */
static __always_inline enum go_verdict go_judge(const struct connection_id *id, __u64 layout)
{
	__u64 data = 0, config = 0, identity, verdict, *known;

	bpf_probe_read_user(&data, sizeof(data), (void *)id->ssl + GO_CONN_DATA);
	bpf_probe_read_user(&config, sizeof(config), (void *)id->ssl + EVENT_GO_CONFIG(layout));
	identity = (data ^ config << 16) & ~(__u64)GO_VERDICTS;
	known = bpf_map_lookup_elem(&go_verdicts, id);
	verdict = known ? *known : 0;
	if (known && (verdict & ~(__u64)GO_VERDICTS) == identity)
		return verdict & GO_VERDICTS;
	identity |= GO_UNKNOWN;
	if (known) {
		if (__sync_val_compare_and_swap(known, verdict, identity) != verdict)
			return GO_UNKNOWN;
		connection_gone(id); /* one that was never closed was at this address */
	} else if (bpf_map_update_elem(&go_verdicts, id, &identity, BPF_NOEXIST)) {
		return GO_UNKNOWN;
	}
	verdict = go_examine(id, config, layout);
	identity ^= GO_UNKNOWN ^ verdict;
	bpf_map_update_elem(&go_verdicts, id, &identity, BPF_ANY);
	return verdict;
}

/* The verdict stays, as OTHER: another goroutine's Read may yet come. */
static __always_inline void go_ended(const struct connection_id *id)
{
	__u64 *known = bpf_map_lookup_elem(&go_verdicts, id);

	if (known)
		*known &= ~(__u64)GO_VERDICTS;
	connection_gone(id);
}
