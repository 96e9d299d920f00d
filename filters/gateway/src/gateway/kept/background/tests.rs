use prost::Message;
use tollgate_config::meter::{Outcome, TokenRecord};
use tollgate_config::names::CALLER_HEADER;
use tollgate_config::responses::{Answer, Background, Call, History, Refused, answer, call};
use tollgate_host::mock::{Called, MockHost};
use tollgate_host::{Body as Buffer, Flow, Host, Map};

use crate::fixture::{channel, event, head, host, key_of, request, settled};
use crate::gateway::Gateway;
use crate::memory::Hold;
use crate::upstream::Attempt;

const RESPONSES: &str = "/v1/responses";
const ID: &str = "0199aabbccdd00112233445566778899";
const OURS: &str = "resp_tg0199aabbccdd00112233445566778899";
const CONVERSATION: &str = "conv_tg0199aabbccdd00112233445566778899";

const ANSWER: &str = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"status\":\"in_progress\",\"output\":[]}}\n\n\
    event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"status\":\"completed\",\"output\":[7],\"usage\":{\"input_tokens\":3,\"output_tokens\":2}}}\n\n";

fn the_call(host: &MockHost) -> (Called, Call) {
    let mut calls = host.take_calls();
    assert_eq!(calls.len(), 1);
    let called = calls.remove(0);
    let call = Call::decode(called.message.as_slice()).unwrap();
    (called, call)
}

fn end_call(host: &MockHost, gateway: &mut Gateway, call: u32, kind: answer::Kind) {
    let message = Answer { kind: Some(kind) }.encode_to_vec();
    gateway.call_ended(host, call, Some(message));
}

fn asked(call: &Call) -> Background {
    match &call.kind {
        Some(call::Kind::Background(asked)) => serde_json::from_str(asked).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_that_nobody_waits_for_goes_to_the_control_plane() {
    let body = r#"{"model":"m",  "input":"hi","background":true}"#;
    let host = host(vec![channel(1, "openai-chat"), channel(2, "anthropic")]);
    let (mut gateway, flow) = request(&host, RESPONSES, body);
    assert_eq!((flow, host.replied()), (Flow::Hold, None));
    let (called, call) = the_call(&host);
    assert_eq!((call.group.as_str(), call.id.as_str()), ("g", ""));
    let asked = asked(&call);
    assert_eq!(asked.body.get(), body, "as the caller wrote it");
    assert_eq!((asked.token_id, asked.address.as_str()), (5, "10.0.0.9"));
    let queued = r#"{"status":"queued"}"#;
    end_call(
        &host,
        &mut gateway,
        called.id,
        answer::Kind::Json(queued.into()),
    );
    let reply = host.replied().unwrap();
    assert_eq!((reply.status, reply.body.as_str()), (200, queued));
    assert!(!host.resumed());
    let (event, stored) = settled(&host, gateway, 200);
    assert!(event.usage.is_none() && event.attempts.is_empty() && stored.is_empty());
    assert!(Hold::take(512 << 20).is_some(), "all memory was given back");
}

#[test]
fn a_provider_that_would_do_it_itself_is_called_in_the_foreground_and_its_answer_kept() {
    for (fields, is_kept) in [
        ("", true),
        // What came before is at the provider alone.
        (r#","previous_response_id":"resp_1""#, false),
        (r#","conversation":"conv_1""#, false),
    ] {
        let body = format!(r#"{{"model":"m","input":"hi","background":true{fields}}}"#);
        let host = host_of_a_call("10.0.0.0/8", "openai-responses");
        let (gateway, flow) = request(&host, RESPONSES, &body);
        assert_eq!((flow, host.replied()), (Flow::Hold, None));
        let (called, call) = the_call(&host);
        assert_eq!(asked(&call).body.get(), body);
        settled(&host, gateway, 200);
        host.cancel_call(called.id);

        let caller = format!("{} {ID} 10.0.0.7", key_of("good"));
        let extra = [("x-api-key", "sk-own"), (CALLER_HEADER, caller.as_str())];
        let (mut gateway, _) = head(&host, "POST", RESPONSES, &extra, false);
        let body = format!(r#"{{"model":"m","input":"hi"{fields},"stream":true}}"#);
        host.put_body(Buffer::Request, body.as_bytes());
        let flow = gateway.request_body(&host, body.len(), true);
        assert_eq!(flow, Flow::Continue, "{:?}", host.replied());
        let mut attempt = Attempt::default();
        attempt.request_headers(&host, false);
        attempt.request_body(&host, body.len());
        assert_eq!(host.text(Buffer::Request), body);
        host.put_headers(Map::Response, &[(":status", "200")]);
        attempt.response_headers(&host, false);
        host.put_body(Buffer::Response, ANSWER.as_bytes());
        attempt.response_body(&host, ANSWER.len(), true);
        let (event, stored) = settled(&host, gateway, 200);
        assert_eq!(event.usage.unwrap().input_tokens, 3);
        assert_eq!(stored.len(), usize::from(is_kept), "{fields}");
        if let Some(stored) = stored.first() {
            assert_eq!((stored.id.as_str(), stored.not_by_id), (OURS, false));
            assert!(stored.response.contains(r#""id":"resp_1""#));
        }
    }
}

#[test]
fn what_continues_something_is_checked_with_its_history_and_holds_nothing() {
    for (id, field) in [
        (OURS, "previous_response_id"),
        (CONVERSATION, "conversation"),
    ] {
        let body = format!(r#"{{"model":"m","{field}":"{id}","input":"and?","background":true}}"#);
        let host = host(vec![channel(1, "openai-chat")]);
        let (mut gateway, _) = request(&host, RESPONSES, &body);
        let (called, call) = the_call(&host);
        let Some(call::Kind::History(History { writer, .. })) = call.kind else {
            panic!("{call:?}");
        };
        assert_eq!(writer, "", "the call that is made then will hold it");
        let history = answer::Kind::Json(r#"[{"role":"user","content":"hi"}]"#.into());
        end_call(&host, &mut gateway, called.id, history);
        let (_, call) = the_call(&host);
        assert_eq!(asked(&call).body.get(), body, "without its history");
        assert!(!host.resumed());
        assert!(settled(&host, gateway, 200).1.is_empty());
    }
}

#[test]
fn what_is_wrong_is_told_at_once() {
    for (fields, status, param) in [
        (r#","store":false"#, 400, "store"),
        (r#","stream":true"#, 400, "stream"),
        (r#","prompt":{"id":"p"}"#, 400, "prompt"),
        (r#","temperature":"hot""#, 400, "temperature"),
        (
            r#","previous_response_id":"resp_1""#,
            400,
            "previous_response_id",
        ),
        (r#","background":false"#, 400, "background"),
    ] {
        let host = host(vec![channel(1, "openai-chat")]);
        let body = format!(r#"{{"model":"m","input":"hi","background":true{fields}}}"#);
        request(&host, RESPONSES, &body);
        let reply = host.replied().unwrap();
        let named = reply.body.contains(&format!(r#""param":"{param}"#));
        assert!(reply.status == status && named, "{fields}: {}", reply.body);
        assert!(host.take_calls().is_empty());
    }
    for (fields, param) in [
        (r#","store":false"#, "store"),
        (r#","stream":true"#, "stream"),
    ] {
        let host = host(vec![channel(1, "openai-responses")]);
        let body = format!(r#"{{"model":"m","input":"hi","background":true{fields}}}"#);
        request(&host, RESPONSES, &body);
        let reply = host.replied().unwrap();
        let named = reply.body.contains(&format!(r#""param":"{param}"#));
        assert!(reply.status == 400 && named, "{fields}: {}", reply.body);
    }
    let unknown = host(vec![channel(1, "openai-chat")]);
    let body = r#"{"model":"other","input":"hi","background":true}"#;
    request(&unknown, RESPONSES, body);
    assert_eq!(unknown.replied().unwrap().status, 404);

    let host = host(vec![channel(1, "openai-chat")]);
    let mut config = crate::state::active().unwrap().config.clone();
    config.stores_responses = false;
    crate::state::activate(config).unwrap();
    let body = r#"{"model":"m","input":"hi","background":true}"#;
    request(&host, RESPONSES, body);
    let reply = host.replied().unwrap();
    let named = reply.body.contains(r#""param":"background""#);
    assert!(reply.status == 400 && named, "{}", reply.body);
    assert!(host.take_calls().is_empty());
}

#[test]
fn what_the_control_plane_refuses_is_passed_on() {
    for (status, code) in [(429, "rate_limit_exceeded"), (503, "")] {
        let host = host(vec![channel(1, "openai-chat")]);
        let body = r#"{"model":"m","input":"hi","background":true}"#;
        let (mut gateway, _) = request(&host, RESPONSES, body);
        let (called, _) = the_call(&host);
        let refused = Refused {
            status,
            message: "Not now.".into(),
            param: String::new(),
            code: code.into(),
        };
        let refused = answer::Kind::Refused(serde_json::to_string(&refused).unwrap());
        end_call(&host, &mut gateway, called.id, refused);
        let reply = host.replied().unwrap();
        assert_eq!(u32::from(reply.status), status, "{}", reply.body);
        assert!(reply.body.contains("Not now.") && reply.body.contains(code));
        let event = event(&host, gateway, reply.status);
        assert_eq!(event.outcome(), Outcome::Refused);
    }
}

/// A host on which `sk-own` is the control plane's own token, and `sk-good` may be used by one address
/// alone.
fn host_of_a_call(subnet: &str, dialect: &str) -> MockHost {
    let own = TokenRecord {
        enabled: true,
        group_enabled: true,
        only_channel: Some(0),
        ..TokenRecord::default()
    };
    let host = host(vec![channel(1, dialect)]);
    let good = host.shared(&key_of("good")).unwrap();
    let mut good = TokenRecord::decode(good.as_slice()).unwrap();
    good.subnets = vec![subnet.into()];
    host.with_shared(&key_of("own"), &own.encode_to_vec())
        .with_shared(&key_of("good"), &good.encode_to_vec())
}

#[test]
fn the_control_plane_calls_for_another_token_and_nobody_else_does() {
    let make = |token: &str, subnet: &str, key: &str, address: &str| {
        let host = host_of_a_call(subnet, "openai-chat");
        let caller = format!("{key} {ID} {address}");
        let extra = [("x-api-key", token), (CALLER_HEADER, caller.as_str())];
        let (mut gateway, _) = head(&host, "POST", RESPONSES, &extra, false);
        if let Some(reply) = host.replied() {
            return (reply.status, event(&host, gateway, reply.status));
        }
        let body = r#"{"model":"m","input":"hi","stream":true}"#;
        host.put_body(Buffer::Request, body.as_bytes());
        assert_eq!(
            gateway.request_body(&host, body.len(), true),
            Flow::Continue
        );
        assert_eq!(host.shown(Map::Request, "x-request-id").len(), ID.len());
        (0, event(&host, gateway, 0))
    };
    let good = key_of("good");
    let (status, event) = make("sk-own", "192.0.2.0/24", &good, "192.0.2.7");
    assert_eq!((status, event.id.as_str()), (0, ID));
    assert_eq!((event.token_id, event.ip.as_str()), (5, "192.0.2.7"));
    // The token's rules hold for where its caller was.
    assert_eq!(make("sk-own", "192.0.2.0/24", &good, "198.51.100.1").0, 403);
    // It was deleted meanwhile.
    assert_eq!(make("sk-own", "192.0.2.0/24", &key_of("gone"), "-").0, 401);
    // To others the header says nothing.
    let (status, event) = make("sk-good", "10.0.0.0/8", &key_of("own"), "192.0.2.7");
    assert_eq!((status, event.ip.as_str()), (0, "10.0.0.9"));
    assert_ne!(event.id, ID);
}
