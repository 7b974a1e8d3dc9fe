/* Reads and writes that one thread enters and leaves, whatever the library. Reported at the end:
 * then the bytes have moved, and a retry of the same buffer is not seen twice. */
#pragma once

#include "late.h"
#include "report.h"

/* The verifier wants each register read at a constant place: hence the barriers. */
static __always_inline __u64 argument(struct pt_regs *ctx, __u8 n)
{
	__u64 fourth = PT_REGS_PARM4(ctx), fifth = PT_REGS_PARM5(ctx);

	barrier_var(fourth);
	barrier_var(fifth);
	return n == 4 ? fourth : n == 5 ? fifth : 0;
}

/* The place for what this thread reads, or writes. NULL: none, with `flags` 0, or no memory. */
static __always_inline struct call *call_of_thread(union probe_cookie cookie, __u64 flags)
{
	struct thread_calls *calls_in =
	    bpf_task_storage_get(&calls, bpf_get_current_task_btf(), NULL, flags);

	return calls_in ? &calls_in->in[cookie.direction == EVENT_RECEIVED] : NULL;
}

/* (object, buffer, length, ...), with a union probe_cookie. True: the connection is followed, so
 * the end of the call matters. */
static __always_inline bool call_begin(struct pt_regs *ctx)
{
	struct connection_id id = id_of(PT_REGS_PARM1(ctx));
	struct connection_state *state = connection_find(&id);
	union probe_cookie cookie;
	struct call *call;

	if (state ? state->host_id == HOST_UNKNOWN : process_has_past())
		state = late_look(ctx, &id);
	if (!state)
		return false;
	handshake_used(&id, state);
	count(EVENT_COUNTER_CALLS_SEEN, 1);
	cookie.word = bpf_get_attach_cookie(ctx);
	call = call_of_thread(cookie, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!call) {
		/* A gap of as much as it can move. */
		*connection_moved(state, cookie.direction) +=
		    cookie.unseen ? 1 : PT_REGS_PARM3(ctx);
		count(EVENT_COUNTER_CALLS_FULL, 1);
		return false;
	}
	/* A call that another of its kind makes on the same object is a part of it. One that was
	 * never left, by a longjmp, is not above us on the stack any more. */
	if (call->ssl == id.ssl && PT_REGS_SP(ctx) < call->sp)
		return false;
	call->ssl = id.ssl;
	call->buffer = PT_REGS_PARM2(ctx);
	call->length = PT_REGS_PARM3(ctx);
	call->count_at = argument(ctx, cookie.count_argument);
	call->sp = PT_REGS_SP(ctx);
	call->cookie = cookie;
	return true;
}

/* Only now is it known for sure: before the handshake an object may be either. */
static __always_inline bool is_server(const struct call *call, const struct connection_state *state)
{
	__u32 server = 0;

	if (!call->cookie.server_at || state->sent || state->received)
		return false;
	bpf_probe_read_user(&server, sizeof(server), (void *)(call->ssl + call->cookie.server_at));
	return server;
}

static __always_inline void call_succeeded(const struct call *call, __u64 n)
{
	struct connection_id id = id_of(call->ssl);
	struct connection_state *state = connection_find(&id);

	if (!state)
		return;
	if (call->count_at && bpf_probe_read_user(&n, sizeof(n), (void *)call->count_at)) {
		count(EVENT_COUNTER_READ_FAULT, 1);
		return;
	}
	if (is_server(call, state)) {
		count(EVENT_COUNTER_SERVER_SIDE, 1);
		connection_gone(&id);
	} else if (call->cookie.unseen) {
		/* The next record's offset tells that they are missing. */
		count(EVENT_COUNTER_UNSEEN_BYTES, n);
		*connection_moved(state, call->cookie.direction) += n;
	} else if (n) {
		report_call(&id, state, call->cookie.direction, call->buffer, n);
	}
}

/* On return: the result is the byte count, or 1 where it has been stored; <= 0: nothing moved. */
static __always_inline void call_end(struct pt_regs *ctx)
{
	union probe_cookie cookie = { .word = bpf_get_attach_cookie(ctx) };
	struct call *call = call_of_thread(cookie, 0);
	struct call at_hand;
	__s64 result;

	if (!call || !call->ssl)
		return;
	/* At a RET, and behind it. */
	if (PT_REGS_SP(ctx) != call->sp && PT_REGS_SP(ctx) != call->sp + sizeof(__u64))
		return;
	at_hand = *call;
	call->ssl = 0;
	result = at_hand.cookie.wide_result ? (__s64)PT_REGS_RC(ctx) : (__s32)PT_REGS_RC(ctx);
	if (at_hand.cookie.all)
		result = result ? 0 : at_hand.length;
	if (result > 0)
		call_succeeded(&at_hand, result);
}
