/* outlayd: options, configuration, agent. Exit codes: 0 fine, 1 failed, 2 bad use or
 * configuration. */
#include <errno.h>
#include <inttypes.h>
#include <link.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/canary.h"
#include "agent/offline.h"
#include "agent/webhook.h"
#include "base/cleanup.h"
#include "gen/version.h"
#include "sink/hook.h"

#define FILES 16384 /* at once: POLICY_CONNECTIONS_MAX and what else is open */

enum { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_BAD_USE = 2 };

static int fail(const struct err *err, int code)
{
	fprintf(stderr, "outlayd: %s\n", err->text);
	return code;
}

/* Plaintext of others passes through this memory: no core, no other process looks into it. */
static void seal_process(void)
{
	const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	umask(0077);
	signal(SIGPIPE, SIG_IGN);
}

/* A caller of the policy socket is a descriptor. */
static void allow_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= FILES)
		return;
	files.rlim_cur = files.rlim_max < FILES ? files.rlim_max : FILES;
	setrlimit(RLIMIT_NOFILE, &files);
}

static int print_event(void *ctx, struct span event)
{
	(void)ctx;
	return fwrite(event.ptr, 1, event.len, stdout) == event.len && putchar('\n') != EOF
		   ? 0
		   : -EPIPE;
}

static int replay(const struct options *options)
{
	CLOSE_FILE FILE *file = fopen(options->replay, "re");
	struct offline *offline = NULL;
	struct playback_counts counts;
	struct err err = { 0 };
	int code;

	if (!file) {
		err_set(&err, -errno, "%s: %s", options->replay, strerror(errno));
		return fail(&err, EXIT_BAD_USE);
	}
	if (offline_new(options->config, options->catalog, print_event, NULL, &offline, &err) < 0)
		return fail(&err, EXIT_BAD_USE);
	code = offline_replay(offline, file, options->replay, &counts, &err);
	offline_free(offline);
	if (fflush(stdout) == EOF || code == -EPIPE)
		err_set(&err, -EPIPE, "standard output: cannot be written");
	fprintf(stderr,
		"outlayd: %s: %" PRIu64 " calls, %" PRIu64 " bytes of their bodies not stored\n",
		options->replay, counts.exchanges, counts.left_out_bytes);
	return err.text[0] ? fail(&err, EXIT_FAILED) : EXIT_FINE;
}

/* What is only read of a program or a library comes back from its file when it is needed. */
static int give_back_code(struct dl_phdr_info *info, size_t size, void *ctx)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)ctx;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t from = (info->dlpi_addr + segment->p_vaddr) & -page;
		uintptr_t to = (info->dlpi_addr + segment->p_vaddr + segment->p_filesz) & -page;

		if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W) && from < to)
			(void)madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

/* Loading needed megabytes that running does not. */
static void give_back(void)
{
	malloc_trim(0);
	dl_iterate_phdr(give_back_code, NULL);
}

static int run(const struct options *options)
{
	CLEANUP(config_done) struct config config = { 0 };
	struct agent *agent = NULL;
	struct err err = { 0 };

	if (config_load(options->config, options->catalog, &config, &err) < 0)
		return fail(&err, EXIT_BAD_USE);
	if (options->check) {
		printf("%s: %zu providers, %zu models, %u budgets\n", options->config,
		       providers_count(config.providers), catalog_models(config.catalog),
		       budget_rules_count(config.rules));
		return EXIT_FINE;
	}
	seal_process();
	allow_files();
	if (agent_new(options, &config, &agent, &err) < 0)
		return fail(&err, EXIT_FAILED);
	give_back();
	agent_run(agent);
	agent_free(agent);
	return EXIT_FINE;
}

int main(int argc, char **argv)
{
	CLEANUP(options_done) struct options options = { 0 };
	struct err err = { 0 };

	/* A few small loops: more arenas would only hold memory. And what is large is a mapping
	 * of its own, also after a larger one was freed: then untouched pages cost nothing. */
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	if (argc == 3 && strcmp(argv[1], CANARY_OPTION) == 0)
		return canary_call(argv[2]);
	if (argc == 3 && strcmp(argv[1], HOOK_OPTION) == 0)
		return webhook_deliver(argv[2], STDIN_FILENO);
	if (options_parse(argc, argv, &options, &err) < 0)
		return fail(&err, EXIT_BAD_USE);
	if (options.version) {
		printf("outlayd %s\n", OUTLAY_VERSION);
		return EXIT_FINE;
	}
	if (options.help) {
		options_usage();
		return EXIT_FINE;
	}
	return options.replay ? replay(&options) : run(&options);
}
