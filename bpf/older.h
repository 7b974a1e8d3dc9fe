/* Connections that were there before the hooks: user space reads them from an iterator. */
#pragma once

#include "flow_maps.h"

static __always_inline void older_fill(struct flow_older *e, struct sock_common *sk,
				       struct tcp_sock *tcp)
{
	struct socket_alloc *socket = BPF_CORE_READ((struct sock *)sk, sk_socket);
	__be32 v4 = sk->skc_daddr;

	e->head.type = FLOW_OLDER;
	e->head.cookie = bpf_get_socket_cookie(sk);
	e->head.time_ns = bpf_ktime_get_ns();
	e->inode = socket ? BPF_CORE_READ(socket, vfs_inode.i_ino) : 0;
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

SEC("iter/tcp")
int flow_older(struct bpf_iter__tcp *ctx)
{
	struct sock_common *sk = ctx->sk_common;
	struct flow_older e = {};
	struct tcp_sock *tcp;

	if (!sk || sk->skc_state != BPF_TCP_ESTABLISHED || sk->skc_dport != bpf_htons(HTTPS))
		return 0;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp || bpf_sk_storage_get(&sockets, tcp, NULL, 0))
		return 0;
	older_fill(&e, sk, tcp);
	bpf_seq_write(ctx->meta->seq, &e, sizeof(e));
	return 0;
}
