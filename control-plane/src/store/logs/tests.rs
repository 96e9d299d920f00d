//! That no list reads more of the table than it shows: what the databases plan for it.

use sqlx::{Executor, Row};

use super::*;
use crate::domain::Order;
use crate::store::sql::{Statement, sql};
use crate::store::testing::{Database, on_each_database};

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

/// What a list, an export and a search ask the database, without a front: what is asked, of which
/// rows, and in which order.
fn statements(query: &LogQuery) -> Vec<(&'static str, String, Conditions)> {
    let conditions = query.conditions();
    let mut searched = conditions.clone();
    searched.within_newest("logs", NEWEST_FIRST, SEARCHED_MAX);
    let mut later = conditions.clone();
    later.pair("created_at <= ?1 AND (created_at < ?1 OR id < ?2)", 1, 1);
    vec![
        // Counting them comes after their limit.
        (
            IDS,
            format!("{NEWEST_FIRST} LIMIT 10001"),
            conditions.clone(),
        ),
        (
            IDS,
            format!("{OLDEST_FIRST} LIMIT 10001"),
            conditions.clone(),
        ),
        (
            IDS,
            format!("{NEWEST_FIRST} LIMIT 10 OFFSET 20000"),
            conditions,
        ),
        (COLUMNS, format!("{NEWEST_FIRST} LIMIT 10"), later),
        (COLUMNS, " LIMIT 10".to_owned(), searched),
    ]
}

/// What a database plans for a statement, as far as it is looked at here.
struct Plan {
    /// For people.
    text: String,
    /// How often the table of logs is read whole.
    scans: usize,
    sorts: bool,
}

/// How databases are asked for their plans.
struct Explain {
    database: &'static str,
    connection: sqlx::pool::PoolConnection<sqlx::Any>,
}

impl Explain {
    async fn on(database: &Database, store: &Store) -> Self {
        let mut connection = store.writer().acquire().await.unwrap();
        match database.name {
            // The table is empty: without this it would be read whole, which is quick then. What has
            // no index is read whole or sorted all the same.
            "postgres" => {
                let only_indexes = "SET enable_seqscan = off; SET enable_sort = off; \
                                    SET enable_bitmapscan = off";
                connection.execute(only_indexes).await.unwrap();
            }
            // It looks into the table to find out what is quick. Half of the rows are what is asked for.
            "mariadb" => connection.execute(MANY_ROWS).await.map(drop).unwrap(),
            _ => {}
        }
        Self {
            database: database.name,
            connection,
        }
    }

    fn front(&self) -> &'static str {
        match self.database {
            "sqlite" => "EXPLAIN QUERY PLAN ",
            _ => "EXPLAIN ",
        }
    }

    async fn plan(&mut self, statement: Statement) -> Plan {
        let rows = statement.fetch_all(&mut *self.connection).await.unwrap();
        let step = |row: &AnyRow| -> String {
            match self.database {
                "postgres" => row.get(0),
                "sqlite" => row.get(3),
                _ => {
                    let text = |column| row.get::<Option<String>, _>(column).unwrap_or_default();
                    // It sorts what is little: rows of two milliseconds.
                    let is_much = text("rows").parse().unwrap_or(0) > 100;
                    let extra = match is_much {
                        true => text("Extra"),
                        false => String::new(),
                    };
                    [text("table"), text("type"), text("key"), extra].join(" ")
                }
            }
        };
        let steps: Vec<String> = rows.iter().map(step).collect();
        let is_whole = |step: &&String| {
            step.contains("Seq Scan on logs")
                || (step.starts_with("SCAN logs") && !step.contains("USING"))
                || step.starts_with("logs ALL")
        };
        let text = steps.join("\n");
        let sorts = ["USE TEMP B-TREE", "Sort", "Using filesort"];
        Plan {
            scans: steps.iter().filter(is_whole).count(),
            sorts: sorts.iter().any(|sort| text.contains(sort)),
            text,
        }
    }
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
        let mut explain = Explain::on(&database, &store).await;
        let mut plans = 0;
        for query in queries() {
            for (head, tail, conditions) in statements(&query) {
                let statement = conditions.explained(explain.front(), head, &tail);
                let plan = explain.plan(statement).await;
                // A request id is of one row; that is sorted at no cost.
                let is_one_row = query.request_id.is_some();
                assert!(!plan.sorts || is_one_row, "{query:?}{tail}\n{}", plan.text);
                // SQLite calls the rows of a subquery by the name that they have.
                let is_searched =
                    plan.text.contains("CO-ROUTINE") || plan.text.contains("MATERIALIZE");
                assert!(
                    plan.scans <= usize::from(is_searched),
                    "{query:?}{tail}\n{}",
                    plan.text
                );
                plans += 1;
            }
        }
        assert!(plans > 700);
    })
    .await;
}

#[tokio::test]
async fn other_questions_are_answered_by_an_index_too() {
    on_each_database(async |database| {
        let store = database.open().await;
        let mut explain = Explain::on(&database, &store).await;
        for statement in [
            "SELECT id FROM logs WHERE created_at < 5 ORDER BY created_at LIMIT 7",
            "DELETE FROM logs WHERE id IN (1, 2)",
            "SELECT DISTINCT token_name FROM logs WHERE token_id = 1 AND group_id = 'g' \
             AND created_at >= 5 AND created_at < 9",
            "SELECT ip, count(DISTINCT group_id) AS shared FROM logs WHERE created_at >= 5 \
             AND created_at <= 9 AND token_id <> 0 AND ip <> '' GROUP BY ip",
            "SELECT DISTINCT group_id FROM logs WHERE created_at > 5 AND created_at <= 9 \
             AND ip = 'x' AND token_id <> 0 ORDER BY group_id",
            "SELECT start_at FROM group_summaries WHERE span = 60000 AND start_at < 5 \
             ORDER BY start_at LIMIT 1",
            "SELECT SUM(used_amount) FROM channel_summaries WHERE span = 60000 AND start_at >= 5 \
             AND start_at < 9 GROUP BY model",
            "SELECT SUM(used_amount) FROM group_summaries WHERE span = 60000 AND start_at >= 5 \
             AND start_at < 9 AND group_id = 'g' GROUP BY token_name",
        ] {
            let plan = explain
                .plan(sql(format!("{}{statement}", explain.front())))
                .await;
            let whole = ["Seq Scan", "SCAN", " ALL "];
            let is_whole = plan.text.lines().any(|step| {
                whole.iter().any(|scan| step.contains(scan)) && !step.contains("USING")
            });
            assert!(!is_whole, "{statement}: {}", plan.text);
        }
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
