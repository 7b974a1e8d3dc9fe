/* Names of users by number, kept for a while: asking may mean a network (LDAP) and the threads that
 * ask carry everybody's calls. One thread. */
#pragma once

#include "base/timestamp.h"

#define USERS_MAX        1024           /* at once; one more takes the place of another */
#define USERS_NAME_BYTES 33             /* with its NUL */
#define USERS_KEEP_NS    300000000000LL /* then it is asked for anew */
#define USERS_SLOW_NS    50000000LL     /* a service that takes longer is left alone ... */
#define USERS_PAUSE_NS   60000000000LL  /* ... for so long: old names and numbers stand in */

struct users;

struct users *users_new(const struct clock *clock); /* NULL: out of memory */
void users_free(struct users *users);

/* The name, safe to print; the number in decimal where there is none or none is to be had. */
void users_name(struct users *users, uint32_t uid, char ret_name[static USERS_NAME_BYTES]);
