//! Rows of the translation cases that no other file names: D4 to D17, and single ones of A to K.

use serde_json::{Value, json};
use tollgate_protocol::stream::Outcome;
use tollgate_protocol::{
    ALL, Body, Dialect, Limits, Target, read_error, read_request, translate_response, write_error,
    write_request,
};

use crate::support::{
    C, CHATTING, G, L, M, R, TARGET, body, events, refused, reply, sse, stream,
    stream_at_every_split, translate, translate_for, value, write,
};
use crate::validator;

const B: Dialect = Dialect::BedrockConverse;
const O: Dialect = Dialect::Ollama;

fn chat(more: Value) -> Value {
    let mut request = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    for (key, value) in more.as_object().unwrap() {
        request[key] = value.clone();
    }
    request
}

/// A chat request with one tool of this schema.
fn with_tool(schema: &Value) -> Value {
    chat(json!({"tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}]}))
}

/// A chat request that wants its answer after this schema.
fn answered_after(schema: &Value) -> Value {
    let format = json!({"name": "a", "strict": true, "schema": schema});
    chat(json!({"response_format": {"type": "json_schema", "json_schema": format}}))
}

// === A: parameters ===

#[test]
fn a5_of_temperature_and_top_p_the_first_stays_where_only_one_may() {
    let one = Target {
        one_of_sampling: true,
        ..TARGET
    };
    let both = chat(json!({"temperature": 0.5, "top_p": 0.25}));
    for (to, place) in [(M, ""), (B, "/inferenceConfig")] {
        let at = |body: &Value, key: &str| body.pointer(&format!("{place}/{key}")).cloned();
        let top_p = if to == B { "topP" } else { "top_p" };
        let (body, losses) = translate_for(C, to, &both, &one);
        assert_eq!(at(&body, "temperature"), Some(json!(0.5)), "{to}: {body}");
        assert_eq!(at(&body, top_p), None, "{to}: {body}");
        assert!(losses.contains(&"top_p".to_owned()), "{to}: {losses:?}");
        let (body, losses) = translate(C, to, &both);
        assert_eq!(at(&body, top_p), Some(json!(0.25)), "{to}: {body}");
        assert!(!losses.contains(&"top_p".to_owned()), "{to}: {losses:?}");
        let alone = chat(json!({"top_p": 0.25}));
        let (body, _) = translate_for(C, to, &alone, &one);
        assert_eq!(at(&body, top_p), Some(json!(0.25)), "{to}: {body}");
    }
}

// === B: messages ===

/// What the caller's history lacks is the upstream's to refuse, with the id in it: nothing is
/// dropped, and nothing is made up.
#[test]
fn b19_a_result_without_its_call_reaches_the_upstream() {
    let orphan = chat(json!({"messages": [
        {"role": "user", "content": "hi"},
        {"role": "tool", "tool_call_id": "call_orphan", "content": "42"},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "call_open", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "user", "content": "go on"},
    ]}));
    for to in [C, M, R] {
        let (body, _) = translate(C, to, &orphan);
        let text = body.to_string();
        for id in ["call_orphan", "call_open"] {
            assert!(text.contains(id), "{to}: {text}");
        }
    }
}

#[test]
fn b31_items_have_ids_and_a_status() {
    let answer = json!({"type": "message", "role": "assistant", "model": "x", "content": [
        {"type": "thinking", "thinking": "Hm", "signature": "s"},
        {"type": "text", "text": "said"},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {}},
    ], "stop_reason": "tool_use"});
    let answer = answer.to_string();
    let (whole, _) = translate_response(M, R, answer.clone().into(), &reply()).unwrap();
    let streamed = stream(M, R, reply(), [answer.as_bytes()]).text;
    let last = events(&streamed).pop().unwrap();
    for response in [value(&whole), last["response"].clone()] {
        let items = response["output"].as_array().unwrap().clone();
        assert_eq!(items.len(), 3);
        let mut ids = Vec::new();
        for (item, prefix) in items.iter().zip(["rs_", "msg_", "fc_"]) {
            let id = item["id"].as_str().unwrap();
            assert!(id.starts_with(prefix), "{item}");
            ids.push(id.to_owned());
            if prefix != "rs_" {
                assert_eq!(item["status"], "completed", "{item}");
            }
        }
        ids.dedup();
        assert_eq!(ids.len(), 3);
    }
}

// === C: tools ===

#[test]
fn c16_the_first_chunk_of_a_call_names_it_and_the_others_do_not() {
    let block = json!({"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}});
    let upstream = sse(&[
        json!({"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": block}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{\"a\":"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "1}"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 1}}),
        json!({"type": "message_stop"}),
    ]);
    let told = stream_at_every_split(M, C, &upstream);
    validator::check(C, &told.text);
    let calls: Vec<Value> = events(&told.text)
        .iter()
        .map(|event| event["choices"][0]["delta"]["tool_calls"][0].clone())
        .filter(Value::is_object)
        .collect();
    assert_eq!(
        calls[0],
        json!({"index": 0, "id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": ""}})
    );
    for (call, arguments) in calls[1..].iter().zip(["{\"a\":", "1}"]) {
        assert_eq!(
            call,
            &json!({"index": 0, "function": {"arguments": arguments}})
        );
    }
}

/// Pieces of arguments are forwarded as they were cut: within an escape, a number, a character's
/// escape.
#[test]
fn c26_arguments_are_never_parsed_in_the_middle() {
    let pieces = [r#"{"a":"\u00"#, r#"e9\"#, r#"n","b":12"#, r#"34}"#];
    let block = json!({"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}});
    let mut all = vec![
        json!({"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": block}),
    ];
    all.extend(pieces.iter().map(|piece| {
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": piece}})
    }));
    all.extend([
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 1}}),
        json!({"type": "message_stop"}),
    ]);
    for (to, place) in [
        (C, "/choices/0/delta/tool_calls/0/function/arguments"),
        (R, "/delta"),
    ] {
        let told = stream_at_every_split(M, to, &sse(&all));
        let told: Vec<String> = events(&told.text)
            .iter()
            .filter_map(|event| Some(event.pointer(place)?.as_str()?.to_owned()))
            .filter(|piece| !piece.is_empty())
            .collect();
        assert_eq!(told, pieces, "{to}");
    }
}

/// How many tools a model takes, and how long their descriptions may be, is the upstream's to say:
/// nothing is cut on the way to it.
#[test]
fn c35_many_tools_with_long_descriptions_are_not_cut() {
    let description = "d".repeat(2_000);
    let tools: Vec<Value> = (0..129)
        .map(|n| json!({"name": format!("f{n}"), "description": description, "input_schema": {"type": "object"}}))
        .collect();
    let request = json!({"model": "m", "max_tokens": 64, "tools": tools,
        "messages": [{"role": "user", "content": "hi"}]});
    for to in [C, R] {
        let (body, losses) = translate(M, to, &request);
        let sent = body["tools"].as_array().unwrap();
        assert_eq!(sent.len(), 129, "{to}");
        let last = sent[128].get("function").unwrap_or(&sent[128]);
        assert_eq!(last["description"], description.as_str(), "{to}");
        assert!(losses.is_empty(), "{losses:?}");
    }
    let refused = json!({"error": {"message": "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length 129 instead.",
        "type": "invalid_request_error", "param": "tools", "code": "array_above_max_length"}});
    for from in [C, R] {
        let error = read_error(from, 400, refused.to_string().as_bytes());
        let (status, body) = write_error(M, &error);
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (status, &body["error"]["type"]),
            (400, &json!("invalid_request_error"))
        );
        assert_eq!(body["error"]["message"], refused["error"]["message"]);
    }
}

/// JSON mode is never made of a forced tool: where an upstream has none, it is asked for in words, and
/// what is answered is content from the start.
#[test]
fn c37_json_mode_is_no_tool() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}},
        "required": ["a"], "additionalProperties": false});
    for format in [
        json!({"type": "json_object"}),
        json!({"type": "json_schema", "json_schema": {"name": "n", "strict": true, "schema": schema}}),
    ] {
        let request = json!({"model": "m", "response_format": format,
            "messages": [{"role": "user", "content": "JSON, please"}]});
        for &to in ALL {
            let Ok(written) = write(C, to, &request) else {
                continue;
            };
            let body = value(&written.body);
            for key in ["tools", "tool_choice", "toolConfig", "tool_config"] {
                assert!(body.get(key).is_none(), "{to} {format}: {body}");
            }
        }
    }
    let all = [
        json!({"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "{\"a\":"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "1}"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}),
        json!({"type": "message_stop"}),
    ];
    let told = events(&stream_at_every_split(M, C, &sse(&all)).text);
    let all_of = |place: &str| -> Vec<String> {
        let found = told
            .iter()
            .filter_map(|event| event.pointer(place)?.as_str());
        found
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(all_of("/choices/0/delta/content"), ["{\"a\":", "1}"]);
    assert_eq!(all_of("/choices/0/finish_reason"), ["stop"]);
}

// === D: schemas ===

/// Gemini takes JSON Schema as it is, in fields of its own: nothing of it has to be stripped,
/// rewritten or moved into descriptions, and nothing is lost.
#[test]
fn d4_d5_d7_d8_d10_d11_d13_gemini_gets_the_whole_schema() {
    for (row, schema) in [
        (
            "D4",
            json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "x", "type": "object",
                "additionalProperties": false, "patternProperties": {"^a": {"type": "string"}},
                "properties": {"n": {"type": "integer", "exclusiveMinimum": 0}}}),
        ),
        (
            "D5",
            json!({"type": "object", "properties": {"k": {"const": "fixed"}}}),
        ),
        (
            "D7",
            json!({"type": "object", "properties": {"n": {"type": "integer", "enum": [1, 2, null]}}}),
        ),
        (
            "D8",
            json!({"type": "object", "properties": {"o": {"type": "object", "properties": {}}, "l": {"type": "array"}}}),
        ),
        (
            "D10",
            json!({"type": "object", "properties": {"a": {}}, "required": ["a", "ghost"]}),
        ),
        (
            "D11",
            json!({"type": "object", "properties": {"s": {"type": "string", "format": "idn-email", "minLength": 2, "maxLength": 9}}}),
        ),
        (
            "D13",
            json!({"type": "object", "properties": {"x": true, "y": {}}}),
        ),
    ] {
        let (tool, losses) = translate(C, G, &with_tool(&schema));
        let sent = &tool["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"];
        assert_eq!(sent, &schema, "{row}: {tool}");
        assert!(losses.is_empty(), "{row}: {losses:?}");
        let (format, losses) = translate(C, G, &answered_after(&schema));
        let sent = &format["generationConfig"]["responseJsonSchema"];
        assert_eq!(sent, &schema, "{row}: {format}");
        assert!(
            !losses.contains(&"response_format".to_owned()),
            "{row}: {losses:?}"
        );
    }
}

/// A root that is no object goes to those who take it, and is refused by its name elsewhere; it never
/// becomes another schema.
#[test]
fn d14_a_root_that_is_no_object_is_sent_as_it_is_or_refused() {
    let list = json!({"type": "array", "items": {"type": "string"}});
    for to in ALL.iter().copied().filter(|to| *to != L) {
        match write(C, to, &answered_after(&list)) {
            Ok(written) => {
                let text = value(&written.body).to_string();
                // Converse has schemas as text.
                assert!(
                    text.replace('\\', "").contains(&list.to_string()),
                    "{to}: {text}"
                );
            }
            Err(refused) => assert!(
                refused.field.contains("response_format"),
                "{to}: {refused:?}"
            ),
        }
    }
}

#[test]
fn d16_json_that_was_cut_is_not_mended() {
    let cut = r#"{"a": [1, 2"#;
    let answer = json!({"type": "message", "role": "assistant", "model": "x",
        "content": [{"type": "text", "text": cut}], "stop_reason": "max_tokens"});
    let answer = answer.to_string();
    for (to, text, reason, expected) in [
        (
            C,
            "/choices/0/message/content",
            "/choices/0/finish_reason",
            "length",
        ),
        (
            R,
            "/output/0/content/0/text",
            "/incomplete_details/reason",
            "max_output_tokens",
        ),
        (
            G,
            "/candidates/0/content/parts/0/text",
            "/candidates/0/finishReason",
            "MAX_TOKENS",
        ),
    ] {
        let (whole, _) = translate_response(M, to, answer.clone().into(), &reply()).unwrap();
        let whole = value(&whole);
        assert_eq!(whole.pointer(text), Some(&cut.into()), "{to}: {whole}");
        assert_eq!(
            whole.pointer(reason),
            Some(&expected.into()),
            "{to}: {whole}"
        );
    }
}

#[test]
fn d17_a_huge_schema_is_written_and_a_bottomless_one_refused() {
    let many: serde_json::Map<String, Value> = (0..10_000)
        .map(|n| (format!("p{n}"), json!({"type": "string"})))
        .collect();
    let wide = with_tool(&json!({"type": "object", "properties": many}));
    for to in ALL.iter().copied().filter(|to| *to != L) {
        let (body, _) = translate(C, to, &wide);
        assert!(body.to_string().contains("\"p9999\""), "{to}");
    }
    let mut deep = String::from(r#"{"type":"string"}"#);
    for _ in 0..10_000 {
        deep = format!(r#"{{"type":"array","items":{deep}}}"#);
    }
    let request = format!(
        r#"{{"model":"m","messages":[],"tools":[{{"type":"function","function":{{"name":"f","parameters":{deep}}}}}]}}"#
    );
    let refused = Body::parse(request.into_bytes(), &Limits::request(1 << 24)).unwrap_err();
    assert!(refused.message.contains("deep"), "{refused:?}");
}

// === E: media ===

/// Nobody fetches for an upstream that cannot: it is a 400 that names the picture.
#[test]
fn e2_a_url_goes_to_upstreams_that_fetch_and_is_refused_elsewhere() {
    let picture = json!({"type": "image_url", "image_url": {"url": "https://x.example/a.png"}});
    let request = json!({"model": "m", "messages": [{"role": "user", "content": [picture]}]});
    for to in [C, R, M, G] {
        let (body, _) = translate(C, to, &request);
        assert!(body.to_string().contains("https://x.example/a.png"), "{to}");
    }
    for to in [B, O] {
        let refused = refused(C, to, &request);
        assert!(
            refused.field.starts_with("messages[0]"),
            "{to}: {refused:?}"
        );
    }
}

#[test]
fn e10_e11_e16_sound_and_film_go_to_those_who_take_them() {
    let part =
        |part: Value| json!({"model": "m", "messages": [{"role": "user", "content": [part]}]});
    let sound =
        part(json!({"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}}));
    let film = part(json!({"type": "video_url", "video_url": {"url": "https://x.example/a.mp4"}}));
    for (row, request, takes) in [
        ("E10", &sound, vec![C, G, R, B]),
        ("E11", &film, vec![C, G]),
    ] {
        for to in [C, G, M, R, B, O] {
            match write(C, to, request) {
                Ok(written) => {
                    assert!(takes.contains(&to), "{row} {to}");
                    let text = value(&written.body).to_string();
                    assert!(
                        text.contains("aGk=") || text.contains("a.mp4"),
                        "{row} {to}: {text}"
                    );
                }
                Err(refused) => {
                    assert!(!takes.contains(&to), "{row} {to}: {refused:?}");
                    assert!(
                        refused.field.starts_with("messages[0]"),
                        "{row} {to}: {refused:?}"
                    );
                }
            }
        }
    }
    let speech = chat(
        json!({"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "mp3"}}),
    );
    for to in [G, M, R, B, O] {
        let refused = refused(C, to, &speech);
        assert!(
            ["modalities", "audio"].contains(&refused.field.as_str()),
            "{to}: {refused:?}"
        );
    }
}

// === F: caches ===

#[test]
fn f4_f8_f11_marks_and_keys_of_caches_stay_or_are_noted() {
    let mark = |ttl: &str| json!({"type": "ephemeral", "ttl": ttl});
    let request = json!({"model": "m", "max_tokens": 9,
        "system": [{"type": "text", "text": "s", "cache_control": mark("1h")}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a", "cache_control": mark("5m")}]}]});
    // F4: the longer life stands before the shorter one, as the caller has it.
    let (same, _) = translate(M, M, &request);
    assert_eq!(same["system"], request["system"]);
    assert_eq!(same["messages"], request["messages"]);

    // F8: the key of a cache goes where there are such keys.
    let keyed = chat(json!({"prompt_cache_key": "k"}));
    for to in [C, R] {
        assert_eq!(translate(C, to, &keyed).0["prompt_cache_key"], "k", "{to}");
    }
    for to in [M, G, B] {
        let (body, losses) = translate(C, to, &keyed);
        assert_eq!(body.get("prompt_cache_key"), None, "{to}");
        assert_eq!(losses, ["prompt_cache_key"], "{to}");
    }

    // F11: cached content is a project's own.
    let cached = json!({"cachedContent": "cachedContents/1", "contents": [{"role": "user", "parts": [{"text": "hi"}]}]});
    assert_eq!(
        translate(G, G, &cached).0["cachedContent"],
        "cachedContents/1"
    );
    for to in [C, M, R, B] {
        assert_eq!(refused(G, to, &cached).field, "cachedContent", "{to}");
    }
}

// === G: thinking ===

#[test]
fn g14_reasoning_comes_before_what_it_led_to_or_not_at_all() {
    let request = json!({"model": "m", "input": [
        {"role": "user", "content": "hi"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "x"},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gBBB"},
    ]});
    let kinds = |body: &Value| -> Vec<String> {
        let items = body["input"].as_array().unwrap().iter();
        items
            .map(|item| item["type"].as_str().unwrap_or("message").to_owned())
            .collect()
    };
    assert_eq!(kinds(&translate(R, R, &request).0), kinds(&request));
    // Through a caller of another dialect: what led to nothing cannot be sent back.
    let history = json!({"model": "m", "max_tokens": 64, "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "", "signature": "tg.openai-responses.rs_1.gAAA"},
            {"type": "tool_use", "id": "c1", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "x"}]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "", "signature": "tg.openai-responses.rs_2.gBBB"}]},
        {"role": "user", "content": "on"},
    ]});
    let (body, losses) = translate(M, R, &history);
    assert_eq!(
        kinds(&body),
        [
            "message",
            "reasoning",
            "function_call",
            "function_call_output",
            "message"
        ]
    );
    assert_eq!(losses, ["messages.thinking"]);
}

#[test]
fn g20_thinking_that_used_the_whole_budget_is_an_answer_without_text() {
    let answer = json!({"type": "message", "role": "assistant", "model": "x",
        "content": [{"type": "thinking", "thinking": "Hm", "signature": "s"}], "stop_reason": "max_tokens"});
    let answer = answer.to_string();
    let (whole, _) = translate_response(M, C, answer.clone().into(), &reply()).unwrap();
    let choice = &value(&whole)["choices"][0];
    assert_eq!(choice["finish_reason"], "length");
    let content = &choice["message"]["content"];
    assert!(content.is_null() || content == "", "{choice}");
    for to in CHATTING.into_iter().filter(|to| *to != M) {
        let told = stream(M, to, reply(), [answer.as_bytes()]);
        assert_eq!(told.outcome, Outcome::Complete, "{to}");
        validator::check(to, &told.text);
    }
}

// === H: ends ===

#[test]
fn h2_a_pause_is_no_call_of_tools() {
    let answer = json!({"type": "message", "role": "assistant", "model": "x",
        "content": [{"type": "text", "text": "searching"}], "stop_reason": "pause_turn"});
    let answer = answer.to_string();
    let (whole, _) = translate_response(M, C, answer.clone().into(), &reply()).unwrap();
    assert_eq!(value(&whole)["choices"][0]["finish_reason"], "stop");
    let (whole, _) = translate_response(M, R, answer.clone().into(), &reply()).unwrap();
    assert_eq!(value(&whole)["status"], "completed");
    let (whole, _) = translate_response(M, G, answer.into(), &reply()).unwrap();
    assert_eq!(value(&whole)["candidates"][0]["finishReason"], "STOP");
}

// === J, K: streams ===

#[test]
fn j17_what_is_mislabelled_is_recognised_by_its_bytes() {
    // Whole JSON where events were asked for, and events where JSON was.
    let whole = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#;
    let told = stream_at_every_split(C, M, whole);
    assert_eq!(told.outcome, Outcome::Complete);
    validator::check(M, &told.text);
    let events = sse(&[
        json!({"choices": [{"index": 0, "delta": {"content": "hi"}}]}),
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
    ]) + "data: [DONE]\n\n";
    let (joined, _) = translate_response(C, M, events.into_bytes(), &reply()).unwrap();
    assert_eq!(value(&joined)["content"][0]["text"], "hi");
}

/// The answer's sequence is legal in every dialect, whatever upstream it comes from; the validators
/// hold the grammars that the writers' doc comments state.
#[test]
fn k1_k2_sequences_are_legal_from_every_upstream() {
    let answer = json!({"choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": "said", "reasoning_content": "Hm", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
            {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}}]}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}});
    for to in CHATTING {
        let told = stream_at_every_split(C, to, &answer.to_string());
        assert_eq!(told.outcome, Outcome::Complete, "{to}");
        validator::check(to, &told.text);
    }
}

#[test]
fn k19_a_filter_that_stops_a_stream_ends_it_legally_and_is_billed() {
    let upstream = sse(&[
        json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": "half an"}}]}),
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "content_filter"}]}),
        json!({"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13}}),
    ]) + "data: [DONE]\n\n";
    for (to, end) in [
        (M, "\"stop_reason\":\"refusal\""),
        (R, "\"reason\":\"content_filter\""),
        (G, "\"finishReason\":\"SAFETY\""),
    ] {
        let told = stream_at_every_split(C, to, &upstream);
        assert_eq!(told.outcome, Outcome::Complete, "{to}");
        validator::check(to, &told.text);
        assert!(
            told.text.contains("half an") && told.text.contains(end),
            "{to}: {}",
            told.text
        );
        assert_eq!(told.usage.input_tokens, Some(11), "{to}");
        assert_eq!(told.usage.output_tokens, Some(2), "{to}");
    }
}

/// The same request twice gives the same bytes, whatever the hash maps do: row F7's sibling for
/// every pair of dialects.
#[test]
fn f7_every_pair_of_dialects_writes_the_same_bytes_again() {
    let request = chat(
        json!({"temperature": 0.5, "user": "u", "stop": ["x"], "tools": [
        {"type": "function", "function": {"name": "a.b/c", "parameters": {"type": "object", "properties": {"z": {}, "a": {}}}}},
        {"type": "function", "function": {"name": "d", "parameters": {"type": "object"}}}],
        "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": null, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "a.b/c", "arguments": "{\"z\":1,\"a\":2}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "x"}]}),
    );
    for to in ALL.iter().copied() {
        let written = || {
            let request = read_request(C, &body(&request)).unwrap();
            write_request(to, &request, &TARGET).map(|written| written.body)
        };
        assert_eq!(written(), written(), "{to}");
    }
}
