/* Go programs that the test builds, in every way the linker has, stripped and not: the places
 * against `go tool nm` and objdump, the layout against the program's own reflection. Skipped where
 * there is no Go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "attach/go.h"
#include "attach/image.h"
#include "attach/pclntab.h"
#include "bpf/cookie.h"

static const char source[] =
    "package main\n"
    "import (\"crypto/tls\"; \"fmt\"; \"io\"; \"reflect\")\n"
    "func offset(of any, name string) (n uintptr) {\n"
    "	if f, ok := reflect.TypeOf(of).FieldByName(name); ok { n = f.Offset }\n"
    "	return\n"
    "}\n"
    "var sink io.ReadWriteCloser\n"
    "func main() {\n"
    "	sink = &tls.Conn{}\n"
    "	fmt.Println(offset(tls.Conn{}, \"isHandshakeComplete\"), offset(tls.Conn{}, \"config\"),\n"
    "		offset(tls.Conn{}, \"serverName\"), offset(tls.Config{}, \"ServerName\"),\n"
    "		offset(tls.Conn{}, \"isClient\"))\n"
    "}\n";

static char directory[] = "/tmp/outlay-go-XXXXXX";
static bool have_go;

__attribute__((format(printf, 3, 4))) static bool run(char *out, size_t room, const char *format,
						      ...)
{
	char command[1024];
	va_list args;
	size_t n;
	FILE *pipe;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	n = fread(out, 1, room - 1, pipe);
	out[n] = '\0';
	return pclose(pipe) == 0;
}

static uint64_t address_by_nm(const char *name, const char *method)
{
	char line[256];

	assert_true(run(line, sizeof(line),
			"go tool nm %s/%s | grep -E ' [Tt] crypto/tls\\.\\(\\*Conn\\)\\.%s$'",
			directory, name, method));
	return strtoull(line, NULL, 16);
}

static uint64_t offset_of(int fd, uint64_t address)
{
	uint64_t offset = 0;

	assert_true(address && image_offset(fd, address, &offset));
	return offset;
}

/* Of [begin, end), as objdump prints them: "  4984a0:\tc3\tret". */
static unsigned check_returns(int fd, const char *name, uint64_t begin, const uint64_t *returns)
{
	static char text[1 << 16];
	unsigned n = 0;

	/* Up to the padding after the function. */
	assert_true(
	    run(text, sizeof(text),
		"objdump -d --no-show-raw-insn --start-address=%#lx "
		"--stop-address=%#lx %s/%s | sed '/int3/,$d' | grep -E '\\sret' | cut -d: -f1",
		begin, begin + 8192, directory, name));
	for (char *line = text; *line; line = strchr(line, '\n') + 1)
		assert_int_equal(offset_of(fd, strtoull(line, NULL, 16)), returns[n++]);
	assert_true(n > 1);
	return n;
}

static void check_layout(const char *name, uint64_t layout)
{
	unsigned long done, config, server_name, config_name, is_client;
	char line[128];

	assert_true(run(line, sizeof(line), "%s/%s", directory, name));
	assert_int_equal(sscanf(line, "%lu %lu %lu %lu %lu", &done, &config, &server_name,
				&config_name, &is_client),
			 5);
	assert_int_equal(EVENT_GO_HANDSHAKE(layout), done);
	assert_int_equal(EVENT_GO_CONFIG(layout), config);
	assert_int_equal(EVENT_GO_NAME(layout), server_name);
	assert_int_equal(EVENT_GO_CONFIG_NAME(layout), config_name);
	assert_int_equal(is_client, 16);
}

static struct go_tls examine(const char *name)
{
	struct err err = { 0 };
	struct go_tls tls;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(image_classify(fd), IMAGE_GO);
	if (go_examine(fd, &tls, &err) < 0)
		fail_msg("%s: %s", name, err.text);
	close(fd);
	return tls;
}

static void check_program(const char *name, const char *flags)
{
	struct go_tls tls, stripped;
	char out[4096], path[128];
	uint64_t read, write;
	unsigned n;
	int fd;

	if (!run(out, sizeof(out), "cd %s && CC=clang go build -o %s %s main.go 2>&1", directory,
		 name, flags)) {
		print_message("%s: not built here: %s\n", name, out);
		return;
	}
	tls = examine(name);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	read = address_by_nm(name, "Read");
	write = address_by_nm(name, "Write");
	/* Within the first instructions: behind the check, at a push or sub. */
	assert_in_range(tls.read, offset_of(fd, read) + 6, offset_of(fd, read) + 40);
	assert_in_range(tls.write, offset_of(fd, write) + 6, offset_of(fd, write) + 40);
	assert_in_range(tls.close, offset_of(fd, address_by_nm(name, "Close")) + 6,
			offset_of(fd, address_by_nm(name, "Close")) + 40);
	assert_in_range(tls.hello, offset_of(fd, address_by_nm(name, "clientHandshake")) + 6,
			offset_of(fd, address_by_nm(name, "clientHandshake")) + 40);
	assert_int_equal(tls.cheap, 4);
	assert_true(run(out, sizeof(out),
			"objdump -d --no-show-raw-insn --start-address=%#lx --stop-address=%#lx %s "
			"| tail -1 | grep -E 'push +%%rbp|sub .*,%%rsp'",
			read + (tls.read - offset_of(fd, read)),
			read + (tls.read - offset_of(fd, read)) + 1, path));
	n = check_returns(fd, name, read, tls.returns);
	n += check_returns(fd, name, write, tls.returns + n);
	assert_int_equal(n, tls.n_returns);
	close(fd);
	check_layout(name, tls.layout);
	print_message("%s: %s, %u returns\n", name, tls.version, n);
	assert_true(run(out, sizeof(out), "strip %s/%s", directory, name));
	stripped = examine(name);
	assert_memory_equal(&stripped, &tls, sizeof(tls));
}

static void test_every_way_of_linking(void **state)
{
	(void)state;
	if (!have_go)
		skip();
	check_program("plain", "");
	check_program("pie", "-buildmode=pie");
	check_program("external", "-ldflags=-linkmode=external");
	check_program("external-pie", "-buildmode=pie -ldflags=-linkmode=external");
}

static void test_go_without_tls(void **state)
{
	struct err err = { 0 };
	char out[4096], path[128];
	struct go_tls tls;
	int fd;

	(void)state;
	if (!have_go)
		skip();
	assert_true(run(out, sizeof(out),
			"cd %s && echo 'package main\nfunc main() {}' > none.go && "
			"go build -o none none.go",
			directory));
	snprintf(path, sizeof(path), "%s/none", directory);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(image_classify(fd), IMAGE_GO);
	assert_int_equal(go_examine(fd, &tls, &err), -ENOENT);
	assert_string_equal(err.text, "");
	close(fd);
}

static void test_no_go(void **state)
{
	struct err err = { 0 };
	struct go_tls tls;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(go_examine(fd, &tls, &err), -ENOTSUP);
	assert_true(err.text[0]);
	close(fd);
}

/* A program of whose table, names or code a byte is wrong: found or refused, nothing else. */
static void test_damaged(void **state)
{
	static const char *const names[] = { "crypto/tls.(*Conn).Read" };
	const char *seed_text = getenv("SEED");
	unsigned seed = seed_text ? (unsigned)strtoul(seed_text, NULL, 10) : (unsigned)getpid();
	struct image_section table;
	char path[128];
	int fd;

	(void)state;
	if (!have_go)
		skip();
	print_message("seed %u\n", seed);
	srand(seed);
	snprintf(path, sizeof(path), "%s/plain", directory);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(image_section(fd, ".gopclntab", &table), 0);
	for (int round = 0; round < 100; round++) {
		off_t at = (off_t)(table.offset + (uint64_t)rand() % (round & 1 ? 72 : table.size));
		unsigned char was, is = (unsigned char)rand();
		struct pclntab_function found;
		struct err err = { 0 };
		struct go_tls tls;

		assert_int_equal(pread(fd, &was, 1, at), 1);
		assert_int_equal(pwrite(fd, &is, 1, at), 1);
		(void)pclntab_find(fd, names, 1, &found);
		(void)go_examine(fd, &tls, &err);
		assert_int_equal(pwrite(fd, &was, 1, at), 1);
	}
	close(fd);
}

static int prepare(void **state)
{
	char out[256], path[128];
	FILE *f;

	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/main.go", directory);
	f = fopen(path, "w");
	if (!f || fputs(source, f) < 0 || fclose(f) != 0)
		return -1;
	have_go = run(out, sizeof(out), "go version 2>/dev/null");
	print_message("%s", have_go ? out : "no go here: skipped\n");
	return 0;
}

static int clean(void **state)
{
	char out[16];

	(void)state;
	return run(out, sizeof(out), "rm -r %s", directory) ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_way_of_linking),
		cmocka_unit_test(test_go_without_tls),
		cmocka_unit_test(test_no_go),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, prepare, clean);
}
