/* Events of src/attach. The table of files is the main loop's; others read a copy of it, made anew
 * when something was examined or let go. */
#include "agent/watcher.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/latest.h"

#define CPUS_MAX 1024

static const struct timeval tend_every = { .tv_sec = 10 };

struct copy {
	unsigned n;
	struct library_report rows[WATCHER_ROWS];
};

struct watcher {
	struct attach *attach;
	struct latest *copy; /* struct copy */
	uint64_t changes;    /* when it was made */
	struct event *mapped[CPUS_MAX], *tend;
	unsigned n_mapped;
};

static void publish(struct watcher *w)
{
	const struct libraries_counters *c = attach_libraries(w->attach);
	uint64_t changes =
	    counter_read(&c->watched) + counter_read(&c->failed) + counter_read(&c->released);
	struct copy *draft;

	if (changes == w->changes)
		return;
	w->changes = changes;
	draft = latest_draft(w->copy);
	draft->n = attach_report(w->attach, draft->rows, WATCHER_ROWS);
	latest_publish(w->copy);
}

static void on_mapped(evutil_socket_t fd, short what, void *ctx)
{
	struct watcher *w = ctx;

	(void)fd;
	(void)what;
	attach_poll(w->attach);
	publish(w);
}

static void on_tend(evutil_socket_t fd, short what, void *ctx)
{
	struct watcher *w = ctx;

	(void)fd;
	(void)what;
	attach_poll(w->attach);
	attach_tend(w->attach);
	publish(w);
}

static bool add_events(struct watcher *w, struct event_base *base)
{
	int fds[CPUS_MAX];
	unsigned n = attach_fds(w->attach, fds, CPUS_MAX);

	for (; w->n_mapped < n; w->n_mapped++) {
		struct event *event =
		    event_new(base, fds[w->n_mapped], EV_READ | EV_PERSIST, on_mapped, w);

		if (!event || event_add(event, NULL) < 0)
			return false;
		w->mapped[w->n_mapped] = event;
	}
	w->tend = event_new(base, -1, EV_PERSIST, on_tend, w);
	return w->tend && event_add(w->tend, &tend_every) == 0;
}

CLEANUP_FOR(watcher, struct watcher *, watcher_free)

struct watcher *watcher_new(struct event_base *base, struct attach *attach)
{
	CLEANUP(cleanup_watcher) struct watcher *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->attach = attach;
	if (latest_new(sizeof(struct copy), &w->copy) < 0 || !add_events(w, base))
		return NULL;
	/* What a busy host mapped while we started may have filled the kernel's rings: one that is
	 * full wakes nobody, and the wake-up that it made was taken by adding its event. */
	attach_poll(attach);
	publish(w);
	return TAKE_PTR(w);
}

void watcher_free(struct watcher *w)
{
	if (!w)
		return;
	for (unsigned i = 0; i < w->n_mapped; i++)
		loop_free_event(w->mapped[i]);
	loop_free_event(w->tend);
	latest_free(w->copy);
	free(w);
}

/* --- what it has to say */

static const char *kind_of(const struct library_report *r)
{
	return r->kinds & IMAGE_GO ? "go" : r->kinds & IMAGE_GNUTLS ? "gnutls" : "openssl";
}

/* Where reads and writes are seen: a probe on the exported functions costs more. */
static const char *spots_of(const struct library_report *r)
{
	if (r->why[0])
		return "none";
	if (r->kinds & IMAGE_GO)
		return "go";
	return r->facts.inner_read && r->facts.inner_write ? "internal" : "exported";
}

static void describe(const struct library_report *r, const struct capture_counters *capture,
		     struct emit *out)
{
	char inode[48];

	snprintf(inode, sizeof(inode), "%" PRIx64 ":%" PRIu64, r->dev, r->ino);
	emit_object(out, NULL);
	emit_text(out, "path", r->path);
	emit_text(out, "kind", kind_of(r));
	emit_text(out, "version", r->facts.go[0] ? r->facts.go : r->version);
	emit_text(out, "build", r->build);
	emit_text(out, "inode", inode);
	emit_text(out, "spots", spots_of(r));
	emit_int(out, "probes", r->facts.places);
	emit_int(out, "emulated", r->facts.cheap);
	emit_int(out, "records", (int64_t)counter_read(&capture->of_file[r->number]));
	emit_text(out, "why_not", r->why);
	emit_end_object(out);
}

void watcher_describe(struct watcher *w, const struct capture_counters *capture, struct emit *out)
{
	const struct copy *copy = latest_read(w->copy);

	emit_array(out, "libraries");
	for (unsigned i = 0; i < copy->n; i++)
		describe(&copy->rows[i], capture, out);
	emit_end_array(out);
}
