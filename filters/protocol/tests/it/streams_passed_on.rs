//! Streams that are passed on in their own dialect.

use serde_json::{Value, json};
use tollgate_protocol::stream::{
    MAX_EVENT_BYTES, Observer, ObserverOptions, Outcome, Status, StreamFault,
};
use tollgate_protocol::{Dialect, ErrorInfo, ErrorKind};

use crate::support::{C, M, events, reply, sse};
use crate::validator;

fn observe<'c>(
    dialect: Dialect,
    options: &ObserverOptions,
    chunks: impl IntoIterator<Item = &'c [u8]>,
) -> (String, Observer) {
    let mut observer = Observer::new(dialect, options.clone());
    let mut out = Vec::new();
    for chunk in chunks {
        observer.push(chunk, &mut out).unwrap();
    }
    observer.finish(reply(), &mut out);
    (String::from_utf8(out).unwrap(), observer)
}

/// The output, the same at every split.
#[track_caller]
fn check(dialect: Dialect, options: &ObserverOptions, input: &str) -> (String, Observer) {
    let (whole, observer) = observe(dialect, options, [input.as_bytes()]);
    for at in 0..=input.len() {
        let (head, tail) = input.as_bytes().split_at(at);
        assert_eq!(
            observe(dialect, options, [head, tail]).0,
            whole,
            "cut at {at}"
        );
    }
    (whole, observer)
}

const CHAT: &str = concat!(
    "\u{feff}: hello\r\n\r\n",
    "data: {\"id\":\"x\", \"model\" : \"internal\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\u00e9\"},\"finish_reason\":null}] ,\"usage\":null}  \n\n",
    "data: {\"model\":\"internal\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\r\r",
    "data: {\"model\":\"internal\",\ndata: \"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n",
    "data: [DONE]\n\n",
);

fn rename() -> ObserverOptions {
    ObserverOptions {
        model: Some("alias\"".into()),
        ..ObserverOptions::default()
    }
}

#[test]
fn every_byte_is_passed_on() {
    let (out, observer) = check(C, &ObserverOptions::default(), CHAT);
    assert_eq!(out, CHAT);
    assert_eq!(observer.outcome(), Outcome::Complete);
    assert_eq!(
        (
            observer.usage().input_tokens,
            observer.usage().output_tokens
        ),
        (Some(3), Some(4))
    );
    assert!(observer.first_output_seen() && *observer.status() == Status::Answer);
}

#[test]
fn a23_only_the_models_name_is_changed() {
    let (out, _) = check(C, &rename(), CHAT);
    let one_line = "data: {\"model\":\"internal\",\ndata: \"choices\"";
    let expected = CHAT.replacen("\"internal\"", "\"alias\\\"\"", 2).replace(
        one_line,
        "data: {\"model\":\"alias\\\"\",\ndata: \"choices\"",
    );
    assert_eq!(out, expected);
    let own = sse(&[
        json!({"type": "message_start", "message": {"model": "internal", "usage": {"input_tokens": 1}}}),
        json!({"type": "ping"}),
    ]);
    let (out, _) = observe(M, &rename(), [own.as_bytes()]);
    assert!(out.starts_with(&own.replace("\"internal\"", "\"alias\\\"\"")));
}

#[test]
fn i5_the_usage_chunk_that_nobody_asked_for_is_left_out() {
    let options = ObserverOptions {
        drops_usage_chunk: true,
        ..ObserverOptions::default()
    };
    let (out, observer) = check(C, &options, CHAT);
    let (before, rest) = CHAT
        .split_once("data: {\"model\":\"internal\",\ndata:")
        .unwrap();
    let done = &rest[rest.find("data: [DONE]").unwrap()..];
    assert_eq!(out, format!("{before}{done}"));
    assert_eq!(observer.usage().output_tokens, Some(4));
}

#[test]
fn i11_a_cut_stream_gets_an_error_and_no_half_event() {
    for at in 0..CHAT.find("\"stop\"").unwrap() {
        let input = &CHAT.as_bytes()[..at];
        let (out, observer) = observe(C, &ObserverOptions::default(), [input]);
        assert!(!out.contains("[DONE]"), "cut at {at}");
        match observer.outcome() {
            Outcome::Interrupted => assert_eq!(
                events(&out).pop().unwrap()["error"]["code"],
                "upstream_error"
            ),
            Outcome::Failed(ErrorKind::Upstream) => {
                assert!(matches!(observer.status(), Status::Error(_)))
            }
            other => panic!("cut at {at}: {other:?}"),
        }
    }
}

#[test]
fn a_whole_stream_gets_the_formality_that_it_lacks() {
    let (out, observer) = check(
        C,
        &ObserverOptions::default(),
        CHAT.strip_suffix("data: [DONE]\n\n").unwrap(),
    );
    assert_eq!(
        (out.as_str(), observer.outcome()),
        (CHAT, Outcome::Complete)
    );
    let (out, _) = check(
        C,
        &ObserverOptions::default(),
        CHAT.strip_suffix("\n\n").unwrap(),
    );
    assert_eq!(out, CHAT);
}

#[test]
fn k7_k8_errors() {
    let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}\n\n";
    let (_, observer) = check(M, &ObserverOptions::default(), error);
    assert!(
        matches!(observer.status(), Status::Error(error) if error.kind == ErrorKind::Overloaded)
    );
    let start = sse(&[json!({"type": "message_start", "message": {"usage": {"input_tokens": 1}}})]);
    let input = format!("{start}{error}: bye\n\n");
    let (out, _) = check(M, &ObserverOptions::default(), &input);
    assert_eq!(out, input, "what names nothing is passed on");
    let leaky = error.replace(
        "\"x\"",
        "\"bad key sk-ant-api03-0123456789abcdef at 10.0.0.5\"",
    );
    for error in [leaky.as_str(), "data: \u{1}garbage\n\n"] {
        let input = format!("{start}{error}: bye\n\n");
        let (out, observer) = check(M, &ObserverOptions::default(), &input);
        assert!(matches!(observer.outcome(), Outcome::Failed(_)));
        let told = out.strip_prefix(&start).expect("what came before stays");
        assert!(told.starts_with("event: error\ndata: "), "{told}");
        for secret in ["sk-ant", "10.0.0.5", "garbage", "bye"] {
            assert!(!told.contains(secret), "{secret} in {told}");
        }
    }
    for input in ["<html>", "", "{\"error\":{}}", "[]", "{"] {
        let (out, observer) = check(C, &ObserverOptions::default(), input);
        assert!(
            matches!(observer.status(), Status::Error(_)) && out.is_empty(),
            "{input}"
        );
    }
}

#[test]
fn k7_what_cannot_be_read_in_mid_stream_becomes_a_legal_end() {
    let chat = sse(&[json!({"choices": [{"index": 0, "delta": {"content": "a"}}]})]);
    let messages =
        sse(&[json!({"type": "message_start", "message": {"usage": {"input_tokens": 1}}})]);
    for (dialect, start) in [(C, chat), (M, messages)] {
        let input = format!("{start}data: oops {{\n\n{start}");
        let (out, observer) = check(dialect, &ObserverOptions::default(), &input);
        let end = out.strip_prefix(&start).unwrap();
        assert!(!end.contains("oops"), "{end}");
        assert_eq!(observer.outcome(), Outcome::Failed(ErrorKind::Upstream));
        let told = events(end);
        assert_eq!(told.len(), 1, "{end}");
        assert!(told[0]["error"]["message"].is_string(), "{end}");
        assert_eq!(end.starts_with("event: error\n"), dialect == M);
    }
}

#[test]
fn k10_a_json_answer_becomes_a_stream() {
    let answer = json!({"model": "internal", "choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}], "usage": {"completion_tokens": 2}});
    let (out, observer) = check(C, &ObserverOptions::default(), &answer.to_string());
    validator::check(C, &out);
    assert_eq!(
        (observer.outcome(), observer.usage().output_tokens),
        (Outcome::Complete, Some(2))
    );
    assert!(!out.contains("internal"));
}

#[test]
fn the_gateway_can_end_it() {
    let start = sse(&[json!({"choices": [{"index": 0, "delta": {"content": "a"}}]})]);
    let mut observer = Observer::new(C, ObserverOptions::default());
    let mut out = Vec::new();
    observer.push(start.as_bytes(), &mut out).unwrap();
    observer.fail(&ErrorInfo::new(ErrorKind::Timeout, "Too slow."), &mut out);
    observer.push(start.as_bytes(), &mut out).unwrap();
    assert_eq!(
        observer.finish(reply(), &mut out),
        Outcome::Failed(ErrorKind::Timeout)
    );
    let told: Vec<Value> = events(std::str::from_utf8(&out).unwrap());
    assert_eq!(told.len(), 2);
}

#[test]
fn an_event_without_end_is_a_fault_and_the_last_word() {
    let start = sse(&[json!({"choices": [{"index": 0, "delta": {"content": "a"}}]})]);
    let mut observer = Observer::new(C, ObserverOptions::default());
    let mut out = Vec::new();
    observer.push(start.as_bytes(), &mut out).unwrap();
    let chunk = vec![b'x'; 1 << 20];
    let fault = (0..=MAX_EVENT_BYTES >> 20).find_map(|_| observer.push(&chunk, &mut out).err());
    assert_eq!(fault, Some(StreamFault::EventTooLarge));
    observer.push(b"\n\ndata: late\n\n", &mut out).unwrap();
    assert_eq!(observer.finish(reply(), &mut out), Outcome::Interrupted);
    let told = events(std::str::from_utf8(&out).unwrap());
    assert_eq!(told.len(), 2);
    assert_eq!(told[1]["error"]["code"], "upstream_error");
}
