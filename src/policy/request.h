/* One HTTP/1.1 request at the front of some bytes: framing and limits, no meaning. Borrows. */
#pragma once

#include "http/head.h"

struct request {
	struct span method;
	struct span path;  /* without the query, not decoded */
	struct span query; /* what follows '?' */
	struct span body;
	bool http_1_0;
	bool keep_alive;
	bool wants_continue; /* with -EAGAIN: the caller waits for "100 Continue" */
	unsigned refused;    /* with -EBADMSG: the status to answer with */
	const char *why;     /* and the sentence */
};

/* Bytes of the whole request, or -EAGAIN: more is needed, or -EBADMSG: it is refused and where the
 * next one begins is not known. */
long request_take(struct span in, struct request *ret_request);

/* The value of a query parameter, percent-decoded into `out` (terminated). 0, -ENOENT: not there,
 * -EINVAL: there twice, badly encoded, with a control byte, or longer than `size`. */
int request_parameter(struct span query, struct span name, char *out, size_t size);
