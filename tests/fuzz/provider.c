/* A provider file of any content: refused with a line for a person that names the file, or a set by
 * which any request can be routed and any answer metered. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "meter/route.h"
#include "tests/unit/meter/drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
	if (!right)
		abort();
}

static void on_usage(void *ctx, const struct usage *usage)
{
	(void)ctx;
	check(usage->n_limits <= USAGE_LIMITS_MAX);
	for (int i = 0; i < USAGE_BUCKET_MAX; i++)
		check(usage->counts[i] >= 0);
}

static void on_host(void *ctx, const struct provider *provider, const char *pattern)
{
	struct span host = span_of(pattern);
	char name[300];

	(void)provider;
	snprintf(name, sizeof(name), "%.*s", (int)host.len, host.ptr);
	if (name[0] == '*')
		name[0] = 'a';
	check(providers_find(ctx, span_of(name)) != NULL);
}

/* A call to the server that the seeds name, and to their paths. */
static void meter_call(struct providers *providers)
{
	static const char head[] = "POST /v1/a/b:c?d=%41 HTTP/1.1\r\nX-A: 1\r\n\r\n";
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
				     "x-limit-left: 1\r\nx-reset-left: 6m0s\r\nX-A: 5\r\n\r\n";
	static const char body[] =
	    "{\"a\":3,\"b\":{\"c\":[1,2,{\"d\":4}]},\"m\":\"x\",\"n\":\"0.5\"}";
	struct meter_options options = { .providers = providers, .usage = on_usage };
	struct meter *meter;
	struct drive d;

	check(meter_new(&options, &meter) == 0);
	drive_begin(&d, meter, SPAN(head));
	drive_body(&d, DIRECTION_SENT, SPAN(body), 7);
	drive_response(&d, SPAN(answer));
	drive_body(&d, DIRECTION_RECEIVED, SPAN(body), 7);
	drive_end(&d);
	meter_free(meter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct providers *providers = NULL;
	struct err err = { "" };
	char dir[64], path[80];
	FILE *file;
	int rc;

	snprintf(dir, sizeof(dir), "/dev/shm/outlay-fuzz-providers-%d", (int)getpid());
	snprintf(path, sizeof(path), "%s/x.yaml", dir);
	mkdir(dir, 0700);
	file = fopen(path, "we");
	if (!file)
		return 0;
	fwrite(data, 1, size, file);
	fclose(file);
	rc = providers_load(dir, &providers, &err);
	unlink(path);
	rmdir(dir);
	if (rc == 0) {
		check(providers_count(providers) == 1 && !err.text[0]);
		providers_hosts(providers, on_host, providers);
		meter_call(providers);
		providers_unref(providers);
	} else {
		check(!providers && strncmp(err.text, path, strlen(path)) == 0);
		check(!strchr(err.text, '\n'));
	}
	return 0;
}
