/* What the programs need of the kernel's types: the UAPI headers, and of its internal structs only
 * the fields that are read (CO-RE finds them by name, so no generated vmlinux.h). */
#pragma once

#include <asm/ptrace.h>
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define READ_BY_NAME __attribute__((preserve_access_index))

struct dentry {
	struct dentry *d_parent;
	struct {
		const unsigned char *name;
	} d_name;
} READ_BY_NAME;

struct vfsmount {
	struct dentry *mnt_root;
} READ_BY_NAME;

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
} READ_BY_NAME;

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
} READ_BY_NAME;

struct file {
	struct path f_path;
} READ_BY_NAME;

struct mm_struct {
	unsigned long env_start, env_end;
	struct file *exe_file;
} READ_BY_NAME;

struct kernfs_node {
	const char *name;
	struct kernfs_node *__parent;
} READ_BY_NAME;

/* Before Linux 6.15. */
struct kernfs_node___old {
	struct kernfs_node *parent;
} READ_BY_NAME;

struct cgroup {
	struct kernfs_node *kn;
} READ_BY_NAME;

struct css_set {
	struct cgroup *dfl_cgrp; /* in the one hierarchy of version 2 */
} READ_BY_NAME;

struct upid {
	int nr;
} READ_BY_NAME;

struct pid {
	unsigned int level;
	struct upid numbers[1];
} READ_BY_NAME;

struct task_struct {
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	struct mm_struct *mm;
	struct pid *thread_pid;
	struct css_set *cgroups;
	unsigned int flags;
	int pid; /* the thread */
	int tgid;
	__u64 start_boottime;
	char comm[16];
} READ_BY_NAME;
