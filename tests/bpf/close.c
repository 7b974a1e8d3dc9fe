/* How long it takes to take probes off: as long for many links as for one. Needs root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "attach/link.h"
#include "base/clock.h"
#include "bpf/tls.skel.h"

#define LINKS    12
#define ROUNDS   3
#define SLACK_NS (50 * NS_PER_SEC / 1000)

/* A kernel before 6.6 has perf links alone, and one lock for all of them. */
static struct tls_bpf *load(void)
{
	struct tls_bpf *skeleton = tls_bpf__open();

	assert_non_null(skeleton);
	bpf_map__set_max_entries(skeleton->maps.events, 1 << 20);
	link_prepare(skeleton->obj, LINK_MULTI);
	assert_int_equal(tls_bpf__load(skeleton), 0);
	if (link_try(skeleton->progs.call_enter, LINK_MULTI) < 0)
		skip();
	return skeleton;
}

/* The least of some rounds, from links in two sets. */
static int64_t closing_ns(const struct tls_bpf *skeleton, int file, unsigned n)
{
	const struct link_places head = { .n = 1 }; /* the ELF header: no code */
	int64_t least = INT64_MAX;

	for (int round = 0; round < ROUNDS; round++) {
		struct links sets[2] = { 0 };
		int64_t start;

		for (unsigned i = 0; i < n; i++)
			assert_int_equal(link_attach(LINK_MULTI, skeleton->progs.call_enter, file,
						     &head, false, &sets[i % 2]),
					 0);
		start = clock_system.monotonic_ns(&clock_system);
		link_move(&sets[1], &sets[0]);
		assert_int_equal(sets[1].n, 0);
		assert_int_equal(sets[0].n, n);
		link_close(&sets[0]);
		start = clock_system.monotonic_ns(&clock_system) - start;
		least = start < least ? start : least;
	}
	return least;
}

static unsigned open_files(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_many_as_fast_as_one(void **state)
{
	struct tls_bpf *skeleton = load();
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	unsigned files = open_files();
	int64_t one, many;

	(void)state;
	one = closing_ns(skeleton, file, 1);
	many = closing_ns(skeleton, file, LINKS);
	print_message("one link %lld us, %d links %lld us\n", (long long)one / 1000, LINKS,
		      (long long)many / 1000);
	assert_true(many < 3 * one + SLACK_NS);
	assert_int_equal(open_files(), files);
	close(file);
	tls_bpf__destroy(skeleton);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_as_fast_as_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
