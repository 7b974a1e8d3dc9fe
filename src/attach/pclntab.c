/* The names are searched for as text first: that gives the offsets by which the entries of the
 * functions call them, and the entries are then compared by number. Reads go through windows, since
 * a file of others must not be mapped: it may be cut short meanwhile. */
#include "attach/pclntab.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "attach/image.h"

#define MAGIC_1_18    0xfffffff0
#define MAGIC_1_20    0xfffffff1
#define TABLE_ALIGN   16 /* at least: the linker asks for 32 */
#define FUNCTIONS_MAX (1u << 21)
#define NAMES_BYTES   (64u << 20) /* searched at most */
#define NAME_ROOM     66          /* with a NUL at both ends */
#define WANTED_MAX    8
#define TEXT_WORD     22 /* of runtime.moduledata, in words: its field text */

struct header {
	uint32_t magic;
	uint8_t zero[2], quantum, pointer_bytes;
	uint64_t n_functions, n_files, text_start;
	uint64_t names, units, files, pc_values, functions; /* offsets from the header */
};

struct entry {
	uint32_t code; /* offset from the start of the text */
	uint32_t at;   /* of its details, from the first entry */
};

struct window {
	int fd;
	unsigned fills_left;
	uint64_t offset;
	size_t n;
	char bytes[16384];
};

struct search {
	int fd;
	struct image_section table;
	struct header header;
	uint64_t text;
	unsigned n;
	uint32_t names[WANTED_MAX]; /* offset of each name; 0: not there */
};

/* `n` bytes at that offset of the file, good until the next call. NULL: not there. */
static const void *look(struct window *w, uint64_t offset, size_t n)
{
	if (offset < w->offset || offset - w->offset + n > w->n) {
		size_t room = sizeof(w->bytes);

		/* Near the end of the file a whole window does not fit. */
		while (room >= n && w->fills_left && !image_read(w->fd, w->bytes, room, offset)) {
			room /= 2;
			w->fills_left--;
		}
		if (room < n || !w->fills_left)
			return NULL;
		w->fills_left--;
		w->offset = offset;
		w->n = room;
	}
	return w->bytes + (offset - w->offset);
}

static bool is_magic(const struct header *h)
{
	return (h->magic == MAGIC_1_18 || h->magic == MAGIC_1_20) && !h->zero[0] && !h->zero[1] &&
	       h->quantum && h->quantum <= 4 && h->pointer_bytes == sizeof(uint64_t);
}

/* Where C's linker made a PIE, up to Go 1.25, the table is somewhere in the data that the dynamic
 * linker relocates. */
static int search_data(struct search *s)
{
	struct image_section data;
	char piece[16384];

	if (image_section(s->fd, ".data.rel.ro", &data) < 0)
		return -ENOENT;
	for (uint64_t at = 0; at < data.size && at < NAMES_BYTES; at += sizeof(piece)) {
		size_t n = data.size - at < sizeof(piece) ? data.size - at : sizeof(piece);

		if (!image_read(s->fd, piece, n, data.offset + at))
			return -ENOENT;
		for (size_t i = 0; i + sizeof(uint64_t) <= n; i += TABLE_ALIGN) {
			struct header h;

			memcpy(&h, piece + i, sizeof(uint64_t));
			if (!is_magic(&h))
				continue;
			s->table =
			    (struct image_section){ data.address + at + i, data.offset + at + i,
						    data.size - at - i };
			return 0;
		}
	}
	return -ENOENT;
}

static int read_header(struct search *s)
{
	struct header *h = &s->header;

	if (image_section(s->fd, ".gopclntab", &s->table) < 0 &&
	    image_section(s->fd, ".data.rel.ro.gopclntab", &s->table) < 0 && search_data(s) < 0)
		return -ENOENT;
	if (!image_read(s->fd, h, sizeof(*h), s->table.offset))
		return -EBADMSG;
	if (!is_magic(h))
		return -ENOTSUP;
	if (h->n_functions > FUNCTIONS_MAX || h->names > s->table.size || h->units < h->names ||
	    h->units > s->table.size || h->functions > s->table.size)
		return -EBADMSG;
	return 0;
}

/* The header has it up to Go 1.25, then the module's data has. .text begins with C's own start
 * code where C's linker made the program. */
static uint64_t find_text(const struct search *s)
{
	uint64_t text = image_word(s->fd, s->table.address + offsetof(struct header, text_start));
	struct image_section section;

	if (!text && image_section(s->fd, ".go.module", &section) == 0)
		text = image_word(s->fd, section.address + TEXT_WORD * sizeof(uint64_t));
	if (!text && image_section(s->fd, ".text", &section) == 0)
		text = section.address;
	return text;
}

static void find_names(struct search *s, const char *const *names)
{
	uint64_t size = s->header.units - s->header.names;
	char piece[16384], wanted[NAME_ROOM] = "";

	if (size > NAMES_BYTES)
		size = NAMES_BYTES;
	for (uint64_t at = 0; at < size; at += sizeof(piece) - NAME_ROOM) {
		size_t n = size - at < sizeof(piece) ? size - at : sizeof(piece);

		if (!image_read(s->fd, piece, n, s->table.offset + s->header.names + at))
			return;
		for (unsigned i = 0; i < s->n; i++) {
			size_t length = strnlen(names[i], NAME_ROOM - 2);
			const char *found;

			memcpy(wanted + 1, names[i], length);
			wanted[length + 1] = '\0';
			found = memmem(piece, n, wanted, length + 2);
			if (found)
				s->names[i] = (uint32_t)(at + (uint64_t)(found - piece) + 1);
		}
	}
}

/* Entry `i`, whose end is where the next begins. */
static bool take(const struct search *s, uint32_t name, const struct entry pair[2],
		 struct pclntab_function *ret)
{
	for (unsigned i = 0; i < s->n; i++) {
		uint64_t offset;

		if (!s->names[i] || s->names[i] != name)
			continue;
		if (pair[1].code <= pair[0].code ||
		    !image_offset(s->fd, s->text + pair[0].code, &offset))
			return false;
		ret[i] = (struct pclntab_function){ offset, pair[1].code - pair[0].code };
	}
	return true;
}

static int walk(const struct search *s, struct pclntab_function *ret)
{
	uint64_t first = s->table.offset + s->header.functions;
	unsigned fills = (unsigned)(s->header.n_functions / 16 + 64);
	struct window entries = { .fd = s->fd, .fills_left = fills };
	struct window details = { .fd = s->fd, .fills_left = fills };

	for (uint64_t i = 0; i < s->header.n_functions; i++) {
		const void *at =
		    look(&entries, first + i * sizeof(struct entry), 2 * sizeof(struct entry));
		struct entry pair[2];
		uint32_t name;

		if (!at)
			return -EBADMSG;
		memcpy(pair, at, sizeof(pair));
		at = look(&details, first + pair[0].at + sizeof(uint32_t), sizeof(name));
		if (!at)
			return -EBADMSG;
		memcpy(&name, at, sizeof(name));
		if (!take(s, name, pair, ret))
			return -EBADMSG;
	}
	return 0;
}

int pclntab_find(int fd, const char *const *names, unsigned n, struct pclntab_function *ret)
{
	struct search s = { .fd = fd, .n = n < WANTED_MAX ? n : WANTED_MAX };
	bool any = false;
	int code = read_header(&s);

	if (code < 0)
		return code;
	memset(ret, 0, n * sizeof(*ret));
	find_names(&s, names);
	for (unsigned i = 0; i < s.n; i++)
		any |= s.names[i];
	if (!any)
		return 0;
	s.text = find_text(&s);
	return walk(&s, ret);
}
