/* Matching calls with rules. Each rule stands in one chain of the index, under the most selective
 * exact text that it asks for; a call then walks the chains of its own texts only. A chain may hold
 * others by collision: each is checked whole, the index only leaves out what cannot match. */
#include "budget/match.h"

#include <errno.h>
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

/* A rule in its chain, and which of its texts are worth a look. */
struct entry {
	uint64_t hash; /* of the text that it stands under */
	int next;      /* -1 ends a chain */
	bool asks_call, asks_process;
};

struct match_index {
	const struct budget_rules *rules;
	uint64_t mask;         /* number of chains less one */
	unsigned dimensions;   /* one bit each: in which rules stand */
	bool asks_origin;      /* some rule does */
	struct entry *entries; /* by rule */
	int *heads;
};

void match_set_add(struct match_set *set, unsigned index)
{
	unsigned word = index / 64;
	uint64_t former = match_set_word(set, word), bit = (uint64_t)1 << index % 64;

	set->count += !(former & bit);
	set->words[word] = former | bit;
	set->busy[word / 64] |= (uint64_t)1 << word % 64;
}

int match_set_next_word(const struct match_set *set, unsigned from)
{
	unsigned n_busy = sizeof(set->busy) / sizeof(set->busy[0]);
	uint64_t bits = from / 64 < n_busy ? set->busy[from / 64] & UINT64_MAX << from % 64 : 0;

	for (unsigned i = from / 64; i < n_busy; bits = ++i < n_busy ? set->busy[i] : 0) {
		unsigned word;

		if (!bits)
			continue;
		word = i * 64 + (unsigned)__builtin_ctzll(bits);
		return (int)(word * 64 + (unsigned)__builtin_ctzll(set->words[word]));
	}
	return -1;
}

uint64_t match_hash(uint64_t hash, struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.ptr[i]) * 0x100000001b3u;
	return hash;
}

/* Of a text in a dimension. */
static uint64_t hash_of(enum dimension dimension, struct span text)
{
	return match_hash(MATCH_HASH_START ^ dimension, text);
}

static int *chain_of(const struct match_index *index, uint64_t hash)
{
	return &index->heads[(hash ^ hash >> 32) & index->mask];
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
		money_format(process->uid, 0, origin.uid);
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

static bool call_matches(const struct budget_rule *rule, const struct match_subject *subject)
{
	if (!match_text(rule->provider, subject->provider) || !model_matches(rule, subject) ||
	    !match_text(rule->operation, subject->operation))
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

/* Where a rule stands: the most selective of the exact texts that it asks for. */
static enum dimension dimension_of(const struct budget_rule *rule, struct span *ret_text)
{
	const char *const texts[DIMENSION_ANY] = {
		[DIMENSION_CONTAINER] = rule->container,
		[DIMENSION_UNIT] = rule->unit,
		[DIMENSION_EXE] = rule->exe,
		[DIMENSION_USER] = rule->user,
		[DIMENSION_UID] = rule->uid,
		[DIMENSION_MODEL] = rule->model,
		[DIMENSION_PROVIDER] = rule->provider,
		[DIMENSION_OPERATION] = rule->operation,
	};

	*ret_text = SPAN("");
	if (rule->n_labels)
		return DIMENSION_LABEL;
	for (int i = DIMENSION_CONTAINER; i < DIMENSION_ANY; i++) {
		if (!is_exact(texts[i]))
			continue;
		*ret_text = span_of(texts[i]);
		return (enum dimension)i;
	}
	return DIMENSION_ANY;
}

/* Equal labels have equal text "key=value" on both sides. */
static uint64_t hash_of_label(const struct budget_label *label)
{
	uint64_t hash = hash_of(DIMENSION_LABEL, span_of(label->key));

	return match_hash(match_hash(hash, SPAN("=")), span_of(label->value));
}

static void add(struct match_index *index, unsigned i)
{
	const struct budget_rule *rule = &index->rules->rules[i];
	struct span text;
	enum dimension dimension = dimension_of(rule, &text);
	uint64_t hash = dimension == DIMENSION_LABEL ? hash_of_label(&rule->labels[0])
						     : hash_of(dimension, text);
	int *head = chain_of(index, hash);
	bool asks_origin = rule->uid[0] || rule->unit[0] || rule->container[0];

	index->entries[i] = (struct entry){
		.hash = hash,
		.next = *head,
		.asks_call =
		    rule->provider[0] || rule->model[0] || rule->operation[0] || rule->n_labels,
		.asks_process = asks_origin || rule->user[0] || rule->exe[0] || rule->cgroup[0],
	};
	*head = (int)i;
	index->dimensions |= 1u << dimension;
	index->asks_origin |= asks_origin;
}

int match_index_new(const struct budget_rules *rules, struct match_index **ret_index)
{
	struct match_index *index;
	uint64_t n_chains = 64;

	while (n_chains < 2 * (uint64_t)rules->count)
		n_chains *= 2;
	index =
	    malloc(sizeof(*index) + rules->count * sizeof(struct entry) + n_chains * sizeof(int));
	if (!index)
		return -ENOMEM;
	*index = (struct match_index){ .rules = rules, .mask = n_chains - 1 };
	index->entries = (struct entry *)(index + 1);
	index->heads = (int *)(index->entries + rules->count);
	for (uint64_t i = 0; i < n_chains; i++)
		index->heads[i] = -1;
	for (unsigned i = 0; i < rules->count; i++)
		add(index, i);
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
	const struct entry *entry;
	uint64_t hash;

	if (!(index->dimensions >> dimension & 1))
		return;
	hash = hash_of(dimension, text);
	for (int i = *chain_of(index, hash); i >= 0; i = entry->next) {
		const struct budget_rule *rule = &index->rules->rules[i];

		entry = &index->entries[i];
		if (entry->hash != hash)
			continue;
		if (entry->asks_call && !call_matches(rule, search->subject))
			continue;
		if (entry->asks_process &&
		    !match_origin(rule, search->subject->process, &search->origin))
			continue;
		match_set_add(search->set, (unsigned)i);
	}
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
	struct search search = { .index = index, .subject = subject, .set = ret_set };

	if (index->asks_origin)
		search.origin = match_origin_of(process);
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
