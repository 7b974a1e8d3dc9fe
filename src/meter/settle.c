/* Two small memories of hashes: answers that are awaited, and idempotency keys of the last day. */
#include "meter/settle.h"

#include <errno.h>

#include "base/pages.h"
#include "base/timestamp.h"

#define SETS        512
#define WAYS        8
#define REPLAY_NS   (24 * 3600 * NS_PER_SEC)
#define HASH_OFFSET 0xcbf29ce484222325ULL
#define HASH_PRIME  0x100000001b3ULL

struct entry {
	uint64_t key; /* 0: none */
	int64_t time_ns;
};

struct memory {
	struct entry entries[SETS][WAYS];
};

struct settle {
	struct memory awaited, replays;
};

int settle_new(struct settle **ret_settle)
{
	struct settle *settle = pages_new(sizeof(*settle));

	if (!settle)
		return -ENOMEM;
	*ret_settle = settle;
	return 0;
}

void settle_free(struct settle *settle)
{
	pages_free(settle, sizeof(*settle));
}

static uint64_t hash(uint64_t h, const char *text)
{
	do
		h = (h ^ (unsigned char)*text) * HASH_PRIME;
	while (*text++);
	return h | 1;
}

static struct entry *find(struct memory *memory, uint64_t key)
{
	struct entry *set = memory->entries[key / 2 % SETS];

	for (int i = 0; i < WAYS; i++)
		if (set[i].key == key)
			return &set[i];
	return NULL;
}

static void put(struct memory *memory, uint64_t key, int64_t time_ns)
{
	struct entry *set = memory->entries[key / 2 % SETS], *oldest = &set[0];

	for (int i = 1; i < WAYS; i++)
		if (set[i].time_ns < oldest->time_ns)
			oldest = &set[i];
	*oldest = (struct entry){ key, time_ns };
}

static void cost_nothing(struct usage *usage)
{
	memset(usage->counts, 0, sizeof(usage->counts));
	usage->present = 0;
	usage->total_tokens = 0;
	usage->reported = false;
	usage->doubt = USAGE_DOUBT_NONE;
	usage->free = true;
}

static uint64_t response_key(const struct usage *usage)
{
	return hash(hash(HASH_OFFSET, usage->provider), usage->response_id);
}

/* Of what has been told already, beside that of what has not. */
static uint64_t told_key(const struct usage *usage)
{
	return response_key(usage) ^ 1;
}

static void settle_poll(struct settle *settle, struct usage *usage)
{
	struct entry *awaited = settle ? find(&settle->awaited, response_key(usage)) : NULL;
	struct entry *told = settle ? find(&settle->awaited, told_key(usage)) : NULL;

	usage->told = told && usage->reported;
	if (usage->told)
		*told = (struct entry){ 0 };
	else if (!awaited || usage->doubt || !usage->present)
		cost_nothing(usage);
	else
		*awaited = (struct entry){ 0 };
}

static void settle_replay(struct settle *settle, struct usage *usage)
{
	uint64_t key = hash(hash(hash(HASH_OFFSET, usage->provider), usage->api_key_hash),
			    usage->idempotency_key);
	struct entry *sent = find(&settle->replays, key);

	if (sent && usage->time_start_ns - sent->time_ns < REPLAY_NS)
		cost_nothing(usage);
	else if (sent)
		sent->time_ns = usage->time_start_ns;
	else
		put(&settle->replays, key, usage->time_start_ns);
}

static void await(struct memory *awaited, uint64_t key, int64_t time_ns)
{
	if (!find(awaited, key))
		put(awaited, key, time_ns);
}

void settle_usage(struct settle *settle, enum settle_kind kind, struct usage *usage)
{
	if (kind == SETTLE_POLL)
		settle_poll(settle, usage);
	else if (!settle || !usage->status || usage->status >= 400 || usage->error[0])
		return;
	else if (usage->present && usage->idempotency_key[0])
		settle_replay(settle, usage);
	else if ((!usage->present || kind == SETTLE_PROVISIONAL) && usage->response_id[0])
		await(&settle->awaited, usage->present ? told_key(usage) : response_key(usage),
		      usage->time_start_ns);
}
