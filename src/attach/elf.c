/* Symbols of a library by libelf. A uprobe wants the offset in the file, so an address is taken
 * through the loadable segment that holds it. */
#include "attach/elf.h"

#include <errno.h>
#include <gelf.h>
#include <libelf.h>
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

static void match_symbol(Elf *elf, const GElf_Sym *symbol, const char *name,
			 const char *const *names, unsigned n, uint64_t *offsets)
{
	for (unsigned i = 0; i < n; i++)
		if (!offsets[i] && strcmp(name, names[i]) == 0)
			offsets[i] = file_offset(elf, symbol->st_value);
}

static void search_table(Elf *elf, Elf_Scn *section, const GElf_Shdr *header,
			 const char *const *names, unsigned n, uint64_t *offsets)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t count = data && header->sh_entsize ? data->d_size / header->sh_entsize : 0;

	for (size_t i = 0; i < count; i++) {
		GElf_Sym symbol;
		const char *name;

		if (!gelf_getsym(data, (int)i, &symbol) || symbol.st_shndx == SHN_UNDEF ||
		    GELF_ST_TYPE(symbol.st_info) != STT_FUNC)
			continue;
		name = elf_strptr(elf, header->sh_link, symbol.st_name);
		if (name)
			match_symbol(elf, &symbol, name, names, n, offsets);
	}
}

int elf_find_symbols(int fd, const char *const *names, unsigned n, uint64_t *ret_offsets)
{
	static const uint32_t tables[] = { SHT_DYNSYM, SHT_SYMTAB };
	CLEANUP(cleanup_elf) Elf *elf = NULL;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOTSUP;
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF)
		return -EBADMSG;
	memset(ret_offsets, 0, n * sizeof(*ret_offsets));
	for (unsigned t = 0; t < 2; t++) {
		Elf_Scn *section = NULL;

		for (;;) {
			GElf_Shdr header;

			section = elf_nextscn(elf, section);
			if (!section)
				break;
			if (gelf_getshdr(section, &header) && header.sh_type == tables[t])
				search_table(elf, section, &header, names, n, ret_offsets);
		}
	}
	return 0;
}
