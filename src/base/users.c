/* getpwuid_r behind a table with one place a uid (by its low bits), an expiry, and a pause after an
 * answer that was slow: a broken name service costs one wait a minute, not one a call. */
#include "base/users.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>

#include "base/pages.h"
#include "base/span.h"

struct user {
	int64_t until_ns; /* monotonic; 0: the place is empty */
	uint32_t uid;
	char name[USERS_NAME_BYTES];
};

struct users {
	const struct clock *clock;
	int64_t paused_until_ns;
	struct user places[USERS_MAX];
};

struct users *users_new(const struct clock *clock)
{
	struct users *users = pages_new(sizeof(*users));

	if (users)
		users->clock = clock;
	return users;
}

void users_free(struct users *users)
{
	pages_free(users, sizeof(*users));
}

static void ask(struct users *users, struct user *user, int64_t now_ns)
{
	struct passwd entry, *found = NULL;
	char room[4096];
	int64_t after_ns;

	if (getpwuid_r(user->uid, &entry, room, sizeof(room), &found) == 0 && found)
		span_copy(span_of(found->pw_name), user->name, sizeof(user->name));
	after_ns = users->clock->monotonic_ns(users->clock);
	user->until_ns = after_ns + USERS_KEEP_NS;
	if (after_ns - now_ns > USERS_SLOW_NS)
		users->paused_until_ns = after_ns + USERS_PAUSE_NS;
}

void users_name(struct users *users, uint32_t uid, char ret_name[static USERS_NAME_BYTES])
{
	struct user *user = &users->places[uid % USERS_MAX];
	int64_t now_ns = users->clock->monotonic_ns(users->clock);
	bool is_paused = now_ns < users->paused_until_ns;

	if ((user->uid != uid || !user->until_ns)) {
		*user = (struct user){ .uid = uid };
		snprintf(user->name, sizeof(user->name), "%" PRIu32, uid);
	}
	if (now_ns >= user->until_ns && !is_paused)
		ask(users, user, now_ns);
	memcpy(ret_name, user->name, sizeof(user->name));
}
