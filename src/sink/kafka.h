/* The Kafka sink: librdkafka as a small window on the outbox, never as the queue itself. */
#pragma once

#include "sink/sink.h"

#define KAFKA_TOPIC        "outlay.usage.v1"
#define KAFKA_ALERTS_TOPIC "outlay.health.v1" /* the others are by what an alert is about */

/* What it does with an error of one event:
 * - one that passes (time-out, no leader, not authorised, no such topic, ...): the event is sent
 *   again, after a pause that doubles from one second to thirty while nothing arrives;
 * - one that says the event itself is not acceptable (too large, invalid record): that may be the
 *   fault of the batch it was in, so it is sent once more, alone. Refused alone, it is counted as
 *   `refused` and passed over: it stays in the ledger, and those after it go on.
 * A fatal error of the library: a new producer, and all that was under way is sent again. */
extern const struct sink_kind kafka_sink, kafka_alerts_sink;
