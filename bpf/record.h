/* What goes to user space: counters, and the records that open and close a connection. */
#pragma once

#include "facts.h"
#include "maps.h"

/* Set by user space while it waits: bytes in the ring that are worth a wake-up. 0: it is awake. */
volatile __u32 reader_waits_for;

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

/* One wake-up a wait: who takes the wish away fulfils it. */
static __always_inline void submit(void *record)
{
	__u32 bytes = reader_waits_for;
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (bytes && bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) >= bytes) {
		reader_waits_for = 0;
		flags = BPF_RB_FORCE_WAKEUP;
	}
	bpf_ringbuf_submit(record, flags);
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

/* `name` NULL: that of the generation before. */
static __always_inline void report_open(const struct connection_id *id,
					const struct connection_state *state, const char *name,
					__u64 cookie)
{
	struct event_open *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		count(EVENT_COUNTER_RING_FULL, 1);
		return;
	}
	fill_head(&e->head, EVENT_OPEN, id, state);
	e->host_id = state->host_id;
	e->late = state->sent == EVENT_LATE_OFFSET;
	e->file = EVENT_COOKIE_FILE(cookie);
	read_facts(e);
	if (!name || bpf_probe_read_kernel_str(e->name, sizeof(e->name), name) < 0)
		e->name[0] = 0;
	/* At once: facts that the kernel could not read are in /proc only while it lives. */
	bpf_ringbuf_submit(e, BPF_RB_FORCE_WAKEUP);
}

static __always_inline void report_close(const struct connection_id *id,
					 const struct connection_state *state)
{
	struct event_close *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		count(EVENT_COUNTER_RING_FULL, 1);
		return;
	}
	fill_head(&e->head, EVENT_CLOSE, id, state);
	e->sent = state->sent;
	e->received = state->received;
	submit(e);
}
