//! What the dialects cost: `make bench-protocol` prints a table.
//!
//! Native code, so that the protocol is measured and not a VM; by the filter's own
//! profile. An argument keeps the rows that contain it (`… -- anthropic`).
//!
//! Sizes and throughput are of the input, in units of 1,000 bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what is measured is sound input; if it is refused, there is nothing to measure"
)]

mod inputs;
mod measure;

use std::env;

use tollgate_protocol::stream::{Observer, ObserverOptions, Outcome, Translator};
use tollgate_protocol::{
    ALL, Body, CALLERS, Dialect, Limits, PassOn, pass_on, pass_response, peek, read_request,
    translate_response, write_request,
};

use crate::inputs::{LIMIT, SIZES, Size, answer, reply, request, stream_events, target};
use crate::measure::{Cost, Table};

const EDITS: PassOn<'static> = PassOn {
    model: "other",
    include_usage: true,
    betas: &[],
    target: None,
};

fn main() {
    // Cargo passes `--bench` on.
    let wanted = env::args().skip(1).find(|argument| argument != "--bench");
    let mut table = Table::new(wanted.unwrap_or_default());
    for size in SIZES {
        requests(&mut table, size);
    }
    for size in SIZES {
        answers(&mut table, size);
    }
    streams(&mut table);
}

fn requests(table: &mut Table, size: &Size) {
    let limits = Limits::request(LIMIT);
    for &caller in CALLERS {
        let Some(bytes) = request(caller, size) else {
            continue;
        };
        table.row(
            "parse a request",
            caller.as_str(),
            size.name,
            bytes.len(),
            || Cost::of(&bytes, |bytes| Body::parse(bytes, &limits).unwrap()),
        );
        let name = format!("{caller} as it is");
        table.row("pass a request", &name, size.name, bytes.len(), || {
            Cost::of(&bytes, |bytes| {
                let body = Body::parse(bytes, &limits).unwrap();
                let peeked = peek(caller, &body).unwrap();
                pass_on(caller, &peeked, &body, &EDITS)
            })
        });
        let body = Body::parse(bytes.clone(), &limits).unwrap();
        let sample = read_request(caller, &body).unwrap();
        for upstream in others(caller) {
            if write_request(upstream, &sample, &target()).is_err() {
                continue; // it would be refused: there is nothing to measure
            }
            let name = format!("{caller} to {upstream}");
            table.row("translate a request", &name, size.name, bytes.len(), || {
                Cost::of(&bytes, |bytes| {
                    let body = Body::parse(bytes, &limits).unwrap();
                    let request = read_request(caller, &body).unwrap();
                    write_request(upstream, &request, &target()).unwrap()
                })
            });
        }
    }
}

/// Upstreams that callers do not speak are missing: nothing here writes their answers.
fn answers(table: &mut Table, size: &Size) {
    for &upstream in CALLERS {
        let bytes = answer(upstream, size);
        let name = format!("{upstream} as it is");
        table.row("pass an answer", &name, size.name, bytes.len(), || {
            Cost::of(&bytes, |bytes| {
                pass_response(upstream, &bytes, Some("other")).unwrap()
            })
        });
        for &caller in CALLERS.iter().filter(|caller| **caller != upstream) {
            let name = format!("{upstream} to {caller}");
            table.row("translate an answer", &name, size.name, bytes.len(), || {
                Cost::of(&bytes, |bytes| {
                    translate_response(upstream, caller, bytes, &reply()).unwrap()
                })
            });
        }
    }
}

/// A thousand deltas, each in a packet of its own, as models send them.
fn streams(table: &mut Table) {
    for &upstream in CALLERS {
        let events = stream_events(upstream);
        let bytes = events.iter().map(Vec::len).sum();
        let options = ObserverOptions {
            model: Some("other".into()),
            ..ObserverOptions::default()
        };
        let name = format!("{upstream} as it is");
        table.events("pass a stream", &name, events.len(), bytes, || {
            Cost::of(&events, |events| {
                let mut out = Vec::new();
                let mut observer = Observer::new(upstream, options.clone());
                for event in &events {
                    out.clear();
                    observer.push(event, &mut out).unwrap();
                }
                assert_eq!(observer.finish(reply(), &mut out), Outcome::Complete);
            })
        });
        for &caller in CALLERS.iter().filter(|caller| **caller != upstream) {
            let name = format!("{upstream} to {caller}");
            table.events("translate a stream", &name, events.len(), bytes, || {
                Cost::of(&events, |events| {
                    let mut out = Vec::new();
                    let mut translator = Translator::new(upstream, caller, reply());
                    for event in &events {
                        out.clear();
                        translator.push(event, &mut out).unwrap();
                    }
                    assert_eq!(translator.finish(&mut out), Outcome::Complete);
                })
            });
        }
    }
}

fn others(caller: Dialect) -> impl Iterator<Item = Dialect> {
    ALL.iter().copied().filter(move |other| *other != caller)
}
