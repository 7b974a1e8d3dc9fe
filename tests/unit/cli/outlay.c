/* The commands against a real policy server: what they print, and how they end. */
#include "cli/cli.h"

#include <locale.h>
#include <signal.h>

#include "tests/unit/policy/rig.h"

#define BUDGETS                                                                                    \
	"budgets:\n"                                                                               \
	"  - name: all\n"                                                                          \
	"    limit: 0.001 USD per day\n"                                                           \
	"    mode: advise\n"                                                                       \
	"  - name: \"team\\e[31m\"\n"                                                              \
	"    match: {label: {team: x}}\n"                                                          \
	"    limit: 500 USD per month\n"                                                           \
	"    mode: observe\n"
#define ARGUMENTS_MAX 16
#define ID            "01a21225-d900-7149-8384-790000000042"

typedef int command(int argc, char **argv);

struct ran {
	int code;
	char out[16384], err[4096];
};

static struct ran result; /* of the last command */

static void slurp(FILE *file, char *out, size_t size)
{
	size_t n;

	rewind(file);
	n = fread(out, 1, size - 1, file);
	out[n] = '\0';
	fclose(file);
}

/* Runs a command with words split at blanks; stdout and stderr go to files for that time. */
static int run(command *command, const char *words)
{
	char text[512], *argv[ARGUMENTS_MAX + 1], *rest = text;
	int argc = 0, out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
	FILE *new_out = tmpfile(), *new_err = tmpfile();

	snprintf(text, sizeof(text), "%s", words);
	for (char *word; argc < ARGUMENTS_MAX; argc++) {
		word = strsep(&rest, " ");
		if (!word)
			break;
		argv[argc] = word;
	}
	argv[argc] = NULL;
	fflush(NULL);
	dup2(fileno(new_out), STDOUT_FILENO);
	dup2(fileno(new_err), STDERR_FILENO);
	result.code = command(argc, argv);
	fflush(NULL);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(out);
	close(err);
	slurp(new_out, result.out, sizeof(result.out));
	slurp(new_err, result.err, sizeof(result.err));
	return result.code;
}

static int start(void **state)
{
	struct rig *rig = rig_start(BUDGETS);

	setenv("OUTLAY_SOCKET", rig->path, 1);
	*state = rig;
	return 0;
}

static int stop(void **state)
{
	if (*state)
		rig_stop(*state);
	return 0;
}

static void assert_out(const char *needle)
{
	if (!strstr(result.out, needle))
		fail_msg("'%s' is not in '%s' ('%s')", needle, result.out, result.err);
}

static void assert_err(const char *needle)
{
	if (!strstr(result.err, needle))
		fail_msg("'%s' is not in '%s'", needle, result.err);
}

/* Output that a terminal prints and nothing else. */
static void assert_safe(void)
{
	for (const char *at = result.out; *at; at++)
		assert_true(*at == '\n' || ((unsigned char)*at >= 0x20 && *at != 0x7f));
}

static void test_bad_use(void **state)
{
	static const struct {
		command *command;
		const char *words;
	} cases[] = {
		{ status_run, "status --nope" },
		{ status_run, "status more" },
		{ status_run, "status --json=yes" },
		{ calls_run, "calls --limit" },
		{ calls_run, "calls --limit 0" },
		{ calls_run, "calls --limit -1" },
		{ calls_run, "calls --limit 5x" },
		{ calls_run, "calls --limit 5 --limit 6" },
		{ calls_run, "calls --since tomorrow" },
		{ alerts_run, "alerts --limit 0" },
		{ decide_run, "decide" },
		{ decide_run, "decide --provider openai" },
		{ decide_run, "decide --model gpt-1" },
		{ decide_run, "decide --provider openai --model gpt-1 --input-tokens 1.5" },
		{ decide_run, "decide --provider openai --model gpt-1 --max-output-tokens -1" },
		{ decide_run, "decide --provider openai --model gpt-1 --label team" },
		{ decide_run, "decide --provider openai --model gpt-1 --label =x" },
		{ budgets_run, "budgets --socket" },
		{ budget_run, "budget hold all" },
		{ budget_run, "budget hold --why x" },
		{ budget_run, "budget hold all --why x --until later" },
		{ tail_run, "tail -f" },
		{ why_run, "why" },
		{ why_run, "why 42" },
		{ why_run, "why " ID " " ID },
		{ why_run, "why --config" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		if (run(cases[i].command, cases[i].words) != CLI_USAGE)
			fail_msg("%s: %d", cases[i].words, result.code);
		assert_string_equal(result.out, "");
		assert_err("outlay ");
		assert_err("--help");
		assert_ptr_equal(strchr(result.err, '\n'), result.err + strlen(result.err) - 1);
	}
}

static void test_help(void **state)
{
	static command *const commands[] = { status_run, calls_run,   tail_run,
					     decide_run, budgets_run, limits_run };

	(void)state;
	for (size_t i = 0; i < LENGTH(commands); i++) {
		assert_int_equal(run(commands[i], "x --help"), CLI_OK);
		assert_out("Usage: outlay x [OPTIONS]\n");
		assert_out("--socket PATH");
	}
}

static void test_no_agent(void **state)
{
	static const struct {
		command *command;
		const char *words;
	} cases[] = {
		{ status_run, "status --socket /nowhere/at/all" },
		{ calls_run, "calls --socket /nowhere/at/all" },
		{ tail_run, "tail --json --socket /nowhere/at/all" },
		{ budgets_run, "budgets --json --socket /nowhere/at/all" },
		{ limits_run, "limits --socket /nowhere/at/all" },
		{ alerts_run, "alerts --socket /nowhere/at/all" },
		{ why_run, "why " ID " --socket /nowhere/at/all" },
		{ decide_run, "decide --provider a --model b --socket /nowhere/at/all" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		assert_int_equal(run(cases[i].command, cases[i].words), CLI_FAILED);
		assert_err("no agent answers on /nowhere/at/all (No such file or directory); start "
			   "outlayd");
		assert_string_equal(result.out, i == 2 ? "" : result.out);
	}
}

static void test_status(void **state)
{
	(void)state;
	assert_int_equal(run(status_run, "status"), CLI_OK);
	assert_out("\npolicy\n  open_connections     1\n");
	assert_out("version                test\n");
	assert_out("\nunmetered\n"
		   "exe           host            reason    user   pid  connections  open  "
		   "sent_bytes  received_bytes  last_seen\n"
		   "/usr/bin/bun  api.openai.com  no_probe  root  4711            3     0  "
		   "      1234           56789  2026-11-25T09:40:37.123456Z\n");
	assert_int_equal(run(status_run, "status --json"), CLI_OK);
	assert_int_equal(result.out[0], '{');
	assert_out(",\"version\":\"test\"}\n");
}

static void test_budget(void **state)
{
	struct rig *rig = *state;

	if (getuid() != 0)
		skip();
	assert_int_equal(run(budget_run, "budget raise all --amount 0.5 --until 2h --why demo"),
			 CLI_OK);
	assert_out("all: raise until 20");
	assert_out("limit 0.501 USD");
	assert_int_equal(rig->n_overrides, 1);
	assert_string_equal(rig->override.why, "demo");
	assert_true(rig->override.until_ns - rig->override.time_ns > 7195 * NS_PER_SEC &&
		    rig->override.until_ns - rig->override.time_ns <= 7200 * NS_PER_SEC);
	assert_int_equal(run(budget_run, "budget cut all --why stop --json"), CLI_OK);
	assert_out("\"until\":null");
	assert_int_equal(run(decide_run, "decide --provider openai --model gpt-1"), CLI_FAILED);
	assert_out("a person has stopped its calls");
	assert_int_equal(run(budget_run, "budget release nobody --why x"), CLI_FAILED);
	assert_err("There is no budget of that name");
	assert_int_equal(run(budget_run, "budget raise all --why x"), CLI_FAILED);
	assert_err("amount: needed for raise");
}

static void test_decide_and_budgets(void **state)
{
	(void)state;
	assert_int_equal(run(decide_run,
			     "decide --provider openai --model gpt-1 --input-tokens 100 "
			     "--max-output-tokens 50 --label team=x --label env=dev"),
			 CLI_OK);
	assert_out("allow: asked 0.0002 USD, reserved 0.0002 USD until ");
	assert_int_equal(
	    run(decide_run, "decide --provider openai --model gpt-1 --input-tokens 801"),
	    CLI_FAILED);
	assert_out(
	    "deny: asked 0.000801 USD\n"
	    "  budget all: limit 0.001 USD, spent 0 USD, reserved 0.0002 USD, asked 0.000801 "
	    "USD, too much by 0.000001 USD; resets ");
	assert_int_equal(run(decide_run,
			     "decide --provider openai --model gpt-1 --input-tokens 800 "
			     "--dry-run --json"),
			 CLI_OK);
	assert_out("\"reservation\":null");
	assert_int_equal(run(decide_run, "decide --provider other --model gpt-1"), CLI_FAILED);
	assert_err("outlay: the agent says (400): provider: no provider of that name");
	assert_int_equal(run(budgets_run, "budgets"), CLI_OK);
	assert_out("BUDGET     MODE     LIMIT  OF   PER    SPENT  RESERVED      LEFT  USED  OVER "
		   "BY  RESETS\n");
	assert_out("\nall        advise   0.001  USD  day        0    0.0002    0.0008  20 %  ");
	/* The budget's name holds an escape: it is shown, not obeyed. */
	assert_out("\nteam?[31m  observe    500  USD  month      0    0.0002  499.9998   0 %  ");
	assert_safe();
	assert_int_equal(run(budgets_run, "budgets --json"), CLI_OK);
	assert_out("\"name\":\"team\\u001b[31m\"");
}

static void tell_limits(struct rig *rig, void *arg)
{
	struct usage usage = { .time_start_ns = 1790000000 * NS_PER_SEC,
			       .time_end_ns = 1790000001 * NS_PER_SEC,
			       .provider = "openai",
			       .model_requested = "gpt-1",
			       .n_limits = 2,
			       .limits = { { "requests", 500, 0, 1790000060 * NS_PER_SEC },
					   { "tokens", -1, 29000, 0 } } };

	(void)arg;
	usage.process.uid = getuid();
	policy_limits(rig->policy, &usage);
}

/* The call began at 2026-09-21T14:13:20Z, 1790000000. */
static void test_limits(void **state)
{
	assert_int_equal(run(limits_run, "limits"), CLI_OK);
	assert_string_equal(result.out, "No provider has told of a limit.\n");
	rig_run(*state, tell_limits, NULL);
	assert_int_equal(run(limits_run, "limits"), CLI_OK);
	assert_out("PROVIDER  MODEL  LIMIT ON  LIMIT   LEFT  RESETS                TOLD");
	assert_out("\nopenai    gpt-1  requests    500      0  2026-09-21T14:14:20Z  "
		   "2026-09-21T14:13:20Z");
	assert_out("\nopenai    gpt-1  tokens        -  29000  -                     "
		   "2026-09-21T14:13:20Z");
	assert_int_equal(run(limits_run, "limits --json"), CLI_OK);
	assert_out("\"remaining\":29000");
}

static void test_calls(void **state)
{
	struct rig *rig = *state;
	const char *at;
	int n = 0;

	assert_int_equal(run(calls_run, "calls"), CLI_OK);
	assert_string_equal(result.out, "No call.\n");
	rig->n_calls = 70;
	assert_int_equal(run(calls_run, "calls --json --limit 3"), CLI_OK);
	assert_out("{\"seq\":68,");
	assert_null(strstr(result.out, "\"seq\":67,"));
	assert_int_equal(run(calls_run, "calls --json --since 1970-01-01T00:01:05Z"), CLI_OK);
	assert_int_equal(strncmp(result.out, "{\"seq\":66,", 10), 0);
	assert_int_equal(run(calls_run, "calls"), CLI_OK);
	for (at = result.out; *at; at++)
		n += *at == '\n';
	assert_int_equal(n, 51); /* the heading and the newest 50 */
	rig->ledger_fails = true;
	assert_int_equal(run(calls_run, "calls --json"), CLI_FAILED);
	assert_err("(503)");
}

static void test_alerts(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(run(alerts_run, "alerts"), CLI_OK);
	assert_string_equal(result.out, "No alert.\n");
	rig->n_calls = 70;
	assert_int_equal(run(alerts_run, "alerts --limit 1"), CLI_OK);
	assert_string_equal(result.out, "TIME (UTC)           LEVEL     KIND         TEXT\n"
					"2026-11-25T09:40:37  warning   denial       alert 70\n");
	assert_int_equal(run(alerts_run, "alerts --json --since 1970-01-01T00:01:08Z"), CLI_OK);
	assert_out("\"text\":\"alert 69\"}\n");
	assert_null(strstr(result.out, "alert 68"));
}

/* The id is that of call 0x42; the expressions are those of the shipped provider file. */
static void test_why(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(run(why_run, "why " ID), CLI_FAILED);
	assert_string_equal(result.out, "");
	assert_err("outlay why: the ledger has no call " ID);
	rig->n_calls = 0x42;
	rig->call = "{\"event_id\":\"" ID "\",\"provider\":\"openai\",\"usage\":{\"input\":7},"
		    "\"route\":\"POST /v1/completions\",\"cost_source\":\"unpriced\"}";
	assert_int_equal(run(why_run, "why --config config " ID), CLI_OK);
	assert_out("call      " ID);
	assert_out("count     input                  7                            "
		   "/usage/prompt_tokens\n");
	assert_out("cost      unpriced ");
	assert_int_equal(run(why_run, "why " ID " --json --config /nowhere"), CLI_OK);
	assert_int_equal(strncmp(result.out, "{\"event_id\":\"" ID "\",", 51), 0);
	assert_out("{\"step\":\"count\",\"name\":\"input\",\"value\":\"7\",\"from\":\"\"}");
	assert_int_equal(run(why_run, "why --help"), CLI_OK);
	assert_out("Usage: outlay why EVENT_ID [OPTIONS]\n");
}

/* --- tail */

static const char event[] =
    "{\"time_start\":\"2026-11-25T09:40:37.000000Z\",\"pid\":42,\"comm\":\"x\\u001b[2Jy\","
    "\"provider\":\"openai\",\"model\":null,\"model_requested\":\"gpt-1\",\"status\":200,"
    "\"usage\":{\"input\":10,\"input_cache_read\":5,\"output\":3,\"output_reasoning\":4,"
    "\"requests\":1},\"cost_usd\":\"0.00000015\",\"duration_ms\":812.75,"
    "\"completeness\":\"gap\"}";

static void publish_and_end(struct rig *rig, void *ctx)
{
	(void)ctx;
	policy_publish(rig->policy, "call", SPAN(event), 0);
	policy_publish(rig->policy, "other", SPAN("{\"ignored\":true}"), 0);
	policy_publish(rig->policy, "call", SPAN(event), 0);
	policy_free(rig->policy);
	rig->policy = NULL;
}

static void *end_agent(void *ctx)
{
	struct rig *rig = ctx;

	while (counter_read(&policy_counters(rig->policy)->requests) == 0)
		usleep(1000);
	rig_run(rig, publish_and_end, NULL);
	return NULL;
}

static void tail(struct rig *rig, const char *words)
{
	pthread_t thread;

	pthread_create(&thread, NULL, end_agent, rig);
	assert_int_equal(run(tail_run, words), CLI_FAILED);
	pthread_join(thread, NULL);
	assert_err("the agent has stopped\n");
}

static void test_tail(void **state)
{
	tail(*state, "tail");
	assert_out("TIME     PROCESS ");
	assert_out(
	    "09:40:37 x?[2Jy[42]     openai     gpt-1                   200      15       7  "
	    "$0.00000015!  812 ms\n");
	assert_safe();
}

static void test_tail_json(void **state)
{
	char expected[2048];

	tail(*state, "tail --json");
	snprintf(expected, sizeof(expected), "%s\n%s\n", event, event);
	assert_string_equal(result.out, expected);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_use),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_no_agent),
		TEST(test_status),
		TEST(test_limits),
		TEST(test_decide_and_budgets),
		TEST(test_budget),
		TEST(test_calls),
		TEST(test_alerts),
		TEST(test_why),
		TEST(test_tail),
		TEST(test_tail_json),
	};

	setenv("TZ", "UTC", 1);
	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
