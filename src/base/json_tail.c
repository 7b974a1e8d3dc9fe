/* Walks backwards over tokens and remembers the last comma it met between members of the root.
 * Whatever cannot be told without the bytes before the tail ends the walk. */
#include "base/json_tail.h"

/* The number of backslashes right before `at`. False: they may go on before the tail. */
static bool backslashes_before(struct span tail, size_t at, size_t *ret_n)
{
	size_t n = 0;

	while (n < at && tail.ptr[at - 1 - n] == '\\')
		n++;
	*ret_n = n;
	return n < at;
}

/* `*at` is a quote that closes a string; moves it to the one that opens it. */
static bool skip_string(struct span tail, size_t *at)
{
	for (size_t i = *at; i > 0; i--) {
		size_t n;

		if (tail.ptr[i - 1] != '"')
			continue;
		if (!backslashes_before(tail, i - 1, &n))
			return false;
		if (n % 2 == 0) {
			*at = i - 1;
			return true;
		}
	}
	return false;
}

static size_t end_of_document(struct span tail)
{
	size_t n = tail.len;

	while (n && memchr(" \t\r\n", tail.ptr[n - 1], 4))
		n--;
	return n;
}

size_t json_tail_skip(struct span tail)
{
	size_t found = tail.len, at = end_of_document(tail);
	unsigned depth = 0;

	if (!at || tail.ptr[at - 1] != '}')
		return tail.len;
	while (at > 0) {
		at--;
		switch (tail.ptr[at]) {
		case '"':
			if (!skip_string(tail, &at))
				return found;
			break;
		case '}':
		case ']':
			depth++;
			break;
		case '{':
		case '[':
			depth--;
			if (!depth)
				return tail.len; /* not the end of what began before */
			break;
		case ',':
			if (depth == 1)
				found = at + 1;
			break;
		}
	}
	return found;
}

static void ignore(void *ctx, unsigned id, const struct json_value *value)
{
	(void)ctx;
	(void)id;
	(void)value;
}

int json_tail_scan(struct span tail, const struct json_paths *paths, json_value_fn *fn, void *ctx)
{
	struct span members = span_skip(tail, json_tail_skip(tail));
	struct json_scan scan;

	json_scan_init_members(&scan, paths, ignore, NULL);
	if (json_scan_feed(&scan, members) != 1)
		return 0;
	json_scan_init_members(&scan, paths, fn, ctx);
	json_scan_feed(&scan, members);
	return 1;
}
