/* Which release of OpenSSL or GnuTLS a file is, for people: nothing depends on it. */
#pragma once

#define VERSION_TEXT_MAX 32

/* As the library says it of itself: "3.0.19". Where it does not (that text is in libcrypto), the
 * newest version of the names that it exports, which is the least it can be: "3.0.3+". Empty: it
 * has neither. Reads 64 MiB at most, and trusts none of it. */
void version_read(int fd, char ret_text[static VERSION_TEXT_MAX]);
