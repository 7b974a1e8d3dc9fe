/* Matching calls with rules. Each rule stands in one chain of the index, under the most selective
 * exact text that it asks for; a call then walks the chains of its own texts only. A chain may hold
 * others by collision: rule_matches decides, the index only leaves out what cannot match. */
#include "budget/match.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cgroup.h"
#include "base/cleanup.h"

/* What a chain is for; most selective first. ANY holds the rules without an exact text. */
enum dimension {
	DIMENSION_LABEL,
	DIMENSION_CONTAINER,
	DIMENSION_UNIT,
	DIMENSION_EXE,
	DIMENSION_USER,
	DIMENSION_UID,
	DIMENSION_MODEL,
	DIMENSION_PROVIDER,
	DIMENSION_OPERATION,
	DIMENSION_ANY
};

struct match_index {
	const struct budget_rules *rules;
	uint64_t mask; /* number of chains less one */
	int *heads;    /* -1 ends a chain */
	int *next;     /* by rule */
};

void match_set_add(struct match_set *set, unsigned index)
{
	unsigned word = index / 64;
	uint64_t former = match_set_word(set, word), bit = (uint64_t)1 << index % 64;

	set->count += !(former & bit);
	set->words[word] = former | bit;
	set->busy[word / 64] |= (uint64_t)1 << word % 64;
}

/* The first bit that is set, from this one on; -1 = none. */
static int next_bit(const uint64_t *words, unsigned n_words, unsigned from)
{
	uint64_t bits = from / 64 < n_words ? words[from / 64] & UINT64_MAX << from % 64 : 0;

	for (unsigned i = from / 64; i < n_words; bits = ++i < n_words ? words[i] : 0)
		if (bits)
			return (int)(i * 64 + (unsigned)__builtin_ctzll(bits));
	return -1;
}

int match_set_next(const struct match_set *set, unsigned from)
{
	unsigned n_busy = sizeof(set->busy) / sizeof(set->busy[0]);
	uint64_t bits = from < BUDGETS_MAX ? match_set_word(set, from / 64) : 0;
	int word;

	bits &= UINT64_MAX << from % 64;
	if (bits)
		return (int)(from / 64 * 64 + (unsigned)__builtin_ctzll(bits));
	word = next_bit(set->busy, n_busy, from / 64 + 1);
	return word < 0 ? -1 : word * 64 + __builtin_ctzll(set->words[word]);
}

uint64_t match_hash(uint64_t hash, struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.ptr[i]) * 0x100000001b3u;
	return hash;
}

/* The chain of a text in a dimension. */
static uint64_t chain_of(const struct match_index *index, enum dimension dimension,
			 struct span text)
{
	uint64_t hash = match_hash(MATCH_HASH_START ^ dimension, text);

	return (hash ^ hash >> 32) & index->mask;
}

/* --- one rule */

/* `*` is any run of characters. Goes back to the last `*` only, so the work is at most the product
 * of both lengths. */
static bool glob(struct span pattern, struct span text)
{
	size_t p = 0, t = 0, star = SIZE_MAX, resume = 0;

	while (t < text.len) {
		if (p < pattern.len && pattern.ptr[p] == '*') {
			star = p++;
			resume = t;
		} else if (p < pattern.len && pattern.ptr[p] == text.ptr[t]) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++resume;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.ptr[p] == '*')
		p++;
	return p == pattern.len;
}

bool match_text(const char *pattern, struct span text)
{
	return !pattern[0] || glob(span_of(pattern), text);
}

static bool labels_hold(const char *labels, const struct budget_label *wanted)
{
	struct span rest = span_of(labels);

	while (rest.ptr) {
		struct span value = span_cut(&rest, ','), key = span_cut(&value, '=');

		if (value.ptr && span_eq(key, span_of(wanted->key)) &&
		    span_eq(value, span_of(wanted->value)))
			return true;
	}
	return false;
}

bool match_labels(const struct budget_rule *rule, const char *labels)
{
	for (unsigned i = 0; i < rule->n_labels; i++)
		if (!labels_hold(labels, &rule->labels[i]))
			return false;
	return true;
}

struct match_origin match_origin_of(const struct process *process)
{
	struct match_origin origin = { cgroup_unit(span_of(process->cgroup)),
				       cgroup_container(span_of(process->cgroup)), "" };

	if (process->uid != UINT32_MAX)
		snprintf(origin.uid, sizeof(origin.uid), "%" PRIu32, process->uid);
	return origin;
}

bool match_origin(const struct budget_rule *rule, const struct process *process,
		  const struct match_origin *origin)
{
	return (!rule->user[0] || strcmp(rule->user, process->user) == 0) &&
	       (!rule->uid[0] || strcmp(rule->uid, origin->uid) == 0) &&
	       match_text(rule->exe, span_of(process->exe)) &&
	       match_text(rule->unit, origin->unit) &&
	       match_text(rule->container, origin->container) &&
	       match_text(rule->cgroup, span_of(process->cgroup));
}

bool match_process(const struct budget_rule *rule, const struct process *process)
{
	struct match_origin origin = match_origin_of(process);

	return match_origin(rule, process, &origin);
}

static bool model_matches(const struct budget_rule *rule, const struct match_subject *subject)
{
	if (!rule->model[0])
		return true;
	for (int i = 0; i < 2; i++)
		if (subject->models[i].len && glob(span_of(rule->model), subject->models[i]))
			return true;
	return false;
}

static bool rule_matches(const struct budget_rule *rule, const struct match_subject *subject,
			 const struct match_origin *origin)
{
	if (!match_text(rule->provider, subject->provider) || !model_matches(rule, subject) ||
	    !match_text(rule->operation, subject->operation) ||
	    !match_origin(rule, subject->process, origin))
		return false;
	for (unsigned i = 0; i < rule->n_labels; i++)
		if (!labels_hold(subject->process->labels, &rule->labels[i]) &&
		    !labels_hold(subject->labels, &rule->labels[i]))
			return false;
	return true;
}

/* --- the index */

static bool is_exact(const char *pattern)
{
	return pattern[0] && !strchr(pattern, '*');
}

/* Where a rule stands. Equal labels have equal text "key=value" on both sides. */
static uint64_t chain_of_rule(const struct match_index *index, const struct budget_rule *rule)
{
	if (rule->n_labels) {
		uint64_t hash = MATCH_HASH_START ^ DIMENSION_LABEL;

		hash = match_hash(hash, span_of(rule->labels[0].key));
		hash = match_hash(hash, SPAN("="));
		hash = match_hash(hash, span_of(rule->labels[0].value));
		return (hash ^ hash >> 32) & index->mask;
	}
	if (is_exact(rule->container))
		return chain_of(index, DIMENSION_CONTAINER, span_of(rule->container));
	if (is_exact(rule->unit))
		return chain_of(index, DIMENSION_UNIT, span_of(rule->unit));
	if (is_exact(rule->exe))
		return chain_of(index, DIMENSION_EXE, span_of(rule->exe));
	if (rule->user[0])
		return chain_of(index, DIMENSION_USER, span_of(rule->user));
	if (rule->uid[0])
		return chain_of(index, DIMENSION_UID, span_of(rule->uid));
	if (is_exact(rule->model))
		return chain_of(index, DIMENSION_MODEL, span_of(rule->model));
	if (is_exact(rule->provider))
		return chain_of(index, DIMENSION_PROVIDER, span_of(rule->provider));
	if (is_exact(rule->operation))
		return chain_of(index, DIMENSION_OPERATION, span_of(rule->operation));
	return chain_of(index, DIMENSION_ANY, SPAN(""));
}

int match_index_new(const struct budget_rules *rules, struct match_index **ret_index)
{
	struct match_index *index;
	uint64_t n_chains = 64;

	while (n_chains < 2 * (uint64_t)rules->count)
		n_chains *= 2;
	index = malloc(sizeof(*index) + (n_chains + rules->count) * sizeof(int));
	if (!index)
		return -ENOMEM;
	*index = (struct match_index){ .rules = rules, .mask = n_chains - 1 };
	index->heads = (int *)(index + 1);
	index->next = index->heads + n_chains;
	for (uint64_t i = 0; i < n_chains; i++)
		index->heads[i] = -1;
	for (unsigned i = 0; i < rules->count; i++) {
		uint64_t chain = chain_of_rule(index, &rules->rules[i]);

		index->next[i] = index->heads[chain];
		index->heads[chain] = (int)i;
	}
	*ret_index = index;
	return 0;
}

void match_index_free(struct match_index *index)
{
	free(index);
}

/* One search: whom for, and what was found. */
struct search {
	const struct match_index *index;
	const struct match_subject *subject;
	struct match_origin origin;
	struct match_set *set;
};

static void walk(const struct search *search, enum dimension dimension, struct span text)
{
	const struct match_index *index = search->index;

	for (int i = index->heads[chain_of(index, dimension, text)]; i >= 0; i = index->next[i])
		if (rule_matches(&index->rules->rules[i], search->subject, &search->origin))
			match_set_add(search->set, (unsigned)i);
}

static void walk_labels(const struct search *search, const char *labels)
{
	struct span rest = span_of(labels);

	while (rest.ptr)
		walk(search, DIMENSION_LABEL, span_cut(&rest, ','));
}

void match_find(const struct match_index *index, const struct match_subject *subject,
		struct match_set *ret_set)
{
	const struct process *process = subject->process;
	struct search search = { index, subject, match_origin_of(process), ret_set };

	match_set_clear(ret_set);
	walk_labels(&search, process->labels);
	walk_labels(&search, subject->labels);
	walk(&search, DIMENSION_CONTAINER, search.origin.container);
	walk(&search, DIMENSION_UNIT, search.origin.unit);
	walk(&search, DIMENSION_EXE, span_of(process->exe));
	walk(&search, DIMENSION_USER, span_of(process->user));
	walk(&search, DIMENSION_UID, span_of(search.origin.uid));
	walk(&search, DIMENSION_MODEL, subject->models[0]);
	if (!span_eq(subject->models[0], subject->models[1]))
		walk(&search, DIMENSION_MODEL, subject->models[1]);
	walk(&search, DIMENSION_PROVIDER, subject->provider);
	walk(&search, DIMENSION_OPERATION, subject->operation);
	walk(&search, DIMENSION_ANY, SPAN(""));
}
