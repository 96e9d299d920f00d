//! Requests and whole answers of the Responses API, from and to the other dialects.

use serde_json::{Value, json};
use tollgate_protocol::neutral::Effort;
use tollgate_protocol::{Dialect, Reply, Target, Thinking, translate_response};

use crate::support::{C, M, R, TARGET, refused, reply, translate, translate_for, value, write};

fn responses(more: Value) -> Value {
    merged(json!({"model": "m", "input": "hi"}), more)
}

fn merged(mut base: Value, more: Value) -> Value {
    let more = more.as_object().unwrap().clone();
    base.as_object_mut().unwrap().extend(more);
    base
}

/// What is written for R from a conversation of C.
fn input_of(messages: Value) -> Value {
    translate(C, R, &json!({"model": "m", "messages": messages})).0["input"].clone()
}

#[test]
fn b25_messages_become_items() {
    let text = |kind: &str, text: &str| json!([{"type": kind, "text": text}]);
    let said =
        |role: &str, content: Value| json!({"type": "message", "role": role, "content": content});
    let cases = [
        (
            json!([{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]),
            json!([
                said("system", text("input_text", "a")),
                said("user", text("input_text", "b"))
            ]),
        ),
        (
            json!([{"role": "developer", "content": "a"}]),
            json!([said("developer", text("input_text", "a"))]),
        ),
        (
            json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]),
            json!([
                said("user", text("input_text", "a")),
                said("assistant", text("output_text", "b"))
            ]),
        ),
        (
            json!([{"role": "assistant", "content": null, "refusal": "no"}, {"role": "user", "content": "b"}]),
            json!([
                said("assistant", json!([{"type": "refusal", "refusal": "no"}])),
                said("user", text("input_text", "b")),
            ]),
        ),
    ];
    for (messages, expected) in cases {
        assert_eq!(input_of(messages), expected);
    }
    let parts = json!([
        {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
    ]);
    assert_eq!(
        input_of(json!([{"role": "user", "content": parts}]))[0]["content"],
        json!([
            {"type": "input_image", "image_url": "https://x/y.png", "detail": "low"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"},
        ])
    );
}

#[test]
fn calls_and_results_become_items() {
    let messages = json!([
        {"role": "assistant", "content": "let me", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1.0}"}},
            {"id": "c2", "type": "function", "function": {"name": "g", "arguments": ""}},
        ]},
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": "two"},
    ]);
    let input = input_of(messages);
    assert_eq!(
        input.as_array().unwrap()[1..],
        [
            json!({"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"a\":1.0}"}),
            json!({"type": "function_call", "call_id": "c2", "name": "g", "arguments": "{}"}),
            json!({"type": "function_call_output", "call_id": "c1", "output": "one"}),
            json!({"type": "function_call_output", "call_id": "c2", "output": "two"}),
        ]
    );
    // C10: ids that are too long are shortened alike in calls and results.
    let long = "x".repeat(80);
    let input = input_of(json!([
        {"role": "assistant", "tool_calls": [
            {"id": long, "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": long, "content": "one"},
    ]));
    assert_eq!(input[0]["call_id"], input[1]["call_id"]);
    assert_eq!(input[0]["call_id"].as_str().unwrap().len(), 64);
}

#[test]
fn b29_calls_with_reasoning_between_are_parallel() {
    let request = responses(json!({"input": [
        {"role": "user", "content": "hi"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "e1"},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "reasoning", "id": "rs_2", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "function_call", "id": "fc_2", "call_id": "c2", "name": "g", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "one"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "two"}]},
    ]}));
    let (chat, _) = translate(R, C, &request);
    assert_eq!(chat["messages"].as_array().unwrap().len(), 4);
    assert_eq!(
        chat["messages"][1]["tool_calls"].as_array().unwrap().len(),
        2
    );
    let (anthropic, losses) = translate(R, M, &request);
    let turns = anthropic["messages"].as_array().unwrap();
    assert_eq!(turns.len(), 3);
    assert_eq!(
        turns[1]["content"].as_array().unwrap().len(),
        2,
        "unsigned thinking is dropped"
    );
    assert_eq!(turns[2]["content"].as_array().unwrap().len(), 2);
    assert_eq!(losses, ["messages.thinking"]);
}

#[test]
fn system_prompts_keep_their_place() {
    let request = json!({"model": "m", "max_tokens": 100, "system": [
        {"type": "text", "text": "x-anthropic-billing-header: cch=1"},
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "b"},
    ], "messages": [{"role": "user", "content": "hi"}]});
    let (written, losses) = translate(M, R, &request);
    assert_eq!(written["instructions"], "a\n\nb");
    assert_eq!(losses, ["system", "cache_control"]);
    let (written, _) = translate(R, M, &responses(json!({"instructions": "a"})));
    assert_eq!(written["system"], json!([{"type": "text", "text": "a"}]));
    // F7: the same words, the same bytes.
    let again = write(M, R, &request).unwrap().body;
    assert_eq!(again, write(M, R, &request).unwrap().body);
}

#[test]
fn parameters_cross_both_ways() {
    let function = json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}});
    let flat = json!({"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": false});
    for (chat, expected) in [
        (
            json!({"max_completion_tokens": 50}),
            json!({"max_output_tokens": 50}),
        ),
        // A2, and the least that the API takes.
        (json!({"max_tokens": 5}), json!({"max_output_tokens": 16})),
        (json!({"temperature": 0.50}), json!({"temperature": 0.50})),
        (
            json!({"reasoning_effort": "low"}),
            json!({"reasoning": {"effort": "low"},
            "include": ["reasoning.encrypted_content"]}),
        ),
        (
            json!({"verbosity": "low"}),
            json!({"text": {"verbosity": "low"}}),
        ),
        (
            json!({"prompt_cache_key": "k"}),
            json!({"prompt_cache_key": "k"}),
        ),
        (json!({"user": "u"}), json!({"user": "u"})),
        (json!({"tools": [function]}), json!({"tools": [flat]})),
        (
            json!({"tools": [function], "tool_choice": {"type": "function", "function": {"name": "f"}},
                "parallel_tool_calls": false}),
            json!({"tools": [flat], "tool_choice": {"type": "function", "name": "f"},
                "parallel_tool_calls": false}),
        ),
        // D1
        (
            json!({"response_format": {"type": "json_schema", "json_schema":
                {"name": "n", "schema": {"type": "object"}, "strict": true}}}),
            json!({"text": {"format": {"type": "json_schema", "name": "n",
                "schema": {"type": "object"}, "strict": true}}}),
        ),
        (json!({"stream": true}), json!({"stream": true})),
    ] {
        let request = merged(
            json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]}),
            chat,
        );
        let (written, _) = translate(C, R, &request);
        let input = json!([{"type": "message", "role": "user",
            "content": [{"type": "input_text", "text": "hi"}]}]);
        let base = json!({"model": "upstream-model", "input": input, "store": false});
        assert_eq!(written, merged(base, expected));
    }
    for (responses_, key, expected) in [
        (
            json!({"max_output_tokens": 50}),
            "max_completion_tokens",
            json!(50),
        ),
        (
            json!({"reasoning": {"effort": "high", "summary": "auto"}}),
            "reasoning_effort",
            json!("high"),
        ),
        (
            json!({"reasoning": {"summary": "auto"}}),
            "reasoning_effort",
            json!("medium"),
        ),
        (
            json!({"safety_identifier": "u", "user": "v"}),
            "user",
            json!("u"),
        ),
        (
            json!({"tools": [flat]}),
            "tools",
            json!([merged(
                json!({}),
                json!({"type": "function",
            "function": {"name": "f", "parameters": {"type": "object", "properties": {}}, "strict": false}})
            )]),
        ),
        (
            json!({"text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}}}),
            "response_format",
            json!({"type": "json_schema", "json_schema": {"name": "n",
                "schema": {"type": "object"}}}),
        ),
    ] {
        let (written, _) = translate(R, C, &responses(responses_));
        assert_eq!(written[key], expected);
    }
}

#[test]
fn functions_are_strict_by_default_as_far_as_they_can_be() {
    let closed = json!({"type": "object", "properties": {"a": {"type": "string"}},
        "required": ["a"], "additionalProperties": false});
    for (schema, strict, expected) in [
        (closed.clone(), Value::Null, json!(true)),
        (closed.clone(), json!(false), json!(false)),
        (
            json!({"type": "object", "properties": {"a": {}}, "additionalProperties": false}),
            Value::Null,
            Value::Null,
        ),
        (json!({"type": "object"}), Value::Null, Value::Null),
        (json!({"type": "object"}), json!(true), json!(true)),
    ] {
        let tool = json!({"type": "function", "name": "f", "parameters": schema, "strict": strict});
        let (written, _) = translate(R, C, &responses(json!({"tools": [tool]})));
        assert_eq!(written["tools"][0]["function"]["strict"], expected);
    }
}

#[test]
fn thinking_is_asked_for_in_the_callers_sense() {
    for (anthropic, expected) in [
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 5000}}),
            json!({"effort": "medium", "summary": "auto"}),
        ),
        (
            json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}),
            json!({"effort": "high", "summary": "auto"}),
        ),
        (
            json!({"output_config": {"effort": "low"}}),
            json!({"effort": "low"}),
        ),
        (json!({"thinking": {"type": "disabled"}}), Value::Null),
    ] {
        let request = merged(
            json!({"model": "m", "max_tokens": 9000,
            "messages": [{"role": "user", "content": "hi"}]}),
            anthropic,
        );
        let target = Target {
            efforts: &[Effort::Low, Effort::Medium, Effort::High],
            ..TARGET
        };
        let (written, _) = translate_for(M, R, &request, &target);
        if expected == Value::Null {
            // A13: as little as the model can.
            assert_eq!(written["reasoning"], json!({"effort": "low"}));
        } else {
            assert_eq!(written["reasoning"], expected);
            assert_eq!(written["include"], json!(["reasoning.encrypted_content"]));
        }
        let never = Target {
            thinking: Thinking::Never,
            ..TARGET
        };
        let (written, _) = translate_for(M, R, &request, &never);
        assert_eq!(written["reasoning"], Value::Null);
    }
}

#[test]
fn a29_b28_what_refers_to_something_stored_is_refused() {
    for (more, field) in [
        (
            json!({"previous_response_id": "resp_1"}),
            "previous_response_id",
        ),
        (json!({"conversation": "conv_1"}), "conversation"),
        (json!({"background": true}), "background"),
        (json!({"prompt": {"id": "p"}}), "prompt"),
        (
            json!({"tools": [{"type": "function", "name": "f"}], "tool_choice": {"type": "web_search"}}),
            "tool_choice",
        ),
        (
            json!({"input": [{"type": "item_reference", "id": "msg_1"}]}),
            "input",
        ),
    ] {
        for to in [C, M] {
            assert_eq!(
                refused(R, to, &responses(more.clone())).field,
                field,
                "{to}"
            );
        }
    }
    for (more, lost) in [
        (json!({"store": false}), &[][..]),
        (json!({"background": false}), &[]),
        (json!({"include": ["reasoning.encrypted_content"]}), &[]),
        (json!({"store": true}), &["store"]),
        (
            json!({"include": ["message.output_text.logprobs"]}),
            &["include"],
        ),
        (json!({"text": {"verbosity": "low"}}), &["text.verbosity"]),
        (json!({"prompt_cache_key": "k"}), &["prompt_cache_key"]),
    ] {
        for to in [C, M] {
            assert_eq!(translate(R, to, &responses(more.clone())).1, lost, "{to}");
        }
    }
    let stop = json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "stop": ["a"]});
    assert_eq!(refused(C, R, &stop).field, "stop");
    let several = json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "n": 2});
    assert_eq!(refused(C, R, &several).field, "n");
}

#[test]
fn c31_hosted_tools_may_be_offered_but_not_demanded() {
    let function = json!({"type": "function", "name": "f"});
    let search = json!({"type": "web_search"});
    for (tools, choice, outcome) in [
        // As agents do.
        (
            json!([function, search]),
            json!("auto"),
            Ok("tools.web_search"),
        ),
        (
            json!([function, search]),
            json!("required"),
            Ok("tools.web_search"),
        ),
        (
            json!([function, {"type": "mcp", "server_label": "x"}]),
            json!(null),
            Ok("tools.mcp"),
        ),
        (
            json!([function, search]),
            json!({"type": "web_search"}),
            Err("tool_choice"),
        ),
        (json!([search]), json!("auto"), Err("tools[0]")),
        (
            json!([search, {"type": "file_search"}]),
            json!(null),
            Err("tools[0]"),
        ),
        // C28: the caller would run it.
        (
            json!([function, {"type": "local_shell"}]),
            json!(null),
            Err("tools[1]"),
        ),
    ] {
        let request = responses(json!({"tools": tools, "tool_choice": choice}));
        for to in [C, M] {
            match outcome {
                Ok(lost) => {
                    let (written, losses) = translate(R, to, &request);
                    assert_eq!(written["tools"].as_array().unwrap().len(), 1);
                    assert_eq!(losses, [lost]);
                }
                Err(field) => assert_eq!(refused(R, to, &request).field, field),
            }
        }
    }
    let named = json!({"type": "web_search_20250305", "name": "web_search"});
    let own = json!({"name": "f", "input_schema": {"type": "object"}});
    let anthropic = |tools: Value, choice: Value| {
        json!({"model": "m", "max_tokens": 99, "tools": tools,
        "tool_choice": choice, "messages": [{"role": "user", "content": "hi"}]})
    };
    let offered = anthropic(json!([own, named]), json!({"type": "auto"}));
    let forced = anthropic(
        json!([own, named]),
        json!({"type": "tool", "name": "web_search"}),
    );
    let bash = anthropic(
        json!([own, {"type": "bash_20250124", "name": "bash"}]),
        json!({"type": "auto"}),
    );
    for to in [C, R] {
        assert_eq!(translate(M, to, &offered).1, ["tools.web_search_20250305"]);
        assert_eq!(refused(M, to, &forced).field, "tools[1]");
        assert_eq!(refused(M, to, &bash).field, "tools[1]");
    }
}

fn grammar() -> Value {
    json!({"type": "grammar", "syntax": "lark", "definition": "start: /.+/"})
}

#[test]
fn c29_custom_tools_cross_as_what_the_upstream_knows() {
    let request = responses(json!({
        "tools": [{"type": "custom", "name": "apply_patch", "description": "d", "format": grammar()}],
        "tool_choice": {"type": "custom", "name": "apply_patch"},
        "input": [
            {"role": "user", "content": "hi"},
            {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "*** \"x\"\n"},
            {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"},
        ],
    }));
    let (anthropic, _) = translate(R, M, &request);
    assert_eq!(
        anthropic["tools"][0]["input_schema"]["required"],
        json!(["input"])
    );
    assert_eq!(
        anthropic["messages"][1]["content"][0]["input"],
        json!({"input": "*** \"x\"\n"})
    );
    let (chat, _) = translate(R, C, &request);
    assert_eq!(chat["tools"][0]["type"], "function");
    assert_eq!(chat["tool_choice"]["type"], "function");
    let call = &chat["messages"][1]["tool_calls"][0];
    assert_eq!(call["function"]["arguments"], r#"{"input":"*** \"x\"\n"}"#);

    // Natively, where the channel is known to have them, and back.
    let target = Target {
        custom_tools: true,
        ..TARGET
    };
    let (chat, losses) = translate_for(R, C, &request, &target);
    assert_eq!(losses, [""; 0]);
    assert_eq!(
        chat["tools"][0]["custom"]["format"],
        json!({"type": "grammar",
        "grammar": {"syntax": "lark", "definition": "start: /.+/"}})
    );
    assert_eq!(
        chat["tool_choice"],
        json!({"type": "custom", "custom": {"name": "apply_patch"}})
    );
    assert_eq!(
        chat["messages"][1]["tool_calls"][0]["custom"]["input"],
        "*** \"x\"\n"
    );
    let (again, _) = translate(C, R, &chat);
    assert_eq!(again["tools"], request["tools"]);
    assert_eq!(again["tool_choice"], request["tool_choice"]);
    assert_eq!(
        again["input"].as_array().unwrap()[1..],
        request["input"].as_array().unwrap()[1..]
    );
    assert_eq!(translate(C, C, &chat).0["tools"], chat["tools"]);
}

/// The reply that belongs to what was written.
fn reply_to(from: Dialect, to: Dialect, request: &Value) -> Reply {
    Reply {
        aliases: write(from, to, request).unwrap().aliases,
        ..reply()
    }
}

#[test]
fn c29_answers_call_custom_tools_by_their_kind() {
    let request = responses(json!({"tools": [{"type": "custom", "name": "patch"}]}));
    for (input, expected) in [
        (json!({"input": "a\n\"b\" \u{1F600}"}), "a\n\"b\" \u{1F600}"),
        (json!({"input": ""}), ""),
        (json!({}), ""),
        // Not what was asked for; nothing of it is lost.
        (json!({"text": "a"}), r#"{"text":"a"}"#),
    ] {
        let answer = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "x",
            "content": [{"type": "tool_use", "id": "t1", "name": "patch", "input": input}],
            "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 1}});
        let reply = reply_to(R, M, &request);
        let (body, _) = translate_response(M, R, answer.to_string().into(), &reply).unwrap();
        let item = &value(&body)["output"][0];
        assert_eq!(item["type"], "custom_tool_call");
        assert_eq!(item["input"], expected);
        assert_eq!(item["call_id"], "t1");
    }
    // A caller that knows no such thing is told of a function.
    let answer = json!({"object": "response", "status": "completed", "model": "x", "output": [
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c1", "name": "patch", "input": "a\"b"}]});
    let (body, _) = translate_response(R, M, answer.to_string().into(), &reply()).unwrap();
    assert_eq!(
        value(&body)["content"][0]["input"],
        json!({"input": "a\"b"})
    );
    let (body, _) = translate_response(R, C, answer.to_string().into(), &reply()).unwrap();
    let call = &value(&body)["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(call["custom"], json!({"name": "patch", "input": "a\"b"}));
}

#[test]
fn namespaces_become_names_and_come_back() {
    let tool = json!({"type": "function", "name": "get", "parameters": {"type": "object"}});
    let request = responses(json!({
        "tools": [
            {"type": "namespace", "name": "mcp__files__", "description": "d", "tools": [tool]},
            {"type": "namespace", "name": "crm", "tools": [tool]},
        ],
        "input": [
            {"role": "user", "content": "hi"},
            {"type": "function_call", "call_id": "c1", "namespace": "crm", "name": "get", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "one"},
        ],
    }));
    let (written, losses) = translate(R, M, &request);
    assert_eq!(written["tools"][0]["name"], "mcp__files__get");
    assert_eq!(written["tools"][1]["name"], "crm__get");
    assert_eq!(written["messages"][1]["content"][0]["name"], "crm__get");
    assert_eq!(losses, ["tools.namespace.description"]);
    let (same, _) = translate(R, R, &request);
    assert_eq!(same["tools"], request["tools"]);
    assert_eq!(
        same["input"].as_array().unwrap()[1..],
        request["input"].as_array().unwrap()[1..]
    );

    let answer = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "x",
        "content": [{"type": "tool_use", "id": "t1", "name": "mcp__files__get", "input": {}}],
        "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 1}});
    let reply = reply_to(R, M, &request);
    let (body, _) = translate_response(M, R, answer.to_string().into(), &reply).unwrap();
    let item = &value(&body)["output"][0];
    assert_eq!(
        (&item["namespace"], &item["name"]),
        (&json!("mcp__files__"), &json!("get"))
    );
}

#[test]
fn tools_that_were_searched_for_are_tools() {
    let loaded = json!({"type": "function", "name": "late", "defer_loading": true});
    let request = responses(json!({
        "tools": [{"type": "function", "name": "f"}, {"type": "tool_search"}],
        "input": [
            {"role": "user", "content": "hi"},
            {"type": "tool_search_call", "call_id": "s1", "arguments": {}},
            {"type": "tool_search_output", "call_id": "s1", "tools": [loaded]},
        ],
    }));
    let (written, losses) = translate(R, C, &request);
    assert_eq!(written["tools"][1]["function"]["name"], "late");
    assert_eq!(written["messages"].as_array().unwrap().len(), 1);
    assert!(losses.contains(&"messages.content.tool_search_call".to_owned()));
    assert_eq!(translate(R, R, &request).0["tools"], request["tools"]);
}

/// An answer of `from`, carried by a caller of `through`, sent back to `from`: the
/// blocks of the assistant's turn.
fn carried(from: Dialect, through: Dialect, answer: &Value) -> Value {
    let (body, _) = translate_response(from, through, answer.to_string().into(), &reply()).unwrap();
    let answer = value(&body);
    let user = json!({"role": "user", "content": "hi"});
    let request = match through {
        R => {
            let mut input = vec![user.clone()];
            input.extend(answer["output"].as_array().unwrap().clone());
            input.push(user);
            json!({"model": "m", "input": input})
        }
        M => json!({"model": "m", "max_tokens": 99, "messages":
            [user, {"role": "assistant", "content": answer["content"]}, user]}),
        _ => json!({"model": "m", "messages": [user, answer["choices"][0]["message"], user]}),
    };
    translate(through, from, &request).0
}

#[test]
fn g13_reasoning_comes_back_under_its_own_id() {
    let reasoning = json!({"type": "reasoning", "id": "rs_1", "encrypted_content": "gAAA.b=",
        "summary": [{"type": "summary_text", "text": "hm"}]});
    let answer = json!({"object": "response", "status": "completed", "model": "x", "output": [
        reasoning,
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "so", "annotations": []}]},
    ]});
    for through in [C, M] {
        let input = &carried(R, through, &answer)["input"];
        assert_eq!(input[1], reasoning, "{through}");
        assert_eq!(input[2]["content"][0]["text"], "so", "{through}");
    }
    // G14: reasoning that leads to nothing is refused, so it stays away.
    let mut alone = answer.clone();
    alone["output"].as_array_mut().unwrap().pop();
    for through in [C, M] {
        let input = carried(R, through, &alone)["input"].to_string();
        assert!(!input.contains("rs_1"), "{through}: {input}");
    }
}

#[test]
fn g1_anthropics_proofs_travel_through_responses_callers() {
    let content = json!([
        {"type": "thinking", "thinking": "hm", "signature": "sig=="},
        {"type": "redacted_thinking", "data": "secret"},
        {"type": "text", "text": "so"},
        {"type": "thinking", "thinking": "", "signature": "sig2"},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
    ]);
    let answer = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "x",
        "content": content, "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 1}});
    let written = carried(M, R, &answer);
    assert_eq!(written["messages"][1]["content"], content);
}

#[test]
fn h1_stop_reasons_become_statuses() {
    for (stop, status, reason) in [
        ("end_turn", "completed", Value::Null),
        ("stop_sequence", "completed", Value::Null),
        ("tool_use", "completed", Value::Null),
        (
            "max_tokens",
            "incomplete",
            json!({"reason": "max_output_tokens"}),
        ),
        // H4
        (
            "model_context_window_exceeded",
            "incomplete",
            json!({"reason": "max_output_tokens"}),
        ),
        ("refusal", "incomplete", json!({"reason": "content_filter"})),
    ] {
        let answer = json!({"type": "message", "role": "assistant", "model": "x",
            "content": [{"type": "text", "text": "a"}], "stop_reason": stop,
            "usage": {"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 2}});
        let (body, _) = translate_response(M, R, answer.to_string().into(), &reply()).unwrap();
        let response = value(&body);
        assert_eq!(response["status"], status);
        assert_eq!(response["incomplete_details"], reason);
        assert_eq!(response["store"], false);
        assert_eq!(
            response["usage"],
            json!({"input_tokens": 7, "output_tokens": 2, "total_tokens": 9,
            "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0}})
        );
    }
    for (status, reason, calls, stop) in [
        ("completed", Value::Null, false, "stop"),
        ("completed", Value::Null, true, "tool_calls"),
        (
            "incomplete",
            json!({"reason": "max_output_tokens"}),
            true,
            "length",
        ),
        (
            "incomplete",
            json!({"reason": "content_filter"}),
            false,
            "content_filter",
        ),
        ("incomplete", Value::Null, false, "length"),
    ] {
        let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
        let output = if calls { json!([call]) } else { json!([]) };
        let answer = json!({"object": "response", "status": status, "incomplete_details": reason,
            "model": "x", "output": output});
        let (body, _) = translate_response(R, C, answer.to_string().into(), &reply()).unwrap();
        assert_eq!(value(&body)["choices"][0]["finish_reason"], stop);
    }
}

#[test]
fn k14_an_empty_answer_is_a_message_without_text() {
    let answer = json!({"object": "chat.completion", "model": "x", "choices":
        [{"index": 0, "message": {"role": "assistant", "content": null}, "finish_reason": "stop"}]});
    let (body, _) = translate_response(C, R, answer.to_string().into(), &reply()).unwrap();
    let output = &value(&body)["output"];
    assert_eq!(output[0]["content"][0]["text"], "");
}

#[test]
fn malformed_requests_name_the_field() {
    use crate::support::body;
    for (json, field) in [
        (json!({"model": "m"}), "input"),
        (json!({"model": "m", "input": []}), "input"),
        (json!({"input": "x"}), "model"),
        (json!({"model": "m", "input": [1]}), "input[0]"),
        (
            json!({"model": "m", "input": [{"role": "oracle", "content": ""}]}),
            "input[0].role",
        ),
        (
            json!({"model": "m", "input": [{"role": "user"}]}),
            "input[0].content",
        ),
        (
            json!({"model": "m", "input": [{"type": "function_call", "name": "f"}]}),
            "input[0].call_id",
        ),
        (
            json!({"model": "m", "input": "x", "tools": [{"name": "f"}]}),
            "tools[0].type",
        ),
        (
            json!({"model": "m", "input": "x", "tools": [{"type": "function"}]}),
            "tools[0].name",
        ),
        (
            json!({"model": "m", "input": "x", "text": {"format": {"type": "xml"}}}),
            "text.format.type",
        ),
    ] {
        let error = tollgate_protocol::read_request(R, &body(&json)).unwrap_err();
        assert_eq!(error.field, field, "{json}");
    }
}
