/* Offsets are believed as they come; only a chunk that would end past the last offset is refused.
 * The invariant: of each offset a parser hears once at most, as data or as a hole. */
#include "http/place.h"

/* True: this is the first chunk of a direction that begins in its middle. */
static bool begin(struct places *places, const struct chunk *chunk, bool is_empty)
{
	enum direction direction = chunk->direction;

	if (places->begun[direction])
		return false;
	if (!places->begun[!direction])
		places->late = chunk->offset > 0;
	places->begun[direction] = true;
	if (!places->late || !chunk->offset)
		return false;
	places->next[direction] = is_empty ? chunk->offset : CHUNK_LATE_OFFSET;
	return true;
}

bool places_take(struct places *places, const struct chunk *chunk, struct piece *ret_piece)
{
	uint64_t length = chunk->length > chunk->data.len ? chunk->length : chunk->data.len;
	uint64_t *next = &places->next[chunk->direction], end, seen;
	struct piece piece = { 0 };

	if (__builtin_add_overflow(chunk->offset, length, &end))
		return false;
	piece.is_late = begin(places, chunk, !length);
	if (end > *next) {
		seen = chunk->offset < *next ? *next - chunk->offset : 0;
		piece.lost = chunk->offset > *next ? chunk->offset - *next : 0;
		piece.data = span_skip(chunk->data, seen);
		piece.missing = length - seen - piece.data.len;
		*next = end;
	}
	*ret_piece = piece;
	return true;
}
