//! The body of a model call: what it asks for, and which channels can serve it in which order.
//!
//! Whatever is wrong with a request is found here, before any upstream is called: an answer that an
//! upstream filter gives by itself would never be retried.

use tollgate_config::Channel;
use tollgate_host::{Body as HostBody, Host};
use tollgate_policy::routing::order;
use tollgate_protocol::neutral::Request;
use tollgate_protocol::{
    Body, Dialect, ErrorInfo, Limits, Target, Unsupported, Written, image_field, peek,
    peek_addressed, read_request, write_request,
};

use crate::gateway::inputs::Inputs;
use crate::memory::{Hold, READ_FACTOR};
use crate::refusal;
use crate::state::{Active, dialect};
use crate::stream::{Plan, Source, Stream};

/// A body that is all there.
pub(super) struct Gathered {
    pub(super) body: Body,
    /// Room for the body, and for what is written from it.
    pub(super) hold: Hold,
    /// Length of the body.
    pub(super) size: usize,
    /// It is not what the caller sent: history was put into it.
    pub(super) is_continued: bool,
}

/// Reads the body.
pub(super) fn gather(host: &dyn Host, stream: &Stream, size: usize) -> Result<Gathered, ErrorInfo> {
    let active = stream.active.as_ref().ok_or_else(refusal::not_ready)?;
    let hold = Hold::take(size.saturating_mul(2)).ok_or_else(refusal::no_room)?;
    let body = host.body(HostBody::Request, 0, size).unwrap_or_default();
    let limits =
        Limits::request(usize::try_from(active.config.max_body_bytes).unwrap_or(usize::MAX));
    Ok(Gathered {
        body: Body::parse(body, &limits)?,
        hold,
        size,
        is_continued: false,
    })
}

/// Orders the channels that can serve the request.
pub(super) fn plan(
    host: &dyn Host,
    stream: &Stream,
    gathered: Gathered,
) -> Result<Plan, ErrorInfo> {
    let active = stream.active.as_ref().ok_or_else(refusal::not_ready)?;
    let token = stream.token.as_ref().ok_or_else(refusal::no_token)?;
    let caller = stream.call.dialect();
    let Gathered {
        body,
        mut hold,
        size,
        is_continued,
    } = gathered;
    let addressed = stream.call.addressed.as_ref();
    let peek = match addressed {
        Some(addressed) => peek_addressed(caller, &body, addressed)?,
        None => peek(caller, &body)?,
    };
    let candidates = active
        .routes
        .candidates(&active.config, token, &peek.model)
        .map_err(|reason| refusal::no_route(reason, &peek.model))?;
    let model = candidates.model.to_owned();

    let mut ordered = order(&active.config, &candidates.channels, &model, || {
        host.random()
    });
    let mut speaks = ordered
        .iter()
        .filter_map(|index| active.channel(*index))
        .map(|channel| dialect(channel, caller));
    let foreign = speaks.any(|dialect| !dialect.takes_as_it_is(caller));
    let is_blind = |index: &usize| {
        let sent = active
            .channel(*index)
            .map(|channel| channel.upstream_model(&model));
        let sent = sent.and_then(|sent| active.model(sent));
        sent.or_else(|| active.model(&model))
            .and_then(|model| model.vision)
            == Some(false)
    };
    let blind = ordered.iter().any(is_blind);
    let request = if foreign || blind {
        if !hold.grow(size.saturating_mul(READ_FACTOR)) {
            return Err(refusal::no_room());
        }
        match read_request(caller, &body) {
            Ok(mut request) => {
                if let Some(addressed) = addressed {
                    addressed.complete(&mut request);
                }
                Some(request)
            }
            Err(invalid) if foreign => return Err(invalid.into()),
            // Passed on as it is, it may mean something to its own provider.
            Err(_) => None,
        }
    } else {
        None
    };
    if let Some(request) = request.as_ref().filter(|_| blind)
        && let Some(field) = image_field(request)
    {
        ordered.retain(|index| !is_blind(index));
        if ordered.is_empty() {
            let message = format!("'{field}' holds an image, and this model cannot see images.");
            return Err(Unsupported::new(field, message).into());
        }
    }
    let request = request.filter(|_| foreign);
    let Able { channels, written } = able(active, caller, &model, request.as_ref(), &ordered)?;
    hold.shrink_to(size.saturating_mul(4));
    Ok(Plan {
        peek,
        model,
        body_bytes: size,
        inputs: Inputs::default(),
        source: Some(Source {
            body,
            request,
            embed: None,
            is_continued,
            hold,
        }),
        channels,
        tried: 0,
        written,
    })
}

/// What a request is written for.
pub(crate) fn target<'a>(
    active: &'a Active,
    channel: &Channel,
    model: &str,
    sent: &'a str,
) -> Target<'a> {
    let mut target = Target {
        model: sent,
        ..Target::default()
    };
    // What is known of the caller's name holds for the provider's, unless that is known itself.
    if let Some(model) = active.model(sent).or_else(|| active.model(model)) {
        target.max_output_tokens = model.max_output_tokens.map(u64::from);
        target.drops_sampling = model.drops_sampling;
        target.one_of_sampling = model.one_of_sampling;
        target.thinking = model.thinking;
        target.efforts = &model.efforts;
    }
    for quirk in &channel.quirks {
        quirk.apply(&mut target);
    }
    target
}

struct Able {
    /// Places in the configuration.
    channels: Vec<usize>,
    /// What was written for the first of them, if it speaks another dialect.
    written: Option<(usize, Written)>,
}

/// The channels that can express the request, in their order. Whether one can depends on its
/// dialect alone, so each dialect is tried once.
///
/// # Errors
/// When there is none: what the last of them cannot express.
fn able(
    active: &Active,
    caller: Dialect,
    model: &str,
    request: Option<&Request>,
    ordered: &[usize],
) -> Result<Able, Unsupported> {
    let mut able: Vec<(Dialect, bool)> = Vec::new();
    let mut found = Able {
        channels: Vec::new(),
        written: None,
    };
    let mut refused = Unsupported::new("model", "No channel can serve this request.");
    for (index, channel) in ordered
        .iter()
        .filter_map(|i| Some((*i, active.channel(*i)?)))
    {
        let dialect = dialect(channel, caller);
        let as_it_is = dialect.takes_as_it_is(caller).then_some(true);
        let known = as_it_is.or_else(|| {
            let tried = able.iter().find(|(tried, _)| *tried == dialect);
            tried.map(|(_, can)| *can)
        });
        let can = match (known, request) {
            (Some(can), _) => can,
            (None, None) => false,
            (None, Some(request)) => {
                let target = target(active, channel, model, channel.upstream_model(model));
                match write_request(dialect, request, &target) {
                    Ok(written) => {
                        if found.channels.is_empty() {
                            found.written = Some((index, written));
                        }
                        true
                    }
                    Err(unsupported) => {
                        refused = unsupported;
                        false
                    }
                }
            }
        };
        if known.is_none() {
            able.push((dialect, can));
        }
        if can {
            found.channels.push(index);
        }
    }
    if found.channels.is_empty() {
        Err(refused)
    } else {
        Ok(found)
    }
}
