//! The translator's tests, all in one binary.
//!
//! Tests that carry an id (`a1_…`, `k7_…`) prove one row of the list of translation
//! cases that this crate was written against. Goldens are renewed with
//! `UPDATE_GOLDENS=1 cargo test -p tollgate-protocol`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod answers;
mod anthropic_platforms;
mod bedrock;
mod carried_proofs;
mod cases;
mod cohere;
mod conversation;
mod count;
mod embeddings;
mod endings;
mod errors;
mod event_stream;
mod foreign_signatures;
mod fuzz;
mod gemini_answers;
mod gemini_requests;
mod gemini_streams;
mod goldens;
mod json;
mod ollama;
mod openai_completions;
mod openai_responses;
mod openai_responses_streams;
mod peek;
mod pictures;
mod quirks;
mod recordings;
mod recordings_upstream;
mod requests_messages;
mod requests_parameters;
mod requests_taken;
mod requests_thinking;
mod schemas;
mod sse;
mod streams;
mod streams_passed_on;
mod support;
mod texts;
mod tool_results;
mod usage;
mod validator;
mod validator_gemini;
mod validator_openai_responses;

#[test]
fn dialects_have_names() {
    for dialect in tollgate_protocol::ALL {
        assert_eq!(dialect.as_str().parse(), Ok(*dialect));
    }
    assert!("esperanto".parse::<tollgate_protocol::Dialect>().is_err());
}

#[test]
fn requests_can_be_kept_and_sent_between_threads() {
    fn check<T: Send + Sync + 'static>() {}
    check::<tollgate_protocol::neutral::Request>();
    check::<tollgate_protocol::Body>();
}
