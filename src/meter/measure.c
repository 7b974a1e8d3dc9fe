/* Characters and SMS segments (GSM 03.38, GSM 03.40): a text is in GSM's alphabet of septets, or in
 * UTF-16 if it has one character besides. What takes two septets or units stays in one segment. */
#include "meter/measure.h"

#define GSM_ALONE   160
#define GSM_PART    153
#define UTF16_ALONE 70
#define UTF16_PART  67

/* Of the basic alphabet, what is no ASCII; and what is none of its ASCII. */
static const uint16_t gsm_letters[] = {
	0xa3,  0xa5,  0xe8,  0xe9,  0xf9,  0xec,  0xf2,  0xc7,  0xd8,  0xf8, 0xc5, 0xe5, 0x394,
	0x3a6, 0x393, 0x39b, 0x3a9, 0x3a0, 0x3a8, 0x3a3, 0x398, 0x39e, 0xc6, 0xe6, 0xdf, 0xc9,
	0xa4,  0xa1,  0xc4,  0xd6,  0xd1,  0xdc,  0xa7,  0xbf,  0xe4,  0xf6, 0xf1, 0xfc, 0xe0,
};
static const char gsm_extended[] = "^{}\\[~]|\f";
#define EURO 0x20ac

/* 0: not of GSM. */
static unsigned septets_of(uint32_t rune)
{
	if (rune == EURO)
		return 2;
	if (rune < 0x80 && rune && strchr(gsm_extended, (int)rune))
		return 2;
	if (rune == '\n' || rune == '\r' || (rune >= ' ' && rune < 0x7f && rune != '`'))
		return 1;
	for (size_t i = 0; i < sizeof(gsm_letters) / sizeof(gsm_letters[0]); i++)
		if (gsm_letters[i] == rune)
			return 1;
	return 0;
}

static void pack(struct packing *packing, unsigned units, unsigned part)
{
	packing->units += units;
	if (!packing->parts || packing->used + units > part) {
		packing->parts++;
		packing->used = 0;
	}
	packing->used += units;
}

static void take_rune(struct measure *m, uint32_t rune)
{
	unsigned septets = septets_of(rune);

	m->characters++;
	m->ucs2 |= !septets;
	pack(&m->gsm, septets, GSM_PART);
	pack(&m->utf16, rune > 0xffff ? 2 : 1, UTF16_PART);
}

/* What is no UTF-8 counts as the bytes that begin a character. */
void measure_feed(struct measure *m, struct span utf8)
{
	for (size_t i = 0; i < utf8.len; i++) {
		unsigned char c = (unsigned char)utf8.ptr[i];

		if ((c & 0xc0) == 0x80 && m->more) {
			m->rune = m->rune << 6 | (c & 0x3f);
			m->more--;
		} else {
			m->more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
			m->rune = m->more ? c & (0x3fu >> m->more) : c;
		}
		if (!m->more)
			take_rune(m, m->rune);
	}
}

uint64_t measure_segments(const struct measure *m)
{
	if (m->ucs2)
		return m->utf16.units <= UTF16_ALONE ? 1 : m->utf16.parts;
	return m->gsm.units <= GSM_ALONE ? m->gsm.units > 0 : m->gsm.parts;
}
