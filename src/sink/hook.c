/* One letter at a time: what is submitted while it is under way is refused, and offered again when
 * the child's end makes `fd` readable. */
#include "sink/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/timestamp.h"
#include "sink/letter.h"

#define LETTER_MAX   32768 /* a pipe holds it whole: 64 KiB, pipe(7) */
#define PAUSE_MIN_NS NS_PER_SEC
#define PAUSE_MAX_NS (300 * NS_PER_SEC)
#define GIVE_UP_NS   NS_PER_DAY
#define PROGRAM      "/proc/self/exe"

struct sink {
	struct sink_hook hook; /* borrowed texts */
	const char *host_id;
	int epoll_fd, pid_fd;
	pid_t child;
	struct buf letter;
	int64_t seq; /* of the letter; 0 = none */
	int64_t acked_seq, dead_seq;
	int64_t begun_ns, first_ns, next_ns, pause_ns;
	char why[64];
	_Atomic int64_t trouble_since_ns; /* UTC; 0 = none */
	_Atomic int trouble;              /* exit status; -1 = no answer in time */
	struct sink_counters counters;
};

static int64_t now_ns(void)
{
	return clock_system.monotonic_ns(&clock_system);
}

/* --- the child */

/* A pipe with the whole letter in it. */
static int put_in_pipe(const struct buf *letter)
{
	CLOSE_FD int write_end = -1;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	write_end = ends[1];
	if (write(write_end, letter->data, letter->len) == (ssize_t)letter->len)
		return ends[0];
	close(ends[0]);
	return -EIO;
}

static int spawn(struct sink *s, int in)
{
	char *const by_us[] = { "outlayd", HOOK_OPTION, (char *)s->hook.name, NULL };
	char *const by_command[] = { s->hook.command, NULL };
	char *const env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			      NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int code;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, 0);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						  POSIX_SPAWN_SETPGROUP);
	code = posix_spawn(&s->child, s->hook.url ? PROGRAM : s->hook.command, &actions,
			   &attributes, s->hook.url ? by_us : by_command, env);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	if (code)
		s->child = 0;
	return -code;
}

static void try_again_later(struct sink *s)
{
	s->next_ns = now_ns() + s->pause_ns;
	s->pause_ns = s->pause_ns * 2 < PAUSE_MAX_NS ? s->pause_ns * 2 : PAUSE_MAX_NS;
}

static void begin(struct sink *s)
{
	struct epoll_event ended = { .events = EPOLLIN };
	CLOSE_FD int in = put_in_pipe(&s->letter);

	s->begun_ns = now_ns();
	if (in < 0 || spawn(s, in) < 0) {
		try_again_later(s);
		return;
	}
	counter_add(&s->counters.submitted, 1);
	s->pid_fd = (int)syscall(SYS_pidfd_open, s->child, 0);
	if (s->pid_fd >= 0)
		epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->pid_fd, &ended);
}

/* False: it goes on. The whole group ends with it: a script's own children, too. */
static bool has_ended(struct sink *s, int *ret_status)
{
	bool late = now_ns() - s->begun_ns >= HOOK_SECONDS * NS_PER_SEC;
	int status = 0;

	if (late)
		kill(-s->child, SIGKILL);
	if (waitpid(s->child, &status, late ? 0 : WNOHANG) == 0)
		return false;
	if (s->pid_fd >= 0)
		close(TAKE_FD(s->pid_fd));
	s->child = 0;
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return true;
}

/* --- letters */

static void done(struct sink *s)
{
	s->acked_seq = s->seq;
	s->seq = 0;
	s->pause_ns = PAUSE_MIN_NS;
}

static void give_up(struct sink *s, int status)
{
	counter_add(&s->counters.refused, 1);
	s->dead_seq = s->seq;
	if (status < 0)
		snprintf(s->why, sizeof(s->why), "no end within %d seconds", HOOK_SECONDS);
	else
		snprintf(s->why, sizeof(s->why), "exit status %d", status);
	done(s);
}

static void judge(struct sink *s, int status)
{
	if (status == 0) {
		counter_add(&s->counters.acknowledged, 1);
		atomic_store(&s->trouble_since_ns, 0);
		done(s);
		return;
	}
	counter_add(&s->counters.failed, 1);
	atomic_store(&s->trouble, status);
	if (!atomic_load(&s->trouble_since_ns))
		atomic_store(&s->trouble_since_ns, clock_system.now_ns(&clock_system));
	if (status == HOOK_EXIT_NEVER || now_ns() - s->first_ns >= GIVE_UP_NS)
		give_up(s, status);
	else
		try_again_later(s);
}

static bool hook_submit(struct sink *s, const struct sink_event *event)
{
	if (s->seq || s->dead_seq)
		return event->seq <= s->seq;
	if (event->seq <= s->acked_seq)
		return true;
	buf_reset(&s->letter);
	letter_put(&s->letter, &s->hook, event, s->host_id);
	s->seq = event->seq;
	s->first_ns = now_ns();
	if (event->level < s->hook.level || s->letter.failed)
		done(s);
	else
		begin(s);
	return true;
}

static void hook_poll(struct sink *s, int64_t *ret_acked_seq, bool *ret_resubmit)
{
	int status;

	if (s->child && has_ended(s, &status))
		judge(s, status);
	else if (s->seq && !s->child && now_ns() >= s->next_ns)
		begin(s);
	*ret_resubmit = false;
	if (s->acked_seq > *ret_acked_seq)
		*ret_acked_seq = s->acked_seq;
}

static bool hook_dead(struct sink *s, int64_t *ret_seq, const char **ret_why)
{
	if (!s->dead_seq)
		return false;
	*ret_seq = s->dead_seq;
	*ret_why = s->why;
	s->dead_seq = 0;
	return true;
}

/* --- life */

static unsigned hook_wanted(const struct sink_config *config)
{
	return config->n_hooks;
}

static void hook_close(struct sink *s)
{
	if (!s)
		return;
	if (s->child) {
		kill(-s->child, SIGKILL);
		waitpid(s->child, NULL, 0);
	}
	if (s->pid_fd >= 0)
		close(s->pid_fd);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	buf_done(&s->letter);
	free(s);
}

static int hook_open(const struct sink_config *config, unsigned index, struct sink **ret_sink,
		     struct err *err)
{
	struct sink *s = calloc(1, sizeof(*s));

	if (!s)
		return err_set(err, -ENOMEM, "hook: out of memory");
	s->hook = config->hooks[index];
	s->host_id = config->host_id;
	s->pid_fd = -1;
	s->pause_ns = PAUSE_MIN_NS;
	s->letter = buf_with_max(LETTER_MAX);
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll_fd < 0) {
		hook_close(s);
		return err_set(err, -EMFILE, "hook: out of file descriptors");
	}
	*ret_sink = s;
	return 0;
}

static const char *hook_label(const struct sink *s)
{
	return s->hook.name;
}

static int hook_fd(const struct sink *s)
{
	return s->epoll_fd;
}

static const struct sink_counters *hook_counters(const struct sink *s)
{
	return &s->counters;
}

static void hook_describe(const struct sink *s, char *out, size_t size)
{
	int64_t since_ns = atomic_load(&s->trouble_since_ns);
	char since[TIMESTAMP_TEXT_MAX];

	if (since_ns)
		snprintf(out, size, "not delivering since %s: exit status %d",
			 timestamp_format(since_ns, since), atomic_load(&s->trouble));
	else
		snprintf(out, size, "ready");
}

const struct sink_kind hook_sink = {
	.name = "hook",
	.stream = SINK_ALERTS,
	.from_now = true,
	.wanted = hook_wanted,
	.open = hook_open,
	.close = hook_close,
	.submit = hook_submit,
	.poll = hook_poll,
	.dead = hook_dead,
	.label = hook_label,
	.fd = hook_fd,
	.counters = hook_counters,
	.describe = hook_describe,
};
