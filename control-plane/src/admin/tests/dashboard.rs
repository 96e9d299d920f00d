//! Dashboards, ranking and monitor.

use super::*;
use crate::domain::{ChannelBan, now_unix_ms};
use crate::store::Notice;

/// A call of token `t` of this group, served by the channel.
fn call(id: usize, group: &str, model: &str, channel_id: i64, status: u32) -> UsageEvent {
    let mut event = UsageEvent {
        id: format!("{id:04}"),
        token_id: 5,
        token_name: "t".into(),
        group: group.into(),
        model: model.into(),
        status,
        duration_ms: 30,
        attempts: vec![Attempt {
            channel_id,
            status,
            ..Attempt::default()
        }],
        usage: Some(Usage {
            input_tokens: 1000,
            output_tokens: 10,
            ..Usage::default()
        }),
        ..UsageEvent::default()
    };
    event.set_outcome(match status {
        200 => Outcome::Success,
        _ => Outcome::Failed,
    });
    event
}

async fn scene(store: &Store) -> Api {
    let api = Api::new(store);
    let price = json!({"price": {"input_price": 0.001}});
    api.ok("POST", "/model_config/m", price).await;
    let calls = vec![
        call(1, "g", "m", 1, 200),
        call(2, "g", "m", 2, 200),
        call(3, "g", "x", 2, 500),
        call(4, "h", "m", 2, 200),
    ];
    Ledger::new(store.clone()).book("n", calls).await.unwrap();
    api
}

#[tokio::test]
async fn an_overview_tells_what_was_used() {
    with_store(async |store| {
        let api = scene(&store).await;
        let all = api.get("/dashboard/?type=day").await;
        assert_eq!(
            (&all["total_count"], &all["request_count"]),
            (&json!(4), &json!(4))
        );
        assert_eq!(
            (&all["exception_count"], &all["status_5xx_count"]),
            (&json!(1), &json!(1))
        );
        assert_eq!(all["used_amount"], json!(0.003));
        assert_eq!(all["total_tokens"], 4040);
        assert_eq!(
            (&all["channels"], &all["models"]),
            (&json!([2, 1]), &json!(["m", "x"]))
        );
        assert!(all["rpm"].as_i64().unwrap() <= 4 && all["max_rpm"].as_i64().unwrap() >= 1);
        let chart = all["chart_data"].as_array().unwrap();
        assert!((24..=25).contains(&chart.len()), "{}", chart.len());
        let total: i64 = chart
            .iter()
            .map(|it| it["request_count"].as_i64().unwrap())
            .sum();
        assert_eq!(total, 4);

        let one = api
            .get("/dashboard/?channel=2&model=m&timezone=Asia/Tokyo")
            .await;
        assert_eq!(
            (&one["total_count"], &one["used_amount"]),
            (&json!(2), &json!(0.002))
        );
        let group = api.get("/dashboard/g?token_name=t").await;
        assert_eq!(
            (&group["total_count"], &group["token_names"]),
            (&json!(3), &json!(["t"]))
        );
        assert_eq!(group["channels"], Value::Null);
        assert_eq!(api.get("/dashboard/g/models").await, json!(["m", "x"]));
        assert_eq!(api.get("/dashboard/nobody").await["total_count"], 0);
    })
    .await;
}

#[tokio::test]
async fn a_series_has_a_line_for_each_model() {
    with_store(async |store| {
        let api = scene(&store).await;
        for path in ["/dashboardv2/", "/dashboardv3", "/dashboardv3/g"] {
            for span in ["minute", "hour", "day", "month"] {
                let path = format!("{path}?type=day&timespan={span}&timezone=Europe/Berlin");
                let series = api.get(&path).await;
                let models = series[0]["summary"].as_array().unwrap();
                assert!(models.iter().any(|it| it["model"] == "m"), "{path}");
            }
        }
        let some = api.get("/dashboardv3/?fields=count,amount").await;
        let first = &some[0]["summary"][0];
        assert_eq!(
            (&first["model"], &first["request_count"]),
            (&json!("m"), &json!(3))
        );
        assert_eq!(first["used_amount_nano_usd"], 3_000_000);
        assert_eq!(first["input_tokens"], Value::Null);
        for (query, words) in [
            ("fields=all,none", "fields must be"),
            ("timespan=year", "timespan must be"),
            ("timezone=Mars", "timezone must be"),
            ("type=year", "type must be"),
        ] {
            let path = format!("/dashboardv2/?{query}");
            api.refused("GET", &path, Value::Null, 400, words).await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_ranking_begins_with_who_used_most() {
    with_store(async |store| {
        let api = scene(&store).await;
        for (query, name, first, amount) in [
            ("type=group", "group", json!("g"), 0.002),
            ("type=model", "model", json!("m"), 0.003),
            ("type=channel", "channel", json!(2), 0.002),
            (
                "type=group&order=used_amount-asc",
                "group",
                json!("h"),
                0.001,
            ),
            (
                "order=exception_count&per_page=1",
                "group",
                json!("g"),
                0.002,
            ),
        ] {
            let ranked = api.get(&format!("/groups/ranking?{query}")).await;
            assert_eq!(ranked["items"][0][name], first, "{query}");
            assert_eq!(ranked["items"][0]["used_amount"], json!(amount), "{query}");
            assert_eq!(
                (&ranked["total"], &ranked["items"][0]["rank"]),
                (&json!(2), &json!(1))
            );
        }
        let second = api
            .get("/groups/consumption_ranking?page=2&per_page=1")
            .await;
        assert_eq!(
            (&second["items"][0]["rank"], &second["items"][0]["group"]),
            (&json!(2), &json!("h"))
        );
        let later = now_unix_ms() + 7_200_000;
        let none = api
            .get(&format!(
                "/groups/ranking?start_timestamp={later}&end_timestamp={}",
                later + 1
            ))
            .await;
        assert_eq!((&none["total"], &none["items"]), (&json!(0), &json!([])));
        api.refused(
            "GET",
            "/groups/ranking?type=user",
            Value::Null,
            400,
            "type must be",
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn the_monitor_tells_what_fails() {
    with_store(async |store| {
        let api = scene(&store).await;
        // What a caller brings about says nothing of a channel.
        let callers = vec![call(5, "g", "m", 1, 400), call(6, "h", "m", 2, 422)];
        Ledger::new(store.clone()).book("n", callers).await.unwrap();
        let rates = json!({"1": {"m": 0.0}, "2": {"m": 0.0, "x": 1.0}});
        assert_eq!(api.get("/monitor/").await, rates);
        assert_eq!(api.get("/monitor/2").await, rates["2"]);
        assert_eq!(
            api.get("/monitor/models").await,
            json!({"m": 0.0, "x": 1.0})
        );
        let runtime = api.get("/monitor/runtime_metrics").await;
        assert_eq!(runtime["channels"]["2"]["requests"], 3);
        assert_eq!(runtime["models"]["x"]["error_rate"], 1.0);
        assert_eq!(runtime["channel_models"]["2"]["x"]["errors"], 1);

        let groups = api
            .get("/monitor/group_summary_metrics?groups=g,none")
            .await;
        let still = json!({"rpm": 0, "tpm": 0, "rps": 0.0, "tps": 0.0});
        assert_eq!(groups["groups"]["none"], still);
        assert!(groups["groups"]["g"]["rpm"].as_i64().unwrap() >= 1);
        for (path, field) in [
            ("group_token_metrics/g", "tokens"),
            ("group_model_metrics/g", "models"),
        ] {
            let found = api.get(&format!("/monitor/{path}")).await;
            assert!(!found[field].as_object().unwrap().is_empty(), "{path}");
        }
        let path = "/monitor/group_tokenname_model_metrics/g";
        let item = &api.get(path).await["items"][0];
        assert_eq!((&item["group"], &item["model"]), (&json!("g"), &json!("m")));
        let wanted = json!([{"group": "h", "token_name": "t"}, {"group": "h", "token_name": "u"}]);
        let wanted = json!({ "items": wanted });
        let found = api
            .ok("POST", "/monitor/batch_group_token_metrics", wanted)
            .await;
        assert_eq!(found["items"][1]["token_name"], "u");
        assert_eq!(found["items"][1]["rps"], 0.0);
        api.refused(
            "GET",
            "/monitor/group_summary_metrics",
            Value::Null,
            400,
            "groups must name",
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_page_far_beyond_the_end_is_empty() {
    with_store(async |store| {
        let api = Api::new(&store);
        for path in ["/groups/ranking", "/logs/", "/groups/", "/audit_logs/"] {
            let far = format!("{path}?page={}&per_page=100", i64::MAX);
            api.get(&far).await;
        }
    })
    .await;
}

#[tokio::test]
async fn bans_are_shown_and_what_is_cleared_is_gone() {
    with_store(async |store| {
        let api = scene(&store).await;
        let ban = |channel_id, model: &str| ChannelBan {
            channel_id,
            model: model.into(),
            banned_at_ms: now_unix_ms(),
            until_ms: now_unix_ms() + 60_000,
            reason: "why".into(),
        };
        let notice = |channel| Notice::ChannelBanned {
            channel,
            name: "c".into(),
            model: "m".into(),
            why: "why".into(),
        };
        let channel = json!({"name": "c", "type": 1, "key": "k", "models": ["M", "a/b"]});
        let mut ids = Vec::new();
        for _ in 0..2 {
            let made = api.ok("POST", "/channel/", channel.clone()).await;
            ids.push(made[0]["id"].as_i64().unwrap());
        }
        let (one, two) = (ids[0], ids[1]);
        api.ok("POST", "/group/others", json!({})).await;
        for (id, model) in [(one, "m"), (one, "a/b"), (two, "m")] {
            assert!(store.ban_channel(ban(id, model), notice(id)).await.unwrap());
            assert!(!store.ban_channel(ban(id, model), notice(id)).await.unwrap());
        }
        let banned = async || api.get("/monitor/banned_channels").await;
        assert_eq!(banned().await, json!({"m": [one, two], "a/b": [one]}));
        let runtime = api.get("/monitor/runtime_metrics").await;
        let id = one.to_string();
        assert_eq!(runtime["models"]["m"]["banned_channels"], 2);
        assert_eq!(runtime["models"]["m"]["channels"][&id]["banned_models"], 1);
        assert_eq!(runtime["channels"][&id]["banned_models"], 2);
        assert_eq!(runtime["channel_models"][&id]["a/b"]["banned"], true);
        assert!(
            runtime["models"]["m"]["accessible_groups"]
                .as_i64()
                .unwrap()
                >= 1
        );

        api.ok("DELETE", &format!("/monitor/{one}/A/b"), Value::Null)
            .await;
        assert_eq!(banned().await, json!({"m": [one, two]}));
        api.ok("DELETE", &format!("/monitor/{two}"), Value::Null)
            .await;
        assert_eq!(banned().await, json!({"m": [one]}));
        let none = format!("/monitor/{}", two + 100);
        api.refused("DELETE", &none, Value::Null, 404, "does not exist")
            .await;
        assert_ne!(api.get("/monitor/").await, json!({}));
        api.ok("DELETE", "/monitor/", Value::Null).await;
        assert_eq!(banned().await, json!({}));
        assert_eq!(api.get("/monitor/").await, json!({}), "no error counts");
    })
    .await;
}
