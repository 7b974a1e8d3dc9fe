/* Command line, environment and outlayd.yaml. */
#include "agent/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/canary.h"
#include "base/cleanup.h"
#include "base/yaml.h"
#include "bpf/event.h"

#define DEFAULT_CONFIG      "/etc/outlay"
#define DEFAULT_STATE       "/var/lib/outlay"
#define DEFAULT_SOCKET      "/run/outlay/policy.sock"
#define DEFAULT_RING_MIB    2
#define RING_MIB_MAX        1024
#define DEFAULT_KEEP        400
#define KEEP_DAYS_MAX       36500
#define DEFAULT_REQUEST_KIB 32
#define DEFAULT_POINTS      5
#define DEFAULT_LATE_MS     100
#define DEFAULT_CANARY      60
#define CANARY_SECONDS_MAX  86400
#define REQUEST_KIB_MAX     (2 * EVENT_KEEP_MAX / 1024)

/* outlayd.yaml. */
struct settings {
	char *state;
	char *socket;
	unsigned ring_mib;
	unsigned keep_days;
	unsigned *request_kib;
	unsigned *canary_seconds;
	char *catalog;
	bool fail_closed, refuse_connect;
	unsigned *breaker_error_points;
	unsigned *breaker_latency_ms;
	char *kafka;
	char *kafka_topic;
};

/* To add an option: a member above and in struct options, a row here, a line in
 * config/outlayd.yaml. */
static const cyaml_schema_field_t settings_fields[] = {
	CYAML_FIELD_STRING_PTR("state", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct settings,
			       state, 1, 4000),
	CYAML_FIELD_STRING_PTR("socket", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct settings,
			       socket, 1, 107),
	CYAML_FIELD_UINT("ring_mib", CYAML_FLAG_OPTIONAL, struct settings, ring_mib),
	CYAML_FIELD_UINT("keep_days", CYAML_FLAG_OPTIONAL, struct settings, keep_days),
	CYAML_FIELD_UINT_PTR("request_kib", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			     struct settings, request_kib),
	CYAML_FIELD_UINT_PTR("canary_seconds", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			     struct settings, canary_seconds),
	CYAML_FIELD_STRING_PTR("catalog", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct settings,
			       catalog, 1, 100),
	CYAML_FIELD_BOOL("fail_closed", CYAML_FLAG_OPTIONAL, struct settings, fail_closed),
	CYAML_FIELD_BOOL("refuse_connect", CYAML_FLAG_OPTIONAL, struct settings, refuse_connect),
	CYAML_FIELD_UINT_PTR("breaker_error_points", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			     struct settings, breaker_error_points),
	CYAML_FIELD_UINT_PTR("breaker_latency_ms", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			     struct settings, breaker_latency_ms),
	CYAML_FIELD_IGNORE("labels", CYAML_FLAG_OPTIONAL), /* can be reloaded: agent/config.c */
	CYAML_FIELD_STRING_PTR("kafka", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct settings,
			       kafka, 1, 4000),
	CYAML_FIELD_STRING_PTR("kafka_topic", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			       struct settings, kafka_topic, 1, 249),
	CYAML_FIELD_END
};

static const cyaml_schema_value_t settings_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct settings, settings_fields),
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "state", required_argument, NULL, 'S' },
	{ "socket", required_argument, NULL, 's' },
	{ "record", required_argument, NULL, 'r' },
	{ "replay", required_argument, NULL, 'R' },
	{ "check", no_argument, NULL, 'k' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

void options_usage(void)
{
	printf(
	    "Usage: outlayd [--config DIR] [--state DIR] [--socket PATH] [--check]\n"
	    "               [--record FILE]\n"
	    "       outlayd [--config DIR] --replay FILE\n"
	    "\n"
	    "Watches the calls that programs on this host make to paid APIs, prices them, keeps\n"
	    "budgets and a ledger. Needs root.\n"
	    "\n"
	    "  --config DIR   outlayd.yaml, budgets.yaml, providers/, prices/\n"
	    "                 (OUTLAY_CONFIG; default " DEFAULT_CONFIG ")\n"
	    "  --state DIR    the ledger (OUTLAY_STATE; default " DEFAULT_STATE ")\n"
	    "  --socket PATH  the policy socket (OUTLAY_SOCKET; default " DEFAULT_SOCKET ")\n"
	    "  --check        load the configuration, say whether it is good, exit\n"
	    "  --record FILE  make FILE and write to it what is seen, without contents and "
	    "secrets:\n"
	    "                 sizes, times, programs, paths, models and figures stay\n"
	    "  --replay FILE  price such a file, one usage event a line, and exit: needs no root\n"
	    "  --version, --help\n"
	    "\n"
	    "OUTLAY_LINKS (session, multi, perf) and OUTLAY_RETURNS (probe, ret) force how probes\n"
	    "are put on; `outlay doctor` shows what is in use.\n"
	    "\n"
	    "SIGHUP reloads providers, prices, budgets and labels; SIGTERM flushes and ends.\n");
}

static void take_text(struct options *o, int c, const char *value)
{
	char **at = c == 'c'   ? &o->config
		    : c == 'S' ? &o->state
		    : c == 's' ? &o->socket
		    : c == 'r' ? &o->record
			       : &o->replay;

	free(*at);
	*at = strdup(value);
}

static int parse_arguments(int argc, char **argv, struct options *o, struct err *err)
{
	int c;

	optind = 1;
	opterr = 0;
	for (;;) {
		c = getopt_long(argc, argv, ":", long_options, NULL);
		if (c < 0)
			break;
		switch (c) {
		case 'c':
		case 'S':
		case 's':
		case 'r':
		case 'R':
			take_text(o, c, optarg);
			break;
		case 'k':
			o->check = true;
			break;
		case 'V':
			o->version = true;
			break;
		case 'h':
			o->help = true;
			break;
		default:
			return err_set(err, -EINVAL, "%s %s: see outlayd --help", argv[optind - 1],
				       c == ':' ? "needs a value" : "is not an option");
		}
	}
	if (optind < argc)
		return err_set(err, -EINVAL, "\"%.100s\" is not expected: see outlayd --help",
			       argv[optind]);
	return 0;
}

/* The first that is set: what is there, the environment, the file's (taken), the default. */
static void choose(char **at, const char *variable, char **from_file, const char *fallback)
{
	const char *value = variable ? getenv(variable) : NULL;

	if (*at)
		return;
	if (value && *value)
		*at = strdup(value);
	else if (from_file && *from_file)
		*at = TAKE_PTR(*from_file);
	else if (fallback)
		*at = strdup(fallback);
}

static int check_catalog(const struct options *o, const char *path, struct err *err)
{
	FREE_PTR char *dir = NULL;
	struct stat st;

	if (!o->catalog)
		return 0;
	if (asprintf(&dir, "%s/prices/%s", o->config, o->catalog) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	if (o->catalog[0] == '.' || strchr(o->catalog, '/') || stat(dir, &st) < 0 ||
	    !S_ISDIR(st.st_mode))
		return err_set(
		    err, -EINVAL,
		    "%s:%u: catalog: expected the name of a directory in %s/prices, such "
		    "as seed-2025, got \"%.100s\"",
		    path, yaml_line(path, "catalog"), o->config, o->catalog);
	return 0;
}

static unsigned number_of(const unsigned *given, unsigned otherwise)
{
	return given ? *given : otherwise;
}

static int check_numbers(const struct options *o, const char *path, struct err *err)
{
	if (o->keep_days > KEEP_DAYS_MAX)
		return err_set(err, -EINVAL, "%s:%u: keep_days: expected up to %d, got %u", path,
			       yaml_line(path, "keep_days"), KEEP_DAYS_MAX, o->keep_days);
	if (o->ring_mib > RING_MIB_MAX || (o->ring_mib & (o->ring_mib - 1)))
		return err_set(err, -EINVAL,
			       "%s:%u: ring_mib: expected a power of two up to %d, got %u", path,
			       yaml_line(path, "ring_mib"), RING_MIB_MAX, o->ring_mib);
	if (o->canary_seconds > CANARY_SECONDS_MAX ||
	    (o->canary_seconds && o->canary_seconds <= CANARY_WAIT_SECONDS))
		return err_set(err, -EINVAL,
			       "%s:%u: canary_seconds: expected 0, or %d to %d, got %u", path,
			       yaml_line(path, "canary_seconds"), CANARY_WAIT_SECONDS + 1,
			       CANARY_SECONDS_MAX, o->canary_seconds);
	if (o->request_kib > REQUEST_KIB_MAX)
		return err_set(err, -EINVAL, "%s:%u: request_kib: expected 0 to %u, got %u", path,
			       yaml_line(path, "request_kib"), REQUEST_KIB_MAX, o->request_kib);
	if (o->breaker_error_points > 100)
		return err_set(err, -EINVAL,
			       "%s:%u: breaker_error_points: expected 0 to 100, got %u", path,
			       yaml_line(path, "breaker_error_points"), o->breaker_error_points);
	return 0;
}

static int load_settings(struct options *o, const char *path, struct err *err)
{
	void *value = NULL;
	struct settings *settings, none = { 0 };
	int code;

	code = access(path, F_OK) == 0 ? yaml_load(path, &settings_schema, &value, err) : 0;
	if (code < 0)
		return code;
	settings = value ? value : &none;
	o->ring_mib = settings->ring_mib ? settings->ring_mib : DEFAULT_RING_MIB;
	o->keep_days = settings->keep_days ? settings->keep_days : DEFAULT_KEEP;
	o->request_kib = number_of(settings->request_kib, DEFAULT_REQUEST_KIB);
	o->canary_seconds = number_of(settings->canary_seconds, DEFAULT_CANARY);
	o->breaker_error_points = number_of(settings->breaker_error_points, DEFAULT_POINTS);
	o->breaker_latency_ms = number_of(settings->breaker_latency_ms, DEFAULT_LATE_MS);
	o->fail_closed = settings->fail_closed;
	o->refuse_connect = settings->refuse_connect;
	choose(&o->state, "OUTLAY_STATE", &settings->state, DEFAULT_STATE);
	choose(&o->socket, "OUTLAY_SOCKET", &settings->socket, DEFAULT_SOCKET);
	choose(&o->catalog, NULL, &settings->catalog, NULL);
	choose(&o->kafka, NULL, &settings->kafka, NULL);
	choose(&o->kafka_topic, NULL, &settings->kafka_topic, NULL);
	if (value)
		yaml_unload(&settings_schema, value);
	code = check_catalog(o, path, err);
	return code < 0 ? code : check_numbers(o, path, err);
}

int options_parse(int argc, char **argv, struct options *ret_options, struct err *err)
{
	FREE_PTR char *path = NULL, *hooks = NULL;
	int code;

	*ret_options = (struct options){ 0 };
	code = parse_arguments(argc, argv, ret_options, err);
	if (code < 0 || ret_options->help || ret_options->version)
		return code;
	choose(&ret_options->config, "OUTLAY_CONFIG", NULL, DEFAULT_CONFIG);
	if (access(ret_options->config, R_OK | X_OK) < 0)
		return err_set(err, -EINVAL, "%s: %s: --config names the configuration's directory",
			       ret_options->config, strerror(errno));
	if (asprintf(&path, "%s/outlayd.yaml", ret_options->config) < 0 ||
	    asprintf(&hooks, "%s/hooks.yaml", ret_options->config) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	code = load_settings(ret_options, path, err);
	return code < 0 ? code : hookfile_load(hooks, &ret_options->hooks, err);
}

void options_done(struct options *o)
{
	free(o->config);
	free(o->state);
	free(o->socket);
	free(o->catalog);
	free(o->kafka);
	free(o->kafka_topic);
	free(o->record);
	free(o->replay);
	hookfile_free(&o->hooks);
	*o = (struct options){ 0 };
}
