/* The canary's child. Every function comes from the library that is to be tried, never from the one
 * that this program is linked with. Anonymous key exchange, so that there is no certificate; both
 * ends are in this process, joined in memory. */
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/canary.h"

#define NOBODY      65534
#define CIPHERS     "aNULL:@SECLEVEL=0"
#define TURNS_MAX   64  /* of a handshake between two ends in memory */
#define CTRL_NAME   55  /* SSL_CTRL_SET_TLSEXT_HOSTNAME, openssl/ssl.h */
#define CTRL_NEWEST 124 /* SSL_CTRL_SET_MAX_PROTO_VERSION */
#define TLS_1_2     0x0303

/* One row a function: result, name, arguments. */
#define FUNCTIONS(X)                                                                               \
	X(void *, TLS_method, (void))                                                              \
	X(void *, SSL_CTX_new, (void *))                                                           \
	X(long, SSL_CTX_ctrl, (void *, int, long, void *))                                         \
	X(int, SSL_CTX_set_cipher_list, (void *, const char *))                                    \
	X(void *, SSL_new, (void *))                                                               \
	X(void, SSL_free, (void *))                                                                \
	X(long, SSL_ctrl, (void *, int, long, void *))                                             \
	X(void, SSL_set_bio, (void *, void *, void *))                                             \
	X(void, SSL_set_connect_state, (void *))                                                   \
	X(void, SSL_set_accept_state, (void *))                                                    \
	X(int, SSL_do_handshake, (void *))                                                         \
	X(int, SSL_read, (void *, void *, int))                                                    \
	X(int, SSL_write, (void *, const void *, int))                                             \
	X(int, BIO_new_bio_pair, (void **, size_t, void **, size_t))

struct library {
#define X(result, name, arguments) result(*name) arguments;
	FUNCTIONS(X)
#undef X
};

static int load(const char *path, struct library *library)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!handle)
		return -ENOENT;
#define X(result, name, arguments)                                                                 \
	*(void **)&library->name = dlsym(handle, #name);                                           \
	if (!library->name)                                                                        \
		return -ENOSYS;
	FUNCTIONS(X)
#undef X
	return 0;
}

/* Rights, time and memory: only what the call needs. */
static int confine(void)
{
	const struct rlimit seconds = { CANARY_WAIT_SECONDS, CANARY_WAIT_SECONDS };

	alarm(CANARY_WAIT_SECONDS);
	if (setrlimit(RLIMIT_CPU, &seconds) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (geteuid() == 0 &&
	    (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0))
		return -errno;
	return 0;
}

static int shake_hands(const struct library *l, void *client, void *server)
{
	for (int i = 0; i < TURNS_MAX; i++) {
		int done = l->SSL_do_handshake(client);

		if (l->SSL_do_handshake(server) == 1 && done == 1)
			return 0;
	}
	return -EPROTO;
}

/* The number one way, and back. */
static int talk(const struct library *l, void *client, void *server, uint64_t number)
{
	uint64_t heard = 0;

	if (l->SSL_write(client, &number, sizeof(number)) != sizeof(number) ||
	    l->SSL_read(server, &heard, sizeof(heard)) != sizeof(heard) ||
	    l->SSL_write(server, &heard, sizeof(heard)) != sizeof(heard) ||
	    l->SSL_read(client, &heard, sizeof(heard)) != sizeof(heard) || heard != number)
		return -EPROTO;
	return 0;
}

static int make_call(const struct library *l, uint64_t number)
{
	/* On the stack: a probe reads nothing of a page that was never touched. */
	char name[] = CANARY_HOST;
	void *ctx = l->SSL_CTX_new(l->TLS_method()), *client, *server, *ends[2];

	if (!ctx || !l->SSL_CTX_ctrl(ctx, CTRL_NEWEST, TLS_1_2, NULL) ||
	    !l->SSL_CTX_set_cipher_list(ctx, CIPHERS) ||
	    !l->BIO_new_bio_pair(&ends[0], 0, &ends[1], 0))
		return -ENOTSUP;
	client = l->SSL_new(ctx);
	server = l->SSL_new(ctx);
	if (!client || !server)
		return -ENOMEM;
	l->SSL_set_bio(client, ends[0], ends[0]);
	l->SSL_set_bio(server, ends[1], ends[1]);
	l->SSL_set_connect_state(client);
	l->SSL_set_accept_state(server);
	if (l->SSL_ctrl(client, CTRL_NAME, 0, name) != 1 || shake_hands(l, client, server) < 0 ||
	    talk(l, client, server, number) < 0)
		return -EPROTO;
	l->SSL_free(client);
	return 0;
}

int canary_call(const char *path)
{
	const char *text = getenv(CANARY_ENVIRONMENT);
	struct library library;
	uint64_t number;

	if (!text || span_u64(span_of(text), &number) < 0 || confine() < 0 ||
	    load(path, &library) < 0 || make_call(&library, number) < 0)
		return 1;
	return 0;
}
