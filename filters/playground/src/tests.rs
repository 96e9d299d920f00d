//! The playground as JavaScript sees it, run as WebAssembly on Node: `make test`.
//!
//! What comes back is read with JavaScript's own parser. The page's examples are tried, between all
//! dialects, by `web/tests`, on the very module that is served.

use js_sys::{Array, JSON, Reflect};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

const CHAT: &str = "openai-chat";
const MESSAGES: &str = "anthropic";

const REQUEST: &[u8] =
    br#"{ "model": "asked",  "seed": 7, "messages": [{"role": "user", "content": "caf\u00e9"}]}"#;
const STREAM: &[u8] =
    include_bytes!("../../../web/playground/examples/anthropic.stream.thinking.sse");
const CUT: &[u8] = include_bytes!("../../../web/playground/examples/openai-chat.stream.cut.sse");
const OVERLOADED: &[u8] =
    include_bytes!("../../../web/playground/examples/anthropic.stream.overloaded.sse");
const CACHED: &[u8] =
    include_bytes!("../../../web/playground/examples/anthropic.answer.cache.json");

fn parsed(json: &str) -> JsValue {
    JSON::parse(json).expect("JSON")
}

fn at(value: &JsValue, key: &str) -> JsValue {
    Reflect::get(value, &key.into()).expect("an object")
}

fn text(value: &JsValue, key: &str) -> String {
    at(value, key).as_string().unwrap_or_default()
}

fn list(value: &JsValue, key: &str) -> Vec<JsValue> {
    Array::from(&at(value, key)).to_vec()
}

fn names() -> Vec<(String, bool)> {
    let listed = Array::from(&parsed(&dialects())).to_vec();
    let read = |it: &JsValue| (text(it, "name"), at(it, "for_callers") == JsValue::TRUE);
    listed.iter().map(read).collect()
}

#[wasm_bindgen_test]
fn dialects_are_listed_and_those_of_callers_marked() {
    let names = names();
    for caller in [CHAT, MESSAGES, "gemini", "openai-responses"] {
        assert!(names.contains(&(caller.to_owned(), true)), "{names:?}");
    }
    assert!(names.contains(&("bedrock-converse".to_owned(), false)));
}

#[wasm_bindgen_test]
fn a_request_passes_or_is_edited_or_translated_and_says_what_is_lost() {
    let same = parsed(&translate_request(CHAT, CHAT, "", REQUEST));
    assert_eq!(text(&same, "verdict"), "passed");
    assert_eq!(text(&same, "body").as_bytes(), REQUEST);

    let renamed = parsed(&translate_request(CHAT, CHAT, "other", REQUEST));
    assert_eq!(text(&renamed, "verdict"), "edited");
    let expected = String::from_utf8_lossy(REQUEST).replace("\"asked\"", "\"other\"");
    assert_eq!(text(&renamed, "body"), expected);

    let translated = parsed(&translate_request(CHAT, MESSAGES, "m", REQUEST));
    assert_eq!(text(&translated, "verdict"), "translated");
    let body = parsed(&text(&translated, "body"));
    assert_eq!(text(&body, "model"), "m");
    let lost = list(&translated, "losses");
    assert!(lost.iter().any(|loss| text(loss, "field") == "seed"));
    assert!(lost.iter().all(|loss| !text(loss, "reason").is_empty()));
}

#[wasm_bindgen_test]
fn what_would_change_the_meaning_is_a_400_in_the_callers_dialect() {
    let two = br#"{"model": "m", "n": 2, "messages": [{"role": "user", "content": "hi"}]}"#;
    let refused = parsed(&translate_request(CHAT, MESSAGES, "m", two));
    assert_eq!(text(&refused, "verdict"), "refused");
    assert_eq!(at(&refused, "status").as_f64(), Some(400.0));
    let error = at(&parsed(&text(&refused, "body")), "error");
    assert_eq!(text(&error, "param"), "n");
}

#[wasm_bindgen_test]
fn an_answer_is_translated_and_its_usage_counted() {
    let outcome = parsed(&translate_answer(CHAT, MESSAGES, "asked", CACHED));
    let body = parsed(&text(&outcome, "body"));
    assert_eq!(text(&body, "model"), "asked");
    let usage = list(&outcome, "usage");
    let count = |name: &str| {
        let found = usage.iter().find(|it| text(it, "name") == name);
        found.and_then(|it| at(it, "count").as_f64())
    };
    assert_eq!(count("input_tokens"), Some(2_121.0), "gross");
    assert_eq!(count("cache_read_tokens"), Some(1_800.0));
    assert_eq!(count("output_tokens"), Some(87.0));
}

#[wasm_bindgen_test]
fn a_stream_is_whole_or_cut_or_an_error() {
    let whole = parsed(&translate_stream(CHAT, MESSAGES, "asked", STREAM));
    assert_eq!(text(&whole, "verdict"), "translated");
    assert!(text(&whole, "body").ends_with("data: [DONE]\n\n"));
    let cut = parsed(&translate_stream(MESSAGES, CHAT, "asked", CUT));
    assert_eq!(text(&cut, "verdict"), "interrupted");
    assert!(text(&cut, "body").contains("event: error\n"));
    let failed = parsed(&translate_stream(CHAT, MESSAGES, "asked", OVERLOADED));
    assert_eq!(text(&failed, "verdict"), "refused");
    assert_eq!(at(&failed, "status").as_f64(), Some(503.0));
}

#[wasm_bindgen_test]
fn an_error_is_shown_without_the_operators_secrets() {
    let told = br#"{"error":{"message":"Incorrect API key provided: sk-abcdefghijklmnop"}}"#;
    let outcome = parsed(&translate_error(CHAT, CHAT, 401, told));
    assert_eq!(at(&outcome, "status").as_f64(), Some(502.0));
    assert!(!text(&outcome, "body").contains("sk-abc"));
}

#[wasm_bindgen_test]
fn whatever_is_pasted_is_answered_and_nothing_throws() {
    let deep = "[".repeat(100_000);
    let inputs: [&[u8]; 6] = [
        b"",
        b"{}",
        &[0xff, 0xfe, 0],
        b"<html>",
        b"[",
        deep.as_bytes(),
    ];
    let names = names();
    for input in inputs {
        for (caller, for_callers) in &names {
            for (upstream, _) in &names {
                for outcome in [
                    translate_request(caller, upstream, "m", input),
                    translate_answer(caller, upstream, "m", input),
                    translate_stream(caller, upstream, "m", input),
                    translate_error(caller, upstream, 500, input),
                ] {
                    let verdict = text(&parsed(&outcome), "verdict");
                    assert_eq!(verdict == "mistake", !for_callers, "{caller} {upstream}");
                }
            }
        }
    }
    let outcome = parsed(&translate_request("french", CHAT, "m", b"{}"));
    assert_eq!(text(&outcome, "verdict"), "mistake");
}
