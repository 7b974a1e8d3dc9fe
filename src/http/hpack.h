/* The header blocks of one direction of an HTTP/2 connection (RFC 7541), decoded by nghttp2's
 * inflater: fragments in, cut anywhere -> a struct http_head.
 *
 * A table that is not known (we came late, or a block was lost) is filled with entries that are
 * marked as unknown, as many as the peer's can hold. An index counts from the newest entry, and
 * ours are never larger than the peer's, so an index leads either to a field that passed since,
 * which is exact, or to a mark: that field is unknown, never another. So the table mends as new
 * entries come. Only a peer whose table grew over its 4096 bytes before has indexes beyond the
 * marks; then the block is lost and the table is unknown again.
 *
 * SETTINGS_HEADER_TABLE_SIZE needs no following: an encoder says in its blocks when it starts to
 * use another size (RFC 7541, 4.2), which is the moment that counts.
 *
 * Memory: the inflater from the first block on (1.5 KiB, and the table: at most HPACK_TABLE_MAX),
 * the fields of a block while it comes (HEAD_BYTES_MAX). */
#pragma once

#include "base/buf.h"
#include "http/head.h"

#define HPACK_TABLE_MAX 65536 /* a peer that uses more of it has unknown heads */
#define HPACK_BLOCK_MAX 65536 /* bytes of one block as on the wire */

struct nghttp2_hd_inflater;

struct hpack {
	struct nghttp2_hd_inflater *inflater; /* NULL: none yet, or given up */
	struct buf fields;    /* of the block at hand: for each two lengths, name, value */
	unsigned n_fields;    /* in it */
	uint32_t block_bytes; /* as on the wire */
	bool unknown_table;   /* the next inflater begins with marks */
	bool lost;            /* the rest of the block is not decoded */
	bool unknown;         /* a field of the block is not known, or was lost */
	bool malformed;       /* a name or a value that HTTP forbids: left out */
};

/* A block that is decoded. */
struct hpack_block {
	struct http_head head; /* a copy, the caller's: with :authority as a header "host", and no
				* other pseudo header */
	bool websocket; /* an extended CONNECT for one (RFC 8441): then its method is GET, as in
			 * HTTP/1 */
	bool unknown;   /* fields may be missing; method and target are there both or not at all */
	bool malformed;
};

static inline struct hpack hpack_of(bool unknown_table)
{
	return (struct hpack){ .fields = { .max = HEAD_BYTES_MAX },
			       .unknown_table = unknown_table };
}

void hpack_done(struct hpack *hpack);

/* A fragment of the block at hand. 0; -EBADMSG: it cannot be decoded, or refers to what we do not
 * have, and -ENOMEM: the block is lost as by hpack_lose; -E2BIG: HPACK_BLOCK_MAX, a flood. */
int hpack_feed(struct hpack *hpack, struct span fragment);
/* Bytes of the block at hand were not seen: what else comes of it is dropped, and nothing in the
 * table is sure. */
void hpack_lose(struct hpack *hpack);
/* The same for blocks of which nothing was seen: the next one begins afresh. */
void hpack_forget(struct hpack *hpack);
/* The block is complete, and the next may come. 0, or -EBADMSG when it broke off in a field. */
int hpack_end(struct hpack *hpack, struct hpack_block *ret_block);
/* The same for a block that nobody wants. */
int hpack_drop(struct hpack *hpack);
