//! Reasoning in requests: rows A13 to A16 and G.

use serde_json::{Value, json};
use tollgate_protocol::neutral::Effort;
use tollgate_protocol::{ALL, Target, Thinking, read_response, translate_response, write_response};

use crate::support::{C, G, L, M, TARGET, reply, stream, translate, translate_for, value};

fn chat(effort: &str) -> Value {
    json!({"model": "m", "reasoning_effort": effort, "messages": [{"role": "user", "content": "hi"}]})
}

fn messages(thinking: Value) -> Value {
    json!({"model": "m", "max_tokens": 30_000, "thinking": thinking, "messages": [{"role": "user", "content": "hi"}]})
}

const ADAPTIVE: Target<'static> = Target {
    thinking: Thinking::Adaptive,
    ..TARGET
};
const NEVER: Target<'static> = Target {
    thinking: Thinking::Never,
    ..TARGET
};

#[test]
fn a13_effort_becomes_a_budget() {
    let cases = [
        ("none", json!({"type": "disabled"})),
        (
            "minimal",
            json!({"type": "enabled", "budget_tokens": 1_024}),
        ),
        ("low", json!({"type": "enabled", "budget_tokens": 1_024})),
        ("medium", json!({"type": "enabled", "budget_tokens": 4_096})),
        ("high", json!({"type": "enabled", "budget_tokens": 16_384})),
        ("xhigh", json!({"type": "enabled", "budget_tokens": 32_768})),
        ("max", json!({"type": "enabled", "budget_tokens": 62_976})),
        ("galactic", Value::Null),
    ];
    for (effort, expected) in cases {
        let (body, losses) = translate(C, M, &chat(effort));
        assert_eq!(
            body.get("thinking").unwrap_or(&Value::Null),
            &expected,
            "{effort}"
        );
        let lost: &[&str] = match effort {
            "galactic" => &["reasoning_effort"],
            _ => &[],
        };
        assert_eq!(losses, lost, "{effort}");
    }
}

#[test]
fn a13_effort_where_thinking_is_adaptive() {
    for (effort, expected) in [
        ("minimal", "low"),
        ("low", "low"),
        ("xhigh", "max"),
        ("high", "high"),
    ] {
        let (body, _) = translate_for(C, M, &chat(effort), &ADAPTIVE);
        assert_eq!(body["thinking"], json!({"type": "adaptive"}));
        assert_eq!(body["output_config"]["effort"], expected);
    }
}

#[test]
fn a13_budgets_and_efforts_become_reasoning_effort() {
    let cases = [
        (
            json!({"type": "enabled", "budget_tokens": 1_024}),
            json!("low"),
        ),
        (
            json!({"type": "enabled", "budget_tokens": 10_000}),
            json!("high"),
        ),
        (json!({"type": "adaptive"}), Value::Null),
        (json!({"type": "disabled"}), Value::Null),
    ];
    for (thinking, expected) in cases {
        let (body, _) = translate(M, C, &messages(thinking.clone()));
        assert_eq!(
            body.get("reasoning_effort").unwrap_or(&Value::Null),
            &expected,
            "{thinking}"
        );
    }
    let mut input = messages(json!({"type": "adaptive"}));
    input["output_config"] = json!({"effort": "xhigh"});
    assert_eq!(translate(M, C, &input).0["reasoning_effort"], "xhigh");
    let knows = Target {
        efforts: &[Effort::Low, Effort::High],
        ..TARGET
    };
    assert_eq!(
        translate_for(M, C, &input, &knows).0["reasoning_effort"],
        "high"
    );
    let off = messages(json!({"type": "disabled"}));
    assert_eq!(
        translate_for(M, C, &off, &knows).0["reasoning_effort"],
        "low"
    );
    let (body, losses) = translate_for(M, C, &input, &NEVER);
    assert!(body.get("reasoning_effort").is_none());
    assert_eq!(losses, ["thinking"]);
}

#[test]
fn a14_budget_and_limit_are_a_valid_pair() {
    for limit in [
        1, 512, 1_024, 1_500, 2_047, 2_048, 3_000, 5_000, 20_000, 64_000,
    ] {
        for effort in ["low", "medium", "high", "max"] {
            let mut input = chat(effort);
            input["max_completion_tokens"] = json!(limit);
            let (body, _) = translate(C, M, &input);
            let max_tokens = body["max_tokens"].as_u64().unwrap();
            let budget = body["thinking"]["budget_tokens"].as_u64().unwrap();
            assert!(
                (1_024..max_tokens).contains(&budget),
                "{limit} {effort}: {budget} of {max_tokens}"
            );
            assert!(max_tokens <= 64_000 && (limit < 2_048 || max_tokens == limit));
        }
    }
    let tiny = Target {
        max_output_tokens: Some(1_000),
        ..TARGET
    };
    let (body, losses) = translate_for(C, M, &chat("high"), &tiny);
    assert_eq!(body["thinking"], json!({"type": "disabled"}));
    assert_eq!(losses, ["reasoning_effort"]);
}

#[test]
fn a16_thinking_excludes_sampling_and_forced_tools() {
    let mut input = chat("low");
    input["temperature"] = json!(0.1);
    let (body, losses) = translate(C, M, &input);
    assert!(body.get("temperature").is_none());
    assert_eq!(losses, ["temperature"]);

    input["tools"] = json!([{"type": "function", "function": {"name": "f"}}]);
    input["tool_choice"] = json!("required");
    let (body, losses) = translate(C, M, &input);
    assert_eq!(body["thinking"], json!({"type": "disabled"}));
    assert_eq!(body["temperature"], 0.1);
    assert_eq!(losses, ["reasoning_effort"]);
}

#[test]
fn a16_a_tool_loop_without_thinking_goes_on_without() {
    let history = |blocks: Value| {
        json!({"model": "m", "reasoning_effort": "low", "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "thinking_blocks": blocks, "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "a", "content": "1"},
        ]})
    };
    assert_eq!(
        translate(C, M, &history(json!([]))).0["thinking"]["type"],
        "disabled"
    );
    assert_eq!(
        translate_for(C, M, &history(json!([])), &ADAPTIVE).0["thinking"]["type"],
        "adaptive"
    );
    let signed = json!([{"type": "thinking", "thinking": "t", "signature": "s"}]);
    assert_eq!(
        translate(C, M, &history(signed)).0["thinking"]["type"],
        "enabled"
    );
}

#[test]
fn extensions_say_how_to_think_as_well() {
    let cases = [
        (
            json!({"reasoning": {"effort": "medium"}}),
            json!({"type": "enabled", "budget_tokens": 4_096}),
        ),
        (
            json!({"reasoning": {"max_tokens": 2_000}}),
            json!({"type": "enabled", "budget_tokens": 2_000}),
        ),
        (
            json!({"reasoning": {"enabled": false}}),
            json!({"type": "disabled"}),
        ),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 3_000}}),
            json!({"type": "enabled", "budget_tokens": 3_000}),
        ),
        (
            json!({"thinking": {"type": "disabled"}}),
            json!({"type": "disabled"}),
        ),
    ];
    for (parameters, expected) in cases {
        let mut input = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
        for (key, value) in parameters.as_object().unwrap() {
            input[key] = value.clone();
        }
        let (body, losses) = translate(C, M, &input);
        assert_eq!(body["thinking"], expected);
        assert!(losses.is_empty());
        assert_eq!(translate(C, C, &input).0, with_upstream_model(input));
    }
}

fn with_upstream_model(mut request: Value) -> Value {
    request["model"] = json!("upstream-model");
    request
}

#[test]
fn g1_signed_thinking_comes_back_first_and_unchanged() {
    let blocks = json!([
        {"type": "thinking", "thinking": "Hm\u{2026} \"x\"", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "b3BhcXVl"},
    ]);
    let (body, losses) = translate(
        C,
        M,
        &json!({"model": "m", "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": "said", "reasoning_content": "Hm", "thinking_blocks": blocks},
            {"role": "user", "content": "on"},
        ]}),
    );
    assert_eq!(
        body["messages"][1]["content"],
        json!([blocks[0], blocks[1], {"type": "text", "text": "said"}])
    );
    assert!(losses.is_empty());
}

#[test]
fn g4_unsigned_thinking_is_dropped() {
    let (body, losses) = translate(
        C,
        M,
        &json!({"model": "m", "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": "said", "reasoning_content": "Hm"},
            {"role": "user", "content": "on"},
        ]}),
    );
    assert_eq!(
        body["messages"][1]["content"],
        json!([{"type": "text", "text": "said"}])
    );
    assert_eq!(losses, ["messages.thinking"]);
}

/// Gemini itself reads no thought that it did not sign, so its callers miss nothing.
#[test]
fn g4_unsigned_thinking_of_gemini_s_callers_is_no_loss() {
    let thought = |signature: Value| {
        let mut part = json!({"text": "Hm", "thought": true});
        if signature.is_string() {
            part["thoughtSignature"] = signature;
        }
        json!({"contents": [
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": [part, {"text": "said"}]},
            {"role": "user", "parts": [{"text": "on"}]},
        ]})
    };
    for to in ALL.iter().copied().filter(|to| !matches!(*to, G | L)) {
        let (body, losses) = translate(G, to, &thought(Value::Null));
        assert!(!body.to_string().contains("Hm"), "{to}: {body}");
        assert_eq!(losses, [""; 0], "{to}");
        // What Gemini signed, it would have read.
        let (body, losses) = translate(G, to, &thought(json!("c2ln")));
        assert!(!body.to_string().contains("Hm"), "{to}: {body}");
        assert_eq!(losses.len(), 1, "{to}: {losses:?}");
    }
}

#[test]
fn g7_thinking_between_calls_keeps_its_order() {
    let input = json!({"model": "m", "max_tokens": 1, "messages": [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "1", "signature": "a"},
            {"type": "tool_use", "id": "x", "name": "f", "input": {}},
            {"type": "thinking", "thinking": "2", "signature": "b"},
            {"type": "tool_use", "id": "y", "name": "f", "input": {}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "x", "content": "1"},
            {"type": "tool_result", "tool_use_id": "y", "content": "2"},
        ]},
    ]});
    assert_eq!(
        translate(M, M, &input).0["messages"][1],
        input["messages"][1]
    );
}

#[test]
fn g7_thinking_between_calls_finds_its_place_again() {
    let blocks = json!([
        {"type": "thinking", "thinking": "1", "signature": "a"},
        {"type": "text", "text": "said"},
        {"type": "thinking", "thinking": "2", "signature": "b"},
        {"type": "tool_use", "id": "x", "name": "f", "input": {}},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "tool_use", "id": "y", "name": "f", "input": {}},
    ]);
    let answer = json!({"type": "message", "role": "assistant", "content": blocks, "stop_reason": "tool_use"});
    let stream = stream(M, C, reply(), [answer.to_string().as_bytes()]).text;
    let (whole, _) = translate_response(M, C, answer.to_string().into_bytes(), &reply()).unwrap();
    let joined = read_response(C, stream.into_bytes()).unwrap();
    let joined = write_response(C, &joined, &reply());
    for answer in [whole, joined] {
        let message = value(&answer)["choices"][0]["message"].clone();
        let (body, _) = translate(
            C,
            M,
            &json!({"model": "m", "messages": [{"role": "user", "content": "go"}, message]}),
        );
        assert_eq!(body["messages"][1]["content"], blocks);
    }
}

#[test]
fn g17_earlier_thinking_goes_where_it_is_wanted() {
    let input = json!({"model": "m", "max_tokens": 1, "messages": [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm", "signature": ""}, {"type": "text", "text": "said"}]},
        {"role": "user", "content": "on"},
    ]});
    let (body, losses) = translate(M, C, &input);
    assert!(!body.to_string().contains("Hm"));
    assert_eq!(losses, ["messages.content.thinking"]);
    let wants = Target {
        reasoning_field: Some("reasoning_content"),
        ..TARGET
    };
    assert_eq!(
        translate_for(M, C, &input, &wants).0["messages"][1]["reasoning_content"],
        "Hm"
    );
}
