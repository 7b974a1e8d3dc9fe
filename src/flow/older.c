/* An array that only shrinks after its first round. */
#include "flow/older.h"

#include <stdlib.h>
#include <string.h>

#include "base/process.h"

struct entry {
	struct flow_older last; /* as of the latest round */
	bool is_open, is_metered;
	char host[FLOW_NAME_MAX]; /* empty: not known */
};

struct older {
	const char *proc;
	unsigned n, rounds, dropped;
	struct entry *entries;
};

struct older *older_new(const char *proc)
{
	struct older *o = calloc(1, sizeof(*o));

	if (o)
		o->proc = proc;
	return o;
}

void older_free(struct older *o)
{
	if (!o)
		return;
	free(o->entries);
	free(o);
}

unsigned older_count(const struct older *o)
{
	return o->n;
}

/* --- rounds */

void older_begin(struct older *o)
{
	for (unsigned i = 0; i < o->n; i++)
		o->entries[i].is_open = false;
}

static struct entry *make_entry(struct older *o)
{
	struct entry *grown;

	if (o->n == OLDER_MAX) {
		o->dropped++;
		return NULL;
	}
	grown = realloc(o->entries, (o->n + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	o->entries = grown;
	memset(&grown[o->n], 0, sizeof(*grown));
	return &grown[o->n++];
}

void older_add(struct older *o, const struct flow_older *record)
{
	struct entry *e = NULL;

	for (unsigned i = 0; i < o->n && !e; i++)
		if (o->entries[i].last.head.cookie == record->head.cookie)
			e = &o->entries[i];
	/* Others are new, and have said their hello to the hooks, a dead agent's perhaps. */
	if (!e && (o->rounds == 0 || record->host))
		e = make_entry(o);
	if (!e || e->is_open) /* another process has it open too: it is of the first */
		return;
	e->last = *record;
	e->is_open = true;
}

unsigned older_end(struct older *o)
{
	unsigned n = 0, dropped = o->dropped;

	for (unsigned i = 0; i < o->n; i++)
		if (o->entries[i].is_open)
			o->entries[n++] = o->entries[i];
	o->n = n;
	o->dropped = 0;
	o->rounds++;
	return dropped;
}

bool older_hello(const struct flow_older *record, struct flow_hello *ret_hello)
{
	if (record->head.type != FLOW_OLDER || !record->host)
		return false;
	*ret_hello = (struct flow_hello){ .head = record->head,
					  .start_ns = record->start_ns,
					  .cgroup_id = record->cgroup_id,
					  .host = record->host,
					  .tgid = record->tgid,
					  .uid = record->uid,
					  .remote_port = record->remote_port,
					  .local_port = record->local_port };
	memcpy(ret_hello->remote, record->remote, sizeof(record->remote));
	memcpy(ret_hello->local, record->local, sizeof(record->local));
	return true;
}

/* --- what is learnt of them */

void older_named(struct older *o, const uint8_t remote[static 16], const char *host)
{
	for (unsigned i = 0; i < o->n; i++) {
		struct entry *e = &o->entries[i];

		if (!e->host[0] && !memcmp(e->last.remote, remote, sizeof(e->last.remote)))
			span_copy(span_of(host), e->host, sizeof(e->host));
	}
}

void older_captured(struct older *o, uint32_t tgid, struct span server)
{
	for (unsigned i = 0; i < o->n; i++) {
		struct entry *e = &o->entries[i];

		if (e->last.tgid != tgid || e->is_metered ||
		    (e->host[0] && !span_eq(span_of(e->host), server)))
			continue;
		e->is_metered = true;
		return;
	}
}

void older_put(const struct older *o, struct users *users, int64_t now_utc_ns,
	       struct unmetered *table)
{
	for (unsigned i = 0; i < o->n; i++) {
		const struct entry *e = &o->entries[i];
		struct process process = { .pid = e->last.tgid, .uid = UINT32_MAX };
		struct flow_unmetered row = { .reason = FLOW_REASON_LATE,
					      .pid = e->last.tgid,
					      .connections = 1,
					      .open = 1,
					      .sent = e->last.sent,
					      .received = e->last.received,
					      .last_seen_ns = now_utc_ns };

		if (!e->host[0] || e->is_metered)
			continue;
		(void)process_read(o->proc, &process);
		span_copy(process.exe[0] ? span_of(process.exe) : SPAN("[not known]"), row.exe,
			  sizeof(row.exe));
		memcpy(row.host, e->host, sizeof(row.host));
		if (process.uid != UINT32_MAX)
			users_name(users, process.uid, row.user);
		(void)unmetered_add(table, &row);
	}
}
