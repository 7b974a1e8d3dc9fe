/* Line by line. The boundary is the first line, so that the header is not needed. */
#include "meter/multipart.h"

#include "meter/document.h"

enum state { FIRST, HEADERS, VALUE, PAST };

void multipart_begin(struct format_reader *reader)
{
	reader->work->multipart.state = FIRST;
	reader->work->multipart.boundary_len = reader->work->multipart.name_len = 0;
	reader->work->multipart.line_len = 0;
}

void multipart_gap(struct format_reader *reader)
{
	struct multipart *m = &reader->work->multipart;

	m->line_len = MULTIPART_LINE_MAX; /* the rest of a line is none */
	m->name_len = 0;
	if (m->state != FIRST)
		m->state = PAST;
	else
		m->boundary_len = 0;
}

/* "model" of `form-data; name="model"`. */
static void read_disposition(struct multipart *m, struct span line)
{
	struct span header = span_cut(&line, ':');
	bool file = false;

	if (!span_ieq(header, SPAN("content-disposition")))
		return;
	m->name_len = 0;
	while (line.ptr) {
		struct span value = span_trim(span_cut(&line, ';'));
		struct span key = span_cut(&value, '=');

		file |= span_ieq(key, SPAN("filename")) || span_ieq(key, SPAN("filename*"));
		if (!span_ieq(key, SPAN("name")) || value.len < 2 ||
		    value.len - 2 > MULTIPART_NAME_MAX || *value.ptr != '"')
			continue;
		m->name_len = (uint8_t)(value.len - 2);
		memcpy(m->name, value.ptr + 1, m->name_len);
	}
	if (file)
		m->name_len = 0;
}

static void tell(struct format_reader *reader, struct span value)
{
	struct multipart *m = &reader->work->multipart;

	if (!m->name_len)
		return;
	document_feed(reader, SPAN("{\""));
	document_feed_text(reader, (struct span){ m->name, m->name_len });
	document_feed(reader, SPAN("\":\""));
	document_feed_text(reader, value);
	document_feed(reader, SPAN("\"}"));
	document_end(reader);
}

static bool is_boundary(const struct multipart *m, struct span line)
{
	struct span boundary = { m->boundary, m->boundary_len };

	return boundary.len && span_starts(line, boundary) &&
	       (line.len == boundary.len || span_eq(span_skip(line, boundary.len), SPAN("--")));
}

static void take_line(struct format_reader *reader, struct span line)
{
	struct multipart *m = &reader->work->multipart;

	if (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	if (m->state == FIRST && span_starts(line, SPAN("--")) &&
	    line.len <= MULTIPART_BOUNDARY_MAX) {
		m->boundary_len = (uint8_t)line.len;
		memcpy(m->boundary, line.ptr, line.len);
	}
	if (is_boundary(m, line)) {
		m->state = HEADERS;
		m->name_len = 0;
	} else if (m->state == HEADERS && line.len) {
		read_disposition(m, line);
	} else if (m->state == HEADERS) {
		m->state = VALUE;
	} else if (m->state == VALUE) {
		tell(reader, line);
		m->state = PAST;
	}
}

void multipart_feed(struct format_reader *reader, struct span piece)
{
	struct multipart *m = &reader->work->multipart;

	while (piece.ptr) {
		struct span part = span_cut(&piece, '\n');
		size_t room = MULTIPART_LINE_MAX - m->line_len;
		size_t n = part.len < room ? part.len : room;

		memcpy(m->line + m->line_len, part.ptr, n);
		m->line_len += (uint16_t)n;
		if (!piece.ptr)
			return;
		if (m->line_len < MULTIPART_LINE_MAX)
			take_line(reader, (struct span){ m->line, m->line_len });
		else if (m->state == VALUE)
			m->state = PAST;
		m->line_len = 0;
	}
}
