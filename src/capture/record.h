/* What capture hands to the next stage, written to a file without content and secrets (mask.h says
 * what stays), so that a failure in the field can be played again: playback.h reads it.
 *
 * Stored of a connection: pid, uid, comm and executable of its process, its server name; not the
 * user's name, labels, cgroup or container. Of its bytes: offsets, lengths, times, and what mask.h
 * keeps. Bytes that it leaves out are a chunk of their own, with a length and no bytes.
 *
 * Format, little-endian: RECORD_MAGIC, u32 RECORD_VERSION, then records: u8 type, u32 number of the
 * connection, and
 *   opened  u32 pid, u32 uid, texts comm, exe, server: each u8 length and as many bytes
 *   chunk   u8 flags, i64 time in ns since 1970 UTC, u64 offset, u64 length, u32 stored, as many
 *           bytes
 *   closed  i64 time, u64 lost bytes sent, u64 received */
#pragma once

#include "base/err.h"
#include "capture/chunk.h"

#define RECORD_MAGIC      SPAN("OUTLAYRC")
#define RECORD_VERSION    1
#define RECORD_FILE_MAX   (1ull << 30) /* bytes; then recording ends */
#define RECORD_STORED_MAX 16384        /* bytes in one chunk */

enum record_type { RECORD_OPENED = 1, RECORD_CHUNK = 2, RECORD_CLOSED = 3 };

enum record_flag {
	RECORD_RECEIVED = 1,
	RECORD_CUT = 2,      /* as chunk.cut */
	RECORD_LEFT_OUT = 4, /* seen, and not stored: CUT as well */
};

struct record;

/* Makes the file: mode 0600, and it must not be there. */
int record_new(const char *path, struct record **ret_record, struct err *err);
void record_free(struct record *record);

/* As the functions of a chunk_handler. What cannot be recorded for want of memory, disk or room in
 * the file ends the recording, nothing else. */
void record_opened(struct record *record, struct connection *conn);
void record_chunk(struct record *record, struct connection *conn, const struct chunk *chunk);
void record_closed(struct record *record, struct connection *conn, int64_t time_utc_ns,
		   const uint64_t lost[2]);

/* To disk; call it every few seconds. False: the recording has ended. */
bool record_flush(struct record *record);
