/* The form of POST /v1/usage. -ENOMEM. */
#pragma once

#include "policy/form.h"

int usage_form(struct form **ret_form);
