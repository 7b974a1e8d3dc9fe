/* OUTLAY_LABELS in the environment of a process: of all that stands there, its value alone leaves
 * the kernel. */
#pragma once

#include "maps.h"

#define LABELS_KEY     "OUTLAY_LABELS="
#define LABELS_KEY_LEN (sizeof(LABELS_KEY) - 1)
#define ENTRIES_MAX    4096 /* pieces of an environment that are looked at */

struct environment {
	char *out; /* EVENT_LABELS_MAX bytes */
	__u64 at, end;
	__u32 inside; /* `at` is inside an entry that is longer than `out` */
	__u32 found;
};

static long environment_step(__u32 index, struct environment *env)
{
	static const char key[] = LABELS_KEY;
	long n = env->at < env->end
		     ? bpf_probe_read_user_str(env->out, EVENT_LABELS_MAX, (void *)env->at)
		     : 0;
	__u32 other = env->inside;

	(void)index;
	if (n <= 0)
		return 1;
	for (__u32 i = 0; i < LABELS_KEY_LEN; i++)
		other |= env->out[i] ^ key[i];
	if (!other) {
		env->found = bpf_probe_read_user_str(env->out, EVENT_LABELS_MAX,
						     (void *)(env->at + LABELS_KEY_LEN)) > 0;
		return 1;
	}
	env->inside = n == EVENT_LABELS_MAX;
	env->at += n - env->inside;
	return 0;
}

static __always_inline void read_labels(struct task_struct *task, struct event_open *e)
{
	struct environment env = { .out = e->labels };

	env.at = BPF_CORE_READ(task, mm, env_start);
	env.end = BPF_CORE_READ(task, mm, env_end);
	bpf_loop(ENTRIES_MAX, environment_step, &env, 0);
	if (!env.found)
		e->labels[0] = 0;
	if (env.found || env.at >= env.end)
		e->known |= EVENT_KNOWS_LABELS;
}
