/* tls HOST [PAIRS] [BYTES]: nanoseconds of one SSL_write (client) and one SSL_read (server) of
 * BYTES over a BIO pair, so without a system call; TLS 1.3, one thread. HOST is the server name
 * that the client sets: the agent follows its writes or does not. Prints the mean. */
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static SSL_CTX *server_context(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_sign(cert, key, EVP_sha256());
	SSL_CTX_use_certificate(ctx, cert);
	SSL_CTX_use_PrivateKey(ctx, key);
	SSL_CTX_set_num_tickets(ctx, 0);
	return ctx;
}

static void exchange(SSL *from, SSL *to, char *bytes, int n)
{
	if (SSL_write(from, bytes, n) != n || SSL_read(to, bytes, n) != n) {
		fprintf(stderr, "tls: the connection broke\n");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	const char *host = argc > 1 ? argv[1] : "bench.invalid";
	long pairs = argc > 2 ? strtol(argv[2], NULL, 10) : 20000;
	int n = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 1024;
	SSL *server = SSL_new(server_context());
	SSL *client = SSL_new(SSL_CTX_new(TLS_client_method()));
	static char bytes[16384];
	double start = 0;
	BIO *a, *b;

	if (n < 1 || n > (int)sizeof(bytes) || !BIO_new_bio_pair(&a, 1 << 16, &b, 1 << 16))
		return 2;
	memset(bytes, 'x', sizeof(bytes));
	SSL_set_tlsext_host_name(client, host);
	SSL_set_bio(server, a, a);
	SSL_set_bio(client, b, b);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	for (int i = 0; i < 20; i++) {
		SSL_do_handshake(client);
		SSL_do_handshake(server);
	}
	for (long i = -1000; i < pairs; i++) {
		if (i == 0)
			start = now_ns();
		exchange(client, server, bytes, n);
	}
	printf("%.0f\n", (now_ns() - start) / (double)pairs);
	return 0;
}
