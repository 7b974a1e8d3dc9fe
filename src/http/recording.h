/* Exchanges on their way to the next stage, written to a file without content and secrets (mask.h
 * says what stays), so that a failure in the field can be played again: playback.h reads it. Behind
 * all framing and coding: a call is recorded alike over HTTP/1, HTTP/2 and WebSockets, compressed
 * or not, and as it was read, with its gaps.
 *
 * Stored of a process: pid, uid, comm and executable; not the user's name, labels, cgroup or
 * container. Of an exchange: server name, times, sizes, doubts, and what mask.h keeps. Bytes of
 * bodies that it leaves out are a length.
 *
 * Format, little-endian: RECORDING_MAGIC, u32 RECORDING_VERSION, then records: u8 type, u32 number
 * of the exchange, and
 *   opened    u32 pid, u32 uid, texts comm, executable, server
 *   request   texts method, target; headers: u8 how many, for each the texts name, value
 *   response  u16 status; headers
 *   body      u8 flags, u32 length, and as many bytes unless they are left out
 *   gap       u8 flags
 *   message   u8 flags
 *   end
 * A text: u16 length, and as many bytes. All but body and gap end with how the exchange stands: i64
 * times in ns since 1970 UTC of request, response and end, u64 bytes of request and response, u64
 * lost, u8 completeness, u8 fault, u8 bits by direction: the end of that body was seen. */
#pragma once

#include "base/err.h"
#include "http/exchange.h"

#define RECORDING_MAGIC     SPAN("OUTLAYRC")
#define RECORDING_VERSION   2
#define RECORDING_FILE_MAX  (1ull << 30) /* bytes; then recording ends */
#define RECORDING_PIECE_MAX 16384        /* bytes in one record of a body */

#define RECORDING_METHOD_MAX 16

enum recording_type {
	RECORDING_OPENED = 1,
	RECORDING_REQUEST,
	RECORDING_RESPONSE,
	RECORDING_BODY,
	RECORDING_GAP,
	RECORDING_MESSAGE,
	RECORDING_END,
};

enum recording_flag {
	RECORDING_RECEIVED = 1,
	RECORDING_LEFT_OUT = 2, /* seen, and not stored */
};

struct recording;

/* Hands everything on to `next`, which is borrowed, with `ctx`. What cannot be recorded for want of
 * memory, disk or room in the file ends the recording, nothing else. */
extern const struct exchange_handler recording_handler; /* its ctx: a struct recording */

/* Makes the file: mode 0600, and it must not be there. */
int recording_new(const char *path, const struct exchange_handler *next, void *ctx,
		  struct recording **ret_recording, struct err *err);
void recording_free(struct recording *recording);

/* To disk; call it every few seconds. False: the recording has ended. */
bool recording_flush(struct recording *recording);
