/* empty 0|1 LIBRARY: the floor under the agent's probes. Puts them on LIBRARY as attach does, at
 * the same places by session links, but with every program replaced by one that only returns 0
 * (the return is seen too) or 1 (it is waived). Prints a line when they are on; they end with
 * stdin. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "attach/image.h"
#include "attach/probe.h"
#include "bpf/tls.skel.h"

static int replace(struct bpf_program *program, struct bpf_prog_load_opts *opts, long result)
{
	struct bpf_insn empty[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = (int)result },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	/* What the compiler said about the lines of the other code. */
	opts->func_info_cnt = opts->line_info_cnt = 0;
	return bpf_program__set_insns(program, empty, 2);
}

int main(int argc, char **argv)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = replace);
	struct probe_means means = { .links = LINK_SESSION };
	struct err err = { 0 };
	struct probes *probes;
	int fd;

	if (argc != 3)
		return 2;
	opts.cookie = strtol(argv[1], NULL, 10);
	fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	libbpf_register_prog_handler("uprobe", BPF_PROG_TYPE_KPROBE, 0, &opts);
	means.skeleton = tls_bpf__open();
	if (fd < 0 || !means.skeleton)
		return 1;
	link_prepare(means.skeleton->obj, LINK_SESSION);
	if (tls_bpf__load(means.skeleton) < 0 ||
	    probe_attach(&means, fd, IMAGE_OPENSSL, 0, &probes, &err) < 0) {
		fprintf(stderr, "empty: %s\n", err.text[0] ? err.text : "no session links here");
		return 1;
	}
	puts("on");
	fflush(stdout);
	(void)getchar();
	probe_detach(probes);
	tls_bpf__destroy(means.skeleton);
	return 0;
}
