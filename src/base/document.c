/* jansson with a place in every error. Nothing here keeps state: a place is a chain of locals of
 * the callers, and the values are borrowed from the tree that document_parse returned. */
#include "base/document.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/plain.h"

/* Keys of the document get into errors, and these are one line for a terminal. */
static void make_printable(struct err *err)
{
	for (char *c = err ? err->text : ""; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
}

int document_parse(struct span text, const char *file, unsigned line, json_t **ret_root,
		   struct err *err)
{
	json_t *root = plain_parse(text);
	json_error_t error;

	if (!root)
		root =
		    json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	if (!root && json_error_code(&error) == json_error_out_of_memory)
		return err_set(err, -ENOMEM, "%s: out of memory", file);
	if (!root) {
		/* What stands there may be content: the line must do. */
		const char *token = strstr(error.text, " near '");
		int length = token ? (int)(token - error.text) : (int)strlen(error.text);

		err_set(err, 0, "%s:%u: %.*s", file,
			line - 1 + (error.line > 0 ? (unsigned)error.line : 1), length, error.text);
		make_printable(err);
		return -EINVAL;
	}
	*ret_root = root;
	return 0;
}

int document_read(const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
	CLOSE_FILE FILE *file = fopen(path, "re");
	char piece[16384];
	struct stat st;
	size_t n;

	if (!file || fstat(fileno(file), &st) < 0)
		return err_set(err, -errno, "%s: %m", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "%s: expected a regular file", path);
	do {
		n = fread(piece, 1, sizeof(piece), file);
		buf_put(out, (struct span){ piece, n });
	} while (n && !out->failed);
	if (ferror(file))
		return err_set(err, -EIO, "%s: cannot be read", path);
	if (out->failed)
		return err_set(err, -EFBIG, "%s: expected at most %zu bytes", path, max_bytes);
	return 0;
}

int document_load(const char *path, size_t max_bytes, json_t **ret_root, struct err *err)
{
	struct buf text = buf_with_max(max_bytes);
	int rc;

	rc = document_read(path, max_bytes, &text, err);
	if (!rc)
		rc = document_parse(buf_span(&text), path, 1, ret_root, err);
	buf_done(&text);
	return rc;
}

static void put_place(struct buf *out, const struct document_place *at)
{
	if (!at->parent)
		return;
	put_place(out, at->parent);
	if (at->key)
		buf_printf(out, "%s%s", at->parent->parent ? "." : "", at->key);
	else
		buf_printf(out, "[%zu]", at->index);
}

int document_refuse(const struct document_place *at, struct err *err, const char *expected)
{
	struct buf place = buf_with_max(256);
	struct span text;

	put_place(&place, at);
	text = buf_span(&place);
	if (text.len)
		err_set(err, 0, "%s: %.*s: expected %s", at->file, (int)text.len, text.ptr,
			expected);
	else
		err_set(err, 0, "%s: expected %s", at->file, expected);
	buf_done(&place);
	make_printable(err);
	return -EINVAL;
}

static bool is_known(const char *key, const char *const *known)
{
	while (*known && strcmp(*known, key) != 0)
		known++;
	return *known != NULL;
}

static void list_known(const char *const *known, char *out, size_t size)
{
	size_t n = (size_t)snprintf(out, size, "one of the keys");

	for (; *known && n < size; known++)
		n += (size_t)snprintf(out + n, size - n, " %s%s", *known, known[1] ? "," : "");
}

int document_object(const json_t *value, const struct document_place *at, const char *const *known,
		    struct err *err)
{
	if (!json_is_object(value))
		return document_refuse(at, err, "an object");
	/* jansson iterates without const, and changes nothing. */
	for (void *i = json_object_iter((json_t *)value); i;
	     i = json_object_iter_next((json_t *)value, i)) {
		struct document_place here = document_member(at, json_object_iter_key(i));
		char keys[160];

		if (is_known(here.key, known))
			continue;
		list_known(known, keys, sizeof(keys));
		return document_refuse(&here, err, keys);
	}
	return 0;
}

int document_array(const json_t *object, const char *key, const struct document_place *at,
		   size_t min, size_t max, const json_t **ret_array, struct err *err)
{
	struct document_place here = document_member(at, key);
	const json_t *array = json_object_get(object, key);
	char expected[64];

	if ((array && !json_is_array(array)) || json_array_size(array) < min ||
	    json_array_size(array) > max) {
		snprintf(expected, sizeof(expected), "a list of %zu to %zu", min, max);
		return document_refuse(&here, err, expected);
	}
	*ret_array = array;
	return 0;
}

int document_text(const json_t *object, const char *key, const struct document_place *at,
		  size_t max, struct span *ret_text, struct err *err)
{
	struct document_place here = document_member(at, key);
	const json_t *value = json_object_get(object, key);
	struct span text = { json_string_value(value), json_string_length(value) };
	char expected[64];
	bool ok = text.len && text.len <= max;

	for (size_t i = 0; ok && i < text.len; i++)
		ok = (unsigned char)text.ptr[i] >= 0x20 && text.ptr[i] != 0x7f;
	if (!ok) {
		snprintf(expected, sizeof(expected), "a text of 1 to %zu bytes", max);
		return document_refuse(&here, err, expected);
	}
	*ret_text = text;
	return 0;
}
