/* An array that only shrinks after its first round. Who owns a socket is asked once: of all
 * processes, by the inode of the socket among their files. */
#include "flow/older.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/process.h"

struct entry {
	struct flow_older last; /* as of the latest round */
	uint32_t tgid;          /* 0: not known */
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
	/* Others are new, and have said their hello to the hooks. */
	if (!e && o->rounds == 0)
		e = make_entry(o);
	if (!e)
		return;
	e->last = *record;
	e->is_open = true;
}

/* "socket:[INODE]" */
static bool inode_of(const char *path, uint64_t *ret_inode)
{
	char target[64];
	ssize_t n = readlink(path, target, sizeof(target));
	struct span text = { target, n > 0 ? (size_t)n : 0 };

	if (!span_starts(text, SPAN("socket:[")) || text.ptr[text.len - 1] != ']')
		return false;
	text = span_skip(text, sizeof("socket:[") - 1);
	return span_u64(span_head(text, text.len - 1), ret_inode) == 0;
}

static void found_socket(struct older *o, uint64_t inode, uint32_t tgid)
{
	for (unsigned i = 0; i < o->n; i++)
		if (o->entries[i].last.inode == inode && !o->entries[i].tgid)
			o->entries[i].tgid = tgid;
}

static void look_into(struct older *o, uint32_t tgid)
{
	char folder[64], path[128];
	uint64_t inode;
	DIR *files;

	snprintf(folder, sizeof(folder), "%s/%" PRIu32 "/fd", o->proc, tgid);
	files = opendir(folder);
	if (!files)
		return;
	for (struct dirent *file = readdir(files); file; file = readdir(files)) {
		snprintf(path, sizeof(path), "%s/%.16s", folder, file->d_name);
		if (inode_of(path, &inode))
			found_socket(o, inode, tgid);
	}
	closedir(files);
}

static void find_owners(struct older *o)
{
	DIR *processes = o->n ? opendir(o->proc) : NULL;
	uint64_t tgid;

	if (!processes)
		return;
	for (struct dirent *entry = readdir(processes); entry; entry = readdir(processes))
		if (span_u64(span_of(entry->d_name), &tgid) == 0 && tgid <= UINT32_MAX)
			look_into(o, (uint32_t)tgid);
	closedir(processes);
}

unsigned older_end(struct older *o)
{
	unsigned n = 0, dropped = o->dropped;

	for (unsigned i = 0; i < o->n; i++)
		if (o->entries[i].is_open)
			o->entries[n++] = o->entries[i];
	o->n = n;
	o->dropped = 0;
	if (o->rounds++ == 0)
		find_owners(o);
	return dropped;
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

		if (e->tgid != tgid || e->is_metered ||
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
		struct process process = { .pid = e->tgid, .uid = UINT32_MAX };
		struct flow_unmetered row = { .reason = FLOW_REASON_LATE,
					      .pid = e->tgid,
					      .connections = 1,
					      .open = 1,
					      .sent = e->last.sent,
					      .received = e->last.received,
					      .last_seen_ns = now_utc_ns };

		if (!e->host[0] || e->is_metered)
			continue;
		if (process.pid)
			(void)process_read(o->proc, &process);
		span_copy(process.exe[0] ? span_of(process.exe) : SPAN("[not known]"), row.exe,
			  sizeof(row.exe));
		memcpy(row.host, e->host, sizeof(row.host));
		if (process.uid != UINT32_MAX)
			users_name(users, process.uid, row.user);
		(void)unmetered_add(table, &row);
	}
}
