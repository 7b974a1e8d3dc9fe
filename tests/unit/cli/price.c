/* outlay price and outlay prices: options, files and exit codes. What is priced how is tested in
 * agent/offline, what is listed in price/list. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/cli.h"

#define ENTRY                                                                                      \
	"{\"_id\":\"a\",\"startedDateTime\":\"2026-11-25T10:00:00Z\",\"request\":{\"method\":"     \
	"\"GET\",\"url\":\"https://api.openai.com/v1/models\"},\"response\":{\"status\":200}}\n"

struct ran {
	int code;
	char out[8192], err[2048];
};

static void slurp(FILE *file, char *out, size_t size)
{
	size_t n;

	rewind(file);
	n = fread(out, 1, size - 1, file);
	out[n] = '\0';
	fclose(file);
}

/* Runs `outlay price ...` with `input` on its standard input. `out_path`: where its output goes. */
static struct ran run(const char *input, const char *out_path, int argc, char **argv)
{
	struct ran ran = { 0 };
	int saved[3] = { dup(0), dup(1), dup(2) };
	FILE *in = tmpfile(), *err = tmpfile();
	FILE *out = out_path ? fopen(out_path, "w") : tmpfile();

	fputs(input, in);
	rewind(in);
	fflush(NULL);
	dup2(fileno(in), 0);
	dup2(fileno(out), 1);
	dup2(fileno(err), 2);
	clearerr(stdin);
	ran.code = (strcmp(argv[0], "price") == 0 ? price_run : prices_run)(argc, argv);
	fflush(NULL);
	for (int fd = 0; fd < 3; fd++) {
		dup2(saved[fd], fd);
		close(saved[fd]);
	}
	fclose(in);
	slurp(err, ran.err, sizeof(ran.err));
	if (out_path)
		fclose(out);
	else
		slurp(out, ran.out, sizeof(ran.out));
	return ran;
}

struct row {
	const char *words[10];
	const char *config; /* OUTLAY_CONFIG */
	int code;
	const char *out, *err; /* how they begin; "" is nothing at all */
};

static const struct row rows[] = {
	{ { "price", "--config", "config", "-" }, NULL, 0, "{\"source_id\":\"a\",", "" },
	{ { "price", "--config=config", "-" }, "/nonexistent", 0, "{\"source_id\":\"a\",", "" },
	{ { "price", "-" }, "config", 0, "{\"source_id\":\"a\",", "" },
	{ { "price", "--catalog", "seed-2025", "-" }, "config", 0, "{\"source_id\":\"a\",", "" },
	{ { "price", "--catalog", "seed-1999", "-" },
	  "config",
	  2,
	  "",
	  "outlay price: config/prices/seed-1999: No such file or directory\n" },
	{ { "price", "-h" }, NULL, 0, "Usage: outlay price FILE... [OPTIONS]\n", "" },
	{ { "price", "--help", "x" }, NULL, 0, "Usage: outlay price FILE... [OPTIONS]\n", "" },
	{ { "price" }, "config", 2, "", "outlay price: expected FILE; see outlay price --help\n" },
	{ { "price", "--explained", "-" },
	  "config",
	  2,
	  "",
	  "outlay price: --explained is no option" },
	{ { "price", "--explain", "-" }, "config", 0, "call      01", "" },
	{ { "price", "--json", "--explain", "-" }, "config", 0, "{\"event_id\":\"01", "" },
	{ { "price", "--config" }, "config", 2, "", "outlay price: --config wants a value; see" },
	{ { "price", "/nonexistent.har" },
	  "config",
	  2,
	  "",
	  "outlay price: /nonexistent.har: No such file or directory\n" },
	{ { "price", "/" }, "config", 2, "", "outlay price: /: cannot be read: Is a directory\n" },
	{ { "price", "-", "/nonexistent" },
	  "config",
	  2,
	  "{\"source_id\":\"a\",",
	  "outlay price: /nonexistent: No such file or directory\n" },
	{ { "price", "-" }, "/nonexistent", 2, "", "outlay price: /nonexistent/providers" },
	{ { "prices", "show", "gpt-4", "--catalog", "seed-2025" },
	  "config",
	  0,
	  "openai/gpt-4\nasked for gpt-4; catalog seed-2025; from outlay's seed rates of 2025, "
	  "kept to "
	  "compare with\nFROM        TIER  INPUT OVER  HOURS  WHAT              USD  PER        AT "
	  "LEAST  AT MOST\n2020-01-01  -                        input              30  1M tokens",
	  "" },
	{ { "prices", "show", "gpt-4-0314", "--catalog", "config/prices/seed-2025/openai.json",
	    "--json" },
	  NULL,
	  0,
	  "[{\"provider\":\"openai\",\"model\":\"gpt-4\",\"catalog\":\"seed-2025\",",
	  "" },
	{ { "prices", "show", "gpt-4", "--config", "config", "--at", "2019-12-31", "--json" },
	  NULL,
	  0,
	  "[",
	  "" },
	{ { "prices", "show", "gpt-99", "--provider", "openai" },
	  "config",
	  1,
	  "",
	  "outlay prices show: no price list has gpt-99 of openai\n" },
	{ { "prices", "show", "--at", "then", "gpt-4" },
	  "config",
	  2,
	  "",
	  "outlay prices show: --at: expected a date such as 2026-11-25" },
	{ { "prices", "show" },
	  "config",
	  2,
	  "",
	  "outlay prices show: expected MODEL; see outlay prices show --help\n" },
	{ { "prices", "show", "--help" },
	  NULL,
	  0,
	  "Usage: outlay prices show MODEL [OPTIONS]\n",
	  "" },
	{ { "prices", "diff", "seed-2025", "seed-2025", "--json" }, "config", 0, "[]\n", "" },
	{ { "prices", "diff", "config/prices/twilio.json", "config/prices/seed-2025/twilio.json" },
	  "config",
	  0,
	  /* 0.0075 / 0.0083 = 0.904 */
	  "changed twilio/* segments: 0.0083 -> 0.0075, x 0.904\n",
	  "" },
	{ { "prices", "diff", "seed-2025", "seed-1999" },
	  "config",
	  2,
	  "",
	  "outlay prices diff: config/prices/seed-1999: No such file or directory\n" },
	{ { "prices", "diff", "--provider", "x", "a", "b" },
	  "config",
	  2,
	  "",
	  "outlay prices diff: --provider is no option of it" },
	{ { "prices", "diff", "a" }, "config", 2, "", "outlay prices diff: expected B" },
	{ { "prices" }, NULL, 2, "", "outlay prices: expected show, diff or import" },
	{ { "prices", "--help" }, NULL, 0, "Usage: outlay prices COMMAND", "" },
	{ { "prices", "diff", "a", "b", "c" },
	  NULL,
	  2,
	  "",
	  "outlay prices diff: \"c\" is not expected" },
	{ { "prices", "import", "--config", "x", "f" },
	  NULL,
	  2,
	  "",
	  "outlay prices import: --config is no option of it" },
	{ { "prices", "import", "f" },
	  NULL,
	  2,
	  "",
	  "outlay prices import: expected --from SOURCE" },
};

static void assert_begins(const char *text, const char *head)
{
	if (!head[0])
		assert_string_equal(text, "");
	assert_memory_equal(text, head, strlen(head));
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *argv[10] = { 0 };
		struct ran ran;
		int argc = 0;

		for (; rows[i].words[argc]; argc++)
			argv[argc] = strdup(rows[i].words[argc]);
		if (rows[i].config)
			setenv("OUTLAY_CONFIG", rows[i].config, 1);
		else
			unsetenv("OUTLAY_CONFIG");
		ran = run(ENTRY, NULL, argc, argv);
		print_message("row %zu: %d %s\n", i, ran.code, ran.err);
		assert_int_equal(ran.code, rows[i].code);
		assert_begins(ran.out, rows[i].out);
		assert_begins(ran.err, rows[i].err);
		while (argc)
			free(argv[--argc]);
	}
}

/* What was read before the broken line is printed; the error has the line and none of its text. */
static void test_broken_input(void **state)
{
	char *argv[] = { "price", "--config", "config", "-", NULL };
	struct ran ran = run(ENTRY "{\"secret words\" : Bearer sk-planted}\n", NULL, 4, argv);

	(void)state;
	assert_int_equal(ran.code, 2);
	assert_begins(ran.out, "{\"source_id\":\"a\",");
	assert_begins(ran.err, "outlay price: standard input:2: ");
	assert_null(strstr(ran.err, "secret"));
	assert_null(strstr(ran.err, "Bearer"));
}

static void test_full_disk(void **state)
{
	char *argv[] = { "price", "--config", "config", "-", NULL };
	struct ran ran;

	(void)state;
	if (access("/dev/full", W_OK) < 0)
		skip();
	ran = run(ENTRY, "/dev/full", 4, argv);
	clearerr(stdout);
	assert_int_equal(ran.code, 1);
	assert_string_equal(ran.err, "outlay price: standard output: cannot be written\n");
}

/* A foreign catalog of one model, at this price a token. */
static void put_catalog(const char *path, const char *rate)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fprintf(file, "{\"m\": {\"litellm_provider\": \"openai\", \"input_cost_per_token\": %s}}",
		rate);
	assert_int_equal(fclose(file), 0);
}

static struct ran run_import(char *dir, char *file, char *date, char *force)
{
	char *argv[] = { "prices", "import", "--from", "litellm", "--version", "1", "--date",
			 date,     "--into", dir,      file,      force,       NULL };

	return run("", NULL, force ? 12 : 11, argv);
}

/* The rate of a million tokens of the model m at this date, as `outlay prices show` has it. */
static void assert_shown(char *dir, char *date, const char *rate)
{
	char *argv[] = { "prices", "show", "m", "--catalog", dir, "--at", date, NULL };
	struct ran ran = run("", NULL, 7, argv);

	assert_int_equal(ran.code, 0);
	if (!strstr(ran.out, rate))
		fail_msg("no %s in %s", rate, ran.out);
}

/* 90: a price a million taken for one a token is refused until --force; what was before its date
 * stays. */
static void test_import(void **state)
{
	char dir[] = "/tmp/outlay-import-XXXXXX", file[64], made[64];
	struct ran ran;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/theirs", dir);
	snprintf(made, sizeof(made), "%s/openai.json", dir);
	put_catalog(file, "2.5e-06");
	ran = run_import(dir, file, "2026-01-01", NULL);
	assert_int_equal(ran.code, 0);
	assert_begins(ran.out,
		      "litellm 1: 1 models added, 0 changed, 0 disputed, 0 without a price");
	put_catalog(file, "2.5");
	ran = run_import(dir, file, "2026-02-01", NULL);
	assert_int_equal(ran.code, 1);
	assert_begins(ran.err, "outlay prices: ");
	assert_non_null(strstr(ran.err, "openai/m input: from 2.5 to 2500000 is over 100-fold"));
	put_catalog(file, "2.4e-04");
	assert_int_equal(run_import(dir, file, "2026-02-01", NULL).code, 0);
	put_catalog(file, "2.6e-02");
	assert_int_equal(run_import(dir, file, "2026-03-01", NULL).code, 1);
	ran = run_import(dir, file, "2026-03-01", "--force");
	assert_int_equal(ran.code, 0);
	assert_non_null(strstr(ran.out, "litellm 1: 0 models added, 1 changed"));
	unlink(file);
	assert_shown(dir, "2026-01-15", " 2.5  1M tokens");
	assert_shown(dir, "2026-02-15", " 240  1M tokens");
	assert_shown(dir, "2026-03-01", " 26000  1M tokens");
	unlink(made);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_import),
		cmocka_unit_test(test_broken_input),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
