/* Facts of processes: of a real child, and of a /proc made by hand with hostile contents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"

#define START_TICKS "12345" /* of 10 ms */

static char root[] = "/tmp/outlay-proc-XXXXXX";

static void put(const char *name, const char *text, size_t n)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/42/%s", root, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	fclose(f);
}

#define PUT(name, literal) put(name, literal, sizeof(literal) - 1)

static int make_proc(void **state)
{
	char path[256];

	(void)state;
	snprintf(root, sizeof(root), "%s", "/tmp/outlay-proc-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	snprintf(path, sizeof(path), "%s/42", root);
	return mkdir(path, 0700);
}

static int remove_proc(void **state)
{
	char command[256];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

static struct process unknown(uint32_t pid)
{
	return (struct process){ .pid = pid, .uid = UINT32_MAX };
}

static void test_real_child(void **state)
{
	struct process p;
	int ready[2], held[2];
	char byte;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(held), 0); /* the child reads from it, and nobody writes */
	child = fork();
	if (child == 0) {
		char *const argv[] = { "sh", "-c", "echo; read wait", NULL };
		char *const env[] = { "A=1", "OUTLAY_LABELS=team=blue,app=x", "B=2", NULL };

		dup2(held[0], 0);
		dup2(ready[1], 1);
		execve("/bin/sh", argv, env);
		_exit(127);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	p = unknown((uint32_t)child);
	assert_int_equal(process_read("/proc", &p), 0);
	assert_string_equal(p.comm, "sh");
	assert_string_equal(p.labels, "team=blue,app=x");
	assert_true(p.labels_known);
	assert_int_equal(p.cgroup[0], '/');
	assert_true(p.ns_pid > 0);
	assert_int_equal(p.uid, getuid());
	assert_true(strstr(p.exe, "/bin/") != NULL);
	assert_true(p.start_ns > 0);
	/* The same pid with another start is another process. */
	p.start_ns += 20000000;
	assert_int_equal(process_read("/proc", &p), -ESRCH);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(held[i]);
	}
	p = unknown((uint32_t)child);
	assert_int_equal(process_read("/proc", &p), -ESRCH);
}

static void test_comm_that_looks_like_fields(void **state)
{
	struct process p = unknown(42);

	(void)state;
	PUT("stat", "42 (a) S 1 2 (b)) R 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 " START_TICKS " 0 0");
	PUT("comm", "a\x1b[31m\n");
	assert_int_equal(process_read(root, &p), 0);
	assert_int_equal(p.start_ns, 123450000000);
	assert_string_equal(p.comm, "a?[31m");
}

static void test_broken_stat(void **state)
{
	static const char *const texts[] = { "",
					     "42",
					     "42 (a",
					     "42 (a)",
					     "42 (a) R 1 1 1",
					     "42 (a) R 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 -5 0" };
	struct process p = unknown(42);

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put("stat", texts[i], strlen(texts[i]));
		assert_int_equal(process_read(root, &p), -ESRCH);
	}
}

static void test_labels(void **state)
{
	struct process p = unknown(42);

	(void)state;
	PUT("stat", "42 (a) R 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 " START_TICKS " 0");
	PUT("environ", "X=OUTLAY_LABELS=no\0NOT_OUTLAY_LABELS=no\0OUTLAY_LABELS=a=b\nc\0Z=1\0");
	assert_int_equal(process_read(root, &p), 0);
	assert_string_equal(p.labels, "a=b?c");
	assert_true(p.labels_known);
	p = unknown(42);
	PUT("environ", "OUTLAY_LABEL=a=b\0OUTLAY_LABELS");
	assert_int_equal(process_read(root, &p), 0);
	assert_string_equal(p.labels, "");
	assert_true(p.labels_known);
	/* A process that is ending has no environment any more. */
	p = unknown(42);
	PUT("environ", "");
	assert_int_equal(process_read(root, &p), 0);
	assert_false(p.labels_known);
}

static void test_namespace_and_cgroup(void **state)
{
	struct process p = unknown(42);

	(void)state;
	PUT("stat", "42 (a) R 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 " START_TICKS " 0");
	PUT("status", "Name:\ta\nNSpid:\t42\t7\t1\nNSpgid:\t42\t9\t9\n");
	PUT("cgroup", "12:pids:/docker/x\n0::/system.slice/cron.service\n");
	assert_int_equal(process_read(root, &p), 0);
	assert_int_equal(p.ns_pid, 1);
	assert_string_equal(p.cgroup, "/system.slice/cron.service");
	p = unknown(42);
	PUT("status", "Name:\tNSpid:\t3\n");
	PUT("cgroup", "");
	assert_int_equal(process_read(root, &p), 0);
	assert_int_equal(p.ns_pid, 0);
	assert_string_equal(p.cgroup, "");
	/* Of version 1 the kernel told the root alone. */
	memcpy(p.cgroup, "/", 2);
	PUT("cgroup", "3:pids:/docker/x\n0::/\n");
	assert_int_equal(process_read(root, &p), 0);
	assert_string_equal(p.cgroup, "/docker/x");
}

static void test_known_facts_stay(void **state)
{
	struct process p = { .pid = 42,
			     .uid = 0,
			     .start_ns = 123456789012,
			     .comm = "known",
			     .labels = "known=1",
			     .labels_known = true,
			     .exe = "/known",
			     .ns_pid = 9,
			     .cgroup = "/known" };

	(void)state;
	PUT("stat", "42 (a) R 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 " START_TICKS " 0");
	PUT("comm", "other\n");
	PUT("environ", "OUTLAY_LABELS=other=1");
	PUT("status", "NSpid:\t42\t7\n");
	PUT("cgroup", "0::/other\n");
	assert_int_equal(process_read(root, &p), 0);
	assert_string_equal(p.comm, "known");
	assert_string_equal(p.labels, "known=1");
	assert_string_equal(p.exe, "/known");
	assert_string_equal(p.cgroup, "/known");
	assert_int_equal(p.ns_pid, 9);
	assert_int_equal(p.start_ns, 123456789012);
}

static void test_same(void **state)
{
	struct process a = { .pid = 1, .start_ns = 123450000000 }, b = a;

	(void)state;
	b.start_ns += 9999999;
	assert_true(process_same(&a, &b));
	b.start_ns += 1;
	assert_false(process_same(&a, &b));
	b = a;
	b.pid = 2;
	assert_false(process_same(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real_child),
		cmocka_unit_test_setup_teardown(test_comm_that_looks_like_fields, make_proc,
						remove_proc),
		cmocka_unit_test_setup_teardown(test_broken_stat, make_proc, remove_proc),
		cmocka_unit_test_setup_teardown(test_labels, make_proc, remove_proc),
		cmocka_unit_test_setup_teardown(test_namespace_and_cgroup, make_proc, remove_proc),
		cmocka_unit_test_setup_teardown(test_known_facts_stay, make_proc, remove_proc),
		cmocka_unit_test(test_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
