/* x86-64 instructions by capstone. The library is loaded for as long as somebody decodes: its
 * tables are 5 MB of our memory, needed for a moment when a TLS library is found. */
#pragma once

#include <capstone/capstone.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disasm;

/* -ELIBACC when the library is not there, -ENOMEM. */
int disasm_open(struct disasm **ret_disasm);
void disasm_close(struct disasm *disasm);

/* The instruction at `*from`, which has the offset `*at`; moves both on. It is good until the next
 * one. NULL: none. */
const cs_insn *disasm_next(struct disasm *disasm, const uint8_t **from, size_t *left, uint64_t *at);

bool disasm_in_group(const struct disasm *disasm, const cs_insn *insn, cs_group_type group);
/* Registers that it writes, also without naming them. False: not known. */
bool disasm_writes(const struct disasm *disasm, const cs_insn *insn, cs_regs ret_regs,
		   uint8_t *ret_n);
