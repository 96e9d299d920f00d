//! Vectors; tokens are counted in `count`.

mod count;

use tollgate_config::Channel;
use tollgate_config::meter::{Outcome, UsageEvent};
use tollgate_config::names::CLUSTER_PROPERTY;
use tollgate_host::mock::MockHost;
use tollgate_host::{Body, Flow, Host, Map};

use crate::fixture::{channel, event, host, request};
use crate::gateway::Gateway;
use crate::upstream::Attempt;

const EMBEDDINGS: &str = "/v1/embeddings";
const EMBED: &str = "/v2/embed";
const BATCH: &str = "/v1beta/models/m:batchEmbedContents";
const COUNT: &str = "/v1/messages/count_tokens";

const OPENAI: &str = r#"{"model":"m","input":["a"],"encoding_format":"base64"}"#;
const OPENAI_ANSWER: &str = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AACAPwAAIMA="}],"model":"up","usage":{"prompt_tokens":3,"total_tokens":3}}"#;
const GEMINI_BODY: &str =
    r#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]}}]}"#;
const GEMINI_ANSWER: &str =
    r#"{"embeddings":[{"values":[1,-2.5]}],"usageMetadata":{"promptTokenCount":3}}"#;
const COHERE: &str =
    r#"{"model":"m","texts":["a"],"input_type":"search_query","embedding_types":["float"]}"#;
const PROMPT: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;

/// A channel that gives vectors in this shape.
fn giving(id: i64, shape: &str) -> Channel {
    Channel {
        embeddings: Some(shape.into()),
        ..channel(id, "openai-chat")
    }
}

fn attempt(host: &MockHost) -> Attempt {
    let mut attempt = Attempt::default();
    assert_eq!(attempt.request_headers(host, false), Flow::Continue);
    let size = host.text(Body::Request).len();
    attempt.request_body(host, size);
    attempt
}

fn begin(channels: Vec<Channel>, path: &str, body: &str) -> (MockHost, Gateway, Attempt) {
    let host = host(channels);
    let (gateway, flow) = request(&host, path, body);
    assert_eq!(flow, Flow::Continue, "{:?}", host.replied());
    let attempt = attempt(&host);
    (host, gateway, attempt)
}

fn answer(host: &MockHost, attempt: &mut Attempt, status: &str, body: &str) {
    host.put_headers(Map::Response, &[(":status", status)]);
    attempt.response_headers(host, false);
    host.put_body(Body::Response, body.as_bytes());
    attempt.response_body(host, body.len(), true);
}

fn input_tokens(event: &UsageEvent) -> (u64, bool) {
    let usage = event.usage.as_ref().unwrap();
    assert_eq!(usage.output_tokens, 0);
    (usage.input_tokens, usage.estimated)
}

#[test]
fn vectors_come_from_any_shape_to_any() {
    let titan = r#"{"embedding":[1,-2.5],"inputTextTokenCount":3}"#;
    let cohere = r#"{"id":"x","embeddings":{"base64":["AACAPwAAIMA="],"float":[[1,-2.5]]},"meta":{"billed_units":{"input_tokens":3}}}"#;
    for (path, sent, shape, upstream_path, upstream, given, expected) in [
        (
            EMBEDDINGS,
            OPENAI,
            "gemini",
            "/v1/models/m:batchEmbedContents",
            GEMINI_BODY,
            GEMINI_ANSWER,
            r#""embedding":"AACAPwAAIMA=""#,
        ),
        (
            EMBEDDINGS,
            OPENAI,
            "bedrock-titan",
            "/v1/model/m/invoke",
            r#"{"inputText":"a"}"#,
            titan,
            r#""embedding":"AACAPwAAIMA=""#,
        ),
        (
            EMBEDDINGS,
            OPENAI,
            "voyage",
            "/v1/embeddings",
            OPENAI,
            OPENAI_ANSWER,
            r#""embedding":"AACAPwAAIMA=""#,
        ),
        (
            BATCH,
            GEMINI_BODY,
            "openai",
            "/v1/embeddings",
            r#"{"model":"m","input":["a"]}"#,
            OPENAI_ANSWER,
            r#"{"embeddings":[{"values":[1,-2.5]}],"usageMetadata":{"promptTokenCount":3}}"#,
        ),
        (
            EMBED,
            COHERE,
            "jina",
            "/v1/embeddings",
            r#"{"model":"m","input":["a"],"task":"retrieval.query"}"#,
            OPENAI_ANSWER,
            r#""embeddings":{"float":[[1,-2.5]]}"#,
        ),
        (
            EMBED,
            COHERE,
            "gemini",
            "/v1/models/m:batchEmbedContents",
            r#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_QUERY"}]}"#,
            GEMINI_ANSWER,
            r#""embeddings":{"float":[[1,-2.5]]}"#,
        ),
        (
            BATCH,
            GEMINI_BODY,
            "cohere",
            "/v1/embed",
            r#"{"model":"m","texts":["a"],"input_type":"search_document","embedding_types":["float"]}"#,
            cohere,
            r#"{"embeddings":[{"values":[1,-2.5]}]"#,
        ),
    ] {
        let (host, gateway, mut attempt) = begin(vec![giving(1, shape)], path, sent);
        assert_eq!(host.shown(Map::Request, ":path"), upstream_path);
        assert_eq!(host.text(Body::Request), upstream, "{path} to {shape}");
        answer(&host, &mut attempt, "200", given);
        let body = host.text(Body::Response);
        assert!(body.contains(expected), "{path} to {shape}: {body}");
        let length = host.shown(Map::Response, "content-length");
        assert_eq!(length, body.len().to_string());
        let event = event(&host, gateway, 200);
        assert_eq!(event.outcome(), Outcome::Success);
        assert_eq!(input_tokens(&event), (3, false), "{path} to {shape}");
    }
}

#[test]
fn in_the_same_shape_the_model_is_the_only_edit() {
    for (path, sent, shape, given) in [
        (EMBEDDINGS, OPENAI, "openai", OPENAI_ANSWER),
        (BATCH, GEMINI_BODY, "gemini", GEMINI_ANSWER),
        (
            EMBED,
            COHERE,
            "cohere",
            r#"{"id":"x","embeddings":{"float":[[1.0]]},"meta":{"billed_units":{"input_tokens":3}}}"#,
        ),
    ] {
        for mapped in [false, true] {
            let mut wanted = giving(1, shape);
            if mapped {
                wanted.model_mapping.insert("m".into(), "m-2".into());
            }
            let (host, gateway, mut attempt) = begin(vec![wanted], path, sent);
            let expected = match mapped {
                true => sent
                    .replace(r#""m""#, r#""m-2""#)
                    .replace("models/m", "models/m-2"),
                false => sent.to_owned(),
            };
            assert_eq!(host.text(Body::Request), expected);
            answer(&host, &mut attempt, "200", given);
            let expected = match mapped {
                true => given.replace(r#""up""#, r#""m""#),
                false => given.to_owned(),
            };
            assert_eq!(host.text(Body::Response), expected, "{shape} {mapped}");
            let event = event(&host, gateway, 200);
            assert_eq!(input_tokens(&event), (3, false));
            assert_eq!(event.model, "m");
        }
    }
}

#[test]
fn what_no_channel_can_say_is_refused_in_the_callers_shape() {
    let tokens = r#"{"model":"m","input":[1,2]}"#;
    let two = r#"{"model":"m","input":["a","b"],"input_type":"query"}"#;
    for (path, sent, shape, text) in [
        (EMBEDDINGS, tokens, "gemini", r#""param":"input""#),
        (EMBEDDINGS, two, "bedrock-titan", r#"{"detail":"#),
        (
            EMBED,
            r#"{"model":"m","images":["x"]}"#,
            "openai",
            r#""message":"#,
        ),
        (
            BATCH,
            r#"{"requests":[{"content":{}}]}"#,
            "openai",
            "INVALID_ARGUMENT",
        ),
        (
            BATCH,
            r#"{"requests":[{"model":"models/dear"}]}"#,
            "gemini",
            "INVALID_ARGUMENT",
        ),
        (
            EMBEDDINGS,
            r#"{"model":"m"}"#,
            "cohere",
            r#""param":"input""#,
        ),
        (EMBEDDINGS, "{", "openai", "JSON"),
    ] {
        let host = host(vec![giving(1, shape)]);
        let (gateway, flow) = request(&host, path, sent);
        let reply = host.replied().unwrap();
        assert_eq!((flow, reply.status), (Flow::Hold, 400), "{sent}");
        assert!(reply.body.contains(text), "{text} not in {}", reply.body);
        assert_eq!(event(&host, gateway, 400).outcome(), Outcome::Refused);
    }

    // Who gives no vectors is passed over, and so is who cannot say it.
    let channels = vec![
        channel(1, "anthropic"),
        giving(2, "gemini"),
        giving(3, "openai"),
    ];
    let host = host(channels);
    request(&host, EMBEDDINGS, tokens);
    assert_eq!(host.property(&[CLUSTER_PROPERTY]).unwrap(), b"channel-3");
}

#[test]
fn a_bad_answer_goes_to_the_next_channel_of_another_shape() {
    for bad in [
        ("503", "busy"),
        ("200", "<html>"),
        ("200", r#"{"error":{"message":"no"}}"#),
        ("200", r#"{"data":[]}"#),
        ("200", r#"{"embeddings":[]}"#),
    ] {
        let channels = vec![giving(1, "gemini"), giving(2, "voyage")];
        let (host, gateway, mut first) = begin(channels, EMBEDDINGS, OPENAI);
        answer(&host, &mut first, bad.0, bad.1);
        assert_eq!(host.shown(Map::Response, ":status"), "503", "{bad:?}");
        let mut second = attempt(&host);
        let good = match host.shown(Map::Request, ":path").as_str() {
            "/v1/embeddings" => OPENAI_ANSWER,
            _ => GEMINI_ANSWER,
        };
        answer(&host, &mut second, "200", good);
        assert_eq!(host.shown(Map::Response, ":status"), "200");
        assert!(host.text(Body::Response).contains("AACAPwAAIMA="));
        let event = event(&host, gateway, 200);
        assert_eq!(event.attempts.len(), 2);
        assert_eq!(input_tokens(&event), (3, false));
    }
}

#[test]
fn an_upstreams_error_has_the_callers_shape() {
    let refusal = r#"{"message":"too many texts"}"#;
    for (path, sent, text) in [
        (
            EMBEDDINGS,
            OPENAI,
            r#"{"error":{"message":"too many texts""#,
        ),
        (BATCH, GEMINI_BODY, r#""status":"INVALID_ARGUMENT""#),
        (EMBED, COHERE, r#""message":"too many texts"}"#),
    ] {
        let (host, _gateway, mut attempt) = begin(vec![giving(1, "jina")], path, sent);
        answer(&host, &mut attempt, "400", refusal);
        let body = host.text(Body::Response);
        assert!(body.contains(text), "{body}");
    }
}

#[test]
fn vectors_that_nobody_counted_are_estimated() {
    let texts = r#"{"model":"m","input":["eight by","eight by"]}"#;
    let untold = r#"{"embeddings":[{"values":[1]},{"values":[2]}]}"#;
    let (host, gateway, mut attempt) = begin(vec![giving(1, "gemini")], EMBEDDINGS, texts);
    answer(&host, &mut attempt, "200", untold);
    let event = event(&host, gateway, 200);
    assert_eq!(input_tokens(&event), (4, true));
    // The control plane counts them better.
    let uncounted = event.uncounted.unwrap();
    assert_eq!(uncounted.request.unwrap().text, texts);
    assert_eq!(uncounted.shape, "openai");
    assert!(uncounted.answer.is_none() && uncounted.said.is_empty());
}
