/* The server name of a ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3). Clients shuffle
 * the extensions: the name may be the last. */
#pragma once

#include "flow_event.h"
#include "hello.h"

#define SERVER_HEADS      9         /* bytes of record and handshake heads */
#define SERVER_START      44        /* and of version, random, length of the session's id */
#define SERVER_EXTENSIONS 64        /* looked at; clients send 10 to 20 */
#define SERVER_END_MAX    (1 << 20) /* more than any packet and one extension behind it */

struct server {
	__u64 random[2];
	__u64 ssl; /* 0: not known */
	__u64 generation_ns;
	__u32 host_id;
	__u32 unused;
	char name[FLOW_NAME_MAX];
};

enum server_found { SERVER_NAMED, SERVER_NAMELESS, SERVER_PARTIAL, SERVER_BROKEN };

/* Where the extensions begin, after three vectors of their own length. 0: broken or cut. */
static __always_inline __u32 server_extensions(const struct hello *h, const __u8 *start)
{
	__u32 at = SERVER_START + start[SERVER_START - 1];
	__be16 ciphers = 0;
	__u8 length = 0;

	if (hello_read(h, at, &ciphers, 2))
		return 0;
	at += 2 + bpf_ntohs(ciphers);
	if (hello_read(h, at, &length, 1))
		return 0;
	return at + 1 + length + 2;
}

/* Offset of the server_name extension's data; 0: none; -1: the bytes end before the list does. */
static __always_inline __s32 server_find_name(const struct hello *h, __u32 at, __u32 end)
{
	struct {
		__be16 type, length;
	} head;

	for (int i = 0; i < SERVER_EXTENSIONS; i++) {
		if (at == end)
			return 0;
		if (hello_read(h, at, &head, sizeof(head)))
			return -1;
		if (head.type == 0)
			return at + sizeof(head);
		at = within(at + sizeof(head) + bpf_ntohs(head.length), SERVER_END_MAX);
	}
	return -1;
}

static __always_inline bool server_copy_name(const struct hello *h, __u32 at, char *name)
{
	__u8 head[5]; /* length of the list, type of name, length of the name */
	__u32 n;

	if (hello_read(h, at, head, sizeof(head)))
		return false;
	n = head[3] << 8 | head[4];
	if (head[2] != 0 || n == 0 || n >= FLOW_NAME_MAX)
		return false;
	n = within(n - 1, FLOW_NAME_MAX) + 1;
	return !hello_read(h, at + sizeof(head), name, n);
}

static __always_inline enum server_found server_read(const struct hello *h, struct server *server)
{
	__u8 start[SERVER_START];
	__u32 end, at;
	__s32 name;
	bool cut;

	__builtin_memset(server, 0, sizeof(*server));
	if (hello_read(h, 0, start, sizeof(start)))
		return SERVER_BROKEN;
	if (start[1] != 3 || start[5] != 1)
		return SERVER_BROKEN;
	end = SERVER_HEADS + (start[6] << 16 | start[7] << 8 | start[8]);
	cut = end > h->length; /* longer than what is kept, or in more than one record */
	at = server_extensions(h, start);
	name = at ? server_find_name(h, at, end) : -1;
	if (name == 0)
		return SERVER_NAMELESS;
	if (name < 0)
		return cut ? SERVER_PARTIAL : SERVER_BROKEN;
	if (!server_copy_name(h, name, server->name))
		return cut ? SERVER_PARTIAL : SERVER_BROKEN;
	__builtin_memcpy(server->random, start + SERVER_HEADS + 2, sizeof(server->random));
	return SERVER_NAMED;
}
