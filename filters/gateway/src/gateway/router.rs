//! What Envoy's router is told of a request: where it goes first, how often it may go elsewhere, and
//! how long each channel has.

use tollgate_config::names::{CLUSTER_PROPERTY, REQUEST_ID_HEADER};
use tollgate_host::{Host, Level, Map};
use tollgate_protocol::{ErrorInfo, ErrorKind};

use crate::refusal;
use crate::stream::{Plan, Stream};

/// More attempts than this make no request better.
pub(super) const RETRIES_MAX: usize = 8;

const MAX_RETRIES: &str = "x-envoy-max-retries";

/// For each attempt, from when it was sent until its answer begins to be passed on: a stream with its
/// first piece, any other answer when all of it is there. The router then tries the next channel; the
/// last one's caller gets 504. What has begun is not ended by it.
const ATTEMPT_TIMEOUT: &str = "x-envoy-upstream-rq-per-try-timeout-ms";

pub(super) fn tell(host: &dyn Host, stream: &Stream, plan: &Plan) -> Result<(), ErrorInfo> {
    let active = stream.active.as_ref().ok_or_else(refusal::not_ready)?;
    let first = plan.channels.first();
    let first = first.and_then(|index| active.channel(*index));
    let cluster = first.map(|channel| channel.cluster.as_str());
    let retries = plan.channels.len().saturating_sub(1).min(RETRIES_MAX);
    let set = |name, number: u64| match number {
        // The route's own number.
        0 => Ok(()),
        _ => host.set_header(Map::Request, name, Some(number.to_string().as_bytes())),
    };
    host.set_property(CLUSTER_PROPERTY, cluster.unwrap_or_default().as_bytes())
        .and_then(|()| set(MAX_RETRIES, u64::try_from(retries).unwrap_or(0)))
        .and_then(|()| set(ATTEMPT_TIMEOUT, timeout_ms(stream, plan)))
        .and_then(|()| host.set_header(Map::Request, REQUEST_ID_HEADER, Some(stream.id.as_bytes())))
        .map_err(|error| {
            host.log(Level::Error, &format!("router not told: {error}"));
            let message = "The gateway failed to route the request.";
            ErrorInfo::new(ErrorKind::Internal, message)
        })
}

/// What the model's config says; 0: nothing.
fn timeout_ms(stream: &Stream, plan: &Plan) -> u64 {
    let model = stream.active.as_ref().and_then(|it| it.model(&plan.model));
    let seconds = model.map_or(0, |model| match plan.peek.stream {
        true => model.stream_timeout_s,
        false => model.request_timeout_s,
    });
    u64::from(seconds) * 1_000
}
