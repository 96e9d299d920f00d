//! A sweep over recorded traffic of real providers, where it is at hand: beside the
//! repository, or where `TOLLGATE_RECORDINGS` points. It is not part of the project.
//!
//! Nobody knows all the right answers by heart; what is checked holds for any
//! exchange: it parses, nothing is lost within a dialect, every output parses again
//! and is legal, and a stream says the same as the answer that it adds up to.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tollgate_protocol::count::Counter;
use tollgate_protocol::embeddings::{Shape, shape_of};
use tollgate_protocol::json::{Json, Limits};
use tollgate_protocol::neutral::{Content, StopReason};
use tollgate_protocol::stream::{Observer, ObserverOptions, Outcome, Status};
use tollgate_protocol::{
    Addressed, Body, CALLERS, Dialect, peek, peek_addressed, read_error, read_request,
    read_response, read_usage, translate_response, write_error, write_request,
};

use crate::support::{C, Dice, G, L, M, R, TARGET, body, reply, stream, value};
use crate::validator;

/// Requests that are rightly refused in the other dialect: words of the refusal.
const REFUSED: [&str; 21] = [
    "Tools of type",
    "Content of type",
    "Stored files",
    "not by URL",
    "containers",
    "MCP servers",
    "web search",
    "Images must be",
    "Documents must be",
    "Cached content belongs",
    "takes no audio",
    "takes no video",
    "Audio must be",
    "text or JSON only",
    "at most",
    "deprecated",
    "stop sequences",
    "not stored",
    "in the background",
    "gives one choice",
    "only completes text",
];

/// Requests that go through the neutral form in other words than they came.
const SAID_DIFFERENTLY: [&str; 6] = [
    // Neighbouring thoughts are one thought: streams cut them anywhere.
    "gemini/generatecontent/test_google_model_thinking_part_from_other_model.1.json",
    // Thinking that is a part of the content, as Mistral has it, is not sent back.
    "mistral/completions/test_mistral_model_thinking_part.1.json",
    // Mistral's "any" becomes "required", which it takes as well.
    "mistral/completions/test_tool_choice_matrix_list_single_mistral_.0.json",
    "mistral/completions/test_tool_choice_matrix_none_with_output_mistral_.0.json",
    "mistral/completions/test_tool_choice_matrix_tools_plus_output_mistral_.0.json",
    "mistral/completions/test_tool_choice_matrix_tools_plus_output_mistral_.1.json",
];

pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) dialect: Dialect,
    pub(crate) json: Value,
}

pub(crate) fn folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/recordings");
    let named = std::env::var_os("TOLLGATE_RECORDINGS").map(PathBuf::from);
    named.or(Some(beside)).filter(|folder| folder.is_dir())
}

pub(crate) fn recordings() -> Vec<Recording> {
    let mut found = Vec::new();
    for (name, json) in files() {
        let path = json["path"].as_str().unwrap_or_default();
        let dialect = match path {
            path if path.ends_with("/chat/completions") => C,
            "/v1/messages" => M,
            path if path.ends_with("enerateContent") => G,
            path if path.ends_with("/responses") => R,
            _ => continue,
        };
        if !json["request"].is_object() {
            // Cut off by the recorder's limit.
            continue;
        }
        found.push(Recording {
            name,
            dialect,
            json,
        });
    }
    found
}

/// All recordings, by their names.
fn files() -> Vec<(String, Value)> {
    let Some(folder) = folder() else {
        println!("SKIPPED: no recordings; set TOLLGATE_RECORDINGS to their folder");
        return Vec::new();
    };
    let list = |folder: &Path| -> Vec<PathBuf> {
        let mut paths: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        paths
    };
    let mut found = Vec::new();
    for endpoint in list(&folder)
        .iter()
        .filter(|path| path.is_dir())
        .flat_map(|path| list(path))
    {
        for file in list(&endpoint) {
            let json: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            let name = file.strip_prefix(&folder).unwrap().display().to_string();
            found.push((name, json));
        }
    }
    found
}

/// The recorded calls for vectors.
pub(crate) fn embeddings() -> Vec<(String, Shape, Value)> {
    let shape = |path: &str| {
        Some(match path {
            "/v1/embeddings" => Shape::Openai,
            "/v2/embed" => Shape::Cohere,
            _ if path.ends_with(":embedContent") => Shape::Gemini,
            _ if path.ends_with(":batchEmbedContents") => Shape::GeminiBatch,
            _ if path.contains("titan-embed") => Shape::Titan,
            _ => return None,
        })
    };
    let mut found = Vec::new();
    for (name, json) in files() {
        let Some(mut shape) = shape(json["path"].as_str().unwrap_or_default()) else {
            continue;
        };
        if shape == Shape::Openai {
            shape = shape_of(&body(&json["request"]));
        }
        found.push((name, shape, json));
    }
    found
}

/// The recorded calls that count tokens.
pub(crate) fn counts() -> Vec<(String, Counter, Value)> {
    let counter = |path: &str| {
        Some(match path {
            "/v1/messages/count_tokens" => Counter::Anthropic,
            "/v1/responses/input_tokens" => Counter::Responses,
            _ if path.ends_with(":countTokens") => match path.contains("/projects/") {
                true => Counter::Vertex,
                false => Counter::Gemini,
            },
            _ if path.ends_with("/count-tokens") => Counter::Bedrock,
            _ => return None,
        })
    };
    let counted = |(name, json): (String, Value)| {
        let counter = counter(json["path"].as_str()?)?;
        Some((name, counter, json))
    };
    files().into_iter().filter_map(counted).collect()
}

pub(crate) fn body_of(request: &Value) -> Body {
    body(request)
}

#[test]
fn every_request_is_read_and_written() {
    let recordings = recordings();
    let (mut written, mut refused) = (0, 0);
    for Recording {
        name,
        dialect,
        json,
    } in &recordings
    {
        let text = body(&json["request"]);
        let peeked = match *dialect {
            G => {
                let addressed = Addressed {
                    model: "m".into(),
                    ..Addressed::default()
                };
                peek_addressed(G, &text, &addressed).unwrap()
            }
            dialect => peek(dialect, &text).unwrap(),
        };
        if *dialect != G {
            assert_eq!(peeked.model, json["request"]["model"]);
        }
        assert_eq!(
            peeked.rewrite(&text, Some(&peeked.model), false),
            None,
            "{name}: passed on as it is"
        );
        let request =
            read_request(*dialect, &text).unwrap_or_else(|error| panic!("{name}: {error:?}"));

        let same = write_request(*dialect, &request, &TARGET).unwrap();
        let (same, original) = (
            normal(*dialect, value(&same.body)),
            normal(*dialect, json["request"].clone()),
        );
        if !SAID_DIFFERENTLY.contains(&name.as_str()) {
            assert_eq!(same, original, "{name}: within its dialect");
        }

        for &to in CALLERS.iter().filter(|to| *to != dialect) {
            match write_request(to, &request, &TARGET) {
                Ok(output) => {
                    written += 1;
                    let again = body(String::from_utf8(output.body).unwrap());
                    read_request(to, &again)
                        .unwrap_or_else(|error| panic!("{name} to {to}: {error:?}"));
                }
                Err(error) => {
                    refused += 1;
                    assert!(
                        REFUSED.iter().any(|words| error.message.contains(words)),
                        "{name} to {to}: {error:?}"
                    );
                }
            }
        }
    }
    println!(
        "requests: {} read and written back, {written} translated, {refused} refused",
        recordings.len()
    );
}

/// Two ways to say the same, made one.
fn normal(dialect: Dialect, request: Value) -> Value {
    if dialect == G {
        return normal_gemini(request);
    }
    let mut request = without_nulls(request);
    request
        .as_object_mut()
        .unwrap()
        .retain(|key, value| match key.as_str() {
            "model" | "stream_options" => false,
            "stream" => value == true,
            "tools" => value != &json!([]),
            // The target's limit, where the caller's is higher; checked elsewhere.
            "max_tokens" | "max_completion_tokens" | "max_output_tokens" => false,
            _ => true,
        });
    if dialect == R {
        return normal_input(request);
    }
    for message in request["messages"].as_array_mut().unwrap() {
        let message = message.as_object_mut().unwrap();
        if dialect == M || message["role"] != "assistant" || message.contains_key("content") {
            blocks(message);
        }
        // The parts of it that other fields repeat, in the order of the neutral form.
        if let Some(Value::Array(calls)) = message.get_mut("tool_calls") {
            calls
                .iter_mut()
                .for_each(|call| drop(call.as_object_mut().unwrap().remove("index")));
        }
    }
    if let Some(system) = request.get("system").filter(|system| system.is_string()) {
        request["system"] = json!([{"type": "text", "text": system}]);
    }
    for tool in request
        .get_mut("tools")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let tool = tool.as_object_mut().unwrap();
        tool.retain(|key, value| key != "type" || (value != "function" && value != "custom"));
    }
    if let Some(choice) = request
        .get_mut("tool_choice")
        .and_then(Value::as_object_mut)
    {
        choice.retain(|key, value| key != "type" || value != "function");
    }
    if let Some(messages) = request["messages"].as_array_mut().filter(|_| dialect == M) {
        *messages = merged(std::mem::take(messages));
    }
    request
}

/// The short forms of the Responses API, written out.
fn normal_input(mut request: Value) -> Value {
    if let Some(text) = request["input"].as_str() {
        request["input"] = json!([{"role": "user", "content": text}]);
    }
    for item in request["input"].as_array_mut().unwrap() {
        let item = item.as_object_mut().unwrap();
        let kind = item.entry("type").or_insert("message".into()).clone();
        let part = if item.get("role") == Some(&json!("assistant")) {
            "output_text"
        } else {
            "input_text"
        };
        if kind == "message"
            && let Some(Value::String(text)) = item.get("content")
        {
            let content = json!([{"type": part, "text": text}]);
            item.insert("content".into(), content);
        }
        if let Some(Value::Array(output)) = item.get("output")
            && let [only] = output.as_slice()
            && only["type"] == "input_text"
        {
            let text = only["text"].clone();
            item.insert("output".into(), text);
        }
    }
    request
}

/// One spelling of names, one content for neighbours, one list of functions.
fn normal_gemini(request: Value) -> Value {
    let mut request = without_nulls(in_camel_case(request));
    let list = |value: Value| match value {
        Value::Array(items) => items,
        single => vec![single],
    };
    let mut contents: Vec<Value> = Vec::new();
    for content in list(request["contents"].take()) {
        match contents
            .last_mut()
            .filter(|last| last["role"] == content["role"])
        {
            Some(last) => {
                let more = content["parts"].as_array().unwrap().clone();
                last["parts"].as_array_mut().unwrap().extend(more);
            }
            None => contents.push(content),
        }
    }
    request["contents"] = contents.into();
    if let Some(system) = request.get_mut("systemInstruction") {
        system.as_object_mut().unwrap().remove("role");
    }
    if let Some(tools) = request.get_mut("tools") {
        let mut functions = Vec::new();
        let mut others = Vec::new();
        for tool in list(tools.take()) {
            for (key, value) in tool.as_object().unwrap() {
                match key.as_str() {
                    "functionDeclarations" => functions.extend(list(value.clone())),
                    _ => others.push(json!({key: value})),
                }
            }
        }
        *tools = json!([functions, others]);
    }
    request
}

fn in_camel_case(value: Value) -> Value {
    let camel = |key: &str| {
        let mut words = key.split('_');
        let first = words.next().unwrap().to_owned();
        words.fold(first, |name, word| {
            let (head, tail) = word.split_at(word.len().min(1));
            name + &head.to_uppercase() + tail
        })
    };
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(key, value)| {
                let key = camel(&key);
                match (key.as_str(), &value) {
                    ("data", Value::String(data)) => {
                        let data = data.replace('-', "+").replace('_', "/");
                        (key, data.into())
                    }
                    _ => (key, in_camel_case(value)),
                }
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.into_iter().map(in_camel_case).collect(),
        other => other,
    }
}

fn blocks(message: &mut Map<String, Value>) {
    match message.get_mut("content") {
        Some(Value::String(text)) => {
            let text = std::mem::take(text);
            message.insert("content".into(), json!([{"type": "text", "text": text}]));
        }
        Some(Value::Array(content)) => {
            for block in content.iter_mut() {
                if block["type"] == "tool_result" {
                    blocks(block.as_object_mut().unwrap());
                    block
                        .as_object_mut()
                        .unwrap()
                        .retain(|key, value| key != "is_error" || value == true);
                }
            }
            content.retain(|block| block["type"] != "text" || block["text"] != "");
        }
        _ => {}
    }
    message.retain(|key, value| {
        key != "content" || value.as_array().is_none_or(|blocks| !blocks.is_empty())
    });
}

/// Anthropic's own merging of neighbours, and results before anything else.
fn merged(messages: Vec<Value>) -> Vec<Value> {
    let mut merged: Vec<Value> = Vec::new();
    for message in messages {
        match merged
            .last_mut()
            .filter(|last| last["role"] == message["role"])
        {
            Some(last) => {
                let more = message["content"].as_array().unwrap().clone();
                last["content"].as_array_mut().unwrap().extend(more);
            }
            None => merged.push(message),
        }
    }
    for message in &mut merged {
        if let Some(content) = message["content"].as_array_mut() {
            content.sort_by_key(|block| block["type"] != "tool_result");
        }
    }
    merged
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

#[test]
fn every_answer_is_read_and_written() {
    let recordings = recordings();
    let (mut answers, mut errors) = (0, 0);
    for Recording {
        name,
        dialect,
        json,
    } in &recordings
    {
        let Some(answer) = json.get("response_json").filter(|answer| !answer.is_null()) else {
            continue;
        };
        let bytes = answer.to_string().into_bytes();
        let status = json["status"].as_u64().unwrap();
        if status != 200 {
            errors += 1;
            let error = read_error(*dialect, status as u16, &bytes);
            for &to in CALLERS {
                let (_, body) = write_error(to, &error);
                assert!(
                    !value(&body)["error"]["message"]
                        .as_str()
                        .unwrap()
                        .is_empty()
                );
            }
            continue;
        }
        answers += 1;
        if answer["status"] == "queued" {
            // In the background: nothing that could be translated, and nothing used yet.
            assert!(read_response(*dialect, bytes.clone()).is_err(), "{name}");
            assert_eq!(read_usage(*dialect, &bytes), None, "{name}");
            continue;
        }
        let response = read_response(*dialect, bytes.clone())
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let Some(usage) = read_usage(*dialect, &bytes) else {
            panic!("{name}: no usage in the end");
        };
        assert_eq!(response.usage, Some(usage), "{name}");
        assert_gross(*dialect, answer, &usage, name);
        for &to in CALLERS {
            let (body, _) = translate_response(*dialect, to, bytes.clone(), &reply()).unwrap();
            let again = read_response(to, body).unwrap_or_else(|error| panic!("{name}: {error:?}"));
            assert_eq!(
                said(&again.choices[0].content),
                heard(to, &response.choices[0].content),
                "{name} to {to}"
            );
            assert_eq!(again.usage.unwrap().output_tokens, usage.output_tokens);
            assert_eq!(again.usage.unwrap().input_tokens, usage.input_tokens);

            let streamed = stream(*dialect, to, reply(), [bytes.as_slice()]);
            assert_eq!(streamed.outcome, Outcome::Complete, "{name}");
            validator::check(to, &streamed.text);
        }
    }
    println!("answers: {answers} read, written and streamed in all dialects; {errors} errors");
}

fn assert_gross(
    dialect: Dialect,
    answer: &Value,
    usage: &tollgate_protocol::neutral::Usage,
    name: &str,
) {
    if dialect == G {
        let told = &answer["usageMetadata"];
        let count = |key: &str| told[key].as_u64().unwrap_or(0);
        let input = count("promptTokenCount") + count("toolUsePromptTokenCount");
        assert_eq!(usage.input_tokens, Some(input), "{name}");
        let output = count("candidatesTokenCount") + count("thoughtsTokenCount");
        assert_eq!(usage.output_tokens, Some(output), "{name}");
        assert_eq!(input + output, count("totalTokenCount"), "{name}");
        return;
    }
    let told = &answer["usage"];
    let expected = match dialect {
        C => told["prompt_tokens"].as_u64().unwrap(),
        _ => [
            "input_tokens",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
        ]
        .iter()
        .map(|key| told[key].as_u64().unwrap_or(0))
        .sum(),
    };
    assert_eq!(usage.input_tokens, Some(expected), "{name}");
}

/// Text, and calls with their arguments: what must survive any translation.
pub(crate) fn said(blocks: &[tollgate_protocol::neutral::Block]) -> (String, Vec<(String, Value)>) {
    let mut text = String::new();
    let mut calls = Vec::new();
    for block in blocks {
        match &block.content {
            Content::Text(more) | Content::Refusal(more) => text.push_str(more),
            Content::ToolCall(call) => {
                let arguments = if call.arguments.is_empty() {
                    "{}"
                } else {
                    &call.arguments
                };
                calls.push((
                    call.name.to_string(),
                    serde_json::from_str(arguments).unwrap_or_else(|_| arguments.into()),
                ));
            }
            _ => {}
        }
    }
    (text, calls)
}

/// What of it reaches a caller of this dialect.
fn heard(
    to: Dialect,
    blocks: &[tollgate_protocol::neutral::Block],
) -> (String, Vec<(String, Value)>) {
    let (text, calls) = said(blocks);
    match to {
        // It has no tools, so nothing in it could be called.
        L => (text, Vec::new()),
        _ => (text, calls),
    }
}

/// Streams that rightly end in an error: what the recording shows the provider say.
const FAILING_STREAMS: [&str; 3] = [
    // OpenRouter finishes with "length", then says that this was an error.
    "openrouter/completions-stream/test_openrouter_stream_error.0.json",
    // The model called a tool with arguments that Groq's own validation rejects.
    "groq/completions-stream/test_tool_use_failed_error_streaming.0.json",
    "groq/completions-stream/test_tool_use_failed_error_streaming_with_text.0.json",
];

#[test]
fn every_stream_is_translated_and_passed_on() {
    let mut dice = Dice::new();
    let recordings = recordings();
    let mut streams = 0;
    for Recording {
        name,
        dialect,
        json,
    } in &recordings
    {
        let Some(text) = json["response_text"].as_str() else {
            continue;
        };
        streams += 1;
        let failing = FAILING_STREAMS.contains(&name.as_str());
        let (passed_on, outcome) = observe(*dialect, dice.cut(text.as_bytes()));
        // OpenRouter ends Responses streams with what only Chat Completions has.
        let kept = match *dialect {
            R => text.strip_suffix("data: [DONE]\n\n").unwrap_or(text),
            _ => text,
        };
        assert_eq!(passed_on, kept, "{name}: passed on byte for byte");
        assert_eq!(matches!(outcome, Outcome::Failed(_)), failing, "{name}");
        for &to in CALLERS {
            let whole = stream(*dialect, to, reply(), [text.as_bytes()]);
            let cut = stream(*dialect, to, reply(), dice.cut(text.as_bytes()));
            assert_eq!(cut, whole, "{name}");
            assert_eq!(whole.status, Status::Answer, "{name}");
            if failing {
                assert!(matches!(whole.outcome, Outcome::Failed(_)), "{name}");
                continue;
            }
            assert_eq!(whole.outcome, Outcome::Complete, "{name}");
            validator::check(to, &whole.text);
            let first = read_response(*dialect, text.into()).unwrap();
            let again = read_response(to, whole.text.into_bytes()).unwrap();
            assert_eq!(
                said(&again.choices[0].content),
                heard(to, &first.choices[0].content),
                "{name} to {to}"
            );
            let stop = match first.choices[0].stop {
                StopReason::ToolUse if to == L => StopReason::EndOfTurn,
                stop => stop,
            };
            assert_eq!(again.choices[0].stop, stop, "{name} to {to}");
            assert_eq!(first.usage.unwrap_or_default(), whole.usage, "{name}");
        }
        for data in text.lines().filter_map(|line| line.strip_prefix("data: {")) {
            assert!(Json::parse(format!("{{{data}").as_bytes(), &Limits::response()).is_ok());
        }
    }
    println!("streams: {streams} translated to all dialects and passed on, cut at random");
}

/// Every byte split of some whole recordings, not only of our own fixtures.
#[test]
fn some_streams_at_every_split() {
    let recordings = recordings();
    let short = |recording: &&Recording| {
        recording.json["response_text"]
            .as_str()
            .is_some_and(|text| text.len() < 2_500)
    };
    let chosen: Vec<_> = recordings.iter().filter(short).take(5).collect();
    for Recording { dialect, json, .. } in &chosen {
        let text = json["response_text"].as_str().unwrap();
        for &to in CALLERS {
            let whole = stream(*dialect, to, reply(), [text.as_bytes()]);
            for at in 0..text.len() {
                let (head, tail) = text.as_bytes().split_at(at);
                assert_eq!(stream(*dialect, to, reply(), [head, tail]), whole);
            }
        }
    }
    println!("streams: {} at every byte split", chosen.len());
}

fn observe(dialect: Dialect, chunks: Vec<&[u8]>) -> (String, Outcome) {
    let mut observer = Observer::new(dialect, ObserverOptions::default());
    let mut out = Vec::new();
    for chunk in chunks {
        observer.push(chunk, &mut out).unwrap();
    }
    let outcome = observer.finish(reply(), &mut out);
    (String::from_utf8(out).unwrap(), outcome)
}
