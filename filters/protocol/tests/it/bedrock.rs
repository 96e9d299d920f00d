//! Bedrock Converse as an upstream: requests, answers, streams and errors.

use serde_json::{Value, json};
use tollgate_protocol::neutral::{Effort, Usage};
use tollgate_protocol::stream::{Outcome, Status};
use tollgate_protocol::{
    Classified, Dialect, ErrorKind, ModelFields, Raw, Target, Thinking, classify_response,
    read_error, read_response, read_usage, translate_response,
};

use crate::event_stream::{event, exception};
use crate::support::{
    C, CHATTING, M, Streamed, TARGET, last_error, refused, reply, stream, translate, translate_for,
    value,
};
use crate::validator;

const B: Dialect = Dialect::BedrockConverse;

const CLAUDE: Target<'static> = Target {
    model_fields: ModelFields::Anthropic,
    ..TARGET
};

#[track_caller]
fn check(from: Dialect, input: Value, target: &Target<'_>, expected: Value, lost: &[&str]) {
    let (body, losses) = translate_for(from, B, &input, target);
    assert_eq!(body, expected);
    assert_eq!(losses, lost);
}

#[test]
fn a_conversation_from_chat_completions() {
    let input = json!({
        "model": "m",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [
                {"type": "text", "text": "what is this"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
                {"type": "file", "file": {"filename": "My report: v2.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}},
                {"type": "file", "file": {"filename": "My report  v2.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}}
            ]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "call.1", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}},
                {"id": "call_2", "type": "function", "function": {"name": "f", "arguments": "{\"x\""}}
            ]},
            {"role": "tool", "tool_call_id": "call.1", "content": "one"},
            {"role": "tool", "tool_call_id": "call_2", "content": "two"},
            {"role": "user", "content": "go on"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "description": "d", "strict": true, "parameters": {"type": "object"}}},
                  {"type": "function", "function": {"name": "a.b", "parameters": {}}}],
        "tool_choice": "required",
        "parallel_tool_calls": false,
        "max_completion_tokens": 100,
        "temperature": 1.5,
        "top_p": 0.50,
        "stop": ["END", " "],
        "seed": 1,
        "user": "u",
        "stream": true,
    });
    let first = json!({"toolUseId": "call_1_bff9ac7f9bbbc01c", "name": "f", "input": {"x": 1}});
    let (body, lost) = translate(C, B, &input);
    let id = body["messages"][1]["content"][0]["toolUse"]["toolUseId"].clone();
    assert!(id.as_str().unwrap().starts_with("call_1_"), "{id}");
    let alias = body["toolConfig"]["tools"][1]["toolSpec"]["name"].clone();
    assert!(alias.as_str().unwrap().starts_with("a_b_"), "{alias}");
    let expected = json!({
        "messages": [
            {"role": "user", "content": [
                {"text": "what is this"},
                {"image": {"format": "png", "source": {"bytes": "iVBORw=="}}},
                {"document": {"format": "pdf", "name": "My report- v2-pdf", "source": {"bytes": "JVBERg=="}}},
                {"document": {"format": "pdf", "name": "My report v2-pdf", "source": {"bytes": "JVBERg=="}}}
            ]},
            {"role": "assistant", "content": [
                {"toolUse": {"toolUseId": id, "name": first["name"], "input": first["input"]}},
                {"toolUse": {"toolUseId": "call_2", "name": "f", "input": {"malformed_arguments": "{\"x\""}}}
            ]},
            {"role": "user", "content": [
                {"toolResult": {"toolUseId": id, "content": [{"text": "one"}]}},
                {"toolResult": {"toolUseId": "call_2", "content": [{"text": "two"}]}},
                {"text": "go on"}
            ]}
        ],
        "system": [{"text": "be brief"}],
        "inferenceConfig": {"maxTokens": 100, "temperature": 1, "topP": 0.50, "stopSequences": ["END"]},
        "toolConfig": {
            "tools": [
                {"toolSpec": {"name": "f", "description": "d", "inputSchema": {"json": {"type": "object"}}}},
                {"toolSpec": {"name": alias, "inputSchema": {"json": {"type": "object", "properties": {}}}}}
            ],
            "toolChoice": {"any": {}}
        }
    });
    assert_eq!(body, expected);
    let mut lost = lost;
    lost.sort();
    let mut all = [
        "temperature",
        "stop",
        "seed",
        "tools.function.strict",
        "parallel_tool_calls",
        "user",
    ];
    all.sort_unstable();
    assert_eq!(lost, all);
}

#[test]
fn a_conversation_from_anthropic() {
    let signed = json!({"type": "thinking", "thinking": "hm", "signature": "c2ln"});
    let input = json!({
        "model": "m",
        "max_tokens": 100,
        "system": [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "messages": [
            {"role": "user", "content": [{"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "abc"}, "cache_control": {"type": "ephemeral"}}]},
            {"role": "assistant", "content": [signed, {"type": "redacted_thinking", "data": "ZGF0YQ=="}, {"type": "tool_use", "id": "t1", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "is_error": true, "content": [
                {"type": "text", "text": "no"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/webp", "data": "UklGRg=="}}]}]}
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object"}, "strict": true, "cache_control": {"type": "ephemeral", "ttl": "5m"}}],
        "tool_choice": {"type": "tool", "name": "f"},
        "top_k": 5,
    });
    let expected = json!({
        "messages": [
            {"role": "user", "content": [
                {"document": {"format": "txt", "name": "T", "source": {"bytes": "YWJj"}}},
                {"cachePoint": {"type": "default"}},
                {"text": "T"}
            ]},
            {"role": "assistant", "content": [
                {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}},
                {"reasoningContent": {"redactedContent": "WkdGMFlRPT0="}},
                {"toolUse": {"toolUseId": "t1", "name": "f", "input": {}}}
            ]},
            {"role": "user", "content": [{"toolResult": {"toolUseId": "t1", "content": [
                {"text": "no"},
                {"image": {"format": "webp", "source": {"bytes": "UklGRg=="}}}
            ], "status": "error"}}]}
        ],
        "system": [{"text": "be brief"}, {"cachePoint": {"type": "default", "ttl": "1h"}}],
        "inferenceConfig": {"maxTokens": 100},
        "toolConfig": {
            "tools": [
                {"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}, "strict": true}},
                {"cachePoint": {"type": "default", "ttl": "5m"}}
            ],
            "toolChoice": {"tool": {"name": "f"}}
        },
        "additionalModelRequestFields": {"top_k": 5}
    });
    check(M, input.clone(), &CLAUDE, expected, &[]);
    let (body, lost) = translate(M, B, &input);
    assert_eq!(
        (body.get("additionalModelRequestFields"), lost),
        (None, vec!["top_k".into()])
    );
}

#[test]
fn a_models_id_says_whose_words_it_understands() {
    let chat = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "reasoning_effort": "high"});
    for (model, field) in [
        (
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
            Some("thinking"),
        ),
        (
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            Some("thinking"),
        ),
        (
            "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-4-1-20250805-v1:0",
            Some("thinking"),
        ),
        ("openai.gpt-oss-120b-1:0", Some("reasoning_effort")),
        ("eu.amazon.nova-2-lite-v1:0", Some("reasoningConfig")),
        ("amazon.titan-text-express-v1", None),
        ("my-anthropic.claude", None),
        (
            "arn:aws:bedrock:us-east-1:1:application-inference-profile/ab",
            None,
        ),
        ("claude", None),
        ("", None),
    ] {
        let target = Target { model, ..TARGET };
        let (body, losses) = translate_for(C, B, &chat, &target);
        let fields = body["additionalModelRequestFields"].as_object();
        let said = fields.and_then(|fields| fields.keys().next());
        assert_eq!(said.map(String::as_str), field, "{model}: {body}");
        assert_eq!(losses.is_empty(), field.is_some(), "{model}: {losses:?}");
    }
}

#[test]
fn thinking_is_said_in_the_models_own_words() {
    let chat = |effort: &str| json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "reasoning_effort": effort, "temperature": 0.5});
    let adaptive = Target {
        thinking: Thinking::Adaptive,
        ..CLAUDE
    };
    let of = |model_fields| Target {
        model_fields,
        ..TARGET
    };
    let rows: [(Target<'_>, &str, Value, &[&str]); 8] = [
        (
            CLAUDE,
            "high",
            json!({"thinking": {"type": "enabled", "budget_tokens": 16384}}),
            &["temperature"],
        ),
        (
            CLAUDE,
            "none",
            json!({"thinking": {"type": "disabled"}}),
            &[],
        ),
        (
            adaptive,
            "medium",
            json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}}),
            &["temperature"],
        ),
        (
            of(ModelFields::OpenAi),
            "minimal",
            json!({"reasoning_effort": "low"}),
            &[],
        ),
        (
            of(ModelFields::Nova),
            "xhigh",
            json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}),
            &[],
        ),
        (of(ModelFields::Nova), "none", Value::Null, &[]),
        (
            Target {
                thinking: Thinking::Never,
                ..of(ModelFields::OpenAi)
            },
            "low",
            Value::Null,
            &["reasoning_effort"],
        ),
        (TARGET, "low", Value::Null, &["reasoning_effort"]),
    ];
    for (target, effort, expected, lost) in rows {
        let (body, losses) = translate_for(C, B, &chat(effort), &target);
        assert_eq!(body["additionalModelRequestFields"], expected, "{effort}");
        assert_eq!(losses, lost, "{effort}");
    }
    // Room for the answer is left beside the thinking.
    let (body, _) = translate_for(C, B, &chat("high"), &CLAUDE);
    assert_eq!(body["inferenceConfig"], json!({"maxTokens": 64_000}));
    let levels = Target {
        efforts: &[Effort::Low],
        ..of(ModelFields::OpenAi)
    };
    let (body, _) = translate_for(C, B, &chat("high"), &levels);
    assert_eq!(
        body["additionalModelRequestFields"]["reasoning_effort"],
        "low"
    );
}

#[test]
fn c7_tools_that_are_forbidden_or_forgotten() {
    let user = json!({"role": "user", "content": "hi"});
    let call = json!({"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}]});
    let result = json!({"role": "tool", "tool_call_id": "c", "content": ""});
    let tool =
        json!({"type": "function", "function": {"name": "g", "parameters": {"type": "object"}}});
    let empty = json!({"type": "object", "properties": {}});
    let stub = json!({"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": empty}}}]});
    let g = json!({"tools": [{"toolSpec": {"name": "g", "inputSchema": {"json": {"type": "object"}}}}]});
    let rows: [(Value, Value, Value, &[&str]); 3] = [
        (
            json!({"messages": [user], "tools": [tool], "tool_choice": "none"}),
            Value::Null,
            json!("no call"),
            &[],
        ),
        // B20
        (
            json!({"messages": [user, call, result]}),
            stub,
            json!("stub"),
            &[],
        ),
        (
            json!({"messages": [user, call, result], "tools": [tool], "tool_choice": "none"}),
            g,
            json!("kept"),
            &["tool_choice"],
        ),
    ];
    for (mut input, expected, name, lost) in rows {
        input["model"] = "m".into();
        let (body, losses) = translate(C, B, &input);
        assert_eq!(body["toolConfig"], expected, "{name}");
        assert_eq!(losses, lost, "{name}");
    }
}

#[test]
fn answer_formats_and_what_the_channel_adds() {
    let schema = json!({"type": "object", "additionalProperties": false});
    let mut input = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": true}}});
    let added = [(
        "guardrailConfig",
        Raw::parse(r#"{"guardrailIdentifier":"g"}"#).unwrap(),
    )];
    let target = Target {
        extra_body: &added,
        ..TARGET
    };
    let (body, _) = translate_for(C, B, &input, &target);
    let format = &body["outputConfig"]["textFormat"];
    assert_eq!(format["type"], "json_schema");
    let told = &format["structure"]["jsonSchema"];
    assert_eq!(told["name"], "n");
    assert_eq!(value(told["schema"].as_str().unwrap().as_bytes()), schema);
    assert_eq!(body["guardrailConfig"], json!({"guardrailIdentifier": "g"}));
    input["response_format"] = json!({"type": "json_object"});
    let (body, lost) = translate(C, B, &input);
    assert!(body["system"][0]["text"].as_str().unwrap().contains("JSON"));
    assert_eq!(lost, ["response_format"]);
}

#[test]
fn what_cannot_be_said_is_refused() {
    let user = |part: Value| json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [part]}]});
    let rows = [
        (
            C,
            user(json!({"type": "image_url", "image_url": {"url": "https://x.test/a.png"}})),
            "messages[0]",
        ),
        (
            C,
            user(json!({"type": "image_url", "image_url": {"url": "data:image/tiff;base64,AAAA"}})),
            "messages[0]",
        ),
        (
            M,
            user(
                json!({"type": "document", "source": {"type": "url", "url": "https://x.test/a.pdf"}}),
            ),
            "messages[0]",
        ),
        (
            M,
            user(json!({"type": "image", "source": {"type": "file", "file_id": "f"}})),
            "messages[0]",
        ),
        (
            M,
            user(json!({"type": "search_result", "source": "s"})),
            "messages[0]",
        ),
        (
            M,
            json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}], "tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
            "tools[0]",
        ),
        (
            C,
            json!({"model": "m", "n": 2, "messages": [{"role": "user", "content": "x"}]}),
            "n",
        ),
    ];
    for (from, input, field) in rows {
        assert_eq!(refused(from, B, &input).field, field, "{input}");
    }
}

fn answer(content: Value, reason: &str) -> Value {
    json!({
        "metrics": {"latencyMs": 1},
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": reason,
        "usage": {"inputTokens": 3, "outputTokens": 5, "totalTokens": 21, "cacheReadInputTokens": 6, "cacheWriteInputTokens": 7,
                  "cacheDetails": [{"ttl": "1h", "inputTokens": 2}, {"ttl": "5m", "inputTokens": 5}]},
    })
}

const USAGE: Usage = Usage {
    input_tokens: Some(16),
    cache_read_tokens: Some(6),
    cache_write_5m_tokens: Some(5),
    cache_write_1h_tokens: Some(2),
    output_tokens: Some(5),
    reasoning_tokens: None,
    input_image_tokens: None,
    input_audio_tokens: None,
    input_video_tokens: None,
    output_audio_tokens: None,
    output_image_tokens: None,
    web_searches: None,
    web_fetches: None,
    code_runs: None,
    file_searches: None,
    service_tier: None,
};

#[test]
fn answers_reach_every_caller() {
    let content = json!([
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}},
        {"reasoningContent": {"redactedContent": "WkdGMFlRPT0="}},
        {"text": "see "},
        {"citationsContent": {"content": [{"text": "page "}, {"text": "1"}], "citations": []}},
        {"toolUse": {"toolUseId": "s", "name": "nova_code_interpreter", "type": "server_tool_use", "input": {}}},
        {"toolResult": {"toolUseId": "s", "content": []}},
        {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"x": 1.5}, "type": "tool_use"}},
    ]);
    let bytes = answer(content, "tool_use").to_string().into_bytes();
    assert_eq!(classify_response(B, &bytes), Classified::Answer);
    assert_eq!(read_usage(B, &bytes), Some(USAGE));
    let (body, usage) = translate_response(B, M, bytes.clone(), &reply()).unwrap();
    assert_eq!(usage, USAGE);
    let message = value(&body);
    assert_eq!(
        message["content"],
        json!([
            {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "ZGF0YQ=="},
            {"type": "text", "text": "see "},
            {"type": "text", "text": "page 1"},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"x": 1.5}},
        ])
    );
    assert_eq!(message["model"], "asked-model");
    assert_eq!(message["usage"]["input_tokens"], 3);
    let (body, _) = translate_response(B, C, bytes, &reply()).unwrap();
    let message = &value(&body)["choices"][0]["message"];
    assert_eq!(message["content"], "see page 1");
    assert_eq!(
        message["tool_calls"][0]["function"]["arguments"],
        "{\"x\":1.5}"
    );
}

#[test]
fn stop_reasons() {
    let rows = [
        ("end_turn", "end_turn"),
        ("tool_use", "tool_use"),
        ("max_tokens", "max_tokens"),
        ("stop_sequence", "stop_sequence"),
        ("guardrail_intervened", "refusal"),
        ("content_filtered", "refusal"),
        (
            "model_context_window_exceeded",
            "model_context_window_exceeded",
        ),
        ("something_new", "end_turn"),
    ];
    for (told, expected) in rows {
        let mut answer = answer(json!([{"text": "x"}]), told);
        answer["additionalModelResponseFields"] = json!({"stop_sequence": "END"});
        let (body, _) = translate_response(B, M, answer.to_string().into(), &reply()).unwrap();
        assert_eq!(value(&body)["stop_reason"], expected, "{told}");
        assert_eq!(value(&body)["stop_sequence"], "END");
    }
}

/// A stream of these blocks.
fn streamed(blocks: &[Vec<u8>], reason: &str) -> Vec<u8> {
    let mut bytes = event("messageStart", &json!({"role": "assistant", "p": "abc"}));
    bytes.extend(blocks.concat());
    bytes.extend(event("messageStop", &json!({"stopReason": reason})));
    let usage = &answer(json!([]), reason)["usage"];
    bytes.extend(event(
        "metadata",
        &json!({"usage": usage, "metrics": {"latencyMs": 1}}),
    ));
    bytes
}

fn start(index: u32, start: Value) -> Vec<u8> {
    event(
        "contentBlockStart",
        &json!({"contentBlockIndex": index, "start": start}),
    )
}

fn delta(index: u32, delta: Value) -> Vec<u8> {
    event(
        "contentBlockDelta",
        &json!({"contentBlockIndex": index, "delta": delta, "p": "ab"}),
    )
}

fn stop(index: u32) -> Vec<u8> {
    event("contentBlockStop", &json!({"contentBlockIndex": index}))
}

/// The same at every split, and legal.
#[track_caller]
fn check_stream(to: Dialect, bytes: &[u8]) -> Streamed {
    let whole = stream(B, to, reply(), [bytes]);
    for at in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(at);
        assert_eq!(
            stream(B, to, reply(), [head, tail]),
            whole,
            "cut at byte {at}"
        );
    }
    assert_eq!(
        stream(B, to, reply(), bytes.chunks(1)),
        whole,
        "byte by byte"
    );
    whole
}

fn full() -> Vec<u8> {
    let sealed = |text: &str| delta(1, json!({"reasoningContent": {"redactedContent": text}}));
    streamed(
        &[
            delta(0, json!({"reasoningContent": {"text": "hm"}})),
            delta(0, json!({"reasoningContent": {"signature": "c2ln"}})),
            stop(0),
            sealed("WkdG"),
            sealed("MFlRPT0="),
            stop(1),
            delta(2, json!({"text": ""})),
            delta(2, json!({"text": "it is"})),
            delta(2, json!({"citation": {"title": "t"}})),
            delta(2, json!({"text": " 30°C"})),
            stop(2),
            start(
                3,
                json!({"toolUse": {"toolUseId": "s", "name": "nova_code_interpreter", "type": "server_tool_use"}}),
            ),
            delta(3, json!({"toolUse": {"input": "{}"}})),
            stop(3),
            start(4, json!({"toolUse": {"toolUseId": "t1", "name": "f"}})),
            delta(4, json!({"toolUse": {"input": "{\"x\""}})),
            delta(4, json!({"toolUse": {"input": ":1}"}})),
            stop(4),
            start(5, json!({"toolUse": {"toolUseId": "t2", "name": "g"}})),
            delta(5, json!({"toolUse": {"input": "{}"}})),
            stop(5),
            event("somethingNew", &json!({})),
        ],
        "tool_use",
    )
}

#[test]
fn streams_reach_every_caller() {
    let whole = check_stream(M, &full());
    assert_eq!((whole.outcome, whole.usage), (Outcome::Complete, USAGE));
    validator::check(M, &whole.text);
    let blocks = read_response(M, whole.text.into_bytes()).unwrap();
    let same = answer(
        json!([
            {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}},
            {"reasoningContent": {"redactedContent": "WkdGMFlRPT0="}},
            {"text": "it is 30°C"},
            {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"x": 1}}},
            {"toolUse": {"toolUseId": "t2", "name": "g", "input": {}}},
        ]),
        "tool_use",
    );
    let (body, _) = translate_response(B, M, same.to_string().into(), &reply()).unwrap();
    assert_eq!(blocks.choices, read_response(M, body).unwrap().choices);

    let whole = check_stream(C, &full());
    validator::check(C, &whole.text);
    assert!(whole.text.contains("\"finish_reason\":\"tool_calls\""));
    assert!(whole.text.contains("30°C"));
    // What the stream adds up to is what the provider might have answered at once.
    let aggregated = read_response(B, full()).unwrap();
    assert_eq!(aggregated.usage, Some(USAGE));
    assert_eq!(aggregated.choices[0].content.len(), 5);
}

#[test]
fn streams_that_end_badly() {
    let text = || [delta(0, json!({"text": "it"})), stop(0)].concat();
    let good = streamed(&[text()], "end_turn");
    let metadata = event(
        "metadata",
        &json!({"usage": &answer(json!([]), "")["usage"], "metrics": {"latencyMs": 1}}),
    );
    for to in CHATTING {
        // All but the usage.
        let cut = &good[..good.len() - metadata.len() + 5];
        let whole = stream(B, to, reply(), [cut]);
        assert_eq!(
            (whole.outcome, whole.usage),
            (Outcome::Complete, Usage::default())
        );
        validator::check(to, &whole.text);
        // In the middle.
        let whole = stream(B, to, reply(), [&good[..good.len() / 2]]);
        assert_eq!(whole.outcome, Outcome::Interrupted);
        // A byte of the second message has changed on the way.
        let mut broken = good.clone();
        broken[200] ^= 1;
        let whole = stream(B, to, reply(), [broken.as_slice()]);
        assert_eq!(whole.outcome, Outcome::Failed(ErrorKind::Upstream));
    }
    let rows = [
        (
            "throttlingException",
            json!({"message": "Too many tokens, please wait"}),
            ErrorKind::RateLimited,
        ),
        (
            "serviceUnavailableException",
            json!({"message": "x"}),
            ErrorKind::Overloaded,
        ),
        (
            "modelStreamErrorException",
            json!({"message": "x", "originalStatusCode": 529, "originalMessage": "y"}),
            ErrorKind::Overloaded,
        ),
        (
            "modelStreamErrorException",
            json!({"message": "x"}),
            ErrorKind::Upstream,
        ),
        (
            "internalServerException",
            json!({"message": "x"}),
            ErrorKind::Upstream,
        ),
        (
            "validationException",
            json!({"message": "Bad input"}),
            ErrorKind::InvalidRequest,
        ),
        (
            "validationException",
            json!({"message": "Input is too long for requested model."}),
            ErrorKind::ContextLength,
        ),
        ("somethingNewException", json!({}), ErrorKind::Upstream),
    ];
    for (name, payload, kind) in rows {
        let error = exception(name, &payload);
        for to in CHATTING {
            let whole = check_stream(to, &error);
            assert!(
                matches!(&whole.status, Status::Error(error) if error.kind == kind),
                "{name}: {whole:?}"
            );
            assert_eq!(whole.text, "");
            let begun = [event("messageStart", &json!({})), text(), error.clone()].concat();
            let whole = stream(B, to, reply(), [begun.as_slice()]);
            assert_eq!(whole.outcome, Outcome::Failed(kind), "{name}");
            let told = last_error(&whole.text);
            assert!(told["message"].is_string(), "{told}");
        }
    }
}

#[test]
fn other_answers_to_a_streaming_request() {
    let whole = answer(json!([{"text": "x"}]), "end_turn").to_string();
    for to in CHATTING {
        let streamed = check_stream(to, whole.as_bytes());
        assert_eq!(
            (streamed.outcome, streamed.usage),
            (Outcome::Complete, USAGE)
        );
        validator::check(to, &streamed.text);
        for (bytes, kind) in [
            (
                "{\"message\":\"slow down\",\"__type\":\"com.amazon#ThrottlingException\"}",
                ErrorKind::RateLimited,
            ),
            ("<html>", ErrorKind::Upstream),
            ("", ErrorKind::Upstream),
        ] {
            let streamed = stream(B, to, reply(), [bytes.as_bytes()]);
            assert!(
                matches!(&streamed.status, Status::Error(error) if error.kind == kind),
                "{bytes}"
            );
        }
    }
}

#[test]
fn errors_by_status_and_type() {
    let rows = [
        (
            400,
            json!({"message": "The provided model identifier is invalid."}),
            ErrorKind::InvalidRequest,
        ),
        (
            400,
            json!({"message": "Input is too long for requested model."}),
            ErrorKind::ContextLength,
        ),
        (
            400,
            json!({"__type": "ServiceQuotaExceededException", "message": "x"}),
            ErrorKind::RateLimited,
        ),
        (
            403,
            json!({"Message": "User arn:aws:iam::1 is not authorized"}),
            ErrorKind::Upstream,
        ),
        (404, json!({"message": "x"}), ErrorKind::NotFound),
        (408, json!({"message": "x"}), ErrorKind::Timeout),
        (424, json!({"message": "x"}), ErrorKind::Upstream),
        (
            429,
            json!({"message": "Too many requests"}),
            ErrorKind::RateLimited,
        ),
        (500, json!({"message": "x"}), ErrorKind::Upstream),
        (503, json!({"message": "x"}), ErrorKind::Overloaded),
    ];
    for (status, body, kind) in rows {
        let error = read_error(B, status, body.to_string().as_bytes());
        assert_eq!(error.kind, kind, "{status} {body}");
        assert!(!error.message.contains("arn:"), "{}", error.message);
    }
}
