/* No redirects, no protocols besides HTTP(S), and nothing of the answer is looked at but its
 * status: the other side may be anybody. */
#include "agent/webhook.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <nettle/base64.h>
#include <nettle/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/span.h"
#include "sink/hook.h"

#define LETTER_MAX      65536
#define TIMEOUT_SECONDS 10L
#define NOBODY          65534
#define LIBRARY         "libcurl.so.4"

/* One row a function. */
#define FUNCTIONS(X)                                                                               \
	X(easy_init)                                                                               \
	X(easy_setopt)                                                                             \
	X(easy_perform)                                                                            \
	X(easy_getinfo)                                                                            \
	X(easy_strerror)                                                                           \
	X(slist_append)

struct curl {
#define X(name) __typeof__(curl_##name) *name;
	FUNCTIONS(X)
#undef X
};

struct letter {
	struct span url, type, id, secret, body;
};

/* --- signature */

void webhook_sign(struct buf *out, struct span secret, struct span id, int64_t timestamp,
		  struct span body)
{
	uint8_t key[512], digest[SHA256_DIGEST_SIZE];
	char base64[BASE64_ENCODE_RAW_LENGTH(SHA256_DIGEST_SIZE)];
	struct base64_decode_ctx decode;
	struct hmac_sha256_ctx hmac;
	size_t n = sizeof(key);
	char time[32];

	base64_decode_init(&decode);
	if (span_starts(secret, SPAN("whsec_")) &&
	    BASE64_DECODE_LENGTH(secret.len - 6) <= sizeof(key) &&
	    base64_decode_update(&decode, &n, key, secret.len - 6, secret.ptr + 6) &&
	    base64_decode_final(&decode))
		hmac_sha256_set_key(&hmac, n, key);
	else
		hmac_sha256_set_key(&hmac, secret.len, (const uint8_t *)secret.ptr);
	snprintf(time, sizeof(time), ".%" PRId64 ".", timestamp);
	hmac_sha256_update(&hmac, id.len, (const uint8_t *)id.ptr);
	hmac_sha256_update(&hmac, strlen(time), (const uint8_t *)time);
	hmac_sha256_update(&hmac, body.len, (const uint8_t *)body.ptr);
	hmac_sha256_digest(&hmac, sizeof(digest), digest);
	base64_encode_raw(base64, sizeof(digest), digest);
	buf_put(out, SPAN("v1,"));
	buf_put(out, (struct span){ base64, sizeof(base64) });
	explicit_bzero(key, sizeof(key));
}

/* --- the letter */

static bool read_all(int in, struct buf *out)
{
	char piece[4096];
	ssize_t n;

	for (n = read(in, piece, sizeof(piece)); n > 0; n = read(in, piece, sizeof(piece)))
		buf_put(out, (struct span){ piece, (size_t)n });
	return n == 0 && !out->failed;
}

static bool take_line(struct span *rest, struct span *ret_line)
{
	const char *end = rest->len ? memchr(rest->ptr, '\n', rest->len) : NULL;

	if (!end)
		return false;
	*ret_line = (struct span){ rest->ptr, (size_t)(end - rest->ptr) };
	*rest = span_skip(*rest, ret_line->len + 1);
	return true;
}

static bool parse(struct span text, struct letter *ret_letter)
{
	struct letter l;

	if (!take_line(&text, &l.url) || !take_line(&text, &l.type) || !take_line(&text, &l.id) ||
	    !take_line(&text, &l.secret) || !text.len)
		return false;
	l.body = text;
	*ret_letter = l;
	return true;
}

/* --- the call */

static bool load(struct curl *curl)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return false;
#define X(name)                                                                                    \
	*(void **)&curl->name = dlsym(library, "curl_" #name);                                     \
	if (!curl->name)                                                                           \
		return false;
	FUNCTIONS(X)
#undef X
	return true;
}

static size_t ignore(char *data, size_t size, size_t n, void *ctx)
{
	(void)data;
	(void)ctx;
	return size * n;
}

static struct curl_slist *add_header(const struct curl *curl, struct curl_slist *list,
				     const char *name, struct span value)
{
	char line[512];

	snprintf(line, sizeof(line), "%s: %.*s", name, (int)value.len, value.ptr);
	return curl->slist_append(list, line);
}

static struct curl_slist *headers_of(const struct curl *curl, const struct letter *l)
{
	int64_t now = clock_system.now_ns(&clock_system) / NS_PER_SEC;
	struct buf signature = buf_with_max(256);
	struct curl_slist *list = NULL;
	char time[24];

	snprintf(time, sizeof(time), "%" PRId64, now);
	list = add_header(curl, list, "Content-Type", l->type);
	list = add_header(curl, list, "Expect", SPAN(""));
	list = add_header(curl, list, "webhook-id", l->id);
	list = add_header(curl, list, "webhook-timestamp", span_of(time));
	if (l->secret.len) {
		webhook_sign(&signature, l->secret, l->id, now, l->body);
		list = add_header(curl, list, "webhook-signature", buf_span(&signature));
	}
	buf_done(&signature);
	return list;
}

/* The status, or 0 and what went wrong. */
static long post(const struct curl *curl, const struct letter *l, const char **ret_why)
{
	FREE_PTR char *url = strndup(l->url.ptr, l->url.len);
	CURL *easy = curl->easy_init();
	long status = 0;
	CURLcode code;

	if (!easy || !url)
		return 0;
	curl->easy_setopt(easy, CURLOPT_URL, url);
	curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl->easy_setopt(easy, CURLOPT_TIMEOUT, TIMEOUT_SECONDS);
	curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl->easy_setopt(easy, CURLOPT_USERAGENT, "outlay");
	curl->easy_setopt(easy, CURLOPT_HTTPHEADER, headers_of(curl, l));
	curl->easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)l->body.len);
	curl->easy_setopt(easy, CURLOPT_POSTFIELDS, l->body.ptr);
	curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
	code = curl->easy_perform(easy);
	if (code == CURLE_OK)
		curl->easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	else
		*ret_why = curl->easy_strerror(code);
	return status;
}

static bool is_never(long status)
{
	return status == 400 || status == 410 || (status >= 413 && status <= 415) || status == 422;
}

int webhook_deliver(const char *name, int in)
{
	struct buf text = buf_with_max(LETTER_MAX);
	const char *why = "out of memory";
	struct letter letter;
	struct curl curl;
	long status;

	if (!read_all(in, &text) || !parse(buf_span(&text), &letter)) {
		fprintf(stderr, "outlayd: hook %s: that is no letter\n", name);
		buf_done(&text);
		return HOOK_EXIT_NEVER;
	}
	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
			       setresuid(NOBODY, NOBODY, NOBODY) < 0)) {
		fprintf(stderr, "outlayd: hook %s: cannot drop rights: %m\n", name);
		return EXIT_FAILURE;
	}
	if (!load(&curl)) {
		fprintf(stderr, "outlayd: hook %s: %s; apt install libcurl4\n", name, dlerror());
		return EXIT_FAILURE;
	}
	status = post(&curl, &letter, &why);
	buf_done(&text);
	if (status >= 200 && status < 300)
		return EXIT_SUCCESS;
	if (status)
		fprintf(stderr, "outlayd: hook %s: HTTP %ld\n", name, status);
	else
		fprintf(stderr, "outlayd: hook %s: %s\n", name, why);
	return is_never(status) ? HOOK_EXIT_NEVER : EXIT_FAILURE;
}
