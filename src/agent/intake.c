/* Queues on libevent. Unless it is told to let them wait, a loop sleeps only when its intakes have
 * said so to the queues, so an item never waits for a timer; what was left on purpose is looked at
 * again in a few milliseconds. */
#include "agent/intake.h"

#include <errno.h>

static const struct timeval retry_after = { .tv_usec = 5000 };

static void on_items(evutil_socket_t fd, short what, void *ctx)
{
	struct intake *intake = ctx;
	bool flows = evutil_timerisset(&intake->hold) && queue_depth(intake->queue);

	(void)fd;
	(void)what;
	do {
		intake->take(intake->ctx);
		/* What was left on purpose is waiting for room on the other side. */
		if (queue_depth(intake->queue)) {
			event_add(intake->retry, &retry_after);
			return;
		}
		/* To be woken for the next item costs both sides more than to look again. */
		if (flows) {
			event_add(intake->retry, &intake->hold);
			return;
		}
	} while (!intake->is_lazy && !queue_sleep(intake->queue));
	event_del(intake->retry);
}

static void on_woken(evutil_socket_t fd, short what, void *ctx)
{
	struct intake *intake = ctx;
	/* Filled to the half at once is one edge, not two. */
	bool many = queue_depth(intake->queue) >= queue_room(intake->queue);

	if (evutil_timerisset(&intake->hold) && !many &&
	    !event_pending(intake->retry, EV_TIMEOUT, NULL))
		event_add(intake->retry, &intake->hold);
	else
		on_items(fd, what, ctx);
}

int intake_init(struct intake *intake, struct loop *loop, struct queue *queue,
		void (*take)(void *ctx), void *ctx)
{
	*intake = (struct intake){ .queue = queue, .take = take, .ctx = ctx };
	/* The edge: while items are left to wait, the fd stays readable. */
	intake->readable =
	    event_new(loop->base, queue_fd(queue), EV_READ | EV_ET | EV_PERSIST, on_woken, intake);
	intake->retry = event_new(loop->base, -1, 0, on_items, intake);
	if (!intake->readable || !intake->retry || event_add(intake->readable, NULL) < 0)
		return -ENOMEM;
	/* Items may be in it already. */
	event_active(intake->retry, EV_TIMEOUT, 0);
	return 0;
}

void intake_set_lazy(struct intake *intake, bool is_lazy)
{
	if (intake->is_lazy == is_lazy)
		return;
	intake->is_lazy = is_lazy;
	/* Else its producer still thinks that nobody is to be woken. */
	if (!is_lazy)
		on_items(-1, 0, intake);
}

void intake_done(struct intake *intake)
{
	loop_free_event(intake->readable);
	loop_free_event(intake->retry);
	*intake = (struct intake){ 0 };
}
