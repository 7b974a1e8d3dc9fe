/* Destroys in one walk what is cut of the sockets of a network namespace, that of whoever walks:
 * those that may not end their call, and those that the agent says are between two. Their programs
 * get ECONNABORTED, the walker their cookies. */
#pragma once

#include "block.h"

/* Since Linux 6.5: without it this one program is not loaded. */
int bpf_sock_destroy(struct sock_common *sk) __weak __ksym;

static __always_inline bool sweep_is_due(struct flow_socket *s, __u64 cookie)
{
	__u32 mode = block_mode(s);

	return (mode == FLOW_CUT_NOW || (mode == FLOW_CUT && spare_of(cookie, FLOW_IS_OVER))) &&
	       block_holds();
}

SEC("iter/tcp")
int flow_sweep(struct bpf_iter__tcp *ctx)
{
	struct sock_common *sk = ctx->sk_common;
	struct flow_socket *s = sk ? bpf_sk_storage_get(&sockets, sk, NULL, 0) : NULL;
	__u64 cookie;

	if (!s || s->state != STATE_PROVIDER)
		return 0;
	cookie = bpf_get_socket_cookie(sk);
	if (sweep_is_due(s, cookie) && bpf_sock_destroy(sk) == 0)
		bpf_seq_write(ctx->meta->seq, &cookie, sizeof(cookie));
	return 0;
}
