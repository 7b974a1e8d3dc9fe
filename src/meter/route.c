/* One route of a provider file. Everything a file can get wrong in a route is found here, at load,
 * so that nothing can fail when calls come. */
#include "meter/route.h"

#include <errno.h>
#include <stdlib.h>

#include "meter/estimate.h"
#include "meter/format.h"
#include "meter/target.h"

__attribute__((format(printf, 3, 4))) static int refuse(const struct route_place *at,
							const char *key, const char *format, ...)
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

/* There are hundreds of routes: each has its texts, and no more, in one piece. */
static int copy_texts(const struct route_file *from, struct route *route)
{
	const char *match = from->match ?: "", *within = from->within ?: "";
	char *text = malloc(strlen(match) + strlen(from->operation) + strlen(within) + 3);

	if (!text)
		return -ENOMEM;
	route->match = text;
	route->operation = stpcpy(text, match) + 1;
	route->within = stpcpy((char *)route->operation, from->operation) + 1;
	stpcpy((char *)route->within, within);
	return 0;
}

void route_done(struct route *route)
{
	free(route->match);
}

static int compile_match(const struct route_place *at, struct route *route)
{
	struct span rest = span_of(route->match);
	const char *wrong;

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
	return 0;
}

static int compile_formats(const struct route_place *at, const struct route_file *from,
			   struct route *route)
{
	/* Of a route without a list only errors and ids are read. */
	route->formats = from->format_count ? 0 : UINT32_MAX;
	for (unsigned i = 0; i < from->format_count; i++) {
		int row = format_find(span_of(from->format[i]));
		char key[32];

		snprintf(key, sizeof(key), "format[%u]", i);
		if (row < 0)
			return refuse(at, key, "no such format");
		route->formats |= 1u << row;
	}
	return 0;
}

/* What its counts ask of the rest. */
static int check_counts(const struct route_place *at)
{
	const struct route_file *from = at->route;
	bool any = false;

	for (int i = 0; i < USAGE_BUCKET_MAX; i++)
		any |= from->usage.counts[i] != NULL;
	if (any && from->free)
		return refuse(at, "free", "expected no usage beside it");
	if (any && !from->format_count)
		return refuse(at, "usage", "expected a format beside it");
	if (!any && !from->free)
		return refuse(at, "match", "expected a usage or free: true beside it");
	return 0;
}

static int compile_known(const struct route_place *at, struct route *route)
{
	int rc = compile_match(at, route);

	if (rc == 0 && !is_word(span_of(at->route->operation)))
		rc = refuse(at, "operation", "expected a word of a-z, 0-9, _, - and .");
	if (rc == 0 && at->route->estimate && !estimate_find(at->route->estimate))
		rc = refuse(at, "estimate", "no such shape");
	if (rc == 0 && at->route->within && (at->route->within[0] != '/' || !at->route->each))
		rc = refuse(at, "within", "expected a JSON pointer, and each: true beside it");
	if (rc == 0)
		rc = compile_formats(at, at->route, route);
	return rc;
}

int route_compile(const char *path, const struct provider_file *file, unsigned index,
		  struct extract **extracts, struct route *route, struct err *err)
{
	static const struct route_file none = { .operation = (char *)"unknown" };
	const struct route_file *from = index < file->routes_count ? &file->routes[index] : &none;
	const struct route_place at = { path, file, from, index, err };
	int rc;

	*route = (struct route){
		.free = from->free,
		.each = from->each,
		.formats = UINT32_MAX,
		.settles = from->poll          ? SETTLE_POLL
			   : from->provisional ? SETTLE_PROVISIONAL
					       : SETTLE_ANSWER,
	};
	rc = copy_texts(from, route);
	if (rc == 0 && from != &none)
		rc = compile_known(&at, route);
	if (rc == 0)
		rc = extract_share(extracts, &at, route->path, &route->extract);
	if (rc == 0 && from != &none)
		rc = check_counts(&at);
	return rc;
}

bool route_is_kind(const struct route *route, const struct route *first)
{
	return route != first && route->formats == first->formats &&
	       route->formats == 1u << FORMAT_WS && strcmp(route->match, first->match) == 0;
}

bool route_takes(const struct route *route, struct span method, struct span path)
{
	return span_eq(route->method, method) && target_matches(path, route->path);
}
