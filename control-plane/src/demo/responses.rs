//! OpenAI Responses: its requests, answers, streams and errors. Nothing is kept, so a request that
//! goes on from an earlier answer is refused.
//!
//! Shapes and order are those of the API reference of `POST /v1/responses` and its streaming
//! events (<https://platform.openai.com/docs/api-reference/responses-streaming>).

mod read;

use serde_json::{Map, Value, json};

pub(super) use self::read::read;
use super::answer::{Answer, Call, Finish};
use super::events::{Step, named, script};
use super::openai::CREATED;

/// Stands for encrypted reasoning; a caller must send it back as it is.
const ENCRYPTED: &str = "ZGVtbyByZWFzb25pbmc=";

pub(super) fn whole(answer: &Answer) -> Value {
    let mut response = begun(answer);
    if let Some(response) = response.as_object_mut() {
        let status = finish(answer);
        if status == "incomplete" {
            let details = json!({ "reason": "max_output_tokens" });
            response.insert("incomplete_details".into(), details);
        }
        response.insert("status".into(), json!(status));
        let output = items(answer).iter().map(Item::whole).collect();
        response.insert("output".into(), output);
        response.insert("usage".into(), usage(answer));
    }
    response
}

pub(super) fn stream(answer: &Answer) -> Vec<Step> {
    let mut number = 0_u64;
    let mut event = |kind: &str, fields: Value| {
        let mut data = Map::new();
        data.insert("type".into(), json!(kind));
        data.insert("sequence_number".into(), json!(number));
        number += 1;
        data.extend(fields.as_object().cloned().unwrap_or_default());
        named(&Value::Object(data))
    };
    let response = json!({ "response": begun(answer) });
    let beginning = vec![
        event("response.created", response.clone()),
        event("response.in_progress", response),
    ];
    let mut pieces = Vec::new();
    for (index, item) in items(answer).iter().enumerate() {
        let place = json!({ "item_id": item.id(), "output_index": index });
        let added = json!({ "output_index": index, "item": item.empty() });
        let mut start = event("response.output_item.added", added);
        let (before, deltas, after) = item.events(&place);
        for (kind, fields) in before {
            start += &event(kind, fields);
        }
        let last = deltas.len().saturating_sub(1);
        for (at, (kind, fields)) in deltas.into_iter().enumerate() {
            let mut piece = std::mem::take(&mut start) + &event(kind, fields);
            if at == last {
                for (kind, fields) in &after {
                    piece += &event(kind, fields.clone());
                }
                let done = json!({ "output_index": index, "item": item.whole() });
                piece += &event("response.output_item.done", done);
            }
            pieces.push(piece);
        }
    }
    let kind = format!("response.{}", finish(answer));
    let end = vec![event(&kind, json!({ "response": whole(answer) }))];
    let failed = json!({ "code": "server_error", "param": null,
        "message": "The demo provider fails on request." });
    let failed = event("error", failed);
    script(answer, beginning, pieces, end, || failed)
}

/// An item of the answer's output.
enum Item<'a> {
    Reasoning(&'a Answer),
    Message(&'a Answer),
    Call(&'a Call),
}

/// Kind and fields of an event.
type Event = (&'static str, Value);

fn items(answer: &Answer) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    if !answer.reasoning.is_empty() {
        items.push(Item::Reasoning(answer));
    }
    if answer.calls.is_empty() {
        items.push(Item::Message(answer));
    }
    items.extend(answer.calls.iter().map(Item::Call));
    items
}

impl Item<'_> {
    fn id(&self) -> String {
        match self {
            Self::Reasoning(answer) => format!("rs_{}", answer.id),
            Self::Message(answer) => format!("msg_{}", answer.id),
            Self::Call(call) => format!("fc_{}", call.id),
        }
    }

    fn whole(&self) -> Value {
        match self {
            Self::Reasoning(answer) => json!({ "type": "reasoning", "id": self.id(),
                "summary": [summary(&answer.reasoning)], "encrypted_content": ENCRYPTED }),
            Self::Message(answer) => json!({ "type": "message", "id": self.id(),
                "status": "completed", "role": "assistant",
                "content": [text(&answer.text.concat())] }),
            Self::Call(call) => json!({ "type": "function_call", "id": self.id(),
                "status": "completed", "call_id": format!("call_{}", call.id), "name": call.name,
                "arguments": call.arguments.to_string() }),
        }
    }

    fn empty(&self) -> Value {
        let mut item = self.whole();
        if let Some(item) = item.as_object_mut() {
            let (field, nothing) = match self {
                Self::Reasoning(_) => ("summary", json!([])),
                Self::Message(_) => ("content", json!([])),
                Self::Call(_) => ("arguments", json!("")),
            };
            item.insert(field.into(), nothing);
            if item.contains_key("status") {
                item.insert("status".into(), json!("in_progress"));
            }
        }
        item
    }

    /// What comes before its pieces, the pieces (at least one), and what comes after them.
    fn events(&self, place: &Value) -> (Vec<Event>, Vec<Event>, Vec<Event>) {
        let at = |fields: Value| {
            let mut event = place.as_object().cloned().unwrap_or_default();
            event.extend(fields.as_object().cloned().unwrap_or_default());
            Value::Object(event)
        };
        match self {
            Self::Reasoning(answer) => {
                let said = &answer.reasoning;
                let part = |text: &str| at(json!({ "summary_index": 0, "part": summary(text) }));
                let delta = |words| at(json!({ "summary_index": 0, "delta": words }));
                let deltas = said.split_inclusive(' ');
                (
                    vec![("response.reasoning_summary_part.added", part(""))],
                    deltas
                        .map(|words| ("response.reasoning_summary_text.delta", delta(words)))
                        .collect(),
                    vec![
                        (
                            "response.reasoning_summary_text.done",
                            at(json!({ "summary_index": 0, "text": said })),
                        ),
                        ("response.reasoning_summary_part.done", part(said)),
                    ],
                )
            }
            Self::Message(answer) => {
                let said = answer.text.concat();
                let part = |said: &str| at(json!({ "content_index": 0, "part": text(said) }));
                let delta = |piece: &str| {
                    let delta = json!({ "content_index": 0, "delta": piece, "logprobs": [] });
                    ("response.output_text.delta", at(delta))
                };
                let deltas = answer.text.iter().map(|piece| delta(piece));
                let done = json!({ "content_index": 0, "text": said, "logprobs": [] });
                (
                    vec![("response.content_part.added", part(""))],
                    at_least_one(deltas.collect(), || delta("")),
                    vec![
                        ("response.output_text.done", at(done)),
                        ("response.content_part.done", part(&said)),
                    ],
                )
            }
            Self::Call(call) => {
                let arguments = call.arguments.to_string();
                let delta = |part: &str| {
                    let delta = json!({ "delta": part });
                    ("response.function_call_arguments.delta", at(delta))
                };
                let parts = arguments.split_inclusive([':', ',']);
                let done = at(json!({ "arguments": arguments, "name": call.name }));
                (
                    Vec::new(),
                    parts.map(delta).collect(),
                    vec![("response.function_call_arguments.done", done)],
                )
            }
        }
    }
}

fn at_least_one(mut events: Vec<Event>, one: impl FnOnce() -> Event) -> Vec<Event> {
    if events.is_empty() {
        events.push(one());
    }
    events
}

fn text(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}

fn summary(text: &str) -> Value {
    json!({ "type": "summary_text", "text": text })
}

/// As at the start of a stream: nothing said yet.
fn begun(answer: &Answer) -> Value {
    json!({
        "id": format!("resp_{}", answer.id), "object": "response", "created_at": CREATED,
        "status": "in_progress", "background": false, "error": null, "incomplete_details": null,
        "instructions": null, "max_output_tokens": null, "metadata": {}, "model": answer.model,
        "output": [], "parallel_tool_calls": true, "previous_response_id": null,
        "reasoning": { "effort": null, "summary": null }, "service_tier": "default",
        "store": false, "temperature": 1.0, "text": { "format": { "type": "text" } },
        "tool_choice": "auto", "tools": [], "top_p": 1.0, "truncation": "disabled",
        "usage": null, "user": null,
    })
}

fn finish(answer: &Answer) -> &'static str {
    match answer.finish {
        Finish::Stop | Finish::Tools => "completed",
        Finish::Length => "incomplete",
    }
}

fn usage(answer: &Answer) -> Value {
    let usage = answer.usage;
    json!({
        "input_tokens": usage.input,
        "input_tokens_details": { "cached_tokens": usage.cached },
        "output_tokens": usage.output,
        "output_tokens_details": { "reasoning_tokens": usage.reasoning },
        "total_tokens": usage.input.saturating_add(usage.output),
    })
}

#[cfg(test)]
mod tests;
