/* outlayd: options, configuration, agent. Exit codes: 0 fine, 1 failed, 2 bad use or
 * configuration. */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
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
	malloc_trim(0); /* loading needed megabytes that running does not */
	agent_run(agent);
	agent_free(agent);
	return EXIT_FINE;
}

int main(int argc, char **argv)
{
	CLEANUP(options_done) struct options options = { 0 };
	struct err err = { 0 };

	/* A few small loops: an arena each would only hold memory. And what is large is a mapping
	 * of its own, also after a larger one was freed: then untouched pages cost nothing. */
	mallopt(M_ARENA_MAX, 2);
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
