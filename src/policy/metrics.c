/* GET /metrics (and /v1/metrics): OpenMetrics text. Every counter of the status object is a family
 * of its own, outlay_OBJECT_COUNTER, so a counter that is added there is here too; then the budgets
 * that concern the caller. No label but a budget's name, unit and window: bounded by the
 * configuration. */
#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "policy/routes.h"

#define OPENMETRICS      "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define STATUS_BYTES_MAX (1 << 20)

CLEANUP_FOR(paths, struct json_paths *, json_paths_free)

/* What goes up and down. To add one: a row. */
static const char *const gauges[] = {
	"policy_open_connections", "policy_watchers",  "budgets_count", "capture_live",
	"capture_processes",       "attach_libraries", "flows_live",    "canary_every_seconds",
};

struct writing {
	struct buf *out;
	unsigned object, counter; /* ids */
	char stage[JSON_KEY_MAX + 1];
};

static bool is_gauge(const char *name)
{
	for (size_t i = 0; i < sizeof(gauges) / sizeof(*gauges); i++)
		if (strcmp(gauges[i], name) == 0)
			return true;
	return false;
}

static void on_value(void *ctx, unsigned id, const struct json_value *value)
{
	struct writing *w = ctx;
	char name[2 * JSON_KEY_MAX + 2];
	bool gauge;

	if (id == w->object) {
		span_copy(value->key, w->stage, sizeof(w->stage));
		return;
	}
	if (value->type != JSON_INTEGER || !value->key.len)
		return;
	snprintf(name, sizeof(name), "%s_%.*s", w->stage, (int)value->key.len, value->key.ptr);
	gauge = is_gauge(name);
	buf_printf(w->out, "# TYPE outlay_%s %s\noutlay_%s%s %lld\n", name,
		   gauge ? "gauge" : "counter", name, gauge ? "" : "_total",
		   (long long)value->integer);
}

/* -ENOMEM. */
static int put_status(struct buf *out, const struct policy *policy)
{
	CLEANUP(cleanup_paths) struct json_paths *paths = NULL;
	struct buf json = buf_with_max(STATUS_BYTES_MAX);
	struct emit e = emit_to(&json);
	struct writing w = { .out = out };
	struct json_scan scan;
	int err = json_paths_new(&paths);

	if (!err)
		err = json_paths_add(paths, SPAN("/*"), &w.object);
	if (!err)
		err = json_paths_add(paths, SPAN("/*/*"), &w.counter);
	if (!err) {
		emit_object(&e, NULL);
		status_emit(&e, policy);
		emit_end_object(&e);
		json_scan_init(&scan, paths, on_value, &w);
		json_scan_feed(&scan, buf_span(&json));
		err = json.failed ? -ENOMEM : 0;
	}
	buf_done(&json);
	return err;
}

static void put_label(struct buf *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			buf_put(out, SPAN("\\"));
		buf_put(out, *value == '\n' ? SPAN("\\n") : (struct span){ value, 1 });
	}
}

static money_wide figure_of(const struct budget_view *view, int figure)
{
	const money_wide figures[] = { view->limit, view->spent, view->reserved };

	return figures[figure];
}

static void put_budgets(struct buf *out, struct client *client, int64_t now_ns)
{
	static const char *const families[] = { "limit", "spent", "reserved" };
	struct budgets *budgets = client->policy->ports.budgets;
	const struct process *process = server_process(client);
	char text[MONEY_TEXT_MAX];
	struct budget_view view;

	for (int family = 0; family < 3; family++) {
		buf_printf(out, "# TYPE outlay_budget_%s gauge\n", families[family]);
		for (unsigned i = 0; i < budgets_count(budgets); i++) {
			if (!client->peer.sees_all && !budgets_concern(budgets, i, process))
				continue;
			budgets_view(budgets, i, now_ns, &view);
			buf_printf(out, "outlay_budget_%s{budget=\"", families[family]);
			put_label(out, view.name);
			buf_printf(out, "\",unit=\"%s\",window=\"%s\"} %s\n", unit_name(view.unit),
				   view.window,
				   unit_format(view.unit, figure_of(&view, family), text));
		}
	}
}

void metrics_serve(struct client *client, const struct request *request)
{
	struct policy *policy = client->policy;
	struct answer answer = answer_begin(&policy->out, 200, OPENMETRICS, request->keep_alive);

	answer_body(&answer);
	if (put_status(answer.out, policy) < 0)
		answer.out->failed = true;
	put_budgets(answer.out, client, policy->ports.clock->now_ns(policy->ports.clock));
	buf_put(answer.out, SPAN("# EOF\n"));
	answer_end(&answer);
}
