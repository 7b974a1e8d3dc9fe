/* Connections older than the agent, or than their process, which its parent has forked with them:
 * their name was set before anyone looked. It is taken from the
 * object where the library's layout is known, else from the Host header of an HTTP/1 request: here,
 * in the kernel, so that plaintext of other hosts does not leave it. */
#pragma once

#include "connection.h"

#define HOST_WITHIN 512 /* bytes of a request in which its Host header is looked for */

#define SAYS_HTTP1 0x20687474702f312eULL /* " http/1.": a request line has it, a status line not */
#define SAYS_HOST  0x0a686f73743aULL     /* "\nhost:" */

struct late_name {
	char text[EVENT_NAME_MAX]; /* with its NUL */
	__u32 n;                   /* of its bytes */
	__u32 is_known;
};

struct host_search {
	struct late_name *name;
	__u64 from;
	__u64 last_bytes;          /* eight, lower case */
	__u32 is_request, is_host; /* the request line, "Host:" have been passed */
};

static long search_byte(__u32 index, struct host_search *s)
{
	__u8 c;

	if (bpf_probe_read_user(&c, 1, (void *)(s->from + index)))
		return 1;
	if (s->is_host) {
		if (c == ' ' && !s->name->n)
			return 0;
		s->name->is_known = c <= ' ' || c == ':';
		if (s->name->is_known || s->name->n >= EVENT_NAME_MAX - 1)
			return 1;
		s->name->text[s->name->n++ & (EVENT_NAME_MAX - 1)] = c;
		return 0;
	}
	if (c >= 'A' && c <= 'Z')
		c += 'a' - 'A';
	s->last_bytes = s->last_bytes << 8 | c;
	s->is_request |= s->last_bytes == SAYS_HTTP1;
	s->is_host = s->is_request && (s->last_bytes & 0xffffffffffff) == SAYS_HOST;
	return c == '\n' && !s->is_request;
}

static __always_inline void name_from_request(__u64 buffer, __u64 length, struct late_name *name)
{
	struct host_search s = { .name = name, .from = buffer };

	bpf_loop(length < HOST_WITHIN ? length : HOST_WITHIN, search_byte, &s, 0);
}

/* True: what the object says decides; without a name, that it is a server's. */
static __always_inline bool name_from_object(__u64 ssl, union probe_cookie cookie,
					     struct late_name *name)
{
	__u64 at = 0;
	__u32 server = 0;

	if (!cookie.name_at || !cookie.server_at ||
	    bpf_probe_read_user(&server, sizeof(server), (void *)(ssl + cookie.server_at)))
		return false;
	if (server)
		return true;
	name->is_known = !bpf_probe_read_user(&at, sizeof(at), (void *)(ssl + cookie.name_at)) &&
			 at &&
			 bpf_probe_read_user_str(name->text, sizeof(name->text), (void *)at) > 1;
	return name->is_known;
}

/* An object without a name, most often of a process older than the agent: has it one now? */
static __noinline bool late_open(struct pt_regs *ctx, const struct connection_id *id)
{
	union probe_cookie cookie = { .word = bpf_get_attach_cookie(ctx) };
	struct stranger *known, next = { process_start_ns(), 1 };
	struct late_name name = {};
	__u32 *host_id;

	known = bpf_map_lookup_elem(&strangers, id);
	if (known && known->start_ns == next.start_ns)
		next.looks = known->looks + 1;
	if (next.looks > STRANGER_LOOKS)
		return false;
	count(EVENT_COUNTER_LATE_LOOKS, 1);
	if (name_from_object(id->ssl, cookie, &name))
		next.looks = STRANGER_LOOKS;
	else if (cookie.direction == EVENT_SENT)
		name_from_request(PT_REGS_PARM2(ctx), PT_REGS_PARM3(ctx), &name);
	host_id = name.is_known ? find_host(name.text) : NULL;
	if (!host_id) {
		bpf_map_update_elem(&strangers, id, &next, BPF_ANY);
		return false;
	}
	bpf_map_delete_elem(&strangers, id);
	if (connection_find(id)) { /* its name was set and could not be read */
		connection_open(id, *host_id, name.text, 0, cookie.word);
	} else {
		count(EVENT_COUNTER_LATE_CONNECTIONS, 1);
		connection_open(id, *host_id, name.text, EVENT_LATE_OFFSET, cookie.word);
	}
	return true;
}

static __always_inline struct connection_state *late_look(struct pt_regs *ctx,
							  const struct connection_id *id)
{
	return late_open(ctx, id) ? connection_find(id) : NULL;
}
