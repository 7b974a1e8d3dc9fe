/* agent/options: which price list the configuration selects, and what a wrong name is told. */
#include "agent/options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/config.h"

struct fixture {
	char dir[64], yaml[96], prices[96], list[128], file[160];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/outlay-options-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->yaml, sizeof(f->yaml), "%s/outlayd.yaml", f->dir);
	snprintf(f->prices, sizeof(f->prices), "%s/prices", f->dir);
	snprintf(f->list, sizeof(f->list), "%s/mine", f->prices);
	snprintf(f->file, sizeof(f->file), "%s/plain", f->prices);
	assert_int_equal(mkdir(f->prices, 0700), 0);
	assert_int_equal(mkdir(f->list, 0700), 0);
	fclose(fopen(f->file, "we"));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	unlink(f->yaml);
	unlink(f->file);
	rmdir(f->list);
	rmdir(f->prices);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static int parse(struct fixture *f, const char *yaml, struct options *options, struct err *err)
{
	char *argv[] = { "outlayd", "--config", f->dir, NULL };
	FILE *file = fopen(f->yaml, "we");

	fputs(yaml, file);
	fclose(file);
	*err = (struct err){ "" };
	return options_parse(3, argv, options, err);
}

static void test_catalog(void **state)
{
	static const char *const wrong[] = { "nope", "..", "../prices", "plain", "mine/.." };
	struct fixture *f = *state;
	struct options options;
	struct err err;

	assert_int_equal(parse(f, "keep_days: 7\n", &options, &err), 0);
	assert_null(options.catalog);
	options_done(&options);
	assert_int_equal(parse(f, "catalog: mine\n", &options, &err), 0);
	assert_string_equal(options.catalog, "mine");
	options_done(&options);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char yaml[64], expected[256];

		snprintf(yaml, sizeof(yaml), "# a line\ncatalog: %s\n", wrong[i]);
		snprintf(expected, sizeof(expected),
			 "%s:2: catalog: expected the name of a directory in %s, such as "
			 "seed-2025, got \"%s\"",
			 f->yaml, f->prices, wrong[i]);
		assert_int_equal(parse(f, yaml, &options, &err), -EINVAL);
		assert_string_equal(err.text, expected);
		options_done(&options);
	}
}

/* The selected list takes the place of the others: four files of a model each, not thousands. */
static void test_selected(void **state)
{
	struct config config;
	struct err err = { "" };

	(void)state;
	assert_int_equal(config_load("config", "seed-2025", &config, &err), 0);
	assert_int_equal(catalog_models(config.catalog), 4);
	config_done(&config);
	assert_int_equal(config_load("config", NULL, &config, &err), 0);
	assert_true(catalog_models(config.catalog) > 1000);
	config_done(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_catalog, set_up, tear_down),
		cmocka_unit_test(test_selected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
