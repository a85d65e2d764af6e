/* The integration log: what an administrator reads to see why something did not happen. */
#include "store.h"

const char SQL_LOG_ADD[] =
    "INSERT INTO feishu_logs (connector_id, level, action, detail, at_ms) VALUES (?1, lower(?2), ?3, ?4, ?5)";

sw_status log_add(sw_tx *tx, int64_t connector_id, const char *level, const char *action, const char *detail)
{
    return EXEC(tx, ST_LOG_ADD, NULL, "isssi", connector_id, level, action, detail, sw_tx_now(tx));
}

const char SQL_LOG_PAGE[] = "SELECT id, level, action, detail, at_ms FROM feishu_logs"
                            " WHERE connector_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";

sw_status log_page(sw_db *db, int64_t connector_id, int64_t before, int64_t limit, sw_rows **ret)
{
    return RUN(db, ST_LOG_PAGE, ret, "iii", connector_id, before, limit);
}
