/* Threads and queues on libevent. A loop sleeps only when its intakes have said so to the queues,
 * so an item never waits for a timer. */
#include "agent/loop.h"

#include <errno.h>
#include <event2/thread.h>
#include <string.h>

#include "base/queue.h"

static const struct timeval retry_after = { .tv_usec = 5000 };

static void on_stop(evutil_socket_t fd, short what, void *ctx)
{
	struct loop *loop = ctx;

	(void)fd;
	(void)what;
	event_base_loopbreak(loop->base);
}

int loop_init(struct loop *loop, const char *name, struct err *err)
{
	*loop = (struct loop){ .name = name };
	if (evthread_use_pthreads() < 0)
		return err_set(err, -ENOSYS, "libevent has no threads here");
	loop->base = event_base_new();
	if (!loop->base)
		return err_set(err, -ENOMEM, "cannot make an event loop");
	loop->stop = event_new(loop->base, -1, EV_PERSIST, on_stop, loop);
	return loop->stop ? 0 : err_set(err, -ENOMEM, "out of memory");
}

void loop_done(struct loop *loop)
{
	if (loop->stop)
		event_free(loop->stop);
	if (loop->base)
		event_base_free(loop->base);
	*loop = (struct loop){ 0 };
}

static void *run(void *arg)
{
	struct loop *loop = arg;

	pthread_setname_np(pthread_self(), loop->name);
	event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
	if (loop->stopped)
		loop->stopped(loop->ctx);
	return NULL;
}

int loop_start(struct loop *loop, void (*stopped)(void *ctx), void *ctx, struct err *err)
{
	int code;

	loop->stopped = stopped;
	loop->ctx = ctx;
	code = pthread_create(&loop->thread, NULL, run, loop);
	if (code)
		return err_set(err, -code, "cannot start a thread: %s", strerror(code));
	loop->running = true;
	return 0;
}

void loop_stop(struct loop *loop)
{
	if (!loop->running)
		return;
	event_active(loop->stop, EV_TIMEOUT, 0);
	pthread_join(loop->thread, NULL);
	loop->running = false;
}

static void on_items(evutil_socket_t fd, short what, void *ctx)
{
	struct intake *intake = ctx;

	(void)fd;
	(void)what;
	do {
		intake->take(intake->ctx);
		/* What was left on purpose is waiting for room on the other side. */
		if (queue_depth(intake->queue)) {
			event_add(intake->retry, &retry_after);
			return;
		}
	} while (!queue_sleep(intake->queue));
}

int intake_init(struct intake *intake, struct loop *loop, struct queue *queue,
		void (*take)(void *ctx), void *ctx)
{
	*intake = (struct intake){ .queue = queue, .take = take, .ctx = ctx };
	intake->readable =
	    event_new(loop->base, queue_fd(queue), EV_READ | EV_PERSIST, on_items, intake);
	intake->retry = event_new(loop->base, -1, 0, on_items, intake);
	if (!intake->readable || !intake->retry || event_add(intake->readable, NULL) < 0)
		return -ENOMEM;
	/* Items may be in it already. */
	event_active(intake->retry, EV_TIMEOUT, 0);
	return 0;
}

void intake_done(struct intake *intake)
{
	if (intake->readable)
		event_free(intake->readable);
	if (intake->retry)
		event_free(intake->retry);
	*intake = (struct intake){ 0 };
}
