mod background;
mod kept;
mod together;

use prost::Message;
use tollgate_config::meter::{Limits, ModelLimits, Share, TokenRecord};
use tollgate_config::names::REQUEST_ID_HEADER;
use tollgate_config::{Channel, Model};
use tollgate_host::mock::{MockHost, Reply};
use tollgate_host::{Flow, Map, MeterHost};
use tollgate_policy::limits::{Key, Slot};

use super::*;
use crate::fixture::{
    ANTHROPIC_REQUEST, GEMINI_REQUEST, OPENAI_ANSWER, OPENAI_REQUEST, channel, event, host,
    host_with, key_of, request,
};
use crate::gateway::Gateway;
use crate::upstream::Attempt;

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const GEMINI: &str = "/v1beta/models/m:generateContent";

fn limits(rpm: u64, tpm: u64, max_concurrency: u64) -> Limits {
    Limits {
        rpm,
        tpm,
        max_concurrency,
    }
}

fn token(limited: TokenRecord) -> TokenRecord {
    TokenRecord {
        id: 5,
        group: "g".into(),
        enabled: true,
        group_enabled: true,
        sets: vec!["default".into()],
        ..limited
    }
}

/// A host whose good token is under these limits.
fn limited(record: TokenRecord) -> MockHost {
    let host = host(vec![channel(1, "openai-chat")]);
    set(&host, "good", record);
    host
}

fn set(host: &MockHost, secret: &str, record: TokenRecord) {
    let record = token(record).encode_to_vec();
    host.set_shared(&key_of(secret), Some(&record)).unwrap();
    host.advance_ms(1_795_224_143_000 - host.now_unix_ms());
}

fn own(limits: Limits) -> TokenRecord {
    TokenRecord {
        limits: Some(limits),
        ..TokenRecord::default()
    }
}

#[test]
fn a_model_is_limited_in_whatever_case_channels_and_callers_spell_it() {
    let loud = Channel {
        models: vec!["M".into()],
        sets: vec!["vip".into()],
        ..channel(1, "openai-chat")
    };
    let model = Model {
        model: "m".into(),
        rpm: 1,
        ..Model::default()
    };
    let host = host_with(vec![loud, channel(2, "openai-chat")], model);
    set(&host, "good", TokenRecord::default());
    let body = OPENAI_REQUEST.replace(r#""m""#, r#""M""#);
    let gateway = call(&host, CHAT, &body).unwrap();
    let event = event(&host, gateway, 499);
    assert_eq!(event.model, "m", "the config's name is the model's");
    assert_eq!(call(&host, CHAT, OPENAI_REQUEST).err().unwrap().status, 429);

    // The group's own, in another case still.
    let own = ModelLimits {
        model: "M".into(),
        limits: Some(limits(5, 0, 0)),
        ..ModelLimits::default()
    };
    let group = TokenRecord {
        group: "other".into(),
        ..token(TokenRecord {
            model_limits: vec![own],
            ..TokenRecord::default()
        })
    };
    host.set_shared(&key_of("good"), Some(&group.encode_to_vec()))
        .unwrap();
    for _ in 0..5 {
        call(&host, CHAT, OPENAI_REQUEST).unwrap();
    }
    assert_eq!(call(&host, CHAT, &body).err().unwrap().status, 429);
}

/// A call that was let through, or its refusal.
#[track_caller]
fn call(host: &MockHost, path: &str, body: &str) -> Result<Gateway, Reply> {
    let (gateway, flow) = request(host, path, body);
    let Some(reply) = host.take_reply() else {
        assert_eq!(flow, Flow::Continue);
        return Ok(gateway);
    };
    // A refused call ends like any other.
    event(host, gateway, reply.status);
    Err(reply)
}

/// The answer of the first channel, and the end of the call.
fn served(host: &MockHost, gateway: Gateway, body: &str) {
    // Others may have come since.
    let id = gateway.stream.borrow().id.clone();
    host.set_header(Map::Request, REQUEST_ID_HEADER, Some(id.as_bytes()))
        .unwrap();
    let mut attempt = Attempt::default();
    attempt.request_headers(host, false);
    host.put_headers(
        Map::Response,
        &[
            (":status", "200"),
            ("x-ratelimit-limit-requests", "theirs"),
            ("anthropic-ratelimit-requests-limit", "theirs"),
            ("retry-after", "77"),
        ],
    );
    attempt.response_headers(host, false);
    host.put_body(tollgate_host::Body::Response, body.as_bytes());
    attempt.response_body(host, body.len(), true);
    event(host, gateway, 200);
}

fn header<'a>(reply: &'a Reply, name: &str) -> &'a str {
    let mut headers = reply.headers.iter();
    let found = headers.find(|(wanted, _)| wanted == name);
    found.map_or("", |(_, value)| value)
}

#[test]
fn what_is_over_a_limit_is_told_so_in_its_own_dialect() {
    for (path, body, expected, headers) in [
        (
            CHAT,
            OPENAI_REQUEST,
            r#""code":"rate_limit_exceeded""#,
            &[
                ("x-ratelimit-limit-requests", "2"),
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-requests", "1m0s"),
                ("x-ratelimit-limit-tokens", "100000"),
                ("retry-after", "30"),
            ][..],
        ),
        (
            MESSAGES,
            ANTHROPIC_REQUEST,
            r#""type":"rate_limit_error""#,
            &[
                ("anthropic-ratelimit-requests-limit", "2"),
                ("anthropic-ratelimit-requests-remaining", "0"),
                ("anthropic-ratelimit-requests-reset", "2026-11-21T01:23:23Z"),
                ("anthropic-ratelimit-input-tokens-limit", "100000"),
                ("anthropic-ratelimit-output-tokens-limit", "100000"),
                ("retry-after", "30"),
            ],
        ),
        (
            GEMINI,
            GEMINI_REQUEST,
            r#""retryDelay":"30s""#,
            &[("retry-after", "30"), ("x-ratelimit-limit-requests", "")],
        ),
    ] {
        let host = limited(own(limits(2, 100_000, 0)));
        for _ in 0..2 {
            assert!(call(&host, path, body).is_ok(), "{path}");
        }
        for _ in 0..3 {
            let reply = call(&host, path, body).err().unwrap();
            assert_eq!(reply.status, 429, "{}", reply.body);
            assert!(reply.body.contains(expected), "{}", reply.body);
            let words = "Rate limit reached for this API key: 2 requests per minute.";
            assert!(reply.body.contains(words), "{}", reply.body);
            for (name, value) in headers {
                assert_eq!(header(&reply, name), *value, "{path} {name}");
            }
        }
        // Those that were refused have made nobody wait longer.
        host.advance_ms(29_999);
        assert!(call(&host, path, body).is_err(), "{path}");
        host.advance_ms(1);
        assert!(call(&host, path, body).is_ok(), "{path}");
    }
}

#[test]
fn answers_say_what_is_left_and_nothing_of_the_providers_limits() {
    let host = limited(own(limits(60, 10_000, 0)));
    let gateway = call(&host, CHAT, OPENAI_REQUEST).unwrap();
    served(&host, gateway, OPENAI_ANSWER);
    // 61 bytes and no word of the answer's length.
    let reserved = OPENAI_REQUEST.len().div_ceil(4) as u64 + OUTPUT_TOKENS;
    let left = (10_000 - reserved).to_string();
    for (name, value) in [
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-requests", "59"),
        ("x-ratelimit-reset-requests", "1s"),
        ("x-ratelimit-limit-tokens", "10000"),
        ("x-ratelimit-remaining-tokens", left.as_str()),
        ("anthropic-ratelimit-requests-limit", ""),
        ("retry-after", ""),
    ] {
        assert_eq!(host.shown(Map::Response, name), value, "{name}");
    }

    let unlimited = limited(TokenRecord::default());
    let gateway = call(&unlimited, CHAT, OPENAI_REQUEST).unwrap();
    served(&unlimited, gateway, OPENAI_ANSWER);
    assert_eq!(
        unlimited.shown(Map::Response, "x-ratelimit-limit-requests"),
        ""
    );
}

#[test]
fn tokens_are_reserved_and_then_counted() {
    let host = limited(own(limits(0, 1_100, 0)));
    let first = call(&host, CHAT, OPENAI_REQUEST).unwrap();
    let reply = call(&host, CHAT, OPENAI_REQUEST).err().unwrap();
    assert!(
        reply.body.contains("1100 tokens per minute"),
        "{}",
        reply.body
    );
    // It has used 5 of them.
    served(&host, first, OPENAI_ANSWER);
    let second = call(&host, CHAT, OPENAI_REQUEST).unwrap();
    assert!(call(&host, CHAT, OPENAI_REQUEST).is_err());
    // Nobody was reached: nothing was used.
    event(&host, second, 503);
    let short = r#"{"model":"m","max_tokens":1050,"messages":[]}"#;
    assert!(call(&host, CHAT, short).is_ok());
}

#[test]
fn each_scope_counts_for_itself() {
    let by_user = |user: &str| {
        format!(r#"{{"model":"m","user":"{user}","messages":[{{"role":"user","content":"hi"}}]}}"#)
    };
    // Of a user, whichever token of the group is used.
    let record = TokenRecord {
        user_limits: Some(limits(1, 0, 0)),
        ..TokenRecord::default()
    };
    let host = limited(record.clone());
    let another = TokenRecord { id: 6, ..record };
    assert!(call(&host, CHAT, &by_user("a")).is_ok());
    set(&host, "good", another.clone());
    let reply = call(&host, CHAT, &by_user("a")).err().unwrap();
    assert!(reply.body.contains("for this user"), "{}", reply.body);
    assert!(call(&host, CHAT, &by_user("b")).is_ok());
    assert!(call(&host, CHAT, OPENAI_REQUEST).is_ok(), "nobody named");
    let elsewhere = TokenRecord {
        group: "h".into(),
        ..token(another)
    };
    host.set_shared(&key_of("good"), Some(&elsewhere.encode_to_vec()))
        .unwrap();
    assert!(call(&host, CHAT, &by_user("a")).is_ok(), "another group's");

    // Of an address: IPv6 by its network.
    let record = TokenRecord {
        ip_limits: Some(limits(1, 0, 0)),
        ..TokenRecord::default()
    };
    let host = limited(record);
    for (address, passes) in [
        ("10.0.0.9:1", true),
        ("10.0.0.9:2", false),
        ("10.0.0.8:1", true),
        ("[2001:db8::1]:1", true),
        ("[2001:db8::2]:1", false),
        ("[2001:db8:0:1::1]:1", true),
        ("[::ffff:10.0.0.8]:1", false),
    ] {
        host.put_property(&["source", "address"], address.as_bytes());
        let outcome = call(&host, CHAT, OPENAI_REQUEST);
        assert_eq!(outcome.is_ok(), passes, "{address}");
        if let Err(reply) = outcome {
            assert!(reply.body.contains("from your address"), "{}", reply.body);
        }
    }
}

#[test]
fn a_models_limit_is_the_groups_own_or_the_models_times_its_ratio() {
    let model = Model {
        model: "m".into(),
        rpm: 4,
        max_concurrency: 100,
        ..Model::default()
    };
    for (record, passes) in [
        (TokenRecord::default(), 4),
        (
            TokenRecord {
                rpm_ratio: 500_000,
                ..TokenRecord::default()
            },
            2,
        ),
        (
            TokenRecord {
                rpm_ratio: 3_000_000,
                model_limits: vec![
                    ModelLimits {
                        model: "other".into(),
                        limits: Some(limits(9, 0, 0)),
                        ..ModelLimits::default()
                    },
                    ModelLimits {
                        model: "m".into(),
                        limits: Some(limits(1, 0, 0)),
                        ..ModelLimits::default()
                    },
                ],
                ..TokenRecord::default()
            },
            3,
        ),
    ] {
        let host = host_with(vec![channel(1, "openai-chat")], model.clone());
        set(&host, "good", record.clone());
        let passed = (0..10).filter(|_| call(&host, CHAT, OPENAI_REQUEST).is_ok());
        assert_eq!(passed.count(), passes, "{record:?}");
    }
}

#[test]
fn a_gateway_keeps_its_share() {
    let host = limited(own(limits(5, 0, 0)));
    let share = |nodes, index| {
        let share = Share {
            nodes,
            index,
            ..Share::default()
        };
        let share = share.encode_to_vec();
        host.set_shared(SHARE_KEY, Some(&share)).unwrap();
        host.advance_ms(600_000);
        let passed = (0..10).filter(|_| call(&host, CHAT, OPENAI_REQUEST).is_ok());
        passed.count()
    };
    assert_eq!(share(2, 0) + share(2, 1), 5);
    assert_eq!(share(9, 8), 1);
    assert_eq!(share(1, 0), 5);
}

#[test]
fn calls_in_flight_are_freed_however_they_end() {
    let host = limited(own(limits(0, 0, 2)));
    let one = call(&host, CHAT, OPENAI_REQUEST).unwrap();
    let two = call(&host, CHAT, OPENAI_REQUEST).unwrap();
    let reply = call(&host, CHAT, OPENAI_REQUEST).err().unwrap();
    assert!(
        reply.body.contains("2 requests at the same time"),
        "{}",
        reply.body
    );
    assert_eq!(header(&reply, "retry-after"), "1");
    served(&host, one, OPENAI_ANSWER);
    // A caller that left before there was an answer.
    let three = call(&host, CHAT, OPENAI_REQUEST).unwrap();
    assert!(call(&host, CHAT, OPENAI_REQUEST).is_err());
    event(&host, three, 0);
    event(&host, two, 503);
    assert!(host.shared_keys().iter().all(|key| !key.starts_with("l/")));
}

#[test]
fn a_worker_says_again_what_it_has_in_flight_and_a_lost_one_does_not() {
    let host = limited(own(limits(0, 0, 2)));
    let _long = call(&host, CHAT, OPENAI_REQUEST).unwrap();
    // Another worker, which is lost while it serves.
    let key = Key::of(Whose::Token, &[&5_i64.to_le_bytes()]);
    counters::change(&host, key, host.now_unix_ms(), &mut |slot| {
        key.hold(slot, 99, 1, host.now_unix_ms());
        true
    });
    assert!(call(&host, CHAT, OPENAI_REQUEST).is_err());
    for _ in 0..4 {
        host.advance_ms(Slot::RENEW_MS);
        tick(&host);
    }
    host.take_shared_calls();
    tick(&host);
    assert_eq!(host.take_shared_calls(), 0, "not at every tick");
    assert!(
        call(&host, CHAT, OPENAI_REQUEST).is_ok(),
        "the lost one's is free"
    );
    assert!(call(&host, CHAT, OPENAI_REQUEST).is_err(), "ours is not");
}

#[test]
fn what_one_limit_refuses_counts_in_no_other() {
    let host = limited(TokenRecord {
        limits: Some(limits(10, 0, 10)),
        user_limits: Some(limits(1, 0, 0)),
        ..TokenRecord::default()
    });
    let user = r#"{"model":"m","user":"u","messages":[]}"#;
    assert!(call(&host, CHAT, user).is_ok());
    for _ in 0..5 {
        assert!(call(&host, CHAT, user).is_err());
    }
    let others = (0..20).filter(|_| call(&host, CHAT, OPENAI_REQUEST).is_ok());
    assert_eq!(others.count(), 9);
}

#[test]
fn a_call_under_no_limit_looks_nothing_up() {
    let host = limited(TokenRecord::default());
    host.take_shared_calls();
    let gateway = call(&host, CHAT, OPENAI_REQUEST).unwrap();
    served(&host, gateway, OPENAI_ANSWER);
    assert_eq!(host.take_shared_calls(), 1, "its token");
    tick(&host);
    assert_eq!(host.take_shared_calls(), 0);
}

#[test]
fn others_may_be_faster_but_not_for_ever() {
    let host = limited(own(limits(1, 0, 1)));
    host.lose_races(5);
    let gateway = call(&host, CHAT, OPENAI_REQUEST).unwrap();
    host.lose_races(5);
    event(&host, gateway, 503);
    assert!(
        call(&host, CHAT, OPENAI_REQUEST).is_err(),
        "counted once, and no more"
    );
    host.advance_ms(60_000);
    host.lose_races(1_000);
    let reply = call(&host, CHAT, OPENAI_REQUEST).err().unwrap();
    assert_eq!(reply.status, 503, "{}", reply.body);
    host.lose_races(0);
    assert!(
        call(&host, CHAT, OPENAI_REQUEST).is_ok(),
        "nothing is left of it"
    );
}
