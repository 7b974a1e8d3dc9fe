/* Connections that the agent was not told of: those before the hooks, and those of which only a
 * dead agent's kept hooks know. User space reads them from an iterator over the open files of all
 * processes, which sees every network namespace and tells whose they are. */
#pragma once

#include "block.h"
#include "flow_maps.h"
#include "packet.h"

static __always_inline void older_fill(struct flow_older *e, struct sock_common *sk,
				       struct tcp_sock *tcp)
{
	e->head.type = FLOW_OLDER;
	e->head.cookie = bpf_get_socket_cookie(sk);
	e->head.time_ns = bpf_ktime_get_ns();
	e->sent = BPF_CORE_READ(tcp, bytes_acked);
	e->sent -= e->sent > 0; /* the SYN */
	e->received = BPF_CORE_READ(tcp, bytes_received);
	e->remote_port = bpf_ntohs(sk->skc_dport);
	e->local_port = sk->skc_num;
	if (sk->skc_family == AF_INET) {
		*(struct address *)e->remote = address_of_v4(sk->skc_daddr);
		*(struct address *)e->local = address_of_v4(sk->skc_rcv_saddr);
	} else {
		BPF_CORE_READ_INTO(&e->remote, sk, skc_v6_daddr);
		BPF_CORE_READ_INTO(&e->local, sk, skc_v6_rcv_saddr);
	}
}

static __always_inline void older_inherit(struct flow_older *e, const struct flow_socket *s)
{
	e->host = s->host;
	e->start_ns = s->start_ns;
	e->cgroup_id = s->cgroup_id;
	e->uid = s->uid;
	e->tgid = s->tgid;
}

SEC("iter/task_file")
int flow_older(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket *socket = task && file ? bpf_sock_from_file(file) : NULL;
	struct sock_common *sk = socket ? socket->sk : NULL;
	struct flow_older e = {};
	struct flow_socket *s;
	struct tcp_sock *tcp;

	if (!sk || sk->skc_state != BPF_TCP_ESTABLISHED)
		return 0;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp)
		return 0;
	s = bpf_sk_storage_get(&sockets, tcp, NULL, 0);
	if (s ? s->state != STATE_PROVIDER || s->agent == control.agent
	      : sk->skc_dport != bpf_htons(HTTPS))
		return 0;
	e.tgid = task->tgid;
	if (s)
		older_inherit(&e, s);
	older_fill(&e, sk, tcp);
	bpf_seq_write(ctx->meta->seq, &e, sizeof(e));
	return 0;
}
