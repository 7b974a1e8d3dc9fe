/* Connections to provider hosts, whatever TLS library made them. connect() says who, the first
 * bytes at egress say where (the server name of the ClientHello), the close says how much. A socket
 * is looked at until its ClientHello is whole; one that says none, or another name, is forgotten on
 * the spot, so its packets cost one miss. Nothing is changed here, and nothing dropped but what a
 * budget stops (block.h). */
#include "flow_maps.h"
#include "host.h"
#include "older.h"
#include "refuse.h"
#include "speaker.h"
#include "sweep.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PREFACE_MAX 16384 /* bytes to a proxy before the ClientHello: CONNECT and its header */
#define SOCK_STREAM 1     /* of the socket types of a user-space header */
#define SOCK_DONE   1     /* bit of skc_flags: a FIN has come (net/sock.h) */

/* --- who */

static __always_inline int connecting(struct bpf_sock_addr *ctx, const struct address *remote)
{
	struct flow_socket *s;

	if (ctx->type != SOCK_STREAM || !ctx->sk)
		return 1;
	s = bpf_sk_storage_get(&sockets, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!s) {
		count(FLOW_COUNTER_SOCKETS_FULL);
		return 1;
	}
	/* All of it: a socket that failed to connect may try again. */
	speaker_remember(s);
	return !refuse_is_due(s, remote);
}

SEC("cgroup/connect4")
int flow_connect4(struct bpf_sock_addr *ctx)
{
	const struct address remote = address_of_v4(ctx->user_ip4);

	return connecting(ctx, &remote);
}

SEC("cgroup/connect6")
int flow_connect6(struct bpf_sock_addr *ctx)
{
	return connecting(ctx,
			  &(struct address){ .words = { ctx->user_ip6[0], ctx->user_ip6[1],
							ctx->user_ip6[2], ctx->user_ip6[3] } });
}

/* --- where */

static __always_inline void report(struct __sk_buff *skb, struct flow_socket *s,
				   const struct packet *packet, const struct server *server)
{
	struct task_struct *leader = bpf_get_current_task_btf()->group_leader;
	struct flow_hello *e = bpf_ringbuf_reserve(&records, sizeof(*e), 0);

	if (!e) {
		count(FLOW_COUNTER_RING_FULL);
		return;
	}
	__builtin_memset(e, 0, sizeof(*e));
	e->head.type = server ? FLOW_HELLO : FLOW_QUIC;
	e->head.cookie = bpf_get_socket_cookie(skb);
	e->head.time_ns = bpf_ktime_get_ns();
	e->start_ns = s->start_ns;
	e->cgroup_id = s->cgroup_id;
	e->tgid = s->tgid;
	e->uid = s->uid;
	e->remote_port = packet->port;
	e->local_port = packet->local_port;
	packet_addresses(skb, (void *)e->local, (void *)e->remote);
	if ((__u32)leader->tgid == s->tgid)
		BPF_CORE_READ_INTO(&e->comm, leader, comm);
	if (server) {
		e->host_id = server->host_id;
		e->host = s->host;
		e->ssl = server->ssl;
		e->generation_ns = server->generation_ns;
		e->random[0] = server->random[0];
		e->random[1] = server->random[1];
		__builtin_memcpy(e->name, server->name, sizeof(e->name));
		s->agent = control.agent;
	}
	submit(e, s->mode || (!e->ssl && speaker_is_new(s)));
}

static __always_inline void remember_address(struct __sk_buff *skb)
{
	struct address local, remote;

	packet_addresses(skb, &local, &remote);
	(void)is_known(&addresses, &remote);
}

/* The hello is whole, or all that will ever be looked at. True: it is a provider's. */
static __always_inline bool take_hello(struct flow_socket *s, const struct packet *packet,
				       const struct hello *hello)
{
	struct server server;
	__u32 *host_id;
	int found = server_read(hello, &server);

	if (found != SERVER_NAMED) {
		count(found == SERVER_NAMELESS  ? FLOW_COUNTER_NAMELESS_HELLOS
		      : found == SERVER_PARTIAL ? FLOW_COUNTER_PARTIAL_HELLOS
						: FLOW_COUNTER_BROKEN_HELLOS);
		return false;
	}
	host_id = find_host_key(server.name, &s->host);
	refuse_learn(hello->skb, host_id ? s->host : 0);
	if (!host_id) {
		count(FLOW_COUNTER_OTHER_HELLOS);
		return false;
	}
	count(FLOW_COUNTER_PROVIDER_HELLOS);
	server.host_id = *host_id;
	remember_address(hello->skb);
	speaker_find(s);
	speaker_join(s, &server);
	s->is_asked = block_mode(s) == FLOW_ASK;
	report(hello->skb, s, packet, &server);
	return true;
}

/* --- step by step to a whole hello */

enum verdict { WAIT, FORGET, FOLLOW };

/* Puts what is new of this packet behind what came before. */
static __always_inline void add_piece(struct flow_socket *s, const struct packet *packet,
				      struct hello *hello)
{
	__u32 seen = s->next - packet->seq, n = 0;

	/* Else sent before, or out of step. */
	if (seen < packet->length)
		n = hello_append(hello, s->have, packet->payload + seen, packet->length - seen);
	s->have += n;
	s->next += n;
	hello->length = s->have;
}

/* An HTTP proxy is asked for a tunnel first, perhaps twice. */
static __always_inline enum verdict skip_preface(struct flow_socket *s, __u8 first, __u32 length)
{
	if (s->state == STATE_NEW && first != 'C')
		return FORGET;
	s->state = STATE_PREFACE;
	s->skipped += length;
	return s->skipped > PREFACE_MAX ? FORGET : WAIT;
}

static __always_inline enum verdict look(struct bpf_sock *sk, struct flow_socket *s,
					 const struct packet *packet, struct hello *hello)
{
	__u8 type;

	if (s->state != STATE_PIECES) {
		bool is_whole = hello_is_whole(hello, &type);

		if (type != HELLO_RECORD)
			return skip_preface(s, type, packet->length);
		if (!is_whole) {
			s->state = STATE_PIECES;
			s->next = packet->seq;
		}
	}
	if (s->state == STATE_PIECES) {
		hello->pieces = bpf_sk_storage_get(&pieces, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
		if (!hello->pieces) {
			count(FLOW_COUNTER_SOCKETS_FULL);
			return FORGET;
		}
		add_piece(s, packet, hello);
		if (!hello_is_whole(hello, &type))
			return WAIT;
	}
	return take_hello(s, packet, hello) ? FOLLOW : FORGET;
}

static __always_inline void look_at_udp(struct __sk_buff *skb, struct bpf_sock *sk)
{
	struct address local, remote;
	struct flow_socket *s;
	struct packet packet;

	if (packet_read(skb, &packet) || packet.port != HTTPS)
		return;
	packet_addresses(skb, &local, &remote);
	if (!bpf_map_lookup_elem(&addresses, &remote))
		return;
	s = bpf_sk_storage_get(&sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!s) {
		count(FLOW_COUNTER_SOCKETS_FULL);
		return;
	}
	speaker_remember(s);
	s->state = STATE_QUIC;
	count(FLOW_COUNTER_QUIC_SOCKETS);
	report(skb, s, &packet, NULL);
}

/* A socket that nothing is remembered of: done, unless it may be UDP to a port 443. */
static __always_inline void look_at_stranger(struct __sk_buff *skb, struct bpf_sock *sk)
{
	if (sk->dst_port && sk->dst_port != bpf_htons(HTTPS))
		return;
	sk = bpf_sk_fullsock(sk);
	if (sk && sk->protocol == IPPROTO_UDP)
		look_at_udp(skb, sk);
}

static __always_inline int follow(struct __sk_buff *skb, struct flow_socket *s)
{
	__u32 mode = block_mode(s);
	struct packet packet;

	if (mode == FLOW_PASS || packet_read(skb, &packet))
		return 1;
	return block_packet(skb, s, &packet, mode);
}

SEC("cgroup_skb/egress")
int flow_egress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct hello hello = { .skb = skb };
	struct flow_socket *s;
	struct packet packet;
	enum verdict verdict;

	if (!sk)
		return 1;
	s = bpf_sk_storage_get(&sockets, sk, NULL, 0);
	if (!s) {
		look_at_stranger(skb, sk);
		return 1;
	}
	if (s->state == STATE_PROVIDER)
		return follow(skb, s);
	if (s->state == STATE_QUIC || packet_read(skb, &packet) || !packet.length)
		return 1;
	hello.payload = packet.payload;
	hello.length = packet.length;
	verdict = look(sk, s, &packet, &hello);
	if (verdict == WAIT)
		return 1;
	if (s->state == STATE_PIECES)
		bpf_sk_storage_delete(&pieces, sk);
	if (verdict == FORGET) {
		bpf_sk_storage_delete(&sockets, sk);
		return 1;
	}
	s->state = STATE_PROVIDER;
	return s->mode < FLOW_HOLD || block_packet(skb, s, &packet, s->mode);
}

/* --- how much */

/* SYN and FIN take a number in the sequence each, and the kernel's counts hold them. */
static __always_inline void report_close(struct sock_common *sk, int from)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
	struct flow_close *e = tcp ? bpf_ringbuf_reserve(&records, sizeof(*e), 0) : NULL;
	bool fin_sent = from == BPF_TCP_FIN_WAIT1 || from == BPF_TCP_FIN_WAIT2 ||
			from == BPF_TCP_CLOSING || from == BPF_TCP_LAST_ACK ||
			from == BPF_TCP_TIME_WAIT;

	if (!e) {
		count(FLOW_COUNTER_RING_FULL);
		return;
	}
	e->head.type = FLOW_CLOSE;
	e->head.unused = 0;
	e->head.cookie = bpf_get_socket_cookie(sk);
	e->head.time_ns = bpf_ktime_get_ns();
	e->sent = tcp->bytes_acked - 1 - (fin_sent && tcp->snd_una == tcp->snd_nxt);
	e->received = tcp->bytes_received - (sk->skc_flags >> SOCK_DONE & 1);
	submit(e, false);
}

/* Not sockops: those run eleven times in the life of a connection. */
SEC("tp_btf/inet_sock_set_state")
int flow_state(__u64 *ctx) /* the socket, its state, the next one */
{
	struct sock_common *sk = (void *)ctx[0];
	struct flow_socket *s;

	if (ctx[2] != BPF_TCP_CLOSE)
		return 0;
	s = bpf_sk_storage_get(&sockets, sk, NULL, 0);
	if (s && s->state == STATE_PROVIDER)
		report_close(sk, (int)ctx[1]);
	return 0;
}
