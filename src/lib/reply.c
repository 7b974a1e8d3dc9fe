/* A reader that walks from member to member and copies what is asked for: no tree, no memory. */
#include "lib/reply.h"

#include <stdio.h>
#include <string.h>

static const char *skip_blank(const char *at)
{
	return at + strspn(at, " \t\r\n");
}

/* Behind a string that begins at `at`. */
static const char *skip_string(const char *at)
{
	for (at++; *at && *at != '"'; at++)
		if (*at == '\\' && at[1])
			at++;
	return *at ? at + 1 : at;
}

static const char *skip_value(const char *at)
{
	unsigned depth = 0;

	do {
		at = skip_blank(at);
		if (*at == '"') {
			at = skip_string(at);
			continue;
		}
		if (*at == '{' || *at == '[')
			depth++;
		else if ((*at == '}' || *at == ']') && depth)
			depth--;
		else if (!depth)
			return at + strcspn(at, ",}] \t\r\n");
		if (*at)
			at++;
	} while (depth && *at);
	return at;
}

const char *reply_member(const char *object, const char *name)
{
	size_t len = strlen(name);
	const char *at = object ? skip_blank(object) : "";

	if (*at != '{')
		return NULL;
	do {
		const char *key = skip_blank(at + 1);

		if (*key != '"')
			return NULL;
		at = skip_blank(skip_string(key));
		if (*at != ':')
			return NULL;
		if (strncmp(key + 1, name, len) == 0 && key[len + 1] == '"')
			return skip_blank(at + 1);
		at = skip_blank(skip_value(at + 1));
	} while (*at == ',');
	return NULL;
}

static int hex(const char *at)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++) {
		const char *digits = "0123456789abcdef";
		const char *digit = at[i] ? strchr(digits, at[i] | 0x20) : NULL;

		if (!digit)
			return -1;
		value = value << 4 | (unsigned)(digit - digits);
	}
	return (int)value;
}

/* A character beyond the first plane is two escapes; half of one is U+FFFD. */
static const char *unescape(const char *at, unsigned *ret_code)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *plain = strchr(from, *at);
	int high, low;

	*ret_code = plain ? (unsigned char)to[plain - from] : (unsigned char)*at;
	if (*at != 'u')
		return at + 1;
	high = hex(at + 1);
	*ret_code = 0xfffd;
	if (high < 0)
		return at + 1;
	at += 5;
	if (high < 0xd800 || high > 0xdfff) {
		*ret_code = (unsigned)high;
		return at;
	}
	low = at[0] == '\\' && at[1] == 'u' ? hex(at + 2) : -1;
	if (high > 0xdbff || low < 0xdc00 || low > 0xdfff)
		return at;
	*ret_code = 0x10000 + (((unsigned)high & 0x3ff) << 10 | ((unsigned)low & 0x3ff));
	return at + 6;
}

static unsigned encode(unsigned code, char out[4])
{
	unsigned n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

	if (n == 1) {
		out[0] = (char)code;
		return n;
	}
	for (unsigned i = n - 1; i; i--, code >>= 6)
		out[i] = (char)(0x80 | (code & 0x3f));
	out[0] = (char)((0xf00u >> n) | code);
	return n;
}

void reply_text(const char *value, char *out, size_t size)
{
	const char *at = value && *value == '"' ? value + 1 : "";
	char *end = out;

	while (*at && *at != '"') {
		char bytes[4] = { *at };
		unsigned n = 1, code;

		if (*at == '\\' && at[1]) {
			at = unescape(at + 1, &code);
			n = encode(code, bytes);
		} else {
			/* One whole character, as the agent wrote it. */
			for (at++; n < 4 && (*at & 0xc0) == 0x80; at++)
				bytes[n++] = *at;
		}
		if ((size_t)(end - out) + n >= size)
			break;
		memcpy(end, bytes, n);
		end += n;
	}
	*end = '\0';
}

void reply_put(struct reply_out *out, const char *text, size_t n)
{
	if (out->failed || (size_t)(out->end - out->at) < n) {
		out->failed = 1;
		return;
	}
	memcpy(out->at, text, n);
	out->at += n;
}

void reply_put_string(struct reply_out *out, const char *text, size_t n)
{
	reply_put(out, "\"", 1);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		char escaped[8];

		if (c == '"' || c == '\\' || c < 0x20)
			reply_put(out, escaped,
				  (size_t)snprintf(escaped, sizeof(escaped), "\\u%04x", c));
		else
			reply_put(out, text + i, 1);
	}
	reply_put(out, "\"", 1);
}
