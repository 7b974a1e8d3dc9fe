/* Libraries that this machine does not have, made by the compiler from a few lines: with one
 * function more than OpenSSL 3.0, with all of the old ones alone, with a sendfile; and files that
 * come, go and are replaced while the agent runs. Needs root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bpf/world.h"

#define HOST         "api.outlay-test.invalid"
#define SET_HOSTNAME 55 /* SSL_CTRL_SET_TLSEXT_HOSTNAME of openssl/ssl.h */

/* As OpenSSL 1.0.x had them; what a read gives is fixed. */
#define OLD                                                                                        \
	"#include <string.h>\n"                                                                    \
	"long SSL_ctrl(void *s, int cmd, long n, void *p) { return 1; }\n"                         \
	"void SSL_free(void *s) { __asm__ volatile(\"\"); }\n"                                     \
	"int SSL_read(void *s, void *b, int n) { memcpy(b, \"answer\", 6); return 6; }\n"          \
	"int SSL_write(void *s, const void *b, int n) { return n; }\n"
/* In OpenSSL 3.3 and later SSL_write_ex is a call of SSL_write_ex2. */
#define NEW                                                                                        \
	OLD "int SSL_write_ex2(void *s, const void *b, size_t n, unsigned long flags, size_t "     \
	    "*w)\n"                                                                                \
	    "{ *w = n; return 1; }\n"                                                              \
	    "int SSL_write_ex(void *s, const void *b, size_t n, size_t *w)\n"                      \
	    "{ int r = SSL_write_ex2(s, b, n, 0, w); __asm__ volatile(\"\"); return r; }\n"
#define SENDFILE                                                                                   \
	OLD "long SSL_sendfile(void *s, int fd, long at, size_t n, int flags) { return (long)n; "  \
	    "}\n"

/* As GnuTLS 3.6.5 documents them: early data has gone, all of it, when the result is 0. */
#define GNUTLS                                                                                     \
	"#include <string.h>\n"                                                                    \
	"typedef long L;\n"                                                                        \
	"L gnutls_record_recv(void *s, void *b, L n) { memcpy(b, \"answer\", 6); return 6; }\n"    \
	"L gnutls_record_recv_packet(void *s, void **p) { *p = s; return 100; }\n"                 \
	"L gnutls_record_send(void *s, const void *b, L n) { return n; }\n"                        \
	"L gnutls_record_send_range(void *s, const void *b, L n, void *range)\n"                   \
	"{ L r = gnutls_record_send(s, b, n); __asm__ volatile(\"\"); return r; }\n"               \
	"int gnutls_record_send_early_data(void *s, const void *b, L n) { return *(int *)s; }\n"   \
	"int gnutls_server_name_set(void *s, int type, const void *name, L n) { return 0; }\n"     \
	"void gnutls_deinit(void *s) { __asm__ volatile(\"\"); }\n"

struct stub {
	void *handle;
	long (*ctrl)(void *, int, long, void *);
	void (*free)(void *);
	int (*read)(void *, void *, int);
	int (*write)(void *, const void *, int);
};

static char folder[] = "/tmp/outlay-stubs-XXXXXX";

static void open_world(struct world *w)
{
	world_open(w, (struct world_options){ .hosts = { HOST } });
}

static uint64_t watched(struct world *w)
{
	return counter_read(&attach_libraries(w->attach)->watched);
}

static void wait_for_watched(struct world *w, uint64_t due)
{
	for (int i = 0; i < 2000 && watched(w) < due; i++) {
		attach_poll(w->attach);
		usleep(1000);
	}
	assert_int_equal(watched(w), due);
}

static void path_of(const char *name, char path[static 128])
{
	snprintf(path, 128, "%s/%s", folder, name);
}

static void make(const char *source, const char *name)
{
	char path[128], command[256];
	FILE *compiler;

	path_of(name, path);
	snprintf(command, sizeof(command),
		 "clang -O1 -w -shared -fPIC -Wl,-Bsymbolic -x c -o '%s' -", path);
	compiler = popen(command, "w");
	assert_non_null(compiler);
	fputs(source, compiler);
	assert_int_equal(pclose(compiler), 0);
}

static struct stub load(const char *name)
{
	struct stub s = { 0 };
	char path[128];

	path_of(name, path);
	s.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	assert_non_null(s.handle);
	*(void **)&s.ctrl = dlsym(s.handle, "SSL_ctrl");
	*(void **)&s.free = dlsym(s.handle, "SSL_free");
	*(void **)&s.read = dlsym(s.handle, "SSL_read");
	*(void **)&s.write = dlsym(s.handle, "SSL_write");
	assert_true(s.ctrl && s.free && s.read && s.write);
	return s;
}

static struct stub make_and_load(struct world *w, const char *source, const char *name)
{
	uint64_t before = watched(w);
	struct stub s;

	make(source, name);
	s = load(name);
	wait_for_watched(w, before + 1);
	return s;
}

static void talk(const struct stub *s, void *object)
{
	char sink[16];

	s->ctrl(object, SET_HOSTNAME, 0, HOST);
	assert_int_equal(s->write(object, "question", 8), 8);
	assert_int_equal(s->read(object, sink, sizeof(sink)), 6);
	s->free(object);
}

/* capture case 2 */
static void test_write_ex2_is_one_write(void **state)
{
	int (*ex)(void *, const void *, size_t, size_t *);
	int (*ex2)(void *, const void *, size_t, unsigned long, size_t *);
	char object[64] = { 0 };
	struct world w;
	struct stub s;
	size_t n = 0;

	(void)state;
	open_world(&w);
	s = make_and_load(&w, NEW, "libssl-new.so");
	*(void **)&ex = dlsym(s.handle, "SSL_write_ex");
	*(void **)&ex2 = dlsym(s.handle, "SSL_write_ex2");
	s.ctrl(object, SET_HOSTNAME, 0, HOST);
	assert_int_equal(ex(object, "one", 3, &n), 1);
	assert_int_equal(ex2(object, "two", 3, 0, &n), 1);
	world_drain(&w);
	assert_int_equal(w.seen.chunks, 2);
	assert_int_equal(w.seen.n[DIRECTION_SENT], 6);
	assert_memory_equal(w.seen.bytes[DIRECTION_SENT], "onetwo", 6);
	dlclose(s.handle);
	world_close(&w);
}

/* capture case 4 */
static void test_only_the_old_functions(void **state)
{
	char object[64] = { 0 };
	struct world w;
	struct stub s;

	(void)state;
	open_world(&w);
	s = make_and_load(&w, OLD, "libssl-old.so");
	talk(&s, object);
	world_drain(&w);
	assert_int_equal(w.seen.opened, 1);
	assert_int_equal(w.seen.closed, 1);
	assert_memory_equal(w.seen.bytes[DIRECTION_SENT], "question", 8);
	assert_memory_equal(w.seen.bytes[DIRECTION_RECEIVED], "answer", 6);
	dlclose(s.handle);
	world_close(&w);
}

/* capture case 9: what the kernel encrypts passes no buffer, so it is counted as a gap. */
static void test_sendfile_is_a_gap(void **state)
{
	long (*sendfile)(void *, int, long, size_t, int);
	char object[64] = { 0 };
	struct world w;
	struct stub s;

	(void)state;
	open_world(&w);
	s = make_and_load(&w, SENDFILE, "libssl-sendfile.so");
	*(void **)&sendfile = dlsym(s.handle, "SSL_sendfile");
	s.ctrl(object, SET_HOSTNAME, 0, HOST);
	assert_int_equal(s.write(object, "head", 4), 4);
	assert_int_equal(sendfile(object, 0, 0, 5000000000, 0), 5000000000);
	assert_int_equal(s.write(object, "tail", 4), 4);
	s.free(object);
	world_drain(&w);
	assert_int_equal(world_count(&w, EVENT_COUNTER_UNSEEN_BYTES), 5000000000);
	assert_int_equal(w.seen.n[DIRECTION_SENT], 8);
	assert_int_equal(w.seen.end[DIRECTION_SENT], 5000000008);
	assert_int_equal(counter_read(&capture_counters(w.capture)->lost_bytes), 5000000000);
	dlclose(s.handle);
	world_close(&w);
}

static void test_early_data_and_packets_of_gnutls(void **state)
{
	static const char library[] = "libgnutls-stub.so";
	long (*recv)(void *, void *, long), (*recv_packet)(void *, void **);
	long (*send)(void *, const void *, long), (*send_range)(void *, const void *, long, void *);
	int (*early)(void *, const void *, long), (*name)(void *, int, const void *, long);
	int object[16] = { 0 };
	char path[128], sink[16];
	uint64_t known;
	struct world w;
	void *handle, *packet;

	(void)state;
	open_world(&w);
	known = watched(&w);
	make(GNUTLS, library);
	path_of(library, path);
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	assert_non_null(handle);
	*(void **)&recv = dlsym(handle, "gnutls_record_recv");
	*(void **)&recv_packet = dlsym(handle, "gnutls_record_recv_packet");
	*(void **)&send = dlsym(handle, "gnutls_record_send");
	*(void **)&send_range = dlsym(handle, "gnutls_record_send_range");
	*(void **)&early = dlsym(handle, "gnutls_record_send_early_data");
	*(void **)&name = dlsym(handle, "gnutls_server_name_set");
	wait_for_watched(&w, known + 1);
	name(object, 1, HOST, sizeof(HOST) - 1);
	object[0] = -50; /* GNUTLS_E_INVALID_REQUEST: nothing has gone */
	early(object, "refused", 7);
	object[0] = 0;
	early(object, "early,", 6);
	send(object, "late,", 5);
	send_range(object, "range", 5, NULL);
	recv_packet(object, &packet);
	recv(object, sink, sizeof(sink));
	world_drain(&w);
	assert_int_equal(w.seen.n[DIRECTION_SENT], 16);
	assert_memory_equal(w.seen.bytes[DIRECTION_SENT], "early,late,range", 16);
	assert_int_equal(w.seen.n[DIRECTION_RECEIVED], 6);
	assert_int_equal(w.seen.end[DIRECTION_RECEIVED], 106);
	assert_int_equal(world_count(&w, EVENT_COUNTER_UNSEEN_BYTES), 100);
	dlclose(handle);
	world_close(&w);
}

/* capture case 49 */
static void test_two_libraries_in_one_process(void **state)
{
	char object[64] = { 0 };
	struct stub first, second;
	struct world w;

	(void)state;
	open_world(&w);
	first = make_and_load(&w, OLD, "libssl-2f9a81c0.so.3");
	second = make_and_load(&w, NEW, "libother.so");
	for (int i = 0; i < 3; i++) {
		talk(&first, object);
		talk(&second, object);
	}
	world_drain(&w);
	assert_int_equal(w.seen.opened, 6);
	assert_int_equal(w.seen.closed, 6);
	assert_int_equal(w.seen.n[DIRECTION_SENT], 6 * 8);
	assert_int_equal(w.seen.n[DIRECTION_RECEIVED], 6 * 6);
	dlclose(first.handle);
	dlclose(second.handle);
	world_close(&w);
}

/* capture case 44: an upgrade renames a new file into place; running programs keep the old. */
static void test_replaced_library(void **state)
{
	char object[64] = { 0 }, from[128], to[128];
	struct stub before, after;
	uint64_t known;
	struct world w;

	(void)state;
	open_world(&w);
	before = make_and_load(&w, OLD, "libssl.so.3");
	known = watched(&w);
	make(NEW, "libssl.so.3.new");
	path_of("libssl.so.3.new", from);
	path_of("libssl.so.3", to);
	assert_int_equal(rename(from, to), 0);
	after = load("./libssl.so.3"); /* by the same words the loader would give the old one */
	assert_ptr_not_equal(after.handle, before.handle);
	wait_for_watched(&w, known + 1);
	attach_sweep(w.attach); /* which must not take the old one for gone */
	talk(&before, object);
	talk(&after, object);
	world_drain(&w);
	assert_int_equal(w.seen.opened, 2);
	assert_int_equal(w.seen.n[DIRECTION_SENT], 2 * 8);
	dlclose(before.handle);
	dlclose(after.handle);
	world_close(&w);
}

#define PROCESSES 50

/* capture case 43 */
static void test_many_processes_on_one_library(void **state)
{
	pid_t children[PROCESSES];
	int go[2], ready[2];
	struct world w;
	struct stub s;
	char byte;

	(void)state;
	open_world(&w);
	s = make_and_load(&w, OLD, "libssl-shared.so");
	assert_true(pipe(go) == 0 && pipe(ready) == 0);
	for (int i = 0; i < PROCESSES; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			char object[64] = { 0 };
			struct stub mine = load("libssl-shared.so");

			close(go[1]);
			if (write(ready[1], "r", 1) != 1 || read(go[0], &byte, 1) != 0)
				_exit(1);
			talk(&mine, object);
			_exit(0);
		}
	}
	for (int i = 0; i < PROCESSES; i++)
		assert_int_equal(read(ready[0], &byte, 1), 1);
	attach_poll(w.attach);
	attach_sweep(w.attach);
	close(go[1]);
	for (int i = 0; i < PROCESSES; i++) {
		int status;

		waitpid(children[i], &status, 0);
		assert_int_equal(status, 0);
	}
	world_drain(&w);
	assert_int_equal(w.seen.opened, PROCESSES);
	assert_int_equal(w.seen.chunks, 2 * PROCESSES);
	assert_int_equal(w.seen.n[DIRECTION_SENT], PROCESSES * 8);
	close(go[0]);
	close(ready[0]);
	close(ready[1]);
	dlclose(s.handle);
	world_close(&w);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_ex2_is_one_write),
		cmocka_unit_test(test_only_the_old_functions),
		cmocka_unit_test(test_sendfile_is_a_gap),
		cmocka_unit_test(test_early_data_and_packets_of_gnutls),
		cmocka_unit_test(test_two_libraries_in_one_process),
		cmocka_unit_test(test_replaced_library),
		cmocka_unit_test(test_many_processes_on_one_library),
	};

	if (geteuid() != 0) {
		print_message("skipped: needs root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
