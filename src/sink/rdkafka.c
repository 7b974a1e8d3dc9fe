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

/* One row an option of librdkafka; why not its default, where that is not plain. */
static const char *const settings[][2] = {
	{ "client.id", "outlay" },
	{ "acks", "all" },
	{ "enable.idempotence", "false" },
	{ "max.in.flight.requests.per.connection", "1" }, /* a retry keeps the order */
	{ "message.timeout.ms", "60000" }, /* then it comes back; the ledger has it */
	{ "queue.buffering.max.messages", "10000" },
	{ "queue.buffering.max.kbytes", "16384" },
	{ "linger.ms", "50" }, /* fewer wake-ups of an idle machine */
	{ "compression.codec", "lz4" },
	{ "partitioner", "murmur2_random" }, /* as Java clients place a key */
	{ "reconnect.backoff.max.ms", "10000" },
	{ "socket.keepalive.enable", "true" },
	{ "log.connection.close", "false" },
	{ "statistics.interval.ms", "10000" }, /* the only word on a connection that came back */
};

rd_kafka_conf_t *rdkafka_conf(const struct rdkafka *calls, struct err *err)
{
	rd_kafka_conf_t *conf = calls->conf_new();
	char why[256];

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (calls->conf_set(conf, settings[i][0], settings[i][1], why, sizeof(why)) !=
		    RD_KAFKA_CONF_OK) {
			err_set(err, -EINVAL, "kafka: librdkafka does not take %s: %s",
				settings[i][0], why);
			calls->conf_destroy(conf);
			return NULL;
		}
	return conf;
}
