/* base/document: each refusal is one line that names file and place, and holds none of the text. */
#include "base/document.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

struct syntax_row {
	const char *text;
	const char *error;
};

static const struct syntax_row syntax_rows[] = {
	{ "", "f.json:7: " },
	{ "7", "f.json:7: " },
	{ "{\n\"a\": tru }", "f.json:8: invalid token" },
	{ "{\n\"a\": 1,\n\"a\": 2}", "f.json:9: duplicate object key" },
	{ "{\"a\": \"\x80\"}", "f.json:7: unable to decode byte 0x80" },
	{ "{\"a\": 1} x", "f.json:7: end of file expected" },
	{ "[1, 99999999999999999999]", "f.json:7: too big integer" },
	{ "{\"secret\" \"words\"}", "f.json:7: ':' expected" },
};

static void test_syntax(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(syntax_rows) / sizeof(syntax_rows[0]); i++) {
		struct err err = { "" };
		json_t *root = NULL;

		assert_int_equal(
		    document_parse(span_of(syntax_rows[i].text), "f.json", 7, &root, &err),
		    -EINVAL);
		assert_null(root);
		if (strncmp(err.text, syntax_rows[i].error, strlen(syntax_rows[i].error)) != 0)
			fail_msg("\"%s\", want \"%s\"", err.text, syntax_rows[i].error);
		assert_null(strstr(err.text, "words"));
	}
	assert_int_equal(document_parse(SPAN("{"), "f", 1, &(json_t *){ NULL }, NULL), -EINVAL);
}

static void test_values(void **state)
{
	static const char *const known[] = { "list", "text", NULL };
	struct document_place top = { .file = "f.json" };
	struct err err = { "" };
	FREE_JSON json_t *root = NULL;
	const json_t *list;
	struct span text;

	(void)state;
	assert_int_equal(document_parse(SPAN("{\"list\": [1, 2], \"text\": \"a\\u0000b\"}"),
					"f.json", 1, &root, &err),
			 0);
	assert_int_equal(document_object(root, &top, known, &err), 0);
	assert_int_equal(document_array(root, "list", &top, 2, 2, &list, &err), 0);
	assert_int_equal(json_array_size(list), 2);
	assert_int_equal(document_array(root, "none", &top, 0, 1, &list, &err), 0);
	assert_int_equal(json_array_size(list), 0);
	assert_string_equal(err.text, "");

	assert_int_equal(document_array(root, "list", &top, 0, 1, &list, &err), -EINVAL);
	assert_string_equal(err.text, "f.json: list: expected a list of 0 to 1");
	err.text[0] = '\0';
	assert_int_equal(document_text(root, "text", &top, 8, &text, &err), -EINVAL);
	assert_string_equal(err.text, "f.json: text: expected a text of 1 to 8 bytes");
	err.text[0] = '\0';
	assert_int_equal(document_object(root, &top, known + 1, &err), -EINVAL);
	assert_string_equal(err.text, "f.json: list: expected one of the keys text");
}

static void test_places(void **state)
{
	struct document_place top = { .file = "f.json" };
	struct document_place a = document_member(&top, "a");
	struct document_place b = document_element(&a, 3);
	struct document_place c = document_member(&b, "c\nd");
	struct document_place e = document_element(&top, 0);
	struct err err = { "" };

	(void)state;
	assert_int_equal(document_refuse(&c, &err, "more"), -EINVAL);
	assert_string_equal(err.text, "f.json: a[3].c?d: expected more");
	/* the first one stays */
	assert_int_equal(document_refuse(&e, &err, "less"), -EINVAL);
	assert_string_equal(err.text, "f.json: a[3].c?d: expected more");
	err.text[0] = '\0';
	document_refuse(&e, &err, "less");
	assert_string_equal(err.text, "f.json: [0]: expected less");
	assert_int_equal(document_refuse(&top, NULL, "an object"), -EINVAL);
}

static void test_load(void **state)
{
	char path[] = "/tmp/document-XXXXXX";
	int fd = mkstemp(path);
	struct err err = { "" };
	json_t *root = NULL;

	(void)state;
	assert_int_equal(write(fd, "{\"a\":1}\n", 8), 8);
	close(fd);
	assert_int_equal(document_load(path, 8, &root, &err), 0);
	assert_int_equal(json_integer_value(json_object_get(root, "a")), 1);
	json_decref(root);
	assert_int_equal(document_load(path, 7, &root, &err), -EFBIG);
	assert_non_null(strstr(err.text, ": expected at most 7 bytes"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(document_load(path, 8, &root, NULL), -ENOENT);
	assert_int_equal(document_load("/", 8, &root, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
