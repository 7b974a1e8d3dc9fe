/* Its header's types, the library's addresses. Never closed: threads of it, and handlers that
 * libcrypto leaves for the end of the program, would run on into nothing. */
#include "sink/rdkafka.h"

#include <dlfcn.h>
#include <errno.h>

#define LIBRARY "librdkafka.so.1"

int rdkafka_load(struct rdkafka *ret_calls, struct err *err)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	struct rdkafka calls;

	if (!library)
		return err_set(err, -ENOENT, "kafka: %s; apt install librdkafka1", dlerror());
#define X(name)                                                                                    \
	*(void **)&calls.name = dlsym(library, "rd_kafka_" #name);                                 \
	if (!calls.name)                                                                           \
		return err_set(err, -ENOENT, "kafka: %s; a newer one is needed", dlerror());
	RDKAFKA_CALLS(X)
#undef X
	*ret_calls = calls;
	return 0;
}
