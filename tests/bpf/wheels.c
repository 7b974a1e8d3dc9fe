/* Real OpenSSL of other versions, as Python wheels bundle them under names of their own:
 * libssl-HASH.so.1.1 is 1.1.1, libssl-HASH.so.3 is 3.5. What a client moves through them arrives
 * byte for byte, also by an object older than the agent. Needs root, and build/venv. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <glob.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/bpf/world.h"

#define HOST    "api.outlay-test.invalid"
#define WHEELS  "build/venv/lib/python3*/site-packages/"
#define REQUEST "POST /v1 HTTP/1.1\r\nHost: " HOST "\r\n\r\n"

/* clang-format off */
#define FUNCTIONS(X) \
	X(BIO_new_bio_pair) \
	X(SSL_CTX_free) \
	X(SSL_CTX_new) \
	X(SSL_CTX_use_PrivateKey_file) \
	X(SSL_CTX_use_certificate_file) \
	X(SSL_ctrl) \
	X(SSL_do_handshake) \
	X(SSL_free) \
	X(SSL_new) \
	X(SSL_read) \
	X(SSL_read_ex) \
	X(SSL_set_accept_state) \
	X(SSL_set_bio) \
	X(SSL_set_connect_state) \
	X(SSL_write) \
	X(SSL_write_ex) \
	X(TLS_client_method) \
	X(TLS_server_method)
/* clang-format on */

struct library {
	void *crypto, *handle;
#define X(name) __typeof__(name) *name;
	FUNCTIONS(X)
#undef X
	SSL_CTX *client_ctx, *server_ctx;
	SSL *client, *server;
};

static char folder[] = "/tmp/outlay-wheels-XXXXXX";
static char pattern[1 << 21];

/* NULL: not there. */
static void *load_one(const char *wheel, const char *name)
{
	char path[128];
	glob_t found = { 0 };
	void *handle;

	snprintf(path, sizeof(path), WHEELS "%s/%s", wheel, name);
	if (glob(path, 0, NULL, &found) != 0) {
		print_message("skipped: no %s: run tests/setup.sh\n", path);
		return NULL;
	}
	handle = dlopen(found.gl_pathv[0], RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
	globfree(&found);
	if (!handle)
		fail_msg("%s", dlerror());
	return handle;
}

/* With its own libcrypto: that of this program has other functions under the same names. */
static bool load(struct library *l, const char *wheel, const char *version)
{
	char certificate[64], key[64], crypto[32], ssl[32];

	snprintf(crypto, sizeof(crypto), "libcrypto-*.so.%s", version);
	snprintf(ssl, sizeof(ssl), "libssl-*.so.%s", version);
	l->crypto = load_one(wheel, crypto);
	l->handle = l->crypto ? load_one(wheel, ssl) : NULL;
	if (!l->handle)
		return false;
#define X(name)                                                                                    \
	*(void **)&l->name = dlsym(l->handle, #name);                                              \
	assert_non_null(l->name);
	FUNCTIONS(X)
#undef X
	snprintf(certificate, sizeof(certificate), "%s/cert.pem", folder);
	snprintf(key, sizeof(key), "%s/key.pem", folder);
	l->client_ctx = l->SSL_CTX_new(l->TLS_client_method());
	l->server_ctx = l->SSL_CTX_new(l->TLS_server_method());
	assert_int_equal(
	    l->SSL_CTX_use_certificate_file(l->server_ctx, certificate, SSL_FILETYPE_PEM), 1);
	assert_int_equal(l->SSL_CTX_use_PrivateKey_file(l->server_ctx, key, SSL_FILETYPE_PEM), 1);
	return true;
}

static void unload(struct library *l)
{
	l->SSL_CTX_free(l->client_ctx);
	l->SSL_CTX_free(l->server_ctx);
	dlclose(l->handle);
	dlclose(l->crypto);
}

static void open_pair(struct library *l)
{
	BIO *a, *b;

	l->client = l->SSL_new(l->client_ctx);
	l->server = l->SSL_new(l->server_ctx);
	l->SSL_ctrl(l->client, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
		    (void *)(uintptr_t)HOST);
	assert_int_equal(l->BIO_new_bio_pair(&a, 4 << 20, &b, 4 << 20), 1);
	l->SSL_set_bio(l->client, a, a);
	l->SSL_set_bio(l->server, b, b);
	l->SSL_set_connect_state(l->client);
	l->SSL_set_accept_state(l->server);
	for (int i = 0; i < 5; i++) {
		l->SSL_do_handshake(l->client);
		l->SSL_do_handshake(l->server);
	}
}

static void close_pair(struct library *l)
{
	l->SSL_free(l->client);
	l->SSL_free(l->server);
}

static void move(struct library *l, SSL *from, SSL *to, const char *bytes, size_t n, bool ex)
{
	static char sink[1 << 21];
	size_t done = 0;

	if (!ex)
		assert_int_equal(l->SSL_write(from, bytes, (int)n), n);
	else
		assert_int_equal(l->SSL_write_ex(from, bytes, n, &done), 1);
	for (size_t got = 0; got < n; got += done) {
		int result = ex ? l->SSL_read_ex(to, sink, sizeof(sink), &done)
				: l->SSL_read(to, sink, sizeof(sink));

		assert_true(result > 0);
		if (!ex)
			done = (size_t)result;
	}
}

/* Every power of two up to 1 MiB, one less and one more, both ways. */
static void move_sizes(struct library *l, struct world *w, bool ex)
{
	size_t sent = w->seen.n[DIRECTION_SENT];

	for (size_t power = 1; power <= 1 << 20; power *= 2) {
		for (size_t n = power > 2 ? power - 1 : power; n <= power + 1 && n <= 1 << 20;
		     n++) {
			move(l, l->client, l->server, pattern + n, n, ex);
			move(l, l->server, l->client, pattern + 2 * n % 1000, n, ex);
			world_drain(w);
			sent += n;
			assert_int_equal(w->seen.n[DIRECTION_SENT], sent);
			assert_int_equal(w->seen.n[DIRECTION_RECEIVED], sent);
			assert_memory_equal(w->seen.bytes[DIRECTION_SENT] + sent - n, pattern + n,
					    n);
			assert_memory_equal(w->seen.bytes[DIRECTION_RECEIVED] + sent - n,
					    pattern + 2 * n % 1000, n);
		}
	}
}

static void check_library(const char *wheel, const char *version)
{
	struct library l;
	struct world w;

	if (!load(&l, wheel, version))
		return;
	open_pair(&l);
	world_open(&w, (struct world_options){ .hosts = { HOST } });
	move(&l, l.client, l.server, REQUEST, sizeof(REQUEST) - 1, false);
	close_pair(&l);
	world_drain(&w);
	assert_int_equal(w.seen.opened, 1);
	assert_string_equal(w.seen.server, HOST);
	assert_memory_equal(w.seen.bytes[DIRECTION_SENT], REQUEST, sizeof(REQUEST) - 1);
	world_close(&w);

	for (int ex = 0; ex < 2; ex++) {
		world_open(&w, (struct world_options){ .hosts = { HOST } });
		open_pair(&l);
		move_sizes(&l, &w, ex);
		close_pair(&l);
		world_drain(&w);
		assert_int_equal(w.seen.opened, 1);
		assert_int_equal(w.seen.closed, 1);
		assert_int_equal(w.seen.jumps + w.seen.lost_at_close, 0);
		world_close(&w);
	}
	unload(&l);
}

static void test_openssl_1_1_1(void **state)
{
	(void)state;
	check_library("psycopg2_binary.libs", "1.1");
}

static void test_openssl_3_5(void **state)
{
	(void)state;
	check_library("psycopg_binary.libs", "3");
}

static int make_key(void **state)
{
	char command[256];

	(void)state;
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (char)(i * 31 % 251);
	if (!mkdtemp(folder))
		return -1;
	snprintf(command, sizeof(command),
		 "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
		 "-subj /CN=x -keyout %s/key.pem -out %s/cert.pem 2>/dev/null",
		 folder, folder);
	return system(command);
}

static int remove_key(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_openssl_1_1_1),
		cmocka_unit_test(test_openssl_3_5),
	};

	if (geteuid() != 0) {
		print_message("skipped: needs root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, make_key, remove_key);
}
