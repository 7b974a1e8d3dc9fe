/* order: what a budget wants of the flow loop, a call of enforce.h by value. */
#pragma once

#include "base/process.h"
#include "base/span.h"
#include "flow/blocks.h"

enum flow_order_kind {
	FLOW_ORDER_BLOCK,
	FLOW_ORDER_RELEASE, /* all of `who`; without a name all there are */
	FLOW_ORDER_JUDGED,  /* key.id: the process */
	FLOW_ORDER_PUBLISH,
};

struct flow_order {
	enum flow_order_kind kind;
	enum flow_mode mode;
	bool at_once;
	struct flow_block key;
	char who[BLOCK_WHO_MAX];
};

/* The key of a pattern of the host filter: "api.example.com", "*.example.com". */
uint64_t order_host_key(struct span pattern);

struct flow_order order_of(enum flow_order_kind kind, const char *who);

/* Aims at what is alike to the process in this scope. */
void order_aim(struct flow_order *order, enum flow_scope scope, const struct process *process);

struct enforce;
void order_give(const struct flow_order *order, struct enforce *enforce);
