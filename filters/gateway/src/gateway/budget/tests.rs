use tollgate_config::Channel;
use tollgate_config::leases::{HOLDER_KEY, Lease, account_key};
use tollgate_config::meter::TokenRecord;
use tollgate_host::mock::MockHost;
use tollgate_host::{Flow, Host, MeterHost};
use tollgate_policy::lease::Account;
use tollgate_protocol::stream::Outcome;

use super::super::Gateway;
use super::*;
use crate::fixture::{
    ANTHROPIC_REQUEST, GEMINI_REQUEST, OPENAI_REQUEST, channel, event, host_with, key_of, request,
};

const CHAT: &str = "/v1/chat/completions";

/// 13 tokens of input at 1,000 and the 100 that the model may answer at 2,000, each for 1,000.
const ESTIMATE: i64 = 15 + 200;

/// A host whose good token has these budgets, and a model that costs something.
fn host(budgets: &[&str]) -> MockHost {
    host_of(record(budgets))
}

fn host_of(record: TokenRecord) -> MockHost {
    let model = Model {
        model: "m".into(),
        max_output_tokens: Some(100),
        input_nano_usd: 1_000_000,
        output_nano_usd: 2_000_000,
        search_nano_usd: 5,
        ..Model::default()
    };
    host_with(channels(), model)
        .with_shared(HOLDER_KEY, b"holder")
        .with_shared(&key_of("good"), &record.encode_to_vec())
}

fn record(budgets: &[&str]) -> TokenRecord {
    TokenRecord {
        id: 5,
        name: "good".into(),
        group: "g".into(),
        enabled: true,
        group_enabled: true,
        sets: vec!["default".into()],
        budgets: budgets.iter().map(|name| (*name).to_owned()).collect(),
        ..TokenRecord::default()
    }
}

fn channels() -> Vec<Channel> {
    vec![channel(1, "openai-chat")]
}

fn lease(budget: &str, id: i64, granted: i64) -> Lease {
    Lease {
        budget: budget.into(),
        id,
        granted,
        ..Lease::default()
    }
}

fn grant(host: &MockHost, budget: &str, id: i64, granted: i64) {
    let mut account = account(host, budget);
    account.apply(&lease(budget, id, granted), host.now_unix_ms());
    let key = account_key(budget);
    host.set_shared(&key, Some(&account.write())).unwrap();
}

fn account(host: &MockHost, budget: &str) -> Account {
    Account::read(&host.shared(&account_key(budget)).unwrap_or_default())
}

/// What a call could reserve.
fn free(host: &MockHost, budget: &str) -> i64 {
    match account(host, budget).reserve(i64::MAX, host.now_unix_ms()) {
        Err(Short::By(lacking)) => i64::MAX - lacking,
        other => panic!("{other:?}"),
    }
}

/// The one question to the control plane, and its call.
fn asked(host: &MockHost) -> (u32, Leases) {
    let calls = host.take_calls();
    let [call] = calls.as_slice() else {
        panic!("{calls:?}")
    };
    assert!(call.method.ends_with("tollgate.leases.v1.Leases/Ask"));
    (call.id, Leases::decode(call.message.as_slice()).unwrap())
}

fn tell(host: &MockHost, gateway: &mut Gateway, call: u32, leases: Vec<Lease>) {
    let told = Leases {
        leases,
        ..Leases::default()
    };
    gateway.call_ended(host, call, Some(told.encode_to_vec()));
}

fn answered(gateway: &Gateway, input_tokens: u64, output_tokens: u64) {
    let mut stream = gateway.stream.borrow_mut();
    stream.answer_begins(200);
    stream.outcome = Some(Outcome::Complete);
    stream.usage.input_tokens = Some(input_tokens);
    stream.usage.output_tokens = Some(output_tokens);
}

#[test]
fn a_call_reserves_the_most_and_draws_what_it_used() {
    let host = host(&["p5", "q5"]);
    grant(&host, "p5", 7, 1_000);
    grant(&host, "q5", 8, 2_000);
    host.lose_races(3);
    let (gateway, flow) = request(&host, CHAT, OPENAI_REQUEST);
    assert_eq!(flow, Flow::Continue, "{:?}", host.replied());
    assert_eq!(free(&host, "p5"), 1_000 - ESTIMATE);
    assert!(host.take_calls().is_empty());
    answered(&gateway, 20, 3);
    host.lose_races(3);
    let event = event(&host, gateway, 200);
    assert_eq!((event.leases, event.drawn_nano_usd), (vec![7, 8], 26));
    assert_eq!((free(&host, "p5"), free(&host, "q5")), (974, 1_974));
}

#[test]
fn what_raises_the_cost_raises_what_is_held_and_what_is_drawn() {
    let body = |more: &str| {
        let message = r#""messages":[{"role":"user","content":"hi"}]"#;
        format!(r#"{{"model":"m",{message}{more}}}"#)
    };
    let plain = i64::try_from(body("").len().div_ceil(4)).unwrap();
    let own = |is_priced| ModelLimits {
        model: "M".into(),
        is_priced,
        request_nano_usd: 0,
        input_nano_usd: 3_000_000,
        output_nano_usd: 0,
        search_nano_usd: 7,
        ..ModelLimits::default()
    };
    let with = |multiplier, own: Option<ModelLimits>| TokenRecord {
        price_multiplier: multiplier,
        model_limits: own.into_iter().collect(),
        ..record(&["q5"])
    };
    // Each call uses 10 tokens of input, 20 of output and 2 searches.
    for (more, record, held, drawn) in [
        ("", with(None, None), plain + 200, 10 + 40 + 10),
        (r#","n":3"#, with(None, None), plain + 600, 60),
        (
            r#","web_search_options":{}"#,
            with(None, None),
            plain + 200 + 50,
            60,
        ),
        (
            r#","web_se\u0061rch_options":{}"#,
            with(None, None),
            plain + 200 + 50,
            60,
        ),
        (
            r#","plugins":[{"id":"web"}]"#,
            with(None, None),
            plain + 200 + 50,
            60,
        ),
        ("", with(Some(1_500_000), None), (plain + 200) * 3 / 2, 91),
        ("", with(None, Some(own(true))), plain * 3, 30 + 14),
        ("", with(None, Some(own(false))), plain + 200, 60),
        ("", with(Some(2_000_000), Some(own(true))), plain * 6, 88),
    ] {
        let host = host_of(record);
        grant(&host, "q5", 8, 10_000);
        let (gateway, flow) = request(&host, CHAT, &body(more));
        assert_eq!(flow, Flow::Continue, "{:?}", host.replied());
        let now_held = 10_000 - free(&host, "q5");
        // What is not words may be counted or not.
        assert!((held..=held + 8).contains(&now_held), "{more}: {now_held}");
        answered(&gateway, 10, 20);
        gateway.stream.borrow_mut().usage.web_searches = Some(2);
        let event = event(&host, gateway, 200);
        assert_eq!(event.drawn_nano_usd, drawn, "{more}");
    }
}

#[test]
fn what_is_no_text_holds_what_it_may_be() {
    let picture = r#"[{"type":"image_url","image_url":{"url":"https://a/b"}}]"#;
    let file = r#"[{"type":"file","file":{"file_id":"file-1"}}]"#;
    let body = |content: &str| {
        format!(r#"{{"model":"m","messages":[{{"role":"user","content":{content}}}]}}"#)
    };
    let brought = |length: usize| {
        let data = "A".repeat(length);
        format!(r#"[{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{data}"}}}}]"#)
    };
    // Sound is no more than its bytes.
    let sound = format!(
        r#"[{{"type":"input_audio","input_audio":{{"data":"{}"}}}}]"#,
        "A".repeat(400)
    );
    let film = brought(300 << 10).replace("image", "video");
    let pages = format!(
        r#"[{{"type":"file","file":{{"file_data":"data:a/b;base64,{}"}}}}]"#,
        "A".repeat(300 << 10)
    );
    for (content, known, input) in [
        (r#""hi""#, 50_000, 15),
        (picture, 50_000, 16_384 + 24),
        (picture, 5_000, 5_000),
        // It is no less than the text that is there.
        (picture, 2, 24),
        (&brought(40_000), 50_000, 16_384 + 24),
        (&brought(300 << 10), 50_000, 16_384 + 24),
        (file, 50_000, 50_000),
        (file, 0, 200_000),
        (sound.as_str(), 50_000, 15 + 115),
        // And what is brought is no more than the model takes.
        (&sound.replace("AA", &"A".repeat(2_000)), 50_000, 50_000),
        (&film, 50_000, 50_000),
        (&pages, 50_000, 50_000),
    ] {
        let host = host(&["q5"]);
        let mut config = crate::state::active().unwrap().config.clone();
        config.max_body_bytes = 1 << 20;
        config.models[0].max_input_tokens = known;
        crate::state::activate(config).unwrap();
        grant(&host, "q5", 8, 1_000_000);
        let (gateway, flow) = request(&host, CHAT, &body(content));
        assert_eq!(flow, Flow::Continue, "{:?}", host.replied());
        let held = 1_000_000 - free(&host, "q5");
        let expected = input + 200;
        assert!(
            (expected - 6..=expected + 6).contains(&held),
            "{known}: {held}"
        );
        // What it was in the end is what counts.
        answered(&gateway, 20, 3);
        let event = event(&host, gateway, 200);
        assert_eq!(event.drawn_nano_usd, 26);
        let is_known = !content.contains(r#""file""#);
        let has_media = is_known && !content.contains("hi");
        let (media, video) = (event.input_media, event.input_video);
        assert_eq!(media, is_known.then_some(has_media), "{content:.60}");
        assert_eq!(video, is_known.then_some(content == film), "{content:.60}");
    }
}

#[test]
fn a_call_that_failed_gives_all_back() {
    let host = host(&["q5"]);
    grant(&host, "q5", 8, 2_000);
    let (gateway, _) = request(&host, CHAT, OPENAI_REQUEST);
    let event = event(&host, gateway, 503);
    assert_eq!((event.leases, event.drawn_nano_usd), (vec![8], 0));
    assert_eq!(free(&host, "q5"), 2_000);
}

#[test]
fn a_call_waits_for_a_lease() {
    let host = host(&["p5", "q5"]);
    grant(&host, "q5", 8, 2_000);
    let (mut gateway, flow) = request(&host, CHAT, OPENAI_REQUEST);
    assert_eq!(flow, Flow::Hold);
    let (call, question) = asked(&host);
    assert_eq!(question.holder, "holder");
    let need = Lease {
        need: ESTIMATE,
        ..lease("p5", 0, 0)
    };
    assert_eq!(question.leases, [need]);
    assert_eq!(free(&host, "q5"), 2_000, "all or nothing");

    tell(&host, &mut gateway, call, vec![lease("p5", 3, 100)]);
    assert!(!host.resumed());
    let (call, question) = asked(&host);
    let need = Lease {
        need: ESTIMATE - 100,
        ..lease("p5", 3, 100)
    };
    assert_eq!(question.leases, [need]);

    tell(&host, &mut gateway, call, vec![lease("p5", 3, 500)]);
    assert!(host.resumed() && host.replied().is_none());
    answered(&gateway, 1, 1);
    let event = event(&host, gateway, 200);
    assert_eq!((event.leases, event.drawn_nano_usd), (vec![3, 8], 3));
}

#[test]
fn who_leaves_while_waiting_holds_nothing() {
    let host = host(&["q5"]);
    let (gateway, _) = request(&host, CHAT, OPENAI_REQUEST);
    let (call, _) = asked(&host);
    let event = event(&host, gateway, 0);
    assert_eq!(host.cancelled_calls(), [call]);
    assert!(event.leases.is_empty());
}

#[test]
fn a_budget_that_is_used_up_is_told_in_the_callers_words() {
    let why = "The daily quota of this API key is used up.";
    for (path, body, words) in [
        (CHAT, OPENAI_REQUEST, r#""code":"insufficient_quota""#),
        (
            "/v1/responses",
            r#"{"model":"m","input":"hi"}"#,
            r#""code":"insufficient_quota""#,
        ),
        (
            "/v1/messages",
            ANTHROPIC_REQUEST,
            r#""type":"billing_error""#,
        ),
        (
            "/v1beta/models/m:generateContent",
            GEMINI_REQUEST,
            r#""reason":"insufficient_quota""#,
        ),
    ] {
        let host = host(&["p5"]);
        let (mut gateway, flow) = request(&host, path, body);
        assert_eq!(flow, Flow::Hold, "{path}");
        let (call, _) = asked(&host);
        let used_up = Lease {
            exhausted: why.into(),
            ..lease("p5", 0, 0)
        };
        tell(&host, &mut gateway, call, vec![used_up]);
        let refuses = |host: &MockHost| {
            let reply = host.replied().unwrap();
            let no_retry = ("x-should-retry".to_owned(), "false".to_owned());
            assert!(reply.headers.contains(&no_retry), "{path}");
            assert!(reply.body.contains(why), "{path}: {}", reply.body);
            assert!(reply.body.contains(words), "{path}: {}", reply.body);
            assert_eq!(reply.status, 429, "{path}");
        };
        refuses(&host);
        let event = event(&host, gateway, 429);
        assert_eq!(event.outcome(), tollgate_config::meter::Outcome::Refused);

        // For a moment this is known here.
        let (_, flow) = request(&host, path, body);
        assert_eq!(flow, Flow::Hold);
        refuses(&host);
        assert!(host.take_calls().is_empty());
    }
}

#[test]
fn what_is_held_for_others_is_worth_another_try() {
    let host = host(&["q5"]);
    let (mut gateway, _) = request(&host, CHAT, OPENAI_REQUEST);
    for _ in 0..ASKS_MAX {
        let (call, _) = asked(&host);
        assert!(host.replied().is_none());
        tell(&host, &mut gateway, call, vec![lease("q5", 3, 0)]);
    }
    let reply = host.replied().unwrap();
    assert_eq!(reply.status, 429);
    assert!(reply.body.contains("under way"), "{}", reply.body);
    assert!(
        !reply
            .headers
            .iter()
            .any(|(name, _)| name == "x-should-retry")
    );
}

#[test]
fn without_a_lease_and_without_the_control_plane_nothing_goes() {
    let away = host(&["q5"]);
    away.set_control_plane_away(true);
    request(&away, CHAT, OPENAI_REQUEST);
    assert_eq!(away.replied().unwrap().status, 503);

    let gone = host(&["q5"]);
    let (mut gateway, _) = request(&gone, CHAT, OPENAI_REQUEST);
    let (call, _) = asked(&gone);
    gateway.call_ended(&gone, call, None);
    assert_eq!(gone.replied().unwrap().status, 503);
}

#[test]
fn what_needs_no_budget_asks_for_nothing() {
    // Who has none …
    let host = host(&[]);
    let (gateway, flow) = request(&host, CHAT, OPENAI_REQUEST);
    assert_eq!(flow, Flow::Continue);
    assert!(event(&host, gateway, 200).leases.is_empty());
    // … reads its token and nothing else, and what is free reads no account.
    let reads = host.take_shared_calls();
    let free = Model {
        model: "m".into(),
        ..Model::default()
    };
    let record = TokenRecord {
        enabled: true,
        group_enabled: true,
        sets: vec!["default".into()],
        budgets: vec!["q5".into()],
        ..TokenRecord::default()
    };
    let host = host_with(channels(), free).with_shared(&key_of("good"), &record.encode_to_vec());
    let (gateway, flow) = request(&host, CHAT, OPENAI_REQUEST);
    assert_eq!(flow, Flow::Continue);
    assert!(event(&host, gateway, 200).leases.is_empty());
    assert_eq!(host.take_shared_calls(), reads);
    assert_eq!(reads, 1);
}

#[test]
fn what_nobody_waits_for_is_refused_before_it_is_queued_and_holds_nothing() {
    const ASKED: &str = r#"{"model":"m","input":"hi","background":true}"#;
    let host = host(&["p5"]);
    let (mut gateway, _) = request(&host, "/v1/responses", ASKED);
    let (call, _) = asked(&host);
    tell(&host, &mut gateway, call, vec![lease("p5", 7, 1_000)]);
    let calls = host.take_calls();
    assert_eq!(calls.len(), 1, "queued, once there is enough");
    assert!(calls[0].method.contains("Responses"), "{calls:?}");
    assert_eq!(free(&host, "p5"), 1_000);
    let event = event(&host, gateway, 200);
    assert!(event.leases.is_empty() && event.model.is_empty());

    let used_up = Lease {
        exhausted: "Used up.".into(),
        ..lease("p5", 0, 0)
    };
    let host = self::host(&["p5"]);
    let (mut gateway, _) = request(&host, "/v1/responses", ASKED);
    let (call, _) = asked(&host);
    tell(&host, &mut gateway, call, vec![used_up]);
    let reply = host.take_reply().unwrap();
    assert_eq!(reply.status, 429);
    assert!(reply.body.contains("insufficient_quota"), "{}", reply.body);
    assert!(host.take_calls().is_empty());
}
