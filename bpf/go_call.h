/* Calls of goroutines. A return address on a goroutine's stack must never be touched, since stacks
 * move: the end of a call is a probe on each RET, and what belongs together is found by the
 * goroutine and the frame's distance from the top of its stack, which a move leaves as it is.
 * Threads say nothing: a goroutine may come back on another one. */
#pragma once

#include "connection.h"
#include "report.h"

struct go_frame {
	__u64 g;
	__u64 depth; /* bytes from the top of the stack */
	__u32 tgid;
	__u32 unused;
};

struct go_call {
	__u64 conn;
	__u64 buffer; /* address, or bytes from the top of the stack */
	__u32 direction;
	__u32 on_stack;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct go_frame);
	__type(value, struct go_call);
} go_calls SEC(".maps");

#ifdef __TARGET_ARCH_x86

struct go_stack {
	__u64 low, high; /* first two words of a g, since Go 1.4 */
};

static __always_inline bool go_frame_of(struct pt_regs *ctx, struct go_frame *frame,
					struct go_stack *stack)
{
	if (bpf_probe_read_user(stack, sizeof(*stack), (void *)ctx->r14))
		return false;
	frame->g = ctx->r14;
	frame->depth = stack->high - ctx->rsp;
	frame->tgid = bpf_get_current_pid_tgid() >> 32;
	return true;
}

static __always_inline void go_enter(struct pt_regs *ctx, const struct connection_id *id,
				     __u32 direction)
{
	struct go_call call = { .conn = id->ssl, .buffer = ctx->rbx, .direction = direction };
	struct go_stack stack;
	struct go_frame frame = {};

	if (!go_frame_of(ctx, &frame, &stack)) {
		count(EVENT_COUNTER_READ_FAULT, 1);
		return;
	}
	if (call.buffer >= stack.low && call.buffer < stack.high) {
		call.on_stack = 1;
		call.buffer = stack.high - call.buffer;
	}
	if (bpf_map_update_elem(&go_calls, &frame, &call, BPF_ANY))
		count(EVENT_COUNTER_CALLS_FULL, 1);
}

static __always_inline void go_leave(struct pt_regs *ctx)
{
	struct connection_state *state;
	struct go_frame frame = {};
	struct go_call *found, call;
	struct connection_id id;
	struct go_stack stack;
	__s64 n = ctx->rax;

	if (!go_frame_of(ctx, &frame, &stack))
		return;
	found = bpf_map_lookup_elem(&go_calls, &frame);
	if (!found)
		return;
	call = *found;
	bpf_map_delete_elem(&go_calls, &frame);
	id = id_of(call.conn);
	state = connection_find(&id);
	if (!state)
		return;
	count(EVENT_COUNTER_CALLS_SEEN, 1);
	if (n <= 0)
		return;
	if (call.on_stack)
		call.buffer = stack.high - call.buffer;
	report_call(&id, state, call.direction, call.buffer, n);
}

#endif
