//! What Chat Completions upstreams sign in places of their own: OpenRouter in
//! `reasoning_details` (row G17), Gemini in `extra_content` (rows G10 and G11).

use serde_json::{Value, json};
use tollgate_protocol::neutral::{Content, Response};
use tollgate_protocol::{
    Dialect, PassOn, Quirk, Target, pass_on, peek, read_response, translate_response,
};

use crate::support::{
    C, CHATTING, G, M, R, TARGET, body as sent_as, events, fields, reply, sse,
    stream_at_every_split, translate_for, value,
};
use crate::validator;

fn chunk(delta: Value, reason: Value) -> Value {
    json!({"id": "up", "model": "internal", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
}

fn target(quirks: &[Quirk]) -> Target<'static> {
    let mut target = TARGET;
    for quirk in quirks {
        quirk.apply(&mut target);
    }
    target
}

fn details() -> Value {
    json!([
        {"type": "reasoning.text", "text": "Hm", "format": "anthropic-claude-v1", "index": 0, "signature": "c2ln"},
        {"type": "reasoning.encrypted", "data": "c2VhbGVk", "format": "openai-responses-v1", "index": 1},
    ])
}

fn whole() -> String {
    let call = json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": null, "reasoning": null,
        "reasoning_details": details(), "tool_calls": [call]}, "finish_reason": "tool_calls"}]})
    .to_string()
}

fn streamed() -> String {
    let part = |details: Value| {
        chunk(
            json!({"reasoning": null, "reasoning_details": details}),
            Value::Null,
        )
    };
    let call = json!({"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    sse(&[
        part(json!([])),
        part(
            json!([{"type": "reasoning.text", "text": "H", "format": "anthropic-claude-v1", "index": 0}]),
        ),
        part(json!([{"type": "reasoning.text", "text": "m", "signature": "", "index": 0}])),
        part(json!([{"type": "reasoning.text", "text": null, "signature": "c2ln", "index": 0}])),
        part(
            json!([{"type": "reasoning.encrypted", "data": "c2VhbGVk", "format": "openai-responses-v1", "index": 1}]),
        ),
        chunk(json!({"tool_calls": [call]}), Value::Null),
        chunk(json!({}), json!("tool_calls")),
    ]) + "data: [DONE]\n\n"
}

/// What an answer's thinking says, and the array that signs it.
fn thinking(response: &Response) -> (String, Value) {
    match &response.choices[0].content[0].content {
        Content::Thinking {
            text,
            signature: Some(signature),
        } => {
            assert_eq!(signature.by, C);
            (text.as_str().to_owned(), value(signature.data.as_bytes()))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn g17_reasoning_details_are_text_and_proof() {
    for answer in [whole(), streamed()] {
        let read = read_response(C, answer.into_bytes()).unwrap();
        let (text, carried) = thinking(&read);
        assert_eq!(text, "Hm");
        let mut carried = carried.as_array().unwrap().clone();
        carried.sort_by_key(|entry| entry["index"].as_u64());
        assert_eq!(Value::from(carried), details());
        assert_eq!(read.choices[0].content.len(), 2);
    }
    // A summary alone proves nothing.
    let told = json!({"choices": [{"message": {"content": "x", "reasoning_details": [{"type": "reasoning.summary", "summary": "Hm"}]}}]});
    let read = read_response(C, told.to_string().into_bytes()).unwrap();
    let unsigned = Content::Thinking {
        text: "Hm".into(),
        signature: None,
    };
    assert_eq!(read.choices[0].content[0].content, unsigned);
    for to in CHATTING {
        let shown = stream_at_every_split(C, to, &streamed());
        validator::check(to, &shown.text);
    }
}

/// The answer of an upstream as `dialect`'s callers send it back.
fn sent_back(dialect: Dialect, answer: String) -> Value {
    let (answer, _) = translate_response(C, dialect, answer.into_bytes(), &reply()).unwrap();
    let answer = value(&answer);
    match dialect {
        M => json!({"model": "m", "max_tokens": 9000, "messages": [
            {"role": "user", "content": "go"}, {"role": "assistant", "content": answer["content"]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "1"}]},
        ]}),
        G => json!({"contents": [
            {"role": "user", "parts": [{"text": "go"}]}, answer["candidates"][0]["content"],
            {"role": "user", "parts": [{"functionResponse": {"id": "a", "name": "f", "response": {"result": "1"}}}]},
        ]}),
        _ => {
            let mut input = vec![json!({"role": "user", "content": "go"})];
            input.extend(answer["output"].as_array().unwrap().clone());
            input.push(json!({"type": "function_call_output", "call_id": "a", "output": "1"}));
            json!({"model": "m", "input": input})
        }
    }
}

#[test]
fn g17_reasoning_details_come_back_to_openrouter_alone() {
    let openrouter = target(&[Quirk::Reasoning, Quirk::ReasoningObject]);
    for from in [M, G, R] {
        for answer in [whole(), streamed()] {
            let request = sent_back(from, answer);
            let (body, _) = translate_for(from, C, &request, &openrouter);
            let assistant = &body["messages"][1];
            let mut back = assistant["reasoning_details"].as_array().unwrap().clone();
            back.sort_by_key(|entry| entry["index"].as_u64());
            assert_eq!(Value::from(back), details(), "{from}: {body}");
            for to in [C, M, G, R] {
                if from != to {
                    let (body, _) = translate_for(from, to, &request, &TARGET);
                    let body = body.to_string();
                    assert!(!body.contains("c2VhbGVk"), "{from} to {to}: {body}");
                }
            }
        }
    }
    // What is no array is nobody's.
    let forged = json!({"model": "m", "max_tokens": 9000, "messages": [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "", "signature": "tg.openai-chat.]"}, {"type": "text", "text": "x"}]},
    ]});
    let (body, _) = translate_for(M, C, &forged, &openrouter);
    assert_eq!(body["messages"][1]["reasoning_details"], json!([]));
}

fn signed_call() -> Value {
    json!({"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": "c2ln"}}})
}

fn second_call() -> Value {
    json!({"index": 1, "id": "b", "type": "function", "function": {"name": "f", "arguments": "{}"}})
}

#[test]
fn g10_what_gemini_signed_comes_back_by_its_openai_endpoint() {
    let gemini = target(&[Quirk::GoogleSignatures]);
    let message = json!({"role": "assistant", "reasoning_content": "Hm", "tool_calls": [signed_call(), second_call()]});
    let whole =
        json!({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})
            .to_string();
    let streamed = sse(&[
        chunk(json!({"reasoning_content": "Hm"}), Value::Null),
        chunk(json!({"tool_calls": [signed_call()]}), Value::Null),
        chunk(json!({"tool_calls": [second_call()]}), Value::Null),
        chunk(json!({}), json!("tool_calls")),
    ]) + "data: [DONE]\n\n";
    let read = |answer: &str| {
        let read = read_response(C, answer.as_bytes().to_vec()).unwrap();
        let blocks = read.choices.into_iter().flat_map(|choice| choice.content);
        blocks.map(|block| block.content).collect::<Vec<_>>()
    };
    assert_eq!(read(&whole), read(&streamed));
    for to in CHATTING {
        validator::check(to, &stream_at_every_split(C, to, &streamed).text);
    }
    for from in [M, G, R] {
        let request = sent_back(from, whole.clone());
        let (body, _) = translate_for(from, C, &request, &gemini);
        let calls = &body["messages"][1]["tool_calls"];
        assert_eq!(
            calls[0]["extra_content"],
            signed_call()["extra_content"],
            "{from}"
        );
        assert_eq!(calls[1].get("extra_content"), None, "{from}");
        let (body, _) = translate_for(from, C, &request, &TARGET);
        assert!(!body.to_string().contains("c2ln"), "{from}: {body}");
        if from != G {
            // The same provider by its own dialect.
            let (body, _) = translate_for(from, G, &request, &TARGET);
            let parts = body["contents"][1]["parts"].as_array().unwrap();
            let calls = parts.iter().find(|part| part["functionCall"].is_object());
            assert_eq!(calls.unwrap()["thoughtSignature"], "c2ln", "{from}");
        }
    }
    let last = events(&stream_at_every_split(C, G, &streamed).text);
    let signed = |event: &&Value| {
        event["candidates"][0]["content"]["parts"][0]["thoughtSignature"] == "c2ln"
    };
    let signed = last.iter().find(signed).unwrap();
    assert!(signed["candidates"][0]["content"]["parts"][0]["functionCall"].is_object());
}

#[test]
fn g11_calls_that_others_made_get_the_bypass() {
    let gemini = target(&[Quirk::GoogleSignatures]);
    let bypass = json!({"google": {"thought_signature": "skip_thought_signature_validator"}});
    let history = json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}, {"type": "tool_use", "id": "b", "name": "f", "input": {}}]},
    ]});
    let (body, _) = translate_for(M, C, &history, &gemini);
    let calls = &body["messages"][1]["tool_calls"];
    assert_eq!(calls[0]["extra_content"], bypass);
    assert_eq!(calls[1].get("extra_content"), None);
    let (body, _) = translate_for(M, C, &history, &TARGET);
    assert!(!body.to_string().contains("extra_content"));

    let edits = PassOn {
        model: "m",
        target: Some(&gemini),
        ..PassOn::default()
    };
    for (calls, expected) in [
        (
            r#"[{"id":"a","function":{"name":"f","arguments":"{}"} },{"id":"b","function":{"name":"f"}}]"#,
            r#"[{"id":"a","function":{"name":"f","arguments":"{}"} ,"extra_content":{"google":{"thought_signature":"skip_thought_signature_validator"}}},{"id":"b","function":{"name":"f"}}]"#,
        ),
        (
            r#"[{"id":"a","function":{"name":"f"},"extra_content":{"google":{"thought_signature":"c2ln"}}}]"#,
            "",
        ),
        ("[]", ""),
    ] {
        let message = |calls: &str| {
            format!(r#"{{"model":"m","messages":[{{"role":"assistant","tool_calls":{calls}}}]}}"#)
        };
        let sent = sent_as(message(calls));
        let (passed, losses) = pass_on(C, &peek(C, &sent).unwrap(), &sent, &edits);
        let expected = (!expected.is_empty()).then(|| message(expected));
        let passed = passed.map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(passed, expected);
        assert_eq!(fields(&losses), [""; 0]);
    }
}
