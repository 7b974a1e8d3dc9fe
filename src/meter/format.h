/* Body formats, and the reader that takes a body piece by piece and leaves values in slots. */
#pragma once

#include "base/json.h"
#include "http/head.h"
#include "http/sse.h"
#include "meter/eventstream.h"
#include "meter/form.h"
#include "meter/measure.h"
#include "meter/multipart.h"
#include "meter/repeat.h"
#include "meter/sequence.h"
#include "meter/slot.h"

struct format_reader;

/* A body is a run of documents, each a fresh scan with the same pointers. */
struct format {
	const char *name;        /* in provider files */
	const char *media_types; /* of Content-Type, between spaces; "+json" for a suffix */
	void (*begin)(struct format_reader *reader);
	void (*feed)(struct format_reader *reader, struct span piece);
	void (*gap)(struct format_reader *reader);
	void (*end)(struct format_reader *reader); /* of a whole body; may be NULL */
	bool of_requests; /* found by its type, and not named in provider files */
};

enum format_row {
	FORMAT_JSON,
	FORMAT_SSE,
	FORMAT_WS,
	FORMAT_SEQUENCE,
	FORMAT_EVENTSTREAM,
	FORMAT_FORM,
	FORMAT_MULTIPART
};

extern const struct format format_table[]; /* by format_row; ends with a NULL name */

/* Row of the table, -1 for none. A Content-Type's parameters do not count. */
int format_find(struct span name);
int format_of_type(struct span content_type);
/* JSON, unless it says that it is a form. */
const struct format *format_of_request(const struct http_head *request);
/* Of the `allowed` rows, and of JSON for an error: by how the body begins (as format_of_body), else
 * by what it is called: some servers, and some proxies between, call an event stream JSON. NULL:
 * none. */
const struct format *format_of_response(const struct http_head *response, unsigned allowed,
					struct span *body);
/* Of the `allowed` rows (a bit each), the one whose documents begin as the body does; -1 where that
 * does not tell. White space at its front is taken off. */
int format_of_body(struct span *body, unsigned allowed);

/* What there is of a body while it comes. */
struct format_work {
	struct json_scan scan;
	struct measure measure; /* of the string at hand, when the plan measures */
	union {
		struct sse sse;
		struct sequence sequence;
		struct eventstream eventstream;
		struct form form;
	};
	struct multipart multipart; /* allocated for this format alone */
};

struct format_reader {
	const struct format *format; /* NULL: the body is not read */
	const struct slot_plan *plan;
	struct slot *slots;
	uint32_t documents; /* begun; the number of the one at hand */
	bool open;          /* inside a document */
	bool broken;        /* one was no JSON, or broke off */
	bool hole;          /* bytes were lost */
	bool finished;      /* a marker said that all was sent */
	bool skipped;       /* ws: the message at hand is none of ours */
	uint8_t marker;     /* bytes of that marker seen, MARKER_NONE: this document is not it */
	char *tail; /* json behind a hole: its last JSON_TAIL_MAX bytes at most, else NULL */
	size_t tail_len;
	struct repeat *repeat;    /* sse: from the second document on; NULL without memory */
	void (*ended)(void *ctx); /* a document is over, and was none that broke off; or NULL */
	void *ctx;
	struct format_work *work; /* NULL: there is no format, or the body is over */
};

/* `plan` and `slots` (zeroed, plan->n of them) must outlive the reader. Without memory the body is
 * not read. Of a JSON document with a hole the end is kept, for the members that lie in it whole
 * are as good as any. */
void format_begin(struct format_reader *reader, const struct format *format,
		  const struct slot_plan *plan, struct slot *slots);
void format_feed(struct format_reader *reader, struct span piece);
void format_gap(struct format_reader *reader);
/* The end of a WebSocket message: of its document, if it was one. */
void format_message(struct format_reader *reader);
/* `whole`: the body went on to its end, whatever is missing before. Frees what there is; what comes
 * after that is not read. */
void format_end(struct format_reader *reader, bool whole);

/* Whether the document at hand, or the one that just ended, said anything that is wanted. */
bool format_said_something(const struct format_reader *reader);
/* Forgets what it said, but not what those before it said. */
void format_forget(struct format_reader *reader);

/* Whether a document was seen and nothing was wrong with any: what is absent then was not sent. */
bool format_read_well(const struct format_reader *reader);
