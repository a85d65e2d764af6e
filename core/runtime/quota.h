/* Quotas: what one user may use a second, whatever the server could do. Shares (fair.h) keep users from one another's
 * way; quotas keep one from filling disk, memory and screens over time. Users by their number, as in fair.h; without
 * locks. Any thread. */
#ifndef CORE_RUNTIME_QUOTA_H
#define CORE_RUNTIME_QUOTA_H

#include "core/config/config.h"
#include <steward/request.h>

typedef struct quotas quotas;

/* QUOTA_URGENT: requests of SW_WORK_URGENT, apart from the others, so that these cannot use up their turn. */
typedef enum { QUOTA_REQUESTS = 0, QUOTA_URGENT, QUOTA_FRAMES, QUOTA_ROWS, QUOTA_BYTES, QUOTA_KINDS } quota_kind;

/* By the section [quota]. NULL: no memory. */
quotas *quotas_new(const config *c);
void quotas_free(quotas *q);
/* Is that principal's role on quota.roles? `q` may be NULL: then nobody's is. All below is for those alone. */
bool quota_counts(const quotas *q, const sw_principal *who);
/* Takes `amount` if the user owes nothing beyond quota.burst, and gives 0; else the milliseconds until that is so. An
 * amount that is more than what is left puts him in debt: so whatever is allowed at all can be had. */
int64_t quota_take(quotas *q, const sw_principal *who, quota_kind kind, int64_t amount, int64_t now_ms);
/* Takes it in any case, for what has happened already. Gives the milliseconds until the debt is paid, or 0. */
int64_t quota_charge(quotas *q, const sw_principal *who, quota_kind kind, int64_t amount, int64_t now_ms);
/* Those milliseconds, and nothing is taken. */
int64_t quota_wait(quotas *q, const sw_principal *who, quota_kind kind, int64_t now_ms);
/* The option's name, and how much it allows a second. */
const char *quota_name(quota_kind kind);
int64_t quota_per_second(const quotas *q, quota_kind kind);
/* Sockets that one of these users may have; 0 for no bound. */
uint32_t quota_sockets(const quotas *q);

#endif
