//! Every framing, cut at every byte, and whatever else an upstream may answer with.

use super::Framing::{self, ChunkedEventStream, EventStream, JsonLines, Sse, SseOrJsonArray};
use super::crc32::crc32;
use crate::base64;
use crate::stream::intake::{Intake, Rest};
use crate::stream::{MAX_EVENT_BYTES, StreamFault};

/// Name, data, whether it was terminated.
type Seen = (String, String, bool);

/// What came out of it, and how it ended.
fn run(framing: Framing, chunks: &[&[u8]]) -> (Vec<Seen>, &'static str) {
    let mut intake = Intake::new(framing);
    let mut seen = Vec::new();
    let mut take = |event: &super::Event<'_>| {
        let data = event.data.as_deref().unwrap_or("none");
        seen.push((event.name.to_owned(), data.to_owned(), event.terminated));
        Ok(())
    };
    let mut fault = Ok(());
    for chunk in chunks {
        fault = fault.and_then(|()| intake.push(chunk, &mut take));
    }
    let rest = fault.and_then(|()| intake.finish(&mut take));
    let end = match rest {
        Ok(Rest::Events) => "events",
        Ok(Rest::Json(_)) => "json",
        Ok(Rest::Html) => "html",
        Ok(Rest::Nothing) => "nothing",
        Err(StreamFault::Malformed) => "malformed",
        Err(StreamFault::EventTooLarge) => "too large",
        Err(StreamFault::TooMuchHeldBack | StreamFault::LateArguments) => "held back",
    };
    (seen, end)
}

#[track_caller]
fn check(framing: Framing, bytes: &[u8], expected: &[(&str, &str, bool)], end: &str) {
    let whole = run(framing, &[bytes]);
    let seen: Vec<_> = whole
        .0
        .iter()
        .map(|(name, data, whole)| (name.as_str(), data.as_str(), *whole))
        .collect();
    assert_eq!(seen, expected);
    assert_eq!(whole.1, end);
    for at in 0..=bytes.len() {
        let (head, tail) = bytes.split_at_checked(at).unwrap_or_default();
        assert_eq!(run(framing, &[head, tail]), whole, "cut at byte {at}");
    }
    let single: Vec<_> = bytes.chunks(1).collect();
    assert_eq!(run(framing, &single), whole, "byte by byte");
}

/// A message with string headers, after one of every other type.
fn message(headers: &[(&str, &str)], payload: &str) -> Vec<u8> {
    let mut section = Vec::new();
    let sizes = [
        (0, 0),
        (1, 0),
        (2, 1),
        (3, 2),
        (4, 4),
        (5, 8),
        (8, 8),
        (9, 16),
    ];
    for (kind, size) in sizes {
        section.extend([1, b'x', kind]);
        section.extend(std::iter::repeat_n(0, size));
    }
    section.extend([1, b'y', 6, 0, 2, 0xFF, 0xFE]);
    for (name, value) in headers {
        section.push(name.len() as u8);
        section.extend(name.bytes());
        section.push(7);
        section.extend((value.len() as u16).to_be_bytes());
        section.extend(value.bytes());
    }
    framed(&section, payload)
}

fn framed(headers: &[u8], payload: &str) -> Vec<u8> {
    let total = 16 + headers.len() + payload.len();
    let mut message = (total as u32).to_be_bytes().to_vec();
    message.extend((headers.len() as u32).to_be_bytes());
    message.extend(crc32(&message).to_be_bytes());
    message.extend(headers);
    message.extend(payload.bytes());
    message.extend(crc32(&message).to_be_bytes());
    message
}

fn event(name: &str, payload: &str) -> Vec<u8> {
    message(
        &[(":message-type", "event"), (":event-type", name)],
        payload,
    )
}

#[test]
fn j14_event_streams() {
    let exception = [
        (":message-type", "exception"),
        (":exception-type", "throttlingException"),
    ];
    let error = [
        (":message-type", "error"),
        (":error-code", "InternalError"),
        (":error-message", "a \"message\""),
    ];
    let bytes = [
        event("messageStart", "{\"role\":\"assistant\"}"),
        event("contentBlockStop", ""),
        message(
            &exception,
            "{\"message\":\"slow\",\"originalStatusCode\":429}",
        ),
        message(&error, ""),
    ]
    .concat();
    let expected = [
        ("messageStart", "{\"role\":\"assistant\"}", true),
        ("contentBlockStop", "", true),
        (
            "error",
            "{\"type\":\"error\",\"error\":{\"type\":\"throttlingException\",\"message\":\"slow\",\"code\":429}}",
            true,
        ),
        (
            "error",
            "{\"type\":\"error\",\"error\":{\"type\":\"InternalError\",\"message\":\"a \\\"message\\\"\"}}",
            true,
        ),
    ];
    check(EventStream, &bytes, &expected, "events");
    // A message that was cut is none.
    let cut = bytes.len() - 1;
    check(
        EventStream,
        bytes.get(..cut).unwrap_or_default(),
        expected.get(..3).unwrap_or_default(),
        "events",
    );
}

#[test]
fn j14_chunks_hold_events() {
    let inner = "{\"type\":\"ping\",\"text\":\"\u{e9}\"}";
    let payload = format!(
        "{{\"bytes\":\"{}\",\"p\":\"abc\"}}",
        base64::encode(inner.as_bytes())
    );
    let bytes = [event("chunk", &payload), event("later", "{}")].concat();
    check(
        ChunkedEventStream,
        &bytes,
        &[("ping", inner, true)],
        "events",
    );
    for payload in ["", "{\"bytes\":1}", "{\"bytes\":\"???\"}"] {
        check(
            ChunkedEventStream,
            &event("chunk", payload),
            &[],
            "malformed",
        );
    }
}

#[test]
fn j14_damage_is_found() {
    let whole = event("messageStart", "{}");
    for at in 0..whole.len() {
        for bit in [1, 0x80] {
            let mut bytes = whole.clone();
            bytes
                .iter_mut()
                .skip(at)
                .take(1)
                .for_each(|byte| *byte ^= bit);
            let (seen, end) = run(EventStream, &[&bytes]);
            // A first byte that no length begins with is no event stream at all.
            let expected = if at == 0 && bit == 0x80 {
                "events"
            } else {
                "malformed"
            };
            assert_eq!(end, expected, "bit {bit} of byte {at}");
            assert!(at == 0 || seen.is_empty(), "bit {bit} of byte {at}");
        }
    }
    let table = [
        (framed(&[9, b'x'], ""), "malformed"),
        (framed(&[1, b'x', 7, 0, 9], ""), "malformed"),
        (framed(&[1, b'x', 10], ""), "malformed"),
        (framed(&[1, b'x', 5, 0], ""), "malformed"),
        (prelude(15, 0), "malformed"),
        (prelude(100, 85), "malformed"),
        (prelude(200 << 10, (128 << 10) + 1), "malformed"),
        (prelude(MAX_EVENT_BYTES as u32 + 1, 0), "too large"),
    ];
    for (bytes, expected) in table {
        assert_eq!(run(EventStream, &[&bytes]), (vec![], expected), "{bytes:?}");
    }
}

fn prelude(total: u32, headers: u32) -> Vec<u8> {
    let mut prelude = [total.to_be_bytes(), headers.to_be_bytes()].concat();
    prelude.extend(crc32(&prelude).to_be_bytes());
    prelude
}

#[test]
fn json_sequences() {
    let a = "{\"a\":\"}]\\\"{\\\\\",\"b\":[{},[1]]}";
    let lines = format!("\u{feff}\n{a}\n\r\n{{}}{a}\nsorry\n{{ \"c\":\n 1 }}");
    let expected = [
        ("", a, true),
        ("", "{}", true),
        ("", a, true),
        ("", "sorry", true),
        ("", "{ \"c\":\n 1 }", true),
    ];
    check(JsonLines, lines.as_bytes(), &expected, "events");
    check(
        JsonLines,
        b"{\"a\":\"",
        &[("", "{\"a\":\"", false)],
        "events",
    );
    check(
        JsonLines,
        b"{}\nsorry",
        &[("", "{}", true), ("", "sorry", true)],
        "events",
    );

    let array = format!(" [{a},\r\n{{}}\n,\r\n{a}]\n");
    let expected = [("", a, true), ("", "{}", true), ("", a, true)];
    check(SseOrJsonArray, array.as_bytes(), &expected, "events");
    check(SseOrJsonArray, b"[", &[], "events");
    check(
        SseOrJsonArray,
        b"data: {}\n\n",
        &[("", "{}", true)],
        "events",
    );

    let long = format!("{{}}{{\"a\":\"{}", "x".repeat(MAX_EVENT_BYTES));
    let chunks: Vec<_> = long.as_bytes().chunks(1 << 20).collect();
    let (seen, end) = run(JsonLines, &chunks);
    assert_eq!((seen.len(), end), (1, "too large"));
}

#[test]
fn other_answers_are_recognised() {
    for framing in [
        Sse,
        SseOrJsonArray,
        JsonLines,
        EventStream,
        ChunkedEventStream,
    ] {
        check(framing, b"", &[], "nothing");
        check(framing, b" \n", &[], "nothing");
        check(framing, b" <html>", &[], "html");
        check(framing, b"data: 1\n\n", &[("", "1", true)], "events");
        if framing != JsonLines {
            check(framing, b" {\"error\":{}}", &[], "json");
        }
    }
    check(Sse, b"[{}]", &[], "json");
}
