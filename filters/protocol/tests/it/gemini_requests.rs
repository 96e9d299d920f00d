//! Requests from and to Gemini: rows B, C, D, E, F, G of the translation cases.

use serde_json::{Value, json};
use tollgate_protocol::{
    Addressed, Dialect, Target, Thinking, peek, peek_addressed, write_request,
};

use crate::support::{
    C, G, M, TARGET, body, fields, refused, request, translate, translate_for, value, write,
};

fn user(text: &str) -> Value {
    json!({"role": "user", "parts": [{"text": text}]})
}

fn asked(contents: &[Value]) -> Value {
    json!({"contents": contents})
}

/// A chat request with these members beside one message.
fn chat(more: Value) -> Value {
    let mut request = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    merge(&mut request, more);
    request
}

fn gemini(more: Value) -> Value {
    let mut request = asked(&[user("hi")]);
    merge(&mut request, more);
    request
}

fn merge(request: &mut Value, more: Value) {
    for (key, value) in more.as_object().unwrap() {
        request[key] = value.clone();
    }
}

#[test]
fn a25_model_and_stream_come_from_the_path_and_the_body_stays() {
    let text = body(gemini(json!({"generationConfig": {"maxOutputTokens": 7}})));
    let addressed = Addressed {
        model: "m".into(),
        stream: true,
        ..Addressed::default()
    };
    let peeked = peek_addressed(G, &text, &addressed).unwrap();
    assert_eq!((peeked.model.as_str(), peeked.stream), ("m", true));
    assert_eq!(peeked.max_output_tokens, Some(7));
    assert_eq!(peeked.rewrite(&text, Some("other"), true), None);
    assert_eq!(peek(G, &text).unwrap_err().field, "model");

    let mut read = request(G, text.as_str());
    addressed.complete(&mut read);
    let written = value(&write_request(C, &read, &TARGET).unwrap().body);
    assert_eq!(written["stream"], true);
}

#[test]
fn names_are_read_in_either_spelling() {
    let camel = json!({
        "contents": [{"role": "user", "parts": [
            {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
            {"fileData": {"mimeType": "image/png", "fileUri": "https://x.example/a"}},
        ]}],
        "systemInstruction": {"parts": [{"text": "s"}]},
        "generationConfig": {"maxOutputTokens": 5, "topP": 0.5, "stopSequences": ["x"], "thinkingConfig": {"thinkingBudget": 2048}},
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object"}}]}],
    });
    let snake = json!({
        "contents": {"role": "user", "parts": [
            {"inline_data": {"mime_type": "image/png", "data": "aGk"}},
            {"file_data": {"mime_type": "image/png", "file_uri": "https://x.example/a"}},
        ]},
        "system_instruction": {"parts": {"text": "s"}},
        "generation_config": {"max_output_tokens": 5, "top_p": 0.5, "stop_sequences": ["x"], "thinking_config": {"thinking_budget": 2048}},
        "tool_config": {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["f"]}},
        "tools": {"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object"}}]},
    });
    for to in [C, M] {
        let (written, losses) = translate(G, to, &camel);
        assert_eq!(translate(G, to, &snake), (written.clone(), losses), "{to}");
        assert!(written.to_string().contains("aGk="), "{written}");
    }
}

#[test]
fn b8_contents_and_instructions() {
    let g = json!({
        "systemInstruction": {"parts": [{"text": "one"}, {"text": "two"}]},
        "contents": [user("a"), user("b"), {"role": "model", "parts": [{"text": "c"}]}, {"parts": [{"text": "d"}]}],
    });
    let (chat, _) = translate(G, C, &g);
    assert_eq!(chat["messages"][0]["role"], "system");
    assert_eq!(chat["messages"][1]["content"].as_array().unwrap().len(), 2);
    assert_eq!(
        chat["messages"][2],
        json!({"role": "assistant", "content": "c"})
    );
    assert_eq!(chat["messages"][3]["content"], "d");
    let (messages, _) = translate(G, M, &g);
    assert_eq!(messages["system"].as_array().unwrap().len(), 2);
    assert_eq!(messages["messages"].as_array().unwrap().len(), 3);

    let (back, losses) = translate(C, G, &chat);
    assert_eq!(losses, Vec::<String>::new());
    assert_eq!(back["systemInstruction"], g["systemInstruction"]);
    let parts = json!([{"text": "a"}, {"text": "b"}]);
    assert_eq!(back["contents"][0], json!({"role": "user", "parts": parts}));
    assert_eq!(back["contents"][1]["role"], "model");
    assert_eq!(back.get("model"), None, "it stands in the path");
}

#[test]
fn b_system_messages_to_gemini() {
    // B5
    let only = json!({"model": "m", "messages": [{"role": "system", "content": "a"}, {"role": "developer", "content": "b"}]});
    let (written, _) = translate(C, G, &only);
    assert_eq!(written["contents"], json!([user("b")]));
    assert_eq!(
        written["systemInstruction"]["parts"],
        json!([{"text": "a"}])
    );
    // B7
    let billed = json!({"model": "m", "max_tokens": 9, "system": [
        {"type": "text", "text": "x-anthropic-billing-header: cc"}, {"type": "text", "text": "s"}],
        "messages": [{"role": "user", "content": "hi"}]});
    let (written, losses) = translate(M, G, &billed);
    assert_eq!(
        written["systemInstruction"]["parts"],
        json!([{"text": "s"}])
    );
    assert_eq!(losses, ["system"]);
    // B11
    let blank = json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": [{"type": "text", "text": " "}, {"type": "text", "text": "hi"}]}]});
    assert_eq!(translate(M, G, &blank).0["contents"], json!([user("hi")]));
}

#[test]
fn c1_functions() {
    let schema = json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"type": "string"}}, "additionalProperties": false});
    let function = json!({"name": "f", "description": "d", "parameters": schema});
    let asked = chat(
        json!({"tools": [{"type": "function", "function": function}, {"type": "function", "function": {"name": "g"}}]}),
    );
    let (written, _) = translate(C, G, &asked);
    // One tool holds them all; C2: no parameters, none written; D4: JSON Schema goes as it is.
    assert_eq!(
        written["tools"],
        json!([{"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": schema}, {"name": "g"}]}])
    );
    let (back, _) = translate(G, C, &written);
    assert_eq!(back["tools"], asked["tools"]);

    // OpenAPI types become those of JSON Schema.
    let g = gemini(
        json!({"tools": [{"functionDeclarations": [{"name": "f", "parameters": {
        "type": "OBJECT", "propertyOrdering": ["a"], "properties": {
            "a": {"type": "ARRAY", "minItems": "1", "items": {"type": "STRING", "nullable": true, "enum": ["x"]}},
            "nullable": {"any_of": [{"type": "INTEGER"}, {"type": "string"}]},
        }, "required": ["a"]}}]}]}),
    );
    let expected = json!({"type": "object", "properties": {
        "a": {"type": "array", "minItems": 1, "items": {"type": ["string", "null"], "enum": ["x", null]}},
        "nullable": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    }, "required": ["a"]});
    let (chat, losses) = translate(G, C, &g);
    assert_eq!(chat["tools"][0]["function"]["parameters"], expected);
    assert_eq!(losses, Vec::<String>::new());
}

#[test]
fn c4_tool_choice_both_ways() {
    let tools = json!([{"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "g"}}]);
    let named = json!({"type": "function", "function": {"name": "f"}});
    let allowed = |mode: &str| {
        json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [
            {"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "g"}}]}})
    };
    for (choice, config) in [
        (json!("auto"), json!({"mode": "AUTO"})),
        (json!("none"), json!({"mode": "NONE"})),
        (json!("required"), json!({"mode": "ANY"})),
        (named, json!({"mode": "ANY", "allowedFunctionNames": ["f"]})),
        // C5
        (
            allowed("required"),
            json!({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}),
        ),
    ] {
        let asked = chat(json!({"tools": tools, "tool_choice": choice}));
        let (written, _) = translate(C, G, &asked);
        assert_eq!(written["toolConfig"]["functionCallingConfig"], config);
        let (back, _) = translate(G, C, &written);
        assert_eq!(back["tool_choice"], choice);
    }
    let one = json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "g"}}]}});
    let (written, _) = translate(C, G, &chat(json!({"tools": tools, "tool_choice": one})));
    let declared = written["tools"][0]["functionDeclarations"]
        .as_array()
        .unwrap();
    assert_eq!(
        declared.len(),
        1,
        "names without force leave the others out"
    );
}

#[test]
fn c8_names_that_gemini_rejects_get_an_alias() {
    let name = "mcp.server/tool".repeat(6);
    let asked = chat(
        json!({"tools": [{"type": "function", "function": {"name": name}}], "tool_choice": {"type": "function", "function": {"name": name}}}),
    );
    let written = write(C, G, &asked).unwrap();
    let sent = value(&written.body);
    let alias = sent["tools"][0]["functionDeclarations"][0]["name"]
        .as_str()
        .unwrap();
    assert!(alias.len() <= 64);
    assert_eq!(written.aliases.original(alias), name);
    assert_eq!(
        sent["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"][0],
        alias
    );
}

#[test]
fn c11_calls_without_ids_are_matched_by_name_and_order() {
    let call = |name: &str, args: Value| json!({"functionCall": {"name": name, "args": args}});
    let result = |name: &str, text: &str| json!({"functionResponse": {"name": name, "response": {"result": text}}});
    let g = asked(&[
        user("hi"),
        json!({"role": "model", "parts": [call("f", json!({"n": 1})), call("g", json!({})), call("f", json!({"n": 2}))]}),
        json!({"role": "user", "parts": [result("g", "G"), result("f", "F1"), result("f", "F2")]}),
    ]);
    let (chat, _) = translate(G, C, &g);
    let id = |call: usize| chat["messages"][1]["tool_calls"][call]["id"].clone();
    let answers: Vec<_> = (2..5)
        .map(|at| {
            (
                chat["messages"][at]["tool_call_id"].clone(),
                chat["messages"][at]["content"].clone(),
            )
        })
        .collect();
    let expected = [
        (id(1), json!("G")),
        (id(0), json!("F1")),
        (id(2), json!("F2")),
    ];
    assert_eq!(answers, expected);
    assert_ne!(id(0), id(2));
    assert_eq!(translate(G, C, &g).0, chat, "the same ids every time");

    // SDKs leave the id out of a result even where its call has one; one id comes twice.
    let with_id =
        |id: &str| json!({"role": "model", "parts": [{"functionCall": {"id": id, "name": "f"}}]});
    let answers = |results: &[Value]| json!({"role": "user", "parts": results});
    let named = json!({"functionResponse": {"id": "a", "name": "f", "response": {"result": "1"}}});
    let mixed = asked(&[
        with_id("a"),
        answers(&[named]),
        with_id("a"),
        answers(&[result("f", "2")]),
        with_id("b"),
        answers(&[result("f", "3"), result("f", "nobody asked")]),
    ]);
    let (chat_form, _) = translate(G, C, &mixed);
    let ids: Vec<_> = chat_form["messages"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|message| message["tool_call_id"].as_str())
        .collect();
    assert_eq!(ids, ["a", "a", "b", "gemini_call_1"]);

    let (same, _) = translate(G, G, &g);
    assert_eq!(
        same["contents"], g["contents"],
        "ids of ours are not sent to Gemini"
    );
}

#[test]
fn c32_results_are_objects_named_by_their_call() {
    let history = |content: Value| {
        json!({"model": "m", "max_tokens": 9, "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}]},
            {"role": "user", "content": [{"type": "text", "text": "and"}, content]}]})
    };
    let result = |more: Value| {
        let mut result = json!({"type": "tool_result", "tool_use_id": "t1"});
        merge(&mut result, more);
        history(result)
    };
    for (more, response) in [
        (json!({"content": "ok"}), json!({"result": "ok"})),
        (
            json!({"content": "{\"x\":1}"}),
            json!({"result": "{\"x\":1}"}),
        ),
        (
            json!({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}),
            json!({"result": "a\nb"}),
        ),
        // C34
        (
            json!({"content": "no", "is_error": true}),
            json!({"error": "no"}),
        ),
        (json!({}), json!({})),
    ] {
        let (written, _) = translate(M, G, &result(more));
        // B17: results first.
        assert_eq!(
            written["contents"][2]["parts"][0]["functionResponse"],
            json!({"id": "t1", "name": "f", "response": response})
        );
        assert_eq!(written["contents"][2]["parts"][1], json!({"text": "and"}));
    }
    let image = json!({"content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}]});
    let (written, _) = translate(M, G, &result(image));
    // Pictures stand beside the result, where models of every age look at them.
    let (parts, call) = (
        &written["contents"][2]["parts"],
        json!({"id": "t1", "name": "f", "response": {}}),
    );
    let picture = json!({"inlineData": {"mimeType": "image/png", "data": "aGk="}});
    assert_eq!(
        parts,
        &json!([{"functionResponse": call}, picture, {"text": "and"}])
    );

    // And back: what has one text is that text, anything else is told as JSON.
    for (response, content, failed) in [
        (json!({"result": "ok"}), "ok", false),
        (json!({"output": "ok"}), "ok", false),
        (json!({"error": "no"}), "no", true),
        (json!({"result": {"a": 1}}), "{\"a\":1}", false),
        (
            json!({"return_value": 1, "b": 2}),
            "{\"b\":2,\"return_value\":1}",
            false,
        ),
    ] {
        let g = asked(&[
            json!({"role": "model", "parts": [{"functionCall": {"id": "i", "name": "f"}}]}),
            json!({"role": "user", "parts": [{"functionResponse": {"id": "i", "name": "f", "response": response}}]}),
        ]);
        let (messages, _) = translate(G, M, &g);
        let told = &messages["messages"][1]["content"][0];
        assert_eq!(told["content"], content);
        assert_eq!(told["is_error"] == true, failed);
    }
}

#[test]
fn d1_formats_both_ways() {
    let schema = json!({"type": "object", "properties": {}});
    for (format, config) in [
        (
            json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}),
            json!({"responseMimeType": "application/json", "responseJsonSchema": schema}),
        ),
        // D2
        (
            json!({"type": "json_object"}),
            json!({"responseMimeType": "application/json"}),
        ),
    ] {
        let asked = chat(json!({"response_format": format}));
        let (written, _) = translate(C, G, &asked);
        assert_eq!(written["generationConfig"], config);
        assert_eq!(translate(G, C, &written).0["response_format"], format);
    }
    let old = gemini(
        json!({"generationConfig": {"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT"}}}),
    );
    assert_eq!(
        translate(G, C, &old).0["response_format"]["json_schema"]["schema"],
        json!({"type": "object"})
    );
    let words = gemini(json!({"generationConfig": {"responseMimeType": "text/x.enum"}}));
    assert_eq!(
        refused(G, C, &words).field,
        "generationConfig.responseMimeType"
    );
}

#[test]
fn e10_e11_media() {
    let part = |part: Value| asked(&[json!({"role": "user", "parts": [part]})]);
    let chat_part =
        |part: Value| json!({"model": "m", "messages": [{"role": "user", "content": [part]}]});
    let inline = |kind: &str| json!({"inlineData": {"mimeType": kind, "data": "aGk="}});
    let uri = |kind: &str, uri: &str| json!({"fileData": {"mimeType": kind, "fileUri": uri}});
    for (id, chat, gemini) in [
        (
            "E1",
            json!({"type": "image_url", "image_url": {"url": "data:image/jpg;base64,aGk"}}),
            inline("image/jpeg"),
        ),
        (
            "E2",
            json!({"type": "image_url", "image_url": {"url": "https://x.example/a.png?b"}}),
            uri("image/png", "https://x.example/a.png?b"),
        ),
        (
            "E7",
            json!({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="}}),
            inline("application/pdf"),
        ),
        (
            "E10",
            json!({"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}}),
            inline("audio/mpeg"),
        ),
        (
            "E10",
            json!({"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}),
            inline("audio/wav"),
        ),
        (
            "E11",
            json!({"type": "video_url", "video_url": {"url": "https://x.example/a.mp4"}}),
            uri("video/mp4", "https://x.example/a.mp4"),
        ),
        (
            "E11",
            json!({"type": "video_url", "video_url": {"url": "data:video/mp4;base64,aGk="}}),
            inline("video/mp4"),
        ),
    ] {
        let (written, _) = translate(C, G, &chat_part(chat.clone()));
        assert_eq!(written["contents"][0]["parts"], json!([gemini]), "{id}");
        let (same, losses) = translate(C, C, &chat_part(chat.clone()));
        let same = &same["messages"][0]["content"][0];
        assert_eq!(same["type"], chat["type"], "{id}");
        assert_eq!(losses, Vec::<String>::new(), "{id}");
    }
    let film = uri("video/mp4", "https://www.youtube.com/watch?v=1");
    for (id, to, part_of, words) in [
        (
            "E8",
            C,
            uri(
                "image/png",
                "https://generativelanguage.googleapis.com/v1beta/files/x",
            ),
            "Stored files",
        ),
        (
            "E8",
            M,
            uri("application/pdf", "gs://bucket/x"),
            "Stored files",
        ),
        ("E11", C, film.clone(), "no video"),
        ("E11", M, film, "no video"),
        ("E10", M, inline("audio/wav"), "no audio"),
        ("E5", M, inline("image/heic"), "Images must be"),
    ] {
        let error = refused(G, to, &part(part_of));
        assert!(error.message.contains(words), "{id}: {error:?}");
        assert_eq!(error.field, "contents");
    }
    for (id, content, words) in [
        (
            "E5",
            json!({"type": "image_url", "image_url": {"url": "data:image/svg+xml;base64,aGk="}}),
            "Images must be",
        ),
        (
            "E8",
            json!({"type": "file", "file": {"file_id": "file-1"}}),
            "Stored files",
        ),
    ] {
        let error = refused(C, G, &chat_part(content));
        assert!(error.message.contains(words), "{id}: {error:?}");
    }
    // SDKs write base64 in the URL alphabet.
    let url_alphabet = part(json!({"inlineData": {"mimeType": "image/png", "data": "-_-_"}}));
    assert!(
        translate(G, C, &url_alphabet)
            .0
            .to_string()
            .contains("base64,+/+/")
    );
}

#[test]
fn parameters_both_ways() {
    let config = json!({"maxOutputTokens": 5, "candidateCount": 2, "temperature": 0.50, "topP": 0.9, "seed": 7,
        "stopSequences": ["a", "b"], "presencePenalty": 0.1, "frequencyPenalty": -0.1});
    let chat_form = json!({"max_completion_tokens": 5, "n": 2, "temperature": 0.50, "top_p": 0.9, "seed": 7,
        "stop": ["a", "b"], "presence_penalty": 0.1, "frequency_penalty": -0.1});
    let (written, losses) = translate(C, G, &chat(chat_form.clone()));
    assert_eq!(written["generationConfig"], config);
    assert_eq!(losses, Vec::<String>::new());
    let (back, losses) = translate(G, C, &gemini(json!({"generationConfig": config})));
    assert_eq!(losses, Vec::<String>::new());
    for (key, value) in chat_form.as_object().unwrap() {
        assert_eq!(&back[key], value, "{key}");
    }

    let whole = gemini(json!({"generationConfig": {"topK": 40.0}}));
    let (messages, _) = translate(G, M, &whole);
    assert_eq!(
        messages["top_k"].to_string(),
        "40",
        "as SDKs do not write it"
    );

    for (more, field) in [
        (
            json!({"cachedContent": "cachedContents/x"}),
            "cachedContent",
        ),
        (
            json!({"generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}}),
            "generationConfig.responseModalities",
        ),
        (json!({"tools": [{"googleSearch": {}}]}), "tools[0]"),
        (
            json!({"tools": [{"functionDeclarations": [{"name": "f"}], "codeExecution": {}}]}),
            "tools[0]",
        ),
    ] {
        for to in [C, M] {
            assert_eq!(refused(G, to, &gemini(more.clone())).field, field, "{to}");
        }
    }
    let lossy = gemini(
        json!({"safetySettings": [], "labels": {"a": "b"}, "generationConfig": {
        "responseModalities": ["TEXT"], "mediaResolution": "MEDIA_RESOLUTION_LOW"}}),
    );
    let (_, losses) = translate(G, C, &lossy);
    assert_eq!(
        losses,
        [
            "generationConfig.mediaResolution",
            "labels",
            "safetySettings"
        ]
    );
    let stops = chat(json!({"stop": ["1", "2", "3", "4", "5", "6"]}));
    assert_eq!(refused(C, G, &stops).field, "stop");
}

#[test]
fn thinking_both_ways() {
    let adaptive = Target {
        thinking: Thinking::Adaptive,
        ..TARGET
    };
    let never = Target {
        thinking: Thinking::Never,
        ..TARGET
    };
    let shown = |key: &str, value: Value| json!({key: value, "includeThoughts": true});
    for (effort, budget, level) in [
        (
            "none",
            json!({"thinkingBudget": 0}),
            json!({"thinkingLevel": "MINIMAL"}),
        ),
        (
            "low",
            shown("thinkingBudget", json!(1024)),
            shown("thinkingLevel", json!("LOW")),
        ),
        (
            "medium",
            shown("thinkingBudget", json!(4096)),
            shown("thinkingLevel", json!("MEDIUM")),
        ),
        (
            "xhigh",
            shown("thinkingBudget", json!(24576)),
            shown("thinkingLevel", json!("HIGH")),
        ),
    ] {
        let asked = chat(json!({"reasoning_effort": effort}));
        for (target, expected) in [(&TARGET, budget), (&adaptive, level)] {
            let (written, _) = translate_for(C, G, &asked, target);
            assert_eq!(
                written["generationConfig"]["thinkingConfig"], expected,
                "{effort}"
            );
        }
        let (written, _) = translate_for(C, G, &asked, &never);
        assert_eq!(written.get("generationConfig"), None);
    }
    let messages = |thinking: Value| json!({"model": "m", "max_tokens": 9000, "thinking": thinking, "messages": [{"role": "user", "content": "hi"}]});
    for (thinking, budget) in [
        (
            json!({"type": "enabled", "budget_tokens": 5000}),
            json!(5000),
        ),
        (json!({"type": "adaptive"}), json!(-1)),
        (json!({"type": "disabled"}), json!(0)),
    ] {
        let (written, _) = translate(M, G, &messages(thinking));
        assert_eq!(
            written["generationConfig"]["thinkingConfig"]["thinkingBudget"],
            budget
        );
    }

    let config = |config: Value| {
        gemini(json!({"generationConfig": {"thinkingConfig": config, "maxOutputTokens": 30000}}))
    };
    for (thinking, effort, budget) in [
        (json!({"thinkingBudget": 0}), json!(null), json!(null)),
        (
            json!({"thinkingBudget": 4096}),
            json!("medium"),
            json!(4096),
        ),
        (json!({"thinkingBudget": -1}), json!(null), json!(16384)),
        (
            json!({"thinkingLevel": "HIGH"}),
            json!("high"),
            json!(16384),
        ),
        (json!({"includeThoughts": true}), json!(null), json!(16384)),
    ] {
        let (chat, _) = translate(G, C, &config(thinking.clone()));
        assert_eq!(chat["reasoning_effort"], effort, "{thinking}");
        let (messages, _) = translate(G, M, &config(thinking.clone()));
        assert_eq!(messages["thinking"]["budget_tokens"], budget, "{thinking}");
    }
}

/// The text of a signature that came through a dialect's own place for such things.
fn carried(dialect: Dialect, parts: &Value) -> Value {
    let g = asked(&[
        user("hi"),
        json!({"role": "model", "parts": parts}),
        json!({"role": "user", "parts": [{"functionResponse": {"id": "1", "name": "f", "response": {"result": "x"}}}]}),
    ]);
    // What a client of that dialect would hold after the same answer.
    let answer = json!({"candidates": [{"content": {"parts": parts, "role": "model"}, "finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 1}});
    let (shown, _) = tollgate_protocol::translate_response(
        G,
        dialect,
        answer.to_string().into_bytes(),
        &crate::support::reply(),
    )
    .unwrap();
    let shown = value(&shown);
    let history = match dialect {
        C => {
            json!({"model": "m", "messages": [{"role": "user", "content": "hi"}, shown["choices"][0]["message"], {"role": "tool", "tool_call_id": "1", "content": "x"}]})
        }
        _ => {
            json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": shown["content"]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "x"}]}]})
        }
    };
    let (back, _) = translate(dialect, G, &history);
    assert_eq!(back["contents"][2], g["contents"][2]);
    back["contents"][1]["parts"].clone()
}

#[test]
fn g10_signatures_return_to_the_part_that_they_came_with() {
    let call = |id: &str| json!({"id": id, "name": "f", "args": {"a": 1}});
    let signed = json!({"functionCall": call("1"), "thoughtSignature": "c2ln"});
    for parts in [
        json!([signed]),
        // Parallel calls: only the first is signed.
        json!([signed, {"functionCall": call("2")}]),
        json!([{"text": "said", "thoughtSignature": "dGV4dA=="}, signed]),
        json!([{"text": "said"}, signed]),
        json!([signed, {"text": "", "thoughtSignature": "ZW5k"}]),
    ] {
        for dialect in [C, M] {
            assert_eq!(carried(dialect, &parts), parts, "{dialect}");
        }
        let same = asked(&[user("hi"), json!({"role": "model", "parts": parts})]);
        assert_eq!(translate(G, G, &same).0["contents"], same["contents"]);
    }
    // Thoughts are for the caller; what goes back is the proof.
    let thought = json!([{"text": "hm", "thought": true}, signed]);
    for dialect in [C, M] {
        assert_eq!(carried(dialect, &thought), json!([signed]), "{dialect}");
    }
}

#[test]
fn g2_another_provider_s_signature_returns_with_its_thought_or_without() {
    let thought = json!({"text": "hm", "thought": true});
    let (said, call) = (
        json!({"text": "one"}),
        json!({"functionCall": {"id": "1", "name": "f", "args": {}}}),
    );
    // base64 of "tg.anthropic.s".
    let signed = |part: &Value| {
        let mut part = part.clone();
        part["thoughtSignature"] = json!("dGcuYW50aHJvcGljLnM=");
        part
    };
    for (parts, text) in [
        (vec![thought.clone(), signed(&call)], "hm"),
        // Gemini CLI forgets thoughts.
        (vec![signed(&call)], ""),
        (vec![thought.clone(), signed(&said), call.clone()], "hm"),
        (vec![signed(&said), call.clone()], ""),
        // As it was given once.
        (
            vec![thought, signed(&json!({"text": "", "thought": true})), call],
            "hm",
        ),
    ] {
        let answered = json!({"role": "user", "parts": [{"functionResponse": {"id": "1", "name": "f", "response": {}}}]});
        let history = asked(&[
            user("hi"),
            json!({"role": "model", "parts": parts}),
            answered,
        ]);
        let (sent, _) = translate(G, M, &history);
        let content = sent["messages"][1]["content"].as_array().unwrap();
        let thinking = json!({"type": "thinking", "thinking": text, "signature": "s"});
        assert_eq!(content[0], thinking, "{parts:?}");
        let more = content.iter().skip(1);
        assert!(
            more.clone().all(|block| block["type"] != "thinking"),
            "{content:?}"
        );
        assert_eq!(more.last().unwrap()["type"], "tool_use", "{content:?}");
    }
}

#[test]
fn g11_a_missing_signature_is_replaced_by_the_documented_one() {
    let history = |thinking: Value| {
        json!({"model": "m", "max_tokens": 9, "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [thinking, {"type": "tool_use", "id": "1", "name": "f", "input": {}}, {"type": "tool_use", "id": "2", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "x"}, {"type": "tool_result", "tool_use_id": "2", "content": "x"}]}]})
    };
    let bypass = "skip_thought_signature_validator";
    for (thinking, signature, losses) in [
        (json!({"type": "text", "text": "t"}), bypass, &[][..]),
        // G5: another provider's proof is none here.
        (
            json!({"type": "thinking", "thinking": "t", "signature": "claude"}),
            bypass,
            &["messages.thinking"][..],
        ),
        (
            json!({"type": "thinking", "thinking": "", "signature": "tg.gemini.c2ln"}),
            "c2ln",
            &[][..],
        ),
    ] {
        let (written, lost) = translate(M, G, &history(thinking));
        let parts = written["contents"][1]["parts"].as_array().unwrap();
        let calls: Vec<_> = parts
            .iter()
            .filter(|part| part.get("functionCall").is_some())
            .collect();
        assert_eq!(calls[0]["thoughtSignature"], signature);
        assert_eq!(calls[1].get("thoughtSignature"), None);
        assert_eq!(lost, losses);
    }
    let never = Target {
        thinking: Thinking::Never,
        ..TARGET
    };
    let text = json!({"type": "text", "text": "t"});
    let written = write_request(G, &request(M, history(text)), &never).unwrap();
    assert!(!String::from_utf8(written.body).unwrap().contains(bypass));
    assert_eq!(fields(&written.losses), Vec::<String>::new());
}

/// Another provider's proof goes through a Gemini client and back, cut as streams cut
/// it, in the alphabet that SDKs prefer.
#[test]
fn g1_signatures_of_others_survive_in_a_gemini_client() {
    let blocks = json!([
        {"type": "thinking", "thinking": "one two", "signature": "s>>?~"},
        {"type": "redacted_thinking", "data": "r>>?~"},
        {"type": "tool_use", "id": "1", "name": "f", "input": {"a": 1}},
    ]);
    let answer = json!({"content": blocks, "model": "up", "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 1}});
    let (shown, _) = tollgate_protocol::translate_response(
        M,
        G,
        answer.to_string().into_bytes(),
        &crate::support::reply(),
    )
    .unwrap();
    let shown = value(&shown);
    let parts = shown["candidates"][0]["content"]["parts"]
        .as_array()
        .unwrap();
    let mut contents = vec![user("hi")];
    for part in parts {
        let mut part = part.clone();
        if let Some(signature) = part.get("thoughtSignature").and_then(Value::as_str) {
            let signature = signature.replace('+', "-").replace('/', "_");
            part["thoughtSignature"] = signature.into();
        }
        let pieces = match part["text"].as_str() {
            Some("one two") => {
                let last = json!({"text": "two", "thought": true, "thoughtSignature": part["thoughtSignature"]});
                vec![json!({"text": "one ", "thought": true}), last]
            }
            _ => vec![part],
        };
        contents.extend(
            pieces
                .into_iter()
                .map(|part| json!({"role": "model", "parts": [part]})),
        );
    }
    contents.push(json!({"role": "user", "parts": [{"functionResponse": {"id": "1", "name": "f", "response": {"result": "x"}}}]}));
    let (back, losses) = translate(G, M, &asked(&contents));
    assert_eq!(back["messages"][1]["content"], blocks);
    assert_eq!(losses, Vec::<String>::new());
}

/// Where a Gemini channel follows one of another provider, it must not get that one's
/// proofs; every other byte goes on as it came.
#[test]
fn g5_what_others_signed_does_not_pass_on_to_gemini() {
    let (signed, redacted, own) = ("dGcuYW50aHJvcGljLnM=", "dGcucmVkYWN0ZWQucg", "dGcuIQ==");
    let text = format!(
        r#"{{"contents":[{{"role":"model","parts":[{{"text":"a","thought":true,"thoughtSignature": "{signed}"}},
        {{"functionCall":{{"name":"f"}},"thought_signature" :"{redacted}"}},{{"text":"\"thoughtSignature\":\"{signed}\"","thoughtSignature":"{own}"}},
        {{"inlineData":{{"mimeType":"image/png","data":"{signed}"}}}}]}}]}}"#
    );
    let addressed = Addressed {
        model: "m".into(),
        ..Addressed::default()
    };
    let parsed = body(&text);
    let peeked = peek_addressed(G, &parsed, &addressed).unwrap();
    let edited = String::from_utf8(peeked.rewrite(&parsed, None, false).unwrap()).unwrap();
    let bypass = "skip_thought_signature_validator";
    let expected = text
        .replace(&format!(r#": "{signed}""#), &format!(r#": "{bypass}""#))
        .replace(redacted, bypass);
    assert_eq!(edited, expected);
    assert_eq!(edited.matches(bypass).count(), 2);
}

#[test]
fn what_is_wrong_is_named() {
    for (wrong, field) in [
        (json!({}), "contents"),
        (json!({"contents": "hi"}), "contents"),
        (json!({"contents": []}), "contents"),
        (
            json!({"contents": [{"role": "system", "parts": []}]}),
            "contents[0].role",
        ),
        (
            json!({"contents": [{"parts": [{"text": 1}]}]}),
            "contents[0].parts[0].text",
        ),
        (
            json!({"contents": [{"parts": [{"inlineData": {"data": "aGk="}}]}]}),
            "contents[0].parts[0].inlineData.mimeType",
        ),
        (
            json!({"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "?"}}]}]}),
            "contents[0].parts[0].inlineData.data",
        ),
        (
            gemini(json!({"generationConfig": {"temperature": "hot"}})),
            "generationConfig.temperature",
        ),
        (gemini(json!({"generationConfig": 1})), "generationConfig"),
        (
            gemini(json!({"tools": [{"functionDeclarations": [{}]}]})),
            "tools[0].functionDeclarations[0].name",
        ),
    ] {
        let error = tollgate_protocol::read_request(G, &body(&wrong)).unwrap_err();
        assert_eq!(error.field, field, "{wrong}");
    }
}
