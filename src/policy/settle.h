/* The forms of POST /v1/settle, and of renew and release. -ENOMEM. */
#pragma once

#include "policy/form.h"

int settle_form(struct form **ret_form);
int settle_reservation_form(struct form **ret_form);
