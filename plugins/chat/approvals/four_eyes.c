/* Two humans must approve, when a request was stored so (`needs`; the option four_eyes asks it of all). The first
 * APPROVED is noted and announced, and the request stays PENDING; another human's completes it, and one REJECTED ends
 * it as ever. All of it in the write step of an answer: decide.c calls this before it decides.
 *
 * Two sockets, channels or sessions of one user are one human. Who approved first must still be allowed to when the
 * second does: one who has been removed or is no ADMIN any more does not count, and the second becomes the first. */
#include "approvals/approvals.h"

#include <string.h>

enum { FIRST };

static const sw_statement STATEMENTS[] = {
    [FIRST] = {.name = "approval_first",
               .sql = "UPDATE chat_approvals SET first_id = ?2, first_name = ?3, first_channel = ?4, first_ms = ?5"
                      " WHERE id = ?1 AND status = 'PENDING'"},
};

const sw_table FOUR_EYES_STATEMENTS = SW_TABLE(STATEMENTS);

/* Has somebody approved it who still may? */
static sw_status first_counts(const chat *c, sw_tx *tx, const approval *a, bool *ret)
{
    sw_user first = {.size = sizeof first};

    *ret = false;
    if (!a->first_id)
        return SW_OK;
    sw_status found = c->users->by_id(c->users_self, sw_tx_db(tx), a->first_id, &first);
    if (found == SW_NOT_FOUND)
        return SW_OK;
    SW_TRY(found);
    *ret = may_decide(c, &first, a);
    return SW_OK;
}

static sw_status note_first(sw_tx *tx, approval *a, const approval *by)
{
    a->first_id = by->decider_id;
    a->first_name = by->responder_name;
    a->first_channel = by->channel;
    a->first_ms = by->decided_ms;
    return sw_tx_exec(tx, &STATEMENTS[FIRST], NULL, "iissi", a->id, a->first_id, a->first_name, a->first_channel,
                      a->first_ms);
}

typedef struct {
    delivery *delivery;
    int64_t user_id, approval_id;
} teller;

static void tell_again(void *state, void *arg)
{
    (void)state;
    const teller *t = arg;
    delivery_status_again(t->delivery, t->user_id, t->approval_id);
}

/* The page of who approved shows APPROVED as soon as its answer is taken: it hears the true status after that. */
static sw_status tell_page(const chat *c, sw_tx *tx, int64_t user_id, int64_t approval_id)
{
    teller *t = sw_tx_alloc(tx, 1, sizeof *t);

    if (!t)
        return SW_NO_MEMORY;
    *t = (teller){.delivery = c->delivery, .user_id = user_id, .approval_id = approval_id};
    sw_tx_on_commit(tx, tell_again, t);
    return SW_OK;
}

sw_status four_eyes(const chat *c, sw_tx *tx, approval *a, const approval *by, bool *ret_enough)
{
    bool counts = false;

    *ret_enough = true;
    if (a->needs < 2 || strcmp(by->status, STATUS_APPROVED) != 0)
        return SW_OK;
    SW_TRY(first_counts(c, tx, a, &counts));
    if (counts && a->first_id != by->decider_id)
        return SW_OK;
    *ret_enough = false;
    if (!counts) {
        SW_TRY(note_first(tx, a, by));
        SW_TRY(announce_first(tx, a));
    }
    return tell_page(c, tx, by->decider_id, a->id);
}
