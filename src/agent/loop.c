/* Threads on libevent: a base each, stopped from outside by an event. */
#include "agent/loop.h"

#include <errno.h>
#include <event2/thread.h>
#include <string.h>

static void on_stop(evutil_socket_t fd, short what, void *ctx)
{
	struct loop *loop = ctx;

	(void)fd;
	(void)what;
	event_base_loopbreak(loop->base);
}

/* Its time is read when somebody asks for it, not in each turn: that is 1 % of a decision. */
static struct event_base *new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config && event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME) == 0)
		base = event_base_new_with_config(config);
	if (config)
		event_config_free(config);
	return base;
}

int loop_init(struct loop *loop, const char *name, struct err *err)
{
	*loop = (struct loop){ .name = name };
	if (evthread_use_pthreads() < 0)
		return err_set(err, -ENOSYS, "libevent has no threads here");
	loop->base = new_base();
	if (!loop->base)
		return err_set(err, -ENOMEM, "cannot make an event loop");
	loop->stop = event_new(loop->base, -1, EV_PERSIST, on_stop, loop);
	return loop->stop ? 0 : err_set(err, -ENOMEM, "out of memory");
}

void loop_free_event(struct event *event)
{
	if (event)
		event_free(event);
}

void loop_done(struct loop *loop)
{
	loop_free_event(loop->stop);
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
