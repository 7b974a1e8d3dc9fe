/* HAR entries -> events. Reads a line (or a whole HAR file), turns each entry into an exchange, and
 * lets the real meter and the real price list say what they would say of a captured one. Every
 * entry gives an event, or more: a host that no provider file names is unpriced, not silent. */
#include "agent/offline.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/har.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/emit.h"
#include "budget/verdict.h"
#include "meter/meter.h"
#include "price/catalog.h"

#define EVENT_BYTES_MAX 65536
#define READ_BYTES      65536
#define BYTE_ORDER_MARK SPAN("\xef\xbb\xbf")

struct offline {
	struct catalog *catalog;
	struct meter *meter;
	struct uuid_maker ids;
	offline_event_fn *fn;
	void *ctx;
	/* of the entry at hand */
	struct har har;
	unsigned n_events;
	int fn_rc;
};

/* What has been read of a file and is not used yet. */
struct input {
	FILE *file;
	const char *name;
	struct buf bytes;
	bool at_end;
};

/* --- one entry */

static void put_event(struct offline *offline, const struct verdict *v)
{
	struct buf event = buf_with_max(EVENT_BYTES_MAX), line = buf_with_max(EVENT_BYTES_MAX);
	struct emit e = emit_to(&line);
	struct span id = span_head(offline->har.id, EVENT_BYTES_MAX / 16);

	verdict_json(&event, v, "", "");
	if (id.len) {
		emit_object(&e, NULL);
		emit_string(&e, "source_id", id);
		buf_put(&line, SPAN(","));
		buf_put(&line, span_skip(buf_span(&event), 1));
	} else {
		buf_put(&line, buf_span(&event));
	}
	offline->n_events++;
	offline->fn_rc =
	    event.failed || line.failed ? -ENOMEM : offline->fn(offline->ctx, buf_span(&line));
	buf_done(&event);
	buf_done(&line);
}

static void on_usage(void *ctx, const struct usage *usage)
{
	struct offline *offline = ctx;
	struct verdict v = { 0 };

	catalog_price(offline->catalog, usage, &v.charge);
	put_event(offline, &v);
}

/* A call to a host of no provider: what can be said without knowing its API. */
static void put_stranger(struct offline *offline)
{
	const struct exchange *ex = &offline->har.exchange;
	struct usage usage = {
		.event_id = uuid_make(&offline->ids, ex->end_utc_ns),
		.time_start_ns = ex->request_utc_ns,
		.time_end_ns = ex->end_utc_ns,
		.ttfb_ns = ex->response_utc_ns ? ex->response_utc_ns - ex->request_utc_ns : -1,
		.process = *ex->connection->process,
		.status = (uint16_t)ex->response.status,
		.attempt = 1,
		.completeness = ex->completeness,
		.lost_bytes = ex->lost_bytes,
		.request_bytes = ex->request_bytes,
		.response_bytes = ex->response_bytes,
	};

	span_copy(ex->request.method, usage.method, sizeof(usage.method));
	span_copy(connection_server(ex->connection), usage.server, sizeof(usage.server));
	on_usage(offline, &usage);
}

static int price_entry(struct offline *offline, const json_t *entry,
		       const struct document_place *at, struct err *err)
{
	int rc;

	if (!json_is_object(entry))
		return document_refuse(at, err, "a HAR entry");
	offline->n_events = 0;
	offline->fn_rc = 0;
	rc = har_parse(entry, at, &offline->har, err);
	if (!rc) {
		har_replay(&offline->har, &meter_handler, offline->meter);
		if (!offline->n_events)
			put_stranger(offline);
		rc = offline->fn_rc;
	}
	har_done(&offline->har);
	return rc;
}

/* --- files */

/* Reads on. -EFBIG when `bytes` is at its ceiling. */
static int read_more(struct input *in, struct err *err)
{
	char piece[READ_BYTES];
	size_t n = fread(piece, 1, sizeof(piece), in->file);

	buf_put(&in->bytes, (struct span){ piece, n });
	in->at_end = n < sizeof(piece);
	if (ferror(in->file))
		return err_set(err, -EIO, "%s: cannot be read: %m", in->name);
	return in->bytes.failed ? -EFBIG : 0;
}

static struct span skip_space(struct span text)
{
	while (text.len && strchr(" \t\r\n", text.ptr[0]))
		text = span_skip(text, 1);
	return text;
}

/* A HAR file is an object whose first key is "log"; an entry has none of that name. */
static bool is_har(struct span text)
{
	text = skip_space(text);
	if (!span_starts(text, SPAN("{")))
		return false;
	return span_starts(skip_space(span_skip(text, 1)), SPAN("\"log\""));
}

static int price_har(struct offline *offline, struct input *in, struct err *err)
{
	struct document_place top = { .file = in->name };
	struct document_place log_at = document_member(&top, "log");
	struct document_place at = document_member(&log_at, "entries");
	FREE_JSON json_t *root = NULL;
	const json_t *entries;
	int rc = 0;

	in->bytes.max = OFFLINE_HAR_BYTES_MAX;
	while (!rc && !in->at_end)
		rc = read_more(in, err);
	if (rc == -EFBIG)
		return err_set(err, rc, "%s: expected at most %u MiB", in->name,
			       OFFLINE_HAR_BYTES_MAX >> 20);
	if (!rc)
		rc = document_parse(buf_span(&in->bytes), in->name, 1, &root, err);
	if (rc)
		return rc;
	entries = json_object_get(json_object_get(root, "log"), "entries");
	if (!json_is_array(entries))
		return document_refuse(&at, err, "a list");
	for (size_t i = 0; !rc && i < json_array_size(entries); i++) {
		struct document_place here = document_element(&at, i);

		rc = price_entry(offline, json_array_get(entries, i), &here, err);
	}
	return rc;
}

static int price_line(struct offline *offline, struct span line, const char *name, unsigned number,
		      struct err *err)
{
	FREE_JSON json_t *entry = NULL;
	FREE_PTR char *file = NULL;
	int rc;

	if (!skip_space(line).len)
		return 0;
	rc = document_parse(line, name, number, &entry, err);
	if (rc)
		return rc;
	if (asprintf(&file, "%s:%u", name, number) < 0)
		return err_set(err, -ENOMEM, "%s: out of memory", name);
	return price_entry(offline, entry, &(struct document_place){ .file = file }, err);
}

/* Takes the line at `*at`, without its end, and moves on; false when more must be read. The first
 * `searched` bytes there are known to hold no end of a line. */
static bool cut_line(const struct input *in, size_t *at, size_t searched, struct span *ret_line)
{
	struct span rest = span_skip(buf_span(&in->bytes), *at);
	struct span unknown = span_skip(rest, searched);
	const char *end = unknown.len ? memchr(unknown.ptr, '\n', unknown.len) : NULL;

	if (!end && !(in->at_end && rest.len))
		return false;
	*ret_line = end ? span_head(rest, (size_t)(end - rest.ptr)) : rest;
	*at += ret_line->len + (end ? 1 : 0);
	return true;
}

static int price_lines(struct offline *offline, struct input *in, struct err *err)
{
	unsigned number = 1;
	size_t searched = 0;
	int rc = 0;

	while (true) {
		struct span line;
		size_t at = 0;

		while (!rc && cut_line(in, &at, searched, &line)) {
			searched = 0;
			rc = price_line(offline, line, in->name, number++, err);
		}
		if (rc || in->at_end)
			return rc;
		buf_consume(&in->bytes, at);
		searched = in->bytes.len;
		rc = read_more(in, err);
		if (rc == -EFBIG)
			return err_set(err, rc, "%s:%u: expected at most %u MiB a line", in->name,
				       number, OFFLINE_LINE_BYTES_MAX >> 20);
	}
}

int offline_file(struct offline *offline, FILE *file, const char *name, struct err *err)
{
	struct input in = { .file = file,
			    .name = name,
			    .bytes = buf_with_max(OFFLINE_LINE_BYTES_MAX) };
	int rc;

	rc = read_more(&in, err);
	if (!rc && span_starts(buf_span(&in.bytes), BYTE_ORDER_MARK))
		buf_consume(&in.bytes, BYTE_ORDER_MARK.len);
	if (!rc)
		rc = is_har(buf_span(&in.bytes)) ? price_har(offline, &in, err)
						 : price_lines(offline, &in, err);
	buf_done(&in.bytes);
	return rc;
}

/* --- recordings */

int offline_replay(struct offline *offline, FILE *file, const char *name,
		   struct playback_counts *ret_counts, struct err *err)
{
	int rc;

	offline->fn_rc = 0;
	rc = playback_read(file, name, &meter_handler, offline->meter, ret_counts, err);
	(void)meter_settle(offline->meter, INT64_MAX);
	return rc ? rc : offline->fn_rc;
}

/* --- ownership */

static int load(struct offline *offline, const char *config_dir, const char *catalog,
		struct err *err)
{
	struct meter_options options = { .usage = on_usage, .ctx = offline };
	FREE_PTR char *providers = NULL;
	int rc;

	if (asprintf(&providers, "%s/providers", config_dir) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	rc = providers_load(providers, &options.providers, err);
	if (rc)
		return rc;
	rc = meter_new(&options, &offline->meter);
	providers_unref(options.providers);
	if (rc)
		return err_set(err, rc, "out of memory");
	return catalog_load_named(config_dir, catalog, &offline->catalog, err);
}

int offline_new(const char *config_dir, const char *catalog, offline_event_fn *fn, void *ctx,
		struct offline **ret_offline, struct err *err)
{
	struct offline *offline = calloc(1, sizeof(*offline));
	int rc;

	if (!offline)
		return err_set(err, -ENOMEM, "out of memory");
	offline->fn = fn;
	offline->ctx = ctx;
	rc = load(offline, config_dir, catalog, err);
	if (rc)
		offline_free(offline);
	else
		*ret_offline = offline;
	return rc;
}

void offline_free(struct offline *offline)
{
	if (!offline)
		return;
	meter_free(offline->meter);
	catalog_unref(offline->catalog);
	free(offline);
}
