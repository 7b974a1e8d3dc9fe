/* The bytes of a TLS ClientHello, in a packet or in pieces put together. */
#pragma once

#include "packet.h"

#define HELLO_RECORD 0x16 /* content type handshake (RFC 8446 section 5.1) */
#define PIECES_MAX   4096 /* a power of two; with ML-KEM keys and a ticket: 1.5 to 3 KiB */

/* Twice as large as what it holds: then no masked offset and length can leave it. */
struct pieces {
	__u8 bytes[2 * PIECES_MAX];
};

struct hello {
	struct __sk_buff *skb;
	struct pieces *pieces; /* NULL: it lies in the packet */
	__u32 payload;         /* offset in the packet */
	__u32 length;          /* bytes that are there */
};

/* The verifier believes a mask that the compiler cannot take away. */
static __always_inline __u32 within(__u32 value, __u32 limit)
{
	value &= limit - 1;
	barrier_var(value);
	return value & (limit - 1);
}

static __always_inline int hello_read(const struct hello *h, __u32 at, void *to, __u32 n)
{
	if (at + n > h->length)
		return -1;
	if (!h->pieces)
		return bpf_skb_load_bytes(h->skb, h->payload + at, to, n);
	return bpf_probe_read_kernel(to, n, h->pieces->bytes + within(at, PIECES_MAX));
}

/* Appends `n` bytes at `from` of the packet; returns how many found room. */
static __always_inline __u32 hello_append(struct hello *h, __u32 have, __u32 from, __u32 n)
{
	if (n > PIECES_MAX - have)
		n = PIECES_MAX - have;
	if (have >= PIECES_MAX || n == 0)
		return 0;
	n = within(n - 1, PIECES_MAX) + 1;
	if (bpf_skb_load_bytes(h->skb, from, h->pieces->bytes + within(have, PIECES_MAX), n))
		return 0;
	return n;
}

/* Whether the first record is there, or as much of it as is kept; and its first byte, the type. */
static __always_inline bool hello_is_whole(const struct hello *h, __u8 *ret_type)
{
	__u8 head[5] = {};
	bool has_head = !hello_read(h, 0, head, sizeof(head));

	if (!has_head)
		hello_read(h, 0, head, 1);
	*ret_type = head[0];
	if (h->pieces && h->length >= PIECES_MAX)
		return true;
	return has_head && h->length >= sizeof(head) + (head[3] << 8 | head[4]);
}
