/* One table cell. A character is printed when the locale gives it a width of its own; that leaves
 * out controls (no width) and the marks that turn, join or hide what is beside them (width 0). */
#include "base/cell.h"

#include <stdlib.h>
#include <wchar.h>

struct glyph {
	size_t bytes;
	unsigned columns;
	bool is_printable;
};

/* Length of the valid UTF-8 sequence at the front and its code point (RFC 3629); 0: none. */
static size_t decode(struct span text, wchar_t *ret_character)
{
	static const wchar_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = (unsigned char)text.ptr[0];
	size_t n = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
	wchar_t character = n == 1 ? first : first & (0x7f >> n);

	if (!n || first > 0xf4 || text.len < n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)text.ptr[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | ((unsigned char)text.ptr[i] & 0x3f);
	}
	if (character < least[n] || character > 0x10ffff ||
	    (character >= 0xd800 && character <= 0xdfff))
		return 0;
	*ret_character = character;
	return n;
}

static struct glyph glyph_at(struct span text)
{
	wchar_t character = 0;
	size_t n = decode(text, &character);
	/* Of what the locale cannot write, wcwidth says -1. */
	int columns = n ? wcwidth(character) : -1;

	/* In the C locale bytes above ASCII mean nothing, though some give them a width. */
	if (columns < 1 || (n > 1 && MB_CUR_MAX == 1))
		return (struct glyph){ .bytes = n ? n : 1, .columns = 1 };
	return (struct glyph){ .bytes = n, .columns = (unsigned)columns, .is_printable = true };
}

unsigned cell_width(struct span text)
{
	unsigned columns = 0;

	while (text.len) {
		struct glyph glyph = glyph_at(text);

		columns += glyph.columns;
		text = span_skip(text, glyph.bytes);
	}
	return columns;
}

static void pad(struct buf *out, unsigned columns)
{
	while (columns--)
		buf_put(out, SPAN(" "));
}

/* At most `room` columns; returns those used. */
static unsigned put_glyphs(struct buf *out, struct span text, unsigned room)
{
	unsigned used = 0;

	while (text.len) {
		struct glyph glyph = glyph_at(text);

		if (used + glyph.columns > room)
			break;
		buf_put(out, glyph.is_printable ? span_head(text, glyph.bytes) : SPAN("?"));
		used += glyph.columns;
		text = span_skip(text, glyph.bytes);
	}
	return used;
}

void cell_put(struct buf *out, struct span text, int columns)
{
	unsigned room = (unsigned)(columns < 0 ? -columns : columns), width = cell_width(text);

	if (!columns) {
		put_glyphs(out, text, width);
	} else if (width > room) {
		unsigned used = put_glyphs(out, text, room - 1);

		buf_put(out, SPAN("~"));
		pad(out, room - 1 - used);
	} else {
		if (columns < 0)
			pad(out, room - width);
		put_glyphs(out, text, width);
		if (columns > 0)
			pad(out, room - width);
	}
}
