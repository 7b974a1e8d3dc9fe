/* Messages of application/vnd.amazon.eventstream, as Amazon Bedrock streams them. Layout, numbers
 * big-endian (Smithy 2.0, "Amazon Event Stream specification"):
 *
 *   4 total bytes | 4 bytes of headers | 4 CRC-32 of these 8 | headers | payload | 4 CRC-32 of all
 *
 * A payload is a document, or {"bytes": "BASE64"} around one. Headers are not read: what tells one
 * message from another is in the payload, too. After a hole, or a message that is damaged, the next
 * 12 bytes with a right checksum begin the next message. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

#define EVENTSTREAM_PRELUDE_BYTES 12
#define EVENTSTREAM_MESSAGE_MAX   (24u << 20) /* the longest that the format allows, rounded up */

struct eventstream {
	uint8_t prelude[EVENTSTREAM_PRELUDE_BYTES];
	uint8_t prelude_len;
	uint8_t trailer_len;
	uint8_t wrapper; /* characters seen of the one around BASE64 */
	uint8_t base64_len;
	uint8_t payload; /* how it is read: an enum of eventstream.c */
	uint32_t base64;
	uint32_t headers_left;
	uint32_t payload_left;
	uint32_t crc;     /* of the message so far */
	uint32_t trailer; /* bytes seen of the one that is sent */
};

struct format_reader;

void eventstream_begin(struct format_reader *reader);
void eventstream_feed(struct format_reader *reader, struct span piece);
void eventstream_gap(struct format_reader *reader);
