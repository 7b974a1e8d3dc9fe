/* Addresses and payload of a TCP or UDP packet at egress, where offset 0 is the IP header. Only the
 * headers are in its linear part, so everything is read by bpf_skb_load_bytes. */
#pragma once

#include <bpf/bpf_endian.h>
#include <linux/in.h>
#include <stdbool.h>

#include "kernel.h"

struct address {
	__u8 bytes[16]; /* IPv6, or IPv4 mapped into it */
};

struct packet {
	struct address remote, local;
	__u32 seq;     /* of the first byte of the payload */
	__u32 payload; /* its offset */
	__u32 length;  /* its bytes */
	__u16 port;    /* the remote one */
	__u16 local_port;
};

static __always_inline int read_ports(struct __sk_buff *skb, struct packet *p, __u32 at,
				      bool is_udp)
{
	struct {
		__be16 from, to;
		__be32 seq, ack;
		__u8 words, flags;
	} head = {};

	if (bpf_skb_load_bytes(skb, at, &head, is_udp ? 4 : sizeof(head)))
		return -1;
	p->port = bpf_ntohs(head.to);
	p->local_port = bpf_ntohs(head.from);
	p->payload = at + (is_udp ? 8 : (head.words >> 4) * 4);
	p->seq = bpf_ntohl(head.seq) + ((head.flags >> 1) & 1); /* the SYN takes a number */
	p->length = skb->len > p->payload ? skb->len - p->payload : 0;
	return 0;
}

/* 0, or -1: not IP as a host sends it. IPv6 with extension headers is not looked into. */
static __always_inline int packet_read(struct __sk_buff *skb, struct packet *p)
{
	__u8 head[10];
	__u8 protocol;
	__u32 at;

	if (bpf_skb_load_bytes(skb, 0, head, sizeof(head)))
		return -1;
	p->remote = p->local = (struct address){};
	if (head[0] >> 4 == 4) {
		at = (head[0] & 15) * 4;
		protocol = head[9];
		p->remote.bytes[10] = p->remote.bytes[11] = 0xff;
		p->local.bytes[10] = p->local.bytes[11] = 0xff;
		if (bpf_skb_load_bytes(skb, 12, p->local.bytes + 12, 4) ||
		    bpf_skb_load_bytes(skb, 16, p->remote.bytes + 12, 4))
			return -1;
	} else {
		at = 40;
		protocol = head[6];
		if (bpf_skb_load_bytes(skb, 8, &p->local, sizeof(p->local)) ||
		    bpf_skb_load_bytes(skb, 24, &p->remote, sizeof(p->remote)))
			return -1;
	}
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		return -1;
	return read_ports(skb, p, at, protocol == IPPROTO_UDP);
}
