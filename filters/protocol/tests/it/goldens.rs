//! Every fixture before every target: whole requests, answers and streams, beside what becomes of them.
//!
//! A file is one fixture, `<what>.<dialect>[.<more>].txt`: the input, then for each target a line with
//! its name and the output. Requests and answers are shown as indented JSON, streams as they are;
//! Converse's frames are shown as the names and payloads of their events. `UPDATE_GOLDENS=1` renews all.

use std::path::{Path, PathBuf};

use tollgate_protocol::json::{Json, Kind, Limits};
use tollgate_protocol::{ALL, CALLERS, Dialect, translate_response, write_request};

use crate::event_stream;
use crate::support::{TARGET, reply, request, stream, stream_at_every_split};
use crate::validator;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/goldens")
}

fn ruler(target: Dialect) -> String {
    format!("\n---------------------------------------------------------------- {target}\n")
}

/// Checks the fixtures of this kind; `translate` gives the output for a target.
fn check(what: &str, targets: &[Dialect], translate: impl Fn(Dialect, Dialect, &str) -> String) {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let mut seen = 0;
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap();
        let mut parts = name.split('.');
        if parts.next() != Some(what) {
            continue;
        }
        let from: Dialect = parts.next().unwrap().parse().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let input = text.split("\n------").next().unwrap();
        let mut shown = input.to_owned();
        for &to in targets {
            shown.push_str(&ruler(to));
            shown.push_str(&translate(from, to, input));
        }
        if std::env::var_os("UPDATE_GOLDENS").is_some() {
            std::fs::write(&path, &shown).unwrap();
        } else {
            assert_eq!(shown, text, "{name}; UPDATE_GOLDENS=1 renews it");
        }
        seen += 1;
    }
    assert!(seen > 3, "{seen} fixtures of {what}");
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

#[test]
fn requests_before_every_upstream() {
    check("request", ALL, |from, to, input| {
        let written = match write_request(to, &request(from, input), &TARGET) {
            Ok(written) => written,
            Err(refused) => return format!("refused: {}: {}\n", refused.field, refused.message),
        };
        let mut shown = pretty(&written.body);
        for loss in &written.losses {
            shown.push_str(&format!("\nlost: {}: {}", loss.field, loss.reason));
        }
        shown
    });
}

#[test]
fn answers_before_every_caller() {
    check("answer", CALLERS, |from, to, input| {
        let (body, _) = translate_response(from, to, input.into(), &reply()).unwrap();
        pretty(&body)
    });
}

#[test]
fn streams_before_every_caller() {
    check("stream", CALLERS, |from, to, input| {
        let streamed = if from == Dialect::BedrockConverse {
            let frames = frames(input);
            let whole = stream(from, to, reply(), [frames.as_slice()]);
            for at in 0..=frames.len() {
                let (head, tail) = frames.split_at(at);
                let cut = stream(from, to, reply(), [head, tail]);
                assert_eq!(cut, whole, "cut at byte {at}");
            }
            whole
        } else {
            stream_at_every_split(from, to, input)
        };
        validator::check(to, &streamed.text);
        streamed.text
    });
}

/// Frames of the events that lines name.
fn frames(lines: &str) -> Vec<u8> {
    lines
        .lines()
        .flat_map(|line| {
            let (name, payload) = line.split_once(' ').unwrap();
            event_stream::event(name, &serde_json::from_str(payload).unwrap())
        })
        .collect()
}
