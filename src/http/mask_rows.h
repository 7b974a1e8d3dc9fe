/* mask_rows: the keys whose values a masked document keeps. */
#pragma once

#include <stdbool.h>

enum zone { ZONE_DARK, ZONE_TOP, ZONE_PART, ZONE_FAULT, ZONE_USAGE, ZONE_CHAIN };

/* What a key may have: a scalar that is kept, or the zone of a container. */
struct mask_row {
	const char *key;
	bool keep;
	enum zone zone;
};

extern const struct mask_row mask_rows[]; /* ended by one without a key */
