//! Calls whose caller does not wait for the answer (`background`). The control plane keeps a queued
//! response at once and makes the call: it comes back here as a stream like any other, with the same
//! token, limits, budgets and log. What is wrong with it is told before.
//!
//! That holds for providers too that would do it themselves: they answer such a call before anything
//! was used, and nobody would ever hear what it has cost.
//!
//! <https://platform.openai.com/docs/guides/background>

use tollgate_config::responses::{self, call};
use tollgate_host::Host;
use tollgate_protocol::conversation::{self, Continuation};
use tollgate_protocol::json::object_bytes;
use tollgate_protocol::{Body, Dialect, ErrorInfo, ErrorKind, Limits, peek};

use super::{Asked, Then, begin};
use crate::gateway::admit::peer;
use crate::gateway::plan::Gathered;
use crate::memory::READ_FACTOR;
use crate::refusal;
use crate::stream::Stream;

/// Whether the control plane is to make the call.
pub(super) fn is_ours(
    stream: &Stream,
    body: &Body,
    asked: &Continuation,
) -> Result<bool, ErrorInfo> {
    if !asked.background {
        return Ok(false);
    }
    let active = stream.active.as_ref().ok_or_else(refusal::not_ready)?;
    let refused = |param: &str, message: &'static str| {
        Err(ErrorInfo::new(ErrorKind::InvalidRequest, message).with_param(param))
    };
    if !active.config.stores_responses {
        return refused(
            "background",
            "Nothing is kept here, so there is no answer in the background.",
        );
    }
    if !asked.store {
        return refused("store", "'background' needs 'store' to be true.");
    }
    if peek(Dialect::OpenaiResponses, body)?.stream {
        return refused(
            "stream",
            "What is answered in the background is not streamed; ask without 'stream', \
             and for the response by its id.",
        );
    }
    if body.as_str().len() > responses::STORED_BYTES_MAX {
        let max = u64::try_from(responses::STORED_BYTES_MAX).unwrap_or(u64::MAX);
        return Err(refusal::too_large(max));
    }
    Ok(true)
}

/// The request as it will be made, with its history: planned, to see whether a channel can serve it, and
/// held against limits and budgets, for what they refuse is not worth keeping.
pub(in crate::gateway) fn foreground(mut gathered: Gathered) -> Result<Gathered, ErrorInfo> {
    if !gathered
        .hold
        .grow(gathered.size.saturating_mul(READ_FACTOR))
    {
        return Err(refusal::no_room());
    }
    let body = conversation::foreground(&gathered.body);
    gathered.body = Body::parse(body, &Limits::request(usize::MAX))?;
    Ok(gathered)
}

/// Has the call made that was found good, if it is one that nobody waits for.
pub(in crate::gateway) fn ask(
    host: &dyn Host,
    stream: &mut Stream,
) -> Result<Option<Asked>, ErrorInfo> {
    let Some(own) = stream.background.take() else {
        return Ok(None);
    };
    // Nothing is called here.
    stream.plan = None;
    let address = peer(host).map_or_else(|| "-".to_owned(), |address| address.to_string());
    let asked = object_bytes(|w| {
        w.field_raw("body", &own);
        w.field_u64(
            "token_id",
            stream
                .token
                .as_ref()
                .and_then(|token| u64::try_from(token.id).ok())
                .unwrap_or(0),
        );
        w.field_str("address", &address);
    });
    let asked = String::from_utf8(asked).unwrap_or_default();
    let call = begin(host, stream, "", call::Kind::Background(asked))?;
    Ok(Some(Then::Show.after(call)))
}

#[cfg(test)]
mod tests;
