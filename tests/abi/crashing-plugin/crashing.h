/* The parts of this plugin: crashing.c says what it is, crashing_places.c where it crashes, crashing_ways.c how. */
#ifndef CRASHING_H
#define CRASHING_H

#include <steward/outbound.h>
#include <steward/plugin.h>

#ifndef VERSION
#define VERSION "1.0.0"
#endif

typedef struct {
    sw_host *host;
    _Atomic int armed; /* the timer and housekeeping crash once this is set */
} state;

/* crashing_ways.c. `host` may be NULL but for "nonsense". */
void crash(sw_host *host, const char *how);

/* crashing_places.c */
sw_status post_crash(sw_request *req);
sw_status get_crash(sw_request *req);
sw_status take_frame(sw_request *req);
sw_status on_tick(sw_request *req);
sw_status keep_house(sw_tx *tx, bool *ret_more);
sw_status on_after(sw_request *req, const void *data);
sw_status on_in_tx(sw_tx *tx, const void *data);

#endif
