/* What liboutlay finds in an answer is what jansson finds; of what is no JSON it reads nothing
 * behind the end. */
#include "lib/reply.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
	if (!right)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *out = malloc(size + 1);
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *value;
	const char *key;

	reply_text(reply_member(reply_member(text, "reservation"), "id"), out, size + 1);
	if (size)
		reply_text(text, out, size / 2 + 1);
	/* A key that is written with escapes is not looked for by this library. */
	if (json_is_object(root) && !strchr(text, '\\'))
		json_object_foreach(root, key, value)
		{
			const char *found = reply_member(text, key);

			check(found);
			check((*found == '"') == json_is_string(value));
			reply_text(found, out, size + 1);
			check(strcmp(out, json_is_string(value) ? json_string_value(value) : "") ==
			      0);
			check(json_is_object(value) == (*found == '{'));
		}
	json_decref(root);
	free(out);
	free(text);
	return 0;
}
