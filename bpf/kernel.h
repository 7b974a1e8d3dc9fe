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

struct task_struct {
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	int pid; /* the thread */
	int tgid;
	__u64 start_boottime;
	char comm[16];
} __attribute__((preserve_access_index));

struct sock_common {
	unsigned long skc_flags; /* bits of enum sock_flags */
} __attribute__((preserve_access_index));
