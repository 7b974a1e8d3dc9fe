/* What passes although a budget stops its connection: what is small and no request, as far as that
 * can be known of what is encrypted. While a captured call is in flight, its client must speak to
 * be answered over HTTP/2: window updates (two of 13 bytes, each time that so much has come), and
 * pings and their answers (17 bytes) now and then. A request can be as small: so no more may pass
 * than these need, by the bytes that have come and the time. */
#pragma once

#include "flow_block.h"
#include "packet.h"

/* Two window updates as TLS 1.2 writes them: a head of 5 bytes, 8 of nonce, 16 of tag. */
#define SPARE_RECORD_MAX  55
#define SPARE_RECORDS_MAX 8 /* in a packet: TCP puts together what waits */

#define SPARE_FIRST_BYTES (2 * SPARE_RECORD_MAX)
#define SPARE_SHARE       64 /* a byte for so many that have come: an update is due every 4 KiB */
#define SPARE_PERIOD_BITS 32 /* of nanoseconds, for a ping: 4.3 seconds */

/* Types of TLS records that are no handshake: RFC 8446 section 5.1. */
#define RECORD_FIRST 20 /* change_cipher_spec, alert, handshake */
#define RECORD_DATA  23

/* Sockets by cookie. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, FLOW_SOCKETS_MAX);
	__type(key, __u64);
	__type(value, struct flow_spare);
} calls SEC(".maps");

static __always_inline struct flow_spare *spare_of(__u64 cookie, enum flow_call call)
{
	struct flow_spare *spare = bpf_map_lookup_elem(&calls, &cookie);

	return spare && spare->call == call ? spare : NULL;
}

enum size { LARGE, SMALL, BARE };

/* SMALL: whole records, none of which is larger than what is spared. BARE: one of these in which no
 * byte of a request can be: of the handshake, or a plain alert. */
static __always_inline enum size spare_size(struct __sk_buff *skb, const struct packet *packet)
{
	struct {
		__u8 type, version[2], length[2];
	} head;
	__u32 at = 0;

	for (int i = 0; i < SPARE_RECORDS_MAX; i++) {
		if (bpf_skb_load_bytes(skb, packet->payload + at, &head, sizeof(head)) ||
		    head.type < RECORD_FIRST || head.type > RECORD_DATA || head.version[0] != 3 ||
		    head.length[0] || head.length[1] > SPARE_RECORD_MAX - sizeof(head))
			return LARGE;
		at += sizeof(head) + head.length[1];
		if (at == packet->length)
			return i || head.type == RECORD_DATA ? SMALL : BARE;
	}
	return LARGE;
}

static __always_inline __u64 spare_received(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk ? bpf_sk_fullsock(skb->sk) : NULL;
	struct bpf_tcp_sock *tcp = sk ? bpf_tcp_sock(sk) : NULL;

	return tcp ? tcp->bytes_received : 0;
}

/* Whether a small packet may pass: what has passed may once more, and nothing out of its order. */
static __always_inline bool spare_passes(struct __sk_buff *skb, const struct packet *packet)
{
	struct flow_spare *spare = spare_of(bpf_get_socket_cookie(skb), FLOW_MAY_END);
	__u64 received = spare_received(skb), now_ns = bpf_ktime_get_ns(), may;
	__u32 end = packet->seq + packet->length;

	if (!spare)
		return false;
	if (!spare->passed_bytes) {
		spare->began_ns = now_ns;
		spare->received_bytes = received;
		spare->next = packet->seq;
	}
	if ((__s32)(end - spare->next) <= 0)
		return true;
	may = SPARE_FIRST_BYTES + (received - spare->received_bytes) / SPARE_SHARE +
	      ((now_ns - spare->began_ns) >> SPARE_PERIOD_BITS) * SPARE_RECORD_MAX;
	if ((__s32)(packet->seq - spare->next) > 0 ||
	    spare->passed_bytes + (end - spare->next) > may)
		return false;
	spare->passed_bytes += end - spare->next;
	spare->next = end;
	return true;
}
