//! That none of these lists reads more of its table than it shows, unless it has tests of its own.

use super::*;
use crate::domain::Level;
use crate::store::testing::{Explain, on_each_database};
use crate::store::wallets::{CODES, ERRORS, errors_of};
use crate::store::{AlertQuery, CodeQuery, PriceQuery, alerts, prices};

/// No filter, each alone, and each with every other; all of that in a time, too, which is the last one.
fn queries<Q: Clone + Default>(filters: &[fn(&mut Q)], in_a_time: fn(&mut Q)) -> Vec<Q> {
    let mut queries = vec![Q::default()];
    for (at, first) in filters.iter().enumerate() {
        // Twice the same is one alone.
        for second in filters.iter().skip(at) {
            let mut query = Q::default();
            first(&mut query);
            second(&mut query);
            queries.push(query);
        }
    }
    let timed = queries.clone().into_iter().map(|mut query| {
        in_a_time(&mut query);
        query
    });
    queries.extend(timed.collect::<Vec<_>>());
    queries
}

async fn check(
    list: Bounded,
    is_searched: bool,
    // Empty: not on MariaDB, which rather sorts a list of these than to walk an index.
    many_rows: &'static str,
    conditions: Vec<Conditions>,
) {
    on_each_database(async |database| {
        if database.name == "mariadb" && many_rows.is_empty() {
            return;
        }
        let store = database.open().await;
        let mut explain = Explain::on(&database, &store, many_rows).await;
        for conditions in &conditions {
            for (head, tail, conditions) in list.asked(conditions) {
                if !is_searched && head == list.select {
                    continue;
                }
                let what = format!("{}: {head}{tail}", list.what);
                let asked = (&*head, &*tail, &conditions);
                explain
                    .walks_an_index(list.table, asked, false, &what)
                    .await;
            }
        }
    })
    .await;
}

fn text() -> Option<String> {
    Some("x".into())
}

#[tokio::test]
async fn alerts_walk_an_index_in_their_order() {
    let queries = queries::<AlertQuery>(
        &[
            |query| query.level = Some(Level::Error),
            |query| query.kind = text(),
            |query| query.subject = text(),
        ],
        |query| (query.start_ms, query.end_ms) = (Some(1), Some(2)),
    );
    let conditions = queries.iter().map(AlertQuery::conditions).collect();
    let many = "INSERT INTO alerts (created_at, level, kind, subject, title, text, feishu, webhook, \
        tries, next_try_at) SELECT seq, seq % 2, IF(seq % 2, 'x', seq), IF(seq % 2, 'x', seq), '', '', \
        0, 0, 0, 0 FROM seq_1_to_20000";
    check(alerts::LIST, true, many, conditions).await;
}

#[tokio::test]
async fn price_changes_walk_an_index_in_their_order() {
    let queries = queries::<PriceQuery>(
        &[
            |query| query.group = text(),
            |query| query.model = text(),
            |query| query.changed_by = text(),
        ],
        |query| (query.start_ms, query.end_ms) = (Some(1), Some(2)),
    );
    let conditions = queries.iter().map(PriceQuery::conditions).collect();
    let many = "INSERT INTO price_history (changed_at, changed_by, group_id, model) SELECT seq, \
        IF(seq % 2, 'x', seq), IF(seq % 2, 'x', seq), IF(seq % 2, 'x', seq) FROM seq_1_to_20000";
    check(prices::LIST, false, many, conditions).await;
}

#[tokio::test]
async fn redemption_codes_walk_an_index_in_their_order() {
    let queries = queries::<CodeQuery>(
        &[|query| query.batch = text(), |query| query.status = Some(1)],
        |_| {},
    );
    let conditions = queries.iter().map(CodeQuery::conditions).collect();
    check(CODES, false, "", conditions).await;
}

#[tokio::test]
async fn consumptions_walk_an_index_in_their_order() {
    check(
        ERRORS,
        false,
        "",
        vec![errors_of(None), errors_of(Some("x"))],
    )
    .await;
}
