/* Orders -> what the kernel's map says, and which sockets are destroyed: against a map and a
 * destroyer of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "flow/enforce.h"

#define KEYS_MAX 64

struct world {
	struct enforce *enforce;
	unsigned n, destroyed, asked, published, published_before;
	struct {
		struct flow_block key;
		uint32_t mode;
	} map[KEYS_MAX];
	uint64_t last_destroyed, finishing; /* cookies; 0: none */
	bool deaf;                          /* nobody can be asked */
	unsigned over, swept, rounds;       /* sockets, and sweeps */
	int sweep_error;
	int write_error;
};

static int find(const struct world *w, const struct flow_block *key)
{
	for (unsigned i = 0; i < w->n; i++)
		if (!memcmp(&w->map[i].key, key, sizeof(*key)))
			return (int)i;
	return -1;
}

static int on_write(void *ctx, const struct flow_block *key, const uint32_t *mode)
{
	struct world *w = ctx;
	int at = find(w, key);

	if (!mode) {
		if (at >= 0)
			w->map[at] = w->map[--w->n];
		return 0;
	}
	if (w->write_error)
		return w->write_error;
	if (at < 0)
		at = (int)w->n++;
	assert_true(w->n <= KEYS_MAX);
	w->map[at].key = *key;
	w->map[at].mode = *mode;
	return 0;
}

static int on_tell(void *ctx, uint64_t cookie, enum flow_call call)
{
	struct world *w = ctx;

	w->over += call == FLOW_IS_OVER;
	if (call == FLOW_IS_OVER)
		return 0;
	assert_true(call == FLOW_MAY_END ? !w->finishing : w->over || w->finishing == cookie);
	w->over -= call == FLOW_NO_CALL && w->finishing != cookie;
	w->finishing = call == FLOW_MAY_END ? cookie : 0;
	w->published_before = w->published;
	return 0;
}

static void on_publish(void *ctx)
{
	((struct world *)ctx)->published++;
}

static int on_destroy(void *ctx, const struct flow_refused *socket)
{
	struct world *w = ctx;

	w->destroyed++;
	w->last_destroyed = socket->head.cookie;
	return socket->head.cookie == 404   ? -ENOENT
	       : socket->head.cookie == 403 ? -EPERM
	       : socket->head.cookie == 501 ? -EOPNOTSUPP
					    : 0;
}

/* All is in one network. */
static int on_sweep(void *ctx, uint32_t tgid, unsigned round)
{
	struct world *w = ctx;

	assert_int_equal(tgid, getpid());
	if (w->sweep_error)
		return w->sweep_error;
	if (round == w->rounds)
		return 0;
	assert_true(w->published); /* it counts by now */
	w->rounds = round;
	w->swept += w->over;
	return (int)w->over;
}

static bool on_ask(void *ctx, const struct process *process)
{
	struct world *w = ctx;

	assert_int_equal(process->pid, getpid());
	w->asked += !w->deaf;
	return !w->deaf;
}

static int open_world(void **state)
{
	static struct world w;
	struct enforce_ports ports = { &w,         on_write, on_tell, on_publish,
				       on_destroy, on_sweep, on_ask };

	memset(&w, 0, sizeof(w));
	assert_int_equal(enforce_new(&ports, "/proc", &w.enforce), 0);
	*state = &w;
	return 0;
}

static int close_world(void **state)
{
	struct world *w = *state;

	enforce_free(w->enforce);
	assert_int_equal(w->n, 0); /* nothing is left in the kernel */
	return 0;
}

static struct flow_block key_of(uint32_t scope, uint64_t id, const char *host)
{
	return (struct flow_block){ scope, 0, id, order_host_key(span_of(host)) };
}

static void block(struct world *w, const char *who, struct flow_block key, enum flow_mode mode,
		  bool at_once)
{
	assert_int_equal(enforce_block(w->enforce, who, &key, mode, at_once), 0);
	enforce_publish(w->enforce);
}

/* -1: not in the map */
static int mode_of(const struct world *w, struct flow_block key)
{
	int at = find(w, &key);

	return at < 0 ? -1 : (int)w->map[at].mode;
}

static void hello(struct world *w, uint64_t cookie, uint64_t start_ns, const char *host)
{
	struct flow_hello hello = { .head = { .type = FLOW_HELLO, .cookie = cookie },
				    .ssl = cookie,
				    .start_ns = start_ns,
				    .tgid = (uint32_t)getpid(),
				    .uid = 7,
				    .cgroup_id = 9,
				    .host = order_host_key(span_of(host)) };

	enforce_record(w->enforce, &hello, sizeof(hello));
}

static void say(struct world *w, uint64_t ssl, enum flow_news news)
{
	struct flow_capture capture = { .tls = { ssl, 0, 0, (uint64_t)getpid() }, .news = news };

	enforce_captured(w->enforce, &capture);
}

static void closed(struct world *w, uint64_t cookie)
{
	struct flow_close close = { .head = { .type = FLOW_CLOSE, .cookie = cookie } };

	enforce_record(w->enforce, &close, sizeof(close));
}

/* FNV-1a, 64 bits: the test vector "foobar" of draft-eastlake-fnv. */
static void test_host_key(void **state)
{
	(void)state;
	assert_true(order_host_key(SPAN("foobar")) == 0x85944171f73967e8);
	assert_true(order_host_key(SPAN("FooBar")) == 0x85944171f73967e8);
	assert_true(order_host_key(SPAN("*.foobar")) == (0x8c5eb0cfcdc41ddc ^ 1));
}

static void test_the_strictest_holds(void **state)
{
	struct world *w = *state;
	struct flow_block key = key_of(FLOW_UID, 7, "a.test");

	block(w, "one", key, FLOW_HOLD, false);
	block(w, "two", key, FLOW_CUT, false);
	block(w, "three", key, FLOW_ASK, false);
	assert_int_equal(mode_of(w, key), FLOW_CUT);
	assert_int_equal(enforce_release(w->enforce, "two"), 1);
	assert_int_equal(mode_of(w, key), FLOW_HOLD);
	block(w, "one", key, FLOW_PASS, false);
	assert_int_equal(mode_of(w, key), FLOW_ASK);
	assert_int_equal(enforce_release(w->enforce, "one"), 1);
	assert_int_equal(enforce_release(w->enforce, "three"), 1);
	assert_int_equal(enforce_release(w->enforce, "three"), 0);
	assert_int_equal(mode_of(w, key), -1);
	assert_int_equal(w->published, 4);
}

static void test_release_takes_all_of_one(void **state)
{
	struct world *w = *state;

	block(w, "one", key_of(FLOW_ALL, 0, "a.test"), FLOW_CUT, false);
	block(w, "one", key_of(FLOW_CGROUP, 9, "b.test"), FLOW_CUT, false);
	block(w, "two", key_of(FLOW_ALL, 0, "c.test"), FLOW_CUT, false);
	assert_int_equal(enforce_release(w->enforce, "one"), 2);
	assert_int_equal(w->n, 1);
	assert_int_equal(mode_of(w, key_of(FLOW_ALL, 0, "c.test")), FLOW_CUT);
}

static void test_at_once_is_of_the_strictest(void **state)
{
	struct world *w = *state;

	hello(w, 1, 1, "a.test");
	block(w, "one", key_of(FLOW_ALL, 0, "a.test"), FLOW_HOLD, true);
	block(w, "two", key_of(FLOW_ALL, 0, "a.test"), FLOW_CUT, false);
	assert_int_equal(w->destroyed, 0);
	block(w, "three", key_of(FLOW_UID, 7, "a.test"), FLOW_CUT, true);
	assert_int_equal(w->destroyed, 1);
	assert_int_equal(w->last_destroyed, 1);
	closed(w, 1);
	enforce_publish(w->enforce);
	assert_int_equal(w->destroyed, 1);
}

/* What is known to be between two calls is destroyed at once, a call may end before. */
static void test_idle_and_busy(void **state)
{
	struct world *w = *state;

	hello(w, 1, 0, "a.test"); /* nobody knows of it */
	hello(w, 2, 0, "a.test");
	hello(w, 3, 0, "a.test");
	hello(w, 4, 0, "b.test");
	say(w, 2, FLOW_BUSY);
	say(w, 2, FLOW_IDLE);
	say(w, 3, FLOW_BUSY);
	say(w, 4, FLOW_BUSY);
	say(w, 4, FLOW_IDLE);
	block(w, "one", key_of(FLOW_ALL, 0, "a.test"), FLOW_CUT, false);
	assert_int_equal(w->destroyed, 1);
	assert_int_equal(w->last_destroyed, 2);
	assert_int_equal(w->finishing, 3);
	assert_int_equal(w->published_before, 0); /* it was said before the cut counted */
	say(w, 3, FLOW_IDLE);
	assert_int_equal(w->destroyed, 2);
	assert_int_equal(w->last_destroyed, 3);
	assert_int_equal(w->finishing, 0);
}

/* What begins on a held connection waits, and is none that may end. */
static void test_begun_when_held(void **state)
{
	struct world *w = *state;

	hello(w, 1, 0, "a.test");
	say(w, 1, FLOW_BUSY);
	say(w, 1, FLOW_IDLE);
	block(w, "one", key_of(FLOW_ALL, 0, "a.test"), FLOW_HOLD, false);
	say(w, 1, FLOW_BUSY);
	assert_int_equal(w->finishing, 0);
	enforce_publish(w->enforce);
	say(w, 1, FLOW_BUSY);
	assert_int_equal(w->finishing, 0);
	assert_int_equal(enforce_release(w->enforce, "one"), 1);
	enforce_publish(w->enforce);
	block(w, "one", key_of(FLOW_ALL, 0, "a.test"), FLOW_HOLD, false);
	assert_int_equal(w->finishing, 1); /* by now it has been sent */
	say(w, 1, FLOW_BUSY);
	assert_int_equal(w->finishing, 1); /* and this is more of it */
	say(w, 1, FLOW_IDLE);
	hello(w, 2, 0, "a.test");
	say(w, 2, FLOW_BUSY);
	assert_int_equal(w->finishing, 2); /* nobody knows when that one began */
}

/* With at_once nothing ends by itself; a hold destroys nothing. */
static void test_busy_otherwise(void **state)
{
	struct world *w = *state;

	hello(w, 1, 0, "a.test");
	hello(w, 2, 0, "b.test");
	say(w, 1, FLOW_BUSY);
	say(w, 2, FLOW_BUSY);
	block(w, "one", key_of(FLOW_ALL, 0, "a.test"), FLOW_CUT, true);
	assert_int_equal(w->last_destroyed, 1);
	assert_int_equal(w->finishing, 0);
	block(w, "two", key_of(FLOW_ALL, 0, "b.test"), FLOW_HOLD, false);
	assert_int_equal(w->finishing, 2);
	assert_int_equal(enforce_release(w->enforce, "two"), 1);
	enforce_publish(w->enforce);
	assert_int_equal(w->finishing, 0);
	block(w, "two", key_of(FLOW_ALL, 0, "b.test"), FLOW_HOLD, false);
	closed(w, 2);
	assert_int_equal(w->finishing, 0); /* its cookie is nobody's any more */
}

static void test_only_what_the_scope_names(void **state)
{
	struct world *w = *state;
	struct flow_block keys[] = { key_of(FLOW_UID, 8, "a.test"),
				     key_of(FLOW_CGROUP, 8, "a.test"),
				     key_of(FLOW_ALL, 0, "b.test") };
	struct flow_block nobody = key_of(FLOW_PROCESS, 1, "a.test");

	hello(w, 1, 1, "a.test");
	for (unsigned i = 0; i < 3; i++)
		block(w, "one", keys[i], FLOW_CUT, true);
	assert_int_equal(w->destroyed, 0);
	assert_int_equal(enforce_block(w->enforce, "one", &nobody, FLOW_CUT, true), -ESRCH);
	block(w, "one", key_of(FLOW_CGROUP, 9, "a.test"), FLOW_CUT, true);
	assert_int_equal(w->destroyed, 1);
}

static void test_refused_is_destroyed(void **state)
{
	static const uint64_t cookies[] = { 1, 404, 403 };
	struct world *w = *state;

	for (unsigned i = 0; i < 3; i++) {
		struct flow_refused refused = { .head = { .type = FLOW_REFUSED,
							  .cookie = cookies[i] } };

		enforce_record(w->enforce, &refused, sizeof(refused) - 1);
		enforce_record(w->enforce, &refused, sizeof(refused));
		assert_int_equal(w->last_destroyed, cookies[i]);
	}
	assert_int_equal(w->destroyed, 3);
	assert_int_equal(enforce_counters(w->enforce)->cut.value, 1);
	assert_int_equal(enforce_counters(w->enforce)->cut_failed.value, 1);
}

static void test_a_process_is_asked_for_once_a_question(void **state)
{
	struct world *w = *state;
	uint64_t me = flow_process_id((uint32_t)getpid(), 0);
	struct flow_block mark = { FLOW_PROCESS, 0, me, 0 };

	block(w, "one", key_of(FLOW_ALL, 0, "a.test"), FLOW_ASK, false);
	w->deaf = true;
	hello(w, 1, 0, "a.test");
	assert_int_equal(w->asked, 0);
	w->deaf = false;
	enforce_sweep(w->enforce);
	hello(w, 2, 0, "a.test");
	assert_int_equal(w->asked, 1);
	enforce_judged(w->enforce, me);
	assert_int_equal(mode_of(w, mark), FLOW_PASS);
	hello(w, 3, 0, "a.test");
	assert_int_equal(w->asked, 1);
	/* It passes everywhere, so a question of another host is for it too. */
	block(w, "two", key_of(FLOW_ALL, 0, "b.test"), FLOW_ASK, false);
	assert_int_equal(w->asked, 2);
}

static void older(struct world *w, uint64_t cookie, const char *host)
{
	struct flow_older older = { .head = { .type = FLOW_OLDER, .cookie = cookie },
				    .tgid = (uint32_t)getpid(),
				    .uid = 7,
				    .host = host ? order_host_key(span_of(host)) : 0 };

	enforce_record(w->enforce, &older, sizeof(older));
}

/* Of whom a dead agent's hooks know: asked about, and cut when it is known to be between calls. */
static void test_connections_of_a_dead_agent(void **state)
{
	struct world *w = *state;

	block(w, "one", key_of(FLOW_ALL, 0, "a.test"), FLOW_ASK, false);
	older(w, 1, NULL);
	older(w, 2, "b.test");
	assert_int_equal(w->asked, 0);
	older(w, 3, "a.test");
	assert_int_equal(w->asked, 1);
	block(w, "two", key_of(FLOW_UID, 7, "c.test"), FLOW_CUT, true);
	assert_int_equal(w->destroyed, 0);
	older(w, 4, "c.test");
	assert_int_equal(w->last_destroyed, 4);
	hello(w, 5, 0, "c.test");
	assert_int_equal(w->destroyed, 2);
	older(w, 5, "c.test"); /* its hello was heard */
	assert_int_equal(w->destroyed, 2);
}

/* What was found out of a process holds for its next connection. */
static void test_orders_outlive_the_connections(void **state)
{
	struct world *w = *state;
	struct flow_block key =
	    key_of(FLOW_PROCESS, flow_process_id((uint32_t)getpid(), 0), "a.test");

	hello(w, 1, 0, "a.test");
	block(w, "one", key, FLOW_CUT, false);
	closed(w, 1);
	enforce_sweep(w->enforce);
	assert_int_equal(mode_of(w, key), FLOW_CUT);
	assert_int_equal(enforce_release(w->enforce, "one"), 1);
	assert_int_equal(mode_of(w, key), -1);
}

static void test_a_map_that_is_full(void **state)
{
	struct world *w = *state;
	struct flow_block key = key_of(FLOW_ALL, 0, "a.test");

	w->write_error = -E2BIG;
	assert_int_equal(enforce_block(w->enforce, "one", &key, FLOW_CUT, false), -E2BIG);
	assert_int_equal(enforce_counters(w->enforce)->orders_refused.value, 1);
	w->write_error = 0;
	block(w, "one", key, FLOW_CUT, false);
	assert_int_equal(mode_of(w, key), FLOW_CUT);
}

/* No more sockets are remembered than the limit says; the oldest goes. The kernel finds it. */
static void test_bounded(void **state)
{
	struct world *w = *state;

	for (uint64_t i = 1; i <= FLOW_SOCKETS_MAX + 10; i++)
		hello(w, i, 0, "a.test");
	block(w, "one", key_of(FLOW_ALL, 0, "a.test"), FLOW_CUT, true);
	assert_int_equal(enforce_counters(w->enforce)->evicted.value, 10);
	assert_int_equal(w->swept, FLOW_SOCKETS_MAX);
	assert_int_equal(w->destroyed, 0);
	w->swept = 0;
	enforce_publish(w->enforce);
	assert_int_equal(w->swept, FLOW_SOCKETS_MAX); /* none has closed */
}

/* Few are destroyed one by one; many at once, those in a call apart, if the kernel can. */
static void test_many_are_swept(void **state)
{
	struct world *w = *state;

	for (uint64_t i = 1; i <= ENFORCE_MANY; i++) {
		hello(w, i, 0, "a.test");
		say(w, i, FLOW_BUSY);
		say(w, i, FLOW_IDLE);
	}
	say(w, 1, FLOW_BUSY);
	block(w, "one", key_of(FLOW_ALL, 0, "a.test"), FLOW_CUT, false);
	assert_int_equal(w->destroyed, ENFORCE_MANY - 1);
	assert_int_equal(w->rounds, 0);
	hello(w, 1000, 0, "b.test"); /* of another host */
	say(w, 1, FLOW_IDLE);
	w->destroyed = 0;
	enforce_publish(w->enforce);
	assert_int_equal(w->swept, ENFORCE_MANY);
	assert_int_equal(w->destroyed, 0);
	w->sweep_error = -EOPNOTSUPP;
	enforce_publish(w->enforce);
	assert_int_equal(w->over, 0);
	assert_int_equal(w->destroyed, ENFORCE_MANY);
	/* Cut one by one: the first, and its last call's end; then as many again. */
	assert_int_equal(enforce_counters(w->enforce)->cut.value, 3 * ENFORCE_MANY);
}

/* Where none is destroyed by its name, the sweep is told of it. */
static void test_a_sweep_for_one(void **state)
{
	struct flow_refused refused = { .head = { .type = FLOW_REFUSED, .cookie = 501 },
					.tgid = (uint32_t)getpid() };
	struct world *w = *state;

	w->published = 1; /* it was refused, so it counts */
	enforce_record(w->enforce, &refused, sizeof(refused));
	assert_int_equal(w->swept, 1);
	assert_int_equal(w->over, 0);
	assert_int_equal(enforce_counters(w->enforce)->cut.value, 1);
	w->sweep_error = -EOPNOTSUPP;
	enforce_record(w->enforce, &refused, sizeof(refused));
	assert_int_equal(enforce_counters(w->enforce)->cut_failed.value, 1);
	assert_int_equal(w->over, 0);
	w->sweep_error = 0;
	w->rounds = 3; /* it has closed by now: the third sweep finds none */
	enforce_record(w->enforce, &refused, sizeof(refused));
	assert_int_equal(w->swept, 1);
	assert_int_equal(enforce_counters(w->enforce)->cut.value, 1);
	assert_int_equal(enforce_counters(w->enforce)->cut_failed.value, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_host_key),
		TEST(test_the_strictest_holds),
		TEST(test_release_takes_all_of_one),
		TEST(test_at_once_is_of_the_strictest),
		TEST(test_idle_and_busy),
		TEST(test_busy_otherwise),
		TEST(test_begun_when_held),
		TEST(test_only_what_the_scope_names),
		TEST(test_refused_is_destroyed),
		TEST(test_a_process_is_asked_for_once_a_question),
		TEST(test_connections_of_a_dead_agent),
		TEST(test_orders_outlive_the_connections),
		TEST(test_a_map_that_is_full),
		TEST(test_bounded),
		TEST(test_many_are_swept),
		TEST(test_a_sweep_for_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
