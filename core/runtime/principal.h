/* The principal cache: what a token means, decided on the loop without asking the provider again.
 *
 * Keyed by SHA-256 of the token; good entries live while the user's generation is unchanged, bad ones two seconds,
 * each kind bounded. The generation of a user is one of 65,536 atomic counters (shared counters only cost a miss). */
#ifndef CORE_RUNTIME_PRINCIPAL_H
#define CORE_RUNTIME_PRINCIPAL_H

#include <steward/request.h>

typedef struct principals principals;

typedef enum { PRINCIPAL_UNKNOWN = 0, PRINCIPAL_GOOD, PRINCIPAL_BAD } principal_answer;

principals *principals_new(size_t good_max, size_t bad_max);
void principals_free(principals *p);
/* Any thread, short lock. `now_ms`: Unix ms. GOOD fills *ret and *ret_generation (JWT exp is checked against now). */
principal_answer principal_find(principals *p, const uint8_t key[32], int64_t now_ms, sw_principal *ret,
                                uint32_t *ret_generation);
/* The ticket to take *before* asking the provider: a change meanwhile makes the answer stale. */
uint64_t principal_ticket(principals *p);
/* false: somebody's credentials changed since the ticket, so the answer may be stale: take a new ticket and ask again.
 */
bool principal_put_good(principals *p, const uint8_t key[32], uint64_t ticket, const sw_principal *who,
                        uint32_t *ret_generation);
void principal_put_bad(principals *p, const uint8_t key[32], int64_t now_ms);
/* The same with the ticket taken before the provider was asked: an answer that may be stale is not kept. */
void principal_put_bad_since(principals *p, const uint8_t key[32], uint64_t ticket, int64_t now_ms);
/* Is a principal that was accepted with `generation` still good? One atomic load. */
bool principal_current(const principals *p, int64_t user_id, uint32_t generation);
/* The writer, at commit. Also forgets bad entries (a token that was unknown may be known now). */
void principal_raise(principals *p, int64_t user_id);
void principal_raise_all(principals *p);

#endif
