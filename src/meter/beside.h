/* Work that a provider did besides an answer, and tells in it: a compaction of what was asked, the
 * advice of another model. */
#pragma once

#include "meter/fill.h"

/* True: there was some, and `*ret_usage` is it, as a call of its own without an event id. */
bool beside_usage(const struct beside *beside, const struct fill_input *in,
		  const struct usage *answer, struct usage *ret_usage);
