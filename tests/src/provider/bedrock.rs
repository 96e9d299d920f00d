//! Bedrock's `Converse` and `ConverseStream` as AWS writes them, and what AWS refuses.

use serde_json::{Value, json};

use super::answer::{Answer, Told, Tool, pieces};
use super::asked::Asked;
use super::schema;
use super::server::Piece;
use crate::dialect::{array, string};

pub(super) fn whole(answer: &Answer, asked: &Asked) -> Value {
    let tools = wanted(answer, &asked.body);
    let mut content = Vec::new();
    if let Some((text, signature)) = thoughts(answer, asked) {
        let thought = json!({"text": text, "signature": signature});
        content.push(json!({"reasoningContent": {"reasoningText": thought}}));
    }
    if tools.is_empty() {
        content.push(json!({"text": answer.text}));
    }
    for tool in tools {
        let call = json!({"toolUseId": tool.id, "name": tool.name, "input": tool.arguments});
        content.push(json!({"toolUse": call}));
    }
    json!({
        "metrics": {"latencyMs": 5},
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop(answer, tools), "usage": usage(&answer.usage),
    })
}

pub(super) fn stream(answer: &Answer, asked: &Asked) -> Vec<Piece> {
    let tools = wanted(answer, &asked.body);
    let mut out = vec![event("messageStart", json!({"role": "assistant"}))];
    let mut index = 0;
    let mut block = |start: Option<Value>, deltas: Vec<Value>| {
        if let Some(start) = start {
            let start = json!({"contentBlockIndex": index, "start": start});
            out.push(event("contentBlockStart", start));
        }
        for delta in deltas {
            let delta = json!({"contentBlockIndex": index, "delta": delta});
            out.push(event("contentBlockDelta", delta));
        }
        out.push(event(
            "contentBlockStop",
            json!({"contentBlockIndex": index}),
        ));
        index += 1;
    };
    if let Some((text, signature)) = thoughts(answer, asked) {
        let texts = pieces(text, answer.chunks).into_iter();
        let mut deltas: Vec<Value> = texts
            .map(|piece| json!({"reasoningContent": {"text": piece}}))
            .collect();
        deltas.push(json!({"reasoningContent": {"signature": signature}}));
        block(None, deltas);
    }
    if tools.is_empty() {
        let texts = pieces(&answer.text, answer.chunks).into_iter();
        block(None, texts.map(|piece| json!({"text": piece})).collect());
    }
    for tool in tools {
        let start = json!({"toolUse": {"toolUseId": tool.id, "name": tool.name}});
        let inputs = pieces(&tool.arguments.to_string(), answer.chunks).into_iter();
        let deltas = inputs
            .map(|piece| json!({"toolUse": {"input": piece}}))
            .collect();
        block(Some(start), deltas);
    }
    out.push(event(
        "messageStop",
        json!({"stopReason": stop(answer, tools)}),
    ));
    let metadata = json!({"metrics": {"latencyMs": 5}, "usage": usage(&answer.usage)});
    let told = super::wire::tellable(crate::dialect::Dialect::Bedrock, answer.usage);
    out.push(event("metadata", metadata).tells(told));
    out
}

pub(super) fn error(message: &str) -> Value {
    json!({"message": message})
}

/// Name of the exception, which travels in a header.
pub(super) fn exception(status: u16) -> &'static str {
    match status {
        400 => "ValidationException",
        401 => "UnrecognizedClientException",
        403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        408 => "ModelTimeoutException",
        424 => "ModelErrorException",
        429 => "ThrottlingException",
        503 => "ServiceUnavailableException",
        _ => "InternalServerException",
    }
}

pub(super) fn error_frame() -> Vec<u8> {
    let payload = json!({"message": "The server had an error while processing your request."});
    frame(
        &[
            (":exception-type", "modelStreamErrorException"),
            (":content-type", "application/json"),
            (":message-type", "exception"),
        ],
        payload.to_string().as_bytes(),
    )
}

pub(super) fn refusal(answer: &Answer, asked: &Asked) -> Option<String> {
    let body = &asked.body;
    let specs = array(&body["toolConfig"]["tools"]).iter().enumerate();
    let mut specs = specs.filter(|(_, tool)| tool["toolSpec"].is_object());
    let of_spec = |tool: &Value| tool["toolSpec"]["inputSchema"]["json"].clone();
    if let Some(why) = specs.find_map(|(at, tool)| schema::claude_tool(at, &of_spec(tool))) {
        return Some(why);
    }
    let format = &body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"];
    let format = serde_json::from_str(&string(format)).unwrap_or(Value::Null);
    if let Some(why) = schema::claude_answer(&format) {
        return Some(why);
    }
    let messages = array(&body["messages"]);
    let mut speaker = "assistant";
    for (at, message) in messages.iter().enumerate() {
        let role = string(&message["role"]);
        if role == speaker {
            return Some(
                if at == 0 {
                    "A conversation must start with a user message. Try again with a conversation \
                     that starts with a user message."
                } else {
                    "A conversation must alternate between user and assistant roles. Make sure the \
                     conversation alternates between user and assistant roles and try again."
                }
                .into(),
            );
        }
        speaker = if role == "user" { "user" } else { "assistant" };
        let blocks = array(&message["content"]);
        if blocks.is_empty() {
            return Some(format!(
                "The content field in the Message object at messages.{at} is empty."
            ));
        }
        let wrong = blocks.iter().enumerate().find_map(|(n, block)| {
            wrong(answer, block).map(|why| why.replace('@', &format!("messages.{at}.content.{n}")))
        });
        if wrong.is_some() {
            return wrong;
        }
        let asked_for = ids(message, "toolUse");
        let answered = messages.get(at + 1).map(|next| ids(next, "toolResult"));
        if !asked_for.is_empty() && answered.as_ref() != Some(&asked_for) {
            return Some(format!(
                "Expected toolResult blocks at messages.{}.content for the following Ids: {}",
                at + 1,
                asked_for.join(", ")
            ));
        }
        if !asked_for.is_empty() && !body["toolConfig"].is_object() {
            return Some(
                "The toolConfig field must be defined when using toolUse and toolResult content \
                 blocks."
                    .into(),
            );
        }
    }
    messages
        .is_empty()
        .then(|| "The messages field is empty.".into())
}

/// What is wrong with a block, `@` standing for its place.
fn wrong(answer: &Answer, block: &Value) -> Option<String> {
    if block["text"]
        .as_str()
        .is_some_and(|text| text.trim().is_empty())
    {
        return Some("The text field in the ContentBlock object at @ is blank.".into());
    }
    let source = &block["image"]["source"];
    if block["image"].is_object()
        && !source["bytes"].is_string()
        && !source["s3Location"].is_object()
    {
        return Some("The image source at @ has neither bytes nor an S3 location.".into());
    }
    if block["toolUse"].is_object() && !block["toolUse"]["input"].is_object() {
        return Some("The format of the value at @.toolUse.input is invalid.".into());
    }
    let thought = &block["reasoningContent"]["reasoningText"];
    let given = answer.thinking.as_ref().map(|(_, it)| it.as_str());
    if thought.is_object() && thought["signature"].as_str() != given {
        return Some("@.thinking.signature: Invalid `signature` in `thinking` block".into());
    }
    None
}

fn ids(message: &Value, kind: &str) -> Vec<String> {
    let blocks = array(&message["content"]).iter();
    let mut ids: Vec<String> = blocks
        .filter_map(|block| block[kind]["toolUseId"].as_str().map(str::to_owned))
        .collect();
    ids.sort();
    ids
}

/// The models of Anthropic think when they are told to in their own words.
fn thoughts<'a>(answer: &'a Answer, asked: &Asked) -> Option<&'a (String, String)> {
    let told = &asked.body["additionalModelRequestFields"];
    let asked_for = told["thinking"].is_object() || told["reasoning_config"].is_object();
    answer.thinking.as_ref().filter(|_| asked_for)
}

fn wanted<'a>(answer: &'a Answer, body: &Value) -> &'a [Tool] {
    let has_results = array(&body["messages"])
        .iter()
        .any(|message| !ids(message, "toolResult").is_empty());
    if has_results { &[] } else { &answer.tools }
}

fn stop(answer: &Answer, tools: &[Tool]) -> &'static str {
    answer.stop_reason.unwrap_or(if tools.is_empty() {
        "end_turn"
    } else {
        "tool_use"
    })
}

/// Input is net of both cache figures.
fn usage(told: &Told) -> Value {
    json!({
        "inputTokens": told.input, "outputTokens": told.output,
        "totalTokens": told.gross_input() + told.output,
        "cacheReadInputTokens": told.cache_read, "cacheReadInputTokenCount": told.cache_read,
        "cacheWriteInputTokens": told.cache_write, "cacheWriteInputTokenCount": told.cache_write,
    })
}

fn event(kind: &str, mut payload: Value) -> Piece {
    payload["p"] = json!("abcdefgh");
    Piece::new(frame(
        &[
            (":event-type", kind),
            (":content-type", "application/json"),
            (":message-type", "event"),
        ],
        payload.to_string().as_bytes(),
    ))
}

/// One message of an AWS event stream: lengths and their checksum, headers (all strings), payload,
/// checksum of all.
pub(super) fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    for (name, value) in headers {
        head.push(name.len() as u8);
        head.extend(name.as_bytes());
        head.push(7);
        head.extend((value.len() as u16).to_be_bytes());
        head.extend(value.as_bytes());
    }
    let total = 12 + head.len() + payload.len() + 4;
    let mut out = Vec::with_capacity(total);
    out.extend((total as u32).to_be_bytes());
    out.extend((head.len() as u32).to_be_bytes());
    out.extend(crc32(&out).to_be_bytes());
    out.extend(head);
    out.extend(payload);
    out.extend(crc32(&out).to_be_bytes());
    out
}

/// The CRC of zlib (polynomial 0xEDB88320, reflected), bit by bit: frames here are small.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 * (crc & 1));
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_zlibs() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_frame_is_what_aws_sent() {
        // The first frame of a recorded answer.
        let sent = b"\x00\x00\x00\x82\x00\x00\x00R+a\x0cC\x0b:event-type\x07\x00\x0cmessageStart\r:content-type\x07\x00\x10application/json\r:message-type\x07\x00\x05event{\"p\":\"abcde\",\"role\":\"assistant\"}*.s\x18";
        let headers = [
            (":event-type", "messageStart"),
            (":content-type", "application/json"),
            (":message-type", "event"),
        ];
        let payload = br#"{"p":"abcde","role":"assistant"}"#;
        assert_eq!(frame(&headers, payload), sent);
    }
}
