//! The dialects in a browser: what the gateway would make of a request, an answer, a
//! stream or an error that somebody pastes.
//!
//! The functions here are the boundary to JavaScript: names and bytes in, JSON out.
//! Each answers with an [`Outcome`], or a list; none throws, keeps anything, or asks
//! the network, the clock or a random generator. What decides is `tollgate_protocol`,
//! called as the filter calls it.

mod answer;
mod outcome;
mod request;

use serde::Serialize;
use tollgate_protocol::{ALL, CALLERS, Dialect};
use wasm_bindgen::prelude::wasm_bindgen;

pub use crate::outcome::{Count, LostField, Outcome, Verdict};

/// One dialect, for the page's lists.
#[derive(Debug, Serialize)]
struct Listed {
    name: &'static str,
    /// Whether callers speak it; upstreams speak all of them.
    for_callers: bool,
}

/// Every dialect: `[{"name", "for_callers"}]`.
#[wasm_bindgen]
pub fn dialects() -> String {
    let listed = |dialect: &Dialect| Listed {
        name: dialect.as_str(),
        for_callers: CALLERS.contains(dialect),
    };
    json(&ALL.iter().map(listed).collect::<Vec<_>>())
}

/// A caller's request as an upstream would get it. An empty `model` keeps the name
/// that the request has.
#[wasm_bindgen]
pub fn translate_request(caller: &str, upstream: &str, model: &str, body: &[u8]) -> String {
    reply(caller, upstream, |caller, upstream| {
        request::translate(caller, upstream, model, body)
    })
}

/// An upstream's whole answer with status 200 as the caller would get it, under the
/// model name that the caller asked for.
#[wasm_bindgen]
pub fn translate_answer(caller: &str, upstream: &str, model: &str, body: &[u8]) -> String {
    reply(caller, upstream, |caller, upstream| {
        answer::translate(caller, upstream, model, body)
    })
}

/// An upstream's stream, from its first byte to its last, as the caller would get it.
#[wasm_bindgen]
pub fn translate_stream(caller: &str, upstream: &str, model: &str, body: &[u8]) -> String {
    reply(caller, upstream, |caller, upstream| {
        answer::translate_stream(caller, upstream, model, body)
    })
}

/// An upstream's error as the caller would see it.
#[wasm_bindgen]
pub fn translate_error(caller: &str, upstream: &str, status: u16, body: &[u8]) -> String {
    reply(caller, upstream, |caller, upstream| {
        answer::translate_error(caller, upstream, status, body)
    })
}

/// The two dialects by name, then what is made of them.
fn reply(caller: &str, upstream: &str, make: impl FnOnce(Dialect, Dialect) -> Outcome) -> String {
    let outcome = match (caller.parse(), upstream.parse()) {
        (Ok(caller), Ok(upstream)) if CALLERS.contains(&caller) => make(caller, upstream),
        (Ok(_), Ok(_)) => Outcome::mistake(format!("Callers do not speak {caller}.")),
        _ => Outcome::mistake(format!("No such dialects: {caller}, {upstream}.")),
    };
    json(&outcome)
}

/// Strings and numbers under names: nothing that could fail to be JSON.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(all(test, target_family = "wasm"))]
mod tests;
