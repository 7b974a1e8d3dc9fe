/* One pass over the headers of an answer, each held against the few rules of its provider. Resets
 * come as spans of time, as instants, and as seconds or milliseconds since 1970: all become
 * instants, counted from the first byte of the answer. */
#include "meter/limits.h"

#include <errno.h>
#include <time.h>

#include "base/timestamp.h"

#define SPAN_NS_MAX   (366 * 24 * 3600 * NS_PER_SEC)
#define EPOCH_S_FROM  1000000000    /* smaller numbers are seconds from now */
#define EPOCH_MS_FROM 1000000000000 /* smaller ones are seconds since 1970 */
#define RETRY         SPAN("retry_after")

/* --- compiling */

static int refuse(const char *path, struct err *err, unsigned i, const char *key,
		  const char *expected)
{
	char full[32];

	snprintf(full, sizeof(full), "limits[%u].%s", i, key);
	return provider_file_refuse(path, err, full, "%s", expected);
}

static int compile_rule(const char *path, const struct limit_file *from, unsigned i,
			struct limit_rule *rule, struct err *err)
{
	char *braces;

	if (strspn(from->name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(from->name) ||
	    span_eq(span_of(from->name), RETRY))
		return refuse(path, err, i, "name", "expected a word of a-z, 0-9 and _");
	if (!span_copy(span_of(from->header), rule->header, sizeof(rule->header)))
		return refuse(path, err, i, "header", "expected fewer letters");
	braces = strstr(rule->header, "{}");
	if (!braces)
		return refuse(path, err, i, "header",
			      "expected {} where limit, remaining or reset stands");
	span_copy(span_of(from->name), rule->name, sizeof(rule->name));
	rule->before = (struct span){ rule->header, (size_t)(braces - rule->header) };
	rule->behind = span_of(braces + 2);
	return 0;
}

static uint32_t letter(char c)
{
	return UINT32_C(1) << (c & 31);
}

/* One whose {} comes before its third letter may be any. */
static void add_letters(struct limits *limits, struct span header)
{
	bool early = header.len < 3 || memchr(header.ptr, '{', 3);

	limits->letters[0] |= early ? UINT32_MAX : letter(header.ptr[0]);
	limits->letters[1] |= early ? UINT32_MAX : letter(header.ptr[2]);
}

/* Most headers are none of a limit by these letters, without regard to case. */
static bool may_be_limit(const struct limits *limits, struct span name)
{
	return name.len > 2 && limits->letters[0] & letter(name.ptr[0]) &&
	       limits->letters[1] & letter(name.ptr[2]);
}

int limits_compile(const char *path, const struct provider_file *file, struct limits *limits,
		   struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; i < file->limits_count && rc == 0; i++) {
		rc = compile_rule(path, &file->limits[i], i, &limits->rules[i], err);
		limits->n = i + 1;
		add_letters(limits, span_of(limits->rules[i].header));
	}
	return rc;
}

/* --- values */

/* "499", "10, 10;w=1": a whole number, and whatever a list or parameters say behind it. */
static bool parse_count(struct span text, int64_t *ret_count)
{
	size_t end = 0;
	uint64_t count;

	while (end < text.len && !strchr(",; ", text.ptr[end]))
		end++;
	if (span_u64(span_head(text, end), &count) < 0 || count > INT64_MAX)
		return false;
	*ret_count = (int64_t)count;
	return true;
}

static int64_t unit_ns(struct span unit)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = { { "", NS_PER_SEC },
		      { "s", NS_PER_SEC },
		      { "ms", NS_PER_MS },
		      { "us", 1000 },
		      { "m", 60 * NS_PER_SEC },
		      { "h", 3600 * NS_PER_SEC },
		      { "d", 24 * 3600 * NS_PER_SEC } };

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (span_eq(unit, span_of(units[i].name)))
			return units[i].ns;
	return 0;
}

static struct span take_while(struct span *rest, const char *letters, bool in)
{
	struct span taken = { rest->ptr, 0 };

	while (taken.len < rest->len &&
	       (memchr(letters, taken.ptr[taken.len], strlen(letters)) != NULL) == in)
		taken.len++;
	*rest = span_skip(*rest, taken.len);
	return taken;
}

/* "6m0s", "1h2m3.5s", "12ms", "20", "0.25": false for anything else, or more than a year. */
static bool parse_span(struct span text, int64_t *ret_ns)
{
	__int128 sum = 0;

	if (!text.len)
		return false;
	while (text.len) {
		struct span number = take_while(&text, "0123456789.", true), whole;
		int64_t unit = unit_ns(take_while(&text, "0123456789.", false)), part = unit;
		uint64_t count;

		whole = span_cut(&number, '.');
		if (!unit || span_u64(whole, &count) < 0 || count > EPOCH_MS_FROM)
			return false;
		sum += (__int128)count * unit;
		for (size_t i = 0; i < number.len; i++) {
			if (number.ptr[i] < '0' || number.ptr[i] > '9')
				return false;
			part /= 10;
			sum += (number.ptr[i] - '0') * part;
		}
		if (sum > SPAN_NS_MAX)
			return false;
	}
	*ret_ns = (int64_t)sum;
	return true;
}

/* Sun, 06 Nov 1994 08:49:37 GMT. */
static bool parse_http_date(struct span text, int64_t *ret_ns)
{
	struct tm tm = { 0 };
	char date[40];
	const char *end;

	if (!span_copy(text, date, sizeof(date)))
		return false;
	end = strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	if (!end || *end)
		return false;
	*ret_ns = (int64_t)timegm(&tm) * NS_PER_SEC;
	return *ret_ns > 0;
}

static bool parse_reset(struct span text, int64_t now_ns, int64_t *ret_ns)
{
	uint64_t number;
	int64_t ns;

	if (!text.len)
		return false;
	if (span_u64(text, &number) == 0 && number >= EPOCH_S_FROM) {
		if (number >= EPOCH_MS_FROM * 1000ull)
			return false;
		*ret_ns = (int64_t)number * (number < EPOCH_MS_FROM ? NS_PER_SEC : NS_PER_MS);
		return true;
	}
	if (parse_span(text, &ns)) {
		*ret_ns = now_ns + ns;
		return true;
	}
	return timestamp_parse(text, ret_ns) == 0 || parse_http_date(text, ret_ns);
}

/* --- reading */

static struct usage_limit *find_limit(struct usage *usage, struct span name)
{
	struct usage_limit *limit;

	for (unsigned i = 0; i < usage->n_limits; i++)
		if (span_eq(span_of(usage->limits[i].name), name))
			return &usage->limits[i];
	if (usage->n_limits == USAGE_LIMITS_MAX)
		return NULL;
	limit = &usage->limits[usage->n_limits++];
	*limit = (struct usage_limit){ .limit = -1, .remaining = -1 };
	span_copy(name, limit->name, sizeof(limit->name));
	return limit;
}

static void read_header(const struct limit_rule *rule, const struct http_header *header,
			int64_t now_ns, struct usage *usage)
{
	size_t around = rule->before.len + rule->behind.len;
	struct usage_limit *limit;
	int64_t count = 0, ns = 0;
	bool is_limit, is_reset;
	struct span word;

	if (header->name.len <= around)
		return;
	word = span_head(span_skip(header->name, rule->before.len), header->name.len - around);
	is_limit = span_ieq(word, SPAN("limit"));
	is_reset = !is_limit && span_ieq(word, SPAN("reset"));
	if ((!is_limit && !is_reset && !span_ieq(word, SPAN("remaining"))) ||
	    !span_ieq(span_skip(header->name, rule->before.len + word.len), rule->behind) ||
	    !span_ieq(span_head(header->name, rule->before.len), rule->before))
		return;
	if (is_reset ? !parse_reset(header->value, now_ns, &ns)
		     : !parse_count(header->value, &count))
		return;
	limit = find_limit(usage, span_of(rule->name));
	if (limit && is_reset)
		limit->resets_ns = ns;
	else if (limit)
		*(is_limit ? &limit->limit : &limit->remaining) = count;
}

/* The finer of the two wins. */
static void read_retry(const struct http_head *head, int64_t now_ns, struct usage *usage)
{
	struct span ms = head_get(head, SPAN("retry-after-ms")), whole = span_cut(&ms, '.');
	struct usage_limit *limit;
	int64_t ns = 0;
	uint64_t count;

	if (span_u64(whole, &count) == 0 && count <= SPAN_NS_MAX / NS_PER_MS)
		ns = now_ns + (int64_t)count * NS_PER_MS;
	else if (!parse_reset(head_get(head, SPAN("retry-after")), now_ns, &ns))
		return;
	limit = find_limit(usage, RETRY);
	if (limit)
		limit->resets_ns = ns;
}

void limits_read(const struct limits *limits, const struct exchange *ex, struct usage *usage)
{
	const struct http_head *head = &ex->response;
	int64_t now_ns = ex->response_utc_ns;
	bool retry = false;

	for (unsigned i = 0; i < head->n_headers; i++) {
		const struct http_header *header = &head->headers[i];

		for (unsigned k = 0; may_be_limit(limits, header->name) && k < limits->n; k++)
			read_header(&limits->rules[k], header, now_ns, usage);
		retry |= header->name.len && (header->name.ptr[0] | 0x20) == 'r';
	}
	if (retry)
		read_retry(head, now_ns, usage);
}
