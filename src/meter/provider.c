/* config/providers -> providers, hosts and routes, compiled once and shared read-only by all loops.
 * A set is loaded whole or not at all: a bad file leaves the running one in force. */
#include "meter/provider.h"

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "meter/limits.h"
#include "meter/provider_file.h"
#include "meter/route.h"
#include "meter/target.h"
#include "meter/usage.h"

#define PROVIDERS_MAX 256
#define PATH_MAX_HERE 4096

struct deployment {
	char name[sizeof(((struct usage *)0)->model)];
	char model[sizeof(((struct usage *)0)->model)];
};

struct provider {
	char name[32];
	char domestic[8];
	struct deployment *deployments;
	unsigned n_deployments;
	struct route *routes; /* the last one is for what no other takes */
	unsigned n_routes;
	struct limits *limits;
};

struct host {
	char *pattern;
	struct span key; /* the pattern; without its * */
	unsigned provider;
};

struct providers {
	_Atomic unsigned references;
	struct provider *list;
	unsigned n;
	struct host *hosts; /* by key */
	unsigned n_hosts;
	struct extract *extracts; /* of all routes */
};

CLEANUP_FOR(providers, struct providers *, providers_unref)
CLEANUP_FOR(provider_file, struct provider_file *, provider_file_free)

static int compare_spans(struct span a, struct span b)
{
	int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_hosts(const void *a, const void *b)
{
	return compare_spans(((const struct host *)a)->key, ((const struct host *)b)->key);
}

static const struct host *find_host(const struct providers *providers, struct span key)
{
	const struct host wanted = { .key = key };

	if (!key.len || !providers->n_hosts)
		return NULL;
	return bsearch(&wanted, providers->hosts, providers->n_hosts, sizeof(wanted),
		       compare_hosts);
}

/* From its first dot. */
static struct span parent_of(struct span server)
{
	while (server.len && server.ptr[0] != '.')
		server = span_skip(server, 1);
	return server;
}

/* From the last dash of its first label. */
static struct span region_of(struct span server)
{
	size_t dash = server.len;

	for (size_t i = 0; i < server.len && server.ptr[i] != '.'; i++)
		if (server.ptr[i] == '-')
			dash = i;
	return span_skip(server, dash);
}

/* Lower-case labels with a dot between them, or "*." or "*-" and such labels. */
static bool is_host(const char *pattern)
{
	struct span labels = span_of(pattern);
	unsigned n = 0;

	if (span_starts(labels, SPAN("*.")))
		labels = span_skip(labels, 2);
	else if (span_starts(labels, SPAN("*-")) && !region_of(span_skip(labels, 2)).len)
		labels = span_skip(labels, 2); /* no other dash: it would not be the last */
	for (; labels.ptr; n++) {
		struct span label = span_cut(&labels, '.');

		if (!label.len || label.len > 63 || label.ptr[0] == '-')
			return false;
		for (size_t i = 0; i < label.len; i++)
			if (!(label.ptr[i] >= 'a' && label.ptr[i] <= 'z') &&
			    !(label.ptr[i] >= '0' && label.ptr[i] <= '9') && label.ptr[i] != '-')
				return false;
	}
	return n > 1;
}

static int add_host(struct providers *all, const char *path, const struct provider_file *file,
		    unsigned index, struct err *err)
{
	const char *pattern = file->hosts[index];
	struct host *host = &all->hosts[all->n_hosts];
	const struct host *taken;
	char key[32];

	snprintf(key, sizeof(key), "hosts[%u]", index);
	if (!is_host(pattern))
		return provider_file_refuse(
		    path, err, key, "expected a host name in lower case, or *. or *- and one");
	*host = (struct host){ .provider = all->n - 1 };
	taken = find_host(all, span_skip(span_of(pattern), pattern[0] == '*'));
	if (taken)
		return provider_file_refuse(path, err, key, "provider %s has this host already",
					    all->list[taken->provider].name);
	host->pattern = strdup(pattern);
	if (!host->pattern)
		return -ENOMEM;
	host->key = span_skip(span_of(host->pattern), pattern[0] == '*');
	all->n_hosts++;
	qsort(all->hosts, all->n_hosts, sizeof(*all->hosts), compare_hosts);
	return 0;
}

static int add_hosts(struct providers *all, const char *path, const struct provider_file *file,
		     struct err *err)
{
	struct host *hosts =
	    reallocarray(all->hosts, all->n_hosts + file->hosts_count, sizeof(*hosts));

	if (!hosts)
		return -ENOMEM;
	all->hosts = hosts;
	for (unsigned i = 0; i < file->hosts_count; i++) {
		int rc = add_host(all, path, file, i, err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int add_routes(struct providers *all, const char *path, const struct provider_file *file,
		      struct err *err)
{
	struct provider *provider = &all->list[all->n - 1];

	provider->routes = calloc(file->routes_count + 1, sizeof(*provider->routes));
	if (!provider->routes)
		return -ENOMEM;
	for (unsigned i = 0; i <= file->routes_count; i++) {
		struct route *route = &provider->routes[provider->n_routes++];
		int rc = route_compile(path, file, i, &all->extracts, route, err);

		if (rc < 0)
			return rc;
		for (unsigned j = 0; j < i && i < file->routes_count; j++) {
			char key[32];

			if (!route_takes(&provider->routes[j], route->method, route->path) ||
			    route_is_kind(route, &provider->routes[j]))
				continue;
			snprintf(key, sizeof(key), "routes[%u].match", i);
			return provider_file_refuse(path, err, key,
						    "never reached, routes[%u] takes it", j);
		}
	}
	return 0;
}

static int add_deployments(struct provider *provider, const struct provider_file *file)
{
	provider->deployments = calloc(file->deployments_count + 1, sizeof(*provider->deployments));
	if (!provider->deployments)
		return -ENOMEM;
	for (unsigned i = 0; i < file->deployments_count; i++) {
		struct deployment *one = &provider->deployments[provider->n_deployments++];

		span_copy(span_of(file->deployments[i].name), one->name, sizeof(one->name));
		span_copy(span_of(file->deployments[i].model), one->model, sizeof(one->model));
	}
	return 0;
}

static int check_name(const struct providers *all, const char *path, const char *name,
		      struct err *err)
{
	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-.") != strlen(name))
		return provider_file_refuse(path, err, "name",
					    "expected a word of a-z, 0-9, _, - and .");
	for (unsigned i = 0; i < all->n; i++)
		if (strcmp(all->list[i].name, name) == 0)
			return provider_file_refuse(path, err, "name",
						    "another file has this name already");
	return 0;
}

static int add_file(struct providers *all, const char *path, struct err *err)
{
	CLEANUP(cleanup_provider_file) struct provider_file *file = NULL;
	struct provider *list, *provider;
	int rc = provider_file_load(path, &file, err);

	if (rc == 0)
		rc = check_name(all, path, file->name, err);
	if (rc < 0)
		return rc;
	list = reallocarray(all->list, all->n + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	all->list = list;
	provider = &list[all->n++];
	*provider = (struct provider){ 0 };
	span_copy(span_of(file->name), provider->name, sizeof(provider->name));
	span_copy(span_of(file->domestic), provider->domestic, sizeof(provider->domestic));
	provider->limits = calloc(1, sizeof(*provider->limits));
	if (!provider->limits)
		return -ENOMEM;
	rc = limits_compile(path, file, provider->limits, err);
	if (rc == 0)
		rc = add_hosts(all, path, file, err);
	if (rc == 0)
		rc = add_deployments(provider, file);
	return rc < 0 ? rc : add_routes(all, path, file, err);
}

static int is_yaml(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 5 &&
	       strcmp(entry->d_name + length - 5, ".yaml") == 0;
}

static int add_directory(struct providers *all, const char *dir, struct err *err)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, is_yaml, alphasort), rc = 0;

	if (n < 0) {
		rc = -errno;
		return err_set(err, rc, "%s: cannot be read: %s", dir, strerror(-rc));
	}
	if (n > PROVIDERS_MAX)
		rc = err_set(err, -E2BIG, "%s: expected at most %d files", dir, PROVIDERS_MAX);
	for (int i = 0; i < n; i++) {
		char path[PATH_MAX_HERE];

		snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
		if (rc == 0)
			rc = add_file(all, path, err);
		free(entries[i]);
	}
	free(entries);
	return rc;
}

int providers_load(const char *dir, struct providers **ret_providers, struct err *err)
{
	CLEANUP(cleanup_providers) struct providers *all = calloc(1, sizeof(*all));
	int rc = -ENOMEM;

	if (all) {
		atomic_init(&all->references, 1);
		rc = add_directory(all, dir, err);
	}
	if (rc == -ENOMEM)
		return err_set(err, rc, "%s: no memory", dir);
	if (rc == 0)
		*ret_providers = TAKE_PTR(all);
	return rc;
}

struct providers *providers_ref(struct providers *providers)
{
	atomic_fetch_add_explicit(&providers->references, 1, memory_order_relaxed);
	return providers;
}

void providers_unref(struct providers *providers)
{
	if (!providers ||
	    atomic_fetch_sub_explicit(&providers->references, 1, memory_order_acq_rel) > 1)
		return;
	for (unsigned i = 0; i < providers->n; i++) {
		for (unsigned j = 0; j < providers->list[i].n_routes; j++)
			route_done(&providers->list[i].routes[j]);
		free(providers->list[i].routes);
		free(providers->list[i].limits);
		free(providers->list[i].deployments);
	}
	for (unsigned i = 0; i < providers->n_hosts; i++)
		free(providers->hosts[i].pattern);
	extract_free_all(providers->extracts);
	free(providers->list);
	free(providers->hosts);
	free(providers);
}

size_t providers_count(const struct providers *providers)
{
	return providers->n;
}

void providers_hosts(const struct providers *providers, providers_host_fn *fn, void *ctx)
{
	for (unsigned i = 0; i < providers->n_hosts; i++)
		fn(ctx, &providers->list[providers->hosts[i].provider],
		   providers->hosts[i].pattern);
}

const struct provider *providers_find(const struct providers *providers, struct span server)
{
	const struct host *host;

	/* Keys of wildcards start with a dot or a dash: those of names never meet them. */
	if (span_starts(server, SPAN(".")) || span_starts(server, SPAN("-")))
		return NULL;
	host = find_host(providers, server);
	if (!host)
		host = find_host(providers, parent_of(server));
	if (!host)
		host = find_host(providers, region_of(server));
	return host ? &providers->list[host->provider] : NULL;
}

const struct provider *providers_named(const struct providers *providers, struct span name)
{
	for (unsigned i = 0; i < providers->n; i++) {
		const char *known = providers->list[i].name;

		/* The first byte spares most of the comparisons. */
		if (name.len && known[0] == name.ptr[0] && span_eq(name, span_of(known)))
			return &providers->list[i];
	}
	return NULL;
}

const char *provider_name(const struct provider *provider)
{
	return provider->name;
}

const struct limits *provider_limits(const struct provider *provider)
{
	return provider->limits;
}

bool provider_is_abroad(const struct provider *provider, struct span number)
{
	return provider->domestic[0] && span_starts(number, SPAN("+")) &&
	       !span_starts(number, span_of(provider->domestic));
}

const char *provider_deployment(const struct provider *provider, struct span name)
{
	for (unsigned i = 0; i < provider->n_deployments; i++)
		if (span_eq(span_of(provider->deployments[i].name), name))
			return provider->deployments[i].model;
	return NULL;
}

const struct route *provider_routes(const struct provider *provider, unsigned *ret_n)
{
	*ret_n = provider->n_routes;
	return provider->routes;
}

const struct route *provider_route(const struct provider *provider, struct span method,
				   struct span target)
{
	const struct route *route = provider->routes;
	struct span path, query;

	target_split(target, &path, &query);
	while (route->match[0] && !route_takes(route, method, path))
		route++;
	return route;
}
