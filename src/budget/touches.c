/* Writing and reading the budgets of an event. The whole and its two parts share the writers and
 * readers of a member, so that what is stored in parts reads as it was. */
#include "budget/touches.h"

#include <errno.h>
#include <jansson.h>

#include "base/cleanup.h"
#include "base/emit.h"
#include "base/timestamp.h"
#include "budget/event.h"

CLEANUP_FOR(json, json_t *, json_decref)

/* --- writing */

static void write_window(struct buf *out, const struct budget_touch *touch)
{
	struct emit e = emit_to(out);
	char time[TIMESTAMP_TEXT_MAX];

	buf_put(out, SPAN("{\"name\":"));
	emit_text(&e, NULL, touch->name);
	buf_put(out, SPAN(",\"window_start\":"));
	event_put_quoted(out, timestamp_format(touch->window_start_ns, time));
}

/* "12.5" of USD, "1200 tokens" of others */
static void write_spent(struct buf *out, const struct budget_touch *touch)
{
	char amount[MONEY_TEXT_MAX];

	unit_format(touch->unit, touch->spent, amount);
	buf_printf(out, touch->unit == UNIT_USD ? "\"%s\"" : "\"%s %s\"", amount,
		   unit_name(touch->unit));
}

static void write_figure(struct buf *out, const struct budget_touch *touch)
{
	char amount[MONEY_TEXT_MAX];

	unit_format(touch->unit, touch->spent, amount);
	if (touch->unit == UNIT_USD)
		buf_printf(out, ",\"spent_usd\":\"%s\"", amount);
	else
		buf_printf(out, ",\"unit\":\"%s\",\"spent\":\"%s\"", unit_name(touch->unit),
			   amount);
}

static void write_all(struct buf *out, const struct verdict *v, bool windows, bool spent)
{
	buf_put(out, SPAN("["));
	for (unsigned i = 0; i < v->n_budgets; i++) {
		if (i)
			buf_put(out, SPAN(","));
		if (windows)
			write_window(out, &v->budgets[i]);
		if (windows && spent)
			write_figure(out, &v->budgets[i]);
		else if (spent)
			write_spent(out, &v->budgets[i]);
		if (windows)
			buf_put(out, SPAN("}"));
	}
	buf_put(out, SPAN("]"));
}

void touches_write(struct buf *out, const struct verdict *v)
{
	write_all(out, v, true, true);
}

void touches_write_spent(struct buf *out, const struct verdict *v)
{
	write_all(out, v, false, true);
}

void touches_write_windows(struct buf *out, const struct verdict *v)
{
	write_all(out, v, true, false);
}

/* --- reading */

static int read_window(json_t *item, struct budget_touch *touch)
{
	const char *name, *window_start;

	if (json_unpack(item, "{s:s, s:s}", "name", &name, "window_start", &window_start) < 0 ||
	    !span_copy(span_of(name), touch->name, sizeof(touch->name)) ||
	    timestamp_parse(span_of(window_start), &touch->window_start_ns) < 0)
		return -EBADMSG;
	return 0;
}

static int read_spent(json_t *item, struct budget_touch *touch)
{
	struct span unit = span_of(json_string_value(item)), amount = span_cut(&unit, ' ');

	touch->unit = UNIT_USD;
	if ((unit.ptr && unit_find(unit, &touch->unit) < 0) ||
	    unit_parse(touch->unit, amount, &touch->spent) < 0)
		return -EBADMSG;
	return 0;
}

static int read_figure(json_t *item, struct budget_touch *touch)
{
	const char *unit = json_string_value(json_object_get(item, "unit"));
	const char *spent = json_string_value(json_object_get(item, unit ? "spent" : "spent_usd"));

	touch->unit = UNIT_USD;
	if ((unit && unit_find(span_of(unit), &touch->unit) < 0) || !spent ||
	    unit_parse(touch->unit, span_of(spent), &touch->spent) < 0)
		return -EBADMSG;
	return 0;
}

static int read_touch(json_t *item, struct budget_touch *touch)
{
	int code = read_window(item, touch);

	return code < 0 ? code : read_figure(item, touch);
}

/* Each item of the list by `read`, onto what is there already. */
static int read_all(struct span json, int (*read)(json_t *, struct budget_touch *),
		    struct verdict *v, size_t *ret_n)
{
	CLEANUP(cleanup_json)
	json_t *root = json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, NULL);
	struct budget_touch touches[VERDICT_BUDGETS_MAX];
	size_t n = json_array_size(root);

	if (!json_is_array(root) || n > VERDICT_BUDGETS_MAX)
		return -EBADMSG;
	memcpy(touches, v->budgets, sizeof(touches));
	for (size_t i = 0; i < n; i++)
		if (read(json_array_get(root, i), &touches[i]) < 0)
			return -EBADMSG;
	memcpy(v->budgets, touches, sizeof(touches));
	*ret_n = n;
	return 0;
}

int touches_read(struct span json, struct verdict *v)
{
	size_t n = 0;
	int code = read_all(json, read_touch, v, &n);

	if (code == 0)
		v->n_budgets = (unsigned)n;
	return code;
}

int touches_read_spent(struct span json, struct verdict *v)
{
	size_t n = 0;
	int code = read_all(json, read_spent, v, &n);

	if (code == 0)
		v->n_budgets = (unsigned)n;
	return code;
}

int touches_read_windows(struct span json, struct verdict *v)
{
	size_t n = 0;
	int code = read_all(json, read_window, v, &n);

	return code == 0 && n != v->n_budgets ? -EBADMSG : code;
}
