/* A walk over brackets and strings: what is on the way to the array is compared with the pointer,
 * what is not is only counted out again. No state but a few words, whatever the text holds. */
#include "meter/within.h"

void within_begin(struct within *within, struct span pointer)
{
	*within = (struct within){ .rest = span_skip(pointer, 1) };
	within->token = span_cut(&within->rest, '/');
}

static void take_in_string(struct within *w, char c)
{
	if (!w->escape && c == '"') {
		w->in_string = false;
		w->differs |= w->same != w->token.len;
		return;
	}
	w->escape = !w->escape && c == '\\';
	if (w->escape || w->differs || w->same == w->token.len || w->token.ptr[w->same] != c)
		w->differs = true;
	else
		w->same++;
}

/* A value begins. True: it is the array. */
static bool enter(struct within *w, char c)
{
	bool last = !w->rest.ptr;

	if (!w->aside && !w->is_open && c == '{')
		w->is_open = true;
	else if (!w->aside && w->is_key && c == (last ? '[' : '{'))
		w->token = last ? w->token : span_cut(&w->rest, '/');
	else
		w->aside++;
	return !w->aside && w->is_key && last;
}

static void leave(struct within *w)
{
	if (w->aside)
		w->aside--;
	else
		w->over = true;
}

/* A byte outside strings. */
static bool take(struct within *w, char c)
{
	bool found = false;

	if (c == '"') {
		w->in_string = true;
		w->differs = false;
		w->same = 0;
	} else if (c == ':') {
		w->is_key = !w->differs;
	} else if (c == '{' || c == '[') {
		found = enter(w, c);
		w->is_key = false;
	} else if (c == '}' || c == ']') {
		leave(w);
	} else if (c == ',') {
		w->is_key = false;
	}
	return found;
}

bool within_find(struct within *within, struct span *piece)
{
	while (piece->len && !within->over) {
		char c = *piece->ptr;

		*piece = span_skip(*piece, 1);
		if (within->in_string)
			take_in_string(within, c);
		else if (take(within, c))
			return true;
	}
	*piece = (struct span){ NULL, 0 };
	return false;
}
