/* Rounds of the canary: spawn the children, wait, compare. Children are looked after by their pid
 * alone; the table of libraries only ever grows, so that a reader needs no lock. */
#include "agent/canary.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/loop.h"
#include "base/timestamp.h"

#define PROGRAM    "/proc/self/exe"
#define PATH_BYTES 160
#define INDEX_BITS 8 /* of a number; the rest is the round's */

enum state { NOT_TRIED, SEEN, MISSED };

struct library {
	char path[PATH_BYTES];
	_Atomic unsigned state; /* enum state */
	bool is_usable;
	pid_t child; /* of this round; 0: none */
};

struct canary {
	struct attach *attach;
	unsigned every_seconds;
	void (*note)(void *ctx, const char *line);
	struct canary_watch watch;
	struct event *begin, *end;
	struct counter seen, missed;
	_Atomic int64_t last_seen_ns; /* 0: never */
	_Atomic unsigned n;
	struct library libraries[CANARY_LIBRARIES_MAX];
};

/* --- the capture loop's side */

bool canary_owns(const struct connection *conn)
{
	return span_eq(connection_server(conn), SPAN(CANARY_HOST));
}

void canary_take(struct canary_watch *watch, const struct chunk *chunk)
{
	uint64_t number;

	if (chunk->data.len != sizeof(number))
		return;
	memcpy(&number, chunk->data.ptr, sizeof(number));
	if (number >> INDEX_BITS == atomic_load(&watch->round))
		atomic_fetch_or(&watch->seen[chunk->direction],
				1ull << number % CANARY_LIBRARIES_MAX);
}

/* --- which libraries */

/* Only root writes there, and the names lead to this very file. */
static bool is_ours(const char *path, const struct stat *st)
{
	static const char *const places[] = { "/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/" };
	char real[PATH_MAX];
	struct stat named;
	bool in_place = false;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		in_place = in_place || span_starts(span_of(path), span_of(places[i]));
	if (!in_place || !realpath(path, real) || strcmp(path, real) != 0 ||
	    stat(path, &named) < 0 || named.st_dev != st->st_dev || named.st_ino != st->st_ino)
		return false;
	/* The file, then every folder above it. */
	for (char *slash = real + strlen(real); slash; slash = strrchr(real, '/')) {
		*slash = '\0';
		if (stat(real[0] ? real : "/", &named) < 0 || named.st_uid != 0 ||
		    (named.st_mode & (S_IWGRP | S_IWOTH)))
			return false;
	}
	return true;
}

static void meet(void *ctx, int fd)
{
	struct canary *c = ctx;
	unsigned n = atomic_load(&c->n);
	char link[64], path[PATH_BYTES];
	struct library *library = &c->libraries[n];
	struct stat st;
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	if (length <= 0 || length == sizeof(path) - 1 || fstat(fd, &st) < 0)
		return;
	path[length] = '\0';
	for (unsigned i = 0; i < n; i++)
		if (strcmp(c->libraries[i].path, path) == 0)
			return;
	if (n == CANARY_LIBRARIES_MAX)
		return;
	span_copy(span_of(path), library->path, sizeof(library->path));
	library->is_usable = strcmp(path, library->path) == 0 && is_ours(path, &st);
	atomic_store(&c->n, n + 1);
}

/* --- rounds */

static void spawn(struct canary *c, unsigned index)
{
	struct library *library = &c->libraries[index];
	char number[sizeof(CANARY_ENVIRONMENT) + 24];
	char *const argv[] = { "outlayd", CANARY_OPTION, library->path, NULL };
	char *const env[] = { number, NULL };

	snprintf(number, sizeof(number), "%s=%" PRIu64, CANARY_ENVIRONMENT,
		 atomic_load(&c->watch.round) << INDEX_BITS | index);
	if (posix_spawn(&library->child, PROGRAM, NULL, NULL, argv, env) != 0)
		library->child = 0;
}

static void on_begin(evutil_socket_t fd, short what, void *ctx)
{
	const struct timeval wait = { .tv_sec = CANARY_WAIT_SECONDS };
	struct canary *c = ctx;
	uint64_t round = 0;

	(void)fd;
	(void)what;
	if (getrandom(&round, sizeof(round), 0) != sizeof(round))
		return;
	atomic_store(&c->watch.round, round >> INDEX_BITS);
	atomic_store(&c->watch.seen[0], 0);
	atomic_store(&c->watch.seen[1], 0);
	attach_each(c->attach, meet, c);
	for (unsigned i = 0; i < atomic_load(&c->n); i++)
		if (c->libraries[i].is_usable)
			spawn(c, i);
	event_add(c->end, &wait);
}

static enum state judge(struct canary *c, unsigned index, int status)
{
	uint64_t seen = atomic_load(&c->watch.seen[0]) & atomic_load(&c->watch.seen[1]);

	if (seen >> index & 1)
		return SEEN;
	return status == 0 ? MISSED : NOT_TRIED;
}

static void tell(struct canary *c, struct library *library, enum state state)
{
	enum state before = atomic_exchange(&library->state, state);
	char line[PATH_BYTES + 96];

	if (state == SEEN) {
		counter_add(&c->seen, 1);
		atomic_store(&c->last_seen_ns, clock_system.now_ns(&clock_system));
	} else if (state == MISSED) {
		counter_add(&c->missed, 1);
	}
	if (state == before || (state != MISSED && before != MISSED))
		return;
	snprintf(line, sizeof(line),
		 state == MISSED ? "ALARM: a TLS call made through %s was not seen"
				 : "calls made through %s are seen again",
		 library->path);
	c->note(NULL, line);
}

static void on_end(evutil_socket_t fd, short what, void *ctx)
{
	struct canary *c = ctx;

	(void)fd;
	(void)what;
	for (unsigned i = 0; i < atomic_load(&c->n); i++) {
		struct library *library = &c->libraries[i];
		int status = -1;

		if (!library->child)
			continue;
		if (waitpid(library->child, &status, WNOHANG) == 0) {
			kill(library->child, SIGKILL);
			waitpid(library->child, &status, 0);
		}
		library->child = 0;
		tell(c, library, judge(c, i, status));
	}
}

/* --- life */

struct canary *canary_new(struct event_base *base, struct attach *attach, unsigned every_seconds,
			  void (*note)(void *ctx, const char *line))
{
	const struct timeval every = { .tv_sec = every_seconds };
	struct canary *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->attach = attach;
	c->every_seconds = every_seconds;
	c->note = note;
	c->begin = event_new(base, -1, EV_PERSIST, on_begin, c);
	c->end = event_new(base, -1, 0, on_end, c);
	if (!c->begin || !c->end) {
		canary_free(c);
		return NULL;
	}
	if (every_seconds)
		event_add(c->begin, &every);
	return c;
}

void canary_free(struct canary *c)
{
	if (!c)
		return;
	loop_free_event(c->begin);
	loop_free_event(c->end);
	for (unsigned i = 0; i < atomic_load(&c->n); i++) {
		if (!c->libraries[i].child)
			continue;
		kill(c->libraries[i].child, SIGKILL);
		waitpid(c->libraries[i].child, NULL, 0);
	}
	free(c);
}

struct canary_watch *canary_watch(struct canary *c)
{
	return &c->watch;
}

const char *canary_missed(struct canary *c, unsigned *at)
{
	while (*at < atomic_load(&c->n)) {
		struct library *library = &c->libraries[(*at)++];

		if (atomic_load(&library->state) == MISSED)
			return library->path;
	}
	return NULL;
}

void canary_describe(struct canary *c, struct emit *out)
{
	static const char *const names[] = { "not tried", "seen", "missed" };
	int64_t last_seen_ns = atomic_load(&c->last_seen_ns);
	char text[TIMESTAMP_TEXT_MAX];

	emit_object(out, "canary");
	emit_int(out, "every_seconds", c->every_seconds);
	emit_text(out, "last_seen", last_seen_ns ? timestamp_format(last_seen_ns, text) : NULL);
	emit_int(out, "seen", (int64_t)counter_read(&c->seen));
	emit_int(out, "missed", (int64_t)counter_read(&c->missed));
	emit_array(out, "libraries");
	for (unsigned i = 0; i < atomic_load(&c->n); i++) {
		emit_object(out, NULL);
		emit_text(out, "path", c->libraries[i].path);
		emit_text(out, "state", names[atomic_load(&c->libraries[i].state)]);
		emit_end_object(out);
	}
	emit_end_array(out);
	emit_end_object(out);
}
