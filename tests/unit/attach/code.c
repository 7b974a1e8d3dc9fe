/* The decoder against the library itself: this process has OpenSSL loaded, so what the code is said
 * to read from an SSL object is compared with what the function returns for one. Small functions
 * are written out in bytes, by hand from the Intel manual, volume 2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <fcntl.h>
#include <glob.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "attach/code.h"
#include "attach/elf.h"

#define AT 64 /* where the code stands in a file made here: behind the ELF header */

struct file {
	int fd;
	struct code *code;
};

static struct file file_of(const void *bytes, size_t n)
{
	Elf64_Ehdr head = { .e_ident = ELFMAG, .e_machine = EM_X86_64 };
	struct file f = { .fd = memfd_create("code", MFD_CLOEXEC) };

	assert_int_equal(pwrite(f.fd, &head, sizeof(head), 0), sizeof(head));
	assert_int_equal(pwrite(f.fd, bytes, n, AT), n);
	f.code = code_open(f.fd);
	assert_non_null(f.code);
	return f;
}

static void close_file(struct file *f)
{
	code_close(f->code);
	close(f->fd);
}

#define CODE(...)                                                                                  \
	file_of((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void check_spot(struct file f, unsigned arguments, bool cheap, unsigned offset)
{
	uint64_t at = 0;

	assert_int_equal(code_cheap_spot(f.code, AT, arguments, &at), cheap);
	assert_int_equal(at, AT + offset);
	close_file(&f);
}

static void test_spots(void **state)
{
	(void)state;
	check_spot(CODE(0x55, 0xc3), 4, true, 0);                         /* push rbp */
	check_spot(CODE(0x41, 0x57, 0xc3), 4, true, 0);                   /* push r15 */
	check_spot(CODE(0xf3, 0x0f, 0x1e, 0xfa, 0x53, 0xc3), 4, true, 4); /* endbr64; push rbx */
	check_spot(CODE(0x31, 0xc0, 0xe9, 1, 0, 0, 0), 4, true, 2);       /* xor eax,eax; jmp */
	check_spot(CODE(0x48, 0x85, 0xff, 0x74, 2, 0xc3), 1, true, 3);    /* test rdi,rdi; je */
	check_spot(CODE(0x48, 0x85, 0xff, 0x0f, 0x84, 2, 0, 0, 0), 1, true, 3); /* the same, far */
	check_spot(CODE(0x45, 0x31, 0xc0, 0x55), 4, true, 3);  /* xor r8d,r8d: no argument of 4 */
	check_spot(CODE(0x45, 0x31, 0xc0, 0x55), 5, false, 0); /* but of 5 */
	check_spot(CODE(0x48, 0x83, 0xec, 8, 0x55), 1, false, 0); /* sub rsp,8: the return moves */
	check_spot(CODE(0x89, 0xf7, 0x55), 1, false, 0);          /* mov edi,esi */
	check_spot(CODE(0xff, 0xe0, 0x55), 1, false, 0);          /* jmp rax: not a straight line */
	check_spot(CODE(0xc3, 0x55), 1, false, 0);                /* ret */
	check_spot(CODE(0x06, 0x55), 1, false, 0); /* no instruction in 64-bit mode */
	check_spot(CODE(0x90), 1, false, 0);       /* runs out of the file */
}

static void check_call(struct file f, unsigned target, unsigned argument)
{
	struct code_call call = code_first_call(f.code, AT);

	assert_int_equal(call.target, target ? AT + target : 0);
	assert_int_equal(call.local_argument, argument);
	close_file(&f);
}

static void test_calls(void **state)
{
	(void)state;
	/* js over; lea rcx,[rsp+8]; call +0x10 */
	check_call(CODE(0x78, 0x20, 0x48, 0x8d, 0x4c, 0x24, 8, 0xe8, 0x10, 0, 0, 0), 12 + 0x10, 4);
	/* xor ecx,ecx; lea r8,[rsp+8]; call */
	check_call(CODE(0x31, 0xc9, 0x4c, 0x8d, 0x44, 0x24, 8, 0xe8, 0x10, 0, 0, 0), 12 + 0x10, 5);
	check_call(CODE(0x48, 0x89, 0xe1, 0xe8, 0, 0, 0, 0), 8, 4); /* mov rcx,rsp; call */
	/* jmp +1; ret; call +0: through the jump */
	check_call(CODE(0xeb, 1, 0xc3, 0xe8, 0, 0, 0, 0), 8, 0);
	check_call(CODE(0xff, 0xd0), 0, 0);       /* call rax */
	check_call(CODE(0xff, 0xe0), 0, 0);       /* jmp rax */
	check_call(CODE(0xc3, 0xe8, 0, 0), 0, 0); /* ret */
	check_call(CODE(0xeb, 0xfe), 0, 0);       /* jmp to itself: the walk is bounded */
}

static void test_returns(void **state)
{
	/* test edi,edi; je +1; ret; xor eax,eax; ret */
	struct file two = CODE(0x85, 0xff, 0x74, 1, 0xc3, 0x31, 0xc0, 0xc3);
	struct file table = CODE(0x85, 0xff, 0x74, 1, 0xc3, 0xff, 0xe0); /* ...; jmp rax */
	struct file loop = CODE(0xeb, 0xfe);
	uint64_t at[CODE_RETURNS_MAX];

	(void)state;
	assert_int_equal(code_returns(two.code, AT, at), 2);
	assert_int_equal(at[0] + at[1], AT + 4 + AT + 7);
	assert_int_equal(code_returns(table.code, AT, at), 0);
	assert_int_equal(code_returns(loop.code, AT, at), 0);
	assert_int_equal(code_returns(NULL, AT, at), 0);
	close_file(&two);
	close_file(&table);
	close_file(&loop);
}

static void test_fields(void **state)
{
	/* mov rax,[rdi+0x10]; ret */
	struct file plain = CODE(0x48, 0x8b, 0x47, 0x10, 0xc3);
	/* test rsi,rsi; je +5; mov rax,[rdi+0x10]; ret; mov rax,[rdi+0x18]; ret */
	struct file either = CODE(0x48, 0x85, 0xf6, 0x74, 5, 0x48, 0x8b, 0x47, 0x10, 0xc3, 0x48,
				  0x8b, 0x47, 0x18, 0xc3);
	/* mov rdi,[rdi]; mov rax,[rdi+0x10]; ret: of another object */
	struct file other = CODE(0x48, 0x8b, 0x3f, 0x48, 0x8b, 0x47, 0x10, 0xc3);

	(void)state;
	assert_int_equal(code_returned_field(plain.code, AT, 8), 0x10);
	assert_int_equal(code_returned_field(plain.code, AT, 4), 0);
	assert_int_equal(code_returned_field(either.code, AT, 8), 0);
	assert_int_equal(code_returned_field(other.code, AT, 8), 0);
	close_file(&plain);
	close_file(&either);
	close_file(&other);
}

static void test_what_is_no_code_is_refused(void **state)
{
	int fd = memfd_create("no code", MFD_CLOEXEC);

	(void)state;
	assert_null(code_open(fd));
	assert_null(code_open(-1));
	close(fd);
}

/* OpenSSL as it is installed. */
static void test_real_library(void **state)
{
	static const char *const names[] = { "SSL_get_servername", "SSL_is_server", "SSL_read",
					     "SSL_read_ex" };
	SSL *ssl = SSL_new(SSL_CTX_new(TLS_client_method()));
	uint64_t offsets[4];
	struct code_call plain, ex;
	unsigned name_at, server_at;
	struct code *code;
	glob_t found;
	int fd, server;
	char *name;

	(void)state;
	assert_int_equal(glob("/usr/lib/*-gnu*/libssl.so.3", 0, NULL, &found), 0);
	fd = open(found.gl_pathv[0], O_RDONLY | O_CLOEXEC);
	globfree(&found);
	assert_int_equal(elf_find_symbols(fd, names, 4, offsets), 0);
	code = code_open(fd);
	if (!code) { /* not an x86-64 */
		close(fd);
		skip();
	}
	name_at = code_returned_field(code, offsets[0], 8);
	server_at = code_returned_field(code, offsets[1], 4);
	assert_true(name_at && server_at);
	SSL_set_tlsext_host_name(ssl, "api.example.com");
	memcpy(&name, (char *)ssl + name_at, sizeof(name));
	assert_string_equal(name, "api.example.com");
	for (int i = 0; i < 2; i++) {
		if (i)
			SSL_set_accept_state(ssl);
		else
			SSL_set_connect_state(ssl);
		memcpy(&server, (char *)ssl + server_at, sizeof(server));
		assert_int_equal(server, i);
		assert_int_equal(SSL_is_server(ssl), i);
	}
	plain = code_first_call(code, offsets[2]);
	ex = code_first_call(code, offsets[3]);
	assert_true(plain.target != 0);
	assert_int_equal(plain.target, ex.target);
	assert_int_equal(plain.local_argument, 4);
	code_close(code);
	close(fd);
	SSL_CTX_free(SSL_get_SSL_CTX(ssl));
	SSL_free(ssl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spots),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_returns),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_what_is_no_code_is_refused),
		cmocka_unit_test(test_real_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
