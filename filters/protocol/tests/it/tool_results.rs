//! Where results of tools stand for upstreams that want them right after the calls:
//! rows B16, B17, B29, and their siblings.

use serde_json::{Value, json};
use tollgate_protocol::Dialect;

use crate::support::{C, G, M, R, translate};

const PNG: &str = "data:image/png;base64,iVBORw0KGgo=";

/// The messages for an upstream, each as its role and, for results, whose it is.
fn order(from: Dialect, to: Dialect, request: &Value) -> (Vec<String>, Vec<String>) {
    let (body, losses) = translate(from, to, request);
    let messages = body["messages"].as_array().unwrap().iter();
    let named = messages.map(|message| {
        let role = message["role"].as_str().unwrap();
        match message["tool_call_id"].as_str() {
            Some(id) => format!("{role} {id}"),
            None => role.to_owned(),
        }
    });
    (named.collect(), losses)
}

fn call(id: &str) -> Value {
    json!({"type": "function_call", "call_id": id, "name": "view_image", "arguments": "{}"})
}

fn output(id: &str, output: Value) -> Value {
    json!({"type": "function_call_output", "call_id": id, "output": output})
}

fn asked(items: &[Value]) -> Value {
    let mut input = vec![json!({"role": "user", "content": "look"})];
    input.extend_from_slice(items);
    json!({"model": "m", "input": input})
}

#[test]
fn b16_a_picture_in_a_result_does_not_part_parallel_results() {
    let picture = json!([{"type": "input_image", "image_url": PNG}]);
    let request = asked(&[
        call("a"),
        call("b"),
        output("a", picture),
        output("b", json!("text")),
    ]);
    let (roles, losses) = order(R, C, &request);
    assert_eq!(roles, ["user", "assistant", "tool a", "tool b", "user"]);
    assert_eq!(losses, ["messages.content.tool_result"]);
    let (body, _) = translate(R, C, &request);
    let picture = json!([{"type": "image_url", "image_url": {"url": PNG}}]);
    assert_eq!(body["messages"][4]["content"], picture);

    let results = |id: &str, content: Value| json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": content}]});
    let uses = |id: &str| json!({"type": "tool_use", "id": id, "name": "f", "input": {}});
    let image = json!([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}]);
    let request = json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": "look"}, {"role": "assistant", "content": [uses("a"), uses("b")]},
        results("a", image), results("b", json!("text")), {"role": "user", "content": "go on"},
    ]});
    let (roles, _) = order(M, C, &request);
    let expected = ["user", "assistant", "tool a", "tool b", "user", "user"];
    assert_eq!(roles, expected);
}

#[test]
fn b16_what_stands_between_call_and_result_follows_it() {
    let between = json!({"role": "developer", "content": "be brief"});
    let said = json!({"role": "user", "content": "hurry"});
    let request = asked(&[
        call("a"),
        call("b"),
        output("b", json!("1")),
        between,
        said,
        output("a", json!("2")),
    ]);
    for to in [C, Dialect::Cohere, Dialect::Ollama] {
        let (roles, losses) = order(R, to, &request);
        assert_eq!(roles[1..4], ["assistant", "tool b", "tool a"], "{to}");
        assert_eq!(roles.len(), 6, "{to}");
        assert!(losses.iter().any(|field| field == "messages"), "{to}");
    }
    let (body, _) = translate(R, M, &request);
    assert_eq!(body["messages"][2]["content"][1]["tool_use_id"], "a");
    let (body, _) = translate(R, G, &request);
    assert!(body["contents"][2]["parts"][1]["functionResponse"].is_object());
}

#[test]
fn b19_b29_what_has_no_partner_keeps_its_place() {
    let request = asked(&[
        output("x", json!("of nothing")),
        call("a"),
        call("b"),
        output("a", json!("1")),
        output("a", json!("1 again")),
        json!({"role": "user", "content": "b was stopped"}),
        call("c"),
        output("c", json!("3")),
        output("b", json!("too late")),
    ]);
    let (roles, losses) = order(R, C, &request);
    let expected = [
        "user",
        "tool x",
        "assistant",
        "tool a",
        "tool a",
        "user",
        "assistant",
        "tool c",
        "tool b",
    ];
    assert_eq!(roles, expected);
    assert_eq!(losses, [""; 0]);
}

#[test]
fn the_callers_own_dialect_keeps_its_order() {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let request = json!({"model": "m", "messages": [
        {"role": "user", "content": "go"}, {"role": "assistant", "content": null, "tool_calls": [call("a"), call("b")]},
        {"role": "tool", "tool_call_id": "a", "content": "1"}, {"role": "user", "content": "hm"},
        {"role": "tool", "tool_call_id": "b", "content": "2"},
    ]});
    assert_eq!(translate(C, C, &request).0["messages"], request["messages"]);
}
