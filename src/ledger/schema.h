/* schema.sql on a file that has been checked. */
#pragma once

#include <sqlite3.h>

/* -ENOSPC and kin, as database_errno. */
int schema_apply(sqlite3 *db);
