/* A fair queue: jobs of many parties, who take turns. The lanes and the writer queue by it.
 *
 * A party is whose work it is: a user; without a token an address; or the server itself. It is a number, so that
 * nothing is looked up. Ids of users follow one another, so two share a number only where there are more than
 * PARTY_USERS; whoever shares one shares its turns. No locks here: the owner of a queue has its own. */
#ifndef CORE_RUNTIME_FAIR_H
#define CORE_RUNTIME_FAIR_H

#include "core/runtime/request.h"

enum { PARTY_SERVER = 0, PARTY_USERS = 4096, PARTY_ADDRESSES = 1024, PARTIES = 1 + PARTY_USERS + PARTY_ADDRESSES };

typedef struct fair_party fair_party;

typedef struct {
    fair_party *parties;       /* PARTIES of them; pages that nobody uses cost nothing */
    fair_party *first, **last; /* whose turn comes: those with jobs that may have one more running */
    unsigned queued;           /* of all */
    unsigned running_max;      /* jobs of one party at the same time; 0 for no bound */
    unsigned queued_max;       /* jobs of one party that wait; 0 for no bound */
} fair_queue;

/* false: no memory. fair_close() is valid on zeroed memory. */
bool fair_open(fair_queue *q, unsigned running_max, unsigned queued_max);
void fair_close(fair_queue *q);
/* May that party have one more waiting? Always, for the server itself. */
bool fair_has_room(const fair_queue *q, uint16_t party);
/* Behind what its party (job.party) has waiting. */
void fair_add(fair_queue *q, job *j);
/* The oldest job of the party whose turn it is. `may_run`, when there is one, may pass a job over. NULL: nothing may
 * run. What was taken counts as running until fair_finished(). */
job *fair_take(fair_queue *q, bool (*may_run)(const void *arg, const job *j), const void *arg);
void fair_finished(fair_queue *q, uint16_t party);
/* That party's turn took so long: while others wait, it sits out turns until that is made up for. The server's own
 * work never does. */
void fair_charge(fair_queue *q, uint16_t party, int64_t took_ns);
/* Is there a job that may run? */
static inline bool fair_ready(const fair_queue *q)
{
    return q->first != NULL;
}

uint16_t party_of_user(int64_t user_id);
/* Whose work a request is. */
uint16_t party_of(const sw_request *req);
/* `percent` of `whole`, and at least one. */
unsigned share_of(unsigned whole, unsigned percent);

#endif
