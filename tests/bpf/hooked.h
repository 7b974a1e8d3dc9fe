/* An agent's attachment to some hosts, and the flow hooks on its maps. Include it behind cmocka. */
#pragma once

#include "attach/attach.h"
#include "flow/hooks.h"

struct hooked {
	struct attach *attach;
	struct hooks *hooks;
	const char *pins; /* kept there when this process is killed; NULL: nowhere */
};

typedef void hooked_record_fn(void *ctx, const void *record, size_t bytes);

static inline void hooked_attach(struct hooked *h, const char *const *hosts, unsigned n)
{
	struct attach_options options = { .ring_bytes = 1 << 20 };
	struct err err = { 0 };

	if (attach_new(&options, &h->attach, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(attach_set_hosts(h->attach, hosts, n, &err), 0);
}

/* Again after hooks_free, too. */
static inline void hooked_open(struct hooked *h, bool refuse_connect, hooked_record_fn *record,
			       void *ctx)
{
	struct attach_shared shared = attach_shared(h->attach);
	struct hooks_options hooks = { .hosts_fd = shared.hosts_fd,
				       .wildcards_fd = shared.wildcards_fd,
				       .connections_fd = shared.connections_fd,
				       .handshakes_fd = shared.handshakes_fd,
				       .refuse_connect = refuse_connect,
				       .pins = h->pins,
				       .keeps = h->pins,
				       .record = record,
				       .ctx = ctx };
	struct err err = { 0 };

	if (hooks_new(&hooks, &h->hooks, &err) < 0)
		fail_msg("%s", err.text);
}

static inline void hooked_close(struct hooked *h)
{
	hooks_free(h->hooks);
	attach_free(h->attach);
}

static inline uint64_t hooked_count(const struct hooked *h, enum flow_counter which)
{
	uint64_t counters[FLOW_COUNTER_MAX];

	hooks_read_counters(h->hooks, counters);
	return counters[which];
}
