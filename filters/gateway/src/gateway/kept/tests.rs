use prost::Message;
use tollgate_config::GatewayConfig;
use tollgate_config::meter::{Outcome, TokenRecord};
use tollgate_config::names::{CLUSTER_PROPERTY, NODE_TOKEN_KEY};
use tollgate_config::responses::{Conversations, History, Nothing, Refused, Stored};
use tollgate_host::mock::{Called, MockHost};
use tollgate_host::{Body as Buffer, Flow, Map, MeterHost};

use super::*;
use crate::fixture::{OPENAI_ANSWER, channel, event, head, host, key_of, request, settled};
use crate::gateway::Gateway;
use crate::memory::Hold;
use crate::state;
use crate::upstream::Attempt;

const RESPONSES: &str = "/v1/responses";
const OURS: &str = "resp_tg0199aabbccdd00112233445566778899";
const THEIRS: &str = "resp_68a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f607";

const CHAT_STREAM: &str = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello\"}}]}\n\n\
    data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
    data: [DONE]\n\n";

fn attempt(host: &MockHost) -> Attempt {
    let mut attempt = Attempt::default();
    assert_eq!(attempt.request_headers(host, false), Flow::Continue);
    let size = host.text(Buffer::Request).len();
    attempt.request_body(host, size);
    attempt
}

fn answer(host: &MockHost, attempt: &mut Attempt, body: &str) {
    host.put_headers(Map::Response, &[(":status", "200")]);
    attempt.response_headers(host, false);
    host.put_body(Buffer::Response, body.as_bytes());
    attempt.response_body(host, body.len(), true);
}

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

fn continuing(id: &str) -> String {
    format!(r#"{{"model":"m","previous_response_id":"{id}","input":"and?"}}"#)
}

/// A request that waits for its history.
fn waiting(dialect: &str) -> (MockHost, Gateway, Called) {
    let host = host(vec![channel(1, dialect)]);
    let (gateway, flow) = request(&host, RESPONSES, &continuing(OURS));
    assert_eq!(flow, Flow::Hold);
    assert_eq!(host.replied(), None);
    let (called, _) = the_call(&host);
    (host, gateway, called)
}

#[test]
fn a_translated_answer_is_kept_unless_the_caller_does_not_want_it() {
    for (dialect, fields, upstream, kept) in [
        ("openai-chat", "", OPENAI_ANSWER, true),
        ("openai-chat", r#","store":true"#, OPENAI_ANSWER, true),
        ("openai-chat", r#","store":false"#, OPENAI_ANSWER, false),
        ("openai-chat", r#","stream":true"#, CHAT_STREAM, true),
        // Cut before its end.
        (
            "openai-chat",
            r#","stream":true"#,
            r#"data: {"id":"c","choices":[{"index":0,"delta":{"content":"hello"}}]}"#,
            false,
        ),
        ("openai-chat", "", r#"{"error":{"message":"no"}}"#, false),
        // The provider keeps what is its own.
        (
            "openai-responses",
            "",
            r#"{"id":"resp_1","object":"response","status":"completed","output":[]}"#,
            false,
        ),
    ] {
        let host = host(vec![channel(1, dialect)]);
        let body = format!(r#"{{"model":"m","input":"hi"{fields}}}"#);
        let (gateway, flow) = request(&host, RESPONSES, &body);
        assert_eq!(flow, Flow::Continue, "{:?}", host.replied());
        answer(&host, &mut attempt(&host), upstream);
        let told = host.text(Buffer::Response);
        let (event, stored) = settled(&host, gateway, 200);
        assert_eq!(stored.len(), usize::from(kept), "{dialect} {fields} {told}");
        let Some(stored) = stored.first() else {
            // A stream that is cut had said it before.
            let is_cut = fields.contains("stream");
            assert_eq!(told.contains(r#""store":true"#), is_cut, "{told}");
            continue;
        };
        assert!(told.contains(r#""store":true"#), "{told}");
        assert!(told.contains(&stored.response), "as the caller got it");
        assert!(stored.response.contains(r#""text":"hello""#));
        assert!(
            stored
                .response
                .contains(&format!(r#""id":"{}""#, stored.id))
        );
        let expected = Stored {
            id: responses::id(&event.id),
            group: "g".into(),
            token_id: 5,
            model: "m".into(),
            previous: String::new(),
            input: r#"[{"type":"message","role":"user","content":"hi"}]"#.into(),
            response: stored.response.clone(),
            conversation: String::new(),
            not_by_id: false,
        };
        assert_eq!(stored, &expected);
        assert!(responses::is_ours(&stored.id));
        assert_eq!(event.losses, Vec::<String>::new());
    }
}

#[test]
fn nothing_is_kept_where_nothing_is_to_be() {
    let host = host(vec![channel(1, "openai-chat")]);
    let config = GatewayConfig {
        stores_responses: false,
        closed: false,
        retry_times: None,
        own_details: Vec::new(),
        banned: Vec::new(),
        ..state::active().unwrap().config.clone()
    };
    state::activate(config).unwrap();
    let (gateway, _) = request(&host, RESPONSES, r#"{"model":"m","input":"hi"}"#);
    answer(&host, &mut attempt(&host), OPENAI_ANSWER);
    assert!(host.text(Buffer::Response).contains(r#""store":false"#));
    assert!(settled(&host, gateway, 200).1.is_empty());

    request(&host, RESPONSES, &continuing(OURS));
    let reply = host.replied().unwrap();
    assert_eq!(reply.status, 400);
    assert!(reply.body.contains("previous_response_not_found"));
    assert!(host.take_calls().is_empty());
}

#[test]
fn history_is_asked_for_in_the_name_of_the_token() {
    let host = host(vec![channel(1, "openai-chat")]);
    host.set_shared(NODE_TOKEN_KEY, Some(b"Bearer node"))
        .unwrap();
    let body = continuing(OURS);
    request(&host, RESPONSES, &body);
    let (called, call) = the_call(&host);
    let expected = Call {
        group: "g".into(),
        id: OURS.into(),
        kind: Some(call::Kind::History(History {
            max_bytes: 1_000 - body.len() as u64,
            references: Vec::new(),
            writer: String::new(),
        })),
    };
    assert_eq!(call, expected);
    assert_eq!(
        called.method,
        "tollgate-control/tollgate.responses.v1.Responses/Ask"
    );
    let bearer = ("authorization".to_owned(), "Bearer node".to_owned());
    assert_eq!(called.metadata, [bearer]);
    assert_eq!(called.timeout_ms, TIMEOUT_MS);
}

#[test]
fn history_goes_to_the_upstream_in_front_of_the_request() {
    let history = r#"[{"role":"user",  "content":"hi"},{"type":"reasoning","id":"rs_tg_0","summary":[]},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"hello"}]}]"#;
    for (dialect, expected) in [
        (
            "openai-responses",
            r#"{"model":"m","input":[{"role":"user",  "content":"hi"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"hello"}]},{"type":"message","role":"user","content":"and?"}]}"#,
        ),
        (
            "openai-chat",
            r#"{"model":"m","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"hello"},{"role":"user","content":"and?"}]"#,
        ),
    ] {
        let (host, mut gateway, called) = waiting(dialect);
        // Somebody else's call, and one that was never ours.
        gateway.call_ended(&host, called.id + 1, None);
        assert!(!host.resumed() && host.replied().is_none());
        assert_eq!(gateway.request_body(&host, 0, true), Flow::Hold);
        end_call(
            &host,
            &mut gateway,
            called.id,
            answer::Kind::Json(history.into()),
        );
        assert!(host.resumed(), "{:?}", host.replied());
        assert_eq!(host.property(&[CLUSTER_PROPERTY]).unwrap(), b"channel-1");
        let mut attempt = attempt(&host);
        let sent = host.text(Buffer::Request);
        assert!(sent.starts_with(expected), "{sent}");
        assert_eq!(
            host.shown(Map::Request, "content-length"),
            sent.len().to_string()
        );
        if dialect == "openai-chat" {
            answer(&host, &mut attempt, OPENAI_ANSWER);
            let told = host.text(Buffer::Response);
            let previous = format!(r#""previous_response_id":"{OURS}""#);
            assert!(told.contains(&previous), "{told}");
            let (_, stored) = settled(&host, gateway, 200);
            assert_eq!(stored[0].previous, OURS);
            assert_eq!(
                stored[0].input, r#"[{"type":"message","role":"user","content":"and?"}]"#,
                "its own items only"
            );
        }
    }
}

#[test]
fn a_request_without_its_history_is_refused() {
    let huge = format!("[\"{}\"]", "x".repeat(1_000));
    for (kind, status, text) in [
        (
            Some(answer::Kind::NotFound(Nothing {})),
            400,
            "previous_response_not_found",
        ),
        (Some(answer::Kind::TooLong(Nothing {})), 413, "too long"),
        (Some(answer::Kind::Json(huge)), 413, "too long"),
        (Some(answer::Kind::Json("{}".into())), 503, "try again"),
        (None, 503, "try again"),
    ] {
        let (host, mut gateway, called) = waiting("openai-chat");
        match kind {
            Some(kind) => end_call(&host, &mut gateway, called.id, kind),
            None => gateway.call_ended(&host, called.id, None),
        }
        let reply = host.replied().unwrap();
        assert_eq!(reply.status, status, "{}", reply.body);
        assert!(reply.body.contains(text), "{}", reply.body);
        assert!(!host.resumed());
        assert_eq!(gateway.request_body(&host, 0, true), Flow::Hold);
        let (event, stored) = settled(&host, gateway, status);
        assert_eq!(event.outcome(), Outcome::Refused);
        assert!(stored.is_empty());
    }

    let host = host(vec![channel(1, "openai-chat")]);
    host.set_control_plane_away(true);
    request(&host, RESPONSES, &continuing(OURS));
    assert_eq!(host.replied().unwrap().status, 503);
}

const CONVERSATION: &str = "conv_tg0199aabbccdd00112233445566778899";

/// A request in a conversation: what is asked for it, and what was kept with its end.
fn in_conversation(
    dialect: &str,
    fields: &str,
    upstream: Option<&str>,
) -> (MockHost, Call, Stored) {
    let host = host(vec![channel(1, dialect)]);
    let body = format!(r#"{{"model":"m","conversation":"{CONVERSATION}","input":"and?"{fields}}}"#);
    let (mut gateway, flow) = request(&host, RESPONSES, &body);
    assert_eq!((flow, host.replied()), (Flow::Hold, None));
    let (called, call) = the_call(&host);
    let status = match upstream {
        Some(upstream) => {
            let history = answer::Kind::Json(r#"[{"role":"user","content":"hi"}]"#.into());
            end_call(&host, &mut gateway, called.id, history);
            answer(&host, &mut attempt(&host), upstream);
            200
        }
        None => {
            let locked = Refused {
                status: 400,
                message: "busy".into(),
                param: "conversation".into(),
                code: "conversation_locked".into(),
            };
            let locked = answer::Kind::Refused(serde_json::to_string(&locked).unwrap());
            end_call(&host, &mut gateway, called.id, locked);
            400
        }
    };
    let (_, mut stored) = settled(&host, gateway, status);
    assert_eq!(stored.len(), 1);
    (host, call, stored.remove(0))
}

#[test]
fn a_conversation_gets_what_was_answered_or_is_told_that_there_is_nothing() {
    const NATIVE: &str = r#"{"id":"resp_1","object":"response","status":"completed","output":[7]}"#;
    const NATIVE_STREAM: &str = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"status\":\"in_progress\",\"output\":[]}}\n\n\
        event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"status\":\"completed\",\"output\":[7]}}\n\n";
    let hello = r#""text":"hello""#;
    for (dialect, fields, upstream, said, not_by_id) in [
        ("openai-chat", "", Some(OPENAI_ANSWER), hello, false),
        (
            "openai-chat",
            r#","stream":true"#,
            Some(CHAT_STREAM),
            hello,
            false,
        ),
        (
            "openai-chat",
            r#","store":false"#,
            Some(OPENAI_ANSWER),
            hello,
            true,
        ),
        // The provider keeps the response, and knows nothing of the conversation.
        (
            "openai-responses",
            "",
            Some(NATIVE),
            r#""output":[7]"#,
            true,
        ),
        (
            "openai-responses",
            r#","stream":true"#,
            Some(NATIVE_STREAM),
            r#""output":[7]"#,
            true,
        ),
        (
            "openai-chat",
            "",
            Some(r#"{"error":{"message":"no"}}"#),
            "",
            false,
        ),
        ("openai-chat", "", None, "", false),
    ] {
        let (host, call, stored) = in_conversation(dialect, fields, upstream);
        let Some(call::Kind::History(history)) = call.kind else {
            panic!("{call:?}");
        };
        assert_eq!(
            (call.id.as_str(), history.writer),
            (CONVERSATION, stored.id.clone())
        );
        assert_eq!(stored.conversation, CONVERSATION);
        assert!(
            stored.response.contains(said),
            "{dialect} {fields} {stored:?}"
        );
        assert_eq!(stored.not_by_id, not_by_id, "{dialect} {fields}");
        if said.is_empty() {
            assert_eq!((stored.input.as_str(), stored.response.as_str()), ("", ""));
        } else {
            assert_eq!(
                stored.input,
                r#"[{"type":"message","role":"user","content":"and?"}]"#
            );
            assert_eq!(stored.previous, "");
        }
        if dialect == "openai-chat" && !said.is_empty() {
            let told = host.text(Buffer::Response);
            let names_it = format!(r#""conversation":{{"id":"{CONVERSATION}"}}"#);
            assert!(told.contains(&names_it), "{told}");
            let stores = format!(r#""store":{}"#, !not_by_id);
            assert!(told.contains(&stores), "{told}");
        }
        if upstream.is_none() {
            let reply = host.replied().unwrap();
            assert!(reply.body.contains("conversation_locked"), "{}", reply.body);
        }
    }
}

#[test]
fn items_that_are_referred_to_are_asked_for_and_put_in() {
    let ours = "msg_tg0199aabbccdd00112233445566778899_0";
    let input = format!(
        r#"[{{"type":"item_reference","id":"{ours}"}},{{"role":"user","content":"and?"}},{{"id":"{ours}"}}]"#
    );
    let host = host(vec![channel(1, "openai-chat")]);
    let body = format!(r#"{{"model":"m","input":{input}}}"#);
    let (mut gateway, _) = request(&host, RESPONSES, &body);
    let (called, call) = the_call(&host);
    let expected = call::Kind::History(History {
        max_bytes: 1_000 - body.len() as u64,
        references: vec![ours.into()],
        writer: String::new(),
    });
    assert_eq!((call.id.as_str(), call.kind), ("", Some(expected)));
    let item = r#"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"hello"}]}"#;
    let context = answer::Kind::Context(format!("[[],[{item}]]"));
    end_call(&host, &mut gateway, called.id, context);
    let mut attempt = attempt(&host);
    let sent = host.text(Buffer::Request);
    let said = r#""messages":[{"role":"assistant","content":"hello"},{"role":"user","content":"and?"},{"role":"assistant","content":"hello"}]"#;
    assert!(sent.contains(said), "{sent}");
    answer(&host, &mut attempt, OPENAI_ANSWER);
    let (_, stored) = settled(&host, gateway, 200);
    let whole = format!(r#"[{item},{{"role":"user","content":"and?"}},{item}]"#);
    assert_eq!(stored[0].input, whole, "items, and no references");

    // What is not ours is the upstream's to find.
    let body = r#"{"model":"m","input":[{"type":"item_reference","id":"msg_1"}]}"#;
    let same = crate::fixture::host(vec![channel(1, "openai-responses")]);
    assert_eq!(request(&same, RESPONSES, body).1, Flow::Continue);
    attempt_of(&same, body);
    let other = crate::fixture::host(vec![channel(1, "openai-chat")]);
    request(&other, RESPONSES, body);
    let reply = other.replied().unwrap();
    assert!(
        reply.status == 400 && reply.body.contains("input"),
        "{}",
        reply.body
    );
}

/// The upstream gets these very bytes.
fn attempt_of(host: &MockHost, body: &str) {
    attempt(host);
    assert_eq!(host.text(Buffer::Request), body);
}

#[test]
fn requests_about_conversations_go_to_the_control_plane() {
    for (method, path, body, allowed) in [
        ("POST", "", r#"{"metadata":{}}"#, true),
        ("POST", "", "", true),
        ("GET", "/conv_1?x=1", "", true),
        ("POST", "/conv_1", r#"{"metadata":{}}"#, true),
        ("DELETE", "/conv_1", "", true),
        ("GET", "/conv_1/items?limit=2", "", true),
        ("POST", "/conv_1/items", r#"{"items":[]}"#, true),
        ("DELETE", "/conv_1/items/msg_1", "", true),
        ("GET", "", "", false),
        ("DELETE", "/conv_1/items", "", false),
        ("GET", "/conv_1/other", "", false),
        ("GET", "/conv_1/items/a/b", "", false),
    ] {
        let host = host(vec![channel(1, "openai-chat")]);
        let target = format!("/v1/conversations{path}");
        let token = [("authorization", "Bearer sk-good")];
        let (mut gateway, flow) = head(&host, method, &target, &token, body.is_empty());
        assert_eq!(flow, Flow::Hold);
        if !allowed {
            let reply = host.replied().unwrap();
            assert!(
                matches!(reply.status, 404 | 405),
                "{target}: {}",
                reply.body
            );
            continue;
        }
        if !body.is_empty() {
            host.put_body(Buffer::Request, body.as_bytes());
            assert_eq!(gateway.request_body(&host, body.len(), true), Flow::Hold);
        }
        let (called, call) = the_call(&host);
        let Some(call::Kind::Conversations(asked)) = call.kind else {
            panic!("{call:?}");
        };
        let asked: Conversations = serde_json::from_str(&asked).unwrap();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        assert_eq!((asked.method.as_str(), asked.path.as_str()), (method, path));
        assert_eq!((asked.query.as_str(), asked.body.as_str()), (query, body));
        assert_eq!(call.group, "g");
        end_call(
            &host,
            &mut gateway,
            called.id,
            answer::Kind::Json("{\"its\":1}".into()),
        );
        assert_eq!(host.replied().unwrap().body, "{\"its\":1}");
        event(&host, gateway, 200);
    }
}

#[test]
fn nothing_is_written_where_nothing_is_served() {
    for (closed, out_of_credit, status) in [(true, false, 503), (false, true, 429)] {
        let host = host(vec![channel(1, "openai-chat")]);
        let mut config = state::active().unwrap().config.clone();
        config.closed = closed;
        state::activate(config).unwrap();
        let record = TokenRecord {
            enabled: true,
            group_enabled: true,
            out_of_credit,
            ..TokenRecord::default()
        };
        let host = host.with_shared(&key_of("good"), &record.encode_to_vec());
        for (method, path) in [
            ("POST", ""),
            ("POST", "/conv_1"),
            ("POST", "/conv_1/items"),
            ("GET", "/conv_1/items"),
            ("DELETE", "/conv_1/items/msg_1"),
            ("DELETE", "/conv_1"),
        ] {
            let target = format!("/v1/conversations{path}");
            head(&host, method, &target, &[("x-api-key", "good")], true);
            let refused = host.take_reply().map(|reply| reply.status);
            let expected = (method == "POST").then_some(status);
            assert_eq!(refused, expected, "{method} {target}");
            let calls = host.take_calls().len();
            assert_eq!(calls, usize::from(expected.is_none()));
        }
    }
}

#[test]
fn an_answer_for_which_there_is_no_memory_is_not_read() {
    let host = host(vec![channel(1, "openai-chat")]);
    let path = format!("{RESPONSES}/{OURS}");
    for room in [2_100, 1_900] {
        let (mut gateway, _) = head(&host, "GET", &path, &[("x-api-key", "good")], true);
        let (called, _) = the_call(&host);
        let most = Hold::take((512 << 20) - room).unwrap();
        let json = format!("\"{}\"", "x".repeat(1_000));
        let kind = answer::Kind::Json(json);
        end_call(&host, &mut gateway, called.id, kind);
        let status = host.take_reply().unwrap().status;
        assert_eq!(status, if room > 2_000 { 200 } else { 503 });
        drop(most);
    }
    assert!(Hold::take(512 << 20).is_some(), "all memory was given back");
}

#[test]
fn who_leaves_while_waiting_leaves_nothing_behind() {
    let (host, mut gateway, called) = waiting("openai-chat");
    gateway.log(&host);
    assert_eq!(host.cancelled_calls(), [called.id]);
    end_call(
        &host,
        &mut gateway,
        called.id,
        answer::Kind::Json("[]".into()),
    );
    assert!(!host.resumed() && host.replied().is_none());
    drop(gateway);
    assert!(Hold::take(512 << 20).is_some(), "all memory was given back");
}

#[test]
fn an_id_that_is_not_ours_is_the_upstreams() {
    let body = continuing(THEIRS);
    let same = host(vec![channel(1, "openai-responses")]);
    let (_gateway, flow) = request(&same, RESPONSES, &body);
    assert_eq!(flow, Flow::Continue);
    attempt(&same);
    assert_eq!(same.text(Buffer::Request), body, "to the byte");

    let other = host(vec![channel(1, "openai-chat")]);
    request(&other, RESPONSES, &body);
    let reply = other.replied().unwrap();
    assert_eq!(reply.status, 400);
    let names_it = r#""param":"previous_response_id""#;
    assert!(reply.body.contains(names_it), "{}", reply.body);
    assert!(other.take_calls().is_empty() && same.take_calls().is_empty());

    for (field, text) in [
        ("store", r#"{"model":"m","input":"a","store":"yes"}"#),
        (
            "previous_response_id",
            r#"{"model":"m","input":"a","previous_response_id":7}"#,
        ),
    ] {
        request(&other, RESPONSES, text);
        let reply = other.replied().unwrap();
        assert!(
            reply.status == 400 && reply.body.contains(field),
            "{}",
            reply.body
        );
    }
}

#[test]
fn questions_about_a_response_are_answered_by_the_control_plane() {
    let nothing = Nothing {};
    let page = |after: &str, limit, descending| {
        call::Kind::InputItems(InputItems {
            after: after.into(),
            limit,
            descending,
        })
    };
    for (method, rest, kind) in [
        ("GET", "", call::Kind::Show(nothing)),
        ("GET", "?stream=false", call::Kind::Show(nothing)),
        ("DELETE", "", call::Kind::Delete(nothing)),
        ("POST", "/cancel", call::Kind::Cancel(nothing)),
        ("GET", "/input_items", page("", 20, true)),
        (
            "GET",
            "/input_items?order=asc&limit=100&after=msg_1",
            page("msg_1", 100, false),
        ),
    ] {
        for (end, status, text) in [
            (Some(answer::Kind::Json("{\"its\":1}".into())), 200, "its"),
            (Some(answer::Kind::NotFound(nothing)), 404, "not found"),
            (None, 503, "try again"),
        ] {
            let host = host(vec![channel(1, "openai-chat")]);
            let path = format!("{RESPONSES}/{OURS}{rest}");
            let token = ("authorization", "Bearer sk-good");
            let (mut gateway, flow) = head(&host, method, &path, &[token], true);
            assert_eq!((flow, host.replied()), (Flow::Hold, None));
            let (called, call) = the_call(&host);
            let expected = Call {
                group: "g".into(),
                id: OURS.into(),
                kind: Some(kind.clone()),
            };
            assert_eq!(call, expected);
            match end {
                Some(kind) => end_call(&host, &mut gateway, called.id, kind),
                None => gateway.call_ended(&host, called.id, None),
            }
            let reply = host.replied().unwrap();
            assert_eq!(reply.status, status, "{method} {path}: {}", reply.body);
            assert!(reply.body.contains(text), "{}", reply.body);
            event(&host, gateway, status);
        }
    }
}

#[test]
fn questions_that_cannot_be_asked() {
    for (method, rest, token, status, text) in [
        ("GET", OURS, "sk-bad", 401, "not valid"),
        ("DELETE", OURS, "", 401, "No API key"),
        ("POST", OURS, "sk-good", 405, "GET, DELETE"),
        ("GET", THEIRS, "sk-good", 404, "not found"),
        ("DELETE", "resp_%27", "sk-good", 404, "resp_'"),
        ("GET", "compact", "sk-good", 404, "compact"),
    ] {
        let host = host(vec![channel(1, "openai-chat")]);
        let path = format!("{RESPONSES}/{rest}");
        let headers = [("x-api-key", token)];
        let headers = if token.is_empty() { &[][..] } else { &headers };
        head(&host, method, &path, headers, true);
        let reply = host.replied().unwrap();
        assert_eq!(reply.status, status, "{path}: {}", reply.body);
        assert!(reply.body.contains(text), "{}", reply.body);
        assert!(host.take_calls().is_empty());
    }
    for (query, param) in [
        ("?stream=true", "stream"),
        ("/input_items?limit=0", "limit"),
        ("/input_items?limit=101", "limit"),
        ("/input_items?limit=x", "limit"),
        ("/input_items?order=up", "order"),
    ] {
        let host = host(vec![channel(1, "openai-chat")]);
        let path = format!("{RESPONSES}/{OURS}{query}");
        head(&host, "GET", &path, &[("x-api-key", "good")], true);
        let reply = host.replied().unwrap();
        let named = reply.body.contains(&format!(r#""param":"{param}""#));
        assert!(reply.status == 400 && named, "{query}: {}", reply.body);
    }
}
