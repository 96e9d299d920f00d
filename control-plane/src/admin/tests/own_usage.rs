//! Of which days a bill is.

use super::*;

const HOUR: i64 = 3_600_000;
/// 2026-03-01T00:00:00Z.
const MARCH: i64 = 1_772_323_200_000;

/// A call each in the hours that begin at these moments.
async fn book(store: &Store, group: &str, hours: &[i64]) {
    for (at, hour) in hours.iter().enumerate() {
        let event = UsageEvent {
            id: format!("r{at}"),
            group: group.into(),
            token_id: 7,
            token_name: "laptop".into(),
            model: "m".into(),
            status: 200,
            ..UsageEvent::default()
        };
        let ledger = Ledger::new(store.clone());
        ledger.book("node", vec![event]).await.unwrap();
        // What is new is of today.
        for (span, start) in [
            (HOUR, *hour),
            (24 * HOUR, hour - hour.rem_euclid(24 * HOUR)),
        ] {
            let merge = format!(
                "UPDATE group_summaries SET start_at = {start}, model = 'm{at}' WHERE span = {span} \
                 AND model = 'm'"
            );
            store.execute_for_tests(merge).await;
        }
        let moved = format!("UPDATE logs SET created_at = {hour} WHERE request_id = 'r{at}'");
        store.execute_for_tests(moved).await;
    }
}

/// Days and the models of each, the newest first.
async fn days(api: &Api, who: &SignedIn, query: &str) -> Vec<(i64, String)> {
    let path = format!("/self/usage?{query}");
    let answer = api.call_as(Some(&who.access), "GET", &path, Value::Null);
    let answer = answer.await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    let days = answer.envelope["data"]["days"].as_array().unwrap().clone();
    let row = |row: &Value| {
        let model = row["model"].as_str().unwrap().to_owned();
        assert_eq!(row["request_count"], 1, "{row}");
        (row["timestamp"].as_i64().unwrap(), model)
    };
    days.iter().map(row).collect()
}

#[tokio::test]
async fn days_are_those_of_the_zone() {
    with_store(async |store| {
        let api = Api::new(&store);
        let anna = api.user("anna", "user").await;
        // In Tokyo, March begins at 15:00 UTC; in Kolkata at 18:30.
        let evening = MARCH - 24 * HOUR;
        let hours = [14, 15, 18, 19].map(|hour| evening + hour * HOUR);
        book(&store, &anna.group, &hours).await;
        let model = |at: usize| format!("m{at}");
        let of = |day: i64, models: &[usize]| {
            let rows = models.iter().map(|at| (day, model(*at)));
            rows.collect::<Vec<_>>()
        };
        let span = format!("start_timestamp={evening}&end_timestamp={}", MARCH + HOUR);
        let utc = of(evening, &[0, 1, 2, 3]);
        assert_eq!(days(&api, &anna, &span).await, utc);

        api.ok("PUT", "/option/TimeZone", json!({"value": "Asia/Tokyo"}))
            .await;
        let (today, before) = (evening + 15 * HOUR, evening - 9 * HOUR);
        let tokyo = [of(today, &[1, 2, 3]), of(before, &[0])].concat();
        for query in [
            span.clone(),
            format!("{span}&token_id=7"),
            format!("{span}&timezone=Asia/Seoul"),
        ] {
            assert_eq!(days(&api, &anna, &query).await, tokyo, "{query}");
        }
        let only = format!("start_timestamp={today}&end_timestamp={today}");
        assert_eq!(days(&api, &anna, &only).await, of(today, &[1, 2, 3]));

        // The hour in which a day begins counts to the day before.
        let half = 18 * HOUR + HOUR / 2;
        let (today, before) = (evening + half, evening + half - 24 * HOUR);
        let kolkata = [of(today, &[3]), of(before, &[0, 1, 2])].concat();
        let zone = format!("{span}&timezone=Asia/Kolkata");
        assert_eq!(days(&api, &anna, &zone).await, kolkata);
        assert_eq!(
            days(&api, &anna, &format!("{span}&timezone=UTC")).await,
            utc
        );
        let nowhere = "/self/usage?timezone=Mars";
        let refused = api.call_as(Some(&anna.access), "GET", nowhere, Value::Null);
        assert_eq!(refused.await.status, 400);
    })
    .await;
}
