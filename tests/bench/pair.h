/* A TLS 1.3 client and its server in one process, over a BIO pair: what a probe adds shows, for
 * there is no system call. For the programs that load the agent; what fails ends the program. */
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PAIR_BYTES_MAX 16384 /* of one write */
#define PAIR_BIO_BYTES (2 * PAIR_BYTES_MAX)

struct pair {
	SSL *client, *server;
};

struct pair_contexts {
	SSL_CTX *client, *server;
};

static inline int64_t pair_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Sleeps until `ns` of pair_now_ns; at once when that is over. */
static inline void pair_wait_until(int64_t ns)
{
	struct timespec t = { ns / 1000000000, ns % 1000000000 };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static inline void pair_fail(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

static inline struct pair_contexts pair_contexts(void)
{
	struct pair_contexts ctx = { SSL_CTX_new(TLS_client_method()),
				     SSL_CTX_new(TLS_server_method()) };
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_sign(cert, key, EVP_sha256());
	SSL_CTX_use_certificate(ctx.server, cert);
	SSL_CTX_use_PrivateKey(ctx.server, key);
	SSL_CTX_set_num_tickets(ctx.server, 0);
	SSL_CTX_set_mode(ctx.client, SSL_MODE_RELEASE_BUFFERS);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}

/* Not connected yet; `host` is the server name, NULL for none. */
static inline struct pair pair_new(const struct pair_contexts *ctx, const char *host)
{
	struct pair p = { SSL_new(ctx->client), SSL_new(ctx->server) };

	if (!p.client || !p.server)
		pair_fail("out of memory");
	if (host)
		SSL_set_tlsext_host_name(p.client, host);
	return p;
}

static inline void pair_join(const struct pair *p, size_t bio_bytes)
{
	BIO *a = NULL, *b = NULL;

	if (!BIO_new_bio_pair(&a, bio_bytes, &b, bio_bytes))
		pair_fail("out of memory");
	SSL_set_bio(p->server, a, a);
	SSL_set_bio(p->client, b, b);
	SSL_set_accept_state(p->server);
	SSL_set_connect_state(p->client);
}

static inline void pair_shake(const struct pair *p)
{
	for (int i = 0; i < 20; i++) {
		SSL_do_handshake(p->client);
		SSL_do_handshake(p->server);
		if (SSL_is_init_finished(p->client) && SSL_is_init_finished(p->server))
			return;
	}
	pair_fail("the handshake does not end");
}

static inline struct pair pair_open(const struct pair_contexts *ctx, const char *host)
{
	struct pair p = pair_new(ctx, host);

	pair_join(&p, PAIR_BIO_BYTES);
	pair_shake(&p);
	return p;
}

static inline void pair_close(struct pair *p)
{
	SSL_free(p->client);
	SSL_free(p->server);
}

static inline void pair_contexts_free(struct pair_contexts *ctx)
{
	SSL_CTX_free(ctx->client);
	SSL_CTX_free(ctx->server);
}

/* One SSL_write and one SSL_read of `n` bytes. */
static inline void pair_move(SSL *from, SSL *to, const char *bytes, size_t n)
{
	static char got[PAIR_BYTES_MAX];

	if (n > PAIR_BYTES_MAX || SSL_write(from, bytes, (int)n) != (int)n ||
	    SSL_read(to, got, sizeof(got)) != (int)n)
		pair_fail("the connection broke");
}
