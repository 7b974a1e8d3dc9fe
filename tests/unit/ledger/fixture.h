/* What the tests of the ledger share: a state directory of their own, and events whose every field
 * follows from one number, so that each has rows of `caller` and `service` of its own. */
#pragma once

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/ledger.h"

struct fixture {
	char base[64];
	char dir[80];
	char db[96];
	char wal[100];
};

static inline int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	*state = f;
	/* In memory where it can be: hundreds of databases are made, and no test cuts the power. */
	snprintf(f->base, sizeof(f->base), "%s/outlay-ledger-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(f->base))
		return -1;
	snprintf(f->dir, sizeof(f->dir), "%s/state", f->base);
	snprintf(f->db, sizeof(f->db), "%s/ledger.db", f->dir);
	snprintf(f->wal, sizeof(f->wal), "%s-wal", f->db);
	return 0;
}

static inline int fixture_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	nftw(f->base, fixture_remove, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

/* Money of event n. */
static inline int64_t fixture_cost(int64_t n)
{
	return n * 1000003 % 100000000007;
}

static inline struct uuid fixture_id(int64_t n)
{
	struct uuid id = { .bytes[15] = 1 };

	for (int i = 0; i < 8; i++)
		id.bytes[i] = (uint8_t)((uint64_t)n >> (56 - 8 * i));
	return id;
}

static inline struct verdict fixture_event(int64_t n)
{
	struct verdict v = { .charge = { .source = COST_CATALOG, .cost_pico = fixture_cost(n) } };
	struct usage *usage = &v.charge.usage;

	usage->time_start_ns = 1764000000000000000 + n * 1000000000;
	usage->time_end_ns = usage->time_start_ns + 500000000;
	usage->event_id = fixture_id(n);
	usage->ttfb_ns = n % 1000 * 1000;
	usage->process.pid = (uint32_t)n;
	usage->process.uid = (uint32_t)(n % 3);
	snprintf(usage->process.exe, sizeof(usage->process.exe), "/usr/bin/program-%d", (int)n);
	snprintf(usage->error, sizeof(usage->error), "error-%d", (int)n);
	snprintf(usage->provider, sizeof(usage->provider), "openai");
	snprintf(usage->model, sizeof(usage->model), "gpt-4o-mini");
	usage->counts[USAGE_INPUT] = n;
	usage->present = 1 << USAGE_INPUT;
	return v;
}

/* Makes a ledger of events 1 to n and closes it. 0 or -errno. */
static inline int fixture_fill(const struct fixture *f, int64_t n)
{
	struct ledger *ledger;
	struct err err = { "" };
	int code = ledger_open(f->dir, &ledger, &err);
	int64_t seq;

	if (code < 0)
		return code;
	code = ledger_begin(ledger);
	for (int64_t i = 1; i <= n && code == 0; i++) {
		struct verdict v = fixture_event(i);

		code = ledger_add(ledger, &v, &seq);
	}
	if (code == 0)
		code = ledger_commit(ledger);
	ledger_close(ledger);
	return code;
}

struct fixture_bytes {
	size_t len;
	unsigned char data[1 << 20];
};

static inline void fixture_load(const char *path, struct fixture_bytes *bytes)
{
	FILE *file = fopen(path, "rb");

	bytes->len = file ? fread(bytes->data, 1, sizeof(bytes->data), file) : 0;
	if (file)
		fclose(file);
}

static inline void fixture_store(const char *path, const struct fixture_bytes *bytes)
{
	FILE *file = fopen(path, "wb");

	if (!file || fwrite(bytes->data, 1, bytes->len, file) != bytes->len)
		abort();
	fclose(file);
}
