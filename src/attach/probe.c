/* Symbols -> programs. A library may lack the _ex functions (OpenSSL before 1.1.1); without the
 * others it cannot be followed. */
#include "attach/probe.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attach/elf.h"
#include "attach/image.h"
#include "base/cleanup.h"
#include "bpf/tls.skel.h"

enum probe_need { NEEDED, OPTIONAL };

struct probe_row {
	enum image_kind library;
	const char *symbol;
	size_t program; /* offset in struct tls_bpf */
	bool at_return;
	enum probe_need need;
};

#define PROGRAM(name) offsetof(struct tls_bpf, progs.name)

/* To probe another function: a row, and a program in bpf/tls.bpf.c or its library's header. The
 * return side comes first, so that no call is entered that nobody ends. */
/* clang-format off: a row a line */
static const struct probe_row rows[] = {
	{ IMAGE_OPENSSL, "SSL_read", PROGRAM(ssl_return), true, NEEDED },
	{ IMAGE_OPENSSL, "SSL_read_ex", PROGRAM(ssl_return), true, OPTIONAL },
	{ IMAGE_OPENSSL, "SSL_write", PROGRAM(ssl_return), true, NEEDED },
	{ IMAGE_OPENSSL, "SSL_write_ex", PROGRAM(ssl_return), true, OPTIONAL },
	{ IMAGE_OPENSSL, "SSL_read", PROGRAM(ssl_read), false, NEEDED },
	{ IMAGE_OPENSSL, "SSL_read_ex", PROGRAM(ssl_read_ex), false, OPTIONAL },
	{ IMAGE_OPENSSL, "SSL_write", PROGRAM(ssl_write), false, NEEDED },
	{ IMAGE_OPENSSL, "SSL_write_ex", PROGRAM(ssl_write_ex), false, OPTIONAL },
	{ IMAGE_OPENSSL, "SSL_free", PROGRAM(ssl_free), false, NEEDED },
	{ IMAGE_OPENSSL, "SSL_ctrl", PROGRAM(ssl_ctrl), false, NEEDED },
	{ IMAGE_GNUTLS, "gnutls_record_recv", PROGRAM(gnutls_return), true, NEEDED },
	{ IMAGE_GNUTLS, "gnutls_record_recv_seq", PROGRAM(gnutls_return), true, OPTIONAL },
	{ IMAGE_GNUTLS, "gnutls_record_send", PROGRAM(gnutls_return), true, NEEDED },
	{ IMAGE_GNUTLS, "gnutls_record_send2", PROGRAM(gnutls_return), true, OPTIONAL },
	{ IMAGE_GNUTLS, "gnutls_record_recv", PROGRAM(gnutls_recv), false, NEEDED },
	{ IMAGE_GNUTLS, "gnutls_record_recv_seq", PROGRAM(gnutls_recv), false, OPTIONAL },
	{ IMAGE_GNUTLS, "gnutls_record_send", PROGRAM(gnutls_send), false, NEEDED },
	{ IMAGE_GNUTLS, "gnutls_record_send2", PROGRAM(gnutls_send), false, OPTIONAL },
	{ IMAGE_GNUTLS, "gnutls_deinit", PROGRAM(gnutls_gone), false, NEEDED },
	{ IMAGE_GNUTLS, "gnutls_server_name_set", PROGRAM(gnutls_name), false, NEEDED },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

struct probes {
	unsigned n;
	struct bpf_link *links[N_ROWS];
};

void probe_detach(struct probes *probes)
{
	if (!probes)
		return;
	while (probes->n)
		bpf_link__destroy(probes->links[--probes->n]);
	free(probes);
}

unsigned probe_count(const struct probes *probes)
{
	return probes->n;
}

CLEANUP_FOR(probes, struct probes *, probe_detach)

static int attach_row(struct tls_bpf *skeleton, const struct probe_row *row, int fd,
		      uint64_t offset, struct bpf_link **ret_link, struct err *err)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .retprobe = row->at_return);
	struct bpf_program *program = *(struct bpf_program **)((char *)skeleton + row->program);
	struct bpf_link *link;
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	link = bpf_program__attach_uprobe_opts(program, -1, path, offset, &opts);
	if (!link)
		return err_set(err, -errno, "%s: %s", row->symbol, strerror(errno));
	*ret_link = link;
	return 0;
}

int probe_attach(struct tls_bpf *skeleton, int fd, unsigned kinds, struct probes **ret_probes,
		 struct err *err)
{
	CLEANUP(cleanup_probes) struct probes *probes = calloc(1, sizeof(*probes));
	const char *names[N_ROWS];
	uint64_t offsets[N_ROWS];
	int code;

	if (!probes)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < N_ROWS; i++)
		names[i] = rows[i].symbol;
	if (elf_find_symbols(fd, names, N_ROWS, offsets) < 0)
		return err_set(err, -ENOENT, "not a readable ELF file");
	for (size_t i = 0; i < N_ROWS; i++)
		if (!offsets[i] && rows[i].need == NEEDED && rows[i].library & kinds)
			return err_set(err, -ENOENT, "has no %s", rows[i].symbol);
	for (size_t i = 0; i < N_ROWS; i++) {
		if (!offsets[i] || !(rows[i].library & kinds))
			continue;
		code =
		    attach_row(skeleton, &rows[i], fd, offsets[i], &probes->links[probes->n], err);
		if (code < 0)
			return code;
		probes->n++;
	}
	*ret_probes = TAKE_PTR(probes);
	return 0;
}
