/* The names of alerts, their JSON, and the memory of those that were told. */
#include "alert/alert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/emit.h"
#include "base/lru.h"
#include "base/timestamp.h"

static const char *const kind_names[] = {
#define X(id, name, topic) name,
	ALERT_KINDS(X)
#undef X
};

static const char *const types[] = {
#define X(id, name, topic) "io.outlay." topic ".v1",
	ALERT_KINDS(X)
#undef X
};

static const char *const level_names[] = { "info", "warning", "critical" };

const char *alert_kind_name(enum alert_kind kind)
{
	return kind_names[kind];
}

const char *alert_level_name(enum alert_level level)
{
	return level_names[level];
}

const char *alert_type(enum alert_kind kind)
{
	return types[kind];
}

static int find(struct span name, const char *const *names, unsigned n, unsigned *ret_index)
{
	for (unsigned i = 0; i < n; i++)
		if (span_eq(name, span_of(names[i]))) {
			*ret_index = i;
			return 0;
		}
	return -ENOENT;
}

int alert_kind_find(struct span name, enum alert_kind *ret_kind)
{
	return find(name, kind_names, ALERT_KIND_MAX, ret_kind);
}

int alert_level_find(struct span name, enum alert_level *ret_level)
{
	return find(name, level_names, 3, ret_level);
}

void alert_json(struct buf *out, const struct alert *alert, const char *host_id,
		const char *host_name)
{
	char id[UUID_TEXT], time[TIMESTAMP_TEXT_MAX];
	struct emit e = emit_to(out);

	emit_object(&e, NULL);
	emit_text(&e, "event_id", uuid_format(&alert->event_id, id));
	emit_text(&e, "time", timestamp_format(alert->time_ns, time));
	emit_text(&e, "host_id", host_id);
	emit_text(&e, "host_name", host_name);
	emit_text(&e, "kind", kind_names[alert->kind]);
	emit_text(&e, "level", level_names[alert->level]);
	emit_text(&e, "subject", alert->subject);
	emit_text(&e, "window_start",
		  alert->window_ns ? timestamp_format(alert->window_ns, time) : NULL);
	emit_int(&e, "step", alert->step);
	emit_text(&e, "text", alert->text);
	emit_raw(&e, "details", alert->details[0] ? span_of(alert->details) : SPAN("null"));
	emit_end_object(&e);
}

/* --- what was told */

struct alerts {
	struct lru told; /* keys alone, in the order in which they were told */
	struct uuid_maker ids;
};

struct alerts *alerts_new(void)
{
	struct alerts *alerts = calloc(1, sizeof(*alerts));

	if (alerts)
		alerts->told =
		    lru_of(sizeof(struct alert_key), sizeof(struct alert_key), ALERTS_KNOWN_MAX);
	return alerts;
}

void alerts_free(struct alerts *alerts)
{
	if (!alerts)
		return;
	lru_done(&alerts->told);
	free(alerts);
}

bool alerts_told(const struct alerts *alerts, const struct alert_key *key)
{
	return lru_find(&alerts->told, key) != NULL;
}

struct alert_key alert_key_of(enum alert_kind kind, const char *subject, int64_t window_ns,
			      uint32_t step)
{
	struct alert_key key;

	memset(&key, 0, sizeof(key));
	key.kind = kind;
	key.step = step;
	key.window_ns = window_ns;
	span_copy(span_of(subject), key.subject, sizeof(key.subject));
	return key;
}

/* True: it was not there. One that cannot be kept is told: better twice than never. */
static bool add(struct alerts *alerts, const struct alert *alert)
{
	struct alert_key key =
	    alert_key_of(alert->kind, alert->subject, alert->window_ns, alert->step);
	bool is_new;

	if (!alert->window_ns)
		return true;
	if (alerts_told(alerts, &key))
		return false;
	(void)lru_use(&alerts->told, &key, &is_new);
	return true;
}

bool alerts_first(struct alerts *alerts, struct alert *alert)
{
	if (!add(alerts, alert))
		return false;
	alert->event_id = uuid_make(&alerts->ids, alert->time_ns);
	return true;
}

void alerts_restore(struct alerts *alerts, const struct alert *alert)
{
	(void)add(alerts, alert);
}
