//! A count that no channel of the model gives: the control plane's tokenizer is asked while the
//! request is held. Where it cannot be reached, the answer is an estimate, and says so.

use prost::Message;
use tollgate_config::counting::{CALL_BYTES_MAX, Call, Counted, METHOD, SERVICE, Shortened};
use tollgate_host::{Host, Level};
use tollgate_protocol::Loss;
use tollgate_protocol::count::{self, Counter};
use tollgate_protocol::stream::Outcome;

use super::control;
use super::kept::{Asked, TIMEOUT_MS, Then};
use crate::losses;
use crate::refusal::answer_headers;
use crate::stream::Stream;

const COUNTED: &str =
    "no channel of this model counts tokens; the gateway's own tokenizer did, which may differ";
const ESTIMATED: &str = "no channel of this model counts tokens; the answer is an estimate";

/// How the caller is told, and what if nobody counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counting {
    pub(super) counter: Counter,
    pub(super) estimate: u64,
}

/// Asks for a count of the planned request. Nothing where that cannot be asked.
pub(super) fn ask(host: &dyn Host, stream: &Stream, counting: Counting) -> Option<Asked> {
    let plan = stream.plan.as_ref()?;
    let body = plan.source.as_ref()?.body.as_str();
    let message = Call {
        dialect: stream.call.dialect().as_str().to_owned(),
        model: plan.model.clone(),
        request: Some(Shortened::new(body, CALL_BYTES_MAX).ok()?),
    };
    let call = control::call(
        host,
        (SERVICE, METHOD),
        &message.encode_to_vec(),
        TIMEOUT_MS,
    )?;
    Some(Asked {
        call,
        then: Then::Count(counting),
    })
}

/// Answers with the count that came, or with the estimate.
pub(super) fn reply(
    host: &dyn Host,
    stream: &mut Stream,
    counting: Counting,
    message: Option<Vec<u8>>,
) {
    let counted = message.and_then(|message| Counted::decode(message.as_slice()).ok());
    let counted = counted.map(|counted| counted.tokens);
    // A count of nothing is no count.
    let counted = counted.filter(|tokens| *tokens > 0);
    let reason = counted.map_or(ESTIMATED, |_| COUNTED);
    stream.losses = vec![Loss::new("count", reason)];
    let lost = losses::header(&stream.losses);
    let mut headers = answer_headers(stream.call.dialect(), &stream.id);
    headers.push(("content-type", "application/json"));
    headers.extend(lost.as_deref().map(|lost| (losses::HEADER, lost)));
    let tokens = counted.unwrap_or(counting.estimate);
    let body = count::write_answer(counting.counter, tokens);
    if let Err(error) = host.reply(200, &headers, &body) {
        host.log(Level::Warn, &format!("count not sent: {error}"));
    }
    stream.answer_begins(200);
    stream.outcome = Some(Outcome::Complete);
}
