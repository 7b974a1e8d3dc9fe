/* Reads a tz file into one list of changes, in order of time: those that it holds, and what its
 * last line says of each year after them, up to the last year of our clock. */
#include "base/zone.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/civil.h"
#include "base/cleanup.h"
#include "base/zone_rule.h"

#define DIRECTORY     "/usr/share/zoneinfo/"
#define NAME_MAX_HERE 64
#define FILE_MAX      65536
#define HEADER_BYTES  44
#define CHANGES_MAX   4096 /* of a file; the longest has some 240 */
#define YEAR_LAST     2262
#define DAY_S         86400
#define AHEAD_MAX_S   (26 * 3600) /* RFC 9636, 3.2: "should be"; more is refused */

struct change {
	int64_t at_s;
	int32_t ahead_s;
};

struct zone {
	int32_t first_ahead_s; /* before the first change */
	unsigned n;
	struct change changes[];
};

/* --- the file */

struct counts {
	uint32_t ut, std, leap, time, type, chars;
};

static uint64_t big_endian(const char *at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value = value << 8 | (unsigned char)at[i];
	return value;
}

/* Takes the head of a block. */
static int take_counts(struct span *file, struct counts *ret_counts)
{
	const char *at = file->ptr;

	if (file->len < HEADER_BYTES || memcmp(at, "TZif", 4) != 0 || at[4] < '2')
		return -EINVAL;
	*ret_counts = (struct counts){
		(uint32_t)big_endian(at + 20, 4), (uint32_t)big_endian(at + 24, 4),
		(uint32_t)big_endian(at + 28, 4), (uint32_t)big_endian(at + 32, 4),
		(uint32_t)big_endian(at + 36, 4), (uint32_t)big_endian(at + 40, 4),
	};
	*file = span_skip(*file, HEADER_BYTES);
	return 0;
}

static uint64_t block_bytes(const struct counts *counts, unsigned time_bytes)
{
	return (uint64_t)counts->time * (time_bytes + 1) + (uint64_t)counts->type * 6 +
	       counts->chars + (uint64_t)counts->leap * (time_bytes + 4) + counts->std + counts->ut;
}

/* The data of 64 bits, and the line after them. */
static int find_block(struct span file, struct counts *ret_counts, struct span *ret_block,
		      struct span *ret_line)
{
	struct counts counts;

	if (take_counts(&file, &counts) < 0 || block_bytes(&counts, 4) > file.len)
		return -EINVAL;
	file = span_skip(file, block_bytes(&counts, 4));
	if (take_counts(&file, &counts) < 0 || block_bytes(&counts, 8) > file.len ||
	    counts.time > CHANGES_MAX || !counts.type)
		return -EINVAL;
	*ret_counts = counts;
	*ret_block = file;
	file = span_skip(file, block_bytes(&counts, 8));
	if (!file.len || file.ptr[0] != '\n')
		return -EINVAL;
	file = span_skip(file, 1);
	*ret_line = span_cut(&file, '\n');
	return 0;
}

static int read_type(struct span block, const struct counts *counts, unsigned type,
		     int32_t *ret_ahead)
{
	const char *types = block.ptr + (size_t)counts->time * 9;
	int32_t ahead;

	if (type >= counts->type)
		return -EINVAL;
	ahead = (int32_t)(uint32_t)big_endian(types + (size_t)type * 6, 4);
	if (ahead < -AHEAD_MAX_S || ahead > AHEAD_MAX_S)
		return -EINVAL;
	*ret_ahead = ahead;
	return 0;
}

static int read_changes(struct span block, const struct counts *counts, struct zone *zone)
{
	if (read_type(block, counts, 0, &zone->first_ahead_s) < 0)
		return -EINVAL;
	for (unsigned i = 0; i < counts->time; i++) {
		struct change *change = &zone->changes[i];

		change->at_s = (int64_t)big_endian(block.ptr + (size_t)i * 8, 8);
		if (i && change->at_s <= zone->changes[i - 1].at_s)
			return -EINVAL;
		if (read_type(block, counts, (unsigned char)block.ptr[(size_t)counts->time * 8 + i],
			      &change->ahead_s) < 0)
			return -EINVAL;
	}
	zone->n = counts->time;
	return 0;
}

static void add_change(struct zone *zone, int64_t at_s, int32_t ahead_s)
{
	if (!zone->n || at_s > zone->changes[zone->n - 1].at_s)
		zone->changes[zone->n++] = (struct change){ at_s, ahead_s };
}

static int64_t year_of(int64_t utc_s)
{
	int64_t year;
	int month, day;

	civil_from_days(utc_s / DAY_S, &year, &month, &day);
	return year;
}

/* Where the rule goes on. A zone that never changed follows it from 1970 on. */
static int64_t first_year(const struct zone *zone)
{
	int64_t year = zone->n ? year_of(zone->changes[zone->n - 1].at_s) : 1970;

	return year < 1970 ? 1970 : year;
}

static void add_years(struct zone *zone, const struct zone_rule *rule)
{
	if (!rule->has_summer) {
		if (!zone->n)
			zone->first_ahead_s = rule->standard_s;
		return;
	}
	for (int64_t year = first_year(zone); year <= YEAR_LAST; year++) {
		int64_t begins = zone_rule_begins(rule, year), ends = zone_rule_ends(rule, year);

		if (begins < ends)
			add_change(zone, begins, rule->summer_s);
		add_change(zone, ends, rule->standard_s);
		if (begins > ends)
			add_change(zone, begins, rule->summer_s);
	}
}

static int parse(struct span file, struct zone **ret_zone)
{
	FREE_PTR struct zone *zone = NULL;
	struct zone_rule rule = { 0 };
	struct counts counts;
	struct span block, line;

	if (find_block(file, &counts, &block, &line) < 0 ||
	    (line.len && zone_rule_parse(line, &rule) < 0))
		return -EINVAL;
	zone = malloc(sizeof(*zone) +
		      (counts.time + 2 * (YEAR_LAST - 1970 + 1)) * sizeof(zone->changes[0]));
	if (!zone)
		return -ENOMEM;
	if (read_changes(block, &counts, zone) < 0)
		return -EINVAL;
	if (line.len)
		add_years(zone, &rule);
	*ret_zone = TAKE_PTR(zone);
	return 0;
}

/* Nothing that leads out of the directory. */
static bool is_name(const char *name)
{
	size_t length = strlen(name);

	return length && length < NAME_MAX_HERE && name[0] != '/' && !strstr(name, "..") &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") ==
		   length;
}

int zone_load(const char *name, struct zone **ret_zone, struct err *err)
{
	char path[sizeof(DIRECTORY) + NAME_MAX_HERE];
	FREE_PTR char *bytes = malloc(FILE_MAX);
	CLOSE_FILE FILE *file = NULL;
	int rc = -EINVAL;

	if (!bytes)
		return err_set(err, -ENOMEM, "no memory");
	if (!is_name(name))
		return err_set(err, -EINVAL, "\"%s\" is no name of a time zone", name);
	snprintf(path, sizeof(path), DIRECTORY "%s", name);
	file = fopen(path, "re");
	if (!file)
		return err_set(err, -errno, "%s: %s (is the package tzdata installed?)", path,
			       strerror(errno));
	rc = parse((struct span){ bytes, fread(bytes, 1, FILE_MAX, file) }, ret_zone);
	if (rc < 0)
		return err_set(err, rc, "%s: no file of the tz database, version 2 or later", path);
	return 0;
}

void zone_free(struct zone *zone)
{
	free(zone);
}

/* --- asked */

/* Changes up to an instant. */
static unsigned count_until(const struct zone *zone, int64_t utc_s)
{
	unsigned low = 0, high = zone->n;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (zone->changes[middle].at_s <= utc_s)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct zone_offset offset_after(const struct zone *zone, unsigned n_changes)
{
	return (struct zone_offset){
		.from_s = n_changes ? zone->changes[n_changes - 1].at_s : INT64_MIN,
		.until_s = n_changes < zone->n ? zone->changes[n_changes].at_s : INT64_MAX,
		.ahead_s = n_changes ? zone->changes[n_changes - 1].ahead_s : zone->first_ahead_s,
	};
}

struct zone_offset zone_at(const struct zone *zone, int64_t utc_s)
{
	if (!zone)
		return (struct zone_offset){ INT64_MIN, INT64_MAX, 0 };
	return offset_after(zone, count_until(zone, utc_s));
}

int64_t zone_reach(const struct zone *zone, int64_t local_s)
{
	unsigned n;

	if (!zone)
		return local_s;
	for (n = count_until(zone, local_s - AHEAD_MAX_S);; n++) {
		struct zone_offset offset = offset_after(zone, n);
		int64_t utc_s = local_s - offset.ahead_s;

		if (utc_s < offset.until_s)
			return utc_s > offset.from_s ? utc_s : offset.from_s;
	}
}
