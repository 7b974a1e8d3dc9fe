/* crypto/tls of Go 1.18 and later, x86-64. ABIInternal: the receiver in RAX, a slice in RBX, RCX,
 * RDI, the result in RAX, the goroutine in R14.
 *
 * A write is reported when it begins, once the handshake is done: another goroutine may read the
 * answer before this one has returned. One that fails leaves the connection unusable, so no byte is
 * reported twice. Other calls are reported when they return. */
#pragma once

#include "go_call.h"
#include "go_conn.h"

#ifdef __TARGET_ARCH_x86

SEC("uprobe")
int go_read(struct pt_regs *ctx)
{
	struct connection_id id = id_of(ctx->rax);

	if (go_judge(&id, bpf_get_attach_cookie(ctx)) != GO_OTHER)
		go_enter(ctx, &id, EVENT_RECEIVED);
	return 0;
}

SEC("uprobe")
int go_write(struct pt_regs *ctx)
{
	__u64 layout = bpf_get_attach_cookie(ctx);
	struct connection_id id = id_of(ctx->rax);
	enum go_verdict verdict = go_judge(&id, layout);
	struct connection_state *state;
	__u32 done = 0;

	if (verdict == GO_OTHER || !ctx->rcx)
		return 0;
	state = verdict == GO_FOLLOWED ? connection_find(&id) : NULL;
	bpf_probe_read_user(&done, sizeof(done), (void *)id.ssl + EVENT_GO_HANDSHAKE(layout));
	if (!state || done != 1) {
		go_enter(ctx, &id, EVENT_SENT);
		return 0;
	}
	count(EVENT_COUNTER_CALLS_SEEN, 1);
	report_call(&id, state, EVENT_SENT, ctx->rbx, ctx->rcx);
	return 0;
}

/* On every RET of both. */
SEC("uprobe")
int go_return(struct pt_regs *ctx)
{
	go_leave(ctx);
	return 0;
}

/* Before a client says hello: the one moment at which every Conn is seen from its start. */
SEC("uprobe")
int go_hello(struct pt_regs *ctx)
{
	struct connection_id id = id_of(ctx->rax);
	struct connection_state *state;

	if (go_judge(&id, bpf_get_attach_cookie(ctx)) != GO_FOLLOWED)
		return 0;
	state = connection_find(&id);
	if (state)
		handshake_used(&id, state);
	return 0;
}

SEC("uprobe")
int go_close(struct pt_regs *ctx)
{
	struct connection_id id = id_of(ctx->rax);

	go_ended(&id);
	return 0;
}

#endif
