//! Requests that continue a response by its id.

use serde_json::{Value, json};
use tollgate_protocol::conversation::{
    Continuation, ECHO_BYTES_MAX, continuation, continued, dereferenced, echo, final_response,
    foreground, own_items, references, without_reasoning,
};
use tollgate_protocol::stream::Translator;
use tollgate_protocol::{Body, Dialect, Limits, Reply, translate_response};

use crate::support::{C, M, R, events, stream, value};

fn body(text: &str) -> Body {
    Body::parse(text.as_bytes().to_vec(), &Limits::request(1 << 20)).unwrap()
}

#[test]
fn what_a_request_says_of_what_is_kept() {
    for (text, previous, conversation, store) in [
        (r#"{"input":"a"}"#, None, None, true),
        (
            r#"{"store":null,"previous_response_id":null,"conversation":null}"#,
            None,
            None,
            true,
        ),
        (r#"{"store":false}"#, None, None, false),
        (
            r#"{"store":true,"previous_response_id":"resp_\u0031"}"#,
            Some("resp_1"),
            None,
            true,
        ),
        (r#"{"conversation":"conv_1"}"#, None, Some("conv_1"), true),
        (
            r#"{"conversation":{"id":"conv_1"}}"#,
            None,
            Some("conv_1"),
            true,
        ),
    ] {
        let expected = Continuation {
            previous_response_id: previous.map(str::to_owned),
            conversation: conversation.map(str::to_owned),
            store,
            background: false,
        };
        assert_eq!(continuation(&body(text)), Ok(expected), "{text}");
    }
    for (text, field) in [
        (r#"{"store":1}"#, "store"),
        (r#"{"background":"yes"}"#, "background"),
        (r#"{"background":true,"background":false}"#, "background"),
        (r#"{"previous_response_id":7}"#, "previous_response_id"),
        (
            r#"{"previous_response_id":"a","previous_response_\u0069d":"b"}"#,
            "previous_response_id",
        ),
        (r#"{"input":[],"input":"b"}"#, "input"),
        (r#"{"conversation":{"name":"a"}}"#, "conversation"),
        (
            r#"{"conversation":"a","previous_response_id":"b"}"#,
            "conversation",
        ),
    ] {
        assert_eq!(continuation(&body(text)).unwrap_err().field, field);
    }
}

#[test]
fn what_is_asked_for_in_the_background_is_made_as_a_stream() {
    let asked = body(r#"{"input": [ 1.0 ],"background":true,"store":true,"stream":false}"#);
    assert!(continuation(&asked).unwrap().background);
    let made = String::from_utf8(foreground(&asked)).unwrap();
    assert_eq!(made, r#"{"input":[ 1.0 ],"store":true,"stream":true}"#);
}

#[test]
fn b26_items_are_kept_as_they_came_and_instructions_are_not() {
    for (text, items) in [
        (
            r#"{"input":"a\u00e9 \"b\""}"#,
            r#"[{"type":"message","role":"user","content":"a\u00e9 \"b\""}]"#,
        ),
        (
            r#"{"input": [ {"role":"user",  "content":"\u00e9"} ]}"#,
            r#"[ {"role":"user",  "content":"\u00e9"} ]"#,
        ),
        (r#"{"model":"m"}"#, "[]"),
        (
            r#"{"instructions":"for this turn only","input":[{"role":"user","content":"a"}]}"#,
            r#"[{"role":"user","content":"a"}]"#,
        ),
    ] {
        assert_eq!(own_items(&body(text)), items);
    }
}

#[test]
fn history_goes_in_front_and_its_id_goes() {
    let own = r#"{ "model":"m", "input":"new", "previous_response_id":"resp_1", "top_p":1.0 }"#;
    for (text, history, expected) in [
        (
            own,
            r#"[{"a": 1},2]"#,
            r#"{"model":"m","input":[{"a": 1},2,{"type":"message","role":"user","content":"new"}],"top_p":1.0}"#,
        ),
        (
            own,
            " [ ] ",
            r#"{"model":"m","input":[{"type":"message","role":"user","content":"new"}],"top_p":1.0}"#,
        ),
        (
            r#"{"previous_response_id":"resp_1"}"#,
            "[1]",
            r#"{"input":[1]}"#,
        ),
        (
            r#"{"previous_response_id":"resp_1","input":[ ]}"#,
            "[1]",
            r#"{"input":[1]}"#,
        ),
    ] {
        let text = body(text);
        let continued = continued(&text, Some(history), &own_items(&text)).unwrap();
        assert_eq!(String::from_utf8(continued).unwrap(), expected);
    }
    assert_eq!(continued(&body(own), Some("{}"), "[]"), None);
    assert_eq!(continued(&body(own), None, "{}"), None);
    // Without a history, an id stands for what somebody else has.
    let kept = continued(&body(r#"{"conversation":"c","input":[1]}"#), None, "[2]").unwrap();
    assert_eq!(
        String::from_utf8(kept).unwrap(),
        r#"{"conversation":"c","input":[2]}"#
    );
}

#[test]
fn items_that_are_referred_to_are_put_in() {
    let text = r#"{"input":[{"type":"item_reference","id":"msg_1"}, {"role":"user",  "content":"a"},
        {"id":"rs_2"},{"type":null,"id":"fc_3"},{"id":"msg_4","role":"user","content":"b"},
        {"type":"message","id":"msg_5"},{"type":"item_reference"},7]}"#;
    let text = body(text);
    assert_eq!(references(&text), ["msg_1", "rs_2", "fc_3"]);
    let found = |id: &str| match id {
        "msg_1" => Some(r#"{"is":  "msg_1"}"#),
        "fc_3" => Some(r#"{"is":  "fc_3"}"#),
        _ => None,
    };
    assert_eq!(
        dereferenced(&own_items(&text), &found),
        r#"[{"is":  "msg_1"},{"role":"user",  "content":"a"},{"id":"rs_2"},{"is":  "fc_3"},{"id":"msg_4","role":"user","content":"b"},{"type":"message","id":"msg_5"},{"type":"item_reference"},7]"#
    );
    assert_eq!(references(&body(r#"{"input":"a"}"#)), Vec::<String>::new());
}

#[test]
fn reasoning_of_another_provider_is_left_out() {
    for (text, expected) in [
        (
            r#"{"a": 1,"input":[{"x": 1},{"type":"reasoning","id":"rs_tg1"},{"type":"reasoning","id":"rs_1"}],"b":2}"#,
            r#"{"a":1,"input":[{"x": 1},{"type":"reasoning","id":"rs_1"}],"b":2}"#,
        ),
        (
            r#"{"input":[{"id":"rs_tg1","type":"reasoning"}]}"#,
            r#"{"input":[]}"#,
        ),
        (r#"{ "input": [{"type":"message","id":"rs_tg1"}] }"#, ""),
        (r#"{ "input": "rs_tg" }"#, ""),
        (r#"{ "model": 1 }"#, ""),
    ] {
        let kept = without_reasoning(text.as_bytes().to_vec(), "rs_tg");
        let expected = if expected.is_empty() { text } else { expected };
        assert_eq!(String::from_utf8(kept).unwrap(), expected);
    }
}

#[test]
fn a_response_repeats_its_request() {
    let set = json!({
        "instructions": "be brief \"\u{e9}\"", "max_output_tokens": 99, "max_tool_calls": 3,
        "metadata": {"k": "v"}, "parallel_tool_calls": false, "prompt_cache_key": "p",
        "reasoning": {"effort": "low", "summary": null}, "safety_identifier": "s",
        "temperature": 0.5, "text": {"format": {"type": "json_object"}, "verbosity": "low"},
        "tool_choice": {"type": "function", "name": "f"},
        "tools": [{"type": "function", "name": "f", "parameters": {"b": 1, "a": 1e2}}],
        "top_logprobs": 2, "top_p": 0.25, "truncation": "auto", "user": "u",
    });
    let unset = json!({
        "instructions": null, "max_output_tokens": null, "max_tool_calls": null, "metadata": {},
        "parallel_tool_calls": true, "prompt_cache_key": null, "reasoning": null,
        "safety_identifier": null, "temperature": null, "text": {"format": {"type": "text"}},
        "tool_choice": "auto", "tools": [], "top_logprobs": 0, "top_p": null,
        "truncation": "disabled", "user": null,
    });
    let repeats = |response: &Value, expected: &Value| {
        for (key, expected) in expected.as_object().unwrap() {
            assert_eq!(&response[key], expected, "{key}");
        }
    };
    let too_long = "x".repeat(ECHO_BYTES_MAX);
    let mut long = set.clone();
    long["instructions"] = too_long.into();
    let mut cut = set.clone();
    cut["instructions"] = Value::Null;
    for (request, expected) in [
        (&set, &set),
        (&json!({}), &unset),
        (&json!({"tools": null, "metadata": null}), &unset),
        (&long, &cut),
    ] {
        let mut request = request.clone();
        request["model"] = "m".into();
        request["input"] = "hi".into();
        let reply = Reply {
            echo: echo(&body(&request.to_string())),
            ..Reply::default()
        };
        let answer = json!({"type": "message", "role": "assistant", "model": "x",
            "content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn"});
        let answer = answer.to_string();
        let (whole, _) = translate_response(M, R, answer.clone().into(), &reply).unwrap();
        repeats(&value(&whole), expected);
        // In every event that holds the response.
        let streamed = stream(M, R, reply, [answer.as_bytes()]).text;
        let mut responses = events(&streamed);
        responses.retain(|event| event["response"].is_object());
        assert_eq!(responses.len(), 3, "created, in progress, completed");
        for event in responses {
            repeats(&event["response"], expected);
        }
    }
    // As it was written, down to the number.
    let reply = Reply {
        echo: echo(&body(r#"{"tools":[{"a": 1e2}]}"#)),
        ..Reply::default()
    };
    let answer = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#;
    let (whole, _) = translate_response(C, R, answer.into(), &reply).unwrap();
    let whole = String::from_utf8(whole).unwrap();
    assert!(whole.contains(r#""tools":[{"a": 1e2}]"#), "{whole}");
}

#[test]
fn the_last_event_of_a_translated_stream_holds_the_response() {
    let reply = Reply {
        model: "m".into(),
        id: "tg1".into(),
        stored: true,
        previous_response_id: Some("resp_0".into()),
        ..Reply::default()
    };
    let mut translator = Translator::new(Dialect::OpenaiChat, Dialect::OpenaiResponses, reply);
    let mut out = Vec::new();
    for event in [
        r#"data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":"h\n\ni"}}]}"#,
        r#"data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    ] {
        translator.push(event.as_bytes(), &mut out).unwrap();
        translator.push(b"\n\n", &mut out).unwrap();
        assert_eq!(final_response(&out), None);
    }
    out.clear();
    translator.push(b"data: [DONE]\n\n", &mut out).unwrap();
    translator.finish(&mut out);
    let response: serde_json::Value = serde_json::from_str(final_response(&out).unwrap()).unwrap();
    assert_eq!(response["id"], "resp_tg1");
    assert_eq!(response["store"], true);
    assert_eq!(response["previous_response_id"], "resp_0");
    assert_eq!(response["output"][0]["content"][0]["text"], "h\n\ni");
    assert_eq!(
        final_response(b"data: {\"type\":\"response.failed\"}"),
        None
    );
    assert_eq!(final_response(b"\xff"), None);
}
