/* The sinks there are. To add one: a .c with a struct sink_kind, its header, a row here. */
#include "sink/hook.h"
#include "sink/kafka.h"
#include "sink/sink.h"

const struct sink_kind *const sink_kinds[] = {
	&kafka_sink,
	&kafka_alerts_sink,
	&hook_sink,
	NULL,
};
