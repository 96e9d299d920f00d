//! Requests that an upstream refuses unless they are written with care, each by its row of the
//! translation cases.

use serde_json::{Value, json};
use tollgate_protocol::neutral::Effort;
use tollgate_protocol::{Dialect, Target};

use crate::support::{C, G, M, R, TARGET, refused, translate, translate_for};

const B: Dialect = Dialect::BedrockConverse;
const O: Dialect = Dialect::Ollama;
const CO: Dialect = Dialect::Cohere;

fn chat(more: Value) -> Value {
    with(
        json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]}),
        more,
    )
}

fn gemini(more: Value) -> Value {
    with(
        json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
        more,
    )
}

fn with(mut request: Value, more: Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        request[key] = value.clone();
    }
    request
}

// === A: parameters ===

/// With C5: a choice among some is a forced one too.
#[test]
fn a16_a_choice_among_some_excludes_thinking() {
    let tool = |name: &str| json!({"type": "function", "function": {"name": name}});
    let named = |name: &str| json!({"type": "function", "function": {"name": name}});
    let asked = |mode: &str| {
        chat(
            json!({"reasoning_effort": "high", "tools": [tool("a"), tool("b")],
            "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [named("a"), named("b")]}}}),
        )
    };
    let (body, losses) = translate(C, M, &asked("required"));
    assert_eq!(body["tool_choice"]["type"], "any");
    assert_eq!(body["thinking"], json!({"type": "disabled"}));
    assert_eq!(losses, ["reasoning_effort"]);
    let (body, losses) = translate(C, M, &asked("auto"));
    assert_eq!(body["thinking"]["type"], "enabled");
    assert!(losses.is_empty(), "{losses:?}");
    let functions = json!([{"functionDeclarations": [{"name": "a"}, {"name": "b"}]}]);
    let asked = gemini(json!({"tools": functions,
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["a", "b"]}},
        "generationConfig": {"thinkingConfig": {"thinkingBudget": 2048}}}));
    let claude = Target {
        model: "anthropic.claude-x",
        ..TARGET
    };
    let (body, losses) = translate_for(G, B, &asked, &claude);
    assert_eq!(
        body["additionalModelRequestFields"]["thinking"],
        json!({"type": "disabled"})
    );
    assert_eq!(losses, ["generationConfig.thinkingConfig"]);
}

#[test]
fn a13_a_model_that_must_think_thinks_least() {
    let must = Target {
        efforts: &[Effort::Low, Effort::Medium, Effort::High],
        ..TARGET
    };
    let may = Target {
        efforts: &[Effort::None, Effort::High],
        ..TARGET
    };
    let asked = chat(json!({"reasoning_effort": "none"}));
    let budget = "/generationConfig/thinkingConfig/thinkingBudget";
    let (body, losses) = translate_for(C, G, &asked, &must);
    assert_eq!(body.pointer(budget), Some(&json!(1024)));
    assert_eq!(losses, ["reasoning_effort"]);
    for target in [may, TARGET] {
        let (body, losses) = translate_for(C, G, &asked, &target);
        assert_eq!(body.pointer(budget), Some(&json!(0)));
        assert!(losses.is_empty(), "{losses:?}");
    }
}

/// Levels and details of thinking that no other dialect knows are lost by name.
#[test]
fn a13_what_is_not_known_of_thinking_is_noted() {
    let claude = with(
        chat(json!({"max_tokens": 4096})),
        json!({
        "thinking": {"type": "enabled", "budget_tokens": 2048, "display": "omitted"},
        "output_config": {"effort": "ultra", "task_budget": {"type": "tokens", "total": 1}}}),
    );
    for (from, asked, lost) in [
        (
            C,
            chat(json!({"reasoning_effort": "ultra"})),
            &["reasoning_effort"][..],
        ),
        (
            R,
            json!({"model": "m", "input": "hi", "reasoning": {"effort": "ultra"}}),
            &["reasoning.effort"],
        ),
        (
            M,
            claude,
            &[
                "output_config.effort",
                "output_config.task_budget",
                "thinking.display",
            ],
        ),
    ] {
        let (_, losses) = translate(from, G, &asked);
        assert_eq!(losses, lost, "{from}");
        // In its own dialect it is what it was.
        let (body, losses) = translate(from, from, &asked);
        for key in ["reasoning_effort", "reasoning", "thinking", "output_config"] {
            assert_eq!(body.get(key), asked.get(key), "{from}: {body}");
        }
        assert!(!body.to_string().contains("thinking.display"), "{body}");
        assert!(losses.is_empty(), "{from}: {losses:?}");
    }
}

#[test]
fn a11_an_id_that_is_an_address_or_a_number_stays_here() {
    for (user, told) in [
        ("ann@example.com", false),
        ("+49 (30) 1234-567", false),
        ("5551234567", false),
        ("user-1234567", true),
        ("123456", true),
        ("0b8e0d52-6a3f-4b5e-9f0e-1d2c3b4a5968", true),
    ] {
        let (body, losses) = translate(C, M, &chat(json!({"user": user})));
        let expected = told.then(|| json!({"user_id": user}));
        assert_eq!(body.get("metadata"), expected.as_ref(), "{user}");
        assert_eq!(losses.is_empty(), told, "{user}: {losses:?}");
        let own = chat(json!({"max_tokens": 9, "metadata": {"user_id": user}}));
        let (body, _) = translate(M, M, &own);
        assert_eq!(body["metadata"], own["metadata"]);
    }
}

/// Codex says where its prompts are cached in every request.
#[test]
fn f8_what_responses_and_chat_share_goes_to_who_knows_it() {
    let asked = json!({"model": "m", "input": "hi", "prompt_cache_key": "k", "prompt_cache_retention": "24h",
        "service_tier": "flex", "text": {"verbosity": "low"}, "metadata": {"a": "b"}});
    let openai = Target {
        shared_fields: true,
        ..TARGET
    };
    let (body, losses) = translate_for(R, C, &asked, &openai);
    for (key, value) in [
        ("prompt_cache_key", "k"),
        ("prompt_cache_retention", "24h"),
        ("service_tier", "flex"),
        ("verbosity", "low"),
    ] {
        assert_eq!(body[key], value, "{body}");
    }
    // "The 'metadata' parameter is only allowed when 'store' is enabled."
    assert_eq!(losses, ["metadata"]);
    let (body, losses) = translate(R, C, &asked);
    assert_eq!(body.get("prompt_cache_key"), None);
    assert_eq!(
        losses,
        [
            "metadata",
            "prompt_cache_key",
            "prompt_cache_retention",
            "service_tier",
            "text.verbosity",
        ]
    );
    // Others' fields of the same name mean something else.
    let claude = chat(json!({"max_tokens": 9, "service_tier": "standard_only"}));
    let (body, losses) = translate_for(M, C, &claude, &openai);
    assert_eq!(body.get("service_tier"), None);
    assert_eq!(losses, ["service_tier"]);
}

/// A schema without the type that goes with it, and what else stands in a configuration, is noted.
#[test]
fn a19_gemini_fields_that_say_nothing_elsewhere_are_noted() {
    let asked = gemini(json!({
        "generationConfig": {"responseSchema": {"type": "OBJECT"}},
        "tools": [{"functionDeclarations": [{"name": "a"}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO", "streamFunctionCallArguments": true}}}));
    let (body, losses) = translate(G, C, &asked);
    assert_eq!(body.get("response_format"), None);
    assert_eq!(
        losses,
        [
            "generationConfig.responseSchema",
            "toolConfig.functionCallingConfig.streamFunctionCallArguments"
        ]
    );
    let (body, losses) = translate(G, G, &asked);
    assert_eq!(body["toolConfig"], asked["toolConfig"]);
    assert_eq!(body["generationConfig"], asked["generationConfig"]);
    assert!(losses.is_empty(), "{losses:?}");
}

// === B: messages ===

#[test]
fn b5_nothing_to_say_is_refused_here() {
    for blank in ["", " \n"] {
        let asked = json!({"model": "m", "messages": [{"role": "user", "content": blank}]});
        for to in [M, B, G, CO] {
            let refused = refused(C, to, &asked);
            assert_eq!(refused.field, "messages[0]", "{to}");
        }
        let asked = json!({"contents": [{"role": "user", "parts": [{"text": blank}]}]});
        assert_eq!(refused(G, M, &asked).field, "contents");
    }
    // Instructions become what the user says.
    let only = json!({"model": "m", "messages": [{"role": "system", "content": "s"}]});
    for (to, said) in [
        (M, "/messages/0/content/0/text"),
        (G, "/contents/0/parts/0/text"),
    ] {
        let (body, _) = translate(C, to, &only);
        assert_eq!(body.pointer(said), Some(&json!("s")), "{to}");
    }
}

/// What a model said in pieces is one text.
#[test]
fn b13_pieces_of_an_answer_are_not_parted() {
    let asked = json!({"contents": [
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
        {"role": "model", "parts": [{"text": "Hel"}, {"text": "lo"}, {"text": " "}, {"text": "there"}]},
        {"role": "user", "parts": [{"text": "go on"}]},
        {"role": "model", "parts": [{"text": "I"}, {"text": " look"}, {"functionCall": {"name": "f", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": "r"}}}]}]});
    for (to, plan) in [(O, "content"), (CO, "tool_plan")] {
        let (body, _) = translate(G, to, &asked);
        let messages = &body["messages"];
        assert_eq!(messages[0]["content"], "a\nb", "{to}");
        assert_eq!(messages[1]["content"], "Hello there", "{to}");
        assert_eq!(messages[3][plan], "I look", "{to}");
    }
}

#[test]
fn b1_instructions_are_text() {
    let image = json!({"inlineData": {"mimeType": "image/png", "data": "AAAA"}});
    let asked = gemini(json!({"systemInstruction": {"parts": [{"text": "s"}, image]}}));
    for to in [R, M, B, CO] {
        let (body, losses) = translate(G, to, &asked);
        assert!(!body.to_string().contains("AAAA"), "{to}: {body}");
        assert!(losses.contains(&"system".to_owned()), "{to}: {losses:?}");
    }
}

// === C: tools ===

#[test]
fn c8_gemini_names_begin_with_a_letter() {
    let function = |name: &str| json!({"type": "function", "function": {"name": name}});
    let asked = chat(
        json!({"tools": [function("3d_view"), function("-x"), function("_ok"), function("ok")],
        "tool_choice": function("3d_view")}),
    );
    let (body, _) = translate(C, G, &asked);
    let declared = &body["tools"][0]["functionDeclarations"];
    let name = |at: usize| declared[at]["name"].as_str().unwrap();
    assert!(name(0).starts_with("_3d_view_"), "{declared}");
    assert!(name(1).starts_with("_-x_"), "{declared}");
    assert_eq!((name(2), name(3)), ("_ok", "ok"));
    let config = &body["toolConfig"]["functionCallingConfig"];
    assert_eq!(config["allowedFunctionNames"], json!([name(0)]));
    let (body, _) = translate(C, M, &asked);
    assert_eq!(body["tools"][0]["name"], "3d_view");
}

// === E: media ===

#[test]
fn e1_a_media_type_is_spelt_as_it_is_registered() {
    let claude = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpg", "data": "AAAA"}}]}]});
    let (body, _) = translate(M, G, &claude);
    assert_eq!(
        body["contents"][0]["parts"][0]["inlineData"]["mimeType"],
        "image/jpeg"
    );
    let inline = json!({"inlineData": {"mimeType": "image/JPG", "data": "AAAA"}});
    let asked = json!({"contents": [{"role": "user", "parts": [inline]}]});
    let (body, _) = translate(G, M, &asked);
    assert_eq!(
        body["messages"][0]["content"][0]["source"]["media_type"],
        "image/jpeg"
    );
}

/// "Grüße", as bytes of a text file.
#[test]
fn e7_text_in_base64_is_text() {
    let asked = json!({"contents": [{"role": "user", "parts": [
        {"text": "read"}, {"inlineData": {"mimeType": "text/plain", "data": "R3LDvMOfZQ=="}}]}]});
    let (body, _) = translate(G, M, &asked);
    assert_eq!(
        body["messages"][0]["content"][1]["source"],
        json!({"type": "text", "media_type": "text/plain", "data": "Grüße"})
    );
    let (body, _) = translate(G, C, &asked);
    assert_eq!(
        body["messages"][0]["content"][1],
        json!({"type": "text", "text": "Grüße"})
    );
    let (body, _) = translate(G, CO, &asked);
    assert_eq!(body["documents"][0]["data"]["text"], "Grüße");
    let (body, _) = translate(G, O, &asked);
    assert_eq!(body["messages"][0]["content"], "read\nGrüße");
    let file = json!({"type": "file", "file": {"filename": "a.txt", "file_data": "data:text/plain;base64,R3LDvMOfZQ=="}});
    let own = json!({"model": "m", "messages": [{"role": "user", "content": [file]}]});
    let (body, _) = translate(C, M, &own);
    let document = &body["messages"][0]["content"][0];
    assert_eq!(
        (&document["source"]["data"], &document["title"]),
        (&json!("Grüße"), &json!("a.txt"))
    );
    let (body, _) = translate(C, C, &own);
    assert_eq!(body["messages"], own["messages"]);
    // No text is made of other bytes.
    let broken = json!({"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "text/plain", "data": "/w=="}}]}]});
    assert_eq!(refused(G, M, &broken).field, "contents");
}
