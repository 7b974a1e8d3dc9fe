/* Who makes a connection, read in the kernel while it is certain to live: a client may end before
 * user space has looked into /proc. What cannot be read leaves its bit of `known` unset; user space
 * then asks /proc. */
#pragma once

#include "labels.h"
#include "maps.h"
#include "names.h"

/* The number of the process in its own pid namespace, the innermost it has one in. */
static __always_inline __u32 read_ns_pid(struct task_struct *leader)
{
	struct pid *pid = BPF_CORE_READ(leader, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);
	struct upid *upid = (void *)pid + bpf_core_field_offset(struct pid, numbers) +
			    level * bpf_core_type_size(struct upid);

	return BPF_CORE_READ(upid, nr);
}

static __always_inline void read_facts(struct event_open *e)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	e->known = 0;
	e->uid = bpf_get_current_uid_gid();
	e->ns_pid = read_ns_pid(leader);
	e->cgroup_id = bpf_get_current_cgroup_id();
	BPF_CORE_READ_INTO(&e->comm, leader, comm);
	read_labels(task, e);
	read_exe(task, e);
	read_cgroup(leader, e);
}
