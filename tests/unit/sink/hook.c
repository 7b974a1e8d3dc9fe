/* Hooks by real commands: what they get, and what their end means. */
#include "sink/hook.h"

#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct rig {
	char dir[64], script[96], out[96];
	struct sink_hook hook;
	struct sink_config config;
	struct sink *sink;
	int64_t acked_seq;
};

static int set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	*state = rig;
	snprintf(rig->dir, sizeof(rig->dir), "/tmp/outlay-hook-XXXXXX");
	if (!mkdtemp(rig->dir))
		return -1;
	snprintf(rig->script, sizeof(rig->script), "%s/hook", rig->dir);
	snprintf(rig->out, sizeof(rig->out), "%s/out", rig->dir);
	rig->hook = (struct sink_hook){ .name = "x", .command = rig->script };
	rig->config =
	    (struct sink_config){ .hooks = &rig->hook, .n_hooks = 1, .host_id = "host-1" };
	return 0;
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	hook_sink.close(rig->sink);
	unlink(rig->script);
	unlink(rig->out);
	rmdir(rig->dir);
	free(rig);
	return 0;
}

/* The hook is `body`, a shell script that may write to $out. */
static void open_with(struct rig *rig, const char *body)
{
	FILE *file = fopen(rig->script, "w");

	fprintf(file, "#!/bin/sh\nout=%s\n%s\n", rig->out, body);
	fclose(file);
	chmod(rig->script, 0755);
	assert_int_equal(hook_sink.open(&rig->config, 0, &rig->sink, NULL), 0);
}

static bool submit(struct rig *rig, int64_t seq, unsigned level)
{
	struct sink_event event = { .seq = seq,
				    .json = { "{\"a\":\"b\"}", 9 },
				    .level = level,
				    .level_name = "x",
				    .text = "t",
				    .host_name = "h" };

	return hook_sink.submit(rig->sink, &event);
}

static void poll_once(struct rig *rig)
{
	bool resubmit;

	hook_sink.poll(rig->sink, &rig->acked_seq, &resubmit);
	assert_false(resubmit);
}

/* Until something is there to be handled, and handles it. */
static void wait_for_end(struct rig *rig)
{
	struct pollfd ended = { .fd = hook_sink.fd(rig->sink), .events = POLLIN };

	assert_int_equal(poll(&ended, 1, 60000), 1);
	poll_once(rig);
}

static const char *said(const struct rig *rig)
{
	static char text[256];
	FILE *file = fopen(rig->out, "r");
	size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	text[n] = '\0';
	if (file)
		fclose(file);
	return text;
}

static void test_delivers_in_order(void **state)
{
	struct rig *rig = *state;
	const struct sink_counters *counters;

	open_with(rig, "cat >>$out; echo >>$out");
	assert_true(submit(rig, 5, 0));
	assert_false(submit(rig, 6, 0)); /* one at a time */
	assert_int_equal(rig->acked_seq, 0);
	wait_for_end(rig);
	assert_int_equal(rig->acked_seq, 5);
	assert_true(submit(rig, 6, 0));
	wait_for_end(rig);
	assert_int_equal(rig->acked_seq, 6);
	assert_string_equal(said(rig), "{\"a\":\"b\"}\n{\"a\":\"b\"}\n");
	assert_true(submit(rig, 6, 0)); /* it has been there */
	poll_once(rig);
	counters = hook_sink.counters(rig->sink);
	assert_int_equal(counter_read(&counters->acknowledged), 2);
	assert_int_equal(counter_read(&counters->failed), 0);
}

static void test_level(void **state)
{
	struct rig *rig = *state;

	rig->hook.level = 2;
	open_with(rig, "cat >>$out");
	assert_true(submit(rig, 1, 0));
	assert_true(submit(rig, 2, 1));
	poll_once(rig);
	assert_int_equal(rig->acked_seq, 2);
	assert_true(submit(rig, 3, 2));
	wait_for_end(rig);
	assert_int_equal(rig->acked_seq, 3);
	assert_string_equal(said(rig), "{\"a\":\"b\"}");
}

/* It fails once and is tried again, a second later. */
static void test_tries_again(void **state)
{
	struct rig *rig = *state;
	const struct sink_counters *counters;
	char state_text[128];

	open_with(rig, "if [ -e $out ]; then exit 0; fi; echo >$out; exit 7");
	counters = hook_sink.counters(rig->sink);
	assert_true(submit(rig, 1, 0));
	wait_for_end(rig);
	assert_int_equal(rig->acked_seq, 0);
	assert_int_equal(counter_read(&counters->failed), 1);
	hook_sink.describe(rig->sink, state_text, sizeof(state_text));
	assert_non_null(strstr(state_text, "not delivering since "));
	assert_non_null(strstr(state_text, ": exit status 7"));
	poll_once(rig);
	assert_int_equal(counter_read(&counters->submitted), 1); /* not at once */
	while (counter_read(&counters->submitted) == 1) {
		usleep(10000);
		poll_once(rig);
	}
	wait_for_end(rig);
	assert_int_equal(rig->acked_seq, 1);
	hook_sink.describe(rig->sink, state_text, sizeof(state_text));
	assert_string_equal(state_text, "ready");
}

static void test_dead_letter(void **state)
{
	struct rig *rig = *state;
	const char *why;
	int64_t seq;

	open_with(rig, "exit 65");
	assert_true(submit(rig, 9, 0));
	wait_for_end(rig);
	assert_int_equal(rig->acked_seq, 9);
	assert_false(submit(rig, 10, 0)); /* not before the dead one is noted */
	assert_true(hook_sink.dead(rig->sink, &seq, &why));
	assert_int_equal(seq, 9);
	assert_string_equal(why, "exit status 65");
	assert_false(hook_sink.dead(rig->sink, &seq, &why));
	assert_true(submit(rig, 10, 0));
	wait_for_end(rig);
}

/* A hook that kills itself, and one that cannot be started: both are tried again. */
static void test_bad_ends(void **state)
{
	struct rig *rig = *state;

	open_with(rig, "kill -9 $$");
	assert_true(submit(rig, 1, 0));
	wait_for_end(rig);
	assert_int_equal(rig->acked_seq, 0);
	unlink(rig->script);
	hook_sink.close(rig->sink);
	assert_int_equal(hook_sink.open(&rig->config, 0, &rig->sink, NULL), 0);
	assert_true(submit(rig, 1, 0));
	poll_once(rig);
	assert_int_equal(rig->acked_seq, 0);
	assert_int_equal(counter_read(&hook_sink.counters(rig->sink)->acknowledged), 0);
}

/* Closing ends what hangs, and its children. */
static void test_close_ends_the_child(void **state)
{
	struct rig *rig = *state;
	char path[64];
	int pid = 0;

	open_with(rig, "sleep 600 & echo $! >$out; wait");
	assert_true(submit(rig, 1, 0));
	while (sscanf(said(rig), "%d", &pid) != 1)
		usleep(10000);
	hook_sink.close(rig->sink);
	rig->sink = NULL;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (int i = 0; i < 500 && access(path, F_OK) == 0; i++) {
		FILE *file = fopen(path, "r");
		char how = '\0';

		if (file && fscanf(file, "%*d %*s %c", &how) == 1 && how == 'Z')
			i = 500;
		if (file)
			fclose(file);
		usleep(10000);
		assert_true(i != 499);
	}
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(test_delivers_in_order), ROW(test_level),    ROW(test_tries_again),
		ROW(test_dead_letter),       ROW(test_bad_ends), ROW(test_close_ends_the_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
