/* meter knows the patterns, attach the kernel: neither knows the other. */
#include "agent/hosts.h"

#include "agent/canary.h"

struct patterns {
	const char *at[EVENT_HOSTS_MAX];
	unsigned n;
};

static void add_pattern(void *ctx, const struct provider *provider, const char *pattern)
{
	struct patterns *p = ctx;

	(void)provider;
	if (p->n < EVENT_HOSTS_MAX)
		p->at[p->n] = pattern;
	p->n++; /* attach refuses what is too much */
}

int hosts_set(struct attach *attach, const struct providers *providers, struct err *err)
{
	struct patterns patterns = { .n = 0 };

	providers_hosts(providers, add_pattern, &patterns);
	add_pattern(&patterns, NULL, CANARY_HOST);
	return attach_set_hosts(attach, patterns.at, patterns.n, err);
}
