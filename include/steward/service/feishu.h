/* Service "feishu/1", which the plugin feishu provides: its integration log. */
#ifndef STEWARD_SERVICE_FEISHU_H
#define STEWARD_SERVICE_FEISHU_H

#include <steward/tx.h>

SW_BEGIN_DECLS

typedef struct {
    uint32_t size; /* sizeof(sw_feishu_service) */
    /* Adds a row to the log of the current connector. SW_NOT_FOUND: there is no connector yet. */
    sw_status (*log)(void *self, sw_tx *tx, const char *level, const char *action, const char *detail);
} sw_feishu_service;

SW_END_DECLS
#endif
