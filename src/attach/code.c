/* Walks over machine code, one instruction at a time: straight on for a spot and a call, along
 * every way for what is returned. A way, an address with what is known there, is gone once. */
#include "attach/code.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach/disasm.h"
#include "base/cleanup.h"

#define LINE_MAX_INSNS 48   /* of a straight line */
#define WAYS_MAX       2048 /* of one walk */

/* Numbered as the processor does. */
enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, N_REGISTERS = 16, NO_REGISTER = 16 };

#define BIT(reg) (1u << (reg))
#define CLOBBERED                                                                                  \
	(BIT(RAX) | BIT(RCX) | BIT(RDX) | BIT(RSI) | BIT(RDI) |                                    \
	 0xf00u) /* by a call: System V ABI */

static const uint16_t arguments_in[] = { BIT(RDI), BIT(RSI), BIT(RDX), BIT(RCX), BIT(R8), 0x200 };

struct code {
	int fd;
	struct disasm *disasm;
};

CLEANUP_FOR(code, struct code *, code_close)

struct code *code_open(int fd)
{
	CLEANUP(cleanup_code) struct code *c = calloc(1, sizeof(*c));
	Elf64_Ehdr head;

	if (!c || pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
	    memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_machine != EM_X86_64 ||
	    disasm_open(&c->disasm) < 0)
		return NULL;
	c->fd = fd;
	return TAKE_PTR(c);
}

void code_close(struct code *c)
{
	if (!c)
		return;
	disasm_close(c->disasm);
	free(c);
}

/* --- one instruction */

static const cs_insn *decode(struct code *c, uint64_t at)
{
	uint8_t bytes[16];
	const uint8_t *from = bytes;
	ssize_t n = at <= INT64_MAX ? pread(c->fd, bytes, sizeof(bytes), (off_t)at) : -1;
	size_t left = n > 0 ? (size_t)n : 0;

	return disasm_next(c->disasm, &from, &left, &at);
}

static unsigned register_of(unsigned reg)
{
	static const uint16_t names[N_REGISTERS][4] = {
		{ X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL },
		{ X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL },
		{ X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL },
		{ X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL },
		{ X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL },
		{ X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL },
		{ X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL },
		{ X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL },
		{ X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B },
		{ X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B },
		{ X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B },
		{ X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B },
		{ X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B },
		{ X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B },
		{ X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B },
		{ X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B },
	};

	for (unsigned i = 0; i < N_REGISTERS; i++)
		for (unsigned j = 0; j < 4; j++)
			if (names[i][j] == reg)
				return i;
	return NO_REGISTER;
}

/* Bits of the registers that the instruction writes. */
static unsigned written(struct code *c, const cs_insn *insn)
{
	cs_regs writes;
	uint8_t n_writes;
	unsigned mask = 0;

	if (!disasm_writes(c->disasm, insn, writes, &n_writes))
		return ~0u;
	for (unsigned i = 0; i < n_writes; i++) {
		unsigned reg = register_of(writes[i]);

		if (reg != NO_REGISTER)
			mask |= BIT(reg);
	}
	return insn->id == X86_INS_CALL ? mask | CLOBBERED : mask;
}

static bool is_emulated(const cs_insn *insn)
{
	const uint8_t *b = insn->bytes;

	if (b[0] == 0x41 && insn->size == 2)
		b++;
	else if (b[0] == 0x0f)
		return b[1] >= 0x80 && b[1] <= 0x8f;
	else if (b[0] == 0xeb || b[0] == 0xe9 || (b[0] >= 0x70 && b[0] <= 0x7f))
		return true;
	return b[0] >= 0x50 && b[0] <= 0x57;
}

/* Ends the straight line: what follows in the file is not what runs next. */
static bool is_branch(const struct code *c, const cs_insn *insn)
{
	return disasm_in_group(c->disasm, insn, CS_GRP_JUMP) ||
	       disasm_in_group(c->disasm, insn, CS_GRP_RET) ||
	       disasm_in_group(c->disasm, insn, CS_GRP_CALL) ||
	       disasm_in_group(c->disasm, insn, CS_GRP_INT) || insn->id == X86_INS_UD2 ||
	       insn->id == X86_INS_HLT;
}

/* Target of a direct jump or call; 0: an indirect one. */
static uint64_t target_of(const cs_insn *insn)
{
	const cs_x86_op *op = insn->detail->x86.operands;

	return insn->detail->x86.op_count == 1 && op->type == X86_OP_IMM ? (uint64_t)op->imm : 0;
}

static const cs_x86_op *operand(const cs_insn *insn, unsigned i, x86_op_type type)
{
	const cs_x86 *x86 = &insn->detail->x86;

	return i < x86->op_count && x86->operands[i].type == type ? &x86->operands[i] : NULL;
}

/* --- straight on */

bool code_cheap_spot(struct code *c, uint64_t function, unsigned arguments, uint64_t *ret_at)
{
	unsigned live = BIT(RSP);
	uint64_t at = function;

	*ret_at = function;
	for (unsigned i = 0; i < arguments; i++)
		live |= arguments_in[i];
	for (unsigned i = 0; c && i < LINE_MAX_INSNS; i++) {
		const cs_insn *insn = decode(c, at);

		if (insn && is_emulated(insn)) {
			*ret_at = at;
			return true;
		}
		if (!insn || is_branch(c, insn) || written(c, insn) & live)
			return false;
		at += insn->size;
	}
	return false;
}

static bool is_stack_address(const cs_insn *insn)
{
	const cs_x86_op *memory = operand(insn, 1, X86_OP_MEM);
	const cs_x86_op *from = operand(insn, 1, X86_OP_REG);
	unsigned base = NO_REGISTER;

	if (insn->id == X86_INS_LEA && memory && memory->mem.index == X86_REG_INVALID)
		base = register_of(memory->mem.base);
	else if (insn->id == X86_INS_MOV && from)
		base = register_of(from->reg);
	return base == RSP || base == RBP;
}

struct code_call code_first_call(struct code *c, uint64_t function)
{
	struct code_call found = { 0, 0 };
	uint64_t at = function;

	for (unsigned i = 0; c && i < LINE_MAX_INSNS; i++) {
		const cs_insn *insn = decode(c, at);
		unsigned mask = insn ? written(c, insn) : 0;
		bool jumps = insn && insn->id == X86_INS_JMP;

		if (insn && insn->id == X86_INS_CALL) {
			found.target = target_of(insn);
			break;
		}
		if (!insn || (jumps && !target_of(insn)) ||
		    (is_branch(c, insn) && !disasm_in_group(c->disasm, insn, CS_GRP_JUMP)))
			break;
		if (mask & (BIT(RCX) | BIT(R8)) && is_stack_address(insn))
			found.local_argument = mask & BIT(RCX) ? 4 : 5;
		at = jumps ? target_of(insn) : at + insn->size;
	}
	return found.target ? found : (struct code_call){ 0, 0 };
}

/* --- along every way */

#define NOTHING -1

struct way {
	uint64_t at;
	unsigned objects; /* registers that hold the first argument */
	int result;       /* where in it RAX was loaded from; NOTHING: not from it */
};

struct walk {
	struct code *code;
	unsigned n, next; /* ways found, ways gone */
	struct way ways[WAYS_MAX];
	bool lost; /* some way could not be followed */
};

static void go(struct walk *w, struct way way)
{
	for (unsigned i = w->n; i-- > 0;)
		if (w->ways[i].at == way.at && w->ways[i].objects == way.objects &&
		    w->ways[i].result == way.result)
			return;
	if (w->n == WAYS_MAX)
		w->lost = true;
	else
		w->ways[w->n++] = way;
}

/* To wherever the instruction leads. */
static void go_on(struct walk *w, const cs_insn *insn, struct way way)
{
	bool jumps = disasm_in_group(w->code->disasm, insn, CS_GRP_JUMP);
	uint64_t next = way.at + insn->size;

	if (jumps) {
		way.at = target_of(insn);
		if (way.at)
			go(w, way);
		else
			w->lost = true;
	}
	if (insn->id == X86_INS_JMP || insn->id == X86_INS_UD2 || insn->id == X86_INS_HLT)
		return;
	way.at = next;
	go(w, way);
}

static void learn(struct code *c, const cs_insn *insn, unsigned bytes, struct way *way)
{
	const cs_x86_op *to = operand(insn, 0, X86_OP_REG);
	const cs_x86_op *reg = operand(insn, 1, X86_OP_REG);
	const cs_x86_op *memory = operand(insn, 1, X86_OP_MEM);
	unsigned mask = written(c, insn);
	unsigned base = memory ? register_of(memory->mem.base) : NO_REGISTER;
	bool from_object = insn->id == X86_INS_MOV && base != NO_REGISTER &&
			   way->objects & BIT(base) && memory->mem.index == X86_REG_INVALID;
	bool copies = insn->id == X86_INS_MOV && to && reg && to->size == 8 &&
		      register_of(reg->reg) != NO_REGISTER &&
		      way->objects & BIT(register_of(reg->reg));

	if (mask & BIT(RAX))
		way->result =
		    from_object && to && to->size == bytes ? (int)memory->mem.disp : NOTHING;
	way->objects &= ~mask;
	if (copies)
		way->objects |= BIT(register_of(to->reg));
}

static struct walk *walk_from(struct code *c, uint64_t function)
{
	struct walk *w = c ? calloc(1, sizeof(*w)) : NULL;

	if (!w)
		return NULL;
	w->code = c;
	go(w, (struct way){ function, BIT(RDI), NOTHING });
	return w;
}

unsigned code_returned_field(struct code *c, uint64_t function, unsigned bytes)
{
	FREE_PTR struct walk *w = walk_from(c, function);
	int field = NOTHING;

	while (w && w->next < w->n) {
		struct way way = w->ways[w->next++];
		const cs_insn *insn = decode(c, way.at);

		if (!insn)
			return 0;
		if (!disasm_in_group(c->disasm, insn, CS_GRP_RET)) {
			learn(c, insn, bytes, &way);
			go_on(w, insn, way);
			continue;
		}
		if (way.result != NOTHING && field != NOTHING && way.result != field)
			return 0;
		if (way.result != NOTHING)
			field = way.result;
	}
	return field > 0 && !w->lost ? (unsigned)field : 0;
}

unsigned code_returns(struct code *c, uint64_t function, uint64_t ret_at[CODE_RETURNS_MAX])
{
	FREE_PTR struct walk *w = walk_from(c, function);
	unsigned n = 0;

	while (w && w->next < w->n) {
		struct way way = w->ways[w->next++];
		const cs_insn *insn = decode(c, way.at);

		if (!insn)
			return 0;
		way.objects = 0; /* only the place matters */
		if (!disasm_in_group(c->disasm, insn, CS_GRP_RET))
			go_on(w, insn, way);
		else if (n == CODE_RETURNS_MAX)
			return 0;
		else
			ret_at[n++] = way.at;
	}
	return w && !w->lost ? n : 0;
}
