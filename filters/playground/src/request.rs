//! The way up: a caller's request, written for an upstream.

use tollgate_protocol::{
    Addressed, Body, Dialect, ErrorInfo, Limits, PassOn, Target, pass_on, peek_addressed,
    read_request, write_request,
};

use crate::outcome::{Outcome, Verdict};

/// The gateway's own default for the longest request.
const MAX_BODY_BYTES: usize = 32 << 20;

pub(crate) fn translate(caller: Dialect, upstream: Dialect, model: &str, body: &[u8]) -> Outcome {
    try_translate(caller, upstream, model, body)
        .unwrap_or_else(|error| Outcome::refused(caller, &error))
}

fn try_translate(
    caller: Dialect,
    upstream: Dialect,
    model: &str,
    bytes: &[u8],
) -> Result<Outcome, ErrorInfo> {
    let body = Body::parse(bytes.to_vec(), &Limits::request(MAX_BODY_BYTES))?;
    // Where the path names the model, no path is known: the upstream's name stands for it.
    let addressed = Addressed {
        model: if model.is_empty() { "model" } else { model }.to_owned(),
        ..Addressed::default()
    };
    let peeked = peek_addressed(caller, &body, &addressed)?;
    let model = if model.is_empty() {
        &peeked.model
    } else {
        model
    };
    if upstream.takes_as_it_is(caller) {
        let edits = PassOn {
            model,
            include_usage: false,
            betas: &[],
            target: None,
        };
        let (edited, losses) = pass_on(upstream, &peeked, &body, &edits);
        let outcome = match edited {
            Some(edited) => Outcome::new(Verdict::Edited, &edited),
            None => Outcome::new(Verdict::Passed, bytes),
        };
        return Ok(outcome.with_losses(losses));
    }
    let target = Target {
        model,
        ..Target::default()
    };
    let written = write_request(upstream, &read_request(caller, &body)?, &target)?;
    Ok(Outcome::new(Verdict::Translated, &written.body).with_losses(written.losses))
}
