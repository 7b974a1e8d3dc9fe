/* Plaintext of OpenSSL connections to provider hosts. SSL_ctrl(SSL_CTRL_SET_TLSEXT_HOSTNAME) tells
 * the name before the first byte; only objects whose name passes the host filter are followed, all
 * others cost one map miss. Reads and writes are reported when they return: then the bytes have
 * moved, and a retry of the same buffer is not seen twice. Nothing is written to the process.
 *
 * A record that does not fit into the ring is counted, and shows as a jump of the offset. */
#include "maps.h"
#include "reserve.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Set by user space while it sleeps: only then is a record worth a wake-up. */
volatile __u32 reader_asleep;

#define SSL_CTRL_SET_TLSEXT_HOSTNAME 55 /* openssl/ssl.h */

static __always_inline void count(enum event_counter counter, __u64 n)
{
	__u32 key = counter;
	__u64 *value = bpf_map_lookup_elem(&counters, &key);

	/* Per CPU, and atomic all the same: a preempted probe must not lose a count. */
	if (value)
		__sync_fetch_and_add(value, n);
}

static __always_inline struct connection_id id_of(__u64 ssl)
{
	return (struct connection_id){ .ssl = ssl, .tgid = bpf_get_current_pid_tgid() >> 32 };
}

static __always_inline void submit(void *record)
{
	bpf_ringbuf_submit(record, reader_asleep ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

static __always_inline void fill_head(struct event_head *head, enum event_type type,
				      const struct connection_id *id,
				      const struct connection_state *state)
{
	head->type = type;
	head->tgid = id->tgid;
	head->time_ns = bpf_ktime_get_ns();
	head->start_ns = state->start_ns;
	head->ssl = id->ssl;
	head->generation_ns = state->generation_ns;
}

/* --- the host filter */

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

static __always_inline __u32 *find_host(const char *name)
{
	__u64 whole, parent;
	__u32 *host_id;

	hash_name(name, &whole, &parent);
	host_id = bpf_map_lookup_elem(&hosts, &whole);
	return host_id ?: bpf_map_lookup_elem(&wildcards, &parent);
}

static __always_inline void report_open(const struct connection_id *id,
					const struct connection_state *state, const void *name)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct event_open *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		count(EVENT_COUNTER_RING_FULL, 1);
		return;
	}
	fill_head(&e->head, EVENT_OPEN, id, state);
	e->cgroup_id = bpf_get_current_cgroup_id();
	e->uid = bpf_get_current_uid_gid();
	e->host_id = state->host_id;
	BPF_CORE_READ_INTO(&e->comm, task, group_leader, comm);
	if (bpf_probe_read_user_str(e->name, sizeof(e->name), name) < 0)
		e->name[0] = 0;
	/* At once: the facts of a short-lived process are there only while it lives. */
	bpf_ringbuf_submit(e, BPF_RB_FORCE_WAKEUP);
}

SEC("uprobe")
int ssl_ctrl(struct pt_regs *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct connection_id id = id_of(PT_REGS_PARM1(ctx));
	struct connection_state state = {}, *old;
	const void *user_name = (void *)PT_REGS_PARM4(ctx);
	char name[EVENT_NAME_MAX];
	__u32 *host_id;

	if ((__u32)PT_REGS_PARM2(ctx) != SSL_CTRL_SET_TLSEXT_HOSTNAME || !user_name)
		return 0;
	if (bpf_probe_read_user_str(name, sizeof(name), user_name) < 0) {
		count(EVENT_COUNTER_NAME_UNREADABLE, 1);
		return 0;
	}
	host_id = find_host(name);
	if (!host_id) {
		bpf_map_delete_elem(&connections, &id);
		return 0;
	}
	old = bpf_map_lookup_elem(&connections, &id);
	/* Set twice before any byte moved: still the same connection. */
	if (old && old->host_id == *host_id && !old->sent && !old->received)
		return 0;
	state.host_id = *host_id;
	state.generation_ns = bpf_ktime_get_ns();
	state.start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	if (bpf_map_update_elem(&connections, &id, &state, BPF_ANY)) {
		count(EVENT_COUNTER_CONNECTIONS_FULL, 1);
		return 0;
	}
	report_open(&id, &state, user_name);
	return 0;
}

SEC("uprobe")
int ssl_free(struct pt_regs *ctx)
{
	struct connection_id id = id_of(PT_REGS_PARM1(ctx));
	struct connection_state *state = bpf_map_lookup_elem(&connections, &id);
	struct event_close *e;

	if (!state)
		return 0;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (e) {
		fill_head(&e->head, EVENT_CLOSE, &id, state);
		e->sent = state->sent;
		e->received = state->received;
		submit(e);
	} else {
		count(EVENT_COUNTER_RING_FULL, 1);
	}
	bpf_map_delete_elem(&connections, &id);
	return 0;
}

/* --- reads and writes */

static __always_inline int enter(struct pt_regs *ctx, enum event_direction direction,
				 __u64 count_at)
{
	struct connection_id id = id_of(PT_REGS_PARM1(ctx));
	struct call *call;

	if (!bpf_map_lookup_elem(&connections, &id))
		return 0;
	count(EVENT_COUNTER_CALLS_SEEN, 1);
	call = bpf_task_storage_get(&calls, bpf_get_current_task_btf(), NULL,
				    BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!call) {
		count(EVENT_COUNTER_CALLS_FULL, 1);
		return 0;
	}
	call->ssl = id.ssl;
	call->buffer = PT_REGS_PARM2(ctx);
	call->count_at = count_at;
	call->direction = direction;
	return 0;
}

SEC("uprobe")
int ssl_read(struct pt_regs *ctx)
{
	return enter(ctx, EVENT_RECEIVED, 0);
}

SEC("uprobe")
int ssl_read_ex(struct pt_regs *ctx)
{
	return enter(ctx, EVENT_RECEIVED, PT_REGS_PARM4(ctx));
}

SEC("uprobe")
int ssl_write(struct pt_regs *ctx)
{
	return enter(ctx, EVENT_SENT, 0);
}

SEC("uprobe")
int ssl_write_ex(struct pt_regs *ctx)
{
	return enter(ctx, EVENT_SENT, PT_REGS_PARM4(ctx));
}

/* What is left to report of one call. */
struct report {
	struct event_head head;
	__u64 offset;
	__u64 from;
	__u64 left;
	__u32 host_id;
	__u32 direction;
};

static long report_piece(__u32 index, struct report *r)
{
	__u32 length = r->left < EVENT_CHUNK_MAX ? r->left : EVENT_CHUNK_MAX;
	struct event_data *e = reserve(length);

	(void)index;
	if (e) {
		e->head = r->head;
		e->offset = r->offset;
		e->length = length;
		e->captured = length;
		e->host_id = r->host_id;
		e->direction = r->direction;
		if (bpf_probe_read_user(e->bytes, length, (void *)r->from)) {
			count(EVENT_COUNTER_READ_FAULT, 1);
			e->captured = 0;
		}
		count(EVENT_COUNTER_BYTES_CAPTURED, e->captured);
		submit(e);
	} else {
		count(EVENT_COUNTER_RING_FULL, 1);
		count(EVENT_COUNTER_RING_FULL_BYTES, length);
	}
	r->offset += length;
	r->from += length;
	r->left -= length;
	return !r->left; /* 1 ends the loop */
}

static __always_inline void report_call(const struct connection_id *id,
					struct connection_state *state, const struct call *call,
					__u64 n)
{
	__u64 *moved = call->direction == EVENT_SENT ? &state->sent : &state->received;
	struct report r = {
		.offset = *moved,
		.from = call->buffer,
		.left = n,
		.host_id = state->host_id,
		.direction = call->direction,
	};

	*moved += n;
	fill_head(&r.head, EVENT_DATA, id, state);
	bpf_loop(EVENT_CALL_CHUNKS, report_piece, &r, 0);
	if (r.left)
		count(EVENT_COUNTER_CALL_TOO_LONG_BYTES, r.left);
}

SEC("uretprobe")
int ssl_return(struct pt_regs *ctx)
{
	struct call *call = bpf_task_storage_get(&calls, bpf_get_current_task_btf(), NULL, 0);
	struct connection_state *state;
	struct connection_id id;
	struct call at_hand;
	__s64 result = (__s32)PT_REGS_RC(ctx);
	__u64 n = result;

	if (!call || !call->ssl)
		return 0;
	at_hand = *call;
	call->ssl = 0;
	id = id_of(at_hand.ssl);
	state = bpf_map_lookup_elem(&connections, &id);
	if (!state || result <= 0)
		return 0;
	if (at_hand.count_at && bpf_probe_read_user(&n, sizeof(n), (void *)at_hand.count_at)) {
		count(EVENT_COUNTER_READ_FAULT, 1);
		return 0;
	}
	if (!n)
		return 0;
	report_call(&id, state, &at_hand, n);
	return 0;
}
