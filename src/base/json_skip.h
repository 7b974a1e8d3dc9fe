/* Containers that no pointer leads into: their brackets are matched and their strings followed, 64
 * bytes at a time, and nothing else of them is looked at. Private to base/json*.c. */
#pragma once

#include "base/json.h"

/* Goes on inside of containers until those open are the tracked ones, and returns where it stopped.
 * On brackets that do not match scan->error is set. */
const char *json_skip(struct json_scan *scan, const char *at, const char *end);
