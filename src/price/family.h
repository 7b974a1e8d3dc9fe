/* family: the name of a model without the endings that do not change its price. */
#pragma once

#include "base/span.h"

/* "x-2025-08-07", "x-20250807", "x@20250807" and "x-001" -> "x"; others come back as they are. */
struct span family_without_date(struct span model);

/* "ft:gpt-4o-mini-2024-07-18:org:name:id" -> "ft:gpt-4o-mini-2024-07-18": what follows the base
 * model's name is the customer's. Others come back as they are. */
struct span family_without_owner(struct span model);
