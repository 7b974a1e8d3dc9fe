/* What providers call models and tiers -> what price lists call them. */
#pragma once

#include "meter/provider.h"
#include "meter/usage.h"

/* "arn:aws:bedrock:us-east-1:0:inference-profile/us.x" -> "us.x", "batches/x" -> "x". Others come
 * back as they are. */
struct span naming_resource(struct span model);

struct naming {
	struct span speed, destination; /* may be empty */
};

/* The tier of images that are billed each. No size: it stays. */
void naming_image(struct span quality, struct span size, struct usage *usage);

/* Of a usage whose texts were read: a deployment becomes its model, a tier is in the words of price
 * lists. */
void naming_settle(const struct provider *provider, const struct naming *naming,
		   struct usage *usage);
