/* One sink on the ledger's calls or alerts: what was offered to it, what it acknowledged, what of
 * that the ledger knows. Belongs to the ledger loop. */
#pragma once

#include <event2/event.h>

#include "base/buf.h"
#include "ledger/ledger.h"
#include "sink/sink.h"

struct outbox {
	char name[64]; /* of its cursor */
	const struct sink_kind *kind;
	struct sink *sink;
	struct ledger *ledger;
	const char *host_id, *host_name;
	struct buf json;
	int64_t submitted_seq; /* offered and taken, or passed over */
	int64_t sent_seq;      /* of that: the last that was taken */
	int64_t acked_seq;
	int64_t stored_seq;    /* of acked: in the ledger */
	int64_t unsaid_seq;    /* last that was passed over */
	struct counter unsaid; /* rows that this program cannot say: they stay in the ledger */
	int64_t dead_seq;      /* given up, and not in the ledger yet; 0 = none */
	char dead_why[64];
	bool full;
};

/* Sink `index` of its kind. */
int outbox_open(struct outbox *outbox, const struct sink_kind *kind, unsigned index,
		const struct sink_config *config, struct ledger *ledger, const char *host_name,
		struct err *err);
void outbox_close(struct outbox *outbox);

/* Polls the sink and offers what the ledger has beyond `submitted_seq`. */
void outbox_pump(struct outbox *outbox);

/* Inside a transaction: writes the cursor when it has moved. outbox_stored after the commit. */
int outbox_store(struct outbox *outbox);
void outbox_stored(struct outbox *outbox);
bool outbox_moved(const struct outbox *outbox);
