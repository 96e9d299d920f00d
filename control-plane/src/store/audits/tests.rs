//! That no list of audit rows reads more of the table than it shows.

use super::*;
use crate::domain::Order;
use crate::store::testing::{Explain, on_each_database, with_store};

const MANY_ROWS: &str = "INSERT INTO audit_logs (created_at, user_id, actor, ip, method, route, path, \
    targets, fields, code) SELECT seq, seq % 2, IF(seq % 2, 'x', seq), IF(seq % 2, 'x', seq), \
    IF(seq % 2, 'x', seq), IF(seq % 2, 'x', seq), '', '{}', '{}', seq % 2 FROM seq_1_to_20000";

/// No filter, each alone, and each with every other; all of that in a time, too.
fn queries() -> Vec<AuditQuery> {
    let text = || Some("x".to_owned());
    let filters: [&dyn Fn(&mut AuditQuery); 6] = [
        &|query| query.user_id = Some(1),
        &|query| query.actor = text(),
        &|query| query.ip = text(),
        &|query| query.method = text(),
        &|query| query.route = text(),
        &|query| query.code = Some(1),
    ];
    let mut queries = vec![AuditQuery::default()];
    for (at, first) in filters.iter().enumerate() {
        // Twice the same is one alone.
        for second in filters.iter().skip(at) {
            let mut query = AuditQuery::default();
            first(&mut query);
            second(&mut query);
            queries.push(query);
        }
    }
    let in_a_time = |query: &AuditQuery| AuditQuery {
        start_ms: Some(1),
        end_ms: Some(2),
        ..query.clone()
    };
    let timed: Vec<_> = queries.iter().map(in_a_time).collect();
    queries.extend(timed);
    queries
}

#[tokio::test]
async fn lists_walk_an_index_in_their_order() {
    on_each_database(async |database| {
        let store = database.open().await;
        let mut explain = Explain::on(&database, &store, MANY_ROWS).await;
        for query in queries() {
            for (head, tail, conditions) in LIST.asked(&query.conditions()) {
                let what = format!("{query:?}{tail}");
                let asked = (&*head, &*tail, &conditions);
                explain
                    .walks_an_index("audit_logs", asked, false, &what)
                    .await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn totals_stop_and_words_are_looked_for_in_the_newest_rows() {
    with_store(async |store| {
        let audit = |at_ms: i64, path: &str| Audit {
            id: 0,
            created_at_ms: at_ms,
            user_id: at_ms % 2,
            actor: "a".into(),
            ip: String::new(),
            method: "POST".into(),
            route: "/".into(),
            path: path.into(),
            targets: serde_json::Map::new(),
            fields: serde_json::Value::Null,
            code: 0,
        };
        store.begin_audit(&audit(1, "/OLD")).await.unwrap();
        // As many again and again as there are, and then some.
        for step in 0..14 {
            let more = format!(
                "INSERT INTO audit_logs (created_at, user_id, actor, ip, method, route, path, \
                 targets, fields, code) SELECT created_at + {}, user_id, actor, ip, method, route, \
                 '/new', targets, fields, code FROM audit_logs ORDER BY id",
                1_i64 << step
            );
            store.execute_for_tests(more).await;
        }
        let page = |number| Page {
            number,
            size: 10,
            order: Order {
                column: "id",
                descending: true,
            },
        };
        let found = async |keyword: &str, start_ms, number| {
            let query = AuditQuery {
                keyword: Some(keyword.into()),
                start_ms,
                ..AuditQuery::default()
            };
            let found = store.audits(&query, page(number)).await.unwrap();
            let newest = found.items.first().map(|audit| audit.created_at_ms);
            (found.total, newest)
        };
        let last = 1 << 14;
        assert_eq!(found("", None, 1).await, (10_001, Some(last)));
        assert_eq!(found("", None, 1_101).await, (10_001, Some(last - 11_000)));
        assert_eq!(found("", None, 9_000).await, (10_001, None));
        assert_eq!(found("", Some(last - 4), 1).await, (5, Some(last)));
        assert_eq!(found("NEW", None, 1).await, (10_000, Some(last)));
        // It is further back than that.
        assert_eq!(found("old", None, 1).await, (0, None));
        let query = AuditQuery {
            keyword: Some("old".into()),
            end_ms: Some(10_000),
            ..AuditQuery::default()
        };
        assert_eq!(store.audits(&query, page(1)).await.unwrap().total, 1);
    })
    .await;
}
