//! OpenAI Responses as the vendor writes it, and what the vendor refuses.

use serde_json::{Value, json};

use super::answer::{Answer, Told, Tool, pieces};
use super::asked::Asked;
use super::schema;
use super::server::Piece;
use crate::dialect::{array, string};

const REASONING_ID: &str = "rs_scripted";
const MESSAGE_ID: &str = "msg_scripted";

pub(super) fn whole(answer: &Answer, asked: &Asked) -> Value {
    let mut response = response(asked, "completed");
    response["output"] = items(answer, asked).iter().map(Item::whole).collect();
    response["usage"] = usage(&answer.usage);
    finish(answer, &mut response);
    response
}

pub(super) fn stream(answer: &Answer, asked: &Asked) -> Vec<Piece> {
    let mut events = Events::default();
    let begun = response(asked, "in_progress");
    events.push("response.created", json!({"response": begun}));
    events.push("response.in_progress", json!({"response": begun}));
    for (index, item) in items(answer, asked).iter().enumerate() {
        let id = item.id();
        let added = json!({"output_index": index, "item": item.begun()});
        events.push("response.output_item.added", added);
        item.grow(
            &mut events,
            answer.chunks,
            &json!({"item_id": id, "output_index": index}),
        );
        let done = json!({"output_index": index, "item": item.whole()});
        events.push("response.output_item.done", done);
    }
    let response = whole(answer, asked);
    let status = string(&response["status"]);
    events.push(&format!("response.{status}"), json!({"response": response}));
    let mut out = events.out;
    if let Some(last) = out.pop() {
        out.push(last.tells(super::wire::tellable(
            crate::dialect::Dialect::Responses,
            answer.usage,
        )));
    }
    out
}

pub(super) fn error_event() -> String {
    let error = json!({"type": "error", "code": "server_error", "param": null, "sequence_number": 9,
        "message": "The server had an error while processing your request."});
    format!("event: error\ndata: {error}\n\n")
}

pub(super) fn refusal(answer: &Answer, asked: &Asked) -> Option<String> {
    let body = &asked.body;
    for tool in array(&body["tools"])
        .iter()
        .filter(|tool| tool["type"] == "function")
    {
        let name = format!("function '{}'", string(&tool["name"]));
        let why = schema::openai(&name, &tool["parameters"], tool["strict"] == true);
        if why.is_some() {
            return why;
        }
    }
    let format = &body["text"]["format"];
    let name = format!("response_format '{}'", string(&format["name"]));
    let why = schema::openai(&name, &format["schema"], format["strict"] == true);
    if why.is_some() {
        return why;
    }
    if let Some(unknown) = body
        .as_object()?
        .keys()
        .find(|name| !FIELDS.contains(&name.as_str()))
    {
        return Some(format!("Unknown parameter: '{unknown}'."));
    }
    if body["max_output_tokens"]
        .as_u64()
        .is_some_and(|max| max < 16)
    {
        return Some(format!(
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, \
             but got {} instead.",
            body["max_output_tokens"]
        ));
    }
    for (at, tool) in array(&body["tools"]).iter().enumerate() {
        if tool["type"] == "function" && !tool["name"].is_string() {
            return Some(format!("Missing required parameter: 'tools[{at}].name'."));
        }
    }
    let input = array(&body["input"]);
    let mut at = 0..;
    input.iter().find_map(|item| {
        let at = at.next().unwrap_or(0);
        match item["type"].as_str().unwrap_or("message") {
            "message" => message(item, at),
            "reasoning" => reasoning(answer, input, at),
            "function_call" => call(answer, input, at),
            "function_call_output" => {
                let id = string(&item["call_id"]);
                let mut before = input.iter().take(at);
                let known = before.any(|it| it["type"] == "function_call" && it["call_id"] == *id);
                (!known).then(|| {
                    format!("No tool call found for function call output with call_id {id}.")
                })
            }
            _ => None,
        }
    })
}

const FIELDS: [&str; 32] = [
    "background",
    "client_metadata",
    "context_management",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "moderation",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

fn message(item: &Value, at: usize) -> Option<String> {
    let known: &[&str] = if item["role"] == "assistant" {
        &["output_text", "refusal"]
    } else {
        &["input_text", "input_image", "input_file", "input_audio"]
    };
    let id = item["id"].as_str().unwrap_or(MESSAGE_ID);
    if !id.starts_with("msg") {
        return Some(wrong_id(at, id, "msg"));
    }
    array(&item["content"])
        .iter()
        .enumerate()
        .find_map(|(part, content)| {
            let kind = string(&content["type"]);
            (!known.contains(&kind.as_str())).then(|| {
                let known = known.join("', '");
                format!(
                    "Invalid value: '{kind}'. Supported values are: '{known}'. \
                 (input[{at}].content[{part}])"
                )
            })
        })
}

fn reasoning(answer: &Answer, input: &[Value], at: usize) -> Option<String> {
    let item = &input[at];
    let id = string(&item["id"]);
    if item["id"].is_string() && !id.starts_with("rs") {
        return Some(wrong_id(at, &id, "rs"));
    }
    let given = answer
        .thinking
        .as_ref()
        .map(|(_, signature)| signature.as_str());
    match item["encrypted_content"].as_str() {
        Some(proof) if Some(proof) != given => Some(format!(
            "The encrypted content for item {id} could not be verified."
        )),
        None if !item["summary"].is_array() => Some(format!(
            "Missing required parameter: 'input[{at}].summary'."
        )),
        _ if input.get(at + 1).is_none() => Some(format!(
            "Item '{id}' of type 'reasoning' was provided without its required following item."
        )),
        _ => None,
    }
}

fn call(answer: &Answer, input: &[Value], at: usize) -> Option<String> {
    let item = &input[at];
    let (id, call_id) = (string(&item["id"]), string(&item["call_id"]));
    if item["id"].is_string() && !id.starts_with("fc") {
        return Some(wrong_id(at, &id, "fc"));
    }
    if !item["arguments"].is_string() {
        return Some(format!(
            "Invalid type for 'input[{at}].arguments': expected a string."
        ));
    }
    let own = answer.tools.iter().any(|tool| item_id(tool) == id);
    let proven = input.iter().take(at).any(|it| it["type"] == "reasoning");
    if own && answer.thinking.is_some() && !proven {
        return Some(format!(
            "Item '{id}' of type 'function_call' was provided without its required 'reasoning' \
             item: '{REASONING_ID}'."
        ));
    }
    let mut after = input.iter().skip(at);
    let answered =
        after.any(|it| it["type"] == "function_call_output" && it["call_id"] == *call_id);
    (!answered).then(|| format!("No tool output found for function call {call_id}."))
}

fn wrong_id(at: usize, id: &str, prefix: &str) -> String {
    format!("Invalid 'input[{at}].id': '{id}'. Expected an ID that begins with '{prefix}'.")
}

/// An item of the answer's output.
enum Item<'a> {
    /// Text and what proves it, if that was asked for.
    Reasoning(&'a str, Option<&'a str>),
    Message(&'a str),
    Call(&'a Tool),
}

fn items<'a>(answer: &'a Answer, asked: &Asked) -> Vec<Item<'a>> {
    let body = &asked.body;
    let mut items = Vec::new();
    if let Some((thinking, proof)) = &answer.thinking {
        let summary = if body["reasoning"]["summary"].is_string() {
            thinking
        } else {
            ""
        };
        let include = array(&body["include"]).contains(&json!("reasoning.encrypted_content"));
        items.push(Item::Reasoning(summary, include.then_some(proof.as_str())));
    }
    let has_results = array(&body["input"])
        .iter()
        .any(|item| item["type"] == "function_call_output");
    if has_results || answer.tools.is_empty() {
        items.push(Item::Message(&answer.text));
    } else {
        items.extend(answer.tools.iter().map(Item::Call));
    }
    items
}

impl Item<'_> {
    fn id(&self) -> String {
        match self {
            Self::Reasoning(..) => REASONING_ID.into(),
            Self::Message(_) => MESSAGE_ID.into(),
            Self::Call(tool) => item_id(tool),
        }
    }

    fn whole(&self) -> Value {
        match self {
            Self::Reasoning(text, proof) => {
                let mut summary = json!([]);
                if !text.is_empty() {
                    summary = json!([{"type": "summary_text", "text": text}]);
                }
                let mut item = json!({"id": REASONING_ID, "type": "reasoning", "summary": summary});
                if let Some(proof) = proof {
                    item["encrypted_content"] = json!(proof);
                }
                item
            }
            Self::Message(text) => json!({
                "id": MESSAGE_ID, "type": "message", "status": "completed", "role": "assistant",
                "content": [text_part(text)],
            }),
            Self::Call(tool) => json!({
                "id": item_id(tool), "type": "function_call", "status": "completed",
                "call_id": tool.id, "name": tool.name, "arguments": tool.arguments.to_string(),
            }),
        }
    }

    fn begun(&self) -> Value {
        let mut item = self.whole();
        match self {
            Self::Reasoning(_, proof) => {
                item["summary"] = json!([]);
                // It changes while the item grows: only the last one is right.
                if proof.is_some() {
                    item["encrypted_content"] = json!("cHJlbGltaW5hcnk=");
                }
            }
            Self::Message(_) => {
                item["content"] = json!([]);
                item["status"] = json!("in_progress");
            }
            Self::Call(_) => {
                item["arguments"] = json!("");
                item["status"] = json!("in_progress");
            }
        }
        item
    }

    fn grow(&self, events: &mut Events, chunks: usize, place: &Value) {
        let mut push = |kind: &str, fields: Value| {
            let mut event = place.clone();
            let more = fields.as_object().cloned().unwrap_or_default();
            event.as_object_mut().expect("a place").extend(more);
            events.push(kind, event);
        };
        match self {
            Self::Reasoning("", _) => {}
            Self::Reasoning(text, _) => {
                let part = |text: &str| json!({"summary_index": 0, "part": {"type": "summary_text", "text": text}});
                push("response.reasoning_summary_part.added", part(""));
                for piece in pieces(text, chunks) {
                    let delta = json!({"summary_index": 0, "delta": piece, "obfuscation": "x"});
                    push("response.reasoning_summary_text.delta", delta);
                }
                let done = json!({"summary_index": 0, "text": text});
                push("response.reasoning_summary_text.done", done);
                push("response.reasoning_summary_part.done", part(text));
            }
            Self::Message(text) => {
                let part = |text: &str| json!({"content_index": 0, "part": text_part(text)});
                push("response.content_part.added", part(""));
                for piece in pieces(text, chunks) {
                    let delta = json!({"content_index": 0, "delta": piece, "logprobs": [], "obfuscation": "x"});
                    push("response.output_text.delta", delta);
                }
                let done = json!({"content_index": 0, "text": text, "logprobs": []});
                push("response.output_text.done", done);
                push("response.content_part.done", part(text));
            }
            Self::Call(tool) => {
                let arguments = tool.arguments.to_string();
                for piece in pieces(&arguments, chunks) {
                    let delta = json!({"delta": piece, "obfuscation": "x"});
                    push("response.function_call_arguments.delta", delta);
                }
                let done = json!({"arguments": arguments, "name": tool.name});
                push("response.function_call_arguments.done", done);
            }
        }
    }
}

/// Events, numbered.
#[derive(Default)]
struct Events {
    out: Vec<Piece>,
}

impl Events {
    fn push(&mut self, kind: &str, mut event: Value) {
        event["type"] = json!(kind);
        event["sequence_number"] = json!(self.out.len());
        self.out
            .push(Piece::new(format!("event: {kind}\ndata: {event}\n\n")));
    }
}

fn text_part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

fn item_id(tool: &Tool) -> String {
    format!("fc_{}", tool.id)
}

fn response(asked: &Asked, status: &str) -> Value {
    let body = &asked.body;
    let or = |name: &str, default: Value| match &body[name] {
        Value::Null => default,
        said => said.clone(),
    };
    let mut response = json!({
        "id": "resp_scripted", "object": "response", "created_at": 1_763_600_000,
        "status": status, "background": false, "error": null, "incomplete_details": null,
        "instructions": body["instructions"], "max_output_tokens": body["max_output_tokens"],
        "max_tool_calls": null, "model": asked.model, "output": [],
        "parallel_tool_calls": or("parallel_tool_calls", json!(true)),
        "previous_response_id": null, "prompt_cache_key": body["prompt_cache_key"],
        "reasoning": or("reasoning", json!({"effort": null, "summary": null})),
        "safety_identifier": null, "service_tier": "default", "store": or("store", json!(true)),
        "temperature": or("temperature", json!(1.0)),
        "text": or("text", json!({"format": {"type": "text"}, "verbosity": "medium"})),
        "tool_choice": or("tool_choice", json!("auto")), "tools": or("tools", json!([])),
        "top_logprobs": 0, "top_p": or("top_p", json!(1.0)), "truncation": "disabled",
        "usage": null, "user": null, "metadata": or("metadata", json!({})),
    });
    if status == "completed" {
        response["completed_at"] = json!(1_763_600_001);
    }
    response
}

/// `stop_reason` is the reason of an incomplete answer here.
fn finish(answer: &Answer, response: &mut Value) {
    if let Some(reason) = answer.stop_reason {
        response["status"] = json!("incomplete");
        response["incomplete_details"] = json!({"reason": reason});
    }
}

fn usage(told: &Told) -> Value {
    json!({
        "input_tokens": told.gross_input(),
        "input_tokens_details": {"cached_tokens": told.cache_read},
        "output_tokens": told.output,
        "output_tokens_details": {"reasoning_tokens": told.reasoning},
        "total_tokens": told.gross_input() + told.output,
    })
}
