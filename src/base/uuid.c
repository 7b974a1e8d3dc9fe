/* UUIDv7. The random bits come from the kernel. */
#include "base/uuid.h"

#include <endian.h>
#include <errno.h>
#include <sys/random.h>

struct uuid uuid_make(struct uuid_maker *maker, int64_t utc_ns)
{
	int64_t ms = utc_ns / 1000000;
	struct uuid id;

	if (!maker->n_ahead) {
		(void)!getrandom(maker->ahead, sizeof(maker->ahead), 0);
		maker->n_ahead = UUID_AHEAD;
	}
	memcpy(id.bytes + UUID_BYTES - UUID_RANDOM, maker->ahead[--maker->n_ahead], UUID_RANDOM);
	/* A clock that stands still or steps back must not make ids fall. */
	if (ms > maker->last_ms) {
		maker->last_ms = ms;
		maker->counter = (uint16_t)((id.bytes[6] & 0x07) << 8 | id.bytes[7]);
	} else if (++maker->counter > 0xfff) {
		maker->counter = 0;
		maker->last_ms++;
	}
	for (int i = 0; i < 6; i++)
		id.bytes[i] = (uint8_t)(maker->last_ms >> (40 - 8 * i));
	id.bytes[6] = (uint8_t)(0x70 | maker->counter >> 8);
	id.bytes[7] = (uint8_t)maker->counter;
	id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
	return id;
}

/* Of four bytes, each of which becomes two digits, side by side in a word. */
static void store_hex(char *out, const uint8_t *bytes)
{
	uint64_t digits = 0, letters;

	for (int i = 0; i < 4; i++)
		digits |= (uint64_t)(bytes[i] >> 4 | (bytes[i] & 15) << 8) << (16 * i);
	letters = (digits + 0x0606060606060606) >> 4 & 0x0101010101010101;
	digits = htole64(digits + 0x3030303030303030 + letters * ('a' - '9' - 1));
	memcpy(out, &digits, sizeof(digits));
}

char *uuid_format(const struct uuid *id, char out[static UUID_TEXT])
{
	char hex[2 * UUID_BYTES];

	for (int i = 0; i < UUID_BYTES; i += 4)
		store_hex(hex + 2 * i, id->bytes + i);
	memcpy(out, hex, 8);
	memcpy(out + 9, hex + 8, 4);
	memcpy(out + 14, hex + 12, 4);
	memcpy(out + 19, hex + 16, 4);
	memcpy(out + 24, hex + 20, 12);
	out[8] = out[13] = out[18] = out[23] = '-';
	out[36] = '\0';
	return out;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int uuid_parse(struct span text, struct uuid *ret_id)
{
	struct uuid id;
	size_t at = 0;

	if (text.len != UUID_TEXT - 1)
		return -EINVAL;
	for (int i = 0; i < UUID_BYTES; i++) {
		int high, low;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && text.ptr[at++] != '-')
			return -EINVAL;
		high = hex_value(text.ptr[at++]);
		low = hex_value(text.ptr[at++]);
		if (high < 0 || low < 0)
			return -EINVAL;
		id.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*ret_id = id;
	return 0;
}
