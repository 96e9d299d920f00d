//! Messages, tools and media in requests: rows A20, B, C, E and F.

use serde_json::{Value, json};
use tollgate_protocol::{Target, read_request, write_request};

use crate::support::{
    C, M, TARGET, body, refused, request, translate, translate_for, value, write,
};

fn chat(messages: Value) -> Value {
    json!({"model": "m", "messages": messages})
}

fn messages(messages: Value) -> Value {
    json!({"model": "m", "max_tokens": 100, "messages": messages})
}

/// What the messages of a Chat Completions request become for Anthropic.
#[track_caller]
fn check_c_to_m(input: Value, expected: Value) {
    assert_eq!(translate(C, M, &chat(input)).0["messages"], expected);
}

#[track_caller]
fn check_m_to_c(input: Value, expected: Value) {
    assert_eq!(translate(M, C, &messages(input)).0["messages"], expected);
}

fn user(text: &str) -> Value {
    json!({"role": "user", "content": [{"type": "text", "text": text}]})
}

#[test]
fn a20_numbers_key_order_and_escapes_are_copied() {
    let schema =
        r#"{"z":1e400,"type":"object","properties":{},"a":12345678901234567890,"é":"\u00e9\/"}"#;
    let arguments = r#"{\"z\":1.0,\"a\":\"\\u00e9\"}"#;
    let input = format!(
        r#"{{"model":"m","messages":[{{"role":"assistant","tool_calls":[{{"id":"a","function":{{"name":"f","arguments":"{arguments}"}}}}]}},{{"role":"tool","tool_call_id":"a","content":"x"}}],"tools":[{{"function":{{"name":"f","parameters":{schema}}}}}]}}"#
    );
    let written = write_request(M, &request(C, &input), &TARGET).unwrap();
    let written = String::from_utf8(written.body).unwrap();
    assert!(
        written.contains(&format!(r#""input_schema":{schema}"#)),
        "{written}"
    );
    assert!(
        written.contains(r#""input":{"z":1.0,"a":"\u00e9"}"#),
        "{written}"
    );
    let back = write_request(C, &request(M, &written), &TARGET).unwrap();
    let back = String::from_utf8(back.body).unwrap();
    assert!(
        back.contains(&format!(r#""parameters":{schema}"#)),
        "{back}"
    );
    assert!(
        back.contains(&format!(r#""arguments":"{arguments}""#)),
        "{back}"
    );
}

#[test]
fn b1_system_messages_become_blocks_in_order() {
    let (body, _) = translate(
        C,
        M,
        &chat(json!([
            {"role": "system", "content": "one"},
            {"role": "system", "content": [{"type": "text", "text": "two", "cache_control": {"type": "ephemeral"}}]},
            {"role": "user", "content": "hi"},
        ])),
    );
    assert_eq!(
        body["system"],
        json!([
            {"type": "text", "text": "one"},
            {"type": "text", "text": "two", "cache_control": {"type": "ephemeral"}},
        ])
    );
}

#[test]
fn b2_developer_is_system() {
    let input =
        chat(json!([{"role": "developer", "content": "one"}, {"role": "user", "content": "hi"}]));
    assert_eq!(translate(C, M, &input).0["system"][0]["text"], "one");
    let old = Target {
        no_developer_role: true,
        ..TARGET
    };
    assert_eq!(
        translate_for(C, C, &input, &old).0["messages"][0]["role"],
        "system"
    );
    assert_eq!(
        translate(C, C, &input).0["messages"][0]["role"],
        "developer"
    );
}

#[test]
fn b4_a_system_message_amid_the_others_goes_to_the_top_or_stays() {
    let amid = json!([
        {"role": "user", "content": "hi"}, {"role": "system", "content": "now in French"}, {"role": "user", "content": "go"},
    ]);
    let (body, losses) = translate(C, M, &chat(amid.clone()));
    assert_eq!(
        body["system"],
        json!([{"type": "text", "text": "now in French"}])
    );
    assert_eq!(losses, ["messages.role"]);
    assert_eq!(translate(M, C, &messages(amid.clone())).0["messages"], amid);
}

#[test]
fn b5_only_system_messages() {
    let (body, _) = translate(
        C,
        M,
        &chat(json!([
            {"role": "system", "content": "one"}, {"role": "system", "content": "two"},
        ])),
    );
    assert_eq!(body["system"], json!([{"type": "text", "text": "one"}]));
    assert_eq!(body["messages"], json!([user("two")]));
}

#[test]
fn b7_the_billing_header_goes_to_anthropic_alone() {
    let input = json!({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}],
        "system": [{"type": "text", "text": "x-anthropic-billing-header: cch=1"}, {"type": "text", "text": "be kind"}]});
    let (body, losses) = translate(M, C, &input);
    assert_eq!(
        body["messages"][0],
        json!({"role": "system", "content": "be kind"})
    );
    assert_eq!(losses, ["system"]);
    assert_eq!(translate(M, M, &input).0["system"], input["system"]);
}

#[test]
fn b8_neighbours_of_one_role_are_merged() {
    check_c_to_m(
        json!([
            {"role": "user", "content": "a"},
            {"role": "user", "content": [{"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}]},
            {"role": "assistant", "content": "c"}, {"role": "assistant", "content": "d"},
            {"role": "user", "content": "e"},
        ]),
        json!([
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}]},
            {"role": "assistant", "content": [{"type": "text", "text": "c"}, {"type": "text", "text": "d"}]},
            user("e"),
        ]),
    );
}

#[test]
fn b10_a_prefill_loses_its_trailing_space_only() {
    check_c_to_m(
        json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "The answer is \n"}]),
        json!([user("a"), {"role": "assistant", "content": [{"type": "text", "text": "The answer is"}]}]),
    );
}

#[test]
fn b11_blank_text_is_dropped_and_its_mark_moves() {
    check_c_to_m(
        json!([
            {"role": "user", "content": [
                {"type": "text", "text": "a"},
                {"type": "text", "text": " \n", "cache_control": {"type": "ephemeral"}},
            ]},
            {"role": "assistant", "content": ""},
            {"role": "user", "content": "b"},
        ]),
        json!([{"role": "user", "content": [
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "b"},
        ]}]),
    );
}

#[test]
fn b13_parts_everywhere_flattened_only_on_demand() {
    let input = json!({"model": "m", "max_tokens": 1, "system": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        "messages": [{"role": "user", "content": "hi"}]});
    let parts = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
    assert_eq!(translate(M, C, &input).0["messages"][0]["content"], parts);
    let plain = Target {
        string_content: true,
        ..TARGET
    };
    assert_eq!(
        translate_for(M, C, &input, &plain).0["messages"][0]["content"],
        "a\n\nb"
    );
}

#[test]
fn b14_names_are_dropped_with_a_note() {
    let (body, losses) = translate(
        C,
        M,
        &chat(json!([{"role": "user", "name": "ann", "content": "hi"}])),
    );
    assert_eq!(body["messages"], json!([user("hi")]));
    assert_eq!(losses, ["messages.name"]);
}

#[test]
fn b16_b17_results_share_one_turn_and_come_first() {
    check_c_to_m(
        json!([
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "b", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            ]},
            {"role": "tool", "tool_call_id": "a", "content": "1"},
            {"role": "user", "content": "amid"},
            {"role": "tool", "tool_call_id": "b", "content": "2"},
        ]),
        json!([
            user("go"),
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "a", "name": "f", "input": {}},
                {"type": "tool_use", "id": "b", "name": "f", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "1"},
                {"type": "tool_result", "tool_use_id": "b", "content": "2"},
                {"type": "text", "text": "amid"},
            ]},
        ]),
    );
}

#[test]
fn b17_results_become_tool_messages_before_the_text() {
    check_m_to_c(
        json!([{"role": "user", "content": [
            {"type": "text", "text": "and?"},
            {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "1"}]},
            {"type": "tool_result", "tool_use_id": "b"},
        ]}]),
        json!([
            {"role": "tool", "tool_call_id": "a", "content": "1"},
            {"role": "tool", "tool_call_id": "b", "content": ""},
            {"role": "user", "content": "and?"},
        ]),
    );
}

#[test]
fn b20_tools_of_the_history_are_defined() {
    let (body, _) = translate(
        C,
        M,
        &chat(json!([
            {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "a", "content": "1"},
        ])),
    );
    assert_eq!(
        body["tools"],
        json!([{"name": "f", "input_schema": {"type": "object", "properties": {}}}])
    );
}

#[test]
fn b22_a_refusal_in_the_history_is_text() {
    check_c_to_m(
        json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": null, "refusal": "No."}, {"role": "user", "content": "b"}]),
        json!([user("a"), {"role": "assistant", "content": [{"type": "text", "text": "No."}]}, user("b")]),
    );
}

#[test]
fn b23_c28_what_nobody_else_understands_is_refused() {
    let audio = chat(
        json!([{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]}]),
    );
    assert_eq!(refused(C, M, &audio).field, "messages[0]");
    let tool = json!({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}],
        "tools": [{"type": "web_search_20250305", "name": "web_search"}]});
    assert_eq!(refused(M, C, &tool).field, "tools[0]");
    let upload = messages(
        json!([{"role": "user", "content": [{"type": "container_upload", "file_id": "f"}]}]),
    );
    assert!(refused(M, C, &upload).message.contains("container_upload"));
}

#[test]
fn c1_c2_tools_both_ways() {
    let chat_tools = json!([
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {"a": {}}}}},
        {"type": "function", "function": {"name": "g"}},
    ]);
    let own_tools = json!([
        {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {"a": {}}}},
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
    ]);
    let mut input = chat(json!([{"role": "user", "content": "x"}]));
    input["tools"] = chat_tools.clone();
    assert_eq!(translate(C, M, &input).0["tools"], own_tools);
    let mut input = messages(json!([{"role": "user", "content": "x"}]));
    input["tools"] = own_tools;
    let back = translate(M, C, &input).0;
    assert_eq!(back["tools"][0], chat_tools[0]);
}

#[test]
fn c4_tool_choice_both_ways() {
    let cases = [
        (json!("auto"), json!({"type": "auto"})),
        (json!("none"), json!({"type": "none"})),
        (json!("required"), json!({"type": "any"})),
        (
            json!({"type": "function", "function": {"name": "f"}}),
            json!({"type": "tool", "name": "f"}),
        ),
    ];
    for (chat_choice, own_choice) in cases {
        let mut input = chat(json!([{"role": "user", "content": "x"}]));
        input["tools"] = json!([{"type": "function", "function": {"name": "f"}}]);
        input["tool_choice"] = chat_choice.clone();
        assert_eq!(translate(C, M, &input).0["tool_choice"], own_choice);
        let mut input = messages(json!([{"role": "user", "content": "x"}]));
        input["tools"] = json!([{"name": "f", "input_schema": {}}]);
        input["tool_choice"] = own_choice;
        assert_eq!(translate(M, C, &input).0["tool_choice"], chat_choice);
    }
}

#[test]
fn c4_parallel_calls_both_ways() {
    let mut input = chat(json!([{"role": "user", "content": "x"}]));
    input["tools"] = json!([{"type": "function", "function": {"name": "f"}}]);
    input["parallel_tool_calls"] = json!(false);
    let (mut body, _) = translate(C, M, &input);
    assert_eq!(
        body["tool_choice"],
        json!({"type": "auto", "disable_parallel_tool_use": true})
    );
    body["max_tokens"] = json!(1);
    assert_eq!(translate(M, C, &body).0["parallel_tool_calls"], false);
}

#[test]
fn c5_allowed_tools_filter_the_list() {
    let mut input = chat(json!([{"role": "user", "content": "x"}]));
    input["tools"] = json!([{"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "g"}}]);
    input["tool_choice"] = json!({"type": "allowed_tools", "allowed_tools": {"mode": "required",
        "tools": [{"type": "function", "function": {"name": "g"}}]}});
    let (body, _) = translate(C, M, &input);
    assert_eq!(body["tools"].as_array().unwrap().len(), 1);
    assert_eq!(body["tools"][0]["name"], "g");
    assert_eq!(body["tool_choice"], json!({"type": "any"}));
}

#[test]
fn c8_tool_names_get_aliases_that_come_back() {
    let name = "mcp.files/read ünïcode";
    let mut input = chat(json!([
        {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": name, "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    ]));
    input["tools"] = json!([{"type": "function", "function": {"name": name}}]);
    input["tool_choice"] = json!({"type": "function", "function": {"name": name}});
    let written = write(C, M, &input).unwrap();
    let body = value(&written.body);
    let alias = body["tools"][0]["name"].as_str().unwrap();
    assert!(
        alias
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)),
        "{alias}"
    );
    assert_eq!(body["tool_choice"]["name"], alias);
    assert_eq!(body["messages"][0]["content"][0]["name"], alias);
    assert_eq!(written.aliases.original(alias), name);
    assert_eq!(written.aliases.original("other"), "other");
    assert_eq!(
        value(&write(C, M, &input).unwrap().body),
        body,
        "the same every time"
    );
}

#[test]
fn c10_ids_are_mapped_alike_in_call_and_result() {
    let long = "x".repeat(70);
    for id in ["call:1/2", "", long.as_str(), "çall"] {
        let (body, _) = translate(
            C,
            M,
            &chat(json!([
                {"role": "assistant", "tool_calls": [{"id": id, "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": id, "content": "1"},
            ])),
        );
        let used = body["messages"][0]["content"][0]["id"].as_str().unwrap();
        assert_eq!(body["messages"][1]["content"][0]["tool_use_id"], used);
        assert!(
            !used.is_empty()
                && used
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        );
    }
}

#[test]
fn c13_c14_arguments_that_are_no_object() {
    let cases = [
        ("", json!({})),
        ("  ", json!({})),
        ("{\"a\": 1}", json!({"a": 1})),
        ("{\"a\": ", json!({"malformed_arguments": "{\"a\": "})),
        ("[1]", json!({"malformed_arguments": "[1]"})),
    ];
    for (arguments, expected) in cases {
        let (body, _) = translate(
            C,
            M,
            &chat(json!([
                {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": arguments}}]},
                {"role": "tool", "tool_call_id": "a", "content": "1"},
            ])),
        );
        assert_eq!(
            body["messages"][0]["content"][0]["input"], expected,
            "{arguments}"
        );
    }
}

#[test]
fn c34_a_failed_tool_keeps_its_text() {
    let (body, losses) = translate(
        M,
        C,
        &messages(json!([{"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": "boom", "is_error": true},
        ]}])),
    );
    assert_eq!(body["messages"][0]["content"], "boom");
    assert_eq!(losses, ["messages.content.is_error"]);
}

#[test]
fn e1_images_both_ways() {
    let chat_url = |url: &str| json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]);
    let own =
        |source: Value| json!([{"role": "user", "content": [{"type": "image", "source": source}]}]);
    check_c_to_m(
        chat_url("data:image/jpg;base64,/9j/4AAQ"),
        own(json!({"type": "base64", "media_type": "image/jpeg", "data": "/9j/4AAQ"})),
    );
    check_c_to_m(
        chat_url("https://x.test/a.png"),
        own(json!({"type": "url", "url": "https://x.test/a.png"})),
    );
    check_m_to_c(
        own(json!({"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="})),
        chat_url("data:image/png;base64,iVBORw0KGgo="),
    );
    check_m_to_c(
        own(json!({"type": "url", "url": "https://x.test/a.png"})),
        chat_url("https://x.test/a.png"),
    );
}

#[test]
fn e4_data_uris_are_made_standard_or_refused() {
    let cases = [
        ("data:image/png;charset=utf-8;base64,aGk=", Some("aGk=")),
        ("data:image/png;base64,aG\nk=", Some("aGk=")),
        ("data:image/png;base64,aGk", Some("aGk=")),
        ("data:image/png;base64,-_-_", Some("+/+/")),
        ("DATA:image/PNG;BASE64,aGk=", Some("aGk=")),
        ("data:image/png;base64,aGk=====", Some("aGk=")),
        ("data:image/png;base64,a", None),
        ("data:image/png;base64,", None),
        ("data:image/png;base64,ü===", None),
        ("data:image/png,hello", None),
        ("data:;base64,aGk=", None),
        ("data:", None),
    ];
    for (url, expected) in cases {
        let input = body(chat(
            json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]),
        ));
        let read = read_request(C, &input);
        match expected {
            Some(data) => {
                let written = write_request(M, &read.unwrap(), &TARGET).unwrap();
                let source = &value(&written.body)["messages"][0]["content"][0]["source"];
                assert_eq!(
                    source,
                    &json!({"type": "base64", "media_type": "image/png", "data": data}),
                    "{url}"
                );
            }
            None => assert_eq!(
                read.unwrap_err().field,
                "messages[0].content[0].image_url",
                "{url}"
            ),
        }
    }
}

#[test]
fn e5_e8_what_anthropic_cannot_read_is_refused() {
    let image = |url: &str| {
        chat(
            json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]),
        )
    };
    assert!(
        refused(C, M, &image("data:image/heic;base64,aGk="))
            .message
            .contains("image/webp")
    );
    let file = chat(
        json!([{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]),
    );
    assert!(refused(C, M, &file).message.contains("Stored files"));
    let own = messages(
        json!([{"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}]),
    );
    assert!(refused(M, C, &own).message.contains("Stored files"));
}

#[test]
fn e7_documents_both_ways() {
    let chat_file = json!([{"role": "user", "content": [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}}]}]);
    let own = json!([{"role": "user", "content": [
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}, "title": "a.pdf"}]}]);
    check_c_to_m(chat_file.clone(), own.clone());
    check_m_to_c(own, chat_file);
    check_m_to_c(
        json!([{"role": "user", "content": [{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}}]}]),
        json!([{"role": "user", "content": [{"type": "text", "text": "hi"}]}]),
    );
}

#[test]
fn e14_text_and_images_keep_their_order() {
    let url = json!({"type": "image_url", "image_url": {"url": "https://x.test/a.png"}});
    let (body, _) = translate(
        C,
        M,
        &chat(json!([{"role": "user", "content": [
        {"type": "text", "text": "1"}, url, {"type": "text", "text": "2"}]}])),
    );
    let kinds: Vec<_> = body["messages"][0]["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block["type"].clone())
        .collect();
    assert_eq!(kinds, ["text", "image", "text"]);
}

#[test]
fn f1_f2_cache_marks_stay_on_their_blocks() {
    let mark = json!({"type": "ephemeral", "ttl": "1h"});
    let (body, losses) = translate(
        C,
        M,
        &json!({"model": "m",
        "tools": [{"type": "function", "function": {"name": "f"}, "cache_control": mark}],
        "messages": [
            {"role": "system", "content": "s", "cache_control": mark},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.test/a"}, "cache_control": mark}]},
            {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}, "cache_control": mark}]},
            {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "1", "cache_control": mark}]},
        ]}),
    );
    let marked = [
        &body["tools"][0],
        &body["system"][0],
        &body["messages"][0]["content"][0],
        &body["messages"][1]["content"][0],
        &body["messages"][2]["content"][0],
    ];
    assert!(
        marked.iter().all(|block| block["cache_control"] == mark),
        "{body:#}"
    );
    assert_eq!(losses, [""; 0]);
}

#[test]
fn f5_cache_marks_do_not_reach_openai() {
    let input = json!({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]}]});
    let (body, losses) = translate(M, C, &input);
    assert!(!body.to_string().contains("cache_control"));
    assert_eq!(losses, ["cache_control"]);
    let router = Target {
        keeps_cache_control: true,
        ..TARGET
    };
    assert!(
        translate_for(M, C, &input, &router)
            .0
            .to_string()
            .contains("cache_control")
    );
}

#[test]
fn f7_the_same_request_gives_the_same_bytes() {
    let input = chat(json!([{"role": "user", "content": "a"}]));
    assert_eq!(
        write(C, M, &input).unwrap().body,
        write(C, M, &input).unwrap().body
    );
}

#[test]
fn f10_thinking_carries_no_mark() {
    let (body, _) = translate(
        C,
        M,
        &chat(json!([
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "", "cache_control": {"type": "ephemeral"},
                "thinking_blocks": [{"type": "thinking", "thinking": "t", "signature": "s"}]},
            {"role": "user", "content": "b"},
        ])),
    );
    assert_eq!(
        body["messages"][1]["content"],
        json!([{"type": "thinking", "thinking": "t", "signature": "s"}])
    );
}
