/* What the path of a cgroup tells: the container and the unit of systemd. Pure text. */
#pragma once

#include "base/span.h"

/* The path in a text of /proc/PID/cgroup ("ID:CONTROLLERS:PATH" a line, cgroups(7)): of version 2,
 * else of systemd's own hierarchy, else the first that is not the root. Empty: none. */
struct span cgroup_path(struct span text);

/* The id of the innermost container, 64 hexadecimal digits: "/docker/ID", "docker-ID.scope" (also
 * cri-containerd, crio, libpod, nerdctl), "/kubepods/burstable/podUID/ID", "SLICE:docker:ID".
 * Empty: none, or a monitor of one (conmon). */
struct span cgroup_container(struct span path);

/* As cg_path_get_unit of systemd: the first name that is no slice, if it is a unit's ("x.service",
 * "session-3.scope"). What a user's own manager starts is of user@UID.service: a user cannot take
 * the name of a unit of the system. Empty: none. */
struct span cgroup_unit(struct span path);
