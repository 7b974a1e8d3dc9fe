/* Functions by .gopclntab, places by decoding their code, layout by the version in
 * .go.buildinfo. */
#include "attach/go.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "attach/disasm.h"
#include "attach/image.h"
#include "attach/pclntab.h"
#include "base/cleanup.h"
#include "base/span.h"
#include "bpf/cookie.h"

#define FUNCTION_MAX 65536 /* bytes of code */
#define N_FUNCTIONS  4
#define PROLOGUE_MAX 8 /* instructions before the place for a probe */
#define BUILDINFO    "\xff Go buildinf:"

/* Offsets of Conn.isHandshakeComplete (before 1.20: handshakeStatus), .config, .serverName and
 * Config.ServerName: from 1.21 on read by reflection in programs that each version built, before
 * by counting in its source. To add a version: a row, newest first. The newest is also the guess
 * for what is newer still. */
static const struct {
	unsigned minor; /* of Go 1, and those after it */
	uint64_t layout;
} layouts[] = {
	{ 25, EVENT_GO_LAYOUT(40, 80, 208, 128) },
	{ 21, EVENT_GO_LAYOUT(40, 80, 224, 128) },
	{ 20, EVENT_GO_LAYOUT(32, 72, 216, 128) },
	{ 18, EVENT_GO_LAYOUT(32, 72, 192, 128) },
};

/* 16 bytes of head and 16 unused, then the version with its length as a varint. */
static int read_version(int fd, char ret_version[static GO_VERSION_MAX])
{
	struct image_section section;
	unsigned char head[32 + 1 + GO_VERSION_MAX];
	size_t n;

	if (image_section(fd, ".go.buildinfo", &section) < 0 ||
	    !image_read(fd, head, sizeof(head), section.offset) ||
	    memcmp(head, BUILDINFO, sizeof(BUILDINFO) - 1) != 0)
		return -EBADMSG;
	if (!(head[15] & 2)) /* the string is elsewhere: Go before 1.18 */
		return -ENOTSUP;
	n = head[32];
	if (n >= 128) /* longer than any version's name: only its beginning counts */
		return -EBADMSG;
	span_copy(span_head((struct span){ (char *)head + 33, n }, GO_VERSION_MAX - 1), ret_version,
		  GO_VERSION_MAX);
	return 0;
}

static int find_layout(const char *version, uint64_t *ret_layout)
{
	const char *minor_at = strstr(version, "go1.");
	unsigned minor = minor_at ? (unsigned)strtoul(minor_at + 4, NULL, 10) : 0;

	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		if (minor >= layouts[i].minor) {
			*ret_layout = layouts[i].layout;
			return 0;
		}
	}
	return -ENOTSUP;
}

/* --- code */

static bool is_begin(const cs_insn *insn)
{
	const cs_x86_op *to = insn->detail->x86.operands;

	return (insn->id == X86_INS_PUSH && to->reg == X86_REG_RBP) ||
	       (insn->id == X86_INS_SUB && to->type == X86_OP_REG && to->reg == X86_REG_RSP);
}

/* What the check of the stack's size is made of. */
static bool is_check(const cs_insn *insn)
{
	switch (insn->id) {
	case X86_INS_CMP:
	case X86_INS_JBE:
	case X86_INS_JB:
	case X86_INS_LEA:
	case X86_INS_MOV:
		return true;
	case X86_INS_SUB:
		return insn->detail->x86.operands[0].reg == X86_REG_R12;
	default:
		return false;
	}
}

struct decoded {
	uint64_t begin; /* 0: not found */
	bool is_push;
	unsigned n_returns;
	uint64_t returns[GO_RETURNS_MAX];
};

static int decode(struct disasm *disasm, const uint8_t *code, size_t n, uint64_t offset,
		  bool with_returns, struct decoded *d)
{
	bool prologue = true;

	for (unsigned i = 0; n; i++) {
		const cs_insn *insn = disasm_next(disasm, &code, &n, &offset);

		if (!insn)
			return -EBADMSG;
		if (prologue && is_begin(insn)) {
			d->begin = insn->address;
			d->is_push = insn->id == X86_INS_PUSH;
		}
		prologue = prologue && !d->begin && is_check(insn) && i < PROLOGUE_MAX;
		if (d->begin && !with_returns)
			return 0;
		if (insn->id != X86_INS_RET)
			continue;
		if (d->n_returns == GO_RETURNS_MAX)
			return -E2BIG;
		d->returns[d->n_returns++] = insn->address;
	}
	return d->begin && d->n_returns ? 0 : -EBADMSG;
}

static int decode_function(int fd, const struct pclntab_function *function, bool with_returns,
			   struct decoded *ret)
{
	FREE_PTR uint8_t *code = malloc(FUNCTION_MAX);
	struct disasm *disasm;
	int result;

	memset(ret, 0, sizeof(*ret));
	if (!code)
		return -ENOMEM;
	if (function->bytes > FUNCTION_MAX ||
	    !image_read(fd, code, function->bytes, function->offset))
		return -EBADMSG;
	result = disasm_open(&disasm);
	if (result < 0)
		return result;
	result = decode(disasm, code, function->bytes, function->offset, with_returns, ret);
	disasm_close(disasm);
	return result;
}

static int find_places(int fd, const struct pclntab_function at[N_FUNCTIONS], struct go_tls *tls)
{
	uint64_t *const places[N_FUNCTIONS] = { &tls->read, &tls->write, &tls->close, &tls->hello };

	for (unsigned i = 0; i < N_FUNCTIONS; i++) {
		struct decoded d;
		bool with_returns = i < 2;
		int code = decode_function(fd, &at[i], with_returns, &d);

		if (code < 0)
			return code;
		*places[i] = d.begin;
		tls->cheap += d.is_push;
		memcpy(tls->returns + tls->n_returns, d.returns,
		       d.n_returns * sizeof(d.returns[0]));
		tls->n_returns += d.n_returns;
	}
	return 0;
}

/* The linker leaves out what a program does not use. */
static bool is_whole(const struct pclntab_function at[N_FUNCTIONS])
{
	for (unsigned i = 0; i < N_FUNCTIONS; i++)
		if (!at[i].offset)
			return false;
	return true;
}

int go_examine(int fd, struct go_tls *ret_tls, struct err *err)
{
	static const char *const names[N_FUNCTIONS] = { "crypto/tls.(*Conn).Read",
							"crypto/tls.(*Conn).Write",
							"crypto/tls.(*Conn).Close",
							"crypto/tls.(*Conn).clientHandshake" };
	struct pclntab_function at[N_FUNCTIONS];
	struct go_tls tls = { 0 };
	int code = pclntab_find(fd, names, N_FUNCTIONS, at);

	if (code == 0 && !is_whole(at))
		return -ENOENT;
	if (code < 0)
		return err_set(err, code == -ENOENT ? -ENOTSUP : code,
			       "a Go program whose table of functions is not understood");
	code = read_version(fd, tls.version);
	if (code == 0)
		code = find_layout(tls.version, &tls.layout);
	if (code < 0)
		return err_set(err, code, "built by a version of Go that is not known (%s)",
			       tls.version);
#ifndef __x86_64__
	return err_set(err, -ENOTSUP, "Go programs are watched on x86-64 only");
#endif
	code = find_places(fd, at, &tls);
	if (code < 0)
		return err_set(err, code, "%s: code of crypto/tls that is not understood",
			       tls.version);
	*ret_tls = tls;
	return 0;
}
