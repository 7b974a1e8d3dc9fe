/* outlay doctor: how well the agent can see on this host, and what it could not: by which links its
 * probes are put on, every count of what was refused or lost, and which files it watches, where. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/object.h"
#include "cli/show.h"

struct finding {
	const char *group, *member;
	const char *says; /* when it is not 0 */
};

/* To add one: a row; a text has SHOW_CELL_MAX columns. */
static const struct finding findings[] = {
	{ "attach", "libraries_failed", "files with TLS inside without probes: see log" },
	{ "attach", "libraries_full", "files not watched: the table is full" },
	{ "attach", "mappings_lost", "went by unseen: the next sweep finds them" },
	{ "kernel", "ring_full", "records lost: a larger ring_mib holds more" },
	{ "kernel", "read_fault", "records without their bytes" },
	{ "kernel", "connections_full", "connections not followed: the map is full" },
	{ "kernel", "connections_evicted", "idle connections no longer followed" },
	{ "kernel", "calls_full", "calls not followed: no memory" },
	{ "kernel", "unseen_bytes", "bytes that pass no buffer (sendfile): a gap" },
	{ "capture", "lost_bytes", "bytes missing in calls, which are marked" },
	{ "flows", "unmetered", "connections not metered: whose, in status" },
	{ "flows", "partial_hellos", "hellos longer than what is looked at" },
	{ "flows", "sockets_full", "connections not listed: no memory" },
};

static const struct finding means[] = {
	{ "session", "one link a library sees entry and return", NULL },
	{ "multi", "one link for entries, one for returns", NULL },
	{ "perf", "one link a probe", NULL },
	{ "probe", "return probes", NULL },
	{ "ret", "RET probes: others may kill sandboxes here", NULL },
};

/* Of the hooks on connections: what goes on without one. */
static const struct finding hooks[] = {
	{ "connect4", "", "who connects over IPv4 is not known" },
	{ "connect6", "", "who connects over IPv6 is not known" },
	{ "egress", "", "what is not metered is not seen, nothing held or cut" },
	{ "closed", "", "bytes and ends of connections are not known" },
	{ "older", "", "connections older than the agent are not listed" },
	{ "kept", "", "a dead agent stops nobody, though fail_closed" },
	{ "sweep", "", "a cut ends connections one by one" },
};

/* Those that are off, and why. */
static void add_hooks(struct show_table *table, const json_t *status)
{
	const json_t *flows = json_object_get(status, "flows");
	const json_t *features = json_object_get(flows, "features");

	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		const char *value = show_member(features, hooks[i].group);
		const char *cells[] = { hooks[i].group, value, hooks[i].says };

		if (strcmp(value, "on") != 0 && strcmp(value, "-") != 0)
			show_table_add(table, SHOW_YELLOW, cells);
	}
}

static void add_means(struct show_table *table, const json_t *probes, const char *key)
{
	const char *value = show_member(probes, key);
	const char *cells[] = { key, value, "" };

	for (size_t i = 0; i < sizeof(means) / sizeof(means[0]); i++)
		if (strcmp(means[i].group, value) == 0)
			cells[2] = means[i].member;
	show_table_add(table, SHOW_PLAIN, cells);
}

static void add_finding(struct show_table *table, const json_t *status, const struct finding *f)
{
	json_int_t n =
	    json_integer_value(json_object_get(json_object_get(status, f->group), f->member));
	char text[24];
	const char *cells[] = { f->member, text, f->says };

	snprintf(text, sizeof(text), "%lld", (long long)n);
	if (n)
		show_table_add(table, SHOW_YELLOW, cells);
}

/* Of each file: what it is, how many records came from it, where it is probed, or why it is not. */
static void print_libraries(const json_t *status)
{
	static const char *const keys[] = { "path",  "kind",  "version", "records",  "build",
					    "inode", "spots", "probes",  "emulated", "why_not" };
	enum { COLUMNS = sizeof(keys) / sizeof(keys[0]) };
	struct show_table table = { .n_columns = COLUMNS };
	const json_t *list = json_object_get(status, "libraries"), *row;
	char numbers[COLUMNS][24];
	size_t i;

	show_table_add(&table, SHOW_BOLD, keys);
	json_array_foreach(list, i, row)
	{
		const char *cells[COLUMNS];

		for (size_t k = 0; k < COLUMNS; k++) {
			const json_t *value = json_object_get(row, keys[k]);

			snprintf(numbers[k], sizeof(numbers[k]), "%" JSON_INTEGER_FORMAT,
				 json_integer_value(value));
			cells[k] = json_is_integer(value) ? numbers[k] : show_member(row, keys[k]);
		}
		show_table_add(&table, cells[COLUMNS - 1][0] ? SHOW_YELLOW : SHOW_PLAIN, cells);
	}
	putchar('\n');
	show_table_print(&table);
}

static int print_findings(const struct buf *body)
{
	struct show_table table = { .n_columns = 3 };
	json_t *status = json_loadb(body->data, body->len, 0, NULL);
	const json_t *attach = json_object_get(status, "attach");
	const json_t *probes = json_object_get(status, "probes");
	char watched[24];
	const char *heading[] = { "what", "is", "" };
	const char *libraries[] = { "libraries", watched, "files with TLS inside are watched" };

	snprintf(watched, sizeof(watched), "%lld",
		 (long long)json_integer_value(json_object_get(attach, "libraries")));
	show_table_add(&table, SHOW_BOLD, heading);
	add_means(&table, probes, "links");
	add_means(&table, probes, "returns");
	show_table_add(&table, SHOW_PLAIN, libraries);
	for (size_t i = 0; i < sizeof(findings) / sizeof(findings[0]); i++)
		add_finding(&table, status, &findings[i]);
	add_hooks(&table, status);
	show_table_print(&table);
	print_libraries(status);
	json_decref(status);
	return show_end();
}

int doctor_run(int argc, char **argv)
{
	return object_run(argc, argv, "Shows how well the agent can see on this host.",
			  "/v1/status", print_findings);
}
