/* librdkafka, loaded when a Kafka sink is opened: with libssl, libcrypto and libsasl behind it, it
 * is a third of what an agent without one would weigh. */
#pragma once

#include <librdkafka/rdkafka.h>

#include "base/err.h"

/* To call one more function: a row. */
#define RDKAFKA_CALLS(X)                                                                           \
	X(conf_new)                                                                                \
	X(conf_set)                                                                                \
	X(conf_set_opaque)                                                                         \
	X(conf_set_dr_msg_cb)                                                                      \
	X(conf_set_error_cb)                                                                       \
	X(conf_set_stats_cb)                                                                       \
	X(conf_set_log_cb)                                                                         \
	X(conf_destroy)                                                                            \
	X(new)                                                                                     \
	X(brokers_add)                                                                             \
	X(topic_new)                                                                               \
	X(topic_destroy)                                                                           \
	X(queue_get_main)                                                                          \
	X(queue_io_event_enable)                                                                   \
	X(queue_destroy)                                                                           \
	X(producev)                                                                                \
	X(poll)                                                                                    \
	X(fatal_error)                                                                             \
	X(purge)                                                                                   \
	X(err2str)                                                                                 \
	X(destroy)

struct rdkafka {
#define X(name) __typeof__(rd_kafka_##name) *name;
	RDKAFKA_CALLS(X)
#undef X
};

/* The library stays until the program ends. -ENOENT: it is not installed, or too old. */
int rdkafka_load(struct rdkafka *ret_calls, struct err *err);

/* How we want it to be; NULL: it does not take that. */
rd_kafka_conf_t *rdkafka_conf(const struct rdkafka *calls, struct err *err);
