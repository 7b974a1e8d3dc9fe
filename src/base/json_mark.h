/* A mark: where a scan is, in less room than the scan, to go on from there in another document that
 * begins with the same bytes. Only places near the root have one. */
#pragma once

#include "base/json.h"

#define JSON_MARK_LEVELS 8
#define JSON_MARK_TEXT   64 /* bytes of the scalar or key at hand */

struct json_mark {
	char head[offsetof(struct json_scan, is_object)];
	uint64_t is_object;
	int64_t index[JSON_MARK_LEVELS];
	uint16_t nodes[JSON_MARK_LEVELS];
	char text[JSON_MARK_TEXT];
};

/* False: too deep, too long a text, or under a key that a "*" took; `mark` is then as it was. */
bool json_mark(const struct json_scan *scan, struct json_mark *mark);

/* `scan` is one of the same paths, begun or not. */
void json_mark_resume(const struct json_mark *mark, struct json_scan *scan);
