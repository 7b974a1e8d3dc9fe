/* Tells a service manager how we are (sd_notify(3)): one datagram to NOTIFY_SOCKET, if there is
 * one. */
#pragma once

void notify_send(const char *state);
