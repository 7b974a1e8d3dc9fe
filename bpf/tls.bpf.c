/* Plaintext of connections to provider hosts: OpenSSL here, other libraries in the headers below.
 *
 * SSL_ctrl(SSL_CTRL_SET_TLSEXT_HOSTNAME) tells
 * the name before the first byte; only objects whose name passes the host filter are followed, all
 * others cost one map miss. Nothing is written to the process.
 *
 * A record that does not fit into the ring is counted, and shows as a jump of the offset. */
#include "call.h"
#include "connection.h"
#include "gnutls.h"
#include "go.h"
#include "holders.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define SSL_CTRL_SET_TLSEXT_HOSTNAME 55 /* openssl/ssl.h */

SEC("uprobe")
int ssl_ctrl(struct pt_regs *ctx)
{
	struct connection_id id = id_of(PT_REGS_PARM1(ctx));
	const void *user_name = (void *)PT_REGS_PARM4(ctx);
	char name[EVENT_NAME_MAX];

	if ((__u32)PT_REGS_PARM2(ctx) != SSL_CTRL_SET_TLSEXT_HOSTNAME || !user_name)
		return 0;
	if (bpf_probe_read_user_str(name, sizeof(name), user_name) < 0) {
		count(EVENT_COUNTER_NAME_UNREADABLE, 1);
		connection_unnamed(&id);
		return 0;
	}
	connection_named(&id, name, bpf_get_attach_cookie(ctx));
	return 0;
}

/* One more holds the object. */
SEC("uprobe")
int object_held(struct pt_regs *ctx)
{
	struct connection_id id = id_of(PT_REGS_PARM1(ctx));

	holders_add(&id);
	return 0;
}

/* One holder lets go of it. */
SEC("uprobe")
int object_gone(struct pt_regs *ctx)
{
	struct connection_id id = id_of(PT_REGS_PARM1(ctx));

	if (!holders_drop(&id))
		connection_gone(&id);
	return 0;
}

/* The object is to be used once more. */
SEC("uprobe")
int object_renewed(struct pt_regs *ctx)
{
	struct connection_id id = id_of(PT_REGS_PARM1(ctx));

	connection_renewed(&id, bpf_get_attach_cookie(ctx));
	return 0;
}

/* --- reads and writes, whatever the library: one program for entry and return, or two */

extern bool bpf_session_is_return(void) __ksym __weak;

SEC("uprobe")
int call_session(struct pt_regs *ctx)
{
	if (!bpf_session_is_return())
		return !call_begin(ctx); /* 1: the return does not matter */
	call_end(ctx);
	return 0;
}

SEC("uprobe")
int call_enter(struct pt_regs *ctx)
{
	call_begin(ctx);
	return 0;
}

SEC("uprobe")
int call_leave(struct pt_regs *ctx)
{
	call_end(ctx);
	return 0;
}
