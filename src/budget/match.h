/* Which budgets a call concerns. An index over the rules finds the few candidates by hash of the
 * texts of the call; each candidate is then checked whole. */
#pragma once

#include "budget/rules.h"

struct match_subject {
	const struct process *process;
	struct span provider, operation;
	struct span models[2]; /* as served, as requested: either may match; empty = none */
	const char *labels;    /* besides those of the process; may be NULL */
};

/* A set of rules, by index. A word holds something only while its bit of `busy` is set, so that the
 * work is by the members and not by all rules there are. Zero but for `words` is the empty set. */
#define MATCH_WORDS ((BUDGETS_MAX + 63) / 64)
struct match_set {
	unsigned count;
	uint64_t busy[(MATCH_WORDS + 63) / 64];
	uint64_t words[MATCH_WORDS];
};

static inline void match_set_clear(struct match_set *set)
{
	set->count = 0;
	memset(set->busy, 0, sizeof(set->busy));
}

static inline uint64_t match_set_word(const struct match_set *set, unsigned word)
{
	return set->busy[word / 64] >> word % 64 & 1 ? set->words[word] : 0;
}

static inline bool match_set_has(const struct match_set *set, unsigned index)
{
	return match_set_word(set, index / 64) >> index % 64 & 1;
}

void match_set_add(struct match_set *set, unsigned index);
/* The first member not before `from`, -1 = none; the same by words. */
int match_set_next_word(const struct match_set *set, unsigned from);
static inline int match_set_next(const struct match_set *set, unsigned from)
{
	uint64_t bits = from < BUDGETS_MAX ? match_set_word(set, from / 64) : 0;

	bits &= UINT64_MAX << from % 64;
	return bits ? (int)(from / 64 * 64 + (unsigned)__builtin_ctzll(bits))
		    : match_set_next_word(set, from / 64 + 1);
}

#define MATCH_SET_EACH(i, set)                                                                     \
	for (int i = match_set_next(set, 0); i >= 0; i = match_set_next(set, (unsigned)i + 1))

struct match_index;

/* The rules must outlive it. -ENOMEM. */
int match_index_new(const struct budget_rules *rules, struct match_index **ret_index);
void match_index_free(struct match_index *index);

/* Every rule that matches; `ret_set` is written whole. */
void match_find(const struct match_index *index, const struct match_subject *subject,
		struct match_set *ret_set);

/* Whether a text fits a pattern: `*` is any run of characters; an empty pattern fits all. */
bool match_text(const char *pattern, struct span text);

/* Whether "key=value,key=value" holds all labels of the rule. */
bool match_labels(const struct budget_rule *rule, const char *labels);

/* The texts of a process that follow from others. */
struct match_origin {
	struct span unit, container;
	char uid[MONEY_TEXT_MAX];
};
struct match_origin match_origin_of(const struct process *process);

/* As match_process, of a process whose origin is known. */
bool match_origin(const struct budget_rule *rule, const struct process *process,
		  const struct match_origin *origin);

/* Whether the rule can apply to calls of this process: all but provider, model,
 * operation and labels. */
bool match_process(const struct budget_rule *rule, const struct process *process);

/* FNV-1a, 64 bits, of a text, going on from `hash`. */
#define MATCH_HASH_START 0xcbf29ce484222325u
uint64_t match_hash(uint64_t hash, struct span text);
