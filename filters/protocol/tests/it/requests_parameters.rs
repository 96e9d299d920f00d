//! Parameters of requests: rows A, D1 and what is refused.

use serde_json::{Value, json};
use tollgate_protocol::{Target, read_request};

use crate::support::{C, M, TARGET, body, refused, translate, translate_for};

/// A Chat Completions request with these parameters beside a message.
fn chat(parameters: Value) -> Value {
    with(
        json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]}),
        parameters,
    )
}

fn messages(parameters: Value) -> Value {
    with(
        json!({"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}),
        parameters,
    )
}

fn with(mut request: Value, parameters: Value) -> Value {
    for (key, value) in parameters.as_object().unwrap() {
        request[key] = value.clone();
    }
    request
}

const TOOLS: &str = r#"[{"type": "function", "function": {"name": "f"}}]"#;

fn tools() -> Value {
    serde_json::from_str(TOOLS).unwrap()
}

/// Parameters for Chat Completions, what they become for Anthropic (where null
/// means absent), and what is lost.
#[track_caller]
fn check_c_to_m(parameters: Value, expected: Value, losses: &[&str]) {
    let (body, lost) = translate(C, M, &chat(parameters));
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(
            body.get(key).unwrap_or(&Value::Null),
            value,
            "{key} in {body:#}"
        );
    }
    assert_eq!(lost, losses);
}

#[track_caller]
fn check_m_to_c(parameters: Value, expected: Value, losses: &[&str]) {
    let (body, lost) = translate(M, C, &messages(parameters));
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(
            body.get(key).unwrap_or(&Value::Null),
            value,
            "{key} in {body:#}"
        );
    }
    assert_eq!(lost, losses);
}

#[test]
fn a1_max_tokens_comes_from_the_catalogue() {
    check_c_to_m(json!({}), json!({"max_tokens": 64_000}), &[]);
    let unknown = Target {
        max_output_tokens: None,
        ..TARGET
    };
    assert_eq!(
        translate_for(C, M, &chat(json!({})), &unknown).0["max_tokens"],
        8_192
    );
    check_c_to_m(
        json!({"max_tokens": 70_000}),
        json!({"max_tokens": 64_000}),
        &["max_completion_tokens"],
    );
}

#[test]
fn a2_the_newer_name_of_the_limit_wins() {
    for order in [
        r#""max_tokens":1,"max_completion_tokens":2"#,
        r#""max_completion_tokens":2,"max_tokens":1"#,
    ] {
        let input =
            format!(r#"{{"model":"m",{order},"messages":[{{"role":"user","content":"x"}}]}}"#);
        assert_eq!(
            read_request(C, &body(input)).unwrap().max_output_tokens,
            Some(2)
        );
    }
    check_m_to_c(
        json!({}),
        json!({"max_completion_tokens": 100, "max_tokens": null}),
        &[],
    );
    let old = Target {
        legacy_max_tokens: true,
        ..TARGET
    };
    assert_eq!(
        translate_for(M, C, &messages(json!({})), &old).0["max_tokens"],
        100
    );
}

#[test]
fn a4_sampling_is_stripped_where_the_model_takes_none() {
    let strict = Target {
        drops_sampling: true,
        ..TARGET
    };
    for (from, to, input) in [
        (C, M, chat(json!({"temperature": 1, "top_p": 0.5}))),
        (M, C, messages(json!({"temperature": 1, "top_p": 0.5}))),
    ] {
        let (body, losses) = translate_for(from, to, &input, &strict);
        assert!(body.get("temperature").is_none() && body.get("top_p").is_none());
        assert_eq!(losses, ["temperature", "top_p"]);
    }
}

#[test]
fn a7_stop_sequences() {
    check_c_to_m(
        json!({"stop": "END"}),
        json!({"stop_sequences": ["END"]}),
        &[],
    );
    check_c_to_m(
        json!({"stop": ["a", "\n", " "]}),
        json!({"stop_sequences": ["a"]}),
        &["stop"],
    );
    check_c_to_m(
        json!({"stop": ["\n"]}),
        json!({"stop_sequences": null}),
        &["stop"],
    );
    check_m_to_c(
        json!({"stop_sequences": ["a", "b"]}),
        json!({"stop": ["a", "b"]}),
        &[],
    );
    let many = refused(
        M,
        C,
        &messages(json!({"stop_sequences": ["1", "2", "3", "4", "5"]})),
    );
    assert_eq!(many.field, "stop_sequences");
    assert!(many.message.contains('4'));
}

#[test]
fn a8_several_choices_are_refused() {
    assert_eq!(refused(C, M, &chat(json!({"n": 2}))).field, "n");
    check_c_to_m(json!({"n": 1}), json!({"n": null}), &[]);
}

#[test]
fn a10_a19_unknown_parameters_are_noted() {
    check_c_to_m(
        json!({"seed": 1, "logit_bias": {"1": 2}, "presence_penalty": 0.1, "frequency_penalty": 0.1, "store": true, "brand_new": []}),
        json!({"seed": null, "logit_bias": null}),
        &[
            "brand_new",
            "logit_bias",
            "store",
            "seed",
            "frequency_penalty",
            "presence_penalty",
        ],
    );
    check_m_to_c(
        json!({"top_k": 1, "context_management": {}, "service_tier": "auto"}),
        json!({"top_k": null, "context_management": null}),
        &["context_management", "service_tier", "top_k"],
    );
    let (same, losses) = translate(C, C, &chat(json!({"brand_new": [1], "seed": 1})));
    assert_eq!(
        (&same["brand_new"], &same["seed"]),
        (&json!([1]), &json!(1))
    );
    assert!(losses.is_empty());
}

#[test]
fn a11_the_end_users_id() {
    check_c_to_m(
        json!({"user": "old", "safety_identifier": "u", "metadata": {"k": "v"}}),
        json!({"metadata": {"user_id": "u"}}),
        &["metadata"],
    );
    check_m_to_c(
        json!({"metadata": {"user_id": "u"}}),
        json!({"user": "u", "metadata": null}),
        &[],
    );
    check_m_to_c(
        json!({"metadata": {"user_id": "u".repeat(65)}}),
        json!({"user": null}),
        &["metadata.user_id"],
    );
}

#[test]
fn a17_null_is_absent() {
    check_c_to_m(
        json!({"tools": null, "stop": null, "temperature": null, "response_format": null, "n": null, "audio": null}),
        json!({"tools": null, "stop_sequences": null, "temperature": null, "output_config": null}),
        &[],
    );
}

#[test]
fn a28_i5_streams_report_their_usage() {
    check_c_to_m(
        json!({"stream": true, "stream_options": {"include_usage": true}}),
        json!({"stream": true, "stream_options": null}),
        &[],
    );
    check_m_to_c(
        json!({"stream": true}),
        json!({"stream_options": {"include_usage": true}}),
        &[],
    );
    check_m_to_c(
        json!({}),
        json!({"stream": null, "stream_options": null}),
        &[],
    );
}

#[test]
fn d1_d2_structured_output() {
    let schema = json!({"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "null"}},
        "required": ["b", "a"], "additionalProperties": false});
    check_c_to_m(
        json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": true, "schema": schema}}}),
        json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}}),
        &[],
    );
    check_m_to_c(
        json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}}),
        json!({"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": true}}}),
        &[],
    );
    let (body, losses) = translate(
        C,
        M,
        &chat(json!({"response_format": {"type": "json_object"}})),
    );
    assert!(
        body["system"][0]["text"]
            .as_str()
            .unwrap()
            .contains("JSON object")
    );
    assert_eq!(losses, ["response_format"]);
}

#[test]
fn sampling_beyond_anthropics_scale_is_lowered() {
    check_c_to_m(
        json!({"temperature": 1.7}),
        json!({"temperature": 1}),
        &["temperature"],
    );
    check_c_to_m(
        json!({"temperature": 0.70}),
        json!({"temperature": 0.7}),
        &[],
    );
}

#[test]
fn what_would_change_the_meaning_is_refused() {
    let cases = [
        (json!({"modalities": ["text", "audio"]}), "modalities"),
        (json!({"audio": {"voice": "x"}}), "audio"),
        (json!({"functions": []}), "functions"),
        (json!({"web_search_options": {}}), "web_search_options"),
        (
            json!({"tools": [{"type": "oracle", "name": "x"}]}),
            "tools[0]",
        ),
    ];
    for (parameters, field) in cases {
        assert_eq!(refused(C, M, &chat(parameters)).field, field);
    }
    for (parameters, field) in [
        (json!({"container": "c"}), "container"),
        (json!({"mcp_servers": []}), "mcp_servers"),
        (json!({"inference_geo": "eu"}), "inference_geo"),
    ] {
        assert_eq!(refused(M, C, &messages(parameters)).field, field);
    }
    check_c_to_m(json!({"modalities": ["text"]}), json!({}), &["modalities"]);
}

#[test]
fn malformed_requests_name_the_field() {
    let cases = [
        (chat(json!({"messages": "x"})), "messages"),
        (chat(json!({"messages": []})), "messages"),
        (
            chat(json!({"messages": [{"content": "x"}]})),
            "messages[0].role",
        ),
        (
            chat(json!({"messages": [{"role": "oracle", "content": "x"}]})),
            "messages[0].role",
        ),
        (
            chat(json!({"messages": [{"role": "user", "content": 1}]})),
            "messages[0].content",
        ),
        (
            chat(json!({"messages": [{"role": "user", "content": [{"type": "text"}]}]})),
            "messages[0].content[0].text",
        ),
        (
            chat(json!({"messages": [{"role": "tool", "content": "x"}]})),
            "messages[0].tool_call_id",
        ),
        (chat(json!({"temperature": "hot"})), "temperature"),
        (chat(json!({"max_tokens": -1})), "max_tokens"),
        (
            chat(json!({"tools": [{"type": "function", "function": {}}]})),
            "tools[0].function.name",
        ),
        (
            chat(json!({"tools": tools(), "tool_choice": "perhaps"})),
            "tool_choice",
        ),
        (chat(json!({"stop": [1]})), "stop[0]"),
        (chat(json!({"stream": "yes"})), "stream"),
        (
            chat(json!({"response_format": {"type": "xml"}})),
            "response_format.type",
        ),
        (chat(json!({"model": 1})), "model"),
    ];
    for (input, field) in cases {
        assert_eq!(
            read_request(C, &body(&input)).unwrap_err().field,
            field,
            "{input}"
        );
    }
    let cases = [
        (messages(json!({"messages": []})), "messages"),
        (
            messages(json!({"messages": [{"role": "user"}]})),
            "messages[0].content",
        ),
        (
            messages(json!({"messages": [{"role": "user", "content": [{"type": "image"}]}]})),
            "messages[0].content[0].source",
        ),
        (
            messages(json!({"tool_choice": {"type": "x"}})),
            "tool_choice.type",
        ),
        (
            messages(json!({"output_config": {"format": {"type": "json_schema"}}})),
            "output_config.format.schema",
        ),
    ];
    for (input, field) in cases {
        assert_eq!(
            read_request(M, &body(&input)).unwrap_err().field,
            field,
            "{input}"
        );
    }
}
