/* Who may still come in: a timer asks the directory about everybody with an open session, once in `recheck`.
 *
 * Three steps of one task: whom to ask (worker), asking (slow lane), and what follows from it (writer). The host starts
 * the next task only when this one has ended. */
#include "directory.h"

enum { AT_ONCE = 32 };

typedef enum { UNKNOWN = 1, MAY_COME, MAY_NOT } verdict;

typedef struct {
    int64_t user_id;
    const char *name;
    person person;
    verdict verdict;
} question;

typedef struct {
    question asked[AT_ONCE];
    size_t count;
} round_of;

/* ---- on the writer ---- */

/* Another role takes effect here: a new generation, so the person signs in anew. The last ADMIN cannot become a MEMBER,
 * for nobody could manage the server then; but whoever may not be ADMIN does not come in as one either. */
static sw_status confirm(sw_tx *tx, const question *q)
{
    const directory *d = sw_tx_state(tx);
    sw_user user = {.size = sizeof user};
    sw_status found = d->users->by_id(d->users_self, sw_tx_db(tx), q->user_id, &user);

    if (found != SW_OK)
        return found == SW_NOT_FOUND ? SW_OK : found; /* removed meanwhile, and not to be made again */
    sw_status provided = d->users->provide(d->users_self, tx, q->name, q->person.role, &user);

    if (provided == SW_CONFLICT)
        return end_sessions(tx, q->user_id);
    SW_TRY(provided);
    return store_confirm(tx, user.id, user.generation);
}

/* Cached decisions are void, and the next one is ask()'s, which cannot be answered now. Done anew once in `recheck`:
 * the directory may have answered in between, and a decision been cached. */
static void suspend(sw_tx *tx, int64_t user_id)
{
    sw_tx_user_changed(tx, user_id, true);
}

static sw_status conclude(sw_tx *tx, void *arg)
{
    const round_of *r = arg;
    const sw_host *host = sw_tx_host(tx);
    int64_t now_ms = sw_tx_now(tx);
    bool silent = false;

    for (size_t i = 0; i < r->count; i++) {
        const question *q = &r->asked[i];
        silent = silent || q->verdict == UNKNOWN;
        if (q->verdict == MAY_COME)
            SW_TRY(confirm(tx, q));
        if (q->verdict == MAY_NOT)
            SW_TRY(end_sessions(tx, q->user_id));
    }
    if (!silent)
        return SW_OK;
    return store_suspend(tx, now_ms - sw_option_int(host, "grace"), now_ms - sw_option_int(host, "recheck"), suspend);
}

/* ---- on the slow lane ---- */

/* The first question without an answer ends the round: the others would only wait as long. */
static sw_status ask_all(sw_request *req)
{
    round_of *r = sw_request_kept(req);
    sw_status found = SW_OK;

    for (size_t i = 0; i < r->count && found != SW_UNAVAILABLE; i++) {
        question *q = &r->asked[i];
        found = client_find(sw_request_state(req), req, q->name, &q->person);
        if (found == SW_OK)
            q->verdict = q->person.role ? MAY_COME : MAY_NOT;
        else if (found == SW_NOT_FOUND)
            q->verdict = MAY_NOT;
        else if (found != SW_UNAVAILABLE)
            return found;
    }
    return sw_write(req, conclude, r);
}

/* ---- on a worker ---- */

sw_status recheck(sw_request *req)
{
    directory *d = sw_request_state(req);
    sw_db *db = sw_request_db(req);
    round_of *r = sw_alloc(req, 1, sizeof *r);
    int64_t ids[AT_ONCE];
    size_t due;

    if (!r)
        return SW_NO_MEMORY;
    SW_TRY(store_due(db, sw_now_ms() - sw_option_int(d->host, "recheck"), ids, AT_ONCE, &due));
    for (size_t i = 0; i < due; i++) {
        sw_user user = {.size = sizeof user};
        sw_status found = d->users->by_id(d->users_self, db, ids[i], &user);
        if (found == SW_NOT_FOUND)
            continue; /* its sessions go with it: on_user_removed() */
        SW_TRY(found);
        r->asked[r->count++] = (question){.user_id = user.id, .name = user.name, .verdict = UNKNOWN};
    }
    sw_request_keep(req, r);
    return r->count ? sw_move(req, SW_LANE_SLOW, ask_all) : SW_OK;
}
