/* Go programs with damaged tables and code: places within the file come out, or an error. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "attach/go.h"
#include "attach/image.h"
#include "attach/pclntab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "crypto/tls.(*Conn).Read", "a.b" };
	int fd = memfd_create("go", MFD_CLOEXEC);
	struct pclntab_function found[2];
	struct err err = { 0 };
	struct go_tls tls;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (pclntab_find(fd, names, 2, found) == 0)
		for (int i = 0; i < 2; i++)
			if (found[i].offset && !found[i].bytes)
				abort();
	if (go_examine(fd, &tls, &err) == 0 &&
	    (!tls.n_returns || tls.read >= size || tls.write >= size || tls.close >= size ||
	     tls.hello >= size))
		abort();
	close(fd);
	return 0;
}
