//! Requests that continue a response by its id.

use tollgate_protocol::conversation::{
    Continuation, continuation, continued, final_response, own_items, without_reasoning,
};
use tollgate_protocol::stream::Translator;
use tollgate_protocol::{Body, Dialect, Limits, Reply};

fn body(text: &str) -> Body {
    Body::parse(text.as_bytes().to_vec(), &Limits::request(1 << 20)).unwrap()
}

#[test]
fn what_a_request_says_of_what_is_kept() {
    for (text, previous, store) in [
        (r#"{"input":"a"}"#, None, true),
        (r#"{"store":null,"previous_response_id":null}"#, None, true),
        (r#"{"store":false}"#, None, false),
        (
            r#"{"store":true,"previous_response_id":"resp_\u0031"}"#,
            Some("resp_1"),
            true,
        ),
    ] {
        let expected = Continuation {
            previous_response_id: previous.map(str::to_owned),
            store,
        };
        assert_eq!(continuation(&body(text)), Ok(expected), "{text}");
    }
    for (text, field) in [
        (r#"{"store":1}"#, "store"),
        (r#"{"previous_response_id":7}"#, "previous_response_id"),
        (
            r#"{"previous_response_id":"a","previous_response_\u0069d":"b"}"#,
            "previous_response_id",
        ),
        (r#"{"input":[],"input":"b"}"#, "input"),
    ] {
        assert_eq!(continuation(&body(text)).unwrap_err().field, field);
    }
}

#[test]
fn items_are_kept_as_they_came() {
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
        let continued = continued(&body(text), history).unwrap();
        assert_eq!(String::from_utf8(continued).unwrap(), expected);
    }
    assert_eq!(continued(&body(own), "{}"), None);
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
