//! As many audit rows as there are log rows, and transactions of one wallet: made from the log in one
//! statement each.

use sqlx::{AnyPool, AssertSqlSafe, Executor};
use tollgate::store::Store;

/// Whose wallet it is.
pub(crate) const GROUP: &str = "group-0";

/// Writes them, if there are none.
pub(crate) async fn run(store: &Store, pool: &AnyPool) -> anyhow::Result<()> {
    if store.wallet(GROUP).await.is_ok() {
        return Ok(());
    }
    let wallet = store.open_wallet(GROUP, None).await?.id;
    // One in a thousand is a recharge, one in a hundred a refund.
    let kind = "CASE WHEN id % 1000 = 0 THEN 1 WHEN id % 100 = 7 THEN 4 ELSE 2 END";
    let statements = [
        "INSERT INTO audit_logs (created_at, user_id, actor, ip, method, route, path, targets, \
         fields, code) SELECT created_at, token_id % 50, CONCAT('user-', token_id % 50), ip, \
         CASE id % 7 WHEN 0 THEN 'DELETE' WHEN 1 THEN 'POST' ELSE 'PUT' END, \
         CONCAT('/api/route-', id % 40, '/{id}'), CONCAT('/api/route-', id % 40, '/', id), \
         CONCAT('{\"id\": \"', id, '\"}'), \
         CONCAT('{\"name\": \"', model, '\", \"group\": \"', group_id, '\"}'), \
         CASE WHEN id % 50 = 0 THEN 409 ELSE code END FROM logs ORDER BY created_at, id"
            .to_owned(),
        format!(
            "INSERT INTO transactions (id, created_at, kind, idempotency_key, calls, reference) \
             SELECT id, created_at, {kind}, CONCAT('usage:', request_id), 1, \
             CASE WHEN id % 100 = 7 AND id % 1000 <> 0 THEN request_id ELSE '' END \
             FROM logs ORDER BY id"
        ),
        format!(
            "INSERT INTO postings (transaction_id, account_id, kind, created_at, amount, balance) \
             SELECT id, {wallet}, {kind}, created_at, 0 - amount, id \
             FROM logs ORDER BY created_at, id"
        ),
        format!(
            "INSERT INTO charges (request_id, transaction_id, account_id, amount) \
             SELECT request_id, id, {wallet}, amount FROM logs WHERE id % 5 = 0 ORDER BY request_id"
        ),
    ];
    for text in statements {
        pool.execute(AssertSqlSafe(text)).await?;
    }
    Ok(())
}
