/* The form of POST /v1/override. */
#pragma once

#include "policy/form.h"

int override_form(struct form **ret_form); /* -ENOMEM */
