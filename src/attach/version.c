/* Two looks at the file, the second when the first finds nothing: for the text of OpenSSL_version
 * among the constants, and for versions of symbols among the names for the dynamic linker. */
#include "attach/version.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "attach/image.h"

#define WINDOW_BYTES  65536
#define TEXT_BYTES    48 /* more than what is looked for */
#define SECTION_BYTES (64u << 20)

/* At a mark in the file; true: that is it. */
typedef bool take_fn(const char text[static TEXT_BYTES], char ret_text[static VERSION_TEXT_MAX]);

/* "OpenSSL 1.1.1w  11 Sep 2023" */
static bool take_said(const char text[static TEXT_BYTES], char ret_text[static VERSION_TEXT_MAX])
{
	unsigned v[3], day;
	char letter[2] = "";

	if (sscanf(text, "OpenSSL %4u.%4u.%4u %2u", &v[0], &v[1], &v[2], &day) != 4 &&
	    sscanf(text, "OpenSSL %4u.%4u.%4u%1[a-z] %2u", &v[0], &v[1], &v[2], letter, &day) != 5)
		return false;
	snprintf(ret_text, VERSION_TEXT_MAX, "%u.%u.%u%s", v[0], v[1], v[2], letter);
	return true;
}

static bool is_newer(const unsigned v[3], const unsigned than[3])
{
	for (unsigned i = 0; i < 3; i++)
		if (v[i] != than[i])
			return v[i] > than[i];
	return false;
}

/* "OPENSSL_3.0.3", "GNUTLS_3_6_8": never the last one, for a newer may follow. */
static bool take_newest(const char text[static TEXT_BYTES], char ret_text[static VERSION_TEXT_MAX])
{
	unsigned v[3] = { 0 }, newest[3] = { 0 };

	if (sscanf(text, "OPENSSL_%4u.%4u.%4u", &v[0], &v[1], &v[2]) < 2 &&
	    sscanf(text, "GNUTLS_%4u_%4u_%4u", &v[0], &v[1], &v[2]) < 2)
		return false;
	sscanf(ret_text, "%u.%u.%u", &newest[0], &newest[1], &newest[2]);
	if (is_newer(v, newest))
		snprintf(ret_text, VERSION_TEXT_MAX, "%u.%u.%u+", v[0], v[1], v[2]);
	return false;
}

static void search(int fd, const char *section, const char *mark, take_fn *take,
		   char ret_text[static VERSION_TEXT_MAX])
{
	char window[WINDOW_BYTES + TEXT_BYTES];
	struct image_section s;
	uint64_t end;

	if (image_section(fd, section, &s) < 0)
		return;
	end = s.size < SECTION_BYTES ? s.size : SECTION_BYTES;
	for (uint64_t from = 0; from < end; from += WINDOW_BYTES) {
		uint64_t left = end - from;
		size_t n = left < sizeof(window) - 1 ? (size_t)left : sizeof(window) - 1;
		char *at = window;

		memset(window, 0, sizeof(window));
		if (!image_read(fd, window, n, s.offset + from))
			return;
		for (;; at++) {
			at = memmem(at, n - (size_t)(at - window), mark, strlen(mark));
			if (!at || at >= window + WINDOW_BYTES)
				break;
			if (take(at, ret_text))
				return;
		}
	}
}

void version_read(int fd, char ret_text[static VERSION_TEXT_MAX])
{
	ret_text[0] = 0;
	search(fd, ".rodata", "OpenSSL ", take_said, ret_text);
	if (ret_text[0])
		return;
	search(fd, ".dynstr", "OPENSSL_", take_newest, ret_text);
	if (!ret_text[0])
		search(fd, ".dynstr", "GNUTLS_", take_newest, ret_text);
}
