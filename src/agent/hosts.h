/* The hosts of the provider files, and the canary's, become the filter in the kernel. */
#pragma once

#include "attach/attach.h"
#include "meter/provider.h"

int hosts_set(struct attach *attach, const struct providers *providers, struct err *err);
