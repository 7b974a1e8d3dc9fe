/* The agent's HTTP interface by libcurl. Proxies and netrc of the environment are not for it. */
#include "cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cell.h"

#define ANSWER_BYTES_MAX (64u << 20)
#define CONNECT_SECONDS  5L
#define ANSWER_SECONDS   30L

struct transfer {
	CURL *curl;
	struct client_answer *answer; /* kept whole: all, or what is no success */
	client_piece_fn *fn;
	void *ctx;
	bool is_stopped;
};

static size_t on_bytes(char *bytes, size_t one, size_t n, void *ctx)
{
	struct transfer *transfer = ctx;
	struct span piece = { bytes, one * n };
	long status = 0;

	curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
	if (transfer->fn && status == 200) {
		transfer->is_stopped = !transfer->fn(transfer->ctx, piece);
		return transfer->is_stopped ? 0 : piece.len;
	}
	buf_put(&transfer->answer->body, piece);
	return transfer->answer->body.failed ? 0 : piece.len;
}

static int complain_of_transfer(CURL *curl, CURLcode code, const char *socket)
{
	long os_error = 0;

	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os_error);
	if (code != CURLE_COULDNT_CONNECT)
		fprintf(stderr, "outlay: the agent on %s did not answer: %s\n", socket,
			curl_easy_strerror(code));
	else if (os_error == EACCES)
		fprintf(stderr, "outlay: %s may not be opened by this user; use sudo\n", socket);
	else
		fprintf(stderr,
			"outlay: no agent answers on %s (%s); start outlayd, or give --socket\n",
			socket, os_error ? strerror((int)os_error) : "no connection");
	return -EIO;
}

static CURL *prepare(struct transfer *transfer, const char *socket, const char *path)
{
	CURL *curl = curl_easy_init();
	char url[2048];

	if (!curl)
		return NULL;
	snprintf(url, sizeof(url), "http://outlay%s", path);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
	transfer->curl = curl;
	return curl;
}

static int perform(struct transfer *transfer, const char *socket)
{
	CURLcode code = curl_easy_perform(transfer->curl);
	int err = 0;

	if (code != CURLE_OK && !transfer->is_stopped)
		err = complain_of_transfer(transfer->curl, code, socket);
	curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &transfer->answer->status);
	curl_easy_cleanup(transfer->curl);
	return err;
}

int client_ask(const char *socket, const char *path, const char *json,
	       struct client_answer *ret_answer)
{
	struct client_answer answer = { .body = buf_with_max(ANSWER_BYTES_MAX) };
	struct transfer transfer = { .answer = &answer };
	struct curl_slist *headers = NULL;
	CURL *curl = prepare(&transfer, socket, path);
	int err;

	if (!curl)
		return -ENOMEM;
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, ANSWER_SECONDS);
	if (json) {
		headers = curl_slist_append(headers, "Content-Type: application/json");
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, json);
	}
	err = perform(&transfer, socket);
	curl_slist_free_all(headers);
	if (err) {
		buf_done(&answer.body);
		return err;
	}
	*ret_answer = answer;
	return 0;
}

int client_stream(const char *socket, const char *path, client_piece_fn *fn, void *ctx)
{
	struct client_answer answer = { .body = buf_with_max(ANSWER_BYTES_MAX) };
	struct transfer transfer = { .answer = &answer, .fn = fn, .ctx = ctx };
	int err;

	if (!prepare(&transfer, socket, path))
		return -ENOMEM;
	err = perform(&transfer, socket);
	if (!err && answer.status != 200) {
		client_complain(&answer);
		err = -EIO;
	}
	buf_done(&answer.body);
	return err;
}

void client_complain(const struct client_answer *answer)
{
	json_t *json =
	    json_loadb(answer->body.data ? answer->body.data : "", answer->body.len, 0, NULL);
	const char *detail = json_string_value(json_object_get(json, "detail"));
	struct buf line = buf_with_max(4096);

	cell_put(&line, span_of(detail ? detail : "no reason is given"), 0);
	fprintf(stderr, "outlay: the agent says (%ld): %.*s\n", answer->status, (int)line.len,
		line.data);
	buf_done(&line);
	json_decref(json);
}
