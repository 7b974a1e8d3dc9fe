/* many DIR: what 10,000 models of 100 providers cost beside 10 of 3: to load, in memory, and a call
 * through http, meter and price. The files are made in DIR. Prints JSON lines. */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/timestamp.h"
#include "http/h1.h"
#include "meter/meter.h"
#include "price/catalog.h"

#define ROUNDS      15
#define CALLS       5000
#define MODELS_USED 10 /* by the calls, spread over those that there are */
#define TEXT_MAX    4096

struct size {
	const char *name;
	unsigned providers, models; /* models in all */
};

struct load {
	struct catalog *catalog;
	struct providers *providers;
	struct meter *meter;
	struct h1 *h1[MODELS_USED];
	struct connection conns[MODELS_USED];
	char servers[MODELS_USED][CONNECTION_SERVER_MAX];
	char requests[MODELS_USED][512], responses[MODELS_USED][TEXT_MAX];
	uint64_t offsets[MODELS_USED][2];
	uint64_t priced;
	int64_t start_ns;
	size_t bytes;
};

static FILE *create(const char *dir, const char *kind, unsigned provider, const char *ending)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/p%u.%s", dir, kind, provider, ending);
	file = fopen(path, "we");
	if (!file)
		abort();
	return file;
}

static void write_provider(const char *dir, unsigned provider)
{
	FILE *file = create(dir, "providers", provider, "yaml");

	fprintf(file,
		"name: p%u\nhosts: [api.p%u.example, eu.p%u.example]\nerror: /error/type\n"
		"request_id: head:x-request-id\nroutes:\n"
		"  - match: POST /v1/chat/completions\n    operation: chat\n"
		"    format: [json, sse]\n    model_requested: req:/model\n    model: /model\n"
		"    service_tier: /service_tier\n    response_id: /id\n    usage:\n"
		"      input: /usage/prompt_tokens - "
		"/usage/prompt_tokens_details/cached_tokens\n"
		"      input_cache_read: /usage/prompt_tokens_details/cached_tokens\n"
		"      output: /usage/completion_tokens\n"
		"  - match: POST /v1/embeddings\n    operation: embeddings\n    format: [json]\n"
		"    model: /model\n    usage:\n      input: /usage/prompt_tokens\n"
		"  - match: GET /v1/models\n    operation: models\n    free: true\n",
		provider, provider, provider);
	fclose(file);
}

static void write_prices(const char *dir, const struct size *size, unsigned provider)
{
	FILE *file = create(dir, "prices", provider, "json");
	bool first = true;

	fprintf(file,
		"{\"catalog\":\"p%u-1\",\"provider\":\"p%u\",\"source\":[\"bench\"],"
		"\"fallback\":{\"output_reasoning\":\"=output\"},\"models\":[",
		provider, provider);
	for (unsigned m = provider; m < size->models; m += size->providers) {
		fprintf(file,
			"%s\n{\"model\":\"model-%u\",\"aliases\":[\"model-%u-latest\"],\"rates\":["
			"{\"from\":\"2025-01-01\",\"per_million\":{\"input\":\"0.%03u1\","
			"\"input_cache_read\":\"0.05\",\"output\":\"2.5\"}},"
			"{\"from\":\"2025-01-01\",\"tier\":\"batch\",\"per_million\":{"
			"\"input\":\"0.5\",\"output\":\"1.25\"}}]}",
			first ? "" : ",", m, m, m % 1000);
		first = false;
	}
	fprintf(file, "]}\n");
	fclose(file);
}

static void make_files(const char *dir, const struct size *size)
{
	char path[512];

	mkdir(dir, 0700);
	snprintf(path, sizeof(path), "%s/providers", dir);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/prices", dir);
	mkdir(path, 0700);
	for (unsigned p = 0; p < size->providers; p++) {
		write_provider(dir, p);
		write_prices(dir, size, p);
	}
}

static void on_usage(void *ctx, const struct usage *usage)
{
	struct load *load = ctx;
	struct charge charge;

	catalog_price(load->catalog, usage, &charge);
	load->priced += charge.source == COST_CATALOG;
}

static int64_t cpu_ns(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return used.tv_sec * NS_PER_SEC + used.tv_nsec;
}

/* What is left in memory when all that could be has been given back. */
static size_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	size_t pages;

	malloc_trim(0);
	if (!file || fscanf(file, "%*u %zu", &pages) != 1)
		abort();
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void load_files(struct load *load, const char *dir)
{
	size_t before = resident_bytes();
	int64_t start = cpu_ns();
	struct err err = { "" };
	char path[512];

	snprintf(path, sizeof(path), "%s/providers", dir);
	if (providers_load(path, &load->providers, &err) == 0) {
		snprintf(path, sizeof(path), "%s/prices", dir);
		catalog_load(path, &load->catalog, &err);
	}
	if (err.text[0]) {
		fprintf(stderr, "many: %s\n", err.text);
		exit(1);
	}
	load->start_ns = cpu_ns() - start;
	load->bytes = resident_bytes() - before;
}

static void make_call(struct load *load, unsigned i, const struct size *size)
{
	unsigned model = i * (size->models / MODELS_USED), provider = model % size->providers;
	char body[TEXT_MAX - 512];

	snprintf(load->servers[i], sizeof(load->servers[i]), "api.p%u.example", provider);
	load->conns[i].server = load->servers[i];
	snprintf(load->requests[i], sizeof(load->requests[i]),
		 "POST /v1/chat/completions HTTP/1.1\r\nHost: api.p%02u.example\r\n"
		 "Content-Length: 23\r\n\r\n{\"model\":\"model-%06u\"}",
		 provider, model);
	snprintf(body, sizeof(body),
		 "{\"id\":\"chatcmpl-bench\",\"model\":\"model-%u\",\"choices\":[{\"message\":"
		 "{\"role\":\"assistant\",\"content\":\"%02500d\"}}],\"usage\":{\"prompt_tokens\":"
		 "1200,\"completion_tokens\":400,\"prompt_tokens_details\":{\"cached_tokens\":"
		 "1024}}}",
		 model, 0);
	snprintf(load->responses[i], TEXT_MAX,
		 "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
		 "\r\n%s",
		 strlen(body), body);
}

static void open_load(struct load *load, const char *dir, const struct size *size)
{
	static const uint8_t secret[METER_SECRET_BYTES];
	static const struct process process;
	static struct http_counters counters;
	struct meter_options options = { .secret = secret, .usage = on_usage, .ctx = load };

	make_files(dir, size);
	load_files(load, dir);
	options.providers = load->providers;
	if (meter_new(&options, &load->meter) < 0)
		abort();
	for (unsigned i = 0; i < MODELS_USED; i++) {
		load->conns[i].process = &process;
		make_call(load, i, size);
		if (h1_new(&load->conns[i], &meter_handler, load->meter, &counters, &load->h1[i]) <
		    0)
			abort();
	}
}

static void feed(struct load *load, unsigned i, enum direction direction, const char *text)
{
	struct span bytes = span_of(text);
	struct chunk chunk = { .data = bytes,
			       .offset = load->offsets[i][direction],
			       .length = bytes.len,
			       .time_utc_ns = 1764061200 * NS_PER_SEC,
			       .direction = direction };

	h1_feed(load->h1[i], &chunk);
	load->offsets[i][direction] += bytes.len;
}

static int64_t round_ns(struct load *load)
{
	int64_t start = clock_system.monotonic_ns(&clock_system);

	for (unsigned n = 0; n < CALLS; n++) {
		unsigned i = n % MODELS_USED;

		feed(load, i, DIRECTION_SENT, load->requests[i]);
		feed(load, i, DIRECTION_RECEIVED, load->responses[i]);
	}
	return (clock_system.monotonic_ns(&clock_system) - start) / CALLS;
}

static void print_row(const char *name, int64_t value, const char *unit, int64_t floor)
{
	printf("{\"name\":\"%s\",\"value\":%" PRId64 ",\"unit\":\"%s\",\"floor\":%" PRId64 "}\n",
	       name, value, unit, floor);
}

int main(int argc, char **argv)
{
	static const struct size sizes[] = { { "few", 3, 10 }, { "many", 100, 10000 } };
	static struct load loads[2];
	int64_t best[2] = { INT64_MAX, INT64_MAX };

	for (int i = 0; i < 2; i++) {
		char dir[400];

		snprintf(dir, sizeof(dir), "%.300s/%s", argc > 1 ? argv[1] : "build",
			 sizes[i].name);
		open_load(&loads[i], dir, &sizes[i]);
	}
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < 2; i++) {
			int64_t ns = round_ns(&loads[i]);

			best[i] = ns < best[i] ? ns : best[i];
		}
	}
	print_row("many_models_call_ns", best[1], "ns", best[0]);
	print_row("many_models_start_us", loads[1].start_ns / 1000, "us", loads[0].start_ns / 1000);
	print_row("many_models_kib", (int64_t)loads[1].bytes / 1024, "KiB",
		  (int64_t)loads[0].bytes / 1024);
	return loads[0].priced == ROUNDS * CALLS && loads[1].priced == ROUNDS * CALLS ? 0 : 1;
}
