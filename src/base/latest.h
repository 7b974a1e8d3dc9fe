/* The newest value of a struct, from the thread that makes it to one that looks now and then: three
 * buffers that change hands, so neither waits, and what is read is never half of one and half of
 * another. */
#pragma once

#include <stddef.h>

struct latest;

/* All three are zero at first. -ENOMEM. */
int latest_new(size_t bytes, struct latest **ret_latest);
void latest_free(struct latest *latest);

/* The maker: the buffer to fill; it holds an older value. */
void *latest_draft(struct latest *latest);
/* The maker: what is in the draft is the newest value now. */
void latest_publish(struct latest *latest);

/* The reader: the newest value, its own until it asks again. */
const void *latest_read(struct latest *latest);
