//! Anthropic Messages as the vendor writes it.

use serde_json::{Value, json};

use super::answer::{Answer, Told, Tool, pieces};
use super::asked::Asked;
use super::schema;
use super::server::Piece;
use crate::dialect::{array, string};

pub(super) fn whole(answer: &Answer, asked: &Asked) -> Value {
    let tools = wanted(answer, &asked.body);
    let mut content = Vec::new();
    if let Some((thinking, signature)) = &answer.thinking {
        content.push(json!({"type": "thinking", "thinking": thinking, "signature": signature}));
    }
    if tools.is_empty() {
        content.push(json!({"type": "text", "text": answer.text}));
    }
    for t in tools {
        content.push(json!({"type": "tool_use", "id": t.id, "name": t.name, "input": t.arguments}));
    }
    let mut message = start(answer, asked, content.into());
    message["stop_reason"] = json!(stop(answer, tools));
    message["usage"]["output_tokens"] = json!(answer.usage.output);
    message
}

pub(super) fn stream(answer: &Answer, asked: &Asked) -> Vec<Piece> {
    let tools = wanted(answer, &asked.body);
    let message = start(answer, asked, json!([]));
    // The input is told first, the output last: a stream that is cut has told its input.
    let input = Told {
        output: 0,
        reasoning: 0,
        ..answer.usage
    };
    let mut out = vec![
        event(
            "message_start",
            &json!({"type": "message_start", "message": message}),
        )
        .tells(input),
    ];
    let mut index = 0;
    let mut block = |begin: Value, deltas: Vec<Value>| {
        let begin = json!({"type": "content_block_start", "index": index, "content_block": begin});
        out.push(event("content_block_start", &begin));
        if index == 0 {
            out.push(event("ping", &json!({"type": "ping"})));
        }
        for delta in deltas {
            let delta = json!({"type": "content_block_delta", "index": index, "delta": delta});
            out.push(event("content_block_delta", &delta));
        }
        let end = json!({"type": "content_block_stop", "index": index});
        out.push(event("content_block_stop", &end));
        index += 1;
    };
    if let Some((thinking, signature)) = &answer.thinking {
        let mut deltas: Vec<Value> = pieces(thinking, answer.chunks)
            .into_iter()
            .map(|piece| json!({"type": "thinking_delta", "thinking": piece}))
            .collect();
        deltas.push(json!({"type": "signature_delta", "signature": signature}));
        block(
            json!({"type": "thinking", "thinking": "", "signature": ""}),
            deltas,
        );
    }
    if tools.is_empty() {
        let deltas = pieces(&answer.text, answer.chunks)
            .into_iter()
            .map(|piece| json!({"type": "text_delta", "text": piece}))
            .collect();
        block(json!({"type": "text", "text": ""}), deltas);
    }
    for tool in tools {
        let deltas = std::iter::once(String::new())
            .chain(pieces(&tool.arguments.to_string(), answer.chunks))
            .map(|piece| json!({"type": "input_json_delta", "partial_json": piece}))
            .collect();
        block(
            json!({"type": "tool_use", "id": tool.id, "name": tool.name, "input": {}}),
            deltas,
        );
    }
    let end = json!({
        "type": "message_delta",
        "delta": {"stop_reason": stop(answer, tools), "stop_sequence": null},
        "usage": {"output_tokens": answer.usage.output},
    });
    let output = Told {
        output: answer.usage.output,
        reasoning: answer.usage.reasoning,
        ..Told::default()
    };
    out.push(event("message_delta", &end).tells(output));
    out.push(event("message_stop", &json!({"type": "message_stop"})));
    out
}

pub(super) fn error(status: u16, message: &str) -> Value {
    let kind = match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    };
    let error = json!({"type": kind, "message": message});
    json!({"type": "error", "error": error, "request_id": "req_scripted"})
}

pub(super) fn error_event() -> String {
    let error =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    format!("event: error\ndata: {error}\n\n")
}

/// Schemas that it cannot keep to, thinking beside a forced call, ids that are addresses.
fn unfit(body: &Value) -> Option<String> {
    let tools = array(&body["tools"]).iter().enumerate();
    // Anthropic's own have no schema.
    let own = |(_, tool): &(usize, &Value)| tool["type"].is_null() || tool["type"] == "custom";
    let mut tools = tools.filter(own);
    if let Some(why) = tools.find_map(|(at, tool)| schema::claude_tool(at, &tool["input_schema"])) {
        return Some(why);
    }
    let thinks = ["enabled", "adaptive"].contains(&string(&body["thinking"]["type"]).as_str());
    if thinks && ["any", "tool"].contains(&string(&body["tool_choice"]["type"]).as_str()) {
        return Some("Thinking may not be enabled when tool_choice forces tool use.".into());
    }
    if string(&body["metadata"]["user_id"]).contains('@') {
        let why = "metadata.user_id: user_id appears to contain an email address";
        return Some(why.into());
    }
    if array(&body["messages"]).is_empty() {
        return Some("messages: at least one message is required".into());
    }
    schema::claude_answer(&body["output_config"]["format"]["schema"])
}

/// Thoughts are taken back as they were given only, and while a call of the model is being answered
/// they must be there.
pub(super) fn refusal(answer: &Answer, asked: &Asked) -> Option<String> {
    if let Some(why) = unfit(&asked.body) {
        return Some(why);
    }
    let messages = array(&asked.body["messages"]);
    let given = answer.thinking.as_ref().map(|(_, it)| it.as_str());
    for (at, message) in messages.iter().enumerate() {
        for (n, block) in array(&message["content"]).iter().enumerate() {
            if block["type"] == "thinking" && block["signature"].as_str() != given {
                return Some(format!(
                    "messages.{at}.content.{n}: Invalid `signature` in `thinking` block"
                ));
            }
        }
    }
    let last = messages.iter().rposition(|m| m["role"] == "assistant")?;
    let blocks = array(&messages[last]["content"]);
    let calls = blocks.iter().any(|block| block["type"] == "tool_use");
    let first = blocks.first().map(|block| string(&block["type"]))?;
    let thinks = asked.body["thinking"]["type"] == "enabled";
    (thinks && calls && !first.ends_with("thinking")).then(|| {
        format!(
            "messages.{last}.content.0.type: Expected `thinking` or `redacted_thinking`, but found \
             `{first}`. When `thinking` is enabled, a final `assistant` message must start with a \
             thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks)."
        )
    })
}

fn event(name: &str, data: &Value) -> Piece {
    Piece::new(format!("event: {name}\ndata: {data}\n\n"))
}

fn start(answer: &Answer, asked: &Asked, content: Value) -> Value {
    json!({
        "id": "msg_scripted", "type": "message", "role": "assistant", "model": asked.model,
        "content": content, "stop_reason": null, "stop_sequence": null,
        "usage": {
            "input_tokens": answer.usage.input,
            "cache_creation_input_tokens": answer.usage.cache_write,
            "cache_read_input_tokens": answer.usage.cache_read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": answer.usage.cache_write,
                "ephemeral_1h_input_tokens": 0,
            },
            "output_tokens": 1, "service_tier": "standard",
        },
    })
}

fn wanted<'a>(answer: &'a Answer, body: &Value) -> &'a [Tool] {
    let has_results = array(&body["messages"])
        .iter()
        .flat_map(|message| array(&message["content"]))
        .any(|block| block["type"] == "tool_result");
    if has_results { &[] } else { &answer.tools }
}

fn stop(answer: &Answer, tools: &[Tool]) -> &'static str {
    answer.stop_reason.unwrap_or(if tools.is_empty() {
        "end_turn"
    } else {
        "tool_use"
    })
}
