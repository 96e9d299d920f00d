use prost::Message;
use tollgate_config::Model;
use tollgate_config::meter::{ModelLimits, Outcome, TokenRecord};
use tollgate_config::names::CLUSTER_PROPERTY;
use tollgate_host::mock::MockHost;
use tollgate_host::{Host, MeterHost};

use super::*;
use crate::fixture::{
    ANTHROPIC_REQUEST, OPENAI_REQUEST, channel, event, head, host, host_with, key_of, request,
};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";

#[test]
fn a_good_request_is_handed_to_the_router_with_its_first_channel() {
    let host = host(vec![channel(1, "openai-chat"), channel(2, "openai-chat")]);
    let (_gateway, flow) = request(&host, CHAT, OPENAI_REQUEST);
    assert_eq!(flow, Flow::Continue);
    let cluster = String::from_utf8(host.property(&[CLUSTER_PROPERTY]).unwrap()).unwrap();
    assert!(
        cluster == "channel-1" || cluster == "channel-2",
        "{cluster}"
    );
    assert_eq!(host.shown(Map::Request, "x-envoy-max-retries"), "1");
}

#[test]
fn refusals_speak_the_callers_dialect_and_leave_one_event() {
    let good = ("authorization", "Bearer sk-good");
    for (method, path, headers, end, status, text) in [
        ("POST", CHAT, &[][..], false, 401, "invalid_api_key"),
        (
            "POST",
            CHAT,
            &[("x-api-key", "sk-bad")],
            false,
            401,
            "not valid",
        ),
        (
            "POST",
            MESSAGES,
            &[("x-api-key", "sk-bad")],
            false,
            401,
            "authentication_error",
        ),
        ("GET", CHAT, &[good], true, 405, "POST"),
        ("POST", "/v1/models", &[good], true, 405, "GET"),
        ("GET", "/v1/responses", &[good], true, 405, "POST"),
        (
            "GET",
            "/v1/responses",
            &[good, ("upgrade", "websocket")],
            true,
            426,
            "WebSockets",
        ),
        (
            "POST",
            "/v1/responses/compact",
            &[good],
            false,
            404,
            "/v1/responses/compact",
        ),
        ("POST", "/v1/nothing", &[good], false, 404, "/v1/nothing"),
        (
            "POST",
            "/v1/messages/nothing",
            &[good],
            false,
            404,
            "not_found_error",
        ),
        (
            "POST",
            CHAT,
            &[good, ("content-type", "text/plain")],
            false,
            400,
            "application/json",
        ),
        (
            "POST",
            CHAT,
            &[good, ("content-encoding", "compress")],
            false,
            400,
            "content-encoding",
        ),
        (
            "POST",
            CHAT,
            &[good, ("content-length", "1001")],
            false,
            413,
            "1000 bytes",
        ),
        ("POST", CHAT, &[good], true, 400, "no body"),
    ] {
        let host = host(vec![channel(1, "openai-chat")]);
        let (gateway, flow) = head(&host, method, path, headers, end);
        let reply = host
            .replied()
            .unwrap_or_else(|| panic!("{method} {path}: no refusal"));
        assert_eq!(
            (flow, reply.status),
            (Flow::Hold, status),
            "{method} {path} {headers:?}"
        );
        assert!(reply.body.contains(text), "{text} not in {}", reply.body);
        let id = reply
            .headers
            .iter()
            .find(|(name, _)| name == "x-request-id")
            .unwrap()
            .1
            .clone();
        let event = event(&host, gateway, status);
        assert_eq!((&event.id, event.outcome()), (&id, Outcome::Refused));
        assert_eq!(event.status, u32::from(status));
    }
}

#[test]
fn a_group_without_credit_is_refused_before_the_call() {
    let poor = TokenRecord {
        enabled: true,
        group_enabled: true,
        out_of_credit: true,
        sets: vec!["default".into()],
        ..TokenRecord::default()
    };
    let key = ("x-api-key", "sk-poor");
    for (path, status, text) in [
        (CHAT, 429, "insufficient_quota"),
        (MESSAGES, 429, "billing_error"),
    ] {
        let host = host(vec![channel(1, "openai-chat")])
            .with_shared(&key_of("poor"), &poor.encode_to_vec());
        let (gateway, flow) = head(&host, "POST", path, &[key], false);
        let reply = host.replied().unwrap();
        assert_eq!((flow, reply.status), (Flow::Hold, status), "{path}");
        assert!(reply.body.contains(text), "{text} not in {}", reply.body);
        let no_retry = ("x-should-retry".to_owned(), "false".to_owned());
        assert!(reply.headers.contains(&no_retry), "{:?}", reply.headers);
        assert_eq!(event(&host, gateway, status).outcome(), Outcome::Refused);

        // What costs nothing is there.
        let (_, _) = head(&host, "GET", "/v1/models", &[key], true);
        assert_eq!(host.replied().unwrap().status, 200);
    }
}

#[test]
fn bodies_that_cannot_be_served_are_refused() {
    let deep = format!(
        r#"{{"model":"m","messages":{}1{}}}"#,
        "[".repeat(400),
        "]".repeat(400)
    );
    for (path, body, status, text) in [
        (CHAT, "", 400, "error"),
        (CHAT, "{", 400, "JSON"),
        (CHAT, "[]", 400, "object"),
        (CHAT, r#"{"messages":[]}"#, 400, "model"),
        (CHAT, r#"{"model":7}"#, 400, "model"),
        (CHAT, r#"{"model":"\ud800"}"#, 400, "JSON"),
        (CHAT, &deep, 400, "JSON"),
        (CHAT, r#"{"model":"other","messages":[]}"#, 404, "other"),
        (
            MESSAGES,
            r#"{"model":"other","messages":[]}"#,
            404,
            "not_found_error",
        ),
    ] {
        let host = host(vec![channel(1, "openai-chat")]);
        let (gateway, flow) = request(&host, path, body);
        let reply = host.replied().unwrap();
        assert_eq!((flow, reply.status), (Flow::Hold, status), "{body}");
        assert!(reply.body.contains(text), "{text} not in {}", reply.body);
        assert_eq!(event(&host, gateway, status).outcome(), Outcome::Refused);
    }
}

#[test]
fn a_body_over_the_limit_is_refused_while_it_still_comes() {
    let host = host(vec![channel(1, "openai-chat")]);
    let (mut gateway, _) = head(&host, "POST", CHAT, &[("x-api-key", "good")], false);
    assert_eq!(gateway.request_body(&host, 1_000, false), Flow::Hold);
    assert!(host.replied().is_none());
    assert_eq!(gateway.request_body(&host, 1_001, false), Flow::Hold);
    assert_eq!(host.replied().unwrap().status, 413);
}

#[test]
fn what_no_channel_can_express_is_refused_and_names_the_field() {
    let two_answers = r#"{"model":"m","n":2,"messages":[{"role":"user","content":"hi"}]}"#;
    let only_anthropic = host(vec![channel(1, "anthropic")]);
    request(&only_anthropic, CHAT, two_answers);
    let reply = only_anthropic.replied().unwrap();
    assert_eq!(reply.status, 400);
    assert!(reply.body.contains(r#""param":"n""#), "{}", reply.body);

    let both = host(vec![channel(1, "anthropic"), channel(2, "openai-chat")]);
    let (_gateway, flow) = request(&both, CHAT, two_answers);
    assert_eq!(flow, Flow::Continue);
    assert_eq!(both.property(&[CLUSTER_PROPERTY]).unwrap(), b"channel-2");
}

#[test]
fn before_the_first_snapshot_an_unknown_token_may_be_valid() {
    let host = host(vec![channel(1, "openai-chat")]);
    tollgate_host::MeterHost::set_shared(&host, tollgate_config::names::READY_KEY, None).unwrap();
    head(&host, "POST", CHAT, &[("x-api-key", "unknown")], false);
    assert_eq!(host.replied().unwrap().status, 503);
}

#[test]
fn a_token_record_that_cannot_be_read_opens_nothing() {
    let host = host(vec![channel(1, "openai-chat")]).with_shared(&key_of("odd"), b"\xff\xff");
    head(&host, "POST", CHAT, &[("x-api-key", "odd")], false);
    assert_eq!(host.replied().unwrap().status, 401);
}

#[test]
fn closed_for_maintenance_it_calls_no_model_and_still_lists_them() {
    let host = host(vec![channel(1, "openai-chat")]);
    let mut config = crate::state::active().unwrap().config.clone();
    config.closed = true;
    crate::state::activate(config).unwrap();
    request(&host, CHAT, OPENAI_REQUEST);
    let reply = host.replied().unwrap();
    assert_eq!(reply.status, 503);
    assert!(reply.body.contains("maintenance"), "{}", reply.body);
    head(&host, "GET", "/v1/models", &[("x-api-key", "good")], true);
    assert_eq!(host.replied().unwrap().status, 200);
}

#[test]
fn a_model_that_does_not_say_is_retried_as_often_as_all() {
    let channels = || (1..=4).map(|id| channel(id, "openai-chat")).collect();
    for (own, all, retries) in [
        (None, None, "3"),
        (None, Some(1), "1"),
        (Some(2), Some(1), "2"),
    ] {
        let model = Model {
            model: "m".into(),
            retry_times: own,
            ..Model::default()
        };
        let host = host_with(channels(), model);
        let mut config = crate::state::active().unwrap().config.clone();
        config.retry_times = all;
        crate::state::activate(config).unwrap();
        let _gateway = request(&host, CHAT, OPENAI_REQUEST);
        assert_eq!(host.shown(Map::Request, "x-envoy-max-retries"), retries);
    }
}

#[test]
fn a_model_s_time_is_told_to_the_router_for_streams_and_for_whole_answers() {
    let stream = OPENAI_REQUEST.replacen('{', r#"{"stream":true,"#, 1);
    for (whole_s, stream_s, body, told) in [
        (0, 0, OPENAI_REQUEST, ""),
        (7, 0, OPENAI_REQUEST, "7000"),
        (7, 0, &stream, ""),
        (7, 900, &stream, "900000"),
    ] {
        let model = Model {
            model: "m".into(),
            request_timeout_s: whole_s,
            stream_timeout_s: stream_s,
            ..Model::default()
        };
        let host = host_with(vec![channel(1, "openai-chat")], model);
        let _gateway = request(&host, CHAT, body);
        let shown = host.shown(Map::Request, "x-envoy-upstream-rq-per-try-timeout-ms");
        assert_eq!(shown, told, "{whole_s} {stream_s}");
    }
}

#[test]
fn a_group_s_retries_and_times_come_before_the_model_s() {
    let stream = OPENAI_REQUEST.replacen('{', r#"{"stream":true,"#, 1);
    for (own, retries, whole_ms, stream_ms) in [
        (None, "1", "7000", "9000"),
        (Some((None, None)), "1", "7000", "9000"),
        (Some((Some(2), None)), "2", "7000", "9000"),
        // As for models that say nothing.
        (Some((Some(0), None)), "3", "7000", "9000"),
        (Some((None, Some((30, 0)))), "1", "30000", ""),
    ] {
        let model = Model {
            model: "m".into(),
            retry_times: Some(1),
            request_timeout_s: 7,
            stream_timeout_s: 9,
            ..Model::default()
        };
        let host = host_with(
            (1..=4).map(|id| channel(id, "openai-chat")).collect(),
            model,
        );
        let limits = own.map(|(retry_times, timeouts)| ModelLimits {
            model: "M".into(),
            retry_times,
            request_timeout_s: timeouts.map(|(whole, _)| whole),
            stream_timeout_s: timeouts.map(|(_, stream)| stream),
            ..ModelLimits::default()
        });
        let record = host.shared(&key_of("good")).unwrap();
        let record = TokenRecord {
            model_limits: limits.into_iter().collect(),
            ..TokenRecord::decode(record.as_slice()).unwrap()
        };
        host.set_shared(&key_of("good"), Some(&record.encode_to_vec()))
            .unwrap();
        for (body, ms) in [(OPENAI_REQUEST, whole_ms), (&*stream, stream_ms)] {
            let _gateway = request(&host, CHAT, body);
            let told = |name| host.shown(Map::Request, name);
            assert_eq!(told("x-envoy-max-retries"), retries, "{own:?}");
            assert_eq!(
                told("x-envoy-upstream-rq-per-try-timeout-ms"),
                ms,
                "{own:?}"
            );
        }
    }
}

#[test]
fn models_are_listed_in_the_callers_shape() {
    let host = host(vec![channel(1, "openai-chat")]);
    for (path, version, text) in [
        ("/v1/models", None, r#""object":"list""#),
        ("/v1/models", Some("2023-06-01"), r#""has_more":false"#),
        ("/v1/models/M", None, r#""owned_by":"us""#),
        ("/v1/models/m", Some("2023-06-01"), r#""type":"model""#),
    ] {
        let mut headers = vec![("x-api-key", "good")];
        headers.extend(version.map(|version| ("anthropic-version", version)));
        head(&host, "GET", path, &headers, true);
        let reply = host.replied().unwrap();
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert!(reply.body.contains(text), "{text} not in {}", reply.body);
    }
    head(
        &host,
        "GET",
        "/v1/models/none",
        &[("x-api-key", "good")],
        true,
    );
    assert_eq!(host.replied().unwrap().status, 404);
}

#[test]
fn a_caller_cannot_steer_the_router() {
    let host = host(vec![channel(1, "openai-chat")]);
    let headers = [
        ("x-api-key", "good"),
        ("x-envoy-retry-on", "5xx"),
        ("x-envoy-max-retries", "99"),
    ];
    head(&host, "POST", CHAT, &headers, false);
    assert_eq!(host.shown(Map::Request, "x-envoy-retry-on"), "");
    assert_eq!(host.shown(Map::Request, "x-envoy-max-retries"), "");
}

#[test]
fn envoys_own_answers_are_replaced() {
    for (path, request_body, details, status, expected, text) in [
        (
            CHAT,
            OPENAI_REQUEST,
            "upstream_reset_before_response_started{connection_failure}",
            "503",
            "502",
            "upstream_error",
        ),
        (
            MESSAGES,
            ANTHROPIC_REQUEST,
            "response_timeout",
            "504",
            "504",
            r#""type":"error""#,
        ),
    ] {
        let host = host(vec![channel(1, "openai-chat")])
            .with_property(&["response", "code_details"], details.as_bytes());
        let (mut gateway, _) = request(&host, path, request_body);
        let mut attempt = crate::upstream::Attempt::default();
        attempt.request_headers(&host, false);
        host.put_headers(
            Map::Response,
            &[(":status", status), ("content-type", "text/plain")],
        );
        gateway.response_headers(&host, false);
        host.put_body(Body::Response, b"upstream connect error at 10.1.2.3");
        gateway.response_body(&host, 34, true);
        assert_eq!(host.shown(Map::Response, ":status"), expected);
        let body = host.text(Body::Response);
        assert!(body.contains(text) && !body.contains("10.1.2.3"), "{body}");
        let event = event(&host, gateway, 503);
        assert_eq!(event.outcome(), Outcome::Failed);
        assert!(
            event.attempts[0].error.contains("no answer"),
            "{:?}",
            event.attempts
        );
    }
}

#[test]
fn a26_geminis_callers_may_put_their_token_into_the_query() {
    for (path, headers, status) in [
        ("/v1beta/models?key=sk-good", &[][..], 200),
        ("/v1/models?key=sk-good", &[][..], 200),
        ("/v1beta/models?key=sk-bad", &[][..], 401),
        ("/v1beta/models?key=", &[][..], 401),
        (
            "/v1beta/models?key=sk-good",
            &[("x-goog-api-key", "sk-bad")][..],
            401,
        ),
        (
            "/v1beta/models/m",
            &[("x-goog-api-key", "sk-good")][..],
            200,
        ),
        (
            "/v1beta/models/x",
            &[("x-goog-api-key", "sk-good")][..],
            404,
        ),
    ] {
        let host = host(vec![channel(1, "gemini")]);
        head(&host, "GET", path, headers, true);
        let reply = host.replied().unwrap();
        let body = reply.body;
        assert_eq!(reply.status, status, "{path}: {body}");
        let shape = if status == 200 {
            "models/m"
        } else {
            r#""status":"#
        };
        assert!(body.contains(shape), "{path}: {body}");
    }
}

#[test]
fn a_picture_for_a_model_that_cannot_see_goes_nowhere() {
    let chat = r#"{"model":"m","messages":[{"role":"user","content":"hi"},{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://a.example/b.png"}}]}]}"#;
    let messages = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://a.example/b.png"}}]}]}"#;
    let odd = r#"{"model":"m","messages":[{"role":"user","content":7}]}"#;
    for (vision, path, body, field) in [
        (Some(false), CHAT, chat, Some("messages[1]")),
        (Some(false), MESSAGES, messages, Some("messages[0]")),
        (Some(false), CHAT, OPENAI_REQUEST, None),
        (Some(false), CHAT, odd, None),
        (Some(true), CHAT, chat, None),
        (None, CHAT, chat, None),
    ] {
        let model = Model {
            model: "m".into(),
            vision,
            ..Model::default()
        };
        let dialect = if path == CHAT {
            "openai-chat"
        } else {
            "anthropic"
        };
        let host = host_with(vec![channel(1, dialect)], model);
        let (gateway, flow) = request(&host, path, body);
        let Some(field) = field else {
            assert_eq!(flow, Flow::Continue, "{:?}", host.replied());
            continue;
        };
        let refused = host.replied().unwrap();
        let text = refused.body;
        assert_eq!(refused.status, 400, "{text}");
        let why = format!("'{field}' holds an image");
        assert!(text.contains(&why), "{text}");
        assert!(event(&host, gateway, 400).attempts.is_empty());
    }
}

/// What can see is what the provider is sent, whatever its callers call it.
#[test]
fn a_picture_goes_to_the_channels_whose_model_can_see() {
    let chat = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://a.example/b.png"}}]}]}"#;
    // Nothing else being known of what is sent, the caller's name tells.
    for (blind, both_mapped, served) in [
        ("sent", false, true),
        ("sent", true, false),
        ("m", true, false),
        ("other", true, true),
    ] {
        let mut mapped = channel(1, "openai-chat");
        mapped.model_mapping = [("m".to_owned(), "sent".to_owned())].into();
        let mut second = channel(2, "openai-chat");
        if both_mapped {
            second.model_mapping = mapped.model_mapping.clone();
        }
        let model = Model {
            model: blind.into(),
            vision: Some(false),
            ..Model::default()
        };
        let host = host_with(vec![mapped, second], model);
        let (_, flow) = request(&host, CHAT, chat);
        assert_eq!(
            flow == Flow::Continue,
            served,
            "{blind}: {:?}",
            host.replied()
        );
    }
}

#[test]
fn a_banned_address_is_refused_whatever_it_shows_until_the_end_of_the_ban() {
    for (block, until, path, status, text) in [
        ("10.0.0.0/8", 0, CHAT, 403, "black-list"),
        ("10.0.0.9", 1_000, CHAT, 403, "black-list"),
        ("10.0.0.9", 1_000, MESSAGES, 403, "permission_error"),
        // What is over, and what is about others.
        ("10.0.0.9", -1, CHAT, 401, "not valid"),
        ("10.0.0.8", 0, CHAT, 401, "not valid"),
    ] {
        let host = host(vec![channel(1, "openai-chat")]);
        let now = host.now_unix_ms();
        let mut config = crate::state::active().unwrap().config.clone();
        config.banned = vec![tollgate_config::Banned {
            block: block.into(),
            until_unix_ms: if until == 0 { 0 } else { now + until },
        }];
        crate::state::activate(config).unwrap();
        // Whose token it is was not looked up: it is nobody's.
        let unknown = [("x-api-key", "sk-bad")];
        let (_gateway, flow) = head(&host, "POST", path, &unknown, false);
        let reply = host.replied().unwrap();
        let body = reply.body;
        assert_eq!(
            (flow, reply.status),
            (Flow::Hold, status),
            "{block}: {body}"
        );
        assert!(body.contains(text), "{block}: {body}");
    }
}

#[test]
fn a_rotated_token_works_until_its_end() {
    let host = host(vec![channel(1, "openai-chat")]);
    let token = host.shared(&key_of("good")).unwrap();
    let mut token = TokenRecord::decode(token.as_slice()).unwrap();
    token.ends_unix_ms = host.now_unix_ms() + 1_000;
    let host = host.with_shared(&key_of("good"), &token.encode_to_vec());
    let good = [("authorization", "Bearer sk-good")];
    let (_gateway, _) = head(&host, "POST", CHAT, &good, false);
    assert!(host.replied().is_none());
    host.advance_ms(1_000);
    let (_gateway, _) = head(&host, "POST", CHAT, &good, false);
    assert_eq!(host.replied().unwrap().status, 401);
}

/// A host where `sk-test` is the control plane's own token, and the channel is in no set.
fn test_host() -> MockHost {
    let mut guest = channel(-1, "openai-chat");
    guest.sets.clear();
    let token = TokenRecord {
        enabled: true,
        group_enabled: true,
        only_channel: Some(0),
        ..TokenRecord::default()
    };
    host(vec![channel(1, "openai-chat"), guest])
        .with_shared(&key_of("test"), &token.encode_to_vec())
}

#[test]
fn a_test_call_goes_where_its_header_says_and_leaves_nothing_behind() {
    let ask = |token: &str, channel: &str| {
        let host = test_host();
        let extra = [("x-api-key", token), ("x-tollgate-channel", channel)];
        let (mut gateway, _) = head(&host, "POST", CHAT, &extra, false);
        host.put_body(Body::Request, OPENAI_REQUEST.as_bytes());
        let flow = gateway.request_body(&host, OPENAI_REQUEST.len(), true);
        let cluster = host.property(&[CLUSTER_PROPERTY]).unwrap_or_default();
        gateway.log(&host);
        crate::bundle::tick(&host);
        let cluster = String::from_utf8(cluster).unwrap();
        (flow, cluster, host.take_queue().len())
    };
    for (token, named, flow, cluster, events) in [
        ("sk-test", "-1", Flow::Continue, "channel--1", 0),
        ("sk-test", "1", Flow::Continue, "channel-1", 0),
        ("sk-test", "7", Flow::Hold, "", 0),
        ("sk-test", "x", Flow::Hold, "", 0),
        ("sk-good", "-1", Flow::Continue, "channel-1", 1),
    ] {
        let expected = (flow, cluster.to_owned(), events);
        assert_eq!(ask(token, named), expected, "{token} {named}");
    }
}
