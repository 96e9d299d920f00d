use super::*;
use crate::secrets::Secret;
use crate::store::{ChannelRow, TokenRow, UserRow};

fn channel(kind: i64) -> ChannelRow {
    ChannelRow {
        id: 1,
        kind,
        name: "c".into(),
        key: Secret::new("k"),
        status: 1,
        models: "m, n,m".into(),
        groups: "default,vip".into(),
        ..ChannelRow::default()
    }
}

fn one(row: ChannelRow) -> (Value, Vec<String>) {
    let tables = Tables {
        channels: vec![row],
        ..Tables::default()
    };
    let Taken { document, left_out } = taken_channels(&tables);
    (document["channels"][0].clone(), left_out)
}

#[test]
fn addresses_get_the_path_that_one_api_adds() {
    for (kind, base_url, ours, expected) in [
        (1, "", 1, ""),
        (1, "https://api.openai.com/", 1, ""),
        (1, "https://proxy.example", 1, "https://proxy.example/v1"),
        (1, "https://proxy.example/v1", 1, "https://proxy.example/v1"),
        (
            8,
            "https://proxy.example/x/",
            1000,
            "https://proxy.example/x/v1",
        ),
        (4, "", 1000, "https://api.closeai-proxy.xyz/v1"),
        (14, "https://proxy.example", 14, "https://proxy.example/v1"),
        (
            16,
            "https://zhipu.example",
            16,
            "https://zhipu.example/api/paas/v4",
        ),
        (20, "https://openrouter.ai/api", 20, ""),
        (
            29,
            "https://groq.example/openai",
            29,
            "https://groq.example/openai/v1",
        ),
        (30, "http://10.0.0.5:11434", 30, "http://10.0.0.5:11434"),
        (45, "", 45, ""),
        (44, "", 43, ""),
        (
            50,
            "https://vllm.example/v1",
            1000,
            "https://vllm.example/v1",
        ),
    ] {
        let row = ChannelRow {
            base_url: base_url.into(),
            ..channel(kind)
        };
        let (channel, left_out) = one(row);
        assert_eq!(channel["type"], ours, "{kind} {left_out:?}");
        assert_eq!(channel["base_url"], expected, "{kind} {base_url}");
    }
    // Every type that is taken is one that there is.
    for kind in 0..=51 {
        let row = ChannelRow {
            base_url: "https://x.openai.azure.com".into(),
            ..channel(kind)
        };
        let (channel, left_out) = one(row);
        match channel["type"].as_i64() {
            Some(ours) => assert!(
                tollgate_catalog::builtin().provider(ours).is_some(),
                "{kind}"
            ),
            None => assert!(left_out[0].contains("no type like"), "{kind}: {left_out:?}"),
        }
    }
}

#[test]
fn what_some_types_keep_elsewhere_is_found() {
    let with = |kind: i64, base_url: &str, config: &str| {
        one(ChannelRow {
            base_url: base_url.into(),
            config: Secret::new(config),
            ..channel(kind)
        })
    };
    let (azure, _) = with(3, "https://res.openai.azure.com/", "");
    assert_eq!(azure["configs"]["resource_name"], "res");
    assert_eq!(azure["base_url"], "");
    let (aws, _) = with(33, "", r#"{"region":"eu-west-1","ak":"A","sk":"S"}"#);
    assert_eq!(aws["key"], "eu-west-1|A|S");
    let (cloudflare, _) = with(37, "", r#"{"user_id":"acc"}"#);
    assert_eq!(cloudflare["configs"]["account_id"], "acc");
    let (vertex, _) = with(42, "", r#"{"region":"r","vertex_ai_adc":"{\"a\": 1}"}"#);
    assert_eq!(vertex["key"], "r|{\"a\": 1}");
    for (kind, base_url, config, words) in [
        (3, "https://proxy.example", "", "azure.com"),
        (33, "", "{", "not JSON"),
        (50, "", "", "no address"),
        (18, "", "", "no type like"),
    ] {
        let (channel, left_out) = with(kind, base_url, config);
        assert!(channel.is_null(), "{channel}");
        assert!(
            left_out[0].contains(words),
            "{left_out:?} should say: {words}"
        );
        assert!(!left_out[0].contains("\"k\""), "{left_out:?}");
    }
}

#[test]
fn priorities_become_proportions() {
    let at = |priority: i64, id: i64| ChannelRow {
        id,
        priority,
        ..channel(1)
    };
    let tables = Tables {
        channels: vec![at(0, 1), at(5, 2), at(0, 3), at(9, 4), at(10, 5)],
        ..Tables::default()
    };
    let document = taken_channels(&tables).document;
    let of = |name: &str| -> Vec<Value> {
        let channels = document["channels"].as_array().unwrap();
        channels
            .iter()
            .map(|channel| channel[name].clone())
            .collect()
    };
    assert_eq!(of("priority"), [10, 1_000, 10, 100_000, 1_000_000]);
    // A channel of ours that is called "c" is another one.
    let names = [1, 2, 3, 4, 5].map(|id| format!("one-api {id}: c"));
    assert_eq!(of("name"), names);
    assert_eq!(document["channels"][0]["models"], json!(["m", "n"]));
    assert_eq!(document["channels"][0]["sets"], json!(["default", "vip"]));
}

#[test]
fn users_become_groups_with_what_they_had_left() {
    let key = |letter: &str| Secret::new(letter.repeat(48));
    let token = TokenRow {
        id: 1,
        user: 1,
        key: key("a"),
        status: 1,
        name: "app".into(),
        expires_s: -1,
        remain_quota: 250_000,
        ..TokenRow::default()
    };
    let spent = TokenRow {
        id: 2,
        key: key("b"),
        remain_quota: 0,
        ..token.clone()
    };
    let unlimited = TokenRow {
        id: 3,
        key: key("c"),
        unlimited: true,
        name: String::new(),
        expires_s: 1_800_000_000,
        models: "m,n".into(),
        subnets: "10.0.0.0/8".into(),
        ..spent.clone()
    };
    let weak = TokenRow {
        id: 4,
        key: Secret::new("weak-canary"),
        ..token.clone()
    };
    let stray = TokenRow {
        id: 5,
        user: 9,
        ..token.clone()
    };
    let user = UserRow {
        id: 1,
        name: "anna".into(),
        status: 1,
        quota: 500_001,
        group: "vip".into(),
    };
    let gone = UserRow {
        id: 2,
        name: "gone".into(),
        status: 3,
        ..user.clone()
    };
    let tables = Tables {
        users: vec![user, gone],
        tokens: vec![token, spent, unlimited, weak, stray],
        options: vec![("GroupRatio".into(), r#"{"default":1,"vip":0.8}"#.into())],
        unused_codes: 2,
        ..Tables::default()
    };
    let Taken { document, left_out } = taken(&tables);
    assert_eq!(document["groups"].as_array().unwrap().len(), 1);
    let group = &document["groups"][0];
    // A group of ours that is called "anna" is another one.
    assert_eq!(group["id"], "one-api-1");
    assert_eq!(group["opening_balance"], "1.000002");
    assert_eq!(group["price_multiplier"], 0.8);
    assert_eq!(group["available_sets"], json!(["vip"]));
    let tokens = group["tokens"].as_array().unwrap();
    let of = |at: usize, name: &str| tokens[at][name].clone();
    assert_eq!(tokens.len(), 3);
    assert_eq!(
        (of(0, "name"), of(0, "quota"), of(0, "status")),
        (json!("app"), json!("0.5"), json!(1))
    );
    assert_eq!(
        (of(1, "name"), of(1, "status")),
        (json!("app (2)"), json!(2))
    );
    assert_eq!((of(2, "name"), of(2, "quota")), (json!("(3)"), json!("0")));
    assert_eq!(of(2, "expires_at"), 1_800_000_000_000_i64);
    assert_eq!(of(2, "models"), json!(["m", "n"]));
    let told = left_out.join("\n");
    for words in [
        "nothing left",
        "safe to keep",
        "1 tokens of users",
        "2 redemption codes",
    ] {
        assert!(told.contains(words), "{told} should say: {words}");
    }
    assert!(!told.contains("canary"), "{told}");
}

#[test]
fn only_tokens_that_work_there_work_here() {
    const MS: i64 = 1_800_000_000_000;
    for (status, expires_s, remain_quota, ours, expires_at) in [
        (1, -1, 1, 1, 0),
        (1, MS / 1000, 1, 1, MS),
        (1, 0, 1, 2, 0),
        (1, -2, 1, 2, 0),
        (1, -1, 0, 2, 0),
        (2, -1, 1, 2, 0),
        (3, -1, 1, 2, 0),
        (3, MS / 1000, 1, 2, MS),
        (4, -1, 1, 2, 0),
    ] {
        let tables = Tables {
            users: vec![UserRow {
                id: 1,
                status: 1,
                ..UserRow::default()
            }],
            tokens: vec![TokenRow {
                user: 1,
                key: Secret::new("a".repeat(48)),
                status,
                expires_s,
                remain_quota,
                ..TokenRow::default()
            }],
            ..Tables::default()
        };
        let token = taken(&tables).document["groups"][0]["tokens"][0].clone();
        assert_eq!(token["status"], ours, "{status} {expires_s} {remain_quota}");
        assert_eq!(token["expires_at"], expires_at, "{status} {expires_s}");
    }
}

#[test]
fn a_name_is_given_once() {
    let mut taken = std::collections::BTreeSet::new();
    let mut name = |name: &str, id: i64| unique(&mut taken, name, id, 8);
    assert_eq!(name("app (3)", 1), "app (3)");
    assert_eq!(name("app", 2), "app");
    assert_eq!(name("app", 3), "ap (3.2)");
    assert_eq!(name("", 4), "(4)");
    assert_eq!(name("much too long", 5), "much too");
}

#[test]
fn names_from_there_do_not_write_on_a_terminal() {
    let (_, left_out) = one(ChannelRow {
        name: "\u{1b}[2J\u{202e}x".into(),
        ..channel(34)
    });
    let told = &left_out[0];
    assert!(told.contains("\\u{1b}[2J\\u{202e}x"), "{told}");
}

#[test]
fn ratios_become_prices() {
    let tables = Tables {
        channels: vec![ChannelRow {
            models: "gpt-x,gpt-y,gpt-z".into(),
            ..channel(1)
        }],
        options: vec![
            (
                "ModelRatio".into(),
                r#"{"gpt-x":0.075,"gpt-y":15,"other":1}"#.into(),
            ),
            ("CompletionRatio".into(), r#"{"gpt-x":4}"#.into()),
        ],
        ..Tables::default()
    };
    let Taken { document, left_out } = taken(&tables);
    let models = document["model_configs"].as_array().unwrap();
    assert_eq!(models.len(), 2, "{models:?}");
    let price = |at: usize| &models[at]["price"];
    assert_eq!(
        (&price(0)["input_price"], &price(0)["output_price"]),
        (&json!("0.15"), &json!("0.6"))
    );
    assert_eq!(
        (&price(1)["input_price"], &price(1)["output_price"]),
        (&json!("30"), &json!("30"))
    );
    let told = left_out.join("\n");
    assert!(
        told.contains("prices of \"gpt-z\"") && told.contains("output of \"gpt-y\""),
        "{told}"
    );
}
