/* The privileged edge of the flow ledger. Attaching is by links, so a dead agent leaves nothing
 * behind but what it was told to keep, and beside whatever else is attached there. The hierarchy is
 * mounted for us alone and at no place: that is its root, wherever the host has mounted it, if at
 * all. */
#include "flow/hooks.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "bpf/flow.skel.h"
#include "flow/pins.h"

enum { CGROUP_HOOKS = 3, CLOSED = CGROUP_HOOKS, OLDER, SWEEP, LINKS, KEPT = LINKS, FEATURES };

struct hooks {
	struct hooks_options options;
	struct flow_bpf *skeleton;
	struct ring_buffer *ring;
	struct bpf_link *links[LINKS];
	struct pins *pins; /* NULL: not wanted, or none */
	bool inherits, has_orders, took_over;
	struct hooks_feature features[FEATURES];
};

static int open_root(struct err *err)
{
	CLOSE_FD int context = fsopen("cgroup2", FSOPEN_CLOEXEC);
	int root = -1;

	if (context >= 0 && fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		root = fsmount(context, FSMOUNT_CLOEXEC, 0);
	return root >= 0 ? root : err_set(err, -errno, "no cgroup v2 here: %s", strerror(errno));
}

static int on_record(void *ctx, void *record, size_t bytes)
{
	struct hooks *h = ctx;

	h->options.record(h->options.ctx, record, bytes);
	return 0;
}

static int borrow_maps(struct hooks *h)
{
	const struct {
		struct bpf_map *map;
		int fd;
	} lent[] = {
		{ h->skeleton->maps.hosts, h->options.hosts_fd },
		{ h->skeleton->maps.wildcards, h->options.wildcards_fd },
		{ h->skeleton->maps.connections, h->options.connections_fd },
		{ h->skeleton->maps.handshakes, h->options.handshakes_fd },
	};
	int code = 0;

	for (size_t i = 0; code == 0 && i < sizeof(lent) / sizeof(lent[0]); i++)
		code = bpf_map__reuse_fd(lent[i].map, lent[i].fd);
	return code;
}

/* So that the connections of the time of another agent are known to be a provider's. */
static void inherit_sockets(struct hooks *h)
{
	CLOSE_FD int fd = h->pins ? pins_find(h->pins, "sockets") : -ENOENT;
	struct bpf_map *map = h->skeleton->maps.sockets;
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);

	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0 &&
	    info.type == BPF_MAP_TYPE_SK_STORAGE && info.value_size == bpf_map__value_size(map))
		h->inherits = bpf_map__reuse_fd(map, fd) == 0;
}

static int open_and_load(struct hooks *h, bool sweeps)
{
	int code;

	h->skeleton = flow_bpf__open();
	if (!h->skeleton)
		return -errno;
	bpf_program__set_autoload(h->skeleton->progs.flow_sweep, sweeps);
	inherit_sockets(h);
	code = borrow_maps(h);
	return code == 0 ? flow_bpf__load(h->skeleton) : code;
}

static int load(struct hooks *h, struct err *err)
{
	int code = open_and_load(h, true);

	if (code < 0) { /* a kernel that cannot sweep? */
		flow_bpf__destroy(h->skeleton);
		code = open_and_load(h, false);
	}
	if (code < 0)
		return err_set(err, code, "the kernel refused the flow programs: %s",
			       strerror(-code));
	h->skeleton->bss->control.refuse_connect = h->options.refuse_connect;
	/* None that another agent has judged a socket by. */
	h->skeleton->bss->control.agent =
	    (uint32_t)(clock_system.monotonic_ns(&clock_system) >> 20);
	h->skeleton->bss->control.generation = h->skeleton->bss->control.agent;
	h->ring = ring_buffer__new(bpf_map__fd(h->skeleton->maps.records), on_record, h, NULL);
	return h->ring ? 0 : err_set(err, -errno, "ring of the flows: %s", strerror(errno));
}

static void attach_iterator(struct hooks *h, int at, const char *name,
			    const struct bpf_program *program)
{
	h->features[at] = (struct hooks_feature){ name, -EOPNOTSUPP };
	if (bpf_program__fd(program) < 0)
		return;
	h->links[at] = bpf_program__attach_iter(program, NULL);
	h->features[at].code = h->links[at] ? 0 : -errno;
}

/* The order matters: a hello without its owner says nothing, so connect() comes first. */
static void attach_all(struct hooks *h, int root)
{
	const struct {
		const char *name;
		struct bpf_program *program;
	} wanted[CGROUP_HOOKS] = {
		{ "connect4", h->skeleton->progs.flow_connect4 },
		{ "connect6", h->skeleton->progs.flow_connect6 },
		{ "egress", h->skeleton->progs.flow_egress },
	};

	for (int i = 0; i < CGROUP_HOOKS; i++) {
		h->links[i] = bpf_program__attach_cgroup(wanted[i].program, root);
		h->features[i] = (struct hooks_feature){ wanted[i].name, h->links[i] ? 0 : -errno };
	}
	h->links[CLOSED] = bpf_program__attach(h->skeleton->progs.flow_state);
	h->features[CLOSED] = (struct hooks_feature){ "closed", h->links[CLOSED] ? 0 : -errno };
	attach_iterator(h, OLDER, "older", h->skeleton->progs.flow_older);
	attach_iterator(h, SWEEP, "sweep", h->skeleton->progs.flow_sweep);
}

/* The sockets always, so that the next agent knows the connections of this one. */
static int keep(const struct hooks *h)
{
	int code = pins_leave(h->pins, "sockets", bpf_map__fd(h->skeleton->maps.sockets));

	for (int i = 0; code == 0 && h->options.keeps && i < CGROUP_HOOKS; i++)
		if (h->links[i])
			code = pins_put(h->pins, h->features[i].name, bpf_link__fd(h->links[i]));
	return code;
}

CLEANUP_FOR(hooks, struct hooks *, hooks_free)

int hooks_new(const struct hooks_options *options, struct hooks **ret_hooks, struct err *err)
{
	CLEANUP(cleanup_hooks) struct hooks *h = calloc(1, sizeof(*h));
	CLOSE_FD int root = -1;
	int code;

	if (!h)
		return err_set(err, -ENOMEM, "out of memory");
	h->options = *options;
	root = open_root(err);
	if (root < 0)
		return root;
	h->features[KEPT].name = "kept";
	if (options->pins)
		h->features[KEPT].code = pins_new(options->pins, &h->pins);
	code = load(h, err);
	if (code < 0)
		return code;
	attach_all(h, root);
	if (h->pins)
		h->features[KEPT].code = keep(h);
	*ret_hooks = TAKE_PTR(h);
	return 0;
}

void hooks_free(struct hooks *h)
{
	if (!h)
		return;
	pins_free(h->pins);
	for (int i = 0; i < LINKS; i++)
		bpf_link__destroy(h->links[i]);
	ring_buffer__free(h->ring);
	flow_bpf__destroy(h->skeleton);
	free(h);
}

const struct hooks_feature *hooks_features(const struct hooks *h, unsigned *ret_n)
{
	*ret_n = h->options.keeps ? FEATURES : LINKS;
	return h->features;
}

int hooks_kept(const struct hooks *h)
{
	return h->options.keeps ? h->features[KEPT].code : 0;
}

int hooks_fd(const struct hooks *h)
{
	return ring_buffer__epoll_fd(h->ring);
}

unsigned hooks_drain(struct hooks *h)
{
	int n = ring_buffer__consume(h->ring);

	return n > 0 ? (unsigned)n : 0;
}

int hooks_older(struct hooks *h)
{
	CLOSE_FD int fd = -1;
	struct flow_older record;

	if (!h->links[OLDER])
		return h->features[OLDER].code;
	fd = bpf_iter_create(bpf_link__fd(h->links[OLDER]));
	if (fd < 0)
		return -errno;
	/* The kernel breaks off between two records, never within one that fits. */
	while (read(fd, &record, sizeof(record)) == (ssize_t)sizeof(record))
		h->options.record(h->options.ctx, &record, sizeof(record));
	return 0;
}

int hooks_sweeper(const struct hooks *h)
{
	return h->links[SWEEP] ? bpf_link__fd(h->links[SWEEP]) : -1;
}

/* A NULL removes the key. */
static int write_map(const struct bpf_map *map, const void *key, const void *value)
{
	int fd = bpf_map__fd(map);
	int code =
	    value ? bpf_map_update_elem(fd, key, value, BPF_ANY) : bpf_map_delete_elem(fd, key);

	return code == 0 ? 0 : -errno;
}

int hooks_write_block(struct hooks *h, const struct flow_block *key, const uint32_t *mode)
{
	return write_map(h->skeleton->maps.blocks, key, mode);
}

int hooks_tell_call(struct hooks *h, uint64_t cookie, enum flow_call call)
{
	const struct flow_spare value = { .call = call };

	return write_map(h->skeleton->maps.calls, &cookie, call ? &value : NULL);
}

void hooks_publish_blocks(struct hooks *h)
{
	__atomic_add_fetch(&h->skeleton->bss->control.generation, 1, __ATOMIC_RELEASE);
	h->has_orders = true;
}

/* The hooks of a dead agent heard hellos until now. */
static void take_over(struct hooks *h)
{
	if (h->pins)
		pins_take_over(h->pins);
	if (h->inherits)
		(void)hooks_older(h);
}

void hooks_beat(struct hooks *h, int64_t patience_ns, bool fail_closed)
{
	struct flow_control *control = &h->skeleton->bss->control;

	control->patience_ns = (uint64_t)patience_ns;
	control->fail_closed = fail_closed;
	__atomic_store_n(&control->beat_ns, (uint64_t)clock_system.monotonic_ns(&clock_system),
			 __ATOMIC_RELEASE);
	/* Not with the first order: there may be more. */
	if (h->has_orders && !h->took_over)
		take_over(h);
	h->took_over = h->has_orders;
}

void hooks_read_counters(const struct hooks *h, uint64_t ret[static FLOW_COUNTER_MAX])
{
	int n_cpus = libbpf_num_possible_cpus();
	FREE_PTR uint64_t *values = n_cpus > 0 ? calloc((size_t)n_cpus, sizeof(*values)) : NULL;

	memset(ret, 0, FLOW_COUNTER_MAX * sizeof(*ret));
	for (uint32_t i = 0; values && i < FLOW_COUNTER_MAX; i++) {
		if (bpf_map_lookup_elem(bpf_map__fd(h->skeleton->maps.flow_counters), &i, values) <
		    0)
			continue;
		for (int cpu = 0; cpu < n_cpus; cpu++)
			ret[i] += values[cpu];
	}
}
