//! What a customer is shown is what they pay: prices of their own, multipliers, and rows whose amount
//! can be worked out from what stands beside it.

use std::collections::BTreeMap;

use tollgate_policy::price::NanoUsd;

use super::*;

/// One of everything that has a price.
const USED: Usage = Usage {
    input_tokens: 1001,
    output_tokens: 503,
    cache_read_tokens: 101,
    cache_write_5m_tokens: 51,
    cache_write_1h_tokens: 31,
    reasoning_tokens: 201,
    estimated: false,
    image_input_tokens: 61,
    audio_input_tokens: 71,
    video_input_tokens: 81,
    image_output_tokens: 41,
    audio_output_tokens: 29,
    web_searches: 3,
    web_fetches: 0,
    code_runs: 0,
    file_searches: 0,
};

/// All of them different, per 1,000.
fn price(input: f64) -> Value {
    json!({"input_price": input, "output_price": 0.0150007, "cached_price": 0.0003001,
        "cache_creation_price": 0.00375, "cache_creation_1h_price": 0.0060003,
        "thinking_mode_output_price": 0.0170001, "image_input_price": 0.0041,
        "audio_input_price": 0.0052, "video_input_price": 0.0063, "image_output_price": 0.0311,
        "audio_output_price": 0.0422, "web_search_price": 10})
}

async fn own(api: &Api, who: &SignedIn, path: &str) -> Value {
    let answer = api.call_as(Some(&who.access), "GET", path, Value::Null);
    let answer = answer.await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.envelope["data"].clone()
}

/// A customer who pays 85 % of the model `m`, and has a price of their own for `n`.
async fn customer(api: &Api) -> SignedIn {
    let flex = json!({"condition": {"service_tier": "flex"}, "price": {"input_price": 0.0011}});
    let mut general = price(0.003);
    general["conditional_prices"] = json!([flex]);
    api.ok("POST", "/model_config/m", json!({"price": general}))
        .await;
    api.ok("POST", "/model_config/n", json!({"price": price(0.5)}))
        .await;
    api.ok("POST", "/model_config/free", json!({})).await;
    let models = json!(["m", "n", "free", "unknown"]);
    let channel = json!({"type": 1, "key": "sk-0123456789abcdef", "models": models});
    api.ok("POST", "/channel/", channel).await;
    // Another spells some of them in another way.
    let channel = json!({"type": 1, "key": "sk-0123456789abcdef", "models": ["M", "Unknown"]});
    api.ok("POST", "/channel/", channel).await;
    let anna = api.user("anna", "user").await;
    let group = format!("/group/{}", anna.group);
    api.ok("PUT", &group, json!({"price_multiplier": 0.85}))
        .await;
    let special = json!({"override_price": true, "price": price(0.002)});
    api.ok("POST", &format!("{group}/model_config/n"), special)
        .await;
    anna
}

async fn book(store: &Store, group: &str) {
    let call = |id: &str, model: &str, tier: &str, status: u32| UsageEvent {
        id: id.into(),
        group: group.into(),
        model: model.into(),
        service_tier: tier.into(),
        status,
        usage: Some(USED),
        ..UsageEvent::default()
    };
    let calls = vec![
        call("usual", "m", "default", 200),
        call("flex", "m", "flex", 200),
        call("special", "n", "default", 200),
        call("failed", "n", "default", 502),
        call("free", "free", "default", 200),
    ];
    let ledger = Ledger::new(store.clone());
    ledger.book("node", calls).await.unwrap();
}

#[tokio::test]
async fn models_are_shown_at_the_prices_of_their_group() {
    with_store(async |store| {
        let api = Api::new(&store);
        let anna = customer(&api).await;
        let bert = api.user("bert", "user").await;
        let shown = async |who: &SignedIn| {
            let models = own(&api, who, "/self/models").await;
            let of = |model: &Value| {
                let price = &model["price"]["input_price"];
                let (times, own) = (&model["price_multiplier"], &model["price_override"]);
                json!([model["model"], model["priced"], price, times, own])
            };
            models
                .as_array()
                .unwrap()
                .iter()
                .map(of)
                .collect::<Vec<_>>()
        };
        let unpriced = |model| json!([model, false, null, null, null]);
        let expected = vec![
            unpriced("free"),
            json!(["m", true, 0.003, 0.85, false]),
            json!(["n", true, 0.002, 0.85, true]),
            unpriced("unknown"),
        ];
        assert_eq!(shown(&anna).await, expected);
        let expected = vec![
            unpriced("free"),
            json!(["m", true, 0.003, 1, false]),
            json!(["n", true, 0.5, 1, false]),
            unpriced("unknown"),
        ];
        assert_eq!(shown(&bert).await, expected);
    })
    .await;
}

/// What a row costs by what it shows alone, in nano-USD.
fn worked_out(row: &Value) -> i64 {
    let nano = |value: &Value| i128::from(value.to_string().parse::<NanoUsd>().unwrap().0);
    let used = |name: &str| i128::from(row["usage"][name].as_i64().unwrap());
    let mut sum = 0; // In thousandths.
    let mut add = |count: i128, name: &str| {
        assert_eq!(row["price"][format!("{name}_price_unit")], 1000, "{name}");
        sum += count * nano(&row["price"][format!("{name}_price")]);
    };
    let long = used("cache_creation_1h_tokens");
    let short = used("cache_creation_tokens") - long;
    let mut input = used("input_tokens") - long - short;
    add(long, "cache_creation_1h");
    add(short, "cache_creation");
    for (tokens, name) in [
        ("cached_tokens", "cached"),
        ("image_input_tokens", "image_input"),
        ("audio_input_tokens", "audio_input"),
        ("video_input_tokens", "video_input"),
    ] {
        add(used(tokens), name);
        input -= used(tokens);
    }
    add(input, "input");
    let mut output = used("output_tokens");
    for (tokens, name) in [
        ("reasoning_tokens", "thinking_mode_output"),
        ("image_output_tokens", "image_output"),
        ("audio_output_tokens", "audio_output"),
    ] {
        add(used(tokens), name);
        output -= used(tokens);
    }
    add(output, "output");
    add(used("web_search_count"), "web_search");
    let over = 1000 * 1_000_000_000;
    let amount = (sum * nano(&row["price_multiplier"]) + over / 2) / over;
    i64::try_from(amount).unwrap()
}

#[tokio::test]
async fn a_row_shows_what_its_amount_is_made_of() {
    with_store(async |store| {
        let api = Api::new(&store);
        let anna = customer(&api).await;
        book(&store, &anna.group).await;
        let rows = own(&api, &anna, "/self/logs/").await["logs"].clone();
        let operators = api.get("/logs/").await["logs"].clone();
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), 5);
        for (row, operators) in rows.iter().zip(operators.as_array().unwrap()) {
            for field in [
                "request_id",
                "usage",
                "usage_context",
                "price",
                "price_condition",
                "price_multiplier",
                "used_amount",
                "amount",
            ] {
                assert_eq!(row.get(field), operators.get(field), "{field}: {row}");
            }
            let booked = row["used_amount_nano_usd"].as_i64().unwrap();
            if row["model"] == "free" {
                assert_eq!((booked, row.get("price")), (0, None), "{row}");
            } else {
                assert!(booked > 0, "{row}");
                assert_eq!(worked_out(row), booked, "{row}");
            }
            // Its parts are that amount, to the last nano-dollar.
            let amount = row["amount"].as_object().unwrap();
            let nano = |value: &Value| value.to_string().parse::<NanoUsd>().unwrap().0;
            assert_eq!(nano(&amount["used_amount"]), booked, "{row}");
            let parts = amount.iter().filter(|(name, _)| *name != "used_amount");
            let sum: i64 = parts.map(|(_, value)| nano(value)).sum();
            assert_eq!(sum, booked, "{row}");
        }
        let flex = rows.iter().find(|row| row["request_id"] == "flex").unwrap();
        assert_eq!(flex["price_condition"]["service_tier"], "flex", "{flex}");
        // 3 searches at 10 USD per 1,000; and what was thought, within a nano-dollar.
        assert_eq!(flex["amount"]["web_search_amount"], 0.0255, "{flex}");
        let thought = flex["amount"]["reasoning_amount"].as_f64().unwrap();
        let exact = 201.0 * 0.000_017_000_1 * 0.85;
        assert!((thought - exact).abs() < 1.1e-9, "{thought} {exact}");
    })
    .await;
}

#[tokio::test]
async fn a_row_whose_parts_nobody_knows_says_nothing_of_them() {
    with_store(async |store| {
        let api = Api::new(&store);
        let anna = customer(&api).await;
        book(&store, &anna.group).await;
        // As an earlier version may have booked it.
        let other = "UPDATE logs SET amount = amount + 5 WHERE request_id = 'usual'";
        store.execute_for_tests(other.to_owned()).await;
        let rows = api.get("/logs/?request_id=usual").await["logs"].clone();
        assert!(rows[0].get("amount").is_none(), "{rows}");
        assert!(rows[0]["used_amount_nano_usd"].as_i64() > Some(0), "{rows}");
    })
    .await;
}

#[tokio::test]
async fn an_export_has_the_parts_as_well() {
    with_store(async |store| {
        let api = Api::new(&store);
        let anna = customer(&api).await;
        book(&store, &anna.group).await;
        let lines = super::export::csv(&api, "/logs/export").await;
        let cells = |line: &String| -> Vec<String> {
            let cells = line.trim_matches('"').split("\",\"");
            cells.map(str::to_owned).collect()
        };
        let names = cells(&lines[0]);
        assert_eq!(lines.len(), 6);
        for line in &lines[1..] {
            let cells = cells(line);
            assert_eq!(cells.len(), names.len(), "{line}");
            let nano = |cell: &String| cell.parse::<NanoUsd>().unwrap().0;
            let (mut whole, mut sum) = (0, 0);
            for (name, cell) in names.iter().zip(&cells) {
                match name.as_str() {
                    "used_amount" => whole = nano(cell),
                    name if name.ends_with("_amount") => sum += nano(cell),
                    _ => {}
                }
            }
            assert_eq!(whole, sum, "{line}");
        }
    })
    .await;
}

#[tokio::test]
async fn sums_have_the_parts_of_the_rows_in_them() {
    with_store(async |store| {
        let api = Api::new(&store);
        let anna = customer(&api).await;
        book(&store, &anna.group).await;
        let price = json!({"price": {"per_request_price": "0.0400001"}});
        api.ok("POST", "/model_config/each", price).await;
        let each = UsageEvent {
            id: "each".into(),
            group: anna.group.clone(),
            model: "each".into(),
            status: 200,
            usage: Some(USED),
            ..UsageEvent::default()
        };
        let booked = Ledger::new(store.clone()).book("n", vec![each]).await;
        booked.unwrap();

        let nano = |value: &Value| value.to_string().parse::<NanoUsd>().unwrap().0;
        let mut expected: BTreeMap<String, i64> = BTreeMap::new();
        for row in api.get("/logs/").await["logs"].as_array().unwrap() {
            for (name, amount) in row["amount"].as_object().unwrap() {
                *expected.entry(name.clone()).or_default() += nano(amount);
            }
        }
        assert_eq!(expected.len(), 13);
        assert!(expected.values().all(|sum| *sum > 0), "{expected:?}");

        let group = &anna.group;
        let sums = async |path: &str| api.get(path).await;
        for (path, shown) in [
            ("channels", sums("/dashboard/").await),
            ("group", sums(&format!("/dashboard/{group}")).await),
            ("ranking", sums("/groups/ranking").await["items"][0].clone()),
        ] {
            for (name, sum) in &expected {
                assert_eq!(nano(&shown[name]), *sum, "{path} {name}");
            }
        }
        // Months of another zone are read in another way.
        for zone in ["UTC", "Asia/Tokyo"] {
            let series = format!("/dashboardv3/{group}?timespan=month&timezone={zone}&fields=");
            let shown = sums(&format!("{series}amount")).await;
            let models = shown[0]["summary"].as_array().unwrap();
            for (name, sum) in &expected {
                let found: i64 = models.iter().map(|model| nano(&model[name])).sum();
                assert_eq!(found, *sum, "{zone} {name}");
            }
            let counts = sums(&format!("{series}count")).await;
            assert_eq!(counts[0]["summary"][0].get("input_amount"), None);
        }
    })
    .await;
}
