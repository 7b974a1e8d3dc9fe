/* Bodies of multipart/form-data (RFC 7578), as requests have them: each part that is no file is a
 * document {"name": "value"}, with the first line of its value. Files are passed over. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

#define MULTIPART_BOUNDARY_MAX 72  /* with the two dashes (RFC 2046, 5.1.1) */
#define MULTIPART_LINE_MAX     256 /* kept of a line; what is longer says nothing */
#define MULTIPART_NAME_MAX     48

struct multipart {
	uint8_t state; /* an enum of multipart.c */
	uint8_t boundary_len;
	uint8_t name_len; /* 0: a part without a name, or a file */
	uint16_t line_len;
	char boundary[MULTIPART_BOUNDARY_MAX];
	char line[MULTIPART_LINE_MAX];
	char name[MULTIPART_NAME_MAX];
};

struct format_reader;

void multipart_begin(struct format_reader *reader);
void multipart_feed(struct format_reader *reader, struct span piece);
void multipart_gap(struct format_reader *reader); /* goes on at the next boundary */
