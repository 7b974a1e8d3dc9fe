/* Text of others on a terminal. What is printed is printable, whatever was observed: every control,
 * escape, bidirectional or invisible character, and every byte that is no UTF-8, becomes one '?'.
 * Widths are columns by the locale's wcwidth(3): in the C locale all but ASCII is '?'. */
#pragma once

#include "base/buf.h"

/* Columns > 0: left-aligned, < 0: right-aligned, in that many columns, cut with a last '~' when
 * there are more. 0: as long as it is. */
void cell_put(struct buf *out, struct span text, int columns);

unsigned cell_width(struct span text);
