/* Symbols of a library by libelf. A uprobe wants the offset in the file, so an address is taken
 * through the loadable segment that holds it. */
#include "attach/elf.h"

#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"

CLEANUP_FOR(elf, Elf *, elf_end)

/* 0 when no executable segment of the file holds the address. */
static uint64_t file_offset(Elf *elf, uint64_t address)
{
	size_t n;

	if (elf_getphdrnum(elf, &n) < 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr segment;

		if (!gelf_getphdr(elf, (int)i, &segment) || segment.p_type != PT_LOAD ||
		    !(segment.p_flags & PF_X))
			continue;
		if (address >= segment.p_vaddr && address - segment.p_vaddr < segment.p_filesz)
			return address - segment.p_vaddr + segment.p_offset;
	}
	return 0;
}

struct search {
	Elf *elf;
	const char *const *names;
	unsigned n;
	uint64_t *offsets;
	bool found;
	bool begins[UCHAR_MAX + 1]; /* a name with that byte: of 200000 symbols most have none */
};

static void match_symbol(struct search *s, const Elf64_Sym *symbol, const char *name)
{
	if (!s->begins[(unsigned char)name[0]])
		return;
	for (unsigned i = 0; i < s->n; i++)
		if (!s->offsets[i] && strcmp(name, s->names[i]) == 0) {
			s->offsets[i] = file_offset(s->elf, symbol->st_value);
			s->found = true;
		}
}

/* By pointers: node has 200000 symbols, and its first call does not wait for a look at each. */
static void search_table(struct search *s, Elf_Scn *section, const Elf64_Shdr *header)
{
	Elf_Scn *linked = elf_getscn(s->elf, header->sh_link);
	Elf_Data *symbols = elf_getdata(section, NULL);
	Elf_Data *strings = linked ? elf_getdata(linked, NULL) : NULL;
	const char *text = strings ? strings->d_buf : NULL;

	if (!symbols || !symbols->d_buf || symbols->d_type != ELF_T_SYM || !text ||
	    !strings->d_size || text[strings->d_size - 1] != '\0')
		return;
	for (size_t i = 0; i < symbols->d_size / sizeof(Elf64_Sym); i++) {
		const Elf64_Sym *symbol = (const Elf64_Sym *)symbols->d_buf + i;

		if (symbol->st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC &&
		    symbol->st_name < strings->d_size)
			match_symbol(s, symbol, text + symbol->st_name);
	}
}

int elf_find_symbols(int fd, const char *const *names, unsigned n, uint64_t *ret_offsets)
{
	static const uint32_t tables[] = { SHT_DYNSYM, SHT_SYMTAB };
	struct search search = { .names = names, .n = n, .offsets = ret_offsets };
	CLEANUP(cleanup_elf) Elf *elf = NULL;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOTSUP;
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF || !elf64_getehdr(elf))
		return -EBADMSG;
	search.elf = elf;
	for (unsigned i = 0; i < n; i++)
		search.begins[(unsigned char)names[i][0]] = true;
	memset(ret_offsets, 0, n * sizeof(*ret_offsets));
	for (unsigned t = 0; t < 2 && !search.found; t++) {
		Elf_Scn *section = NULL;

		for (;;) {
			const Elf64_Shdr *header;

			section = elf_nextscn(elf, section);
			if (!section)
				break;
			header = elf64_getshdr(section);
			if (header && header->sh_type == tables[t])
				search_table(&search, section, header);
		}
	}
	return 0;
}
