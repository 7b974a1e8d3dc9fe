/* Files of code made for a test. Include cmocka.h first. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The path of what the compiler makes of it, until the next call: the caller unlinks it. */
static inline const char *compile(const char *source, const char *flags)
{
	static char path[] = "/tmp/outlay-code-XXXXXX";
	char command[512];
	FILE *pipe;

	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	close(mkstemp(path));
	snprintf(command, sizeof(command), "cc %s -o %s -x c -", flags, path);
	pipe = popen(command, "w");
	assert_non_null(pipe);
	fputs(source, pipe);
	assert_int_equal(pclose(pipe), 0);
	return path;
}
