/* The turns of a fair queue. A party is in the line of turns while it has a job waiting and may have one more running;
 * each turn takes one job, and then the party goes to the end of the line. All of it is a few steps, however many wait.
 * On the thread that holds the owner's lock, or that owns the queue. */
#include "core/runtime/fair.h"

#include <stdlib.h>

/* What a turn may take without a debt. */
enum { TURN_NS = 250000 };

struct fair_party {
    job *first, **last;
    fair_party *next; /* in the line of turns */
    unsigned queued, running;
    int64_t debt_ns;
    bool in_line;
};

bool fair_open(fair_queue *q, unsigned running_max, unsigned queued_max)
{
    *q = (fair_queue){.parties = calloc(PARTIES, sizeof *q->parties),
                      .last = &q->first,
                      .running_max = running_max,
                      .queued_max = queued_max};
    return q->parties != NULL;
}

void fair_close(fair_queue *q)
{
    free(q->parties);
    *q = (fair_queue){0};
}

static void line_up(fair_queue *q, fair_party *p)
{
    if (p->in_line || !p->first ||
        (q->running_max != 0 && p->running >= q->running_max && p != &q->parties[PARTY_SERVER]))
        return;
    p->in_line = true;
    p->next = NULL;
    *q->last = p;
    q->last = &p->next;
}

static void leave_line(fair_queue *q)
{
    fair_party *p = q->first;
    q->first = p->next;
    if (!q->first)
        q->last = &q->first;
    p->in_line = false;
}

bool fair_has_room(const fair_queue *q, uint16_t party)
{
    return q->queued_max == 0 || party == PARTY_SERVER || q->parties[party].queued < q->queued_max;
}

void fair_add(fair_queue *q, job *j)
{
    fair_party *p = &q->parties[j->party];
    j->next = NULL;
    if (!p->first)
        p->last = &p->first;
    *p->last = j;
    p->last = &j->next;
    p->queued++;
    q->queued++;
    line_up(q, p);
}

/* Takes the oldest job that may run out of the party's; NULL when there is none. */
static job *take_of(fair_party *p, bool (*may_run)(const void *arg, const job *j), const void *arg)
{
    for (job **at = &p->first; *at; at = &(*at)->next) {
        job *j = *at;
        if (may_run && !may_run(arg, j))
            continue;
        *at = j->next;
        if (p->last == &j->next)
            p->last = at;
        return j;
    }
    return NULL;
}

/* Whoever is alone in the line keeps nobody waiting. */
static bool sits_out(const fair_queue *q, fair_party *p)
{
    if (p->debt_ns <= 0)
        return false;
    p->debt_ns = p->next || q->first != p ? p->debt_ns - TURN_NS : 0;
    return p->debt_ns > 0;
}

job *fair_take(fair_queue *q, bool (*may_run)(const void *arg, const job *j), const void *arg)
{
    fair_party *passed = NULL; /* the first one that had nothing that may run: once round, then none has */
    while (q->first && q->first != passed) {
        fair_party *p = q->first;
        if (sits_out(q, p)) {
            leave_line(q);
            line_up(q, p);
            continue;
        }
        job *j = take_of(p, may_run, arg);
        leave_line(q);
        if (j) {
            p->queued--;
            p->running++;
            q->queued--;
        } else if (!passed) {
            passed = p;
        }
        line_up(q, p);
        if (j)
            return j;
    }
    return NULL;
}

void fair_finished(fair_queue *q, uint16_t party)
{
    fair_party *p = &q->parties[party];
    p->running--;
    line_up(q, p);
}

void fair_charge(fair_queue *q, uint16_t party, int64_t took_ns)
{
    if (party != PARTY_SERVER)
        q->parties[party].debt_ns += took_ns;
}

/* ---- parties ---- */

uint16_t party_of_user(int64_t user_id)
{
    return (uint16_t)(1 + (uint64_t)user_id % PARTY_USERS);
}

/* Of IPv6 its first half, as far as the text shows it: one customer usually has a whole /64. */
static uint16_t party_of_address(const char *address)
{
    uint32_t hash = 2166136261u; /* FNV-1a: whoever makes two addresses meet shares his own turns */
    unsigned colons = 0;
    for (const char *at = address; *at && colons < 4; at++) {
        hash = (hash ^ (unsigned char)*at) * 16777619u;
        colons += *at == ':';
    }
    return (uint16_t)(1 + PARTY_USERS + (hash ^ hash >> 16) % PARTY_ADDRESSES);
}

uint16_t party_of(const sw_request *req)
{
    if (req->who.role)
        return party_of_user(req->who.user_id);
    bool of_server = req->kind == REQUEST_TASK || !req->address || !req->address[0];
    return of_server ? PARTY_SERVER : party_of_address(req->address);
}

unsigned share_of(unsigned whole, unsigned percent)
{
    unsigned part = (unsigned)((uint64_t)whole * percent / 100);
    return part > 0 ? part : 1;
}
