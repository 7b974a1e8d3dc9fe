/* Credentials: the process that connected, its groups, and what is known once it has ended. */
#include "policy/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534
#define GROUP  4711

struct line {
	int listener;
	struct sockaddr_un address;
	struct users *users;
};

static int start(void **state)
{
	struct line *line = calloc(1, sizeof(*line));
	socklen_t length = sizeof(sa_family_t);

	/* An abstract name that the kernel chooses: any user may connect. */
	line->address.sun_family = AF_UNIX;
	line->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(line->listener, (struct sockaddr *)&line->address, length) < 0 ||
	    listen(line->listener, 4) < 0)
		return -1;
	length = sizeof(line->address);
	getsockname(line->listener, (struct sockaddr *)&line->address, &length);
	line->address.sun_path[5 + 1] = '\0'; /* unix(7): NUL and five hex digits */
	line->users = users_new(&clock_system);
	*state = line;
	return 0;
}

static int stop(void **state)
{
	struct line *line = *state;

	close(line->listener);
	users_free(line->users);
	free(line);
	return 0;
}

static int dial(const struct line *line)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (connect(fd, (const struct sockaddr *)&line->address, sizeof(sa_family_t) + 6) < 0)
		_exit(2);
	return fd;
}

/* A child that connects and lives until the returned pipe is closed. */
static pid_t fork_caller(const struct line *line, uid_t uid, const gid_t *groups, size_t n,
			 int *ret_hold)
{
	int hold[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(hold), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(hold[1]);
		if (uid && (setgroups(n, groups) < 0 || setgid(uid) < 0 || setuid(uid) < 0))
			_exit(1);
		dial(line);
		_exit(read(hold[0], &byte, 1) == 0 ? 0 : 3);
	}
	close(hold[0]);
	*ret_hold = hold[1];
	return pid;
}

static void end_caller(pid_t pid, int hold)
{
	int status;

	close(hold);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_self(void **state)
{
	struct line *line = *state;
	int caller = dial(line), fd = accept(line->listener, NULL, NULL);
	struct peer peer;
	char exe[256] = "";

	assert_int_equal(peer_init(fd, NULL, &peer), 0);
	assert_int_equal(peer.process.pid, getpid());
	assert_int_equal(peer.process.uid, getuid());
	assert_int_equal(peer.sees_all, getuid() == 0);
	assert_int_equal(peer.process.start_ns, 0);
	peer_facts(fd, "/proc", line->users, &peer);
	assert_true(peer.process.start_ns > 0);
	assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	assert_string_equal(peer.process.exe, exe);
	assert_string_equal(peer.process.user, getpwuid(getuid())->pw_name);
	close(caller);
	close(fd);
}

static void test_no_socket(void **state)
{
	struct peer peer;

	(void)state;
	assert_true(peer_init(-1, NULL, &peer) < 0);
}

static void test_groups(void **state)
{
	static const struct {
		gid_t groups[40];
		size_t n;
		bool sees_all;
	} cases[] = {
		{ { 1 }, 0, false },
		{ { 1, 2, GROUP }, 2, false },
		{ { 1, GROUP, 2 }, 3, true },
		/* More than fit at first. */
		{ { [38] = 1, [39] = GROUP }, 40, true },
		{ { [38] = 1, [39] = GROUP }, 39, false },
	};
	struct line *line = *state;

	if (getuid() != 0)
		skip();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct peer_group group = { .asked = true, .id = GROUP };
		struct peer_group primary = { .asked = true, .id = NOBODY };
		struct peer peer;
		int hold, fd;
		gid_t groups[40];
		pid_t pid;

		for (size_t n = 0; n < cases[i].n; n++)
			groups[n] = cases[i].groups[n] ? cases[i].groups[n] : (gid_t)(100 + n);
		pid = fork_caller(line, NOBODY, groups, cases[i].n, &hold);
		fd = accept(line->listener, NULL, NULL);
		assert_int_equal(peer_init(fd, &group, &peer), 0);
		assert_int_equal(peer.process.uid, NOBODY);
		assert_int_equal(peer.sees_all, cases[i].sees_all);
		assert_int_equal(peer_init(fd, NULL, &peer), 0);
		assert_false(peer.sees_all);
		/* The primary group counts too. */
		assert_int_equal(peer_init(fd, &primary, &peer), 0);
		assert_true(peer.sees_all);
		end_caller(pid, hold);
		close(fd);
	}
}

/* Of a process that has ended nothing is read: its pid may be another's. */
static void test_ended(void **state)
{
	struct line *line = *state;
	struct peer living, ended;
	int hold, fd;
	pid_t pid = fork_caller(line, 0, NULL, 0, &hold);

	fd = accept(line->listener, NULL, NULL);
	assert_int_equal(peer_init(fd, NULL, &living), 0);
	ended = living;
	peer_facts(fd, "/proc", line->users, &living);
	assert_int_equal(living.process.pid, pid);
	assert_true(living.process.start_ns > 0);
	end_caller(pid, hold);
	peer_facts(fd, "/proc", line->users, &ended);
	assert_int_equal(ended.process.start_ns, 0);
	assert_string_equal(ended.process.exe, "");
	/* What was read while it lived stays. */
	peer_facts(fd, "/proc", line->users, &living);
	assert_true(living.process.start_ns > 0);
	close(fd);
}

/* The directory of a process that took the pid over, made by hand: the socket knows better. */
static void test_reused_pid(void **state)
{
	struct line *line = *state;
	char dir[] = "/tmp/outlay-peer-XXXXXX", path[64];
	struct peer peer;
	int hold, fd;
	pid_t pid = fork_caller(line, 0, NULL, 0, &hold);
	FILE *file;

	fd = accept(line->listener, NULL, NULL);
	assert_int_equal(peer_init(fd, NULL, &peer), 0);
	end_caller(pid, hold);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/%d", dir, (int)pid);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/%d/stat", dir, (int)pid);
	file = fopen(path, "w");
	fprintf(file, "%d (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 12345 0 0\n", (int)pid);
	fclose(file);
	peer_facts(fd, dir, line->users, &peer);
	assert_int_equal(peer.process.start_ns, 0);
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	rmdir(dir);
	close(fd);
}

/* Asked for once, and not for root. Group 0 is "root" everywhere. */
static void test_group_names(void **state)
{
	static const struct {
		const char *name;
		gid_t id;
	} cases[] = { { "root", 0 }, { "no-such-group-here", PEER_NO_GROUP } };
	struct line *line = *state;
	struct peer peer;
	int hold, fd;

	if (getuid() != 0)
		skip();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct peer_group group = { .name = cases[i].name };
		int caller = dial(line);
		pid_t pid;

		fd = accept(line->listener, NULL, NULL);
		assert_int_equal(peer_init(fd, &group, &peer), 0);
		assert_true(peer.sees_all);
		assert_false(group.asked);
		close(fd);
		close(caller);
		pid = fork_caller(line, NOBODY, &(gid_t){ 0 }, 1, &hold);
		fd = accept(line->listener, NULL, NULL);
		for (int k = 0; k < 2; k++) {
			assert_int_equal(peer_init(fd, &group, &peer), 0);
			assert_int_equal(peer.sees_all, group.id == 0);
			assert_int_equal(group.id, cases[i].id);
			group.name = NULL;
		}
		end_caller(pid, hold);
		close(fd);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_self),  TEST(test_no_socket),  TEST(test_groups),
		TEST(test_ended), TEST(test_reused_pid), TEST(test_group_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
