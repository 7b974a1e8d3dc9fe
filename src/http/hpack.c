/* Fields are copied as the inflater yields them, for it forgets them with its next step; the spans
 * are made at the end, when the buffer has its final place. */
#include "http/hpack.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>

#include "base/cleanup.h"

/* The mark of an unknown entry is its name, which no field can have. It costs a table 33 bytes by
 * RFC 7541, 4.1, as the smallest entry does that a peer may send. */
#define MARK       SPAN("?")
#define MARK_COUNT (4096 / 33)

CLEANUP_FOR(inflater, nghttp2_hd_inflater *, nghttp2_hd_inflate_del)

static struct span span_of_bytes(const uint8_t *ptr, size_t len)
{
	return (struct span){ (const char *)ptr, len };
}

static void forget_fields(struct hpack *h)
{
	if (h->fields.data)
		explicit_bzero(h->fields.data, h->fields.len);
	buf_done(&h->fields);
	h->fields = buf_with_max(HEAD_BYTES_MAX);
	h->n_fields = 0;
}

void hpack_done(struct hpack *h)
{
	forget_fields(h);
	if (h->inflater)
		nghttp2_hd_inflate_del(TAKE_PTR(h->inflater));
}

void hpack_lose(struct hpack *h)
{
	hpack_done(h);
	h->unknown_table = true;
	h->lost = h->unknown = true;
}

void hpack_forget(struct hpack *h)
{
	hpack_done(h);
	*h = hpack_of(true);
}

/* A literal with incremental indexing, its name the mark and its value empty: RFC 7541, 6.2.1. */
static int fill_with_marks(nghttp2_hd_inflater *inflater)
{
	static const uint8_t mark[] = { 0x40, 1, '?', 0 };

	for (int i = 0; i < MARK_COUNT; i++) {
		nghttp2_nv field;
		int flags = 0;

		if (nghttp2_hd_inflate_hd2(inflater, &field, &flags, mark, sizeof(mark), 1) !=
		    sizeof(mark))
			return -ENOMEM;
		while (!(flags & NGHTTP2_HD_INFLATE_FINAL))
			if (nghttp2_hd_inflate_hd2(inflater, &field, &flags, mark, 0, 1) < 0)
				return -ENOMEM;
		nghttp2_hd_inflate_end_headers(inflater);
	}
	return 0;
}

static int make_inflater(struct hpack *h)
{
	CLEANUP(cleanup_inflater) nghttp2_hd_inflater *inflater = NULL;

	if (h->inflater)
		return 0;
	if (nghttp2_hd_inflate_new(&inflater) ||
	    nghttp2_hd_inflate_change_table_size(inflater, HPACK_TABLE_MAX))
		return -ENOMEM;
	if (h->unknown_table && fill_with_marks(inflater))
		return -ENOMEM;
	h->inflater = TAKE_PTR(inflater);
	return 0;
}

static bool is_pseudo(struct span name)
{
	return name.len && *name.ptr == ':';
}

static bool is_wellformed(const nghttp2_nv *field)
{
	struct span name = span_of_bytes(field->name, field->namelen);

	/* Pseudo headers: those that matter are looked at in take_pseudo. */
	return (is_pseudo(name) || nghttp2_check_header_name(field->name, field->namelen)) &&
	       nghttp2_check_header_value(field->value, field->valuelen);
}

static void keep_field(struct hpack *h, const nghttp2_nv *field)
{
	uint32_t lengths[2] = { (uint32_t)field->namelen, (uint32_t)field->valuelen };
	struct span name = span_of_bytes(field->name, field->namelen);
	struct span value = span_of_bytes(field->value, field->valuelen);
	size_t bytes = sizeof(lengths) + name.len + value.len;

	if (span_eq(name, MARK)) {
		h->unknown = true;
		return;
	}
	if (!is_wellformed(field)) {
		h->malformed = true;
		return;
	}
	/* Over a limit of ours the head goes on without the rest. */
	if (h->n_fields == HEAD_HEADERS_MAX || bytes > HEAD_BYTES_MAX - h->fields.len) {
		h->unknown = true;
		return;
	}
	buf_put(&h->fields, (struct span){ (const char *)lengths, sizeof(lengths) });
	buf_put(&h->fields, name);
	buf_put(&h->fields, value);
	h->n_fields++;
}

/* -EBADMSG also for a block that ends within a field, when `final`. */
static int inflate(struct hpack *h, struct span in, bool final)
{
	int flags;

	do {
		nghttp2_nv field;
		ssize_t n;

		flags = 0;
		n = nghttp2_hd_inflate_hd2(h->inflater, &field, &flags, (const uint8_t *)in.ptr,
					   in.len, final);
		if (n < 0)
			return n == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EBADMSG;
		in = span_skip(in, (size_t)n);
		if (flags & NGHTTP2_HD_INFLATE_EMIT)
			keep_field(h, &field);
	} while (flags & NGHTTP2_HD_INFLATE_EMIT || in.len);
	return 0;
}

int hpack_feed(struct hpack *h, struct span fragment)
{
	int err;

	if (fragment.len > HPACK_BLOCK_MAX - h->block_bytes)
		return -E2BIG;
	h->block_bytes += (uint32_t)fragment.len;
	if (h->lost || !fragment.len)
		return 0;
	err = make_inflater(h);
	if (!err)
		err = inflate(h, fragment, false);
	if (err)
		hpack_lose(h);
	return err;
}

static int finish(struct hpack *h)
{
	int err = h->lost || !h->inflater ? 0 : inflate(h, SPAN(""), true);

	if (err)
		hpack_lose(h);
	else if (h->inflater)
		nghttp2_hd_inflate_end_headers(h->inflater);
	return err;
}

static void next_block(struct hpack *h)
{
	forget_fields(h);
	h->block_bytes = 0;
	h->lost = h->unknown = h->malformed = false;
}

int hpack_drop(struct hpack *h)
{
	int err = finish(h);

	next_block(h);
	return err;
}

static bool take_status(struct http_head *head, struct span value)
{
	uint64_t status;

	if (head->status || value.len != 3 || span_u64(value, &status) || status < 100)
		return false;
	head->status = (unsigned)status;
	return true;
}

static bool take_once(struct span *field, struct span value, int is_valid)
{
	if (field->len || !value.len || !is_valid)
		return false;
	*field = value;
	return true;
}

struct pseudo { /* headers that a head has otherwise */
	struct span authority, protocol;
};

/* False: twice, or not as RFC 9113, 8.3 wants it. */
static bool take_pseudo(struct http_head *head, struct span name, struct span value,
			struct pseudo *other)
{
	const uint8_t *bytes = (const uint8_t *)value.ptr;

	if (span_eq(name, SPAN(":status")))
		return take_status(head, value);
	if (span_eq(name, SPAN(":method")))
		return take_once(&head->method, value, nghttp2_check_method(bytes, value.len));
	if (span_eq(name, SPAN(":path")))
		return take_once(&head->target, value, nghttp2_check_path(bytes, value.len));
	if (span_eq(name, SPAN(":authority")))
		return take_once(&other->authority, value,
				 nghttp2_check_authority(bytes, value.len));
	if (span_eq(name, SPAN(":protocol")))
		return take_once(&other->protocol, value, true);
	return span_eq(name, SPAN(":scheme"));
}

static struct span take_text(struct span *in, uint32_t len)
{
	struct span text = span_head(*in, len);

	*in = span_skip(*in, len);
	return text;
}

static void read_fields(const struct hpack *h, struct hpack_block *block, struct http_head *head)
{
	struct span rest = buf_span(&h->fields);
	struct pseudo other = { { NULL, 0 }, { NULL, 0 } };

	while (rest.len) {
		struct span name, value;
		uint32_t lengths[2];

		memcpy(lengths, rest.ptr, sizeof(lengths));
		rest = span_skip(rest, sizeof(lengths));
		name = take_text(&rest, lengths[0]);
		value = span_trim(take_text(&rest, lengths[1]));
		if (is_pseudo(name))
			block->malformed |= !take_pseudo(head, name, value, &other);
		else
			head->headers[head->n_headers++] = (struct http_header){ name, value };
	}
	/* As in HTTP/1: CONNECT has the authority for its target, all others have a Host. */
	if (!head->target.len && span_eq(head->method, SPAN("CONNECT")))
		head->target = other.authority;
	else if (span_eq(other.protocol, SPAN("websocket")) &&
		 span_eq(head->method, SPAN("CONNECT")))
		block->websocket = true;
	if (block->websocket)
		head->method = SPAN("GET");
	if (other.authority.len && head->n_headers < HEAD_HEADERS_MAX &&
	    !head_get(head, SPAN("host")).ptr)
		head->headers[head->n_headers++] =
		    (struct http_header){ SPAN("host"), other.authority };
	if (!head->method.len || !head->target.len)
		head->method = head->target = (struct span){ NULL, 0 };
}

int hpack_end(struct hpack *h, struct hpack_block *ret_block)
{
	struct http_header room[HEAD_HEADERS_MAX];
	struct http_head head = { .headers = room };
	struct hpack_block block = { 0 };
	int err = finish(h);

	block.malformed = h->malformed;
	read_fields(h, &block, &head);
	block.unknown = h->unknown || h->fields.failed;
	if (head_copy(&head, buf_span(&h->fields), &block.head) < 0)
		block.unknown = true;
	next_block(h);
	*ret_block = block;
	return err;
}
