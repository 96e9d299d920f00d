//! Answers that begin and do not end: because the provider stops, or because the caller leaves.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::json;
use tollgate_tests::dialect::array;
use tollgate_tests::http::{End, Request};
use tollgate_tests::{Answer, Cut, Dialect, Fault, Gateway, Provider, Scene, at_once};

#[test]
fn a_stream_that_the_provider_cuts_never_looks_complete() {
    for fault in [
        Fault::Cut(6, Cut::Clean),
        Fault::Cut(6, Cut::Closed),
        Fault::Cut(6, Cut::Reset),
        Fault::ErrorAfter(6),
        Fault::GarbageInStream,
    ] {
        for upstream in Dialect::UPSTREAMS {
            let provider = Provider::speaking(upstream).plays(fault.clone()).start();
            let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
            at_once(Dialect::CALLERS, |caller| {
                let what = format!("{fault:?} of {upstream:?} for {caller:?}");
                let answer = scene.ask_stream(caller, "hello");
                assert_eq!(answer.status(), 200, "{what}");
                let events = answer.events();
                assert!(
                    !caller.is_ended(&events),
                    "{what}: {}",
                    answer.response.text()
                );
                let error = caller.error_in_stream(&events);
                // Where the provider's framing ended well, Envoy lets us say what happened;
                // otherwise it cuts the connection, which every client notices.
                if matches!(fault, Fault::Cut(_, Cut::Closed | Cut::Reset)) {
                    assert!(error.is_some() || answer.response.end == End::Cut, "{what}");
                } else {
                    let error =
                        error.unwrap_or_else(|| panic!("{what}: {}", answer.response.text()));
                    let _ = caller.error_of(&error);
                }
                let row = scene.log_of(&answer);
                assert_eq!(row.outcome(), "interrupted", "{what}: {row:?}");
                assert_eq!(
                    row.channels(),
                    scene.channels,
                    "{what}: never a second attempt"
                );
                if [Dialect::Anthropic, Dialect::Gemini].contains(&upstream) {
                    assert_eq!(
                        row.tokens().0,
                        11,
                        "{what}: the input had been told: {row:?}"
                    );
                }
            });
        }
    }
}

#[test]
fn what_had_arrived_before_the_cut_reaches_the_caller() {
    for upstream in Dialect::UPSTREAMS {
        let provider = Provider::speaking(upstream)
            .plays(Fault::Cut(6, Cut::Closed))
            .start();
        let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
        at_once(Dialect::CALLERS, |caller| {
            let text = scene.ask_stream(caller, "hello").text();
            assert!(
                "This answer does not come to its end.".starts_with(&text),
                "{text}"
            );
            assert!(text.len() >= 10, "{upstream:?} for {caller:?}: {text:?}");
        });
    }
}

#[test]
fn a_caller_that_leaves_a_stream_ends_the_provider_s_work_and_is_booked() {
    for upstream in Dialect::UPSTREAMS {
        let slow = Answer::text(&"word ".repeat(200))
            .chunks(200)
            .delay(Duration::from_millis(20));
        let provider = Provider::speaking(upstream).plays(slow).start();
        at_once(Dialect::CALLERS, |caller| {
            let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
            let mut stream = scene.open_stream(caller, "hello");
            assert_eq!(stream.status, 200);
            let mut heard = Vec::new();
            while caller.text_of_stream(&heard).len() < 5 {
                heard.extend(stream.next_event());
            }
            drop(stream);
            let row = scene.log();
            assert_eq!((row.code(), row.outcome()), (200, "client_gone"), "{row:?}");
            assert_eq!(array(&row.0["attempts"]).len(), 1, "{row:?}");
            if [Dialect::Anthropic, Dialect::Gemini].contains(&upstream) {
                assert_eq!(row.tokens().0, 11, "what had been told is booked: {row:?}");
            }
        });
        provider.wait_until_abandoned(Dialect::CALLERS.len());
        assert_eq!(provider.calls().len(), Dialect::CALLERS.len());
    }
}

#[test]
fn a_caller_that_leaves_before_the_answer_ends_the_provider_s_work_too() {
    let slow = Answer::text("too late").first_byte_after(Duration::from_secs(30));
    let provider = Provider::openai().plays(slow).start();
    for (n, caller) in Dialect::CALLERS.into_iter().enumerate() {
        let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
        let request: Request = scene.request(caller, "hello");
        let connection = TcpStream::connect(scene.address).unwrap();
        Write::write_all(&mut &connection, &request.bytes(scene.address)).unwrap();
        provider.wait_for_calls(n + 1);
        drop(connection);
        provider.wait_until_abandoned(n + 1);
        let row = scene.log();
        assert_eq!((row.code(), row.outcome()), (0, "client_gone"), "{row:?}");
        let (input, output) = row.tokens();
        assert!(input > 0 && output == 0, "the prompt is booked: {row:?}");
    }
}

#[test]
fn a_caller_that_leaves_while_the_next_channel_is_not_reached_pays_nothing() {
    let refuses = Provider::openai().plays(Fault::Status(503)).start();
    // It takes connections, and no TLS comes about.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("https://{}/v1", silent.local_addr().unwrap());
    let scene = Scene::on(Gateway::shared())
        .channel(&refuses)
        .channel_to(Dialect::OpenAi, &base_url, json!({"skip_tls_verify": true}))
        .ready();
    let request: Request = scene.request(Dialect::OpenAi, "hello");
    let caller = TcpStream::connect(scene.address).unwrap();
    Write::write_all(&mut &caller, &request.bytes(scene.address)).unwrap();
    let _reached = silent.accept().unwrap();
    drop(caller);
    let row = scene.log();
    assert_eq!(row.channels(), scene.channels, "{row:?}");
    assert_eq!((row.code(), row.outcome()), (0, "client_gone"), "{row:?}");
    assert_eq!(row.tokens(), (0, 0), "nobody had the prompt: {row:?}");
}

#[test]
fn a_stream_is_passed_on_as_it_comes() {
    for upstream in Dialect::UPSTREAMS {
        // Half a minute in all: only a gateway that holds nothing back shows the text sooner.
        let slow = Answer::text(&"word ".repeat(300))
            .chunks(300)
            .delay(Duration::from_millis(100));
        let provider = Provider::speaking(upstream).plays(slow).start();
        let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
        at_once(Dialect::CALLERS, |caller| {
            let mut stream = scene.open_stream(caller, "hello");
            let mut heard = Vec::new();
            let started = std::time::Instant::now();
            while caller.text_of_stream(&heard).matches("word").count() < 3 {
                heard.extend(stream.next_event());
            }
            assert!(
                started.elapsed() < Duration::from_secs(15),
                "{upstream:?} for {caller:?}"
            );
        });
    }
}
