/* What is allocated now. malloc's own figure counts what it keeps for the next call: good for a
 * bound, not for a leak. */
#pragma once

#include <malloc.h>

#if __has_feature(address_sanitizer)
#include <sanitizer/allocator_interface.h>
#define allocated_bytes() __sanitizer_get_current_allocated_bytes()
#define SLACK_BYTES       0
#else
#define allocated_bytes() mallinfo2().uordblks
#define SLACK_BYTES       8192
#endif
