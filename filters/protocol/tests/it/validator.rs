//! Says whether a stream is legal in its dialect: one state machine each.

use serde_json::Value;
use tollgate_protocol::Dialect;

use crate::support::{C, G, L, M, R, events};
use crate::validator_gemini;
use crate::validator_openai_responses;

/// Panics with the reason where a successful stream breaks its dialect's grammar.
pub(crate) fn check(dialect: Dialect, stream: &str) {
    let result = match dialect {
        C => chat(stream),
        M => messages(stream),
        G => validator_gemini::check(stream),
        R => validator_openai_responses::check(stream),
        L => completions(stream),
        other => panic!("no validator for {other}"),
    };
    if let Err(reason) = result {
        panic!("illegal {dialect} stream: {reason}\n{stream}");
    }
}

/// ```text
/// Role(i) ──delta(i)*──► Finish(i)          for every choice i
/// stream = chunk+ [usage chunk] [DONE]      same id, created, model in all
/// call   = {index,id,type,name,""} ({index,arguments})*   indexes 0.. without gaps
/// ```
fn chat(stream: &str) -> Result<(), String> {
    if stream.lines().any(|line| line.starts_with("event:")) {
        return Err("has named events".into());
    }
    let mut chunks = events(stream);
    if chunks.pop() != Some("[DONE]".into()) {
        return Err("does not end with [DONE]".into());
    }
    let identity = |chunk: &Value| {
        (
            chunk["id"].clone(),
            chunk["created"].clone(),
            chunk["model"].clone(),
        )
    };
    let first = chunks.first().map(identity);
    let mut roles = Vec::new();
    let mut finished = Vec::new();
    let mut calls: Vec<(u64, u64, String)> = Vec::new();
    let mut usage_seen = false;
    for chunk in &chunks {
        if Some(identity(chunk)) != first {
            return Err("changes its identity".into());
        }
        if chunk["object"] != "chat.completion.chunk" || usage_seen {
            return Err("has a wrong object, or goes on after the usage".into());
        }
        let choices = chunk["choices"].as_array().ok_or("choices")?;
        if choices.is_empty() {
            usage_seen = chunk["usage"].is_object();
        }
        for choice in choices {
            let index = choice["index"].as_u64().ok_or("index")?;
            let delta = choice["delta"].as_object().ok_or("delta")?;
            if delta.contains_key("role") == roles.contains(&index) {
                return Err(format!("choice {index}: the role comes first, once"));
            }
            roles.push(index);
            if finished.contains(&index) {
                return Err(format!("choice {index} goes on after its finish"));
            }
            for call in delta
                .get("tool_calls")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                let number = call["index"].as_u64().ok_or("call index")?;
                let known = calls
                    .iter_mut()
                    .find(|known| (known.0, known.1) == (index, number));
                let custom = call.get("custom").is_some();
                let (kind, key) = if custom {
                    ("custom", "input")
                } else {
                    ("function", "arguments")
                };
                let arguments = call[kind][key].as_str().ok_or("arguments")?;
                match known {
                    Some(known) => {
                        if call.get("id").is_some() || call[kind].get("name").is_some() {
                            return Err("repeats the id or name of a call".into());
                        }
                        if !custom {
                            known.2.push_str(arguments);
                        }
                    }
                    None => {
                        let of_choice =
                            calls.iter().filter(|known| known.0 == index).count() as u64;
                        let complete = call["id"].as_str().is_some_and(|id| !id.is_empty())
                            && call["type"] == kind
                            && call[kind]["name"].is_string()
                            && arguments.is_empty();
                        if number != of_choice || !complete {
                            return Err(format!("call {number} begins wrongly"));
                        }
                        // The text of a custom tool is a JSON value to nobody.
                        let begun = if custom { "0 " } else { "" };
                        calls.push((index, number, begun.into()));
                    }
                }
            }
            if let Some(reason) = choice["finish_reason"].as_str() {
                finished.push(index);
                if reason == "tool_calls" {
                    let parse =
                        |call: &(u64, u64, String)| serde_json::from_str::<Value>(&call.2).is_ok();
                    if !calls.iter().filter(|call| call.0 == index).all(parse) {
                        return Err("has arguments that are not JSON".into());
                    }
                }
            }
        }
    }
    roles.sort_unstable();
    roles.dedup();
    finished.sort_unstable();
    (roles == finished && !roles.is_empty())
        .then_some(())
        .ok_or("has a choice without finish".into())
}

/// ```text
/// stream = chunk+ [usage chunk] [DONE]      same id in all; each choice finishes once
/// ```
fn completions(stream: &str) -> Result<(), String> {
    let mut chunks = events(stream);
    if chunks.pop() != Some("[DONE]".into()) || stream.contains("event:") {
        return Err("does not end with [DONE], or has named events".into());
    }
    let mut finished: Vec<Value> = Vec::new();
    let mut begun: Vec<Value> = Vec::new();
    for chunk in &chunks {
        if chunk["object"] != "text_completion" || chunk["id"] != chunks[0]["id"] {
            return Err("has a wrong object or id".into());
        }
        for choice in chunk["choices"].as_array().ok_or("choices")? {
            if finished.contains(&choice["index"]) || !choice["text"].is_string() {
                return Err("goes on after its finish, or has no text".into());
            }
            begun.push(choice["index"].clone());
            if choice["finish_reason"].is_string() {
                finished.push(choice["index"].clone());
            }
        }
    }
    begun.sort_by_key(Value::as_u64);
    begun.dedup();
    finished.sort_by_key(Value::as_u64);
    (begun == finished && !begun.is_empty())
        .then_some(())
        .ok_or("has a choice without finish".into())
}

/// ```text
/// Fresh ──message_start──► Between ──content_block_start(n)──► In(n)
/// In(n) ──content_block_delta(n)*, content_block_stop(n)──► Between, next is n+1
/// Between ──message_delta──► Closing ──message_stop──► Closed
/// ```
fn messages(stream: &str) -> Result<(), String> {
    #[derive(PartialEq)]
    enum State {
        Fresh,
        Between,
        In(String, String),
        Closing,
        Closed,
    }
    let names = stream
        .lines()
        .filter_map(|line| line.strip_prefix("event: "));
    let events = events(stream);
    if names.clone().count() != events.len() || stream.contains("[DONE]") {
        return Err("has events without a name, or [DONE]".into());
    }
    let mut state = State::Fresh;
    let mut next = 0;
    for (name, event) in names.zip(&events) {
        if event["type"] != name {
            return Err(format!("names {name} what is {}", event["type"]));
        }
        if name.starts_with("content_block") && event["index"] != next {
            return Err(format!("has index {} in place of {next}", event["index"]));
        }
        state = match (state, name) {
            // Anywhere once it has begun.
            (state, "ping") if state != State::Fresh && state != State::Closed => state,
            (State::Fresh, "message_start") => {
                let message = &event["message"];
                if message["content"] != Value::Array(vec![]) || !message["usage"].is_object() {
                    return Err("starts with a wrong message".into());
                }
                State::Between
            }
            (State::Between, "content_block_start") => {
                let kind = event["content_block"]["type"].as_str().ok_or("type")?;
                State::In(kind.to_owned(), String::new())
            }
            (State::In(kind, mut input), "content_block_delta") => {
                let delta = event["delta"]["type"].as_str().ok_or("delta")?;
                let fits = match delta {
                    "text_delta" => kind == "text",
                    "thinking_delta" | "signature_delta" => kind == "thinking",
                    "input_json_delta" => kind == "tool_use",
                    _ => false,
                };
                if !fits {
                    return Err(format!("has a {delta} in a {kind} block"));
                }
                input.push_str(event["delta"]["partial_json"].as_str().unwrap_or_default());
                State::In(kind, input)
            }
            (State::In(..), "content_block_stop") => {
                next += 1;
                State::Between
            }
            (State::Between, "message_delta") => {
                if !event["delta"]["stop_reason"].is_string()
                    || !event["usage"]["output_tokens"].is_u64()
                {
                    return Err("closes without a reason or usage".into());
                }
                State::Closing
            }
            (State::Closing, "message_stop") => State::Closed,
            (_, name) => return Err(format!("has {name} where it does not belong")),
        };
    }
    (state == State::Closed)
        .then_some(())
        .ok_or("does not end".into())
}
