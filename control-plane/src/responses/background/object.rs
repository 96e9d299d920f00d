//! The response object while there is no answer, and where none comes. Pure.

use tollgate_config::responses::REPLY_PREFIX;
use tollgate_protocol::conversation::{continuation, echo};
use tollgate_protocol::json::{Json, object_bytes};
use tollgate_protocol::neutral::Response;
use tollgate_protocol::{Body, Dialect, Reply, write_response};

/// What the caller gets at once.
pub(super) fn queued(request_id: &str, now_unix_ms: i64, body: &Body) -> String {
    let asked = continuation(body).unwrap_or_default();
    let model = body.json().get("model").and_then(Json::as_str);
    let reply = Reply {
        model: model.unwrap_or_default().into_owned(),
        id: format!("{REPLY_PREFIX}{request_id}"),
        created_unix_s: u64::try_from(now_unix_ms / 1_000).unwrap_or(0),
        stored: true,
        previous_response_id: asked.previous_response_id,
        conversation: asked.conversation,
        echo: echo(body),
        ..Reply::default()
    };
    let response = write_response(Dialect::OpenaiResponses, &Response::default(), &reply);
    let response = String::from_utf8(response).unwrap_or_default();
    let queued = [
        ("status", r#""queued""#),
        ("background", "true"),
        ("output", "[]"),
        ("usage", "null"),
    ];
    with(&response, &queued)
}

pub(super) fn in_progress(response: &str) -> String {
    with(response, &[("status", r#""in_progress""#)])
}

pub(super) fn cancelled(response: &str) -> String {
    with(response, &[("status", r#""cancelled""#)])
}

pub(super) fn failed(response: &str, code: &str, message: &str) -> String {
    let error = object_bytes(|w| {
        w.field_str("code", code);
        w.field_str("message", message);
    });
    let error = String::from_utf8(error).unwrap_or_default();
    with(response, &[("status", r#""failed""#), ("error", &error)])
}

/// The answer of the call that was made for what was queued. A provider that answered it as it is
/// knows neither our ids nor that nobody waited.
pub(super) fn answered(queued: &str, response: &str) -> String {
    const OURS: [&str; 4] = ["id", "background", "previous_response_id", "conversation"];
    let queued = Json::trusted(queued);
    let ours = OURS.map(|name| (name, queued.get(name).map(Json::raw)));
    let ours: Vec<(&str, &str)> = ours.iter().filter_map(|it| Some((it.0, it.1?))).collect();
    with(response, &ours)
}

/// An object with these members, in the place of its own where it has them; all else is as it was.
fn with(object: &str, members: &[(&str, &str)]) -> String {
    let json = Json::trusted(object);
    let object = object_bytes(|w| {
        for (key, value) in json.entries() {
            let own = members.iter().find(|(name, _)| **name == *key);
            w.field_raw(&key, own.map_or(value.raw(), |(_, value)| value));
        }
        for (name, value) in members.iter().filter(|(name, _)| json.get(name).is_none()) {
            w.field_raw(name, value);
        }
    });
    String::from_utf8(object).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tollgate_config::responses::id;
    use tollgate_protocol::Limits;

    use super::*;

    const REQUEST: &str = "0199aabbccdd00112233445566778899";

    fn body(text: &str) -> Body {
        Body::parse(text.as_bytes().to_vec(), &Limits::request(1 << 20)).unwrap()
    }

    fn value(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_queued_response_repeats_its_request() {
        let asked = r#"{"model":"m","input":"hi","background":true,"metadata":{"a":"b"},"temperature":0.50,"previous_response_id":"resp_1"}"#;
        let queued = queued(REQUEST, 1_700_000_000_999, &body(asked));
        assert!(queued.contains(r#""temperature":0.50"#), "{queued}");
        let told = value(&queued);
        for (member, expected) in [
            ("id", json!(id(REQUEST))),
            ("object", json!("response")),
            ("created_at", json!(1_700_000_000)),
            ("status", json!("queued")),
            ("background", json!(true)),
            ("store", json!(true)),
            ("model", json!("m")),
            ("output", json!([])),
            ("usage", json!(null)),
            ("error", json!(null)),
            ("incomplete_details", json!(null)),
            ("metadata", json!({"a": "b"})),
            ("previous_response_id", json!("resp_1")),
        ] {
            assert_eq!(told[member], expected, "{member}: {told}");
        }
        assert_eq!(value(&in_progress(&queued))["status"], "in_progress");
        assert_eq!(value(&cancelled(&queued))["status"], "cancelled");
        let failed = value(&failed(&queued, "server_error", "no \"answer\""));
        assert_eq!(failed["status"], "failed");
        let error = json!({"code": "server_error", "message": "no \"answer\""});
        assert_eq!(failed["error"], error);
    }

    #[test]
    fn an_answer_is_as_it_came_but_for_what_is_ours() {
        let queued = r#"{"id":"resp_1","status":"queued","background":true,"output":[],"previous_response_id":"resp_0"}"#;
        let came = r#"{"id":"resp_2","status":"completed","background":false,"output":[ {"a":1.0} ],"previous_response_id":null}"#;
        let expected = r#"{"id":"resp_1","status":"completed","background":true,"output":[ {"a":1.0} ],"previous_response_id":"resp_0"}"#;
        assert_eq!(answered(queued, came), expected);

        // One that does not repeat what it was asked.
        let queued = r#"{"id":"resp_1","background":true,"output":[],"conversation":{"id":"c"}}"#;
        let came = r#"{"id":"resp_2","status":"completed","output":[]}"#;
        let expected = r#"{"id":"resp_1","status":"completed","output":[],"background":true,"conversation":{"id":"c"}}"#;
        assert_eq!(answered(queued, came), expected);
    }
}
