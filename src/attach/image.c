/* The dynamic hash table (DT_GNU_HASH) answers most files by one word of its Bloom filter. Layouts:
 * elf(5); the GNU hash section as in the System V ABI's discussion of DT_GNU_HASH. */
#include "attach/image.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attach/elf.h"

#define SEGMENTS_MAX    64
#define DYNAMIC_MAX     128 /* entries of the dynamic section looked at */
#define RELOCATIONS_MAX (4u << 20)
#define CHAIN_MAX       4096
#define STRINGS_MAX     (64u << 20)
#define NAMES_MAX       8192 /* bytes of section names looked at */
#define NAME_ROOM       32   /* for a mark with both its NULs */

#if defined(__x86_64__)
#define MACHINE  EM_X86_64
#define RELATIVE R_X86_64_RELATIVE
#elif defined(__aarch64__)
#define MACHINE  EM_AARCH64
#define RELATIVE R_AARCH64_RELATIVE
#else
#error "which e_machine is this?"
#endif

struct image {
	int fd;
	Elf64_Ehdr head;
	Elf64_Phdr segments[SEGMENTS_MAX];
};

/* One function that only this kind of library has. */
static const struct {
	const char *text; /* as it stands in a string table: between two NULs */
	size_t n;
	enum image_kind kind;
} marks[] = {
	{ "\0SSL_read", sizeof("\0SSL_read"), IMAGE_OPENSSL },
	{ "\0gnutls_record_recv", sizeof("\0gnutls_record_recv"), IMAGE_GNUTLS },
};

#define N_MARKS (sizeof(marks) / sizeof(marks[0]))

bool image_read(int fd, void *bytes, size_t n, uint64_t offset)
{
	return offset <= INT64_MAX - n && pread(fd, bytes, n, (off_t)offset) == (ssize_t)n;
}

static bool read_head(struct image *image)
{
	Elf64_Ehdr *h = &image->head;

	return image_read(image->fd, h, sizeof(*h), 0) &&
	       memcmp(h->e_ident, ELFMAG, SELFMAG) == 0 && h->e_ident[EI_CLASS] == ELFCLASS64 &&
	       h->e_ident[EI_DATA] == ELFDATA2LSB && h->e_machine == MACHINE &&
	       (h->e_type == ET_EXEC || h->e_type == ET_DYN);
}

static bool read_segments(struct image *image)
{
	const Elf64_Ehdr *h = &image->head;

	if (h->e_phentsize != sizeof(Elf64_Phdr))
		return false;
	if (image->head.e_phnum > SEGMENTS_MAX)
		image->head.e_phnum = SEGMENTS_MAX;
	return image_read(image->fd, image->segments, h->e_phnum * sizeof(Elf64_Phdr), h->e_phoff);
}

/* False when no segment has the address in the file. */
static bool file_offset(const struct image *image, uint64_t address, uint64_t *ret_offset)
{
	for (unsigned i = 0; i < image->head.e_phnum; i++) {
		const Elf64_Phdr *s = &image->segments[i];

		if (s->p_type == PT_LOAD && address >= s->p_vaddr &&
		    address - s->p_vaddr < s->p_filesz) {
			*ret_offset = address - s->p_vaddr + s->p_offset;
			return true;
		}
	}
	return false;
}

/* --- exported names */

struct dynamic {
	uint64_t hash, symbols, strings; /* file offsets; 0: not there */
	bool has_old_hash;
};

static bool read_dynamic(const struct image *image, struct dynamic *ret_dynamic)
{
	Elf64_Dyn entries[DYNAMIC_MAX];
	size_t n = 0;

	for (unsigned i = 0; i < image->head.e_phnum; i++) {
		const Elf64_Phdr *s = &image->segments[i];

		if (s->p_type != PT_DYNAMIC)
			continue;
		n = s->p_filesz / sizeof(entries[0]);
		n = n < DYNAMIC_MAX ? n : DYNAMIC_MAX;
		if (!image_read(image->fd, entries, n * sizeof(entries[0]), s->p_offset))
			return false;
		break;
	}
	memset(ret_dynamic, 0, sizeof(*ret_dynamic));
	for (size_t i = 0; i < n && entries[i].d_tag != DT_NULL; i++) {
		uint64_t address = entries[i].d_un.d_ptr;

		if (entries[i].d_tag == DT_GNU_HASH)
			file_offset(image, address, &ret_dynamic->hash);
		else if (entries[i].d_tag == DT_SYMTAB)
			file_offset(image, address, &ret_dynamic->symbols);
		else if (entries[i].d_tag == DT_STRTAB)
			file_offset(image, address, &ret_dynamic->strings);
		else if (entries[i].d_tag == DT_HASH)
			ret_dynamic->has_old_hash = true;
	}
	return true;
}

static uint32_t gnu_hash(const char *name)
{
	uint32_t h = 5381;

	for (; *name; name++)
		h = h * 33 + (unsigned char)*name;
	return h;
}

static bool symbol_is(int fd, const struct dynamic *d, uint32_t index, const char *name)
{
	size_t n = strlen(name) + 1;
	char text[NAME_ROOM];
	Elf64_Sym symbol;

	return image_read(fd, &symbol, sizeof(symbol),
			  d->symbols + (uint64_t)index * sizeof(symbol)) &&
	       symbol.st_shndx != SHN_UNDEF && symbol.st_name &&
	       image_read(fd, text, n, d->strings + symbol.st_name) && memcmp(text, name, n) == 0;
}

static bool exports(int fd, const struct dynamic *d, const char *name)
{
	uint32_t head[4], hash = gnu_hash(name), index; /* buckets, first symbol, words, shift */
	uint64_t word, chain;

	if (!image_read(fd, head, sizeof(head), d->hash) || !head[0] || !head[2])
		return false;
	if (!image_read(fd, &word, sizeof(word),
			d->hash + sizeof(head) + hash / 64 % head[2] * sizeof(word)))
		return false;
	if (!(word >> hash % 64 & 1) || !(word >> (hash >> head[3] % 32) % 64 & 1))
		return false;
	chain = d->hash + sizeof(head) + (uint64_t)head[2] * sizeof(word);
	if (!image_read(fd, &index, sizeof(index), chain + hash % head[0] * sizeof(index)) ||
	    index < head[1])
		return false;
	chain += (uint64_t)head[0] * sizeof(index);
	for (unsigned i = 0; i < CHAIN_MAX; i++, index++) {
		uint32_t at;

		if (!image_read(fd, &at, sizeof(at),
				chain + (uint64_t)(index - head[1]) * sizeof(at)))
			return false;
		if ((at | 1) == (hash | 1) && symbol_is(fd, d, index, name))
			return true;
		if (at & 1)
			return false;
	}
	return false;
}

/* --- sections */

struct sections {
	unsigned n;
	Elf64_Shdr at[IMAGE_SECTIONS_MAX];
	char names[NAMES_MAX + 1]; /* what a section's sh_name points into */
};

static const char *section_name(const struct sections *s, unsigned i)
{
	return s->at[i].sh_name < NAMES_MAX ? s->names + s->at[i].sh_name : "";
}

static void read_sections(const struct image *image, struct sections *ret)
{
	const Elf64_Ehdr *h = &image->head;
	const Elf64_Shdr *names = &ret->at[h->e_shstrndx % IMAGE_SECTIONS_MAX];
	unsigned n = h->e_shnum < IMAGE_SECTIONS_MAX ? h->e_shnum : IMAGE_SECTIONS_MAX;
	size_t n_names;

	ret->n = 0;
	memset(ret->names, 0, sizeof(ret->names));
	if (h->e_shentsize != sizeof(ret->at[0]) || h->e_shstrndx >= n ||
	    !image_read(image->fd, ret->at, n * sizeof(ret->at[0]), h->e_shoff))
		return;
	n_names = names->sh_size < NAMES_MAX ? names->sh_size : NAMES_MAX;
	if (image_read(image->fd, ret->names, n_names, names->sh_offset))
		ret->n = n;
}

static const Elf64_Shdr *find_section(const struct sections *s, const char *name)
{
	for (unsigned i = 0; i < s->n; i++)
		if (strcmp(section_name(s, i), name) == 0)
			return &s->at[i];
	return NULL;
}

int image_section(int fd, const char *name, struct image_section *ret_section)
{
	struct image image = { .fd = fd };
	const Elf64_Shdr *found;
	struct sections s;

	if (!read_head(&image))
		return -ENOENT;
	read_sections(&image, &s);
	found = find_section(&s, name);
	if (!found || found->sh_type == SHT_NOBITS || found->sh_size > INT64_MAX ||
	    found->sh_offset > INT64_MAX)
		return -ENOENT;
	*ret_section = (struct image_section){ found->sh_addr, found->sh_offset, found->sh_size };
	return 0;
}

void image_build(int fd, char ret_build[static IMAGE_BUILD_MAX])
{
	struct {
		Elf64_Nhdr head;
		char name[4]; /* "GNU" */
		uint8_t id[(IMAGE_BUILD_MAX - 1) / 2];
	} note = { 0 };
	struct image_section section;

	ret_build[0] = '\0';
	if (image_section(fd, ".note.gnu.build-id", &section) < 0 ||
	    section.size < offsetof(__typeof__(note), id) ||
	    !image_read(fd, &note, section.size < sizeof(note) ? section.size : sizeof(note),
			section.offset))
		return;
	for (size_t i = 0; i < note.head.n_descsz && i < sizeof(note.id); i++)
		snprintf(ret_build + 2 * i, 3, "%02x", note.id[i]);
}

/* --- addresses */

bool image_offset(int fd, uint64_t address, uint64_t *ret_offset)
{
	struct image image = { .fd = fd };

	return read_head(&image) && read_segments(&image) &&
	       file_offset(&image, address, ret_offset);
}

static uint64_t relocated(int fd, const Elf64_Shdr *table, uint64_t address)
{
	uint64_t n = table->sh_size / sizeof(Elf64_Rela);
	Elf64_Rela piece[256];

	if (n > RELOCATIONS_MAX)
		n = RELOCATIONS_MAX;
	for (uint64_t at = 0; at < n;) {
		uint64_t count = n - at < 256 ? n - at : 256;

		if (!image_read(fd, piece, count * sizeof(piece[0]),
				table->sh_offset + at * sizeof(piece[0])))
			return 0;
		for (uint64_t i = 0; i < count; i++)
			if (piece[i].r_offset == address &&
			    ELF64_R_TYPE(piece[i].r_info) == RELATIVE)
				return (uint64_t)piece[i].r_addend;
		at += count;
	}
	return 0;
}

uint64_t image_word(int fd, uint64_t address)
{
	struct image image = { .fd = fd };
	uint64_t offset, word = 0;
	struct sections s;

	if (!read_head(&image) || !read_segments(&image) ||
	    !file_offset(&image, address, &offset) || !image_read(fd, &word, sizeof(word), offset))
		return 0;
	read_sections(&image, &s);
	for (unsigned i = 0; i < s.n && !word; i++)
		if (s.at[i].sh_type == SHT_RELA)
			word = relocated(fd, &s.at[i], address);
	return word;
}

/* --- names that are not exported: of a program that is linked statically and not stripped */

static unsigned names_in(const char *text, size_t n)
{
	unsigned kinds = 0;

	for (size_t i = 0; i < N_MARKS; i++)
		if (memmem(text, n, marks[i].text, marks[i].n))
			kinds |= marks[i].kind;
	return kinds;
}

/* A hint: undefined symbols have their names in there too. */
static unsigned strings_mention(int fd, const Elf64_Shdr *strings)
{
	uint64_t size = strings->sh_size < STRINGS_MAX ? strings->sh_size : STRINGS_MAX;
	char piece[16384];
	unsigned kinds = 0;

	/* Pieces overlap by the longest name, so that none is missed at a seam. */
	for (uint64_t at = 0; at < size; at += sizeof(piece) - NAME_ROOM) {
		size_t n = size - at < sizeof(piece) ? size - at : sizeof(piece);

		if (!image_read(fd, piece, n, strings->sh_offset + at))
			break;
		kinds |= names_in(piece, n);
	}
	return kinds;
}

/* Of `kinds`, those whose mark the file really defines. */
static unsigned defined(int fd, unsigned kinds)
{
	for (size_t i = 0; i < N_MARKS; i++) {
		const char *name = marks[i].text + 1;
		uint64_t offset = 0;

		if (kinds & marks[i].kind &&
		    (elf_find_symbols(fd, &name, 1, &offset) < 0 || !offset))
			kinds &= ~marks[i].kind;
	}
	return kinds;
}

static unsigned classify_names(const struct image *image, const struct sections *s)
{
	unsigned kinds = 0, hints = 0;
	struct dynamic d;

	if (!read_dynamic(image, &d))
		return 0;
	for (size_t i = 0; d.hash && d.symbols && d.strings && i < N_MARKS; i++)
		if (exports(image->fd, &d, marks[i].text + 1))
			kinds |= marks[i].kind;
	if (!d.hash && d.has_old_hash)
		hints = IMAGE_OPENSSL | IMAGE_GNUTLS;
	for (unsigned i = 0; i < s->n && !kinds; i++)
		if (s->at[i].sh_type == SHT_SYMTAB && s->at[i].sh_link < s->n)
			hints |= strings_mention(image->fd, &s->at[s->at[i].sh_link]);
	return hints ? kinds | defined(image->fd, hints) : kinds;
}

unsigned image_classify(int fd)
{
	struct image image = { .fd = fd };
	struct sections s;

	if (!read_head(&image) || !read_segments(&image))
		return 0;
	read_sections(&image, &s);
	/* A Go program's .symtab holds megabytes of names, none of them of a C library. */
	if (find_section(&s, ".go.buildinfo"))
		return IMAGE_GO;
	return classify_names(&image, &s);
}
