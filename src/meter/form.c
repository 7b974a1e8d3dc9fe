/* Decodes byte by byte: forms are short. */
#include "meter/form.h"

#include "meter/document.h"

void form_begin(struct format_reader *reader)
{
	reader->work->form = (struct form){ 0 };
}

static void begin_pair(struct format_reader *reader)
{
	if (!reader->open)
		document_feed(reader, SPAN("{\""));
}

static void put(struct format_reader *reader, char c)
{
	begin_pair(reader);
	document_feed_text(reader, (struct span){ &c, 1 });
}

void form_end(struct format_reader *reader)
{
	if (!reader->open)
		return;
	document_feed(reader, reader->work->form.in_value ? SPAN("\"}") : SPAN("\":null}"));
	document_end(reader);
	form_begin(reader);
}

void form_gap(struct format_reader *reader)
{
	if (reader->open)
		document_tear(reader);
	form_begin(reader);
}

static int hex(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = memchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c, 16);

	return at ? (int)(at - digits) : -1;
}

static void take(struct format_reader *reader, char c)
{
	struct form *form = &reader->work->form;

	if (form->digits && hex(c) >= 0) {
		form->byte = (uint8_t)(form->byte << 4 | hex(c));
		if (!--form->digits)
			put(reader, (char)form->byte);
		return;
	}
	form->digits = 0; /* no escape after all: it is left out */
	if (c == '&') {
		form_end(reader);
	} else if (c == '=' && !form->in_value) {
		begin_pair(reader);
		document_feed(reader, SPAN("\":\""));
		form->in_value = true;
	} else if (c == '%') {
		form->digits = 2;
		form->byte = 0;
	} else {
		put(reader, c == '+' ? ' ' : c);
	}
}

void form_feed(struct format_reader *reader, struct span piece)
{
	for (size_t i = 0; i < piece.len; i++)
		take(reader, piece.ptr[i]);
}
