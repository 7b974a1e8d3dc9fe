/* JSON -> jansson's tree, several times as fast as jansson for the documents that machines write:
 * no escapes, no fractions, small numbers. NULL for what is not so plain, or no JSON: jansson then
 * judges the whole text, and says what is wrong with it. */
#pragma once

#include <jansson.h>

#include "base/span.h"

json_t *plain_parse(struct span text);
