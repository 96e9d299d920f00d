//! The sweep over recorded traffic of providers whose dialects callers do not speak. As
//! for the others it is not part of the project; see `recordings`.

use serde_json::Value;
use tollgate_protocol::stream::Outcome;
use tollgate_protocol::{
    ALL, CALLERS, Dialect, read_error, read_request, read_response, read_usage, translate_response,
    write_error, write_request,
};

use crate::recordings::{folder, said};
use crate::support::{CHATTING, Dice, TARGET, body, reply, stream, value};
use crate::validator;

/// Folder of recordings and what is spoken there.
const FOLDERS: [(&str, Dialect); 3] = [
    ("cohere/chat", Dialect::Cohere),
    ("bedrock/converse", Dialect::BedrockConverse),
    ("bedrock/converse-stream", Dialect::BedrockConverse),
];

struct Recording {
    name: String,
    dialect: Dialect,
    json: Value,
}

fn recordings() -> Vec<Recording> {
    let Some(root) = folder() else {
        println!("SKIPPED: no recordings; set TOLLGATE_RECORDINGS to their folder");
        return Vec::new();
    };
    let mut found = Vec::new();
    for (folder, dialect) in FOLDERS {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let json = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            found.push(Recording {
                name: path.display().to_string(),
                dialect,
                json,
            });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Input with everything cached, and output: as the recording tells them.
fn told(usage: &Value) -> (Option<u64>, Option<u64>) {
    if let Some(billed) = usage.get("billed_units") {
        let count = |key: &str| billed[key].as_u64();
        return (count("input_tokens"), count("output_tokens"));
    }
    let input = [
        "inputTokens",
        "cacheReadInputTokens",
        "cacheWriteInputTokens",
    ];
    let input = input.iter().filter_map(|key| usage[key].as_u64());
    (Some(input.sum()), usage["outputTokens"].as_u64())
}

/// What chat and agent clients really asked, for upstreams that they did not know.
#[test]
fn every_request_of_callers_is_written_or_refused() {
    let (mut written, mut refused) = (0, 0);
    for recording in crate::recordings::recordings() {
        let name = &recording.name;
        let request = read_request(recording.dialect, &body(&recording.json["request"])).unwrap();
        for &to in ALL.iter().filter(|to| !CALLERS.contains(to)) {
            match write_request(to, &request, &TARGET) {
                Err(error) => {
                    refused += 1;
                    assert!(!error.field.is_empty(), "{name} to {to}: {error:?}");
                }
                Ok(output) => {
                    written += 1;
                    let body = value(&output.body);
                    let sound = match to {
                        Dialect::BedrockConverse => converse(&body),
                        Dialect::Cohere => cohere(&body),
                        Dialect::Ollama => ollama(&body),
                        _ => body["anthropic_version"].is_string() && body["model"].is_null(),
                    };
                    assert!(sound, "{name} to {to}: {body}");
                }
            }
        }
    }
    println!("requests: {written} written for upstreams of other dialects, {refused} refused");
}

/// Turns alternate, blocks have one member each, names fit, and calls have tools.
fn converse(body: &Value) -> bool {
    let fits = |name: &Value| {
        let name = name.as_str().unwrap_or_default();
        let plain = |char: char| char.is_ascii_alphanumeric() || "_-".contains(char);
        (1..=64).contains(&name.len()) && name.chars().all(plain)
    };
    let messages = body["messages"].as_array().unwrap();
    let alternate = messages
        .windows(2)
        .all(|pair| pair[0]["role"] != pair[1]["role"]);
    let blocks = || {
        messages
            .iter()
            .flat_map(|message| message["content"].as_array().unwrap())
    };
    let sound = |block: &Value| {
        let is_call = block.get("toolUse").is_some();
        block.as_object().unwrap().len() == 1
            && (!is_call || fits(&block["toolUse"]["name"]) && fits(&block["toolUse"]["toolUseId"]))
            && block["text"]
                .as_str()
                .is_none_or(|text| !text.trim().is_empty())
    };
    let called = blocks().any(|block| block.get("toolUse").or(block.get("toolResult")).is_some());
    let tools = body["toolConfig"]["tools"].as_array();
    let named = tools.is_none_or(|tools| {
        let mut specs = tools.iter().filter_map(|tool| tool.get("toolSpec"));
        specs.all(|spec| fits(&spec["name"]) && spec["inputSchema"]["json"].is_object())
    });
    let filled = messages
        .iter()
        .all(|message| message["content"] != Value::Array(vec![]));
    alternate && filled && blocks().all(sound) && named && (!called || tools.is_some())
}

/// Every message says something, and results say what they answer.
fn cohere(body: &Value) -> bool {
    let messages = body["messages"].as_array().unwrap();
    !messages.is_empty()
        && messages.iter().all(|message| {
            let says = !message["content"].is_null() || message["tool_calls"].is_array();
            says && (message["role"] == "tool") == message["tool_call_id"].is_string()
        })
}

/// Every message has a text, and arguments are objects.
fn ollama(body: &Value) -> bool {
    let messages = body["messages"].as_array().unwrap();
    let calls = messages
        .iter()
        .filter_map(|message| message["tool_calls"].as_array());
    messages
        .iter()
        .all(|message| message["content"].is_string())
        && calls
            .flatten()
            .all(|call| call["function"]["arguments"].is_object())
        && body["stream"].is_boolean()
}

#[test]
fn every_answer_and_error_reaches_every_caller() {
    let (mut answers, mut errors) = (0, 0);
    for Recording {
        name,
        dialect,
        json,
    } in recordings()
    {
        let answer = &json["response_json"];
        if answer.is_null() {
            continue;
        }
        let bytes = answer.to_string().into_bytes();
        let status = json["status"].as_u64().unwrap();
        if status != 200 {
            errors += 1;
            let error = read_error(dialect, u16::try_from(status).unwrap(), &bytes);
            for to in CHATTING {
                let (_, body) = write_error(to, &error);
                assert!(value(&body)["error"]["message"].is_string(), "{name}");
            }
            continue;
        }
        answers += 1;
        let response = read_response(dialect, bytes.clone())
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let usage = read_usage(dialect, &bytes).unwrap();
        assert_eq!(response.usage, Some(usage), "{name}");
        let counted = (usage.input_tokens, usage.output_tokens);
        assert_eq!(counted, told(&answer["usage"]), "{name}");
        for to in CHATTING {
            let (body, _) = translate_response(dialect, to, bytes.clone(), &reply()).unwrap();
            let again = read_response(to, body).unwrap();
            assert_eq!(
                said(&again.choices[0].content),
                said(&response.choices[0].content),
                "{name} to {to}"
            );
            assert_eq!(again.usage.unwrap().input_tokens, usage.input_tokens);
            let streamed = stream(dialect, to, reply(), [bytes.as_slice()]);
            assert_eq!(streamed.outcome, Outcome::Complete, "{name}");
            validator::check(to, &streamed.text);
        }
    }
    println!("answers: {answers} read, written and streamed for every caller; {errors} errors");
}

#[test]
fn every_stream_reaches_every_caller() {
    let mut dice = Dice::new();
    let mut streams = 0;
    for Recording {
        name,
        dialect,
        json,
    } in recordings()
    {
        let Some(base64) = json["response_base64"].as_str() else {
            continue;
        };
        streams += 1;
        let bytes = decode(base64);
        let first = read_response(dialect, bytes.clone()).unwrap();
        assert!(first.usage.is_some(), "{name}");
        for to in CHATTING {
            let whole = stream(dialect, to, reply(), [bytes.as_slice()]);
            let cut = stream(dialect, to, reply(), dice.cut(&bytes));
            assert_eq!(cut, whole, "{name}");
            assert_eq!(whole.outcome, Outcome::Complete, "{name}");
            validator::check(to, &whole.text);
            let again = read_response(to, whole.text.into_bytes()).unwrap();
            assert_eq!(
                said(&again.choices[0].content),
                said(&first.choices[0].content),
                "{name} to {to}"
            );
            assert_eq!(again.choices[0].stop, first.choices[0].stop, "{name}");
            assert_eq!(first.usage, Some(whole.usage), "{name}");
        }
    }
    println!("streams: {streams} translated for every caller, cut at random");
}

fn decode(base64: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for digit in base64.bytes().filter(|digit| *digit != b'=') {
        let value = alphabet.iter().position(|known| *known == digit).unwrap();
        bits = bits << 6 | u32::try_from(value).unwrap();
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xFF) as u8);
        }
    }
    bytes
}
