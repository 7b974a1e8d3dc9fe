/* Expressions of a route -> pointers and sources. They are compared as texts, so that what another
 * route said already is not compiled again. */
#include "meter/extract.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "meter/estimate.h"

CLEANUP_FOR(extract, struct extract *, extract_free_all)

/* --- sharing */

/* Of the route, else of the file. */
static const char *text_of(const struct route_place *at, int text)
{
	return at->route->texts[text] ? at->route->texts[text] : at->file->texts[text];
}

static const char *number_of(const struct route_place *at, int count)
{
	return at->route->counts[count] ? at->route->counts[count] : at->file->counts[count];
}

static const char *estimate_of(const struct route_place *at, int i)
{
	const struct estimate_shape *shape = estimate_find(at->route->estimate);

	return shape ? shape->counts[i] : NULL;
}

static bool has_besides(const struct extract *extract, const struct route_file *route)
{
	if (extract->n_besides != route->besides_count)
		return false;
	for (unsigned i = 0; i < extract->n_besides; i++) {
		const struct beside *beside = &extract->besides[i];
		const struct beside_file *file = &route->besides[i];

		if (strcmp(beside->operation, file->operation) != 0 ||
		    !expr_is(&beside->model, file->model))
			return false;
		for (int j = 0; j < USAGE_BUCKET_MAX; j++)
			if (!expr_is(&beside->counts[j], file->usage.counts[j]))
				return false;
	}
	return true;
}

static bool is_like(const struct extract *extract, const struct route_place *at,
		    struct span template)
{
	if (extract->scope.of_path && !span_eq(extract->scope.template, template))
		return false;
	for (int i = 0; i < ROUTE_TEXT_MAX; i++)
		if (!expr_is(&extract->texts[i], text_of(at, i)))
			return false;
	for (int i = 0; i < USAGE_BUCKET_MAX; i++)
		if (!expr_is(&extract->counts[i], at->route->usage.counts[i]))
			return false;
	for (int i = 0; i < 2; i++)
		if (!expr_is(&extract->estimates[i], estimate_of(at, i)))
			return false;
	for (int i = 0; i < ROUTE_COUNT_MAX; i++)
		if (!expr_is(&extract->numbers[i], number_of(at, i)))
			return false;
	return span_eq(extract->scope.snapshot, span_of(at->route->snapshot)) &&
	       has_besides(extract, at->route);
}

/* --- compiling */

/* `own`: the key stands in the route, not at the top of the file. */
static int compile(const struct route_place *at, const char *key, bool own, const char *text,
		   enum expr_want want, struct extract *extract, struct expr *ret_expr)
{
	struct err inner = { "" };
	char full[64];
	int rc;

	if (!text)
		return 0;
	rc = expr_compile(span_of(text), want, &extract->scope, ret_expr, &inner);
	if (rc == 0 || !inner.text[0])
		return rc;
	snprintf(full, sizeof(full), "routes[%u].%s", at->index, key);
	return provider_file_refuse(at->path, at->err, own ? full : key, "%s", inner.text);
}

static int compile_texts(const struct route_place *at, struct extract *extract)
{
	for (int i = 0; i < ROUTE_TEXT_MAX; i++) {
		int rc = compile(at, provider_file_text_key(i), at->route->texts[i], text_of(at, i),
				 EXPR_WANT_TEXT, extract, &extract->texts[i]);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Before the numbers and counts, which ask whether they are below it. */
static int compile_snapshot(const struct route_place *at, struct extract *extract)
{
	struct span pointer = span_of(at->route->snapshot);
	char key[64];
	int rc;

	if (!pointer.len)
		return 0;
	rc = slot_plan_add(&extract->scope.response, pointer, &extract->scope.snapshot_slot);
	if (rc == -EINVAL || memchr(pointer.ptr, '*', pointer.len)) {
		snprintf(key, sizeof(key), "routes[%u].snapshot", at->index);
		return provider_file_refuse(at->path, at->err, key, "expected a JSON pointer");
	}
	extract->scope.snapshot = (struct span){ strdup(at->route->snapshot), pointer.len };
	return extract->scope.snapshot.ptr ? rc : -ENOMEM;
}

static int compile_numbers(const struct route_place *at, struct extract *extract)
{
	for (int i = 0; i < ROUTE_COUNT_MAX; i++) {
		int rc = compile(at, provider_file_count_key(i), at->route->counts[i],
				 number_of(at, i), EXPR_WANT_COUNT, extract, &extract->numbers[i]);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int compile_counts(const struct route_place *at, struct extract *extract)
{
	for (int i = 0; i < USAGE_BUCKET_MAX; i++) {
		const char *text = at->route->usage.counts[i];
		char key[64];
		int rc;

		snprintf(key, sizeof(key), "usage.%s", usage_bucket_name(i));
		rc = compile(at, key, true, text, EXPR_WANT_COUNT, extract, &extract->counts[i]);
		if (rc < 0)
			return rc;
		extract->counted |= text ? USAGE_BIT(i) : 0;
		if (text && !extract->counts[i].said)
			extract->asked |= USAGE_BIT(i);
		/* The others break these down, and are left out where there is none of their
		 * kind. */
		if (text && (i == USAGE_INPUT || i == USAGE_OUTPUT))
			extract->required |= USAGE_BIT(i);
	}
	return 0;
}

static int compile_beside(const struct route_place *at, unsigned index, struct extract *extract)
{
	const struct beside_file *file = &at->route->besides[index];
	struct beside *beside = &extract->besides[index];
	char key[64];
	int rc;

	span_copy(span_of(file->operation), beside->operation, sizeof(beside->operation));
	snprintf(key, sizeof(key), "besides[%u].model", index);
	rc = compile(at, key, true, file->model, EXPR_WANT_TEXT, extract, &beside->model);
	for (int i = 0; i < USAGE_BUCKET_MAX && rc == 0; i++) {
		snprintf(key, sizeof(key), "besides[%u].usage.%s", index, usage_bucket_name(i));
		rc = compile(at, key, true, file->usage.counts[i], EXPR_WANT_COUNT, extract,
			     &beside->counts[i]);
		beside->counted |= file->usage.counts[i] ? USAGE_BIT(i) : 0;
	}
	return rc;
}

static int compile_besides(const struct route_place *at, struct extract *extract)
{
	int rc = 0;

	if (!at->route->besides_count)
		return 0;
	extract->besides = calloc(at->route->besides_count, sizeof(*extract->besides));
	if (!extract->besides)
		return -ENOMEM;
	extract->n_besides = at->route->besides_count;
	for (unsigned i = 0; i < extract->n_besides && rc == 0; i++)
		rc = compile_beside(at, i, extract);
	return rc;
}

static int compile_estimates(const struct route_place *at, struct extract *extract)
{
	int rc = 0;

	for (int i = 0; i < 2 && rc == 0; i++)
		rc = compile(at, "estimate", true, estimate_of(at, i), EXPR_WANT_COUNT, extract,
			     &extract->estimates[i]);
	return rc;
}

int extract_share(struct extract **set, const struct route_place *at, struct span template,
		  const struct extract **ret_extract)
{
	CLEANUP(cleanup_extract) struct extract *fresh = NULL;
	const struct extract *like = *set;
	int rc;

	while (like && !is_like(like, at, template))
		like = like->next;
	if (like) {
		*ret_extract = like;
		return 0;
	}
	fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	fresh->scope.template = template;
	rc = slot_plan_init(&fresh->scope.request);
	if (rc == 0)
		rc = slot_plan_init(&fresh->scope.response);
	if (rc == 0)
		rc = compile_texts(at, fresh);
	if (rc == 0)
		rc = compile_snapshot(at, fresh);
	if (rc == 0)
		rc = compile_numbers(at, fresh);
	if (rc == 0)
		rc = compile_counts(at, fresh);
	if (rc == 0)
		rc = compile_besides(at, fresh);
	if (rc == 0)
		json_paths_begin_extra(fresh->scope.response.paths);
	if (rc == 0)
		rc = compile_estimates(at, fresh);
	if (rc < 0)
		return rc;
	slot_plan_close(&fresh->scope.request);
	slot_plan_close(&fresh->scope.response);
	fresh->next = *set;
	*ret_extract = *set = TAKE_PTR(fresh);
	return 0;
}

static void free_besides(struct extract *extract)
{
	for (unsigned i = 0; i < extract->n_besides; i++) {
		expr_done(&extract->besides[i].model);
		for (int j = 0; j < USAGE_BUCKET_MAX; j++)
			expr_done(&extract->besides[i].counts[j]);
	}
	free(extract->besides);
}

void extract_free_all(struct extract *set)
{
	while (set) {
		struct extract *extract = set;

		set = extract->next;
		for (int i = 0; i < ROUTE_TEXT_MAX; i++)
			expr_done(&extract->texts[i]);
		for (int i = 0; i < USAGE_BUCKET_MAX; i++)
			expr_done(&extract->counts[i]);
		for (int i = 0; i < 2; i++)
			expr_done(&extract->estimates[i]);
		for (int i = 0; i < ROUTE_COUNT_MAX; i++)
			expr_done(&extract->numbers[i]);
		free_besides(extract);
		free((char *)extract->scope.snapshot.ptr);
		slot_plan_done(&extract->scope.request);
		slot_plan_done(&extract->scope.response);
		free(extract);
	}
}
