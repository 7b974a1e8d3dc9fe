/* What the machine code of a function tells: where a probe on it is cheap, what it calls, which
 * field of its argument it returns, where it ends. Decoded by capstone, x86-64 only: elsewhere
 * every answer is "not known". Offsets are offsets in the file. The files are those of other
 * processes: hostile, so all walks are bounded.
 *
 * Cheap: the kernel emulates the instruction under a breakpoint (push, jmp, jcc; see
 * arch/x86/kernel/uprobes.c) instead of running it out of line under single-step, which costs 4 to
 * 30 times as much. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CODE_RETURNS_MAX 64

struct code;

/* `fd` is borrowed until code_close. NULL: no x86-64 ELF file, or out of memory. All functions
 * below take NULL. */
struct code *code_open(int fd);
void code_close(struct code *code);

/* The first cheap instruction of a function at which its first `arguments` (1 to 6) are still in
 * their registers and, so that a return probe can stand there, the stack pointer still points at
 * the return address. False: there is none, *ret_at is the function's first instruction. */
bool code_cheap_spot(struct code *code, uint64_t function, unsigned arguments, uint64_t *ret_at);

struct code_call {
	uint64_t target;         /* the function called; 0: not known */
	unsigned local_argument; /* 4 or 5: that argument is the address of a local; else 0 */
};

/* The first call of a function that does little else: straight on, through direct jumps. */
struct code_call code_first_call(struct code *code, uint64_t function);

/* Where in the object that its first argument points to there is the value of `bytes` (4 or 8)
 * that the function returns: an accessor. 0 when that is not one place on all ways through it. */
unsigned code_returned_field(struct code *code, uint64_t function, unsigned bytes);

/* Every instruction at which the function returns. 0 when not all can be known: it jumps through a
 * register or a table, or is too big. */
unsigned code_returns(struct code *code, uint64_t function, uint64_t ret_at[CODE_RETURNS_MAX]);
