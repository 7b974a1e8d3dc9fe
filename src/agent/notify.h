/* The service manager, if there is one: tells it how we are (sd_notify(3)), by one datagram to
 * NOTIFY_SOCKET, and takes what it opened for us. */
#pragma once

void notify_send(const char *state);

/* The listening socket that it passed on (sd_listen_fds(3): the first), or -1. */
int notify_listener(void);
