/* How the agent is told what to do: command line, then environment, then outlayd.yaml, then the
 * installed paths. Every option of outlayd.yaml is a row in options.c. */
#pragma once

#include <stdbool.h>

#include "agent/hookfile.h"

struct options {
	char *config; /* directory */
	char *state;
	char *socket;
	unsigned ring_mib;
	unsigned canary_seconds; /* between two calls of our own; 0 = none */
	unsigned keep_days;      /* calls that every sink has stay so long in the ledger */
	char *catalog;           /* name of a price list of its own; NULL: those that are not */
	bool fail_closed;        /* what is held or cut stays so without the agent */
	bool refuse_connect;     /* a cut begins in connect(), where the address tells the host */
	unsigned breaker_error_points, breaker_latency_ms; /* alert/breaker.h */
	char *kafka;           /* bootstrap servers; NULL: nothing is published */
	char *kafka_topic;     /* NULL: the sink's own */
	struct hookfile hooks; /* whom alerts are sent to */
	bool check;            /* load the configuration, say whether it is good, exit */
	unsigned request_kib;  /* of one write, half from each end; 0 = all */
	char *record;          /* file to make for the chunks; NULL: none */
	char *replay;          /* file of --record to price instead of watching */
	bool version;
	bool help;
};

/* -EINVAL: bad use or a bad file, with the line to print. Free with options_done either way. */
int options_parse(int argc, char **argv, struct options *ret_options, struct err *err);
void options_done(struct options *options);

void options_usage(void);
