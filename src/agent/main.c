/* outlayd: options, configuration, agent. Exit codes: 0 fine, 1 failed, 2 bad use or
 * configuration. */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "agent/agent.h"
#include "agent/canary.h"
#include "base/cleanup.h"
#include "gen/version.h"

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
	mallopt(M_ARENA_MAX, 2); /* a few small loops: an arena each would only hold memory */
}

static int run(const struct options *options)
{
	CLEANUP(config_done) struct config config = { 0 };
	struct agent *agent = NULL;
	struct err err = { 0 };

	if (config_load(options->config, &config, &err) < 0)
		return fail(&err, EXIT_BAD_USE);
	if (options->check) {
		printf("%s: %zu providers, %zu models, %u budgets\n", options->config,
		       providers_count(config.providers), catalog_models(config.catalog),
		       budget_rules_count(config.rules));
		return EXIT_FINE;
	}
	seal_process();
	if (agent_new(options, &config, &agent, &err) < 0)
		return fail(&err, EXIT_FAILED);
	agent_run(agent);
	agent_free(agent);
	return EXIT_FINE;
}

int main(int argc, char **argv)
{
	CLEANUP(options_done) struct options options = { 0 };
	struct err err = { 0 };

	if (argc == 3 && strcmp(argv[1], CANARY_OPTION) == 0)
		return canary_call(argv[2]);
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
	return run(&options);
}
