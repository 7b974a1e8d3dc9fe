/* What liboutlay reads in the agent's answers and writes in its questions: JSON, as text. Of
 * documents that are none nothing is found; nothing is read behind the NUL at their end. */
#pragma once

#include <stddef.h>

/* The value of a member of the object at `object`, or NULL. NULL is allowed. */
const char *reply_member(const char *object, const char *name);

/* A string value, unescaped and cut to whole characters; empty when it is none or NULL. */
void reply_text(const char *value, char *out, size_t size);

/* Text that grows in a given room; `failed` when it is too small. */
struct reply_out {
	char *at, *end;
	int failed;
};

void reply_put(struct reply_out *out, const char *text, size_t n);
void reply_put_string(struct reply_out *out, const char *text, size_t n); /* quoted and escaped */
