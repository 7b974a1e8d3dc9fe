/* Owners of sockets by process, sockets by cookie. `judge` says of a socket what the kernel says of
 * it, from the same keys. What belongs to a process goes when it is gone. */
#include "flow/enforce.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "flow/blocks.h"
#include "flow/older.h"

struct owner {
	UT_hash_handle hh;
	uint64_t id; /* flow_process_id() */
	struct process process;
	struct block *blocks; /* of FLOW_PROCESS */
	struct socket *sockets;
	unsigned asked; /* the question that was asked last */
};

struct socket {
	UT_hash_handle hh;
	struct socket *prev, *next; /* of the same owner */
	uint64_t cookie;
	struct owner *owner;
	struct flow_refused address;
	uint64_t host, cgroup_id;
	uint32_t uid;
	UT_hash_handle by_tls; /* if its SSL object is known */
	struct tls_key tls;
	bool is_known; /* whether it has a call in flight: */
	bool is_busy;
	bool waits;          /* that one began when it was stopped */
	enum flow_call told; /* to the kernel */
};

struct enforce {
	struct enforce_ports ports;
	const char *proc;
	struct enforce_counters counters;
	struct blocks *blocks;
	struct owner *owners;
	struct socket *sockets; /* in order of opening */
	struct socket *by_tls;
	unsigned question; /* counts the orders of FLOW_ASK */
	unsigned round;    /* and the sweeps */
};

CLEANUP_FOR(enforce, struct enforce *, enforce_free)

int enforce_new(const struct enforce_ports *ports, const char *proc, struct enforce **ret_enforce)
{
	CLEANUP(cleanup_enforce) struct enforce *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->ports = *ports;
	e->proc = proc;
	e->blocks = blocks_new(ports->write, ports->ctx);
	if (!e->blocks)
		return -ENOMEM;
	*ret_enforce = TAKE_PTR(e);
	return 0;
}

/* --- orders */

static struct owner *find_owner(struct enforce *e, uint64_t id)
{
	struct owner *owner;

	HASH_FIND(hh, e->owners, &id, sizeof(id), owner);
	return owner;
}

int enforce_block(struct enforce *e, const char *who, const struct flow_block *key,
		  enum flow_mode mode, bool at_once)
{
	struct owner *owner = key->scope == FLOW_PROCESS ? find_owner(e, key->id) : NULL;
	int code;

	if (key->scope == FLOW_PROCESS && !owner)
		return -ESRCH;
	code = blocks_put(e->blocks, who, key, mode, at_once, owner ? &owner->blocks : NULL);
	if (code < 0)
		counter_add(&e->counters.orders_refused, 1);
	if (mode == FLOW_ASK)
		e->question++;
	return code;
}

unsigned enforce_release(struct enforce *e, const char *who)
{
	return blocks_release(e->blocks, who);
}

bool enforce_stops_any(const struct enforce *e)
{
	return blocks_any(e->blocks);
}

/* --- sockets */

static struct block_judgement judge(const struct enforce *e, const struct socket *s)
{
	const struct flow_block keys[] = {
		{ .scope = FLOW_ALL, .host = s->host },
		{ .scope = FLOW_UID, .id = s->uid, .host = s->host },
		{ .scope = FLOW_CGROUP, .id = s->cgroup_id, .host = s->host },
		{ .scope = FLOW_PROCESS, .id = s->owner->id, .host = s->host },
	};
	struct block_judgement judgement = { FLOW_PASS, false };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		blocks_judge(e->blocks, &keys[i], &judgement);
	return judgement;
}

/* In a kernel that destroys none by its name. */
static int sweep_one(struct enforce *e, const struct flow_refused *address)
{
	uint64_t cookie = address->head.cookie;
	int n = e->ports.tell(e->ports.ctx, cookie, FLOW_IS_OVER);

	if (n == 0)
		n = e->ports.sweep(e->ports.ctx, address->tgid, ++e->round);
	(void)e->ports.tell(e->ports.ctx, cookie, FLOW_NO_CALL);
	return n < 0 ? n : n ? 0 : -ENOENT;
}

static void destroy(struct enforce *e, const struct flow_refused *address)
{
	int code = e->ports.destroy(e->ports.ctx, address);

	if (code == -EOPNOTSUPP)
		code = sweep_one(e, address);
	if (code == 0)
		counter_add(&e->counters.cut, 1);
	else if (code != -ENOENT)
		counter_add(&e->counters.cut_failed, 1);
}

/* What the budgets say of it, once a question. */
static void ask(struct enforce *e, struct owner *owner)
{
	if (owner->asked == e->question)
		return;
	(void)process_read(e->proc, &owner->process); /* what is not known yet */
	if (!e->ports.ask(e->ports.ctx, &owner->process))
		return;
	owner->asked = e->question;
	counter_add(&e->counters.asked, 1);
}

static void tell(struct enforce *e, struct socket *s, enum flow_call call)
{
	if (call != s->told && e->ports.tell(e->ports.ctx, s->cookie, call) == 0)
		s->told = call;
}

/* So that it may, this comes before the kernel judges the socket anew. */
static void let_finish(struct enforce *e, struct socket *s)
{
	struct block_judgement judgement = judge(e, s);
	bool is_stopped = judgement.mode >= FLOW_HOLD, may;

	s->waits &= is_stopped;
	may = is_stopped && !judgement.at_once && s->is_busy && !s->waits;
	tell(e, s, may ? FLOW_MAY_END : FLOW_NO_CALL);
}

static bool is_due(const struct enforce *e, const struct socket *s)
{
	struct block_judgement judgement = judge(e, s);

	return judgement.mode == FLOW_CUT && (judgement.at_once || (s->is_known && !s->is_busy));
}

static void apply(struct enforce *e, struct socket *s)
{
	if (s->told == FLOW_IS_OVER) /* swept */
		return;
	let_finish(e, s);
	if (is_due(e, s))
		destroy(e, &s->address);
	if (judge(e, s).mode == FLOW_ASK)
		ask(e, s->owner);
}

/* Also what is cut in the middle of a call and has no row here, in the networks that are known. */
static void sweep(struct enforce *e)
{
	struct socket *s, *next;
	struct owner *owner, *after;

	e->round++;
	HASH_ITER(hh, e->sockets, s, next) {
		if (is_due(e, s))
			tell(e, s, FLOW_IS_OVER);
	}
	HASH_ITER(hh, e->owners, owner, after) {
		int n = e->ports.sweep(e->ports.ctx, owner->process.pid, e->round);

		counter_add(&e->counters.cut, n > 0 ? (uint64_t)n : 0);
		DL_FOREACH(owner->sockets, s)
		{
			if (n < 0)
				tell(e, s, FLOW_NO_CALL);
		}
	}
}

void enforce_publish(struct enforce *e)
{
	struct socket *s, *next;
	struct owner *owner, *after;
	unsigned due = 0;

	HASH_ITER(hh, e->sockets, s, next) {
		let_finish(e, s);
		due += is_due(e, s);
	}
	e->ports.publish(e->ports.ctx);
	if (due >= ENFORCE_MANY || counter_read(&e->counters.evicted))
		sweep(e);
	HASH_ITER(hh, e->sockets, s, next) {
		apply(e, s);
	}
	/* One that was judged passes everywhere: a new question is for it too. */
	HASH_ITER(hh, e->owners, owner, after) {
		if (owner->blocks)
			ask(e, owner);
	}
}

void enforce_judged(struct enforce *e, uint64_t process_id)
{
	struct owner *owner = find_owner(e, process_id);
	struct socket *s;

	if (!owner)
		return;
	if (blocks_mark(e->blocks, process_id, &owner->blocks) < 0)
		counter_add(&e->counters.orders_refused, 1);
	DL_FOREACH(owner->sockets, s)
	{
		let_finish(e, s);
	}
	e->ports.publish(e->ports.ctx);
	DL_FOREACH(owner->sockets, s)
	{
		apply(e, s);
	}
}

static void free_socket(struct enforce *e, struct socket *s)
{
	tell(e, s, FLOW_NO_CALL);
	if (s->tls.ssl)
		HASH_DELETE(by_tls, e->by_tls, s);
	DL_DELETE(s->owner->sockets, s);
	HASH_DEL(e->sockets, s);
	free(s);
}

static void drop_owner(struct enforce *e, struct owner *owner)
{
	while (owner->sockets)
		free_socket(e, owner->sockets);
	blocks_clear(e->blocks, &owner->blocks);
	HASH_DEL(e->owners, owner);
	free(owner);
}

static void drop_socket(struct enforce *e, struct socket *s)
{
	struct owner *owner = s->owner;

	free_socket(e, s);
	/* What was found out of a process is kept while it lives, for its next connection. */
	if (!owner->sockets && !owner->blocks)
		drop_owner(e, owner);
}

static struct owner *make_owner(struct enforce *e, const struct flow_hello *hello, uint64_t id)
{
	struct owner *owner = calloc(1, sizeof(*owner));

	if (!owner)
		return NULL;
	owner->id = id;
	owner->process = (struct process){ .pid = hello->tgid,
					   .uid = hello->uid,
					   .start_ns = hello->start_ns,
					   .cgroup_id = hello->cgroup_id };
	HASH_ADD(hh, e->owners, id, sizeof(owner->id), owner);
	return owner;
}

static void take_hello(struct enforce *e, const struct flow_hello *hello)
{
	uint64_t id = flow_process_id(hello->tgid, hello->start_ns);
	FREE_PTR struct socket *s = calloc(1, sizeof(*s));
	struct owner *owner;

	if (HASH_COUNT(e->sockets) >= FLOW_SOCKETS_MAX) {
		counter_add(&e->counters.evicted, 1);
		drop_socket(e, e->sockets);
	}
	owner = find_owner(e, id) ?: make_owner(e, hello, id);
	if (!s || !owner)
		return;
	s->cookie = hello->head.cookie;
	s->host = hello->host;
	s->cgroup_id = hello->cgroup_id;
	s->uid = hello->uid;
	s->address = (struct flow_refused){ .head = hello->head,
					    .tgid = hello->tgid,
					    .remote_port = hello->remote_port,
					    .local_port = hello->local_port };
	memcpy(s->address.remote, hello->remote, sizeof(hello->remote));
	memcpy(s->address.local, hello->local, sizeof(hello->local));
	s->owner = owner;
	s->tls = (struct tls_key){ hello->ssl, hello->start_ns, hello->generation_ns, hello->tgid };
	if (s->tls.ssl)
		HASH_ADD(by_tls, e->by_tls, tls, sizeof(s->tls), s);
	DL_APPEND(owner->sockets, s);
	HASH_ADD(hh, e->sockets, cookie, sizeof(s->cookie), s);
	apply(e, TAKE_PTR(s));
}

void enforce_captured(struct enforce *e, const struct flow_capture *capture)
{
	struct socket *s;

	if (capture->news < FLOW_BUSY)
		return;
	HASH_FIND(by_tls, e->by_tls, &capture->tls, sizeof(capture->tls), s);
	if (!s)
		return;
	if (!s->is_busy)
		s->waits = s->is_known && judge(e, s).mode >= FLOW_HOLD;
	s->is_known = true;
	s->is_busy = capture->news == FLOW_BUSY;
	apply(e, s);
}

void enforce_record(struct enforce *e, const void *record, size_t bytes)
{
	const struct flow_head *head = record;
	struct flow_hello hello;
	struct socket *s;

	if (bytes < sizeof(*head))
		return;
	if (head->type == FLOW_REFUSED && bytes >= sizeof(struct flow_refused)) {
		destroy(e, record);
		return;
	}
	HASH_FIND(hh, e->sockets, &head->cookie, sizeof(head->cookie), s);
	if (s && (head->type == FLOW_CLOSE || head->type == FLOW_HELLO))
		drop_socket(e, s);
	if (head->type == FLOW_HELLO && bytes >= sizeof(struct flow_hello))
		take_hello(e, record);
	if (!s && bytes >= sizeof(struct flow_older) && older_hello(record, &hello))
		take_hello(e, &hello);
}

/* --- life */

void enforce_sweep(struct enforce *e)
{
	struct owner *owner, *next;

	HASH_ITER(hh, e->owners, owner, next) {
		if (kill((pid_t)owner->process.pid, 0) < 0 && errno == ESRCH)
			drop_owner(e, owner);
		else if (owner->sockets)
			apply(e, owner->sockets); /* if there was nobody to ask before */
	}
}

void enforce_free(struct enforce *e)
{
	if (!e)
		return;
	while (e->owners)
		drop_owner(e, e->owners);
	blocks_free(e->blocks);
	free(e);
}

const struct enforce_counters *enforce_counters(const struct enforce *e)
{
	return &e->counters;
}
