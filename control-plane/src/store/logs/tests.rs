//! That no list reads more of the table than it shows: what the databases plan for it.

use sqlx::{AssertSqlSafe, Executor, Row};

use super::*;
use crate::domain::Order;
use crate::store::testing::on_each_database;

/// Every filter alone, some together, and none.
fn queries() -> Vec<LogQuery> {
    let none = LogQuery::default;
    let text = || Some("x".to_owned());
    let mut queries = vec![
        none(),
        LogQuery {
            group: text(),
            ..none()
        },
        LogQuery {
            token_id: Some(1),
            ..none()
        },
        LogQuery {
            token_name: text(),
            ..none()
        },
        LogQuery {
            group: text(),
            token_name: text(),
            ..none()
        },
        LogQuery {
            model: text(),
            ..none()
        },
        LogQuery {
            group: text(),
            model: text(),
            ..none()
        },
        LogQuery {
            channel: Some(1),
            ..none()
        },
        LogQuery {
            request_id: text(),
            ..none()
        },
        LogQuery {
            upstream_id: text(),
            ..none()
        },
        LogQuery {
            code: Some(500),
            ..none()
        },
        LogQuery {
            code_type: CodeType::Error,
            ..none()
        },
        LogQuery {
            code_type: CodeType::Success,
            ..none()
        },
        LogQuery {
            ip: text(),
            ..none()
        },
        LogQuery {
            user: text(),
            ..none()
        },
        LogQuery {
            group: text(),
            code_type: CodeType::Error,
            ..none()
        },
    ];
    let timed: Vec<_> = queries
        .iter()
        .map(|query| LogQuery {
            start_ms: Some(1),
            end_ms: Some(2),
            ..query.clone()
        })
        .collect();
    queries.extend(timed);
    queries
}

fn statements(query: &LogQuery) -> Vec<(String, Conditions)> {
    let conditions = query.conditions();
    let mut searched = conditions.clone();
    searched.within_newest("logs", NEWEST_FIRST, SEARCHED_MAX);
    let mut later = conditions.clone();
    later.pair("(created_at, id) < (?, ?)", 1, 1);
    vec![
        (format!("{NEWEST_FIRST} LIMIT 10"), conditions.clone()),
        (format!("{OLDEST_FIRST} LIMIT 10"), conditions),
        (format!("{NEWEST_FIRST} LIMIT 10"), later),
        (" LIMIT 10".to_owned(), searched),
    ]
}

#[tokio::test]
async fn lists_walk_an_index_in_their_order() {
    on_each_database(async |database| {
        let store = database.open().await;
        let is_postgres = database.name == "postgres";
        let mut connection = store.writer().acquire().await.unwrap();
        if is_postgres {
            // The table is empty: without this it would be read whole, which is quick then. What has
            // no index is read whole or sorted all the same.
            let only_indexes = "SET enable_seqscan = off; SET enable_sort = off; \
                                SET enable_bitmapscan = off";
            connection.execute(only_indexes).await.unwrap();
        }
        let mut plans = 0;
        for query in queries() {
            for (tail, conditions) in statements(&query) {
                let head = if is_postgres {
                    "EXPLAIN "
                } else {
                    "EXPLAIN QUERY PLAN "
                };
                let sql = conditions.explained(head, COLUMNS, &tail);
                let rows = sql.fetch_all(&mut *connection).await.unwrap();
                let column = if is_postgres { 0 } else { 3 };
                let steps: Vec<String> = rows.iter().map(|row| row.get(column)).collect();
                let plan = steps.join("\n");
                // A request id is of one row; that is sorted at no cost.
                let sorts = plan.contains("USE TEMP B-TREE") || plan.contains("Sort");
                let is_one_row = query.request_id.is_some();
                assert!(!sorts || is_one_row, "{query:?}{tail}\n{plan}");
                let whole = |step: &String| {
                    step.contains("Seq Scan on logs")
                        || (step.starts_with("SCAN logs") && !step.contains("USING"))
                };
                // SQLite calls the rows of a subquery by the name that they have.
                let scans = steps.iter().filter(|step| whole(step)).count();
                let is_searched = plan.contains("CO-ROUTINE") || plan.contains("MATERIALIZE");
                assert!(scans <= usize::from(is_searched), "{query:?}{tail}\n{plan}");
                plans += 1;
            }
        }
        assert!(plans > 100);
    })
    .await;
}

#[tokio::test]
async fn old_rows_are_found_by_an_index() {
    on_each_database(async |database| {
        let store = database.open().await;
        let is_postgres = database.name == "postgres";
        let mut connection = store.writer().acquire().await.unwrap();
        if is_postgres {
            connection
                .execute("SET enable_seqscan = off")
                .await
                .unwrap();
        }
        for statement in [
            "DELETE FROM logs WHERE id IN (SELECT id FROM logs WHERE created_at < 5 \
             ORDER BY created_at LIMIT 7)",
            "SELECT start_at FROM group_summaries WHERE span = 60000 AND start_at < 5 \
             ORDER BY start_at LIMIT 1",
            "SELECT SUM(used_amount) FROM channel_summaries WHERE span = 60000 AND start_at >= 5 \
             AND start_at < 9 GROUP BY model",
            "SELECT SUM(used_amount) FROM group_summaries WHERE span = 60000 AND start_at >= 5 \
             AND start_at < 9 AND group_id = 'g' GROUP BY token_name",
        ] {
            let head = if is_postgres {
                "EXPLAIN"
            } else {
                "EXPLAIN QUERY PLAN"
            };
            let sql = AssertSqlSafe(format!("{head} {statement}"));
            let rows = sqlx::query(sql).fetch_all(&mut *connection).await.unwrap();
            let column = if is_postgres { 0 } else { 3 };
            for row in rows {
                let step: String = row.get(column);
                let whole = step.contains("Seq Scan")
                    || (step.starts_with("SCAN") && !step.contains("USING"));
                assert!(!whole, "{statement}: {step}");
            }
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
