/* Loads bpf/flow.bpf.c and attaches it at the root of the cgroup hierarchy, so for every process of
 * the host. What the kernel refuses is a feature that is off and says why, never a failed start. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "bpf/flow_block.h"
#include "bpf/flow_event.h"

struct hooks;

struct hooks_options {
	/* Maps of the TLS programs (bpf/shared.h), borrowed. */
	int hosts_fd, wildcards_fd, connections_fd, handshakes_fd;
	bool refuse_connect; /* bpf/refuse.h */
	const char *pins;    /* the folder of flow/pins.h; NULL: none */
	bool keeps;          /* what stops stays there when the agent dies */
	void (*record)(void *ctx, const void *record, size_t bytes);
	void *ctx;
};

struct hooks_feature {
	const char *name;
	int code; /* 0: on; -errno: refused */
};

/* -errno with one line: nothing could be loaded, or there is no cgroup v2 to attach to. */
int hooks_new(const struct hooks_options *options, struct hooks **ret_hooks, struct err *err);
void hooks_free(struct hooks *hooks);

/* One a program, in the order of their use; the array is the hooks' own. */
const struct hooks_feature *hooks_features(const struct hooks *hooks, unsigned *ret_n);

/* 0: what stops stays there when the agent dies, or that was not asked for. */
int hooks_kept(const struct hooks *hooks);

/* Readable when a record should not wait; the others are there to be drained at leisure. */
int hooks_fd(const struct hooks *hooks);
/* Hands on every record; returns how many. */
unsigned hooks_drain(struct hooks *hooks);

/* Hands on the open connections of which these hooks handed on no hello, in whatever network
 * namespace: a struct flow_older for each process that has one open. -errno: the kernel cannot
 * tell. */
int hooks_older(struct hooks *hooks);

/* The link of the iterator of bpf/sweep.h. -1: not with this kernel. */
int hooks_sweeper(const struct hooks *hooks);

/* The map of bpf/block.h: writes a key, or removes it (mode NULL). 0 or -errno. */
int hooks_write_block(struct hooks *hooks, const struct flow_block *key, const uint32_t *mode);
/* What its socket's call is, for what is stopped. 0 or -errno. */
int hooks_tell_call(struct hooks *hooks, uint64_t cookie, enum flow_call call);
/* What was written counts from now on, for every socket; what a dead agent kept ends with the next
 * beat. */
void hooks_publish_blocks(struct hooks *hooks);
/* The agent lives: without this for `patience_ns` nothing is refused any more, or with
 * `fail_closed` what was. When the agent is gone its hooks are, and nothing is refused, unless it
 * keeps them. The first beat after orders ends what a dead agent kept, and hands on connections as
 * hooks_older does. */
void hooks_beat(struct hooks *hooks, int64_t patience_ns, bool fail_closed);

/* Sums the per-CPU counters. */
void hooks_read_counters(const struct hooks *hooks, uint64_t ret[static FLOW_COUNTER_MAX]);
