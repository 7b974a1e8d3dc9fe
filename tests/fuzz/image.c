/* Files with damaged heads, tables and names: nothing but a kind may come out. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "attach/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct image_section s;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (image_classify(fd) & ~(unsigned)(IMAGE_OPENSSL | IMAGE_GNUTLS | IMAGE_GO))
		abort();
	if (image_section(fd, ".text", &s) == 0 && s.size > INT64_MAX)
		abort();
	close(fd);
	return 0;
}
