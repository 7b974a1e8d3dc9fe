/* base/yaml: each way a file can be wrong gives one line with file, line and key. Lines are counted
 * by hand in the texts below. */
#include "base/yaml.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct item {
	char *name;
	int8_t weight;
	uint16_t port;
};

enum mode { MODE_SLOW = 1, MODE_FAST };

struct top {
	char *title;
	char *note;
	bool flag;
	enum mode mode;
	struct item *items;
	unsigned items_count;
	char **hosts;
	unsigned hosts_count;
};

static const struct cyaml_schema_field item_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct item, name, 1, 8),
	CYAML_FIELD_INT("weight", CYAML_FLAG_OPTIONAL, struct item, weight),
	CYAML_FIELD_UINT("port", CYAML_FLAG_OPTIONAL, struct item, port),
	CYAML_FIELD_END,
};

static const struct cyaml_schema_value item_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct item, item_fields),
};

static const struct cyaml_schema_value host_schema = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 64),
};

static const cyaml_strval_t modes[] = { { "slow", MODE_SLOW }, { "fast", MODE_FAST } };

static const struct cyaml_schema_field top_fields[] = {
	CYAML_FIELD_STRING_PTR("title", CYAML_FLAG_POINTER, struct top, title, 1, 64),
	CYAML_FIELD_STRING_PTR("note", CYAML_FLAG_POINTER_NULL | CYAML_FLAG_OPTIONAL, struct top,
			       note, 1, 64),
	CYAML_FIELD_BOOL("flag", CYAML_FLAG_OPTIONAL, struct top, flag),
	CYAML_FIELD_ENUM("mode", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct top, mode, modes,
			 2),
	CYAML_FIELD_SEQUENCE("items", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct top, items,
			     &item_schema, 0, 3),
	CYAML_FIELD_SEQUENCE("hosts", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct top, hosts,
			     &host_schema, 1, 2),
	CYAML_FIELD_END,
};

static const struct cyaml_schema_value top_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct top, top_fields),
};

struct fixture {
	char dir[32];
	char path[64];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/yaml-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/f.yaml", f->dir);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	unlink(f->path);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void write_file(const struct fixture *f, const char *text, size_t length)
{
	FILE *file = fopen(f->path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

/* The error without the name of the file. */
static void expect_refusal(const struct fixture *f, const char *text, size_t length, int code,
			   const char *expected)
{
	struct err err = { "" };
	void *value = NULL;

	write_file(f, text, length);
	assert_int_equal(yaml_load(f->path, &top_schema, &value, &err), code);
	assert_null(value);
	assert_memory_equal(err.text, f->path, strlen(f->path));
	assert_string_equal(err.text + strlen(f->path), expected);
}

static void loads(void **state)
{
	static const char text[] = "title: a b\nnote:\nflag: true\nmode: fast\n"
				   "items:\n  - name: x\n    weight: -128\n    port: 65535\n"
				   "  - {name: 500}\nhosts: [h1, \"h2\"]\n";
	const struct fixture *f = *state;
	struct err err = { "" };
	struct top *top;
	void *value;

	write_file(f, text, sizeof(text) - 1);
	assert_int_equal(yaml_load(f->path, &top_schema, &value, &err), 0);
	top = value;
	assert_string_equal(top->title, "a b");
	assert_null(top->note);
	assert_true(top->flag);
	assert_int_equal(top->mode, MODE_FAST);
	assert_int_equal(top->items_count, 2);
	assert_int_equal(top->items[0].weight, -128);
	assert_int_equal(top->items[0].port, 65535);
	assert_string_equal(top->items[1].name, "500");
	assert_int_equal(top->hosts_count, 2);
	assert_string_equal(top->hosts[1], "h2");
	yaml_unload(&top_schema, value);
	yaml_unload(&top_schema, NULL);
}

static void says_where(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		/* syntax */
		{ "title: a\nitems: [1,\n",
		  ":3: no valid YAML: did not find expected node content" },
		{ "title: a\n\tflag: true\n",
		  ":2: no valid YAML: found a tab character that violates indentation" },
		{ "title: a\nhosts: \"b\n\n", ":4: no valid YAML: found unexpected end of stream" },
		{ "title: a\nnote: b\n\xff\n", ":3: no valid YAML: invalid leading UTF-8 octet" },
		{ "title: a\nnote: b: c\n",
		  ":2: no valid YAML: mapping values are not allowed in this context" },
		{ "", ":1: the file is empty" },
		{ "# nothing\n# at all\n", ":3: the file is empty" },
		{ "title: a\n---\ntitle: b\n", ":2: expected one document in the file" },
		/* keys */
		{ "title: a\nitems:\n  - name: x\n    nmae: y\n",
		  ":4: items[0].nmae: unknown key; known here: name, weight, port" },
		{ "title: a\n\nTitle: b\n",
		  ":3: Title: unknown key; known here: title, note, flag, mode, items, hosts" },
		{ "title: a\n\"bad\\nkey\": b\n",
		  ":2: bad?key: unknown key; known here: title, note, flag, mode, items, hosts" },
		{ "title: a\nflag: true\nflag: true\n", ":3: flag: this key stands here twice" },
		{ "\nflag: true\n", ":2: title: this key is required and missing" },
		{ "title: a\nitems:\n  - name: x\n  - weight: 1\n",
		  ":4: items[1].name: this key is required and missing" },
		{ "title: a\n? [x]\n: b\n", ":2: expected a word as a key" },
		{ "<<: {title: a}\n",
		  ":1: <<: unknown key; known here: title, note, flag, mode, items, hosts" },
		/* types */
		{ "- title\n", ":1: expected a mapping with these keys: title, note, flag, mode, "
			       "items, hosts" },
		{ "title: [a]\n", ":1: title: expected a single value" },
		{ "title:\n", ":1: title: expected text of at least 1 bytes" },
		{ "title: \"a\\0b\"\n", ":1: title: expected text without NUL" },
		{ "title: a\nitems: 3\n", ":2: items: expected a list" },
		{ "title: a\nitems:\n  - x\n",
		  ":3: items[0]: expected a mapping with these keys: name, weight, port" },
		{ "title: a\nitems:\n  - name: longerthan8\n",
		  ":3: items[0].name: expected text of at most 8 bytes" },
		{ "title: a\nhosts: []\n", ":2: hosts: expected at least 1 entries" },
		{ "title: a\nhosts: [a, b, c]\n", ":2: hosts: expected at most 2 entries" },
		{ "title: a\nflag: maybe\n", ":2: flag: expected true or false" },
		{ "title: a\nmode: 2\n", ":2: mode: expected one of: slow, fast" },
		{ "title: a\nitems:\n- name: x\n  weight: 128\n",
		  ":4: items[0].weight: expected a whole number from -128 to 127" },
		{ "title: a\nitems:\n- name: x\n  weight: -129\n",
		  ":4: items[0].weight: expected a whole number from -128 to 127" },
		{ "title: a\nitems:\n- name: x\n  weight: 0x10\n",
		  ":4: items[0].weight: expected a whole number from -128 to 127" },
		{ "title: a\nitems:\n- name: x\n  port: 010\n",
		  ":4: items[0].port: expected a whole number from 0 to 65535" },
		{ "title: a\nitems:\n- name: x\n  port: 65536\n",
		  ":4: items[0].port: expected a whole number from 0 to 65535" },
		{ "title: a\nitems:\n- name: x\n  port: -1\n",
		  ":4: items[0].port: expected a whole number from 0 to 65535" },
		/* anchors */
		{ "title: &t a\n",
		  ":1: anchors and aliases are not supported, write the value out" },
		{ "title: a\nhosts: *t\n",
		  ":2: anchors and aliases are not supported, write the value out" },
		{ "title: a\nhosts: &h [b]\n",
		  ":2: anchors and aliases are not supported, write the value out" },
		{ "a: &a {b: c}\n",
		  ":1: anchors and aliases are not supported, write the value out" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		expect_refusal(*state, cases[i].text, strlen(cases[i].text), -EINVAL,
			       cases[i].expected);
}

/* Ten to the ninth strings, were it expanded. */
static void refuses_alias_bomb(void **state)
{
	char text[2048];
	size_t n = (size_t)snprintf(text, sizeof(text), "title: a\nhosts:\n- &a0 [x]\n");

	for (int level = 1; level < 10; level++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "- &a%d [", level);
		for (int i = 0; i < 10; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "*a%d,", level - 1);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "]\n");
	}
	expect_refusal(*state, text, n, -EINVAL,
		       ":3: anchors and aliases are not supported, write the value out");
}

static void refuses_depth(void **state)
{
	char text[4096];

	memcpy(text, "title: ", 7);
	memset(text + 7, '[', sizeof(text) - 7);
	expect_refusal(*state, text, sizeof(text), -EINVAL, ":1: nested too deep");
}

static void limits_size(void **state)
{
	static const char head[] = "title: a\n#";
	size_t size = (4u << 20) + 1;
	const struct fixture *f = *state;
	char *text = malloc(size);
	struct err err = { "" };
	void *value;

	memset(text, 'x', size);
	memcpy(text, head, sizeof(head) - 1);
	expect_refusal(f, text, size, -EINVAL, ": expected at most 4194304 bytes");
	write_file(f, text, size - 1);
	assert_int_equal(yaml_load(f->path, &top_schema, &value, &err), 0);
	yaml_unload(&top_schema, value);
	free(text);
}

static void refuses_what_is_no_file(void **state)
{
	const struct fixture *f = *state;
	struct err err = { "" };
	char expected[128];
	void *value = NULL;

	assert_int_equal(yaml_load(f->path, &top_schema, &value, &err), -ENOENT);
	snprintf(expected, sizeof(expected), "%s: cannot be read: No such file or directory",
		 f->path);
	assert_string_equal(err.text, expected);

	err.text[0] = '\0';
	assert_int_equal(yaml_load(f->dir, &top_schema, &value, &err), -EISDIR);
	snprintf(expected, sizeof(expected), "%s: expected a file, this is none", f->dir);
	assert_string_equal(err.text, expected);

	assert_int_equal(mkfifo(f->path, 0600), 0);
	assert_int_equal(yaml_load(f->path, &top_schema, &value, NULL), -EINVAL);
	assert_null(value);
}

static void keeps_the_first_error(void **state)
{
	const struct fixture *f = *state;
	struct err err = { "deeper" };
	void *value;

	assert_int_equal(yaml_load(f->path, &top_schema, &value, &err), -ENOENT);
	assert_string_equal(err.text, "deeper");
}

static void finds_lines(void **state)
{
	static const char text[] = "title: a\n\nitems:\n  - name: x\n\n    weight: 1\n  - name: y\n"
				   "hosts: [a,\n  b]\nnote: {c.d: e}\n";
	static const struct {
		const char *key;
		unsigned line;
	} cases[] = {
		{ "title", 1 },           { "items", 3 },      { "items[0]", 4 },
		{ "items[0].weight", 6 }, { "items[1]", 7 },   { "items[1].name", 7 },
		{ "hosts[0]", 8 },        { "hosts[1]", 9 },   { "hosts[2]", 0 },
		{ "items[0].port", 0 },   { "nothing", 0 },    { "title.x", 0 },
		{ "title[0]", 0 },        { "items[", 0 },     { "items[x]", 0 },
		{ "items[0][0]", 0 },     { "items.name", 0 },
	};
	const struct fixture *f = *state;

	assert_int_equal(yaml_line(f->path, "title"), 0);
	write_file(f, text, sizeof(text) - 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(yaml_line(f->path, cases[i].key), cases[i].line);
	write_file(f, "a: [", 4);
	assert_int_equal(yaml_line(f->path, "a"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(loads, setup, teardown),
		cmocka_unit_test_setup_teardown(says_where, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_alias_bomb, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_depth, setup, teardown),
		cmocka_unit_test_setup_teardown(limits_size, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_what_is_no_file, setup, teardown),
		cmocka_unit_test_setup_teardown(keeps_the_first_error, setup, teardown),
		cmocka_unit_test_setup_teardown(finds_lines, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
