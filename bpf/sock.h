/* As kernel.h, of sockets. */
#pragma once

#include "kernel.h"

struct in6_addr {
	__u8 bytes[16];
};

struct sock_common {
	unsigned long skc_flags; /* bits of enum sock_flags */
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num; /* the local port */
	__u16 skc_family;
	volatile unsigned char skc_state;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
} READ_BY_NAME;

struct socket {
	struct sock_common *sk; /* a struct sock, which begins with it */
} READ_BY_NAME;

struct tcp_sock {
	__u32 snd_una, snd_nxt;
	__u64 bytes_acked;
	__u64 bytes_received;
} READ_BY_NAME;

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
} READ_BY_NAME;

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
} READ_BY_NAME;

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct file *file;
} READ_BY_NAME;
