/* What TLS is inside a file of code, told by its content. Thousands of files a host has none, so
 * this is a handful of small reads: the heads, and one question to the hash table of exported
 * names. The files are those of other processes: hostile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum image_kind {
	IMAGE_OPENSSL = 1 << 0, /* defines SSL_read: a library, or a program it is linked into */
	IMAGE_GNUTLS = 1 << 1,  /* defines gnutls_record_recv */
	IMAGE_GO = 1 << 2,      /* built by Go, stripped or not: has .go.buildinfo */
};

/* Bits of enum image_kind; 0 for anything else, also for what is no ELF file of this machine's own
 * kind (64-bit: the programs read a 64-bit caller's registers). A name that is in .symtab only is
 * found when its string table is not beyond 64 MiB. Reads by pread; allocates nothing. */
unsigned image_classify(int fd);

#define IMAGE_SECTIONS_MAX 256 /* section headers looked at; a library has 30 */

struct image_section {
	uint64_t address, offset, size; /* as the file claims, each below 2^63 */
};

/* The section of that name, if it has bytes in the file; else -ENOENT. */
int image_section(int fd, const char *name, struct image_section *ret_section);

/* All `n` bytes at that offset of the file, or false. */
bool image_read(int fd, void *bytes, size_t n, uint64_t offset);

/* The build id that the linker wrote into it, in hexadecimal; empty: none. */
#define IMAGE_BUILD_MAX 41 /* SHA-1 */
void image_build(int fd, char ret_build[static IMAGE_BUILD_MAX]);

/* Where in the file an address is that a segment loads from there. False: nowhere. */
bool image_offset(int fd, uint64_t address, uint64_t *ret_offset);

/* The 8-byte word that the program will find at an address: what is in the file, or what the
 * dynamic linker is told to put there relative to the load address. 0 when neither is known. */
uint64_t image_word(int fd, uint64_t address);
