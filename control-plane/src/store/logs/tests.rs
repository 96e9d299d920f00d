//! That no list reads more of the table than it shows: what the databases plan for it.

use super::*;
use crate::domain::Order;
use crate::store::sql::heard::heard;
use crate::store::testing::{Explain, on_each_database};

/// No filter, each alone, and each with every other; all of that in a time, too.
fn queries() -> Vec<LogQuery> {
    let text = || Some("x".to_owned());
    let filters: [&dyn Fn(&mut LogQuery); 12] = [
        &|query| query.group = text(),
        &|query| query.token_id = Some(1),
        &|query| query.token_name = text(),
        &|query| query.model = text(),
        &|query| query.channel = Some(1),
        &|query| query.request_id = text(),
        &|query| query.upstream_id = text(),
        &|query| query.code = Some(500),
        &|query| query.code_type = CodeType::Error,
        &|query| query.code_type = CodeType::Success,
        &|query| query.ip = text(),
        &|query| query.user = text(),
    ];
    let mut queries = vec![LogQuery::default()];
    for (at, first) in filters.iter().enumerate() {
        // Twice the same is one alone.
        for second in filters.iter().skip(at) {
            let mut query = LogQuery::default();
            first(&mut query);
            second(&mut query);
            queries.push(query);
        }
    }
    let in_a_time = |query: &LogQuery| LogQuery {
        start_ms: Some(1),
        end_ms: Some(2),
        ..query.clone()
    };
    let timed: Vec<_> = queries.iter().map(in_a_time).collect();
    queries.extend(timed);
    queries
}

/// What a list, an export and a search ask the database: what is asked, of which rows, and in which
/// order.
fn statements(query: &LogQuery) -> Vec<(String, String, Conditions)> {
    let mut asked = LIST.asked(&query.conditions());
    let mut later = query.conditions();
    later.pair("created_at <= ?1 AND (created_at < ?1 OR id < ?2)", 1, 1);
    let tail = format!("{} LIMIT 10", LIST.order(true));
    asked.push((COLUMNS.to_owned(), tail, later));
    asked
}

const MANY_ROWS: &str = "INSERT INTO logs (request_id, node, request_at, created_at, duration_ms, \
    token_id, token_name, group_id, model, method, path, dialect, stream, code, outcome, content, ip, \
    caller, channel_id, attempts, input_tokens, output_tokens, cached_tokens, cache_creation_tokens, \
    reasoning_tokens, usage_estimated, upstream_id, losses, amount) \
    SELECT seq, '', seq, seq, 0, seq % 2, IF(seq % 2, 'x', seq), IF(seq % 2, 'x', seq), \
    IF(seq % 2, 'x', seq), '', '', '', 0, IF(seq % 2, 500, 200), '', '', IF(seq % 2, 'x', seq), \
    IF(seq % 2, 'x', seq), seq % 2, '', 0, 0, 0, 0, 0, 0, IF(seq % 2, 'x', seq), '', 0 \
    FROM seq_1_to_20000";

#[tokio::test]
async fn lists_walk_an_index_in_their_order() {
    on_each_database(async |database| {
        let store = database.open().await;
        let mut explain = Explain::on(&database, &store, MANY_ROWS).await;
        let mut plans = 0;
        for query in queries() {
            for (head, tail, conditions) in statements(&query) {
                let what = format!("{query:?}{tail}");
                // A request id is of one row; that is sorted at no cost.
                let is_one_row = query.request_id.is_some();
                let asked = (&*head, &*tail, &conditions);
                explain
                    .walks_an_index("logs", asked, is_one_row, &what)
                    .await;
                plans += 1;
            }
        }
        assert!(plans > 700);
    })
    .await;
}

/// An hour, in milliseconds.
const HOUR: i64 = 3_600_000;

/// Everything else that asks for rows of calls, or of what is summed up of them.
async fn ask_everything(store: &Store) {
    let time = (5 * HOUR + 5, 7 * HOUR + 5);
    store.oldest_log().await.unwrap();
    store.delete_logs(1, 7).await.unwrap();
    store.delete_oldest_minute(1).await.unwrap();
    store.delete_oldest_addresses(1).await.unwrap();
    store.groups_of_address("x", time.0, time.1).await.unwrap();
    store.ip_groups(1, time.0, time.1).await.unwrap();
    store.fill_addresses().await.unwrap();
    store.ip_groups(1, time.0, time.1).await.unwrap();
}

#[tokio::test]
async fn other_questions_are_answered_by_an_index_too() {
    on_each_database(async |database| {
        let store = database.open().await;
        let event = tollgate_config::meter::UsageEvent {
            id: "id".into(),
            token_id: 1,
            ip: "x".into(),
            ..Default::default()
        };
        let ledger = crate::ledger::Ledger::new(store.clone());
        ledger.book("n", vec![event]).await.unwrap();
        // Not all is summed up yet, so that the log is asked as well.
        let unfilled = "UPDATE address_fill SET filled_from = 9000000000000000000";
        store.execute_for_tests(unfilled.into()).await;
        let early = format!(
            "UPDATE logs SET created_at = {0}, request_at = {0}",
            6 * HOUR
        );
        store.execute_for_tests(early).await;
        let heard = heard(ask_everything(&store)).await;
        let mut explain = Explain::on(&database, &store, MANY_ROWS).await;
        let mut explained = 0;
        for statement in heard {
            let what = statement.text().to_owned();
            let is_asked = what.starts_with("SELECT") || what.starts_with("DELETE FROM");
            let tables = ["logs", "address_groups", "_summaries"];
            if !is_asked || !tables.iter().any(|table| what.contains(table)) {
                continue;
            }
            let plan = explain
                .plan("logs", statement.explained(explain.front()))
                .await;
            let whole = ["Seq Scan", "SCAN", " ALL "];
            let is_whole = plan.text.lines().any(|step| {
                // A subquery is read whole, which is few rows.
                whole.iter().any(|scan| step.contains(scan))
                    && !["USING", "newest", "calls", "derived"]
                        .iter()
                        .any(|it| step.contains(it))
            });
            assert!(!is_whole, "{what}: {}", plan.text);
            explained += 1;
        }
        assert!(explained >= 10, "{explained}");
    })
    .await;
}

#[tokio::test]
async fn a_word_is_looked_for_in_the_newest_rows_and_an_id_in_all() {
    on_each_database(async |database| {
        let store = database.open().await;
        let event = |id: usize| tollgate_config::meter::UsageEvent {
            id: format!("id-{id}"),
            upstream_id: format!("up-{id}"),
            error: if id == 3 {
                "It BROKE".into()
            } else {
                String::new()
            },
            ..Default::default()
        };
        let ledger = crate::ledger::Ledger::new(store.clone());
        ledger.book("n", (0..5).map(event).collect()).await.unwrap();
        let page = Page {
            number: 1,
            size: 2,
            order: Order {
                column: "id",
                descending: true,
            },
        };
        for (word, total, first) in [
            ("id-1", 1, "id-1"),
            ("up-2", 1, "id-2"),
            ("ID-", 5, "id-4"),
            ("broke", 1, "id-3"),
            ("%", 0, ""),
        ] {
            let query = LogQuery {
                keyword: Some(word.into()),
                ..LogQuery::default()
            };
            let found = store.logs(&query, page).await.unwrap();
            let id = found.items.first().map(|log| log.request_id.as_str());
            assert_eq!(
                (found.total, id.unwrap_or_default()),
                (total, first),
                "{word}"
            );
        }
    })
    .await;
}
