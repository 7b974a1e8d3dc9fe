/* Wires the loops. Opening order: ledger (host id, secret, totals), probes, capture, flows, policy
 * socket, answered only when all loops have started. Stopping order: left to right. */
#include "agent/agent.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/flow_loop.h"
#include "agent/hosts.h"
#include "agent/notify.h"
#include "agent/policy_loop.h"
#include "agent/queues.h"
#include "agent/status.h"
#include "agent/terminal.h"
#include "base/cleanup.h"

#define HOST_NAME_BYTES 256

struct agent {
	struct options options; /* borrowed texts */
	struct config config;
	struct loop loop;      /* the main one: its thread is the caller's */
	struct ledger *ledger; /* until the ledger loop has it */
	struct attach *attach;
	struct capture_loop *capture;
	struct ledger_loop *ledger_loop;
	struct policy_loop *policy;
	struct flow_loop *flow;
	struct canary *canary;
	struct queues queues;
	struct intake shown_intake;
	struct watcher *watcher;
	struct event *terminate, *interrupt, *hangup;
	struct status_sources sources;
	char host_id[UUID_TEXT];
	char host_name[HOST_NAME_BYTES];
	uint8_t secret[METER_SECRET_BYTES];
	bool on_terminal;
};

static void note(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "outlayd: %s\n", line);
}

static void status(void *ctx, struct emit *out)
{
	struct agent *a = ctx;

	status_write(&a->sources, out);
}

static unsigned unmetered(void *ctx, const struct flow_unmetered **ret_rows)
{
	return flow_loop_unmetered(((struct agent *)ctx)->flow, ret_rows);
}

/* On the policy loop. */
static void survey(void *ctx, struct lookout *lookout)
{
	struct agent *a = ctx;
	struct alert alert;
	unsigned at = 0;

	for (const char *path = canary_missed(a->canary, &at); path;
	     path = canary_missed(a->canary, &at)) {
		tell_canary(path, clock_system.now_ns(&clock_system), &alert);
		(void)lookout_raise(lookout, &alert);
	}
}

/* --- events of the main loop */

static void on_stop(evutil_socket_t signal_number, short what, void *ctx)
{
	struct agent *a = ctx;

	(void)signal_number;
	(void)what;
	event_base_loopbreak(a->loop.base);
}

static void reload(struct agent *a, struct config *config)
{
	struct capture_reload to_capture = { providers_ref(config->providers),
					     catalog_ref(config->catalog),
					     budget_rules_count(config->rules) > 0 };
	struct policy_reload to_policy = { TAKE_PTR(config->providers), TAKE_PTR(config->catalog),
					   TAKE_PTR(config->rules) };

	/* Two slots, taken within a loop's turn: a person's SIGHUPs do not fill them. */
	if (queue_room(a->queues.capture_reloads) && queue_room(a->queues.policy_reloads)) {
		(void)queue_push(a->queues.capture_reloads, &to_capture);
		(void)queue_push(a->queues.policy_reloads, &to_policy);
		return;
	}
	config_done(&(struct config){ to_capture.providers, to_capture.catalog, NULL });
	config_done(&(struct config){ to_policy.providers, to_policy.catalog, to_policy.rules });
}

static void on_hangup(evutil_socket_t signal_number, short what, void *ctx)
{
	CLEANUP(config_done) struct config config = { 0 };
	struct agent *a = ctx;
	struct err err = { 0 };

	(void)signal_number;
	(void)what;
	if (config_load(a->options.config, a->options.catalog, &config, &err) < 0 ||
	    hosts_set(a->attach, config.providers, &err) < 0) {
		fprintf(stderr, "outlayd: %s (the old configuration stays)\n", err.text);
		return;
	}
	reload(a, &config);
	note(NULL, "configuration reloaded");
}

static void take_shown(void *ctx)
{
	struct agent *a = ctx;
	struct verdict verdict;

	while (queue_pop(a->queues.shown, &verdict))
		terminal_show(&verdict);
}

/* --- opening, in order */

static int open_ledger(struct agent *a, struct err *err)
{
	int code = ledger_open(a->options.state, &a->ledger, err);

	if (code == 0)
		code = ledger_host_id(a->ledger, a->host_id);
	if (code == 0)
		code = ledger_secret(a->ledger, a->secret);
	if (code < 0)
		return err_set(err, code, "%s: cannot use the ledger: %s", a->options.state,
			       strerror(-code));
	gethostname(a->host_name, sizeof(a->host_name) - 1);
	return 0;
}

static int open_probes(struct agent *a, struct err *err)
{
	struct attach_options options = { .ring_bytes = a->options.ring_mib << 20,
					  .request_keep_bytes = a->options.request_kib * 512,
					  .links = getenv("OUTLAY_LINKS"),
					  .returns = getenv("OUTLAY_RETURNS"),
					  .note = note };
	int code = attach_new(&options, &a->attach, err);

	if (code < 0)
		return code;
	a->canary = canary_new(a->loop.base, a->attach, a->options.canary_seconds, note);
	return a->canary ? hosts_set(a->attach, a->config.providers, err) : -ENOMEM;
}

static int open_capture(struct agent *a, struct err *err)
{
	struct capture_loop_options options = { .ring_fd = attach_ring_fd(a->attach),
						.wait_bytes = attach_wait_bytes(a->attach),
						.providers = a->config.providers,
						.catalog = a->config.catalog,
						.has_budgets =
						    budget_rules_count(a->config.rules) > 0,
						.secret = a->secret,
						.charges = a->queues.charges,
						.flights = a->queues.flights,
						.reloads = a->queues.capture_reloads,
						.flows = a->queues.flows,
						.canary = canary_watch(a->canary),
						.record = a->options.record };

	return capture_loop_new(&options, &a->capture, err);
}

static int open_flow(struct agent *a, struct err *err)
{
	struct flow_loop_options options = { .shared = attach_shared(a->attach),
					     .captures = a->queues.flows,
					     .orders = a->queues.orders,
					     .questions = a->queues.questions,
					     .fail_closed = a->options.fail_closed,
					     .refuse_connect = a->options.refuse_connect };

	return flow_loop_new(&options, &a->flow, err);
}

static int open_policy(struct agent *a, struct err *err)
{
	struct policy_loop_options options = {
		.socket = a->options.socket,
		.config = { providers_ref(a->config.providers), catalog_ref(a->config.catalog),
			    TAKE_PTR(a->config.rules) },
		.ledger = a->ledger,
		.host_id = a->host_id,
		.host_name = a->host_name,
		.charges = a->queues.charges,
		.flights = a->queues.flights,
		.pages = a->queues.pages,
		.reloads = a->queues.policy_reloads,
		.questions = a->queues.questions,
		.orders = a->queues.orders,
		.tasks = a->queues.tasks,
		.queries = a->queues.queries,
		.shown = a->on_terminal ? a->queues.shown : NULL,
		.status = status,
		.unmetered = unmetered,
		.survey = survey,
		.breaker = { a->options.breaker_error_points, a->options.breaker_latency_ms },
		.ctx = a
	};

	/* Before the socket accepts: who connects may rely on being seen. */
	attach_sweep(a->attach);
	return policy_loop_new(&options, &a->policy, err);
}

static int open_ledger_loop(struct agent *a, struct err *err)
{
	struct ledger_loop_options options = { .ledger = TAKE_PTR(a->ledger),
					       .sinks = { .kafka = a->options.kafka,
							  .kafka_topic = a->options.kafka_topic,
							  .hooks = a->options.hooks.hook,
							  .n_hooks = a->options.hooks.n,
							  .host_id = a->host_id },
					       .keep_ns = a->options.keep_days * NS_PER_DAY,
					       .host_id = a->host_id,
					       .host_name = a->host_name,
					       .tasks = a->queues.tasks,
					       .queries = a->queues.queries,
					       .pages = a->queues.pages };

	return ledger_loop_new(&options, &a->ledger_loop, err);
}

static struct event *add_signal(struct agent *a, int number, event_callback_fn fn)
{
	struct event *event = evsignal_new(a->loop.base, number, fn, a);

	if (event)
		event_add(event, NULL);
	return event;
}

static int add_events(struct agent *a)
{
	a->watcher = watcher_new(a->loop.base, a->attach);
	a->terminate = add_signal(a, SIGTERM, on_stop);
	a->interrupt = add_signal(a, SIGINT, on_stop);
	a->hangup = add_signal(a, SIGHUP, on_hangup);
	if (!a->watcher || !a->terminate || !a->interrupt || !a->hangup)
		return -ENOMEM;
	return intake_init(&a->shown_intake, &a->loop, a->queues.shown, take_shown, a);
}

static int start(struct agent *a, struct err *err)
{
	sigset_t signals, before;
	int code;

	sigfillset(&signals); /* they are the main loop's: the others inherit a mask */
	pthread_sigmask(SIG_BLOCK, &signals, &before);
	code = ledger_loop_start(a->ledger_loop, err);
	if (code == 0)
		code = policy_loop_start(a->policy, err);
	/* Of this thread and those it starts from here on: a busy machine does not make the ring
	 * overflow, nor a new program's calls wait. */
	setpriority(PRIO_PROCESS, 0, -10);
	if (code == 0)
		code = flow_loop_start(a->flow, err);
	if (code == 0)
		code = capture_loop_start(a->capture, err);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code;
}

CLEANUP_FOR(agent, struct agent *, agent_free)

static int open_all(struct agent *a, struct err *err)
{
	static int (*const steps[])(struct agent * a, struct err * err) = {
		open_ledger, open_probes, open_capture, open_flow, open_policy, open_ledger_loop,
	};
	int code = loop_init(&a->loop, "outlayd", err);

	if (code == 0 && queues_init(&a->queues, a->on_terminal) < 0)
		code = err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; code == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
		code = steps[i](a, err);
	if (code == 0 && add_events(a) < 0)
		code = err_set(err, -ENOMEM, "out of memory");
	return code;
}

int agent_new(const struct options *options, struct config *config, struct agent **ret_agent,
	      struct err *err)
{
	CLEANUP(cleanup_agent) struct agent *a = calloc(1, sizeof(*a));
	int code;

	if (!a)
		return err_set(err, -ENOMEM, "out of memory");
	a->options = *options;
	a->config = *config;
	*config = (struct config){ 0 };
	a->on_terminal = isatty(STDOUT_FILENO);
	code = open_all(a, err);
	if (code < 0)
		return code;
	a->sources = (struct status_sources){ .attach = a->attach,
					      .capture = a->capture,
					      .ledger = a->ledger_loop,
					      .flow = a->flow,
					      .canary = a->canary,
					      .watcher = a->watcher,
					      .host_id = a->host_id,
					      .host_name = a->host_name,
					      .started_ns = clock_system.now_ns(&clock_system) };
	code = start(a, err);
	if (code == 0)
		*ret_agent = TAKE_PTR(a);
	return code;
}

void agent_run(struct agent *a)
{
	if (a->on_terminal)
		terminal_head();
	note(NULL, "ready");
	notify_send("READY=1");
	event_base_loop(a->loop.base, EVLOOP_NO_EXIT_ON_EMPTY);
	notify_send("STOPPING=1");
}

/* --- closing, from left to right */

void agent_free(struct agent *a)
{
	if (!a)
		return;
	if (a->capture)
		capture_loop_stop(a->capture);
	if (a->flow)
		flow_loop_stop(a->flow);
	if (a->policy)
		policy_loop_stop(a->policy);
	if (a->ledger_loop)
		ledger_loop_stop(a->ledger_loop);
	policy_loop_free(a->policy);
	capture_loop_free(a->capture);
	flow_loop_free(a->flow);
	ledger_loop_free(a->ledger_loop);
	loop_free_event(a->terminate);
	loop_free_event(a->interrupt);
	loop_free_event(a->hangup);
	watcher_free(a->watcher);
	intake_done(&a->shown_intake);
	canary_free(a->canary);
	attach_free(a->attach);
	ledger_close(a->ledger);
	queues_done(&a->queues);
	loop_done(&a->loop);
	config_done(&a->config);
	explicit_bzero(a->secret, sizeof(a->secret));
	free(a);
}
