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
		return 0;
	}
	connection_named(&id, name);
	return 0;
}

SEC("uprobe")
int ssl_free(struct pt_regs *ctx)
{
	struct connection_id id = id_of(PT_REGS_PARM1(ctx));

	connection_gone(&id);
	return 0;
}

SEC("uprobe")
int ssl_read(struct pt_regs *ctx)
{
	call_enter(PT_REGS_PARM1(ctx), EVENT_RECEIVED, PT_REGS_PARM2(ctx), 0);
	return 0;
}

SEC("uprobe")
int ssl_read_ex(struct pt_regs *ctx)
{
	call_enter(PT_REGS_PARM1(ctx), EVENT_RECEIVED, PT_REGS_PARM2(ctx), PT_REGS_PARM4(ctx));
	return 0;
}

SEC("uprobe")
int ssl_write(struct pt_regs *ctx)
{
	call_enter(PT_REGS_PARM1(ctx), EVENT_SENT, PT_REGS_PARM2(ctx), 0);
	return 0;
}

SEC("uprobe")
int ssl_write_ex(struct pt_regs *ctx)
{
	call_enter(PT_REGS_PARM1(ctx), EVENT_SENT, PT_REGS_PARM2(ctx), PT_REGS_PARM4(ctx));
	return 0;
}

SEC("uretprobe")
int ssl_return(struct pt_regs *ctx)
{
	call_leave((__s32)PT_REGS_RC(ctx));
	return 0;
}
