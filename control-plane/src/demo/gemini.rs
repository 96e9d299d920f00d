//! Gemini: `generateContent` and `streamGenerateContent`, their answers and errors.
//!
//! Shapes are those of the API reference of `models.generateContent`
//! (<https://ai.google.dev/api/generate-content>): model and method are in the path, the pieces of
//! a stream are whole responses, events with `alt=sse` and else elements of one array.

use serde_json::{Value, json};

use super::answer::{Answer, Ask, Call, Choice, Failure, Finish};
use super::events::{Step, script};

/// Stands for Google's signature of thoughts; a caller must send it back as it is.
const SIGNATURE: &str = "ZGVtbyBzaWduYXR1cmU=";

/// What the path and its query say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Method {
    pub(super) model: String,
    pub(super) stream: bool,
    /// Events instead of an array.
    pub(super) events: bool,
}

impl Method {
    /// Of `{model}:{method}`.
    pub(super) fn read(call: &str, query: &str) -> Result<Self, Failure> {
        let unknown = || Failure {
            status: 404,
            ..Failure::bad_request(format!("models/{call} is not found."))
        };
        let (model, method) = call.rsplit_once(':').ok_or_else(unknown)?;
        let stream = match method {
            "generateContent" => false,
            "streamGenerateContent" => true,
            _ => return Err(unknown()),
        };
        Ok(Self {
            model: model.to_owned(),
            stream,
            events: query.split('&').any(|pair| pair == "alt=sse"),
        })
    }
}

pub(super) fn read(method: &Method, body: &[u8]) -> Result<Ask, Failure> {
    let request: Value = serde_json::from_slice(body)
        .map_err(|_| Failure::bad_request("Invalid JSON payload received."))?;
    let contents = request
        .get("contents")
        .and_then(Value::as_array)
        .filter(|list| !list.is_empty());
    let contents = contents.ok_or_else(|| {
        Failure::bad_request("* GenerateContentRequest.contents: contents is not specified")
    })?;
    let last = contents.last().and_then(|content| content.get("parts"));
    let parts = || last.and_then(Value::as_array).into_iter().flatten();
    let results = || parts().filter_map(|part| part.get("functionResponse"));
    let texts = parts().filter_map(|part| Some(part.get("text")?.as_str()?.to_owned()));
    let results_as_text = results().filter_map(|result| Some(said(result.get("response")?)));
    let of_kind = |kind: &str| parts().filter(|part| part.get(kind).is_some()).count();
    let config = |pointer: &str| request.pointer(&format!("/generationConfig/{pointer}"));
    let json_wanted =
        config("responseMimeType").and_then(Value::as_str) == Some("application/json");
    let schema = config("responseJsonSchema").or_else(|| config("responseSchema"));
    let thinks = config("thinkingConfig/includeThoughts").and_then(Value::as_bool);
    Ok(Ask {
        model: method.model.clone(),
        stream: method.stream,
        text: texts.chain(results_as_text).collect::<Vec<_>>().join(" "),
        tool_result: results().next().is_some(),
        images: of_kind("inlineData") + of_kind("fileData"),
        tools: tools(&request),
        choice: choice(request.pointer("/toolConfig/functionCallingConfig")),
        max_tokens: config("maxOutputTokens").and_then(Value::as_u64),
        thinking: thinks.unwrap_or(false),
        schema: schema.cloned().or_else(|| {
            json_wanted.then(|| json!({ "properties": { "answer": { "type": "string" } } }))
        }),
        bytes: contents
            .iter()
            .map(|content| content.to_string().len())
            .sum(),
    })
}

pub(super) fn whole(answer: &Answer) -> Value {
    let mut parts = Vec::new();
    if !answer.reasoning.is_empty() {
        parts.push(json!({ "text": answer.reasoning, "thought": true }));
    }
    if answer.calls.is_empty() {
        parts.push(json!({ "text": answer.text.concat() }));
    }
    parts.extend(calls(answer));
    response(answer, parts, true)
}

pub(super) fn stream(answer: &Answer, events: bool) -> Vec<Step> {
    let thoughts = answer.reasoning.split_inclusive(' ');
    let thoughts = thoughts.map(|words| json!({ "text": words, "thought": true }));
    let texts = answer.text.iter().map(|piece| json!({ "text": piece }));
    let parts: Vec<Value> = thoughts.chain(texts).chain(calls(answer)).collect();
    let mut first = true;
    let mut frame = |response: &Value| match (events, std::mem::take(&mut first)) {
        (true, _) => format!("data: {response}\r\n\r\n"),
        (false, true) => format!("[{response}\n"),
        (false, false) => format!(",\r\n{response}\n"),
    };
    let pieces = parts
        .into_iter()
        .map(|part| frame(&response(answer, vec![part], false)))
        .collect();
    let mut end = vec![frame(&response(answer, Vec::new(), true))];
    let failure = Failure {
        status: 503,
        ..Failure::bad_request("The model is overloaded. Please try again later.")
    };
    let mut failed = frame(&error(&failure));
    if !events {
        end.push("]".into());
        failed.push(']');
    }
    script(answer, Vec::new(), pieces, end, || failed)
}

pub(super) fn error(failure: &Failure) -> Value {
    let status = match failure.status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        400..=499 => "INVALID_ARGUMENT",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    };
    json!({ "error": { "code": failure.status, "message": failure.message, "status": status } })
}

pub(super) fn models() -> Value {
    json!({ "models": [{ "name": "models/demo", "displayName": "Demo",
        "supportedGenerationMethods": ["generateContent"] }] })
}

/// A function's result, which is an object with a name for everything.
fn said(response: &Value) -> String {
    let named = ["result", "output", "error"]
        .into_iter()
        .find_map(|name| response.get(name));
    match named.unwrap_or(response) {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn tools(request: &Value) -> Vec<(String, Value)> {
    let tools = request.get("tools").and_then(Value::as_array);
    let functions = tools
        .into_iter()
        .flatten()
        .filter_map(|tool| tool.get("functionDeclarations")?.as_array())
        .flatten();
    functions
        .filter_map(|function| {
            let schema = function
                .get("parametersJsonSchema")
                .or_else(|| function.get("parameters"));
            let name = function.get("name")?.as_str()?.to_owned();
            Some((name, schema.cloned().unwrap_or_default()))
        })
        .collect()
}

fn choice(config: Option<&Value>) -> Choice {
    let field = |name: &str| config.and_then(|config| config.get(name));
    let only = field("allowedFunctionNames").and_then(|names| names.get(0)?.as_str());
    match (field("mode").and_then(Value::as_str), only) {
        (Some("NONE"), _) => Choice::None,
        (Some("ANY"), Some(name)) => Choice::Named(name.to_owned()),
        (Some("ANY"), None) => Choice::Any,
        _ => Choice::Auto,
    }
}

/// Of calls side by side the first alone is signed.
fn calls(answer: &Answer) -> Vec<Value> {
    let call = |(at, call): (usize, &Call)| {
        let function = json!({ "id": call.id, "name": call.name, "args": call.arguments });
        match at {
            0 => json!({ "functionCall": function, "thoughtSignature": SIGNATURE }),
            _ => json!({ "functionCall": function }),
        }
    };
    answer.calls.iter().enumerate().map(call).collect()
}

fn response(answer: &Answer, parts: Vec<Value>, last: bool) -> Value {
    let finish = last.then(|| finish(answer));
    let mut candidate = json!({ "index": 0, "content": { "role": "model", "parts": parts } });
    if let (Some(candidate), Some(finish)) = (candidate.as_object_mut(), finish) {
        candidate.insert("finishReason".into(), json!(finish));
    }
    json!({
        "candidates": [candidate], "usageMetadata": usage(answer, last),
        "modelVersion": answer.model, "responseId": answer.id,
    })
}

fn finish(answer: &Answer) -> &'static str {
    match answer.finish {
        Finish::Stop | Finish::Tools => "STOP",
        Finish::Length => "MAX_TOKENS",
    }
}

/// The cache is part of the prompt, thoughts are counted beside the answer.
fn usage(answer: &Answer, last: bool) -> Value {
    let usage = answer.usage;
    let (spoken, thought) = if last {
        (
            usage.output.saturating_sub(usage.reasoning),
            usage.reasoning,
        )
    } else {
        (0, 0)
    };
    json!({
        "promptTokenCount": usage.input, "cachedContentTokenCount": usage.cached,
        "candidatesTokenCount": spoken, "thoughtsTokenCount": thought,
        "totalTokenCount": usage.input.saturating_add(spoken).saturating_add(thought),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::Behaviour;

    fn answer(text: &str) -> Answer {
        let method = Method::read("m:streamGenerateContent", "").expect("a method");
        let body = json!({ "contents": [{ "role": "user", "parts": [{ "text": text }] }] });
        let ask = read(&method, body.to_string().as_bytes()).expect("a request");
        ask.answer(Behaviour::default()).expect("an answer")
    }

    fn text(steps: Vec<Step>) -> String {
        let steps = steps.into_iter();
        steps
            .map(|step| match step {
                Step::Now(piece) | Step::Piece(piece) => piece,
                Step::Break => "break".into(),
            })
            .collect()
    }

    #[test]
    fn the_path_names_model_and_method() {
        for (call, query, expected) in [
            ("m:generateContent", "", Ok(("m", false, false))),
            (
                "a:b:streamGenerateContent",
                "key=k&alt=sse",
                Ok(("a:b", true, true)),
            ),
            (
                "m:streamGenerateContent",
                "alt=json",
                Ok(("m", true, false)),
            ),
            ("m:embedContent", "", Err(404)),
            ("m", "", Err(404)),
        ] {
            let read = Method::read(call, query);
            let seen = read
                .as_ref()
                .map(|it| (it.model.as_str(), it.stream, it.events));
            assert_eq!(seen.map_err(|failure| failure.status), expected, "{call}");
        }
    }

    #[test]
    fn a_stream_is_one_array_or_events() {
        for (directive, texts, finish) in [
            ("[demo text=ab chunks=2]", &["a", "b"][..], Some("STOP")),
            (
                "[demo text=ab finish=length chunks=1]",
                &["ab"][..],
                Some("MAX_TOKENS"),
            ),
            ("[demo text=ab chunks=2 fail_after=1]", &["a"][..], None),
        ] {
            let array: Vec<Value> =
                serde_json::from_str(&text(stream(&answer(directive), false))).expect("an array");
            let events: Vec<Value> = text(stream(&answer(directive), true))
                .split("\r\n\r\n")
                .filter_map(|event| serde_json::from_str(event.strip_prefix("data: ")?).ok())
                .collect();
            assert_eq!(array, events, "{directive}");
            let said: Vec<&str> = array
                .iter()
                .filter_map(|it| it.pointer("/candidates/0/content/parts/0/text")?.as_str())
                .collect();
            assert_eq!(said, texts, "{directive}");
            let last = array
                .last()
                .and_then(|it| it.pointer("/candidates/0/finishReason"));
            assert_eq!(last.and_then(Value::as_str), finish, "{directive}");
            let failed = array.iter().filter(|it| it.get("error").is_some()).count();
            assert_eq!(failed, usize::from(finish.is_none()), "{directive}");
        }
        assert_eq!(text(stream(&answer("[demo text=ab cut=0]"), true)), "break");
    }

    #[test]
    fn thoughts_are_counted_beside_the_answer() {
        let said = "[demo text=a reasoning=b input_tokens=10 cached_tokens=4 output_tokens=9 reasoning_tokens=3]";
        let usage = whole(&answer(said))["usageMetadata"].clone();
        let expected = json!({ "promptTokenCount": 10, "cachedContentTokenCount": 4,
            "candidatesTokenCount": 6, "thoughtsTokenCount": 3, "totalTokenCount": 19 });
        assert_eq!(usage, expected);
    }
}
