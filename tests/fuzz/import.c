/* Any foreign catalog, its source by the first byte: refused with a line for a person, or merged
 * into price lists that load (import_text itself checks that); the same once more changes nothing,
 * and a second source only lists what it says differently. */
#include <assert.h>
#include <string.h>

#include "price/import.h"

#define TEXT_BYTES_MAX (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const sources[] = { "litellm", "genai-prices", "models.dev" };

static struct buf texts_of(const json_t *documents)
{
	struct buf out = buf_with_max(TEXT_BYTES_MAX);
	const char *provider;
	json_t *document;

	json_object_foreach((json_t *)documents, provider, document) import_put(document, &out);
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FREE_JSON json_t *documents = json_object();
	struct import_options options = { .version = "1", .date = "2026-11-25", .force = true };
	struct import_counts counts;
	struct err err = { "" };
	struct buf once, twice;
	struct span text;

	if (!size)
		return 0;
	text = (struct span){ (const char *)data + 1, size - 1 };
	options.from = sources[data[0] % 3];
	if (import_text(&options, "fuzz", text, NULL, documents, &counts, &err) < 0) {
		assert(err.text[0] && !strchr(err.text, '\n'));
		return 0;
	}
	once = texts_of(documents);
	assert(import_text(&options, "fuzz", text, NULL, documents, &counts, &err) == 0);
	twice = texts_of(documents);
	assert(!counts.added && !counts.changed && once.len == twice.len);
	assert(!once.len || memcmp(once.data, twice.data, once.len) == 0);
	buf_done(&once);
	buf_done(&twice);
	return 0;
}
