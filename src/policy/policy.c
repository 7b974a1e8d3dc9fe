/* The way in: the listening socket, the timer of once a second, and what the other loops have to
 * say to the callers. */
#include "policy/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/pages.h"
#include "policy/calls.h"
#include "policy/decide.h"
#include "policy/override.h"
#include "policy/peek.h"
#include "policy/server.h"
#include "policy/settle.h"
#include "policy/usage.h"
#include "policy/watch.h"

#define FORECAST_SECONDS 60
#define GROUP            "outlay" /* its members see all */
#define OUT_BYTES_MAX    (8u << 20)
#define BACKLOG          512
#define ACCEPTS_AT_ONCE  16  /* before callers that are here have their turn */
#define REST_MS          100 /* without file descriptors: time until connections are taken again */

/* -EADDRINUSE when somebody answers there. */
static int remove_stale(const struct sockaddr_un *address, struct err *err)
{
	CLOSE_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const char *path = address->sun_path;
	struct stat st;

	if (lstat(path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, -EEXIST, "%s: is no socket; give another path", path);
	if (fd < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		return err_set(err, -EADDRINUSE,
			       "%s: another agent answers there; stop it or give another path",
			       path);
	if (errno != ECONNREFUSED)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	unlink(path);
	return 0;
}

static int make_address(const char *path, struct sockaddr_un *ret_address, struct err *err)
{
	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (!*path || strlen(path) >= sizeof(ret_address->sun_path))
		return err_set(err, -ENAMETOOLONG, "%s: a socket's path has 1 to %zu bytes", path,
			       sizeof(ret_address->sun_path) - 1);
	memcpy(ret_address->sun_path, path, strlen(path));
	return 0;
}

/* One that the service manager made: its path and mode are that one's, too. */
static int take_socket(int inherited, struct err *err)
{
	int domain = 0, type = 0, listens = 0;
	socklen_t size = sizeof(int);

	if (getsockopt(inherited, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 ||
	    getsockopt(inherited, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
	    getsockopt(inherited, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 ||
	    domain != AF_UNIX || type != SOCK_STREAM || !listens)
		return err_set(err, -EINVAL,
			       "descriptor %d, from the service manager, is no listening Unix "
			       "stream socket; see ListenStream= of the socket unit",
			       inherited);
	return evutil_make_socket_nonblocking(inherited) < 0 ? -errno : 0;
}

/* A bound socket that does not listen yet: nobody can connect before its mode is right. */
static int open_socket(const struct sockaddr_un *address, int *ret_fd, struct err *err)
{
	CLOSE_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int code;

	if (fd < 0)
		return err_set(err, -errno, "socket: %s", strerror(errno));
	code = remove_stale(address, err);
	if (code < 0)
		return code;
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
	    chmod(address->sun_path, 0666) < 0)
		return err_set(err, -errno, "%s: %s", address->sun_path, strerror(errno));
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
		      int length, void *ctx)
{
	static const struct timeval at_once;
	struct policy *policy = ctx;

	(void)address;
	(void)length;
	server_accept(policy, fd);
	/* The listener goes on as long as somebody connects: whoever is here would wait. */
	if (++policy->n_accepted % ACCEPTS_AT_ONCE == 0) {
		evconnlistener_disable(listener);
		event_add(policy->relisten, &at_once);
	}
}

/* Out of descriptors or memory: the connection stays in the queue and the listener readable, so
 * going on at once would spin. */
static void on_accept_error(struct evconnlistener *listener, void *ctx)
{
	static const struct timeval rest = { .tv_usec = REST_MS * 1000 };
	struct policy *policy = ctx;

	evconnlistener_disable(listener);
	event_add(policy->relisten, &rest);
}

static void on_rested(evutil_socket_t fd, short what, void *ctx)
{
	struct policy *policy = ctx;

	(void)fd;
	(void)what;
	evconnlistener_enable(policy->listener);
}

/* What had no room beside the settlement that changed it. */
bool policy_store_owed(struct policy *policy)
{
	const struct policy_ports *ports = &policy->ports;
	struct budget_touch touches[VERDICT_BUDGETS_MAX];
	unsigned n;

	while (ports->store_room(ports->ctx)) {
		n = budgets_owed(ports->budgets, touches);
		if (!n)
			return true;
		ports->store_touch(ports->ctx, touches, n);
	}
	return false;
}

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct policy *policy = ctx;
	const struct policy_ports *ports = &policy->ports;
	uint64_t n_ticks;

	(void)what;
	if (read(fd, &n_ticks, sizeof(n_ticks)) < 0)
		return;
	budgets_tick(ports->budgets, ports->clock->now_ns(ports->clock));
	watch_thresholds(policy);
	policy_store_owed(policy);
	server_tick(policy);
	watch_budgets(policy);
	if (policy->n_ticks++ % FORECAST_SECONDS == 0)
		watch_forecasts(policy);
	peek_update(policy);
	if (ports->tick)
		ports->tick(ports->ctx);
}

static void on_peek(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	peek_update(ctx);
}

/* A descriptor that ticks, not a timer of the event loop: with one of those each wait for the next
 * request would set up a timer of the kernel and take it down: some 5 % of a decision. */
static int start_ticks(struct policy *policy)
{
	static const struct itimerspec second = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	policy->tick_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (policy->tick_fd < 0 || timerfd_settime(policy->tick_fd, 0, &second, NULL) < 0)
		return -errno;
	policy->tick =
	    event_new(policy->base, policy->tick_fd, EV_READ | EV_PERSIST, on_tick, policy);
	return policy->tick && event_add(policy->tick, NULL) == 0 ? 0 : -ENOMEM;
}

static int start(struct policy *policy, int fd)
{
	int code = start_ticks(policy);

	if (code < 0)
		return code;
	policy->relisten = event_new(policy->base, -1, 0, on_rested, policy);
	policy->peek_timer = event_new(policy->base, -1, 0, on_peek, policy);
	if (!policy->relisten || !policy->peek_timer)
		return -ENOMEM;
	policy->listener =
	    evconnlistener_new(policy->base, on_accept, policy,
			       LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, BACKLOG, fd);
	if (!policy->listener)
		return -ENOMEM;
	evconnlistener_set_error_cb(policy->listener, on_accept_error);
	return 0;
}

static struct policy *alloc(struct event_base *base, const struct policy_ports *ports)
{
	struct policy *policy = pages_new(sizeof(*policy));

	if (!policy)
		return NULL;
	policy->base = base;
	policy->tick_fd = -1;
	policy->ports = *ports;
	policy->out = buf_with_max(OUT_BYTES_MAX);
	policy->group.name = GROUP;
	policy->users = users_new(policy->ports.clock);
	if (!policy->users || decide_form(&policy->decide_form) < 0 ||
	    settle_form(&policy->settle_form) < 0 || override_form(&policy->override_form) < 0 ||
	    settle_reservation_form(&policy->reservation_form) < 0 ||
	    usage_form(&policy->usage_form) < 0) {
		policy_free(policy);
		return NULL;
	}
	return policy;
}

int policy_new(struct event_base *base, const char *path, int inherited,
	       const struct policy_ports *ports, struct policy **ret_policy, struct err *err)
{
	struct policy *policy = NULL;
	struct sockaddr_un address;
	int code, fd = inherited;

	code = make_address(path, &address, err);
	if (code < 0)
		return code;
	code = inherited < 0 ? open_socket(&address, &fd, err) : take_socket(fd, err);
	if (code < 0)
		return code;
	policy = alloc(base, ports);
	code = policy ? start(policy, fd) : -ENOMEM;
	if (code < 0) {
		if (!policy || !policy->listener)
			close(fd);
		policy_free(policy);
		if (inherited < 0)
			unlink(path);
		return err_set(err, code, "%s: out of memory", path);
	}
	if (inherited < 0)
		memcpy(policy->path, address.sun_path, sizeof(policy->path));
	*ret_policy = policy;
	return 0;
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	while (policy->clients)
		server_free(policy->clients);
	if (policy->listener)
		evconnlistener_free(policy->listener);
	if (policy->tick)
		event_free(policy->tick);
	if (policy->tick_fd >= 0)
		close(policy->tick_fd);
	if (policy->relisten)
		event_free(policy->relisten);
	if (policy->peek_timer)
		event_free(policy->peek_timer);
	if (policy->path[0])
		unlink(policy->path);
	form_free(policy->decide_form);
	form_free(policy->settle_form);
	form_free(policy->override_form);
	form_free(policy->reservation_form);
	form_free(policy->usage_form);
	buf_done(&policy->out);
	share_sweep(&policy->shares, INT64_MAX);
	free(policy->watched);
	free(policy->limits);
	users_free(policy->users);
	pages_free(policy, sizeof(*policy));
}

void policy_calls_page(struct policy *policy, const struct policy_calls_page *page)
{
	if (policy->n_questions)
		policy->n_questions--;
	for (struct client *client = policy->awaited; client; client = client->next_awaited) {
		if (client->state == CLIENT_PAGING && client->query.ticket == page->ticket) {
			calls_page(client, page);
			return;
		}
	}
}

void policy_publish(struct policy *policy, const char *name, struct span json, uint32_t uid)
{
	watch_event(policy, name, json, uid);
}

bool policy_is_watched(const struct policy *policy)
{
	return policy->n_watchers > 0;
}

void policy_charged(struct policy *policy)
{
	peek_touch(policy);
	watch_thresholds(policy);
}

void policy_publish_of(struct policy *policy, unsigned i, const char *name, struct span json)
{
	peek_touch(policy);
	watch_concerned(policy, i, name, json);
	watch_thresholds(policy);
}

const struct policy_counters *policy_counters(const struct policy *policy)
{
	return &policy->counters;
}
