/* hooks.yaml. */
#include "agent/hookfile.h"

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

struct rig {
	char dir[64], path[96], secret[96];
};

static int set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	*state = rig;
	snprintf(rig->dir, sizeof(rig->dir), "/tmp/outlay-hookfile-XXXXXX");
	if (!mkdtemp(rig->dir))
		return -1;
	snprintf(rig->path, sizeof(rig->path), "%s/hooks.yaml", rig->dir);
	snprintf(rig->secret, sizeof(rig->secret), "%s/secret", rig->dir);
	return 0;
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	unlink(rig->path);
	unlink(rig->secret);
	rmdir(rig->dir);
	free(rig);
	return 0;
}

static void put(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");

	fputs(text, file);
	fclose(file);
	chmod(path, mode);
}

static void test_good(void **state)
{
	struct hookfile hooks = { .n = 7 };
	struct rig *rig = *state;
	struct err err = { "" };
	char text[512];

	assert_int_equal(hookfile_load(rig->path, &hooks, &err), 0);
	assert_int_equal(hooks.n, 0); /* no file, no hooks */
	put(rig->secret, "whsec_abc\n", 0600);
	snprintf(text, sizeof(text),
		 "hooks:\n"
		 "  - {name: team, url: \"https://h/x\", format: slack, level: warning}\n"
		 "  - {name: ops, url: \"http://h/y\", secret_file: \"%s\"}\n"
		 "  - {name: pager, command: /bin/true, level: critical}\n",
		 rig->secret);
	put(rig->path, text, 0644);
	assert_int_equal(hookfile_load(rig->path, &hooks, &err), 0);
	assert_int_equal(hooks.n, 3);
	assert_string_equal(hooks.hook[0].name, "team");
	assert_string_equal(hooks.hook[0].url, "https://h/x");
	assert_int_equal(hooks.hook[0].format, HOOK_SLACK);
	assert_int_equal(hooks.hook[0].level, 1);
	assert_null(hooks.hook[0].secret);
	assert_string_equal(hooks.hook[1].secret, "whsec_abc");
	assert_int_equal(hooks.hook[1].format, HOOK_JSON);
	assert_int_equal(hooks.hook[1].level, 0);
	assert_string_equal(hooks.hook[2].command, "/bin/true");
	hookfile_free(&hooks);
}

static void test_bad(void **state)
{
	static const struct {
		const char *text, *expected; /* behind the path */
		mode_t secret_mode;
	} rows[] = {
		{ "hooks:\n - {name: Team, url: \"https://h\"}\n",
		  ":2: hooks[0].name: expected small letters", 0600 },
		{ "hooks:\n - {name: a, url: \"https://h\"}\n - {name: a, url: \"https://h\"}\n",
		  ":3: hooks[1].name: expected a name that no other hook has", 0600 },
		{ "hooks:\n - {name: a}\n", "hooks[0].url: expected either url or command", 0600 },
		{ "hooks:\n - {name: a, url: \"https://h\", command: /bin/true}\n",
		  "hooks[0].url: expected either url or command", 0600 },
		{ "hooks:\n - {name: a, url: \"file:///etc/passwd\"}\n",
		  "hooks[0].url: expected https://... or http://...", 0600 },
		{ "hooks:\n - {name: a, command: true}\n", "hooks[0].command: expected the path",
		  0600 },
		{ "hooks:\n - {name: a, command: /bin}\n", "hooks[0].command: expected the path",
		  0600 },
		{ "hooks:\n - {name: a, url: \"https://h\", secret_file: \"SECRET\"}\n",
		  "hooks[0].secret_file: expected a file that nobody but root", 0644 },
		{ "hooks:\n - {name: a, url: \"https://h\", secret_file: /nonexistent}\n",
		  "hooks[0].secret_file: expected a file that nobody but root", 0600 },
		{ "hooks:\n - {name: a, url: \"https://h\", format: xml}\n", ":2: ", 0600 },
		{ "hooks:\n - {name: a, url: \"https://h\", retries: 5}\n", ":2: ", 0600 },
		{ "hook: []\n", ":1: ", 0600 },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct hookfile hooks = { .n = 7 };
		const char *at = strstr(rows[i].text, "SECRET");
		struct err err = { "" };
		char text[512];

		put(rig->secret, "x", rows[i].secret_mode);
		snprintf(text, sizeof(text), "%.*s%s%s",
			 (int)(at ? (size_t)(at - rows[i].text) : strlen(rows[i].text)),
			 rows[i].text, at ? rig->secret : "", at ? at + 6 : "");
		put(rig->path, text, 0644);
		assert_int_equal(hookfile_load(rig->path, &hooks, &err), -EINVAL);
		print_message("%s\n", err.text);
		assert_non_null(strstr(err.text, rig->path));
		assert_non_null(strstr(err.text, rows[i].expected));
		assert_int_equal(hooks.n, 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_good, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
