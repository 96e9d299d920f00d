//! Whole conversations and whole streams, beside what becomes of them.
//!
//! A golden is one file: the input, a line of dashes, the output. Requests and
//! answers are shown as indented JSON, streams as they are.

use std::path::{Path, PathBuf};

use tollgate_protocol::json::{Json, Kind, Limits};
use tollgate_protocol::{Dialect, translate_response, write_request};

use crate::support::{C, G, M, R, TARGET, reply, request, stream_at_every_split};
use crate::validator;

const RULER: &str = "\n----------------------------------------------------------------\n";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/goldens")
}

fn check(name: &str, translate: impl Fn(&str) -> String) {
    let path = folder().join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let (input, expected) = text.split_once(RULER).unwrap_or((&text, ""));
    let output = translate(input);
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::write(&path, format!("{input}{RULER}{output}")).unwrap();
    } else {
        assert_eq!(output, expected, "{name}; UPDATE_GOLDENS=1 renews it");
    }
}

/// Indented, with keys, numbers and escapes as they are.
fn pretty(bytes: &[u8]) -> String {
    let json = Json::parse(bytes, &Limits::response()).unwrap();
    let mut out = String::new();
    indent(json, 0, &mut out);
    out + "\n"
}

fn indent(json: Json<'_>, depth: usize, out: &mut String) {
    let line = |depth: usize, out: &mut String| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    let (open, close) = match json.kind() {
        Kind::Object => ('{', '}'),
        Kind::Array => ('[', ']'),
        _ => return out.push_str(json.raw()),
    };
    // What fits on a line, or was copied as it stood, stays on one.
    if json.raw().len() < 80 || json.raw().contains(": ") && !json.raw().contains("\":\"") {
        return out.push_str(json.raw());
    }
    out.push(open);
    let members = json
        .entries()
        .map(|(key, value)| (format!("\"{key}\": "), value));
    let items = json.items().map(|value| (String::new(), value));
    for (index, (key, value)) in members.chain(items).enumerate() {
        out.push_str(if index > 0 { "," } else { "" });
        line(depth + 1, out);
        out.push_str(&key);
        indent(value, depth + 1, out);
    }
    line(depth, out);
    out.push(close);
}

fn check_request(name: &str, from: Dialect, to: Dialect) {
    check(name, |input| {
        let written = write_request(to, &request(from, input), &TARGET).unwrap();
        let mut shown = pretty(&written.body);
        for loss in &written.losses {
            shown.push_str(&format!("\nlost: {}: {}", loss.field, loss.reason));
        }
        shown
    });
}

fn check_answer(name: &str, from: Dialect, to: Dialect) {
    check(name, |input| {
        let (body, _) = translate_response(from, to, input.into(), &reply()).unwrap();
        pretty(&body)
    });
}

fn check_stream(name: &str, from: Dialect, to: Dialect) {
    check(name, |input| {
        let streamed = stream_at_every_split(from, to, input);
        validator::check(to, &streamed.text);
        streamed.text
    });
}

#[test]
fn an_agents_request_for_anthropic() {
    check_request("request_openai_chat_to_anthropic.txt", C, M);
}

#[test]
fn an_agents_request_for_openai() {
    check_request("request_anthropic_to_openai_chat.txt", M, C);
}

#[test]
fn an_answer_for_an_openai_caller() {
    check_answer("answer_anthropic_to_openai_chat.txt", M, C);
}

#[test]
fn an_answer_for_an_anthropic_caller() {
    check_answer("answer_openai_chat_to_anthropic.txt", C, M);
}

#[test]
fn a_stream_for_an_openai_caller() {
    check_stream("stream_anthropic_to_openai_chat.txt", M, C);
}

#[test]
fn a_stream_for_an_anthropic_caller() {
    check_stream("stream_openai_chat_to_anthropic.txt", C, M);
}

#[test]
fn an_agents_requests_between_anthropic_and_gemini() {
    check_request("request_gemini_to_anthropic.txt", G, M);
    check_request("request_anthropic_to_gemini.txt", M, G);
}

#[test]
fn an_answer_of_gemini() {
    check_answer("answer_gemini_to_openai_chat.txt", G, C);
}

#[test]
fn streams_from_and_to_gemini() {
    check_stream("stream_gemini_to_anthropic.txt", G, M);
    check_stream("stream_openai_chat_to_gemini.txt", C, G);
}

#[test]
fn codex_request_for_others() {
    check_request("request_openai_responses_to_anthropic.txt", R, M);
    check_request("request_openai_responses_to_openai_chat.txt", R, C);
}

#[test]
fn an_agents_request_for_responses() {
    check_request("request_anthropic_to_openai_responses.txt", M, R);
}

#[test]
fn an_answer_for_a_responses_caller() {
    check_answer("answer_anthropic_to_openai_responses.txt", M, R);
}

#[test]
fn streams_for_a_responses_caller() {
    check_stream("stream_anthropic_to_openai_responses.txt", M, R);
    check_stream("stream_openai_chat_to_openai_responses.txt", C, R);
}

#[test]
fn a_responses_stream_for_others() {
    check_stream("stream_openai_responses_to_anthropic.txt", R, M);
    check_stream("stream_openai_responses_to_openai_chat.txt", R, C);
}
