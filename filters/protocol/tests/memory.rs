//! What the dialects hold in memory: of a stream no more than the documentation of
//! [`Translator`] and [`Observer`] says, and of a picture one copy.
//!
//! A program of its own with one test, because what it counts is the whole process's.

#![allow(clippy::unwrap_used)]

use std::alloc::System;

use serde_json::{Value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tollgate_protocol::stream::{MAX_EVENT_BYTES, Observer, ObserverOptions, Outcome, Translator};
use tollgate_protocol::{
    ALL, Body, CALLERS, Dialect, Limits, Reply, Target, read_request, write_request,
};

#[global_allocator]
static MEMORY: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Events of a long answer, and the text in each.
const EVENTS: usize = 20_000;
const WORD: &str = "The quick brown fox jumps over the lazy dog; ";

/// What a stream holds beside its one event: readers, writers, names, buffers that have grown.
const FIXED_BYTES: usize = 64 << 10;

const PICTURE_BYTES: usize = 8 << 20;

#[test]
fn memory_has_a_bound() {
    for &from in CALLERS {
        for &to in CALLERS {
            a_long_stream(from, to);
        }
    }
    for &from in CALLERS {
        an_endless_event(from);
    }
    for &to in ALL {
        a_picture(to);
    }
}

/// Whatever streams by, it does not stay: only Responses' last event repeats the answer.
fn a_long_stream(from: Dialect, to: Dialect) {
    let events: Vec<String> = (0..EVENTS).map(|number| event(from, number)).collect();
    let text = EVENTS * WORD.len();
    let bound = match to {
        // The text, in a buffer that has grown to twice its size; and it once more in the event
        // that ends its part, which is measured at the end.
        Dialect::OpenaiResponses if from != to => 3 * text + FIXED_BYTES,
        _ => FIXED_BYTES,
    };
    let mut out = Vec::new();
    let mut held = 0;
    let region = Region::new(MEMORY);
    if from == to {
        let mut observer = Observer::new(from, ObserverOptions::default());
        for event in &events {
            out.clear();
            observer.push(event.as_bytes(), &mut out).unwrap();
            held = held.max(live(&region));
        }
        assert_eq!(observer.outcome(), Outcome::Running, "{from}");
    } else {
        let mut translator = Translator::new(from, to, Reply::default());
        for event in &events {
            out.clear();
            translator.push(event.as_bytes(), &mut out).unwrap();
            held = held.max(live(&region));
        }
        assert_eq!(translator.outcome(), Outcome::Running, "{from} to {to}");
    }
    assert!(
        held <= bound,
        "{from} to {to}: {held} bytes are held, {bound} may be"
    );
}

/// An event that does not end is given up at its limit.
fn an_endless_event(from: Dialect) {
    let packet = vec![b'x'; 1 << 20];
    let mut out = Vec::new();
    let region = Region::new(MEMORY);
    let to = if from == Dialect::OpenaiChat {
        Dialect::Anthropic
    } else {
        Dialect::OpenaiChat
    };
    let mut translator = Translator::new(from, to, Reply::default());
    translator
        .push(event(from, 0).as_bytes(), &mut out)
        .unwrap();
    translator.push(b"data: {\"", &mut out).unwrap();
    let mut sent = 0;
    while translator.push(&packet, &mut out).is_ok() {
        sent += packet.len();
        assert!(
            sent <= MAX_EVENT_BYTES,
            "{from}: {sent} bytes of one event were taken"
        );
    }
    let held = live(&region);
    // A buffer that grows doubles.
    let bound = 2 * MAX_EVENT_BYTES + FIXED_BYTES;
    assert!(
        held <= bound,
        "{from}: {held} bytes are held, {bound} may be"
    );
}

/// A picture of megabytes is copied once on its way from one body into another: reading shares the
/// caller's bytes, and writing takes them where they are.
fn a_picture(to: Dialect) {
    let data = "iVBORw0KGgo".repeat(PICTURE_BYTES / 11);
    let picture =
        json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}")}});
    let words = json!({"type": "text", "text": "What is this?"});
    let request =
        json!({"model": "m", "messages": [{"role": "user", "content": [words, picture]}]});
    let body = Body::parse(
        request.to_string().into_bytes(),
        &Limits::request(2 * PICTURE_BYTES),
    )
    .unwrap();

    let region = Region::new(MEMORY);
    let request = read_request(Dialect::OpenaiChat, &body).unwrap();
    let read = region.change().bytes_allocated;
    assert!(read < FIXED_BYTES, "{to}: reading took {read} bytes");

    let region = Region::new(MEMORY);
    let target = Target {
        model: "m",
        max_output_tokens: Some(9),
        ..Target::default()
    };
    let Ok(written) = write_request(to, &request, &target) else {
        assert!(
            matches!(to, Dialect::OpenaiCompletions),
            "{to} takes no picture"
        );
        return;
    };
    assert!(written.body.len() > PICTURE_BYTES, "{to}");
    let change = region.change();
    // A buffer that grows is copied when it moves, so its growth counts as well.
    let copied = change.bytes_allocated;
    let bound = PICTURE_BYTES + PICTURE_BYTES / 4 + FIXED_BYTES;
    assert!(copied <= bound, "{to}: writing took {copied} bytes");
}

/// Bytes that were allocated since, and are still.
fn live(region: &Region<'_, System>) -> usize {
    let change = region.change();
    change
        .bytes_allocated
        .saturating_sub(change.bytes_deallocated)
}

fn event(dialect: Dialect, number: usize) -> String {
    let sse = |events: &[Value]| -> String {
        events
            .iter()
            .map(|event| match event["type"].as_str() {
                Some(name) => format!("event: {name}\ndata: {event}\n\n"),
                None => format!("data: {event}\n\n"),
            })
            .collect()
    };
    let first = number == 0;
    match dialect {
        Dialect::OpenaiChat => sse(&[json!({"id": "c", "model": "m",
            "choices": [{"index": 0, "delta": {"content": WORD}}]})]),
        Dialect::OpenaiCompletions => {
            sse(&[json!({"id": "c", "model": "m", "choices": [{"index": 0, "text": WORD}]})])
        }
        Dialect::Gemini => sse(&[json!({"candidates": [{"index": 0,
            "content": {"role": "model", "parts": [{"text": WORD}]}}]})]),
        Dialect::OpenaiResponses => {
            let mut events = Vec::new();
            if first {
                let response =
                    json!({"id": "r", "model": "m", "status": "in_progress", "output": []});
                let item =
                    json!({"type": "message", "id": "msg", "role": "assistant", "content": []});
                events.push(json!({"type": "response.created", "response": response}));
                events.push(
                    json!({"type": "response.output_item.added", "output_index": 0, "item": item}),
                );
            }
            events.push(
                json!({"type": "response.output_text.delta", "output_index": 0,
                "content_index": 0, "item_id": "msg", "delta": WORD}),
            );
            sse(&events)
        }
        _ => {
            let mut events = Vec::new();
            if first {
                let message = json!({"model": "m", "usage": {"input_tokens": 1}});
                let block = json!({"type": "text", "text": ""});
                events.push(json!({"type": "message_start", "message": message}));
                events.push(
                    json!({"type": "content_block_start", "index": 0, "content_block": block}),
                );
            }
            let delta = json!({"type": "text_delta", "text": WORD});
            events.push(json!({"type": "content_block_delta", "index": 0, "delta": delta}));
            sse(&events)
        }
    }
}
