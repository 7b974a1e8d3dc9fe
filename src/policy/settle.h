/* The form of POST /v1/settle. */
#pragma once

#include "policy/form.h"

int settle_form(struct form **ret_form); /* -ENOMEM */
