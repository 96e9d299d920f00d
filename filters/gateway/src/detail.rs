//! The beginning of what a caller sent and got, for the log, where the configuration wants it.
//!
//! A request holds at most [`BODY_BYTES_MAX`] of each, counted like everything else that it holds;
//! where there is no room, nothing is kept. What is secret in it is taken out by the control plane.

use prost::Message;
use tollgate_config::detail::{BODY_BYTES_MAX, Detail};
use tollgate_config::meter::{Outcome, UsageEvent};
use tollgate_host::{Body, Host};

use crate::bundle;
use crate::memory::Hold;
use crate::stream::Stream;

/// Bodies so far.
#[derive(Debug)]
pub(crate) struct Captured {
    detail: Detail,
    response_bytes: usize,
    #[expect(dead_code, reason = "held for its drop")]
    hold: Hold,
}

/// The whole request is there, in `size` bytes.
pub(crate) fn take_request(host: &dyn Host, stream: &mut Stream, size: usize) {
    let wanted = stream.active.as_ref().and_then(|it| it.config.details);
    let Some(wanted) = wanted else {
        return;
    };
    let (request, response_bytes) = (bytes(wanted.request_bytes), bytes(wanted.response_bytes));
    let request = request.min(size);
    let Some(hold) = Hold::take(request + response_bytes) else {
        return;
    };
    let detail = Detail {
        request: host.body(Body::Request, 0, request).unwrap_or_default(),
        request_truncated: size > request,
        ..Detail::default()
    };
    stream.detail = Some(Captured {
        detail,
        response_bytes,
        hold,
    });
}

/// A piece of the answer that the caller gets, of `size` bytes.
pub(crate) fn take_response(host: &dyn Host, stream: &mut Stream, size: usize) {
    let Some(captured) = &mut stream.detail else {
        return;
    };
    let taken = &mut captured.detail.response;
    let room = captured.response_bytes.saturating_sub(taken.len());
    if size > room {
        captured.detail.response_truncated = true;
    }
    if room > 0 && size > 0 {
        let piece = host.body(Body::Response, 0, size.min(room));
        taken.extend_from_slice(&piece.unwrap_or_default());
    }
}

/// Leaves for the meter what is to be kept of this call.
pub(crate) fn settle(host: &dyn Host, stream: &mut Stream, event: &UsageEvent) {
    let Some(Captured { mut detail, .. }) = stream.detail.take() else {
        return;
    };
    let Some(active) = &stream.active else {
        return;
    };
    let own = active.config.own_details(&event.group, &event.model);
    let of_model = || active.model(&event.model)?.details;
    let Some(wanted) = own.or_else(of_model).or(active.config.details) else {
        return;
    };
    let failed = event.outcome() != Outcome::Success && event.status != 429;
    if !(wanted.all || wanted.errors && failed) {
        return;
    }
    if !wanted.all && matches!(event.status, 401..=405) {
        // It never was the reason.
        detail.request.clear();
    }
    if detail.request.len() > bytes(wanted.request_bytes) {
        detail.request.truncate(bytes(wanted.request_bytes));
        detail.request_truncated = true;
    }
    if detail.response.len() > bytes(wanted.response_bytes) {
        detail.response.truncate(bytes(wanted.response_bytes));
        detail.response_truncated = true;
    }
    detail.id.clone_from(&event.id);
    detail.group.clone_from(&event.group);
    bundle::push_detail(host, detail.encode_to_vec());
}

fn bytes(wanted: u32) -> usize {
    usize::try_from(wanted.min(BODY_BYTES_MAX)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
