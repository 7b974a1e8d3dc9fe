/* Any file to `outlay price`: events are whole JSON objects on one line, a refusal names the file,
 * nothing leaks. By the configuration that ships. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "agent/offline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int take_event(void *ctx, struct span event)
{
	json_t *parsed =
	    json_loadb(event.ptr, event.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

	assert(json_is_object(parsed));
	assert(!memchr(event.ptr, '\n', event.len));
	json_decref(parsed);
	++*(unsigned *)ctx;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct offline *offline; /* loaded once: it keeps nothing of a file */
	static unsigned events;
	struct err err = { "" };
	FILE *file;
	int rc;

	if (!offline && offline_new("config", NULL, take_event, &events, &offline, &err) < 0)
		abort();
	file = size ? fmemopen((void *)data, size, "r") : NULL;
	if (!file)
		return 0;
	rc = offline_file(offline, file, "fuzz", &err);
	assert(rc == 0 || strncmp(err.text, "fuzz:", 5) == 0);
	assert(!memchr(err.text, '\n', strlen(err.text)));
	fclose(file);
	return 0;
}
