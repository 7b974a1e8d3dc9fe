/* What stays the same of a budget's object is text with holes for what does not. */
#include "policy/figures.h"

#include "base/timestamp.h"
#include "budget/outlook.h"

static void emit_amount(struct emit *e, const char *usd, const char *name,
			const struct budget_view *view, money_wide amount)
{
	char text[MONEY_TEXT_MAX];

	emit_name(e, view->unit == UNIT_USD ? usd : name, unit_format(view->unit, amount, text));
}

static void emit_window(struct emit *e, const struct budget_view *view)
{
	char time[TIMESTAMP_TEXT_MAX];

	emit_name(e, "resets",
		  view->resets_ns == INT64_MAX ? NULL : timestamp_format(view->resets_ns, time));
	emit_name(e, "window", view->window);
	emit_name(e, "unit", unit_name(view->unit));
}

static void emit_before(struct emit *e, const struct budget_view *view)
{
	static const char *const modes[] = { "observe", "advise", "hold", "cut" };

	emit_text(e, "name", view->name);
	emit_name(e, "mode", modes[view->mode]);
	if (view->unit != UNIT_USD) {
		emit_null(e, "limit_usd");
		emit_null(e, "spent_usd");
		emit_null(e, "reserved_usd");
		emit_null(e, "remaining_usd");
		emit_window(e, view);
	}
	emit_amount(e, "limit_usd", "limit", view, view->limit);
}

static void amounts_of(const struct budget_view *view, money_wide ret[static STENCIL_HOLES])
{
	ret[0] = view->spent;
	ret[1] = view->reserved;
	ret[2] = view->limit - view->spent - view->reserved;
}

/* With `holes` the amounts are left out: there they belong. */
static void emit_changing(struct emit *e, const struct budget_view *view, uint16_t *holes)
{
	static const char *const names[STENCIL_HOLES][2] = { { "spent_usd", "spent" },
							     { "reserved_usd", "reserved" },
							     { "remaining_usd", "remaining" } };
	money_wide amounts[STENCIL_HOLES];

	amounts_of(view, amounts);
	for (int i = 0; i < STENCIL_HOLES; i++) {
		if (!holes) {
			emit_amount(e, names[i][0], names[i][1], view, amounts[i]);
			continue;
		}
		emit_name(e, names[i][view->unit != UNIT_USD], "");
		holes[i] = (uint16_t)(e->out->len - 1);
	}
}

static void emit_behind(struct emit *e, const struct budget_view *view)
{
	if (view->unit == UNIT_USD)
		emit_window(e, view);
	if (view->rate)
		emit_amount(e, "rate", "rate", view, view->rate);
	if (view->carried)
		emit_amount(e, "carried", "carried", view, view->carried);
	if (view->raised)
		emit_amount(e, "raised", "raised", view, view->raised);
	if (view->stopped)
		emit_bool(e, "stopped", true);
}

static void emit_members(struct emit *e, const struct budget_view *view, uint16_t *holes)
{
	emit_before(e, view);
	emit_changing(e, view, holes);
	emit_behind(e, view);
}

void figures_emit_members(struct emit *e, const struct budget_view *view)
{
	emit_members(e, view, NULL);
}

void figures_emit(struct emit *e, const char *key, const struct budget_view *view)
{
	emit_object(e, key);
	figures_emit_members(e, view);
	emit_end_object(e);
}

static bool is_of(const struct stencil *stencil, unsigned generation,
		  const struct budget_view *view)
{
	const struct budget_view *of = &stencil->of;

	return stencil->n_bytes && stencil->generation == generation && of->index == view->index &&
	       of->unit == view->unit && of->window == view->window && of->limit == view->limit &&
	       of->carried == view->carried && of->raised == view->raised &&
	       of->rate == view->rate && of->resets_ns == view->resets_ns &&
	       of->mode == view->mode && of->stopped == view->stopped;
}

static void cut(struct stencil *stencil, unsigned generation, const struct budget_view *view)
{
	struct buf text = buf_with_max(STENCIL_BYTES_MAX);
	struct emit e = emit_to(&text);

	emit_object(&e, NULL);
	emit_members(&e, view, stencil->holes);
	emit_end_object(&e);
	stencil->generation = generation;
	stencil->of = *view;
	stencil->n_bytes = text.failed ? 0 : (uint16_t)text.len;
	if (stencil->n_bytes)
		memcpy(stencil->text, text.data, text.len);
	buf_done(&text);
}

/* The text, with the amounts in its holes. */
static char *fill(const struct stencil *stencil, const struct budget_view *view, char *at)
{
	money_wide amounts[STENCIL_HOLES];
	unsigned from = 0;

	amounts_of(view, amounts);
	for (int i = 0; i < STENCIL_HOLES; i++) {
		unsigned hole = stencil->holes[i];

		memcpy(at, stencil->text + from, hole - from);
		at = unit_put(view->unit, amounts[i], at + hole - from);
		from = hole;
	}
	memcpy(at, stencil->text + from, stencil->n_bytes - from);
	return at + stencil->n_bytes - from;
}

void figures_emit_again(struct stencils *stencils, unsigned generation, struct emit *e,
			const struct budget_view *view)
{
	struct stencil *stencil = &stencils->all[view->index % STENCILS];
	char *at;

	if (!is_of(stencil, generation, view))
		cut(stencil, generation, view);
	if (!stencil->n_bytes) {
		figures_emit(e, NULL, view);
		return;
	}
	at = emit_begin(e, (struct span){ NULL, 0 },
			stencil->n_bytes + STENCIL_HOLES * MONEY_TEXT_MAX);
	if (at)
		emit_end(e, fill(stencil, view, at));
}
