/* Records -> connections and chunks. Trusts nothing in a record but its kind: every length is
 * checked against the bytes that are there. A connection is found by (process, start, SSL object);
 * a newer generation on the same object ends the older one. */
#include "capture/capture.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/pages.h"
#include "base/users.h"
#include "bpf/event.h"
#include "capture/facts.h"
#include "capture/intern.h"
#include "capture/ring.h"

_Static_assert(CHUNK_LATE_OFFSET == EVENT_LATE_OFFSET, "the kernel's offsets are ours");

static const uint64_t none[2]; /* lost, by direction */

struct object_key {
	uint64_t ssl, start_ns;
	uint64_t tgid; /* 64 bits: no hole in a hash key */
};

struct entry {
	UT_hash_handle hh;
	struct object_key key;
	struct connection conn;
	uint64_t next[2]; /* offset that is due, by direction */
	uint16_t file;    /* below EVENT_FILES_MAX */
};

struct capture {
	struct capture_options options;
	struct capture_counters counters;
	struct ring *ring;
	struct users *users;
	struct intern *processes;
	struct entry *entries; /* in order of opening */
	int64_t utc_minus_monotonic_ns;
};

int capture_new(const struct capture_options *options, struct capture **ret_capture)
{
	struct capture *c = pages_new(sizeof(*c));
	int code;

	if (!c)
		return -ENOMEM;
	c->options = *options;
	c->users = users_new(options->clock);
	code = c->users ? intern_new(&c->processes) : -ENOMEM;
	if (code == 0 && options->ring_fd >= 0)
		code = ring_open(options->ring_fd, &c->ring);
	if (code < 0) {
		capture_free(c);
		return code;
	}
	*ret_capture = c;
	return 0;
}

static int64_t now_utc(const struct capture *c)
{
	return c->options.clock->now_ns(c->options.clock);
}

static void count_live(struct capture *c)
{
	counter_set(&c->counters.live, HASH_COUNT(c->entries));
	counter_set(&c->counters.processes, intern_count(c->processes));
}

static void close_entry(struct capture *c, struct entry *e, int64_t time_utc_ns,
			const uint64_t lost[2])
{
	HASH_DEL(c->entries, e);
	counter_add(&c->counters.lost_bytes, lost[0] + lost[1]);
	c->options.next->closed(c->options.ctx, &e->conn, time_utc_ns, lost);
	intern_drop(c->processes, e->conn.process);
	connection_set_server(&e->conn, SPAN(""));
	count_live(c);
	free(e);
}

void capture_free(struct capture *c)
{
	if (!c)
		return;
	while (c->entries)
		close_entry(c, c->entries, now_utc(c), none);
	ring_close(c->ring);
	users_free(c->users);
	intern_free(c->processes);
	pages_free(c, sizeof(*c));
}

/* --- connections */

static struct entry *find_entry(struct capture *c, const struct event_head *head)
{
	struct object_key key = { head->ssl, head->start_ns, head->tgid };
	struct entry *e;

	HASH_FIND(hh, c->entries, &key, sizeof(key), e);
	return e;
}

/* /proc for what the kernel could not tell with the record, or for all when that was lost. */
static const struct process *know_process(struct capture *c, const struct event_head *head,
					  const struct event_open *open)
{
	struct process facts;

	memset(&facts, 0, sizeof(facts));
	facts.pid = head->tgid;
	facts.uid = UINT32_MAX;
	facts.start_ns = head->start_ns;
	if (open)
		facts_take(open, &facts);
	(void)process_read(c->options.proc, &facts);
	if (facts.uid != UINT32_MAX)
		users_name(c->users, facts.uid, facts.user);
	return intern_take(c->processes, &facts);
}

/* `open` is NULL when its record was lost. */
static struct entry *open_entry(struct capture *c, const struct event_head *head,
				const struct event_open *open)
{
	const struct process *process;
	struct entry *e;

	if (HASH_COUNT(c->entries) >= CAPTURE_CONNECTIONS_MAX) {
		counter_add(&c->counters.evicted, 1);
		close_entry(c, c->entries, now_utc(c), none);
	}
	process = know_process(c, head, open);
	if (!process)
		return NULL;
	e = calloc(1, sizeof(*e));
	if (!e) {
		intern_drop(c->processes, process);
		return NULL;
	}
	e->key = (struct object_key){ head->ssl, head->start_ns, head->tgid };
	e->conn.key =
	    (struct conn_key){ head->ssl, head->start_ns, head->generation_ns, head->tgid };
	e->conn.process = process;
	e->file = open && open->file < EVENT_FILES_MAX ? (uint16_t)open->file : 0;
	if (open)
		connection_set_server(
		    &e->conn, (struct span){ open->name, strnlen(open->name, sizeof(open->name)) });
	else
		counter_add(&c->counters.unnamed, 1);
	for (int d = 0; open && open->late && d < 2; d++)
		e->next[d] = CHUNK_LATE_OFFSET;
	HASH_ADD(hh, c->entries, key, sizeof(e->key), e);
	counter_add(&c->counters.connections, 1);
	counter_add(&c->counters.of_file[e->file], open != NULL);
	count_live(c);
	c->options.next->opened(c->options.ctx, &e->conn);
	return e;
}

/* The connection a record belongs to, opened when it is new. NULL: of one that has ended. */
static struct entry *entry_for(struct capture *c, const struct event_head *head, int64_t utc_ns,
			       const struct event_open *open)
{
	struct entry *e = find_entry(c, head);
	struct event_open renewed;

	if (e && e->conn.key.generation_ns > head->generation_ns)
		return NULL;
	if (e && e->conn.key.generation_ns < head->generation_ns) {
		if (open && !open->name[0]) {
			renewed = *open;
			span_copy(connection_server(&e->conn), renewed.name, sizeof(renewed.name));
			open = &renewed;
		}
		close_entry(c, e, utc_ns, none);
		e = NULL;
	}
	return e ? e : open_entry(c, head, open);
}

/* --- records */

static void take_data(struct capture *c, const struct event_data *data, size_t bytes,
		      int64_t utc_ns)
{
	size_t room = bytes - offsetof(struct event_data, bytes);
	struct chunk chunk;
	struct entry *e;

	if (data->captured > room || data->captured > data->length ||
	    data->direction > EVENT_RECEIVED || data->offset + data->length < data->offset) {
		counter_add(&c->counters.bad_records, 1);
		return;
	}
	e = entry_for(c, &data->head, utc_ns, NULL);
	if (!e)
		return;
	counter_add(&c->counters.of_file[e->file], 1);
	chunk = (struct chunk){ .data = { (const char *)data->bytes, data->captured },
				.offset = data->offset,
				.length = data->length,
				.time_utc_ns = utc_ns,
				.direction = data->direction == EVENT_SENT ? DIRECTION_SENT
									   : DIRECTION_RECEIVED,
				.cut = data->cut };
	if (chunk.offset < e->next[chunk.direction]) {
		counter_add(&c->counters.bad_records, 1);
		return;
	}
	counter_add(&c->counters.bytes, data->captured);
	counter_add(chunk.cut ? &c->counters.cut_bytes : &c->counters.lost_bytes,
		    chunk.length - chunk.data.len);
	counter_add(&c->counters.lost_bytes, chunk.offset - e->next[chunk.direction]);
	e->next[chunk.direction] = chunk.offset + chunk.length;
	c->options.next->chunk(c->options.ctx, &e->conn, &chunk);
}

static void take_close(struct capture *c, const struct event_close *close, int64_t utc_ns)
{
	struct entry *e = find_entry(c, &close->head);
	uint64_t lost[2] = { 0, 0 };

	if (!e || e->conn.key.generation_ns != close->head.generation_ns)
		return;
	counter_add(&c->counters.of_file[e->file], 1);
	if (close->sent > e->next[DIRECTION_SENT])
		lost[DIRECTION_SENT] = close->sent - e->next[DIRECTION_SENT];
	if (close->received > e->next[DIRECTION_RECEIVED])
		lost[DIRECTION_RECEIVED] = close->received - e->next[DIRECTION_RECEIVED];
	close_entry(c, e, utc_ns, lost);
}

void capture_record(struct capture *c, const void *record, size_t bytes)
{
	const struct event_head *head = record;
	int64_t utc_ns;

	counter_add(&c->counters.records, 1);
	if (bytes < sizeof(*head)) {
		counter_add(&c->counters.bad_records, 1);
		return;
	}
	utc_ns = (int64_t)head->time_ns + c->utc_minus_monotonic_ns;
	if (head->type == EVENT_DATA && bytes >= sizeof(struct event_data))
		take_data(c, record, bytes, utc_ns);
	else if (head->type == EVENT_OPEN && bytes >= sizeof(struct event_open))
		(void)entry_for(c, head, utc_ns, record);
	else if (head->type == EVENT_CLOSE && bytes >= sizeof(struct event_close))
		take_close(c, record, utc_ns);
	else
		counter_add(&c->counters.bad_records, 1);
}

/* --- the ring */

static void on_record(void *ctx, const void *record, size_t bytes)
{
	capture_record(ctx, record, bytes);
}

int capture_fd(const struct capture *c)
{
	return c->options.ring_fd;
}

static void wait_for(struct capture *c, uint32_t bytes)
{
	atomic_store_explicit(c->options.wait_bytes, bytes, memory_order_relaxed);
}

unsigned capture_drain(struct capture *c, unsigned max)
{
	const struct clock *clock = c->options.clock;

	wait_for(c, 0);
	/* Anew each time: the wall clock may have been set. */
	c->utc_minus_monotonic_ns = clock->now_ns(clock) - clock->monotonic_ns(clock);
	return ring_drain(c->ring, max, on_record, c);
}

bool capture_sleep(struct capture *c)
{
	wait_for(c, 1);
	/* The kernel takes room in the ring, then reads this; we write it, then look at the room
	 * taken: one of the two sees the other. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!ring_holds_any(c->ring))
		return true;
	wait_for(c, 0);
	return false;
}

void capture_nap(struct capture *c)
{
	wait_for(c, (uint32_t)(ring_bytes(c->ring) / 4));
}

void capture_sweep(struct capture *c)
{
	struct entry *e, *next;

	HASH_ITER(hh, c->entries, e, next) {
		if (kill((pid_t)e->conn.key.tgid, 0) == 0 || errno != ESRCH)
			continue;
		counter_add(&c->counters.evicted, 1);
		close_entry(c, e, now_utc(c), none);
	}
}

const struct capture_counters *capture_counters(const struct capture *c)
{
	return &c->counters;
}
