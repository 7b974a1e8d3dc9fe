/* hooks.yaml: whom alerts are sent to. A missing file is none. Read at the start. */
#pragma once

#include "base/err.h"
#include "sink/sink.h"

#define HOOKS_MAX 8

/* What the hooks point to stays until hookfile_free. -EINVAL: "FILE:LINE: hooks[N].KEY: ...". */
struct hookfile {
	unsigned n;
	struct sink_hook hook[HOOKS_MAX];
	char *secrets[HOOKS_MAX];
	void *file;
};

int hookfile_load(const char *path, struct hookfile *ret_hooks, struct err *err);
void hookfile_free(struct hookfile *hooks);
