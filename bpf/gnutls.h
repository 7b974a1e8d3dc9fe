/* GnuTLS: wget, git and all that uses libcurl-gnutls. The session is the object, and
 * gnutls_server_name_set, which only clients call, opens the connection.
 *
 * What gnutls_record_recv_packet hands out is in the library's own buffer: a gap. Early data that
 * the server refuses is sent again, and then seen twice. After GNUTLS_E_AGAIN a client may send
 * again with no buffer, for the data that the library has kept: such bytes are counted as a read
 * fault, their length is right.
 */
#pragma once

#include "connection.h"

#define GNUTLS_NAME_DNS 1 /* gnutls/gnutls.h */

/* (session, type, name, bytes): the name is not terminated. */
SEC("uprobe")
int gnutls_name(struct pt_regs *ctx)
{
	struct connection_id id = id_of(PT_REGS_PARM1(ctx));
	__u64 n = PT_REGS_PARM4(ctx);
	char name[EVENT_NAME_MAX] = {};

	if ((__u32)PT_REGS_PARM2(ctx) != GNUTLS_NAME_DNS || !n)
		return 0;
	if (n >= EVENT_NAME_MAX ||
	    bpf_probe_read_user(name, n & (EVENT_NAME_MAX - 1), (void *)PT_REGS_PARM3(ctx))) {
		count(EVENT_COUNTER_NAME_UNREADABLE, 1);
		return 0;
	}
	connection_named(&id, name, bpf_get_attach_cookie(ctx));
	return 0;
}
