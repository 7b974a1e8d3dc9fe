/* A look at budgets without asking: what the memory says, that it is never read half written, and
 * that nobody but the agent can write it. */
#include "lib/peek.h"

#include <stdatomic.h>
#include <sys/mman.h>

#include "policy/peek.h"
#include "tests/unit/policy/rig.h"

#define BUDGETS                                                                                    \
	"budgets:\n"                                                                               \
	"  - {name: money, match: {provider: openai, model: 'gpt-*'}, limit: 0.001 USD per day,"   \
	" mode: advise}\n"                                                                         \
	"  - {name: tokens, match: {operation: chat}, limit: 5000 tokens in total,"                \
	"  mode: advise}\n"                                                                        \
	"  - {name: watched, limit: 0 USD per day}\n"                                              \
	"  - {name: of nobody, match: {uid: 65534}, limit: 0 USD per day, mode: advise}\n"         \
	"  - {name: labelled, match: {label: {team: x}}, limit: 0 USD per day, mode: advise}\n"
#define NOW     (1000 * NS_PER_SEC)
#define STATES  64
#define READERS 2

static int look(const struct outlay_shared *shared, const char *provider, const char *model,
		const char *operation, unsigned long tokens, struct outlay_peek_answer *ret_answer)
{
	const struct outlay_ask ask = {
		.provider = provider, .model = model, .operation = operation, .input_tokens = tokens
	};

	return peek_read(shared, &ask, NOW, ret_answer);
}

static void test_what_the_memory_says(void **state)
{
	static const struct {
		struct shared_budget budget;
		const char *provider, *model, *operation;
		unsigned long tokens;
		bool denied;
	} cases[] = {
		{ { .name = "a" }, "p", "m", NULL, 0, true },
		{ { .name = "a", .left = 1 }, "p", "m", NULL, 9, false },
		{ { .name = "a", .left = -1 }, "p", "m", NULL, 0, true },
		{ { .provider = "p" }, "p", "m", NULL, 0, true },
		{ { .provider = "p" }, "pp", "m", NULL, 0, false },
		{ { .model = "gpt-*" }, "p", "gpt-4o", NULL, 0, true },
		{ { .model = "gpt-*" }, "p", "gpt", NULL, 0, false },
		{ { .model = "*4*m*" }, "p", "gpt-4o-mini", NULL, 0, true },
		{ { .model = "*4*m" }, "p", "gpt-4o-mini", NULL, 0, false },
		{ { .operation = "chat" }, "p", "m", NULL, 0, false },
		{ { .operation = "*" }, "p", "m", NULL, 0, true },
		{ { .operation = "chat" }, "p", "m", "chat", 0, true },
		{ { .unit = SHARED_TOKENS, .left = 9 }, "p", "m", NULL, 9, false },
		{ { .unit = SHARED_TOKENS, .left = 9 }, "p", "m", NULL, 10, true },
		{ { .unit = SHARED_REQUESTS, .left = 1 }, "p", "m", NULL, 10, false },
	};
	static struct outlay_shared shared = { .magic = SHARED_MAGIC, .alive_ns = NOW };
	struct outlay_peek_answer answer;

	(void)state;
	assert_int_equal(look(&shared, "p", "m", NULL, 1, &answer), 0);
	assert_int_equal(answer.decision, OUTLAY_ALLOW);
	for (size_t i = 0; i < LENGTH(cases); i++) {
		peek_write(&shared, &cases[i].budget, 1);
		assert_int_equal(look(&shared, cases[i].provider, cases[i].model,
				      cases[i].operation, cases[i].tokens, &answer),
				 0);
		if ((answer.decision == OUTLAY_DENY) != cases[i].denied)
			fail_msg("case %zu", i);
	}
	shared.alive_ns = NOW - SHARED_STALE_NS - 1;
	assert_int_equal(look(&shared, "p", "m", NULL, 1, &answer), -ESTALE);
	shared.sequence++;
	assert_int_equal(look(&shared, "p", "m", NULL, 1, &answer), -EAGAIN);
	shared.magic++;
	assert_int_equal(look(&shared, "p", "m", NULL, 1, &answer), -EPROTO);
}

/* --- one writes, others read: each state has the same figure in all that is told of it */

struct stress {
	struct outlay_shared shared;
	struct shared_budget states[STATES][SHARED_BUDGETS_MAX];
	_Atomic bool ended;
	_Atomic unsigned n_read, n_torn, n_busy;
};

static void *read_on(void *ctx)
{
	struct stress *stress = ctx;
	struct outlay_peek_answer answer;
	char name[48];

	while (!stress->ended) {
		int code = look(&stress->shared, "p", "m", NULL, 0, &answer);

		if (code == -EAGAIN) {
			stress->n_busy++;
			continue;
		}
		snprintf(name, sizeof(name), "%ld is the number of this state, 41 bytes",
			 answer.resets);
		stress->n_torn += code != 0 || strcmp(name, answer.budget) != 0;
		stress->n_read++;
	}
	return NULL;
}

static void test_never_torn(void **state)
{
	struct stress *stress = calloc(1, sizeof(*stress));
	int64_t end_ns = clock_system.monotonic_ns(&clock_system) + NS_PER_SEC;
	pthread_t readers[READERS];
	unsigned n;

	(void)state;
	stress->shared.magic = SHARED_MAGIC;
	stress->shared.alive_ns = NOW;
	for (int i = 0; i < STATES; i++) {
		struct shared_budget *full = &stress->states[i][i];

		/* The only one without room is at another place in each. */
		for (int k = 0; k < SHARED_BUDGETS_MAX; k++)
			stress->states[i][k].left = k == i ? 0 : 1000 + i;
		full->resets_s = i;
		snprintf(full->name, sizeof(full->name), "%d is the number of this state, 41 bytes",
			 i);
	}
	peek_write(&stress->shared, stress->states[0], SHARED_BUDGETS_MAX);
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_on, stress), 0);
	for (n = 0; clock_system.monotonic_ns(&clock_system) < end_ns; n++) {
		peek_write(&stress->shared, stress->states[n % STATES], SHARED_BUDGETS_MAX);
		for (volatile int pause = 0; pause < 3000; pause++)
			;
	}
	stress->ended = true;
	for (int i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	printf("%u states, %u reads, %u busy\n", n, stress->n_read, stress->n_busy);
	assert_int_equal(stress->n_torn, 0);
	assert_true(n > 1000 && stress->n_read > 1000);
	free(stress);
}

/* --- with an agent */

static int start(void **state)
{
	*state = rig_start(BUDGETS);
	return 0;
}

static int stop(void **state)
{
	rig_stop(*state);
	return 0;
}

static struct outlay *open_at(const struct rig *rig)
{
	struct outlay_options options = { rig->path, RIG_WAIT_MS, OUTLAY_FAIL_CLOSED };
	struct outlay *outlay;

	assert_int_equal(outlay_open(&options, &outlay), 0);
	return outlay;
}

/* Until it says so: the memory is a millisecond behind. */
static void wait_for(const struct outlay_peek *peek, const struct outlay_ask *ask,
		     enum outlay_decision due, const char *budget)
{
	struct outlay_peek_answer answer = { .budget = "" };

	for (int ms = 0; ms < RIG_WAIT_MS; ms++) {
		assert_int_equal(outlay_peek(peek, ask, &answer), 0);
		if (answer.decision == due && strcmp(answer.budget, budget) == 0)
			return;
		usleep(1000);
	}
	fail_msg("%d by '%s'", answer.decision, answer.budget);
}

static void test_follows_the_budgets(void **state)
{
	struct rig *rig = *state;
	struct outlay *outlay = open_at(rig);
	struct outlay_ask ask = { .provider = "openai", .model = "gpt-1", .input_tokens = 1000 };
	struct outlay_answer held;
	struct outlay_peek *peek;

	assert_int_equal(outlay_peek_open(outlay, &peek), 0);
	/* Not those that only observe, of other users, or of labels that this process has not. */
	wait_for(peek, &ask, OUTLAY_ALLOW, "");
	assert_int_equal(outlay_decide(outlay, &ask, &held), 0);
	wait_for(peek, &ask, OUTLAY_DENY, "money");
	ask.model = "other";
	wait_for(peek, &ask, OUTLAY_ALLOW, "");
	ask.model = "gpt-1";
	ask.essential = 1;
	wait_for(peek, &ask, OUTLAY_ALLOW, "money");
	ask.essential = 0;
	assert_int_equal(outlay_release(outlay, held.reservation), 0);
	wait_for(peek, &ask, OUTLAY_ALLOW, "");
	ask.operation = "chat";
	ask.max_output_tokens = 4001;
	wait_for(peek, &ask, OUTLAY_DENY, "tokens");
	outlay_peek_close(peek);
	outlay_close(outlay);
}

static void reload(struct rig *rig, void *ctx)
{
	struct budget_rules *rules;
	struct err err = { "" };
	char path[96];
	FILE *file;

	(void)ctx;
	snprintf(path, sizeof(path), "%s/budgets.yaml", rig->dir);
	file = fopen(path, "w");
	fputs("budgets:\n"
	      "  - {name: of nobody, match: {uid: 65534}, limit: 0 USD per day, mode: advise}\n"
	      "  - {name: new, match: {uid: 0}, limit: 0 requests per day, mode: advise}\n",
	      file);
	fclose(file);
	assert_int_equal(budget_rules_load(path, &rules, &err), 0);
	assert_int_equal(budgets_reload(rig->budgets, rules, rig_now(&rig->clock)), 0);
	unlink(path);
}

/* Other rules: the place where a budget of this process was is that of another one's now. */
static void test_follows_the_rules(void **state)
{
	struct rig *rig = *state;
	struct outlay *outlay = open_at(rig);
	struct outlay_ask ask = { .provider = "openai", .model = "gpt-1" };
	struct outlay_peek *peek;

	if (getuid() != 0)
		skip();
	assert_int_equal(outlay_peek_open(outlay, &peek), 0);
	wait_for(peek, &ask, OUTLAY_ALLOW, "");
	rig_run(rig, reload, NULL);
	wait_for(peek, &ask, OUTLAY_DENY, "new");
	outlay_peek_close(peek);
	outlay_close(outlay);
}

/* Line of /proc/self/maps -> where it begins; NULL: it is none of ours. */
static void *shared_in(const char *line)
{
	unsigned long from;

	if (!strstr(line, "outlay-budgets") || sscanf(line, "%lx-", &from) != 1)
		return NULL;
	return (void *)from;
}

static void test_only_the_agent_writes(void **state)
{
	struct outlay *outlay = open_at(*state);
	FILE *maps;
	struct outlay_peek *peek;
	char line[512];
	unsigned n = 0;

	assert_int_equal(outlay_peek_open(outlay, &peek), 0);
	maps = fopen("/proc/self/maps", "r");
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		void *at = shared_in(line);

		/* The agent's own mapping is here too: it is a thread of this test. */
		if (!at || strstr(line, " rw-s "))
			continue;
		assert_non_null(strstr(line, " r--s "));
		assert_int_equal(mprotect(at, 4096, PROT_READ | PROT_WRITE), -1);
		assert_int_equal(errno, EACCES);
		n++;
	}
	fclose(maps);
	assert_int_equal(n, 1);
	outlay_peek_close(peek);
	outlay_close(outlay);
}

static int as_nobody(const struct rig *rig)
{
	struct outlay_options options = { rig->path, RIG_WAIT_MS, OUTLAY_FAIL_CLOSED };
	struct outlay_ask ask = { .provider = "x", .model = "y" };
	struct outlay_peek *peeks[POLICY_PEEKERS_PER_UID_MAX + 1];
	struct outlay_peek_answer answer;
	struct outlay *outlay;

	if (outlay_open(&options, &outlay) < 0)
		return 1;
	for (int i = 0; i < POLICY_PEEKERS_PER_UID_MAX; i++)
		if (outlay_peek_open(outlay, &peeks[i]) < 0)
			return 2;
	if (outlay_peek_open(outlay, &peeks[POLICY_PEEKERS_PER_UID_MAX]) != -EAGAIN)
		return 3;
	if (outlay_peek(peeks[0], &ask, &answer) < 0 || strcmp(answer.budget, "of nobody") != 0)
		return 4;
	for (int i = 0; i < POLICY_PEEKERS_PER_UID_MAX; i++)
		outlay_peek_close(peeks[i]);
	outlay_close(outlay);
	return 0;
}

static void test_of_another_user(void **state)
{
	if (getuid() != 0)
		skip();
	assert_int_equal(rig_as(RIG_NOBODY, as_nobody, *state), 0);
}

static void test_the_agent_goes(void **state)
{
	struct rig *rig = rig_start(BUDGETS);
	struct outlay_ask ask = { .provider = "openai", .model = "gpt-1" };
	struct outlay *outlay = open_at(rig);
	struct outlay_peek_answer answer;
	struct outlay_peek *peek;
	int code = 0;

	(void)state;
	assert_int_equal(outlay_peek_open(outlay, &peek), 0);
	rig_stop(rig);
	/* What it said last stays there, and is not believed for long. */
	for (int ms = 0; ms < RIG_WAIT_MS && code == 0; ms++) {
		code = outlay_peek(peek, &ask, &answer);
		usleep(1000);
	}
	assert_int_equal(code, -ESTALE);
	outlay_peek_close(peek);
	assert_int_equal(outlay_peek_open(outlay, &peek), -ENOENT);
	outlay_close(outlay);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_the_memory_says),
		cmocka_unit_test(test_never_torn),
		TEST(test_follows_the_budgets),
		TEST(test_follows_the_rules),
		TEST(test_only_the_agent_writes),
		TEST(test_of_another_user),
		cmocka_unit_test(test_the_agent_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
