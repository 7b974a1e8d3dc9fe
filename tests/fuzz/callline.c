/* Cells and lines of calls, whatever the texts are: nothing but printable characters comes out, in
 * the columns that were asked for. */
#include "base/callline.h"

#include <locale.h>
#include <stdlib.h>

#include "base/cell.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
	if (!right)
		abort();
}

/* No control character, in one byte or in two (C1: U+0080 to U+009F). */
static void check_safe(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		check(c >= 0x20 && c != 0x7f);
		check(c != 0xc2 || (unsigned char)text.ptr[i + 1] >= 0xa0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size };
	struct callline line = { .process = text, .provider = text, .model = text };
	struct buf out = buf_with_max(1 << 20);
	int columns = size ? data[0] % 64 - 32 : 0;
	unsigned width = size > 1 ? data[1] : 100;

	setlocale(LC_CTYPE, size % 2 ? "C.UTF-8" : "C");
	cell_put(&out, text, columns);
	check_safe(buf_span(&out));
	check(!columns || cell_width(buf_span(&out)) == (unsigned)abs(columns));
	buf_reset(&out);
	if (size >= sizeof(line.cost_pico)) {
		memcpy(&line.cost_pico, data, sizeof(line.cost_pico));
		line.tokens_in = line.duration_ns = line.cost_pico;
		line.is_priced = line.status = data[0];
	}
	callline_format(&line, width, &out);
	check_safe(buf_span(&out));
	width = width < CALLLINE_WIDTH_MIN ? CALLLINE_WIDTH_MIN : width;
	check(cell_width(buf_span(&out)) ==
	      (width > CALLLINE_WIDTH_MAX ? CALLLINE_WIDTH_MAX : width));
	buf_done(&out);
	return 0;
}
