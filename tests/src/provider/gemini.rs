//! Gemini's `generateContent` as Google writes it, and what Google refuses.

use serde_json::{Value, json};

use super::answer::{Answer, Told, Tool, pieces};
use super::asked::Asked;
use super::server::Piece;
use crate::dialect::{array, string};

/// What proves a call when the script has no thoughts: every call of Gemini 3 has a signature.
const SIGNATURE: &str = "c2NyaXB0ZWQgY2FsbA==";

/// Stand-ins for a signature that Google documents for calls which another model made.
const BYPASSES: [&str; 2] = [
    "skip_thought_signature_validator",
    "context_engineering_is_the_way_to_go",
];

pub(super) fn whole(answer: &Answer, asked: &Asked) -> Value {
    let tools = wanted(answer, &asked.body);
    let mut parts = Vec::new();
    if let Some((thinking, _)) = thoughts(answer, asked) {
        parts.push(json!({"text": thinking, "thought": true}));
    }
    if tools.is_empty() {
        parts.push(last_text(answer, &answer.text));
    }
    parts.extend(calls(answer, tools));
    let mut response = response(asked, parts, usage(&answer.usage, 1, 1));
    response["candidates"][0]["finishReason"] = json!(stop(answer));
    response
}

pub(super) fn stream(answer: &Answer, asked: &Asked) -> Vec<Piece> {
    let tools = wanted(answer, &asked.body);
    let mut parts: Vec<Vec<Value>> = Vec::new();
    if let Some((thinking, _)) = thoughts(answer, asked) {
        let thoughts = pieces(thinking, answer.chunks).into_iter();
        parts.extend(thoughts.map(|piece| vec![json!({"text": piece, "thought": true})]));
    }
    if tools.is_empty() {
        let texts = pieces(&answer.text, answer.chunks).into_iter();
        parts.extend(texts.map(|piece| vec![json!({"text": piece})]));
        if answer.thinking.is_some() {
            parts.push(vec![last_text(answer, "")]);
        }
    }
    parts.extend(calls(answer, tools).into_iter().map(|call| vec![call]));

    // Every piece tells what was counted so far; only the difference is news.
    let count = parts.len();
    let mut out: Vec<Value> = parts
        .into_iter()
        .enumerate()
        .map(|(at, parts)| response(asked, parts, usage(&answer.usage, at + 1, count)))
        .collect();
    if let Some(last) = out.last_mut() {
        last["candidates"][0]["finishReason"] = json!(stop(answer));
    }
    let mut out: Vec<Piece> = out
        .into_iter()
        .enumerate()
        .map(|(at, response)| {
            let told = difference(&answer.usage, at, count);
            frame(asked, at == 0, &response).tells(told)
        })
        .collect();
    if asked.array {
        out.push(Piece::new("]"));
    }
    out
}

pub(super) fn error(status: u16, message: &str) -> Value {
    let name = match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    };
    json!({"error": {"code": status, "message": message, "status": name}})
}

pub(super) fn error_piece(asked: &Asked) -> Vec<u8> {
    let error = error(503, "The model is overloaded. Please try again later.");
    if asked.array {
        format!(",\n{error}\n]").into_bytes()
    } else {
        format!("data: {error}\r\n\r\n").into_bytes()
    }
}

pub(super) fn refusal(answer: &Answer, asked: &Asked) -> Option<String> {
    let body = &asked.body;
    if let Some(unknown) = unknown(body, "", &FIELDS)
        .or_else(|| unknown(&body["generationConfig"], "generation_config", &GENERATION))
    {
        return Some(unknown);
    }
    let budget = &body["generationConfig"]["thinkingConfig"]["thinkingBudget"];
    if *budget == 0 && asked.model.ends_with("-pro") {
        let why = "Budget 0 is invalid. This model only works in thinking mode.";
        return Some(why.into());
    }
    for tool in array(&body["tools"]) {
        for (at, function) in array(&tool["functionDeclarations"]).iter().enumerate() {
            let name = string(&function["name"]);
            if !name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
                return Some(format!(
                    "* GenerateContentRequest.tools[0].function_declarations[{at}].name: Invalid \
                     function name. Must start with a letter or an underscore."
                ));
            }
            let schema = &function["parameters"];
            if let Some(word) = ["additionalProperties", "$ref", "$defs", "const", "oneOf"]
                .iter()
                .find(|word| mentions(schema, word))
            {
                return Some(format!(
                    "Invalid JSON payload received. Unknown name \"{word}\" at \
                     'tools[0].function_declarations[{at}].parameters': Cannot find field."
                ));
            }
        }
    }
    turns(answer, array(&body["contents"]))
}

/// Roles, answers to all calls, and signatures on the calls of the current turn.
/// <https://ai.google.dev/gemini-api/docs/thought-signatures>
fn turns(answer: &Answer, contents: &[Value]) -> Option<String> {
    if contents.is_empty() {
        return Some("* GenerateContentRequest.contents: contents is not specified".into());
    }
    let count = |content: &Value, kind: &str| {
        let parts = array(&content["parts"]).iter();
        parts.filter(|part| part[kind].is_object()).count()
    };
    let asks =
        |content: &Value| content["role"] != "model" && count(content, "functionResponse") == 0;
    let current = contents.iter().rposition(asks).unwrap_or(0);
    for (at, content) in contents.iter().enumerate() {
        let parts = array(&content["parts"]);
        if parts.is_empty() {
            return Some(format!(
                "* GenerateContentRequest.contents[{at}].parts: contents.parts must not be empty."
            ));
        }
        if !["user", "model", ""].contains(&string(&content["role"]).as_str()) {
            return Some("Please use a valid role: user, model.".into());
        }
        let called = count(content, "functionCall");
        let answered = contents
            .get(at + 1)
            .map_or(0, |next| count(next, "functionResponse"));
        if called > 0 && called != answered {
            return Some(
                "Please ensure that the number of function response parts is equal to the number \
                 of function call parts of the function call turn."
                    .into(),
            );
        }
        let first = parts.iter().find(|part| part["functionCall"].is_object());
        if let Some(call) = first.filter(|_| at > current)
            && string(&call["thoughtSignature"]).is_empty()
        {
            return Some(format!(
                "Function call is missing a thought_signature in functionCall parts. Additional \
                 data, function call `default_api:{}` , position {at}.",
                string(&call["functionCall"]["name"])
            ));
        }
        let signed = parts
            .iter()
            .filter_map(|part| part["thoughtSignature"].as_str());
        let forged =
            |signature: &str| signature != signature_of(answer) && !BYPASSES.contains(&signature);
        if signed.into_iter().any(forged) {
            return Some("Corrupted thought signature.".into());
        }
    }
    None
}

const FIELDS: [&str; 9] = [
    "contents",
    "tools",
    "toolConfig",
    "safetySettings",
    "systemInstruction",
    "generationConfig",
    "cachedContent",
    "labels",
    "model",
];

const GENERATION: [&str; 21] = [
    "stopSequences",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "_responseJsonSchema",
    "responseModalities",
    "candidateCount",
    "maxOutputTokens",
    "temperature",
    "topP",
    "topK",
    "seed",
    "presencePenalty",
    "frequencyPenalty",
    "responseLogprobs",
    "logprobs",
    "enableEnhancedCivicAnswers",
    "speechConfig",
    "thinkingConfig",
    "imageConfig",
    "mediaResolution",
];

fn unknown(object: &Value, at: &str, known: &[&str]) -> Option<String> {
    let camel = |name: &str| {
        let mut words = name.split('_').map(str::to_owned);
        let first = words.next().unwrap_or_default();
        words.fold(first, |camel, word| {
            let (head, tail) = word.split_at(word.len().min(1));
            camel + &head.to_uppercase() + tail
        })
    };
    let mut names = object.as_object()?.keys();
    let unknown = names
        .find(|name| !known.contains(&name.as_str()) && !known.contains(&camel(name).as_str()))?;
    let place = if at.is_empty() {
        String::new()
    } else {
        format!(" at '{at}'")
    };
    Some(format!(
        "Invalid JSON payload received. Unknown name \"{unknown}\"{place}: Cannot find field."
    ))
}

/// Whether a schema has this word anywhere but as the name of a property.
fn mentions(schema: &Value, word: &str) -> bool {
    match schema {
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            name == word
                || if name == "properties" {
                    value
                        .as_object()
                        .is_some_and(|all| all.values().any(|one| mentions(one, word)))
                } else {
                    mentions(value, word)
                }
        }),
        Value::Array(items) => items.iter().any(|item| mentions(item, word)),
        _ => false,
    }
}

fn frame(asked: &Asked, first: bool, response: &Value) -> Piece {
    Piece::new(match (asked.array, first) {
        (false, _) => format!("data: {response}\r\n\r\n"),
        (true, true) => format!("[{response}\n"),
        (true, false) => format!(",\r\n{response}\n"),
    })
}

fn response(asked: &Asked, parts: Vec<Value>, usage: Value) -> Value {
    json!({
        "candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0}],
        "usageMetadata": usage, "modelVersion": asked.model, "responseId": "scripted",
    })
}

/// Thoughts are shown on request only.
fn thoughts<'a>(answer: &'a Answer, asked: &Asked) -> Option<&'a (String, String)> {
    let config = &asked.body["generationConfig"]["thinkingConfig"];
    let shown = config["includeThoughts"] == true || config["include_thoughts"] == true;
    answer.thinking.as_ref().filter(|_| shown)
}

fn signature_of(answer: &Answer) -> &str {
    answer.thinking.as_ref().map_or(SIGNATURE, |(_, it)| it)
}

/// The last part of an answer to which thoughts led carries their signature.
fn last_text(answer: &Answer, text: &str) -> Value {
    let mut part = json!({"text": text});
    if let Some((_, signature)) = &answer.thinking {
        part["thoughtSignature"] = json!(signature);
    }
    part
}

/// Of calls side by side the first alone is signed.
fn calls(answer: &Answer, tools: &[Tool]) -> Vec<Value> {
    let call = |(at, tool): (usize, &Tool)| {
        let call = json!({"id": tool.id, "name": tool.name, "args": tool.arguments});
        let mut part = json!({"functionCall": call});
        if at == 0 {
            part["thoughtSignature"] = json!(signature_of(answer));
        }
        part
    };
    tools.iter().enumerate().map(call).collect()
}

fn wanted<'a>(answer: &'a Answer, body: &Value) -> &'a [Tool] {
    let has_results = array(&body["contents"])
        .iter()
        .flat_map(|content| array(&content["parts"]))
        .any(|part| part["functionResponse"].is_object());
    if has_results { &[] } else { &answer.tools }
}

fn stop(answer: &Answer) -> &'static str {
    answer.stop_reason.unwrap_or("STOP")
}

/// What was counted after `at` of `count` pieces. Thoughts are counted beside the answer, and the
/// cache is part of the prompt.
fn usage(told: &Told, at: usize, count: usize) -> Value {
    let so_far = part(told.output - told.reasoning, at, count);
    let mut usage = json!({
        "promptTokenCount": told.gross_input(),
        "candidatesTokenCount": so_far,
        "totalTokenCount": told.gross_input() + so_far + told.reasoning,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": told.gross_input()}],
    });
    if told.reasoning > 0 {
        usage["thoughtsTokenCount"] = json!(told.reasoning);
    }
    if told.cache_read > 0 {
        usage["cachedContentTokenCount"] = json!(told.cache_read);
    }
    usage
}

/// What the piece after `at` others tells for the first time.
fn difference(told: &Told, at: usize, count: usize) -> Told {
    let spoken = told.output - told.reasoning;
    let more = part(spoken, at + 1, count) - part(spoken, at, count);
    let mut news = Told {
        output: more,
        ..Told::default()
    };
    if at == 0 {
        news = Told {
            output: more + told.reasoning,
            answers: 0,
            input: told.input + told.cache_write,
            cache_write: 0,
            ..*told
        };
    }
    news
}

fn part(total: u64, at: usize, count: usize) -> u64 {
    total * at as u64 / count.max(1) as u64
}
