//! Requests: read in every dialect that callers speak, written for every upstream.

use tollgate_protocol::conversation::{continued, dereferenced, echo, own_items, references};
use tollgate_protocol::{
    ALL, Body, CALLERS, Limits, PassOn, Target, Thinking, pass_on, peek, read_request,
    write_request,
};

use crate::{MAX_INPUT_BYTES, assert_bounded, assert_json};

const EDITS: PassOn<'static> = PassOn {
    model: "other",
    include_usage: true,
    betas: &["context-1m-2025-08-07", "x"],
    target: None,
};

pub fn request(bytes: &[u8]) {
    let Ok(body) = Body::parse(bytes.to_vec(), &Limits::request(MAX_INPUT_BYTES)) else {
        return;
    };
    conversation(&body);
    for &caller in CALLERS {
        if let Ok(peeked) = peek(caller, &body) {
            let as_it_is = ALL.iter().filter(|own| own.takes_as_it_is(caller));
            let passed = as_it_is.filter_map(|own| pass_on(*own, &peeked, &body, &EDITS).0);
            for edited in passed {
                assert_bounded(&edited, bytes);
                Body::parse(edited, &Limits::request(2 * MAX_INPUT_BYTES)).expect("edited JSON");
            }
        }
        let Ok(request) = read_request(caller, &body) else {
            continue;
        };
        for &upstream in ALL {
            for target in targets() {
                let Ok(written) = write_request(upstream, &request, &target) else {
                    continue;
                };
                assert_bounded(&written.body, bytes);
                assert_json(&written.body);
                let again = write_request(upstream, &request, &target).expect("as before");
                assert_eq!(written.body, again.body, "not the same bytes every time");
            }
        }
    }
}

/// What is put into a request that continues something, and what its answer repeats of it.
fn conversation(body: &Body) {
    let referred = references(body);
    let found = |id: &str| id.len().is_multiple_of(2).then_some("{}");
    let own = dereferenced(&own_items(body), &found);
    assert!(referred.is_empty() || own.len() > 2, "an item is gone");
    let joined = continued(body, Some("[1]"), &own).expect("arrays");
    Body::parse(joined, &Limits::request(2 * MAX_INPUT_BYTES)).expect("JSON");
    if let Some(echo) = echo(body) {
        assert_json(echo.as_bytes());
    }
}

/// A model of today, and one behind an upstream that knows little.
fn targets() -> [Target<'static>; 2] {
    let modern = Target {
        model: "upstream-model",
        max_output_tokens: Some(64_000),
        ..Target::default()
    };
    let picky = Target {
        model: "upstream-model",
        drops_sampling: true,
        thinking: Thinking::Adaptive,
        legacy_max_tokens: true,
        string_content: true,
        no_developer_role: true,
        reasoning_field: Some("reasoning_content"),
        keeps_cache_control: true,
        ..Target::default()
    };
    [modern, picky]
}
