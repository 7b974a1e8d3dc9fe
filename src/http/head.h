/* Heads of HTTP/1.x messages (RFC 9112). Stateless: one call on all the bytes so far, no memory,
 * the result points into the input and the room given. Who keeps a head copies it: a copy is as
 * large as what it says. Used by the bystander parser and by the policy server. */
#pragma once

#include "base/span.h"

#define HEAD_BYTES_MAX   65536
#define HEAD_HEADERS_MAX 128

struct http_header {
	struct span name;
	struct span value; /* without the white space around it */
};

struct http_head {
	struct span method; /* requests */
	struct span target; /* requests: as on the wire, "/v1/x?y=z" */
	unsigned status;    /* responses */
	unsigned minor;     /* HTTP/1.minor */
	unsigned n_headers;
	uint32_t own_bytes; /* of a copy: allocated at `headers`, whatever it holds; else 0 */
	struct http_header *headers;
};

/* Bytes of the head with its empty line, or -EAGAIN: more is needed, -EBADMSG: not HTTP/1.x (bare
 * CR, NUL, folded line, white space before the colon, bad version), -E2BIG: over a limit above.
 * Empty lines before a request are skipped and counted. A lone LF ends a line too. */
long head_parse_request(struct span in, struct http_header room[static HEAD_HEADERS_MAX],
			struct http_head *ret_head);
long head_parse_response(struct span in, struct http_header room[static HEAD_HEADERS_MAX],
			 struct http_head *ret_head);

/* In one allocation, with a copy of the bytes that its texts lie in; texts that lie elsewhere must
 * outlive it. -ENOMEM. */
int head_copy(const struct http_head *head, struct span bytes, struct http_head *ret_copy);
/* Of a copy, wipes and frees the memory, for it holds credentials. Leaves an empty head. */
void head_done(struct http_head *head);

/* The value of the first header of that name, any case; ptr is NULL when there is none. */
struct span head_get(const struct http_head *head, struct span name);

/* How the body of a message is delimited, by RFC 9112 section 6.3. */
enum body_framing { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_UNTIL_CLOSE };

/* -EBADMSG when the head contradicts itself (Content-Length twice with two values or beside
 * Transfer-Encoding, chunked not last): then no boundary can be trusted. `request_method` is that
 * of the request which a response answers. */
int head_request_framing(const struct http_head *head, enum body_framing *ret_framing,
			 uint64_t *ret_length);
int head_response_framing(const struct http_head *head, struct span request_method,
			  enum body_framing *ret_framing, uint64_t *ret_length);
