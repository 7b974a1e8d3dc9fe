/* The structs that kernel and user space share have one layout in both: compares each member's
 * offset and size in the BTF of layout.bpf.c with the compiler's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/btf.h>
#include <string.h>

#include "bpf/event.h"
#include "bpf/flow_block.h"
#include "bpf/flow_event.h"

#define OBJECT "build/tests/bpf/layout.bpf.o"

struct member {
	const char *name;
	size_t offset;
};

#define MEMBER(type, field)                                                                        \
	{                                                                                          \
#field, offsetof(struct type, field)                                               \
	}

static const struct member head[] = {
	MEMBER(event_head, type),     MEMBER(event_head, tgid), MEMBER(event_head, time_ns),
	MEMBER(event_head, start_ns), MEMBER(event_head, ssl),  MEMBER(event_head, generation_ns),
};
static const struct member open_members[] = {
	MEMBER(event_open, head),    MEMBER(event_open, cgroup_id), MEMBER(event_open, uid),
	MEMBER(event_open, host_id), MEMBER(event_open, ns_pid),    MEMBER(event_open, known),
	MEMBER(event_open, late),    MEMBER(event_open, file),      MEMBER(event_open, comm),
	MEMBER(event_open, name),    MEMBER(event_open, labels),    MEMBER(event_open, exe),
	MEMBER(event_open, cgroup),
};
static const struct member data[] = {
	MEMBER(event_data, head),     MEMBER(event_data, offset), MEMBER(event_data, length),
	MEMBER(event_data, captured), MEMBER(event_data, cut),    MEMBER(event_data, direction),
	MEMBER(event_data, bytes),
};
static const struct member close_members[] = {
	MEMBER(event_close, head),
	MEMBER(event_close, sent),
	MEMBER(event_close, received),
};
static const struct member flow_head_members[] = {
	MEMBER(flow_head, type),
	MEMBER(flow_head, unused),
	MEMBER(flow_head, cookie),
	MEMBER(flow_head, time_ns),
};
static const struct member hello_members[] = {
	MEMBER(flow_hello, head),        MEMBER(flow_hello, start_ns),
	MEMBER(flow_hello, cgroup_id),   MEMBER(flow_hello, host),
	MEMBER(flow_hello, ssl),         MEMBER(flow_hello, generation_ns),
	MEMBER(flow_hello, random),      MEMBER(flow_hello, tgid),
	MEMBER(flow_hello, uid),         MEMBER(flow_hello, host_id),
	MEMBER(flow_hello, remote_port), MEMBER(flow_hello, local_port),
	MEMBER(flow_hello, remote),      MEMBER(flow_hello, local),
	MEMBER(flow_hello, comm),        MEMBER(flow_hello, name),
};
static const struct member refused_members[] = {
	MEMBER(flow_refused, head),        MEMBER(flow_refused, tgid),
	MEMBER(flow_refused, remote_port), MEMBER(flow_refused, local_port),
	MEMBER(flow_refused, remote),      MEMBER(flow_refused, local),
};
static const struct member block_members[] = {
	MEMBER(flow_block, scope),
	MEMBER(flow_block, unused),
	MEMBER(flow_block, id),
	MEMBER(flow_block, host),
};
static const struct member spare_members[] = {
	MEMBER(flow_spare, call),           MEMBER(flow_spare, next),
	MEMBER(flow_spare, passed_bytes),   MEMBER(flow_spare, began_ns),
	MEMBER(flow_spare, received_bytes),
};
static const struct member control_members[] = {
	MEMBER(flow_control, beat_ns),        MEMBER(flow_control, patience_ns),
	MEMBER(flow_control, fail_closed),    MEMBER(flow_control, generation),
	MEMBER(flow_control, refuse_connect), MEMBER(flow_control, agent),
};
static const struct member flow_close_members[] = {
	MEMBER(flow_close, head),
	MEMBER(flow_close, sent),
	MEMBER(flow_close, received),
};
static const struct member older_members[] = {
	MEMBER(flow_older, head),        MEMBER(flow_older, sent),
	MEMBER(flow_older, received),    MEMBER(flow_older, host),
	MEMBER(flow_older, start_ns),    MEMBER(flow_older, cgroup_id),
	MEMBER(flow_older, uid),         MEMBER(flow_older, tgid),
	MEMBER(flow_older, remote_port), MEMBER(flow_older, local_port),
	MEMBER(flow_older, unused),      MEMBER(flow_older, remote),
	MEMBER(flow_older, local),
};

static void check_struct(const struct btf *btf, const char *name, size_t size,
			 const struct member *members, unsigned n)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT);
	const struct btf_type *type;

	assert_true(id > 0);
	type = btf__type_by_id(btf, (uint32_t)id);
	assert_int_equal(type->size, size);
	assert_int_equal(btf_vlen(type), n);
	for (unsigned i = 0; i < n; i++) {
		const struct btf_member *m = btf_members(type) + i;

		assert_string_equal(btf__name_by_offset(btf, m->name_off), members[i].name);
		assert_int_equal(btf_member_bit_offset(type, i), members[i].offset * 8);
	}
}

#define CHECK(btf, name, members)                                                                  \
	check_struct(btf, #name, sizeof(struct name), members,                                     \
		     sizeof(members) / sizeof((members)[0]))

static void test_layouts(void **state)
{
	struct btf *btf = btf__parse(OBJECT, NULL);

	(void)state;
	assert_non_null(btf);
	CHECK(btf, event_head, head);
	CHECK(btf, event_open, open_members);
	CHECK(btf, event_data, data);
	CHECK(btf, event_close, close_members);
	CHECK(btf, flow_head, flow_head_members);
	CHECK(btf, flow_hello, hello_members);
	CHECK(btf, flow_refused, refused_members);
	CHECK(btf, flow_block, block_members);
	CHECK(btf, flow_spare, spare_members);
	CHECK(btf, flow_control, control_members);
	CHECK(btf, flow_close, flow_close_members);
	CHECK(btf, flow_older, older_members);
	btf__free(btf);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_layouts) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
