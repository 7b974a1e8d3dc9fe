/* Heads and bodies of exchanges. A body's kind is known by its first byte; a byte's fate is known
 * before it is taken. */
#include "http/mask.h"

#include <string.h>

enum kind { KIND_UNKNOWN, KIND_JSON, KIND_SSE, KIND_LEFT_OUT };

/* Headers that are kept. To add one that a provider file or src/meter reads: a row; never one that
 * can carry a credential. */
static const char *const headers[] = {
	"content-type",
	"content-range",
	"host",
	"upgrade",
	"x-request-id",
	"request-id",
	"apim-request-id",
	"cf-ray",
	"dg-request-id",
	"sb-request-id",
	"twilio-request-id",
	"x-amzn-requestid",
	"x-resend-request-id",
	"x-debug-trace-id",
	"x-global-transaction-id",
	"x-vercel-id",
	"x-amzn-errortype",
	"x-amzn-bedrock-input-token-count",
	"x-amzn-bedrock-output-token-count",
	"x-amzn-bedrock-service-tier",
	"x-amzn-bedrock-performanceconfig-latency",
	"dg-char-count",
	"dg-model-name",
	"x-stainless-retry-count",
	"retry-after",
	"retry-after-ms",
};

/* And all whose names begin so: the limits that providers tell of. */
static const char *const families[] = { "ratelimit-", "x-ratelimit-", "anthropic-ratelimit-",
					"x-trial-endpoint-call-" };

bool mask_keeps_header(struct span name)
{
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		if (span_ieq(name, span_of(headers[i])))
			return true;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (name.len <= MASK_NAME_MAX &&
		    span_ieq(span_head(name, strlen(families[i])), span_of(families[i])))
			return true;
	return false;
}

/* Letters, digits and marks that paths and short values need. */
static char plain_or_x(char c)
{
	bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
		     (c && strchr("-._~:/;=+,*%", c));

	return plain ? c : 'x';
}

struct span mask_value(struct span value, char out[static MASK_VALUE_MAX])
{
	value = span_head(value, MASK_VALUE_MAX);
	for (size_t i = 0; i < value.len; i++)
		out[i] = value.ptr[i] == ' ' ? ' ' : plain_or_x(value.ptr[i]);
	return (struct span){ out, value.len };
}

struct span mask_target(struct span target, char out[static MASK_TARGET_MAX])
{
	bool query = false, kept = true;

	target = span_head(target, MASK_TARGET_MAX);
	for (size_t i = 0; i < target.len; i++) {
		char c = target.ptr[i];

		if (c == (query ? '&' : '?')) {
			query = true;
			kept = span_starts(span_skip(target, i + 1), SPAN("model="));
			out[i] = c;
		} else {
			out[i] = kept ? plain_or_x(c) : 'x';
		}
	}
	return (struct span){ out, target.len };
}

/* --- bodies */

void mask_begin(struct mask *m, bool answer)
{
	m->answer = answer;
	m->kind = KIND_UNKNOWN;
}

static void choose_kind(struct mask *m, char c)
{
	if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
		return;
	if (c == '{' || c == '[') {
		m->kind = KIND_JSON;
		mask_json_init(&m->body.json, m->answer);
	} else if (m->answer && c && strchr("dier:", c)) {
		m->kind = KIND_SSE;
		mask_sse_init(&m->body.sse, true);
	} else {
		m->kind = KIND_LEFT_OUT;
	}
}

void mask_gap(struct mask *m)
{
	if (m->kind == KIND_SSE)
		mask_sse_gap(&m->body.sse);
	else
		m->kind = KIND_LEFT_OUT;
}

static bool keeps(struct mask *m, char c)
{
	if (m->kind == KIND_UNKNOWN)
		choose_kind(m, c);
	return m->kind != KIND_LEFT_OUT;
}

size_t mask_next(struct mask *m, struct span in, char *out, bool *ret_kept)
{
	size_t n = 0;

	*ret_kept = keeps(m, in.ptr[0]);
	if (!*ret_kept)
		return in.len;
	for (; n < in.len && keeps(m, in.ptr[n]); n++)
		out[n] = m->kind == KIND_JSON  ? mask_json_byte(&m->body.json, in.ptr[n])
			 : m->kind == KIND_SSE ? mask_sse_byte(&m->body.sse, in.ptr[n])
					       : in.ptr[n];
	return n;
}
