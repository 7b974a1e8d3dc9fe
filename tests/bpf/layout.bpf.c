/* Names every shared struct, so that their layouts as the BPF compiler sees them are in the BTF of
 * this object. Never loaded. */
#include "event.h"
#include "flow_block.h"
#include "flow_event.h"

struct event_head *event_head;
struct event_open *event_open;
struct event_data *event_data;
struct event_close *event_close;
struct flow_head *flow_head;
struct flow_hello *flow_hello;
struct flow_close *flow_close;
struct flow_older *flow_older;
struct flow_refused *flow_refused;
struct flow_block *flow_block;
struct flow_spare *flow_spare;
struct flow_control *flow_control;
