/* The state of budgets, written for those who read it without asking. Changes are gathered for a
 * millisecond, so what they cost does not grow with their number. */
#include "policy/peek.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "policy/routes.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

struct peek {
	struct outlay_shared *shared;
	unsigned generation; /* of the rules that `indices` are of */
	unsigned n;
	uint16_t indices[SHARED_BUDGETS_MAX];
	struct shared_budget
	    budgets[SHARED_BUDGETS_MAX]; /* their texts, and what was last written */
};

static void put_words(void *to, const void *from, size_t n)
{
	uint64_t *out = to;
	const uint64_t *in = from;

	for (size_t i = 0; i < n / sizeof(*out); i++)
		__atomic_store_n(&out[i], in[i], __ATOMIC_RELAXED);
}

void peek_write(struct outlay_shared *shared, const struct shared_budget *budgets, unsigned n)
{
	uint64_t sequence = shared->sequence;
	size_t size = n * sizeof(*budgets);

	if (shared->n_budgets == n && memcmp(shared->budgets, budgets, size) == 0)
		return;
	__atomic_store_n(&shared->sequence, sequence + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&shared->n_budgets, n, __ATOMIC_RELAXED);
	put_words(shared->budgets, budgets, size);
	__atomic_store_n(&shared->sequence, sequence + 2, __ATOMIC_RELEASE);
}

static int64_t clamp(money_wide amount)
{
	return amount > INT64_MAX ? INT64_MAX : amount < INT64_MIN ? INT64_MIN : (int64_t)amount;
}

static enum shared_unit unit_of(enum budget_unit unit)
{
	return unit == UNIT_USD        ? SHARED_USD
	       : unit == UNIT_TOKENS   ? SHARED_TOKENS
	       : unit == UNIT_REQUESTS ? SHARED_REQUESTS
				       : SHARED_OTHER;
}

/* Those that concern the caller and refuse. One whose pattern has no room here is left out: memory
 * may say too little, never too much. */
static void choose(struct client *client)
{
	const struct budgets *budgets = client->policy->ports.budgets;
	struct peek *peek = client->peek;
	struct budget_pattern pattern;

	peek->n = 0;
	memset(peek->budgets, 0, sizeof(peek->budgets));
	for (unsigned i = 0; i < budgets_count(budgets) && peek->n < SHARED_BUDGETS_MAX; i++) {
		struct shared_budget *to = &peek->budgets[peek->n];

		if (!budgets_pattern(budgets, i, &client->peer.process, &pattern))
			continue;
		if (!span_copy(span_of(pattern.name), to->name, sizeof(to->name)) ||
		    !span_copy(span_of(pattern.provider), to->provider, sizeof(to->provider)) ||
		    !span_copy(span_of(pattern.model), to->model, sizeof(to->model)) ||
		    !span_copy(span_of(pattern.operation), to->operation, sizeof(to->operation)))
			memset(to, 0, sizeof(*to));
		else
			peek->indices[peek->n++] = (uint16_t)i;
	}
	peek->generation = budgets_generation(budgets);
}

static void update(struct client *client, int64_t now_ns)
{
	struct budgets *budgets = client->policy->ports.budgets;
	struct peek *peek = client->peek;
	struct budget_view view;

	if (peek->generation != budgets_generation(budgets))
		choose(client);
	for (unsigned i = 0; i < peek->n; i++) {
		budgets_view(budgets, peek->indices[i], now_ns, &view);
		peek->budgets[i].left = view.stopped ? INT64_MIN
					: view.mode == BUDGET_OBSERVE
					    ? INT64_MAX
					    : clamp(view.limit - view.spent - view.reserved);
		peek->budgets[i].resets_s =
		    view.resets_ns == INT64_MAX ? 0 : view.resets_ns / NS_PER_SEC;
		peek->budgets[i].unit = unit_of(view.unit);
	}
	peek_write(peek->shared, peek->budgets, peek->n);
	__atomic_store_n(&peek->shared->alive_ns, server_monotonic_ns(client->policy),
			 __ATOMIC_RELAXED);
}

void peek_update(struct policy *policy)
{
	int64_t now_ns = policy->ports.clock->now_ns(policy->ports.clock);

	policy->is_peek_due = false;
	for (struct client *client = policy->awaited; client; client = client->next_awaited)
		if (client->peek)
			update(client, now_ns);
}

void peek_touch(struct policy *policy)
{
	static const struct timeval delay = { .tv_usec = PEEK_DELAY_MS * 1000 };

	if (!policy->n_peekers || policy->is_peek_due)
		return;
	policy->is_peek_due = event_add(policy->peek_timer, &delay) == 0;
}

void peek_end(struct client *client)
{
	if (!client->peek)
		return;
	client->policy->n_peekers--;
	munmap(client->peek->shared, sizeof(*client->peek->shared));
	free(client->peek);
	client->peek = NULL;
}

/* The memory, and a descriptor of it that can no longer write. Errno. */
static int make(struct peek *peek, int *ret_fd)
{
	CLOSE_FD int fd = memfd_create("outlay-budgets", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *at;

	if (fd < 0 || ftruncate(fd, sizeof(*peek->shared)) < 0)
		return -errno;
	at = mmap(NULL, sizeof(*peek->shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	peek->shared = at;
	peek->shared->magic = SHARED_MAGIC;
	if (fcntl(fd, F_ADD_SEALS, SEALS) < 0) {
		munmap(at, sizeof(*peek->shared));
		return -errno;
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* The answer with the descriptor. It is short and the first of its connection: it goes at once. */
static int send_with(struct client *client, int fd)
{
	struct buf *out = &client->policy->out;
	struct iovec bytes = { out->data, out->len };
	char control[CMSG_SPACE(sizeof(fd))] = { 0 };
	struct msghdr message = { .msg_iov = &bytes,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	ssize_t n;

	*header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
				    .cmsg_type = SCM_RIGHTS,
				    .cmsg_len = CMSG_LEN(sizeof(fd)) };
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	n = sendmsg(client->wire.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	return n == (ssize_t)out->len ? 0 : -EPIPE;
}

static bool may_peek(const struct client *client)
{
	unsigned same = 0;

	for (const struct client *at = client->policy->awaited; at; at = at->next_awaited)
		same += at->peek && at->peer.process.uid == client->peer.process.uid;
	return client->policy->n_peekers < POLICY_PEEKERS_MAX &&
	       (!client->share || same < POLICY_PEEKERS_PER_UID_MAX) && !client->policy->out.len &&
	       !server_unsent(client);
}

static int begin(struct client *client, int *ret_fd)
{
	struct peek *peek = calloc(1, sizeof(*peek));
	int err = peek ? make(peek, ret_fd) : -ENOMEM;

	if (err < 0) {
		free(peek);
		return err;
	}
	server_process(client);
	client->peek = peek;
	client->policy->n_peekers++;
	choose(client);
	update(client, client->policy->ports.clock->now_ns(client->policy->ports.clock));
	return 0;
}

void peek_serve(struct client *client, const struct request *request)
{
	CLOSE_FD int fd = -1;
	struct answer answer;
	struct emit e;

	if (!may_peek(client) || begin(client, &fd) < 0) {
		routes_refuse(client, request,
			      &(struct answer_fault){ .status = 503,
						      .detail = "There is no more memory to share "
								"now.",
						      .extra = SPAN("Retry-After: 1\r\n") });
		return;
	}
	e = routes_begin(client, request, &answer);
	emit_int(&e, "bytes", sizeof(struct outlay_shared));
	emit_int(&e, "budgets", client->peek->n);
	emit_end_object(&e);
	answer_end(&answer);
	server_enter(client, CLIENT_PEEKING);
	if (answer.out->failed || send_with(client, fd) < 0)
		server_close(client);
	buf_reset(answer.out);
}
