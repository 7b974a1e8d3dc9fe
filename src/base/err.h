/* The one line a person reads when something fails: what, where, what to do. Loaders fill it;
 * only agent and cli print it. */
#pragma once

#include <stdarg.h>
#include <stdio.h>

struct err {
	char text[512];
};

/* Sets the text and returns `code`, so that a loader can `return err_set(err, -EINVAL, ...)`.
 * The first text stays: the deepest caller knows best. */
__attribute__((format(printf, 3, 4))) static inline int err_set(struct err *err, int code,
								const char *format, ...)
{
	va_list args;

	if (err && !err->text[0]) {
		va_start(args, format);
		vsnprintf(err->text, sizeof(err->text), format, args);
		va_end(args);
	}
	return code;
}
