/* What an agent leaves in a folder of the bpf file system so that it outlives it: a subfolder for
 * each agent, locked while that lives. The next agent takes over when it has said what is stopped:
 * it removes those that nobody holds, and with them what the kernel held for their sake. To remove
 * the folder by hand does the same. */
#pragma once

struct pins;

/* -errno: no subfolder can be made. */
int pins_new(const char *folder, struct pins **ret_pins);
/* Removes its own, but for what is left. */
void pins_free(struct pins *pins);

/* Keeps a map or link under the name. 0 or -errno. */
int pins_put(const struct pins *pins, const char *name, int fd);
/* The same, for the next agent however this one ends: one thing, that does nothing by itself. */
int pins_leave(struct pins *pins, const char *name, int fd);
/* What a dead agent kept under the name, or -ENOENT. */
int pins_find(const struct pins *pins, const char *name);
/* What dead agents kept does nothing any more when this returns. */
void pins_take_over(const struct pins *pins);
