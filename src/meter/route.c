/* One route of a provider file -> pointers and expressions. Everything a file can get wrong in a
 * route is found here, at load, so that nothing can fail when calls come. */
#include "meter/route.h"

#include <errno.h>

#include "meter/format.h"
#include "meter/target.h"

struct place {
	const char *path;
	const struct provider_file *file;
	unsigned index;
	struct err *err;
};

__attribute__((format(printf, 3, 4))) static int refuse(const struct place *at, const char *key,
							const char *format, ...)
{
	char full[64], expected[128];
	va_list args;

	va_start(args, format);
	vsnprintf(expected, sizeof(expected), format, args);
	va_end(args);
	snprintf(full, sizeof(full), "routes[%u].%s", at->index, key);
	return provider_file_refuse(at->path, at->err, full, "%s", expected);
}

/* Whether `text` is made of letters, digits and some signs, and safe wherever it is shown. */
static bool is_word(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!(text.ptr[i] >= 'a' && text.ptr[i] <= 'z') &&
		    !(text.ptr[i] >= '0' && text.ptr[i] <= '9') && !strchr("_-.", text.ptr[i]))
			return false;
	return text.len > 0;
}

static int compile_match(const struct place *at, const char *match, struct route *route)
{
	struct span rest;
	const char *wrong;

	span_copy(span_of(match), route->match, sizeof(route->match));
	rest = span_of(route->match);
	route->method = span_cut(&rest, ' ');
	for (size_t i = 0; i < route->method.len; i++)
		if (route->method.ptr[i] < 'A' || route->method.ptr[i] > 'Z')
			return refuse(at, "match", "expected METHOD /path");
	if (!route->method.len)
		return refuse(at, "match", "expected METHOD /path");
	wrong = target_check_template(rest);
	if (wrong)
		return refuse(at, "match", "expected %s", wrong);
	route->path = rest;
	route->scope.template = rest;
	return 0;
}

static int compile_formats(const struct place *at, const struct route_file *from,
			   struct route *route)
{
	for (unsigned i = 0; i < from->format_count; i++) {
		int row = format_find(span_of(from->format[i]));
		char key[32];

		snprintf(key, sizeof(key), "format[%u]", i);
		if (row < 0)
			return refuse(at, key, "no such format");
		route->formats |= 1u << row;
	}
	/* Of a route without a list only errors and ids are read. */
	if (!from->format_count)
		route->formats = UINT32_MAX;
	return 0;
}

/* `key` is the full one. */
static int compile_expr(const struct place *at, const char *key, const char *text,
			enum expr_want want, struct route *route, struct expr *ret_expr)
{
	struct err inner = { "" };
	int rc;

	if (!text)
		return 0;
	rc = expr_compile(span_of(text), want, &route->scope, ret_expr, &inner);
	if (rc < 0 && inner.text[0])
		return provider_file_refuse(at->path, at->err, key, "%s", inner.text);
	return rc;
}

/* Of the route, else of the file. */
static int compile_field(const struct place *at, const char *key, const char *of_route,
			 const char *of_file, enum expr_want want, struct route *route,
			 struct expr *ret_expr)
{
	char full[64];

	snprintf(full, sizeof(full), "routes[%u].%s", at->index, key);
	return compile_expr(at, of_route ? full : key, of_route ? of_route : of_file, want, route,
			    ret_expr);
}

static int compile_fields(const struct place *at, const struct route_file *from,
			  struct route *route)
{
	for (int i = 0; i < ROUTE_TEXT_MAX; i++) {
		int rc = compile_field(at, provider_file_text_key(i), from->texts[i],
				       at->file->texts[i], EXPR_WANT_TEXT, route, &route->texts[i]);

		if (rc < 0)
			return rc;
	}
	return compile_field(at, "attempt", from->attempt, at->file->attempt, EXPR_WANT_COUNT,
			     route, &route->attempt);
}

static int compile_counts(const struct place *at, const struct route_file *from,
			  struct route *route)
{
	bool any = false;

	for (int i = 0; i < USAGE_BUCKET_MAX; i++) {
		char key[64];
		int rc;

		snprintf(key, sizeof(key), "routes[%u].usage.%s", at->index, usage_bucket_name(i));
		rc = compile_expr(at, key, from->usage.counts[i], EXPR_WANT_COUNT, route,
				  &route->counts[i]);
		if (rc < 0)
			return rc;
		any |= from->usage.counts[i] != NULL;
		if (from->usage.counts[i] && !route->counts[i].said)
			route->asked |= USAGE_BIT(i);
		/* The others break these down, and are left out where there is none of their
		 * kind. */
		if (from->usage.counts[i] && (i == USAGE_INPUT || i == USAGE_OUTPUT))
			route->required |= USAGE_BIT(i);
	}
	if (any && from->free)
		return refuse(at, "free", "expected no usage beside it");
	if (any && !from->format_count)
		return refuse(at, "usage", "expected a format beside it");
	if (!any && !from->free)
		return refuse(at, "match", "expected a usage or free: true beside it");
	return 0;
}

/* Before the counts, which ask whether they are below it. */
static int compile_snapshot(const struct place *at, const struct route_file *from,
			    struct route *route)
{
	struct span pointer = span_of(from->snapshot);
	int rc;

	if (!pointer.len)
		return 0;
	rc = slot_plan_add(&route->scope.response, pointer, &route->scope.snapshot_slot);
	if (rc == -EINVAL || memchr(pointer.ptr, '*', pointer.len))
		return refuse(at, "snapshot", "expected a JSON pointer");
	route->scope.snapshot = pointer;
	route->snapshot = true;
	return rc;
}

static int compile_known(const struct place *at, const struct route_file *from, struct route *route)
{
	int rc = compile_match(at, from->match, route);

	if (rc == 0 && !is_word(span_of(from->operation)))
		rc = refuse(at, "operation", "expected a word of a-z, 0-9, _, - and .");
	if (rc == 0)
		rc = compile_formats(at, from, route);
	if (rc == 0)
		rc = compile_fields(at, from, route);
	if (rc == 0)
		rc = compile_snapshot(at, from, route);
	if (rc == 0)
		rc = compile_counts(at, from, route);
	route->scope.snapshot = (struct span){ 0 }; /* it is the file's text */
	return rc;
}

int route_compile(const char *path, const struct provider_file *file, unsigned index,
		  struct route *route, struct err *err)
{
	static const struct route_file none = { .operation = (char *)"unknown" };
	const struct route_file *from = index < file->routes_count ? &file->routes[index] : &none;
	const struct place at = { path, file, index, err };
	int rc;

	*route = (struct route){ .free = from->free, .poll = from->poll };
	span_copy(span_of(from->operation), route->operation, sizeof(route->operation));
	rc = slot_plan_init(&route->scope.request);
	if (rc == 0)
		rc = slot_plan_init(&route->scope.response);
	if (rc < 0)
		return rc;
	if (from != &none)
		return compile_known(&at, from, route);
	route->formats = UINT32_MAX;
	return compile_fields(&at, from, route);
}

void route_done(struct route *route)
{
	for (int i = 0; i < ROUTE_TEXT_MAX; i++)
		expr_done(&route->texts[i]);
	for (int i = 0; i < USAGE_BUCKET_MAX; i++)
		expr_done(&route->counts[i]);
	expr_done(&route->attempt);
	slot_plan_done(&route->scope.request);
	slot_plan_done(&route->scope.response);
	*route = (struct route){ 0 };
}

bool route_takes(const struct route *route, struct span method, struct span path)
{
	return span_eq(route->method, method) && target_matches(path, route->path);
}
