//! The scripted provider itself: the vendors' SDKs must take it for the vendor, and it must break
//! in the ways that it claims, or the other scenarios show nothing.

use std::time::Duration;

use tollgate_tests::http::{End, Request};
use tollgate_tests::provider::Told;
use tollgate_tests::{Answer, Cut, Dialect, Fault, Provider};

use crate::runs::direct;

#[test]
fn the_vendors_sdks_take_it_for_the_vendor() {
    for (sdk, played) in direct() {
        assert_eq!(played["stream"]["text"], "It is sunny.", "{sdk}");
        assert_eq!(played["stream_tools"]["answer"], "Sunny in both.", "{sdk}");
        assert_eq!(played["thinking"]["reasoning"], "Let me think.", "{sdk}");
        for scenario in [
            "text",
            "stream_accumulated",
            "tools",
            "thinking_tools",
            "stream_thinking_tools",
            "images",
            "image_urls",
            "structured",
            "stream_structured",
            "length",
        ] {
            assert!(
                played[scenario].get("raised").is_none(),
                "{sdk} {scenario}: {}",
                played[scenario]
            );
        }
    }
}

#[test]
fn it_keeps_books_of_calls_and_tokens() {
    let usage = Told {
        input: 10,
        cache_read: 3,
        output: 5,
        ..Told::default()
    };
    for dialect in Dialect::UPSTREAMS {
        let provider = Provider::speaking(dialect)
            .plays(Answer::text("hi").usage(usage))
            .start();
        for stream in [false, true] {
            let body = dialect.ask("m", "hello", stream);
            let request = Request::post(&dialect.path_to("m", stream), &body);
            let answer = request.send(provider.address()).unwrap();
            assert_eq!((answer.status, answer.end), (200, End::Whole));
            assert_eq!(provider.last_call().model(), "m", "{dialect:?}");
        }
        let told = provider.told();
        assert_eq!(
            (told.answers, told.gross_input(), told.output),
            (2, 26, 10),
            "{dialect:?}"
        );
        assert_eq!(provider.calls().len(), 2);
    }
}

#[test]
fn it_breaks_as_told() {
    let ask = |fault: Fault, stream: bool| {
        let provider = Provider::openai().plays(fault).start();
        let body = Dialect::OpenAi.ask("m", "hello", stream);
        Request::post("/v1/chat/completions", &body).send(provider.address())
    };
    assert_eq!(ask(Fault::Status(503), false).unwrap().status, 503);
    assert!(ask(Fault::Reset, false).is_err());
    assert!(ask(Fault::Close, false).is_err());
    assert!(ask(Fault::Garbage, false).is_err());
    assert_eq!(ask(Fault::Empty, false).unwrap().body, b"");
    assert_eq!(
        ask(Fault::ErrorInJson, false).unwrap().json()["error"]["type"],
        "server_error"
    );
    assert_eq!(ask(Fault::ErrorInStream, true).unwrap().events().len(), 1);
    assert_eq!(ask(Fault::ErrorAfter(2), true).unwrap().events().len(), 3);
    for (cut, end) in [
        (Cut::Clean, End::Whole),
        (Cut::Closed, End::Cut),
        (Cut::Reset, End::Cut),
    ] {
        let answer = ask(Fault::Cut(3, cut), true).unwrap();
        assert_eq!((answer.events().len(), answer.end), (3, end), "{cut:?}");
    }
}

#[test]
fn it_notices_a_caller_that_goes_away() {
    let slow = Answer::text("a b c d e f")
        .chunks(6)
        .delay(Duration::from_millis(50));
    let provider = Provider::anthropic().plays(slow).start();
    let ask = Request::post("/v1/messages", &Dialect::Anthropic.ask("m", "hello", true));
    let mut answer = ask.open(provider.address()).unwrap();
    assert_eq!(answer.next_event().unwrap().name, "message_start");
    drop(answer);
    provider.wait_until_abandoned(1);
}
