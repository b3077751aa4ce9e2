//! The account of every message, counted from the rows. What waits in the broker is not here: the inbox adds it.

use tokio_postgres::GenericClient;

use super::{
    database::{Database, store_error},
    rows,
};
use crate::store::{StoreError, outbox::Ledger};

/// What cannot be. What a dropped partition held is not looked for.
const FINDINGS: [(&str, &str); 8] = [
    (
        "SELECT count(*) FROM dead d WHERE EXISTS (SELECT 1 FROM entries e WHERE e.id = d.id)",
        "messages are both decided and dead",
    ),
    (
        "SELECT count(*) FROM inbound i WHERE NOT EXISTS (SELECT 1 FROM entries e WHERE e.id = i.id)",
        "messages were taken in without being decided",
    ),
    (
        "SELECT count(*) FROM entries e WHERE e.kind = 0 AND NOT EXISTS (SELECT 1 FROM inbound i WHERE i.id = e.id)",
        "decisions are on messages that are not there",
    ),
    (
        "SELECT count(*) FROM entries e LEFT JOIN entries p ON p.id = e.prev
         WHERE e.prev >= (SELECT min(id) FROM entries) AND p.conversation IS DISTINCT FROM e.conversation",
        "entries follow one that is not in their conversation",
    ),
    (
        "SELECT count(*) FROM (SELECT prev FROM entries WHERE prev IS NOT NULL GROUP BY prev HAVING count(*) > 1) AS p",
        "entries are followed by two",
    ),
    (
        "SELECT count(*) FROM outbox o WHERE o.id >= (SELECT min(id) FROM entries)
           AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.id = o.id)",
        "outbound messages are not in any conversation",
    ),
    (
        "SELECT count(*) FROM entries e WHERE e.kind = 3 AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.id = e.id)",
        "replies are not in the outbox",
    ),
    (
        "SELECT count(*) FROM threads t WHERE NOT EXISTS (SELECT 1 FROM conversations c WHERE c.id = t.conversation)",
        "threads lead to a conversation that is not there",
    ),
];

/// Counts every message once, and looks for what cannot be: all of it at one moment, because beside daemons at work
/// counts of different moments would not add up.
pub(super) async fn ledger(database: &Database) -> Result<Ledger, StoreError> {
    let fault = |error: tokio_postgres::Error| store_error(&error);
    let mut client = database.client().await?;
    let transaction = client
        .build_transaction()
        .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await
        .map_err(fault)?;
    // It reads everything, which may take longer than anybody else is allowed.
    transaction.batch_execute("SET LOCAL statement_timeout = 0").await.map_err(fault)?;
    let ledger = count(&*transaction).await?;
    transaction.commit().await.map_err(fault)?;
    Ok(ledger)
}

/// The same in a transaction of the caller's, all of which sees one moment.
pub(super) async fn count(client: &impl GenericClient) -> Result<Ledger, StoreError> {
    let fault = |error: tokio_postgres::Error| store_error(&error);
    let row = client
        .query_one(
            "SELECT (SELECT count(*) FROM inbound), count(*) FILTER (WHERE redriven IS NULL),
                    count(*) FILTER (WHERE redriven IS NOT NULL),
                    count(*) FILTER (WHERE NOT published) + (SELECT count(*) FROM unpublished) FROM dead",
            &[],
        )
        .await
        .map_err(fault)?;
    let (decided, dead) = (rows::count(&row, 0)?, rows::count(&row, 1)?);
    let (redriven, waiting) = (rows::count(&row, 2)?, rows::count(&row, 3)?);
    let mut ledger =
        Ledger { accepted: decided + dead + redriven + waiting, decided, waiting, dead, redriven, ..Ledger::default() };
    for row in client.query("SELECT state, count(*) FROM outbox GROUP BY state", &[]).await.map_err(fault)? {
        let state = usize::try_from(rows::get::<i16>(&row, 0)?).unwrap_or(usize::MAX);
        if let Some(counted) = ledger.outbound.get_mut(state) {
            *counted = rows::count(&row, 1)?;
        }
    }
    for (sql, finding) in FINDINGS {
        let wrong = rows::count(&client.query_one(sql, &[]).await.map_err(fault)?, 0)?;
        if wrong > 0 {
            ledger.findings.push(format!("{wrong} {finding}"));
        }
    }
    Ok(ledger)
}
