//! What Envoy's router is told of a request: where it goes first, how often it may go elsewhere, and
//! how long each channel has.

use tollgate_config::RETRIES_MAX;
use tollgate_config::names::{CLUSTER_PROPERTY, REQUEST_ID_HEADER};
use tollgate_host::{Host, Level, Map};
use tollgate_protocol::{ErrorInfo, ErrorKind};

use crate::refusal;
use crate::state::Active;
use crate::stream::{Plan, Stream};

const MAX_RETRIES: &str = "x-envoy-max-retries";

/// For each attempt, from when it was sent until its answer begins to be passed on: a stream with its
/// first piece, any other answer when all of it is there. The router then tries the next channel; the
/// last one's caller gets 504. What has begun is not ended by it.
const ATTEMPT_TIMEOUT: &str = "x-envoy-upstream-rq-per-try-timeout-ms";

/// Tells it, and leaves as many channels in the plan as it will try: one that never gets its turn is
/// none.
pub(super) fn tell(host: &dyn Host, stream: &Stream, plan: &mut Plan) -> Result<(), ErrorInfo> {
    let active = stream.active.as_ref().ok_or_else(refusal::not_ready)?;
    plan.channels
        .truncate(attempts(stream, active, &plan.model));
    let first = plan.channels.first();
    let first = first.and_then(|index| active.channel(*index));
    let cluster = first.map(|channel| channel.cluster.as_str());
    let retries = plan.channels.len().saturating_sub(1);
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

/// How many channels may be tried: by the group's config for the model, else the model's, else what
/// holds for all.
fn attempts(stream: &Stream, active: &Active, model: &str) -> usize {
    let of_model = || active.model(model)?.retry_times;
    let own = stream.token.as_ref().and_then(|token| token.own(model));
    let own = match own.and_then(|own| own.retry_times) {
        Some(own) => Some(own).filter(|own| *own > 0),
        None => of_model(),
    };
    let retries = own.or(active.config.retry_times);
    let retries = retries.map_or(RETRIES_MAX, |retries| retries.min(RETRIES_MAX));
    usize::try_from(retries).unwrap_or_default() + 1
}

/// What the group's config for the model says, else the model's; 0: nothing.
fn timeout_ms(stream: &Stream, plan: &Plan) -> u64 {
    let own = stream.token.as_ref().and_then(|it| it.own(&plan.model));
    let own = own.and_then(|own| match plan.peek.stream {
        true => own.stream_timeout_s,
        false => own.request_timeout_s,
    });
    let of_model = || {
        let model = stream.active.as_ref()?.model(&plan.model)?;
        Some(match plan.peek.stream {
            true => model.stream_timeout_s,
            false => model.request_timeout_s,
        })
    };
    u64::from(own.or_else(of_model).unwrap_or(0)) * 1_000
}
