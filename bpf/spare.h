/* What passes although a budget stops its connection: what is small and no request, as far as that
 * can be known of what is encrypted. */
#pragma once

#include "flow_block.h"
#include "packet.h"

/* What HTTP/2 says while an answer is on its way, a window update or a ping, in a TLS record. */
#define SPARE_BYTES_MAX 64

/* Types of TLS records that are no handshake: RFC 8446 section 5.1. */
#define RECORD_FIRST 20 /* change_cipher_spec, alert, handshake */
#define RECORD_DATA  23

/* enum flow_call, of sockets by cookie. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, FLOW_SOCKETS_MAX);
	__type(key, __u64);
	__type(value, __u32);
} calls SEC(".maps");

/* One whole record in which no byte of a request can be: of the handshake, or a plain alert. */
static __always_inline bool spare_record(struct __sk_buff *skb, const struct packet *packet)
{
	struct {
		__u8 type, version[2], length[2];
	} head = {};

	return !bpf_skb_load_bytes(skb, packet->payload, &head, sizeof(head)) &&
	       head.type >= RECORD_FIRST && head.type < RECORD_DATA && head.version[0] == 3 &&
	       sizeof(head) + (head.length[0] << 8 | head.length[1]) == packet->length;
}

static __always_inline bool spare_call_is(__u64 cookie, enum flow_call call)
{
	__u32 *known = bpf_map_lookup_elem(&calls, &cookie);

	return known && *known == call;
}

/* Small and no request, as far as that can be known of what is encrypted. */
static __always_inline bool spare(struct __sk_buff *skb, const struct packet *packet)
{
	return spare_record(skb, packet) || spare_call_is(bpf_get_socket_cookie(skb), FLOW_MAY_END);
}
