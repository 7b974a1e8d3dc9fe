/* Which buffer is whose: one is the maker's, one the reader's, the third lies between them and says
 * whether it was read already. */
#include "base/latest.h"

#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>

#include "base/pages.h"

#define FRESH 4u /* beside the index of the buffer between */

struct latest {
	size_t bytes; /* of one buffer, rounded up so that each is aligned */
	_Atomic unsigned between;
	unsigned draft, reading;
	alignas(max_align_t) char buffers[];
};

int latest_new(size_t bytes, struct latest **ret_latest)
{
	size_t rounded = (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	struct latest *latest = pages_new(sizeof(*latest) + 3 * rounded);

	if (!latest)
		return -ENOMEM;
	latest->bytes = rounded;
	latest->draft = 0;
	latest->reading = 1;
	atomic_init(&latest->between, 2);
	*ret_latest = latest;
	return 0;
}

void latest_free(struct latest *latest)
{
	if (latest)
		pages_free(latest, sizeof(*latest) + 3 * latest->bytes);
}

void *latest_draft(struct latest *latest)
{
	return latest->buffers + latest->draft * latest->bytes;
}

void latest_publish(struct latest *latest)
{
	latest->draft = atomic_exchange_explicit(&latest->between, latest->draft | FRESH,
						 memory_order_acq_rel) &
			~FRESH;
}

const void *latest_read(struct latest *latest)
{
	if (atomic_load_explicit(&latest->between, memory_order_relaxed) & FRESH)
		latest->reading = atomic_exchange_explicit(&latest->between, latest->reading,
							   memory_order_acq_rel) &
				  ~FRESH;
	return latest->buffers + latest->reading * latest->bytes;
}
