/* Addresses and payload of a TCP or UDP packet at egress, where offset 0 is the IP header. The
 * headers are in its linear part, the payload is not. */
#pragma once

#include <bpf/bpf_endian.h>
#include <linux/in.h>
#include <stdbool.h>

#include "kernel.h"

#define IPV4_BYTES 20
#define IPV6_BYTES 40
#define UDP_BYTES  8

struct address {
	__be32 words[4]; /* IPv6, or IPv4 mapped into it */
};

static __always_inline struct address address_of_v4(__be32 v4)
{
	return (struct address){ .words = { 0, 0, bpf_htonl(0xffff), v4 } };
}

struct packet {
	__u32 seq;     /* of the first byte of the payload; UDP: 0 */
	__u32 payload; /* its offset */
	__u32 length;  /* its bytes */
	__u16 port;    /* the remote one */
	__u16 local_port;
};

static __always_inline int packet_ports(struct __sk_buff *skb, struct packet *p, __u32 at,
					bool is_udp)
{
	const struct {
		__be16 from, to;
		__be32 seq, ack;
		__u8 words, flags;
	} *head = (void *)(long)skb->data + at;
	const void *end = (void *)(long)skb->data_end;

	if ((void *)head + UDP_BYTES > end)
		return -1;
	p->port = bpf_ntohs(head->to);
	p->local_port = bpf_ntohs(head->from);
	p->payload = at + UDP_BYTES;
	p->seq = 0;
	if (!is_udp) {
		if ((void *)(head + 1) > end)
			return -1;
		p->payload = at + (head->words >> 4) * 4;
		p->seq = bpf_ntohl(head->seq) + ((head->flags >> 1) & 1); /* the SYN's number */
	}
	p->length = skb->len > p->payload ? skb->len - p->payload : 0;
	return 0;
}

/* 0, or -1: not IP as a host sends it. IPv6 with extension headers is not looked into. */
static __always_inline int packet_read(struct __sk_buff *skb, struct packet *p)
{
	const __u8 *head = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u8 protocol;
	bool is_v4;

	if (head + IPV4_BYTES > end)
		return -1;
	is_v4 = head[0] >> 4 == 4;
	protocol = is_v4 ? head[9] : head[6];
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		return -1;
	return packet_ports(skb, p, is_v4 ? (head[0] & 15) * 4 : IPV6_BYTES,
			    protocol == IPPROTO_UDP);
}

/* Of a packet that could be read. */
static __always_inline void packet_addresses(struct __sk_buff *skb, struct address *local,
					     struct address *remote)
{
	const __u32 *head = (void *)(long)skb->data;
	const void *end = (void *)(long)skb->data_end;

	*local = *remote = (struct address){ .words[2] = bpf_htonl(0xffff) };
	if ((void *)head + IPV4_BYTES > end)
		return;
	if (*(const __u8 *)head >> 4 == 4) {
		local->words[3] = head[3];
		remote->words[3] = head[4];
	} else if ((void *)head + IPV6_BYTES <= end) {
		*local = *(const struct address *)(head + 2);
		*remote = *(const struct address *)(head + 6);
	}
}
