//! What becomes of streams, and of those that break off.

use super::*;

#[test]
fn j16_a_stream_is_held_until_its_first_event_and_then_flows() {
    let request = OPENAI_REQUEST.replace(r#""model""#, r#""stream":true,"model""#);
    let (host, gateway, mut attempt) = begin(vec![channel(1, "openai-chat")], CHAT, &request);
    assert!(host.text(Body::Request).contains("include_usage"));
    host.put_headers(Map::Response, &[(":status", "200")]);
    assert_eq!(attempt.response_headers(&host, false), Flow::Hold);

    let first = concat!(
        r#"data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"up","#,
        r#""choices":[{"index":0,"delta":{"role":"assistant","content":"he"}}]}"#,
        "\n\n"
    );
    let (cut, whole) = (first.len() - 20, first.len());
    host.put_body(Body::Response, &first.as_bytes()[..cut]);
    assert_eq!(attempt.response_body(&host, cut, false), Flow::Hold);
    host.put_body(Body::Response, first.as_bytes());
    assert_eq!(attempt.response_body(&host, whole, false), Flow::Continue);
    assert_eq!(host.text(Body::Response), first);
    assert_eq!(
        host.shown(Map::Response, "content-type"),
        "text/event-stream"
    );

    host.put_body(Body::Response, b"");
    attempt.response_body(&host, 0, true);
    let end = host.text(Body::Response);
    assert!(
        end.contains("error"),
        "a stream without its end says so: {end}"
    );
    assert_eq!(event(&host, gateway, 200).outcome(), Outcome::Interrupted);
}

#[test]
fn an_error_in_the_first_event_goes_to_the_next_channel() {
    let request = OPENAI_REQUEST.replace(r#""model""#, r#""stream":true,"model""#);
    let channels = vec![channel(1, "openai-chat"), channel(2, "openai-chat")];
    let (host, gateway, mut first) = begin(channels, CHAT, &request);
    let error = "data: {\"error\":{\"message\":\"overloaded\"}}\n\n";
    answer(&host, &mut first, "200", error);
    assert_eq!(host.shown(Map::Response, ":status"), "503");
    let mut second = attempt(&host);
    answer(&host, &mut second, "200", error);
    assert!(host.shown(Map::Response, ":status").starts_with('5'));
    assert!(host.shown(Map::Response, "content-type").contains("json"));
    assert_eq!(event(&host, gateway, 502).outcome(), Outcome::Failed);
}

#[test]
fn what_follows_an_error_does_not_follow_it_to_the_caller() {
    let request = OPENAI_REQUEST.replace(r#""model""#, r#""stream":true,"model""#);
    for (status, first) in [
        ("200", "<html>"),
        ("400", "x".repeat(ERROR_BODY_BYTES_MAX).as_str()),
    ] {
        let (host, _gateway, mut attempt) = begin(vec![channel(1, "openai-chat")], CHAT, &request);
        host.put_headers(Map::Response, &[(":status", status)]);
        attempt.response_headers(&host, false);
        host.put_body(Body::Response, first.as_bytes());
        attempt.response_body(&host, first.len(), false);
        assert!(host.text(Body::Response).starts_with('{'), "{status}");
        let smuggled = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nEVIL!";
        host.put_body(Body::Response, smuggled.as_bytes());
        attempt.response_body(&host, smuggled.len(), false);
        assert_eq!(host.text(Body::Response), "", "{status}");
    }
}

#[test]
fn trailers_stay_here_and_a_stream_cut_before_them_is_cut_off() {
    let request = OPENAI_REQUEST.replace(r#""model""#, r#""stream":true,"model""#);
    let (host, gateway, mut attempt) = begin(vec![channel(1, "openai-chat")], CHAT, &request);
    host.put_headers(Map::Response, &[(":status", "200")]);
    attempt.response_headers(&host, false);
    let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n";
    host.put_body(Body::Response, event.as_bytes());
    attempt.response_body(&host, event.len(), false);
    host.put_headers(Map::ResponseTrailers, &[("x-secret", "1")]);
    attempt.response_trailers(&host);
    assert_eq!(host.shown(Map::ResponseTrailers, "x-secret"), "");
    assert!(host.aborted());
    let event = crate::fixture::event(&host, gateway, 200);
    assert_eq!(event.outcome(), Outcome::Interrupted);
}

#[test]
fn an_attempt_that_broke_off_says_so() {
    let channels = vec![channel(1, "openai-chat"), channel(2, "openai-chat")];
    let (host, gateway, mut first) = begin(channels, CHAT, OPENAI_REQUEST);
    host.put_headers(Map::Response, &[(":status", "200")]);
    first.response_headers(&host, false);
    let mut second = attempt(&host);
    answer(&host, &mut second, "200", OPENAI_ANSWER);
    let event = event(&host, gateway, 200);
    let errors: Vec<&str> = event.attempts.iter().map(|a| a.error.as_str()).collect();
    assert_eq!(errors, ["the answer broke off", ""]);
}

#[test]
fn a_prompt_that_a_provider_has_is_booked_before_the_first_word() {
    const BEGUN: &str =
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n";
    const ERROR: &str = "data: {\"error\":{\"message\":\"overloaded\"}}\n\n";
    let streams = OPENAI_REQUEST.replace(r#""model""#, r#""stream":true,"model""#);
    for (what, request, connected, status, body, booked) in [
        ("no connection yet", OPENAI_REQUEST, false, "", "", false),
        ("nothing heard", OPENAI_REQUEST, true, "", "", true),
        ("only the head", OPENAI_REQUEST, true, "200", "", true),
        (
            "a part that is held",
            OPENAI_REQUEST,
            true,
            "200",
            "{",
            true,
        ),
        ("no word yet", &streams, true, "200", BEGUN, true),
        ("refused", OPENAI_REQUEST, true, "500", "", false),
        ("refused within", &streams, true, "200", ERROR, false),
        (
            "failed within",
            &streams,
            true,
            "200",
            &format!("{BEGUN}{ERROR}"),
            false,
        ),
    ] {
        // Another channel is there, and waited for when the caller leaves.
        let channels = vec![channel(1, "openai-chat"), channel(2, "openai-chat")];
        let (host, gateway, mut attempt) = begin(channels, CHAT, request);
        if connected {
            host.put_property(&["upstream", "local_address"], b"10.0.0.1:40000");
        }
        if !status.is_empty() {
            host.put_headers(Map::Response, &[(":status", status)]);
            attempt.response_headers(&host, false);
        }
        if !body.is_empty() {
            host.put_body(Body::Response, body.as_bytes());
            attempt.response_body(&host, body.len(), false);
        }
        let details = b"downstream_remote_disconnect";
        host.put_property(&["response", "code_details"], details);
        let event = crate::fixture::event(&host, gateway, 0);
        let used = event
            .usage
            .map(|used| (used.input_tokens, used.output_tokens));
        let all = u64::try_from(request.len().div_ceil(4)).unwrap();
        assert_eq!(used, booked.then_some((all, 0)), "{what}");
        assert_eq!(event.uncounted.is_some(), booked, "{what}");
    }
}

#[test]
fn behind_a_proxy_only_tls_tells_of_a_provider_that_says_nothing() {
    for (is_encrypted, is_booked) in [(false, false), (true, true)] {
        let (host, gateway, _attempt) =
            begin(vec![channel(1, "openai-chat")], CHAT, OPENAI_REQUEST);
        host.put_property(&["upstream", "local_address"], b"envoy://internal/");
        if is_encrypted {
            host.put_property(&["upstream", "tls_version"], b"TLSv1.3");
        }
        let details = b"downstream_remote_disconnect";
        host.put_property(&["response", "code_details"], details);
        let event = crate::fixture::event(&host, gateway, 0);
        assert_eq!(event.usage.is_some(), is_booked);
    }
}

#[test]
fn a_stream_that_its_caller_left_is_estimated_where_nobody_counted() {
    let request = OPENAI_REQUEST.replace(r#""model""#, r#""stream":true,"model""#);
    let (host, gateway, mut attempt) = begin(vec![channel(1, "openai-chat")], CHAT, &request);
    host.put_headers(Map::Response, &[(":status", "200")]);
    attempt.response_headers(&host, false);
    let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"twelve bytes\"}}]}\n\n";
    host.put_body(Body::Response, event.as_bytes());
    attempt.response_body(&host, event.len(), false);
    host.put_property(
        &["response", "code_details"],
        b"downstream_remote_disconnect",
    );
    let event = crate::fixture::event(&host, gateway, 200);
    let usage = event.usage.unwrap();
    assert_eq!(event.outcome(), Outcome::ClientGone);
    assert_eq!((usage.output_tokens, usage.estimated), (3, true));
    assert_eq!(
        usage.input_tokens,
        u64::try_from(request.len().div_ceil(4)).unwrap()
    );
    let uncounted = event.uncounted.unwrap();
    assert_eq!(uncounted.request.unwrap().text, request);
    assert_eq!(
        (uncounted.said.as_str(), uncounted.said_bytes),
        ("twelve bytes", 12)
    );
}

/// An upstream that never tells: whole and streamed, passed on and translated.
#[test]
fn an_answer_without_usage_brings_what_it_is_counted_from() {
    let untold = OPENAI_ANSWER.replace("\"usage\"", "\"no_usage\"");
    let stream = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hel\"}}]}\n\n\
        data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\"},\"finish_reason\":\"stop\"}]}\n\n\
        data: [DONE]\n\n";
    for (path, request) in [(CHAT, OPENAI_REQUEST), (MESSAGES, ANTHROPIC_REQUEST)] {
        for (streams, upstream) in [(false, untold.as_str()), (true, stream)] {
            let request = match streams {
                true => request.replace(r#""model""#, r#""stream":true,"model""#),
                false => request.to_owned(),
            };
            let (host, gateway, mut attempt) =
                begin(vec![channel(1, "openai-chat")], path, &request);
            answer(&host, &mut attempt, "200", upstream);
            let told = host.text(Body::Response);
            let event = event(&host, gateway, 200);
            assert_eq!(event.outcome(), Outcome::Success);
            assert!(event.usage.unwrap().estimated, "{path} {streams}");
            let uncounted = event.uncounted.unwrap();
            assert_eq!(uncounted.request.unwrap().text, request);
            match streams {
                true => assert_eq!((uncounted.said.as_str(), uncounted.answer), ("hello", None)),
                false => assert_eq!(uncounted.answer.unwrap().text, told, "as the caller got it"),
            }
        }
    }
}

#[test]
fn an_answer_with_usage_brings_no_text() {
    let (host, gateway, mut attempt) = begin(vec![channel(1, "openai-chat")], CHAT, OPENAI_REQUEST);
    answer(&host, &mut attempt, "200", OPENAI_ANSWER);
    let event = event(&host, gateway, 200);
    assert_eq!(
        (event.uncounted, event.usage.unwrap().estimated),
        (None, false)
    );
}

#[test]
fn a_stream_from_vertex_passes_untouched() {
    let request = ANTHROPIC_REQUEST.replacen('{', "{\"stream\":true,", 1);
    let vertex = channel(1, "anthropic-vertex");
    let (host, _gateway, mut attempt) = begin(vec![vertex], MESSAGES, &request);
    assert_eq!(
        host.shown(Map::Request, ":path"),
        "/v1/publishers/anthropic/models/m:streamRawPredict"
    );
    let stream = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":1}}}\n\n",
        "event: something_new\ndata: {\"type\":\"something_new\"}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );
    answer(&host, &mut attempt, "200", stream);
    assert_eq!(host.text(Body::Response), stream);
}
