/* One table of the library's functions, looked up by name each time it is loaded. */
#include "attach/disasm.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

#define LIBRARY "libcapstone.so.4" /* the ABI that capstone.h stands for */

/* To use another of its functions: a row. */
/* clang-format off */
#define FUNCTIONS(X) \
	X(cs_open) X(cs_close) X(cs_option) X(cs_malloc) X(cs_free) \
	X(cs_disasm_iter) X(cs_insn_group) X(cs_regs_access)
/* clang-format on */

struct disasm {
	void *library;
	csh handle;
	cs_insn *insn;
#define X(name) __typeof__(name) *name;
	FUNCTIONS(X)
#undef X
};

CLEANUP_FOR(disasm, struct disasm *, disasm_close)

static bool load(struct disasm *d)
{
	d->library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);
	if (!d->library)
		return false;
#define X(name)                                                                                    \
	d->name = (__typeof__(d->name))dlsym(d->library, #name);                                   \
	if (!d->name)                                                                              \
		return false;
	FUNCTIONS(X)
#undef X
	return true;
}

int disasm_open(struct disasm **ret_disasm)
{
	CLEANUP(cleanup_disasm) struct disasm *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	if (!load(d))
		return -ELIBACC;
	if (d->cs_open(CS_ARCH_X86, CS_MODE_64, &d->handle) != CS_ERR_OK)
		return -ENOMEM;
	d->cs_option(d->handle, CS_OPT_DETAIL, CS_OPT_ON);
	d->insn = d->cs_malloc(d->handle);
	if (!d->insn)
		return -ENOMEM;
	*ret_disasm = TAKE_PTR(d);
	return 0;
}

void disasm_close(struct disasm *d)
{
	if (!d)
		return;
	if (d->insn)
		d->cs_free(d->insn, 1);
	if (d->handle)
		d->cs_close(&d->handle);
	if (d->library)
		dlclose(d->library);
	free(d);
}

const cs_insn *disasm_next(struct disasm *d, const uint8_t **from, size_t *left, uint64_t *at)
{
	return d->cs_disasm_iter(d->handle, from, left, at, d->insn) ? d->insn : NULL;
}

bool disasm_in_group(const struct disasm *d, const cs_insn *insn, cs_group_type group)
{
	return d->cs_insn_group(d->handle, insn, group);
}

bool disasm_writes(const struct disasm *d, const cs_insn *insn, cs_regs ret_regs, uint8_t *ret_n)
{
	cs_regs reads;
	uint8_t n_reads;

	return d->cs_regs_access(d->handle, insn, reads, &n_reads, ret_regs, ret_n) == CS_ERR_OK;
}
