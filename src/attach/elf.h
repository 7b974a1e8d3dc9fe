/* What an ELF file tells about its functions. The files are those of other processes: hostile. */
#pragma once

#include <stdint.h>

/* File offsets of exported functions, in the order of `names`; 0 for one that is not there. Reads
 * .dynsym, and .symtab when that has none of them. -EBADMSG when it is no ELF file that libelf can
 * read; `fd` stays open. */
int elf_find_symbols(int fd, const char *const *names, unsigned n, uint64_t *ret_offsets);
