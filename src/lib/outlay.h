/* What the files of liboutlay share of a handle. The manual is include/outlay/outlay.h. */
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include "lib/channel.h"
#include "outlay/outlay.h"

#define OUTLAY_API __attribute__((visibility("default")))

/* The agent knows a process by its connection: after fork() the child uses none of its parent's. */
struct outlay {
	char socket[108]; /* sun_path */
	int64_t deadline_ns;
	enum outlay_failure failure;
	pthread_mutex_t lock; /* of what follows; held for a few instructions only */
	struct channel *unused;
	unsigned n_unused;
	pid_t pid; /* whose connections they are */
};
