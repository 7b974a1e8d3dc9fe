/* Connections that were there before the hooks: user space reads them from an iterator over the
 * open files of all processes, which sees every network namespace and tells whose they are. */
#pragma once

#include "flow_maps.h"

static __always_inline void older_fill(struct flow_older *e, struct sock_common *sk,
				       struct tcp_sock *tcp)
{
	__be32 v4 = sk->skc_daddr;

	e->head.type = FLOW_OLDER;
	e->head.cookie = bpf_get_socket_cookie(sk);
	e->head.time_ns = bpf_ktime_get_ns();
	e->sent = BPF_CORE_READ(tcp, bytes_acked);
	e->sent -= e->sent > 0; /* the SYN */
	e->received = BPF_CORE_READ(tcp, bytes_received);
	if (sk->skc_family == AF_INET) {
		e->remote[10] = e->remote[11] = 0xff;
		__builtin_memcpy(e->remote + 12, &v4, sizeof(v4));
	} else {
		BPF_CORE_READ_INTO(&e->remote, sk, skc_v6_daddr);
	}
}

SEC("iter/task_file")
int flow_older(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket *socket = task && file ? bpf_sock_from_file(file) : NULL;
	struct sock_common *sk = socket ? socket->sk : NULL;
	struct flow_older e = {};
	struct tcp_sock *tcp;

	if (!sk || sk->skc_state != BPF_TCP_ESTABLISHED || sk->skc_dport != bpf_htons(HTTPS))
		return 0;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp || bpf_sk_storage_get(&sockets, tcp, NULL, 0))
		return 0;
	e.tgid = task->tgid;
	older_fill(&e, sk, tcp);
	bpf_seq_write(ctx->meta->seq, &e, sizeof(e));
	return 0;
}
