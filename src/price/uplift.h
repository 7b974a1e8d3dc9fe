/* uplift: token prices that are higher where a call is served from a region. */
#pragma once

#include "base/arena.h"
#include "base/document.h"
#include "base/money.h"
#include "meter/usage.h"

#define UPLIFTS_MAX 16 /* of one model */

struct uplift {
	bool other;     /* holds for all values but that one */
	bool server;    /* of the call's server name, else of its region */
	char value[64]; /* not empty */
	int ten_thousandths;
	char text[12]; /* the factor as the file has it */
};

struct uplifts {
	unsigned n;
	struct uplift list[];
};

/* "uplifts": { "region=us": "1.1", "server!=api.openai.com": "1.1" }, absent (then NULL) or not.
 * Kept in the arena. */
int uplift_parse(const json_t *entry, const struct document_place *at, struct arena *arena,
		 const struct uplifts **ret_uplifts, struct err *err);

/* The first that holds for the call; NULL: none. Of a call whose region or server is not known
 * none holds. */
const struct uplift *uplift_of(const struct uplifts *uplifts, const struct usage *usage);

/* The rate times the factor, half to even. */
money_wide uplift_rate(const struct uplift *uplift, money_wide rate_yocto);
