/* Service "status/1" and event "status.changed" of the module status-page. */
#ifndef STATUS_SERVICE_H
#define STATUS_SERVICE_H

#include <steward/db.h>

typedef struct {
    uint32_t size; /* sizeof(status_service) */
    /* On a worker or in a step. SW_NOT_FOUND: no such target, or it was never probed. */
    sw_status (*is_up)(void *self, sw_db *db, const char *name, bool *ret_up);
} status_service;

#define STATUS_EVENT_CHANGED "status.changed" /* status_event */

/* Without pointers, so that `after` subscribers may read all of it. */
typedef struct {
    uint32_t size; /* sizeof(status_event) */
    bool up;
    bool first; /* it was never probed before */
    int http_status;
    int64_t target_id, at_ms;
    char name[65];
} status_event;

#endif
