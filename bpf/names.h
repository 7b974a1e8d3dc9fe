/* Paths, as their names from the last to the first: of an executable through its mounts, and of a
 * cgroup. */
#pragma once

#include "maps.h"

#define NAMES_MAX 64 /* names of a path, and mounts */

struct names {
	char *out; /* EVENT_PATH_MAX bytes */
	__u32 used;
	__u32 whole; /* the first name was reached */
	void *at;    /* struct dentry or struct kernfs_node */
	struct mount *mount;
};

/* False when there is no room for one more. */
static __always_inline bool put_name(struct names *names, const void *name)
{
	__u32 used = names->used;
	long n;

	if (used >= EVENT_PATH_MAX - EVENT_PATH_NAME_MAX)
		return false;
	n = bpf_probe_read_kernel_str(names->out + used, EVENT_PATH_NAME_MAX, name);
	if (n <= 1)
		return false;
	names->used = used + n;
	return true;
}

static __always_inline bool end_names(struct names *names)
{
	__u32 used = names->used;

	if (used < EVENT_PATH_MAX)
		names->out[used] = 0;
	return names->whole;
}

static long path_step(__u32 index, struct names *names)
{
	struct dentry *dentry = names->at;
	struct mount *mount = names->mount, *above;

	(void)index;
	if (dentry != BPF_CORE_READ(mount, mnt.mnt_root)) {
		names->at = BPF_CORE_READ(dentry, d_parent);
		return names->at == dentry || !put_name(names, BPF_CORE_READ(dentry, d_name.name));
	}
	above = BPF_CORE_READ(mount, mnt_parent);
	if (above == mount) {
		names->whole = true;
		return 1;
	}
	names->at = BPF_CORE_READ(mount, mnt_mountpoint);
	names->mount = above;
	return 0;
}

static __always_inline void read_exe(struct task_struct *task, struct event_open *e)
{
	struct names names = { .out = e->exe };
	struct vfsmount *mnt = BPF_CORE_READ(task, mm, exe_file, f_path.mnt);

	names.at = BPF_CORE_READ(task, mm, exe_file, f_path.dentry);
	names.mount = (void *)mnt - bpf_core_field_offset(struct mount, mnt);
	if (mnt)
		bpf_loop(NAMES_MAX, path_step, &names, 0);
	if (end_names(&names))
		e->known |= EVENT_KNOWS_EXE;
}

static long cgroup_step(__u32 index, struct names *names)
{
	struct kernfs_node *node = names->at;
	struct kernfs_node___old *old = names->at;
	void *parent = bpf_core_field_exists(node->__parent) ? BPF_CORE_READ(node, __parent)
							     : BPF_CORE_READ(old, parent);

	(void)index;
	if (!parent) {
		names->whole = true;
		return 1;
	}
	names->at = parent;
	return !put_name(names, BPF_CORE_READ(node, name));
}

static __always_inline void read_cgroup(struct task_struct *task, struct event_open *e)
{
	struct names names = { .out = e->cgroup };

	names.at = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);
	if (names.at)
		bpf_loop(NAMES_MAX, cgroup_step, &names, 0);
	if (end_names(&names))
		e->known |= EVENT_KNOWS_CGROUP;
}
