//! Anthropic Messages in the envelopes of Amazon Bedrock and Google Vertex AI: an
//! Anthropic caller's bytes pass, another caller's are written as for Anthropic itself.

use serde_json::{Value, json};
use tollgate_protocol::stream::{Observer, ObserverOptions, Outcome, Status};
use tollgate_protocol::{
    ALL, CALLERS, Dialect, ErrorKind, PassOn, classify_response, pass_on, peek, read_error,
    read_response, replace_response_model,
};

use crate::event_stream::{event, exception};
use crate::support::{C, M, body, events, reply, sse, stream, translate, value};
use crate::validator;

const AWS: Dialect = Dialect::AnthropicBedrock;
const GCP: Dialect = Dialect::AnthropicVertex;

#[track_caller]
fn passed(to: Dialect, input: &str, betas: &[&str]) -> (String, Vec<String>) {
    let body = body(input);
    let peek = peek(M, &body).unwrap();
    let edits = PassOn {
        model: "up",
        include_usage: true,
        betas,
        ..PassOn::default()
    };
    let (edited, losses) = pass_on(to, &peek, &body, &edits);
    let edited = edited.map_or_else(
        || input.to_owned(),
        |bytes| String::from_utf8(bytes).unwrap(),
    );
    (edited, losses.into_iter().map(|loss| loss.field).collect())
}

#[test]
fn an_anthropic_callers_body_changes_only_where_it_must() {
    let inside = r#""max_tokens":1e2, "messages" :[{"role":"user","content":"\u00e9"},{"role":"user","content":" "}],"new_field":{"b":1.0,"a":null}"#;
    let kept = inside.replace(r#", "messages" :"#, r#","messages":"#);
    let input = format!(r#"{{"model":"m",{inside},"stream":true}}"#);
    let rows: [(Dialect, &[&str], String, &[&str]); 5] = [
        (M, &["x"], input.replace(r#""m""#, r#""up""#), &[]),
        (
            GCP,
            &["x"],
            format!(r#"{{"anthropic_version":"vertex-2023-10-16",{kept},"stream":true}}"#),
            &[],
        ),
        (
            AWS,
            &[],
            format!(r#"{{"anthropic_version":"bedrock-2023-05-31",{kept}}}"#),
            &[],
        ),
        (
            AWS,
            &["effort-2025-11-24", "effort-2025-11-24"],
            format!(
                r#"{{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["effort-2025-11-24"],{kept}}}"#
            ),
            &[],
        ),
        (
            AWS,
            &["claude-code-20250219", "context-1m-2025-08-07"],
            format!(
                r#"{{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["context-1m-2025-08-07"],{kept}}}"#
            ),
            &["anthropic-beta"],
        ),
    ];
    for (to, betas, expected, lost) in rows {
        let (body, losses) = passed(to, &input, betas);
        assert_eq!(
            (body, losses.as_slice()),
            (
                expected,
                lost.iter()
                    .map(|l| (*l).to_owned())
                    .collect::<Vec<_>>()
                    .as_slice()
            ),
            "{to}"
        );
    }
    // What the caller says about it itself.
    let own = r#"{"model":"m","anthropic_version":"old","anthropic_beta":["effort-2025-11-24"],"max_tokens":1,"messages":[]}"#;
    let own = own.replace("[]", r#"[{"role":"user","content":"x"}]"#);
    let (body, _) = passed(AWS, &own, &[]);
    assert_eq!(
        value(body.as_bytes())["anthropic_beta"],
        json!(["effort-2025-11-24"])
    );
    assert_eq!(body.matches("anthropic_version").count(), 1);
}

#[test]
fn b4_a_leading_system_message_goes_to_the_top() {
    let input = json!({"model": "m", "max_tokens": 5, "messages": [
        {"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]})
    .to_string();
    for to in [AWS, GCP] {
        let (body, _) = passed(to, &input, &[]);
        let body = value(body.as_bytes());
        assert_eq!(
            body["system"],
            json!([{"type": "text", "text": "be brief"}]),
            "{to}"
        );
        assert_eq!(body["messages"][0]["role"], "user");
        assert_eq!(body.get("model"), None);
        assert!(body["anthropic_version"].is_string());
    }
}

#[test]
fn another_callers_request_is_written_as_for_anthropic() {
    let input = json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "hi"}], "temperature": 0.5, "seed": 1});
    let (own, lost) = translate(C, M, &input);
    for (to, version, streams) in [
        (AWS, "bedrock-2023-05-31", None),
        (GCP, "vertex-2023-10-16", Some(true)),
    ] {
        let (mut body, losses) = translate(C, to, &input);
        assert_eq!(losses, lost);
        assert_eq!(body["anthropic_version"], version);
        assert_eq!(body.get("stream").and_then(Value::as_bool), streams);
        let body = body.as_object_mut().unwrap();
        body.remove("anthropic_version");
        body.insert("model".into(), own["model"].clone());
        body.insert("stream".into(), true.into());
        assert_eq!(Value::Object(body.clone()), own);
    }
}

#[test]
fn who_takes_whose_bodies() {
    for &upstream in ALL {
        for &caller in CALLERS {
            let same = upstream == caller || (caller == M && (upstream == AWS || upstream == GCP));
            assert_eq!(upstream.takes_as_it_is(caller), same, "{upstream} {caller}");
        }
    }
}

fn story() -> Vec<Value> {
    vec![
        json!({"type": "message_start", "message": {"model": "internal", "usage": {"input_tokens": 3, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": {}}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "é"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": {"output_tokens": 9}}),
        json!({"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 3}}),
    ]
}

/// As Bedrock frames it.
fn chunks(events: &[Value]) -> Vec<u8> {
    events.iter().flat_map(chunk).collect()
}

fn chunk(inner: &Value) -> Vec<u8> {
    event(
        "chunk",
        &json!({"bytes": base64(inner.to_string().as_bytes()), "p": "abc"}),
    )
}

fn base64(bytes: &[u8]) -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group
            .iter()
            .fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte))
            << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            text.push(digits[bits >> (18 - 6 * place) & 63] as char);
        }
        text.push_str(&"=="[..3 - group.len()]);
    }
    text
}

fn observe<'c>(
    dialect: Dialect,
    options: &ObserverOptions,
    chunks: impl IntoIterator<Item = &'c [u8]>,
) -> (String, Observer) {
    let mut observer = Observer::new(dialect, options.clone());
    let mut out = Vec::new();
    for chunk in chunks {
        if let Err(fault) = observer.push(chunk, &mut out) {
            observer.fail(&fault.into(), &mut out);
        }
    }
    observer.finish(reply(), &mut out);
    (String::from_utf8(out).unwrap(), observer)
}

#[test]
fn a_bedrock_stream_is_anthropics_in_other_frames() {
    let bytes = chunks(&story());
    let plain = ObserverOptions::default();
    for at in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(at);
        let (out, observer) = observe(AWS, &plain, [head, tail]);
        assert_eq!(out, sse(&story()), "cut at byte {at}");
        assert_eq!(observer.outcome(), Outcome::Complete);
        assert_eq!(observer.usage().output_tokens, Some(9));
    }
    let renamed = ObserverOptions {
        model: Some("alias".into()),
        ..plain.clone()
    };
    let (out, _) = observe(AWS, &renamed, [bytes.as_slice()]);
    assert_eq!(out, sse(&story()).replace("internal", "alias"));

    let whole = stream(AWS, C, reply(), [bytes.as_slice()]);
    assert_eq!(whole.outcome, Outcome::Complete);
    validator::check(C, &whole.text);
    assert_eq!(whole, stream(M, C, reply(), [sse(&story()).as_bytes()]));
    assert_eq!(
        read_response(AWS, bytes),
        read_response(M, sse(&story()).into())
    );
    // Vertex frames as Anthropic does.
    let (out, _) = observe(GCP, &plain, [sse(&story()).as_bytes()]);
    assert_eq!(out, sse(&story()));
}

#[test]
fn a_bedrock_stream_that_breaks_off() {
    let begun = chunks(&story()[..4]);
    let rows = [
        (
            exception("throttlingException", &json!({"message": "slow down"})),
            Outcome::Failed(ErrorKind::RateLimited),
            "rate_limit_error",
        ),
        (
            exception("modelTimeoutException", &json!({"message": "x"})),
            Outcome::Failed(ErrorKind::Timeout),
            "timeout_error",
        ),
        (
            chunk(&json!({"type": "error", "error": {"type": "overloaded_error", "message": "x"}})),
            Outcome::Failed(ErrorKind::Overloaded),
            "overloaded_error",
        ),
        (
            event("chunk", &json!({"bytes": "???"})),
            Outcome::Failed(ErrorKind::Upstream),
            "api_error",
        ),
        (
            chunk(&json!({"type": "ping"}))[..40].to_vec(),
            Outcome::Interrupted,
            "api_error",
        ),
        (vec![], Outcome::Interrupted, "api_error"),
    ];
    for (bad, outcome, kind) in rows {
        let bytes = [begun.clone(), bad.clone()].concat();
        let (out, observer) = observe(AWS, &ObserverOptions::default(), [bytes.as_slice()]);
        assert_eq!(observer.outcome(), outcome, "{kind}");
        let told = out.strip_prefix(sse(&story()[..4]).as_str()).unwrap();
        let told = events(told);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0]["error"]["type"], kind);
        assert_eq!(stream(AWS, C, reply(), [bytes.as_slice()]).outcome, outcome);
        if let Outcome::Failed(kind) = outcome {
            let (out, observer) = observe(AWS, &ObserverOptions::default(), [bad.as_slice()]);
            assert!(
                matches!(observer.status(), Status::Error(error) if error.kind == kind),
                "{out}"
            );
        }
    }
}

#[test]
fn whole_answers_and_errors_are_anthropics_own() {
    let answer = r#"{"model":"internal", "type":"message","role":"assistant","content":[{"type":"text","text":"x"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}"#;
    for dialect in [AWS, GCP] {
        assert_eq!(
            classify_response(dialect, answer.as_bytes()),
            classify_response(M, answer.as_bytes())
        );
        let renamed = replace_response_model(dialect, answer.as_bytes(), "alias").unwrap();
        assert_eq!(
            String::from_utf8(renamed).unwrap(),
            answer.replace("internal", "alias")
        );
        assert_eq!(
            read_response(dialect, answer.into()),
            read_response(M, answer.into())
        );
    }
    for (dialect, status, body, kind) in [
        (
            AWS,
            400,
            json!({"message": "messages: field required"}),
            ErrorKind::InvalidRequest,
        ),
        (
            AWS,
            429,
            json!({"message": "Too many tokens"}),
            ErrorKind::RateLimited,
        ),
        (
            AWS,
            400,
            json!({"__type": "ThrottlingException", "message": "x"}),
            ErrorKind::RateLimited,
        ),
        (
            GCP,
            429,
            json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "x"}}),
            ErrorKind::RateLimited,
        ),
        (
            GCP,
            400,
            json!({"type": "error", "error": {"type": "invalid_request_error", "message": "x"}}),
            ErrorKind::InvalidRequest,
        ),
    ] {
        assert_eq!(
            read_error(dialect, status, body.to_string().as_bytes()).kind,
            kind
        );
    }
}
