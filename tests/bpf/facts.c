/* What the kernel alone tells of a process: one that has ended before anybody reads the record, in
 * a cgroup and a pid and a mount namespace of its own, run through a bind mount. Needs root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libgen.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bpf/world.h"

#define HOST  "outlay-facts.invalid"
#define MOUNT "/mnt"
#define UID   4711
#define GROUP "/outlay-facts.slice/outlay-facts.service"
#define LONG  20000 /* bytes of the longest entry of the environment */

/* The client: says whom it would speak to, and is gone. */
static int be_client(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	char name[] =
	    HOST; /* on the stack: of a page that was never touched a probe reads nothing */

	prctl(PR_SET_DUMPABLE, 0);
	return SSL_set_tlsext_host_name(ssl, name) == 1 ? 0 : 1;
}

/* In a mount namespace of its own, and gone from there again. */
static int in_cgroups(const char *commands)
{
	char line[512];

	snprintf(line, sizeof(line),
		 "unshare -m sh -ec 'mount -t cgroup2 none " MOUNT "; cd " MOUNT "; %s'", commands);
	return system(line);
}

static int make_cgroup(void **state)
{
	(void)state;
	return in_cgroups("mkdir -p ." GROUP);
}

static int remove_cgroup(void **state)
{
	(void)state;
	return in_cgroups("rmdir ." GROUP "; rmdir outlay-facts.slice");
}

static void enter_cgroup(void)
{
	char line[128];

	snprintf(line, sizeof(line), "echo %d > ." GROUP "/cgroup.procs", (int)getpid());
	if (in_cgroups(line) != 0)
		_exit(5);
}

static void run_client(const char *labels)
{
	static char longest[LONG + 1];
	char *const argv[] = { (char *)"facts", (char *)"client", NULL };
	/* Looks like the labels where it is cut into pieces, and is not. */
	char *const env[] = { (char *)"A=1", longest, (char *)labels, (char *)"Z=OUTLAY_LABELS=no",
			      NULL };
	char here[512] = "";
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		if (readlink("/proc/self/exe", here, sizeof(here) - 1) < 0)
			_exit(6);
		for (int i = 0; i < LONG; i++)
			longest[i] = "OUTLAY_LABELS=no,"[i % 17];
		longest[0] = 'X';
		enter_cgroup();
		if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount(dirname(here), MOUNT, NULL, MS_BIND, NULL) < 0)
			_exit(2);
		child = fork();
		if (child == 0) {
			if (setuid(UID) == 0)
				execve(MOUNT "/facts", argv, env);
			_exit(3);
		}
		waitpid(child, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 4);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_of_one_that_has_ended(void **state)
{
	struct process *process;
	struct world w;

	(void)state;
	world_open(&w, (struct world_options){ .hosts = { HOST }, .proc = "/nowhere" });
	process = &w.seen.process;
	run_client("OUTLAY_LABELS=team=blue,app=x");
	world_drain(&w);
	assert_int_equal(w.seen.opened, 1);
	assert_string_equal(w.seen.server, HOST);
	assert_string_equal(process->exe, MOUNT "/facts");
	assert_string_equal(process->comm, "facts");
	assert_true(process->labels_known);
	assert_string_equal(process->labels, "team=blue,app=x");
	assert_int_equal(process->uid, UID);
	assert_int_equal(process->ns_pid, 1);
	assert_true(process->pid > 1);
	assert_string_equal(process->cgroup, GROUP);

	run_client("OUTLAY_LABELX=no");
	world_drain(&w);
	assert_int_equal(w.seen.opened, 2);
	assert_true(process->labels_known);
	assert_string_equal(process->labels, "");
	world_close(&w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(
	    test_of_one_that_has_ended, make_cgroup, remove_cgroup) };

	(void)argv;
	if (argc > 1)
		return be_client();
	if (geteuid() != 0) {
		print_message("skipped: needs root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
