//! One attempt at a call for vectors or for a count: what the channel gets, and what its answer
//! becomes.

use tollgate_config::Channel;
use tollgate_config::responses::REPLY_PREFIX;
use tollgate_host::Host;
use tollgate_protocol::conversation::without_reasoning;
use tollgate_protocol::count::{self, Counter};
use tollgate_protocol::embeddings::{self, Shape};
use tollgate_protocol::{Dialect, ErrorInfo, Loss, Reply, Written};

use super::Terms;
use super::outgoing::{Prepared, write_head};
use crate::gateway::target;
use crate::operation::{Operation, counter, shape};
use crate::state::{Active, first_dialect};
use crate::stream::{Plan, Source, Stream};

/// How the answer is read and written.
#[derive(Debug)]
pub(super) enum Answer {
    /// Vectors in the caller's own shape.
    Same(Shape),
    Vectors {
        from: Shape,
        to: Shape,
        reply: embeddings::Reply,
    },
    Count {
        from: Counter,
        to: Counter,
    },
}

/// What a channel gets.
struct Outgoing {
    path: String,
    /// `None` lets the caller's body pass untouched.
    body: Option<Vec<u8>>,
    losses: Vec<Loss>,
    answer: Answer,
}

/// What it is made from.
struct Outbound<'p> {
    plan: &'p Plan,
    source: &'p Source,
    channel: &'p Channel,
    /// The channel's name for the model.
    model: &'p str,
    /// The body, if it was written while it was checked that it can be.
    written: Option<Written>,
}

/// As for a model call: takes the next channel and writes the request's head for it.
pub(super) fn prepare(
    host: &dyn Host,
    stream: &mut Stream,
    operation: &Operation,
) -> Option<Prepared> {
    let active = stream.active.clone()?;
    let (index, following) = stream.next_channel()?;
    let channel = active.channel(index)?;
    let following = following
        .and_then(|index| active.channel(index))
        .map(|c| c.cluster.clone());
    let plan = stream.plan.as_mut()?;
    let written = plan
        .written
        .take_if(|(written_for, _)| *written_for == index);
    let call = Outbound {
        plan,
        source: plan.source.as_ref()?,
        channel,
        model: channel.upstream_model(&plan.model),
        written: written.map(|(_, written)| written),
    };
    let made = match operation {
        Operation::Embed { shape, .. } => call.embed(shape.unwrap_or(Shape::Openai), &stream.id)?,
        Operation::Count { dialect, .. } => call.count(&active, *dialect)?,
    };
    let sent_model = channel.upstream_model(&plan.model).to_owned();
    let shown_model =
        (!sent_model.eq_ignore_ascii_case(&plan.model)).then(|| plan.peek.model.clone());
    let source = plan.source.as_ref()?;
    let length = made
        .body
        .as_ref()
        .map_or(source.body.as_str().len(), Vec::len);
    let terms = Terms {
        from: first_dialect(channel),
        to: stream.call.dialect(),
        reply: Reply::default(),
        shown_model,
        drops_usage_chunk: false,
        operation: Some(made.answer),
        max_response_bytes: usize::try_from(active.config.max_response_bytes).unwrap_or(usize::MAX),
    };
    let path = format!("{}{}", channel.base_path, made.path);
    stream.losses = made.losses;
    stream.begin_attempt(channel, &sent_model, host.now_unix_ms());
    let head_written = write_head(host, stream, channel, path, length, false);
    if following.is_none()
        && let Some(plan) = &mut stream.plan
    {
        plan.source = None;
    }
    Some(Prepared {
        terms,
        body: made.body,
        stream_wanted: false,
        following,
        head_written,
    })
}

// === impl Outbound ===

impl Outbound<'_> {
    fn embed(self, caller: Shape, id: &str) -> Option<Outgoing> {
        let spoken = shape(self.channel, caller)?;
        let path = spoken.path(self.model);
        if spoken == caller {
            return Some(Outgoing {
                path,
                body: embeddings::rewrite(caller, &self.source.body, self.model),
                losses: Vec::new(),
                answer: Answer::Same(caller),
            });
        }
        let request = self.source.embed.as_ref()?;
        let written = match self.written {
            Some(written) => written,
            None => embeddings::write_request(spoken, request, self.model).ok()?,
        };
        Some(Outgoing {
            path,
            body: Some(written.body),
            losses: written.losses,
            answer: Answer::Vectors {
                from: spoken,
                to: caller,
                reply: request.reply(&self.plan.peek.model, id),
            },
        })
    }

    fn count(self, active: &Active, caller: Dialect) -> Option<Outgoing> {
        let (from, to) = (counter(self.channel)?, Counter::of(caller)?);
        let spoken = first_dialect(self.channel);
        let (body, losses) = if spoken == caller {
            let body = count::rewrite(from, &self.source.body, &self.plan.peek, self.model);
            // What Envoy holds is without the history, which came from other providers.
            let continued = || {
                let body = self.source.body.as_str().as_bytes().to_vec();
                self.source.is_continued.then_some(body)
            };
            let ours = format!("rs_{REPLY_PREFIX}");
            let body = body
                .or_else(continued)
                .map(|body| match self.source.is_continued {
                    true => without_reasoning(body, &ours),
                    false => body,
                });
            (body, Vec::new())
        } else {
            let written = match self.written {
                Some(written) => written,
                None => {
                    let target = target(active, self.channel, &self.plan.model, self.model);
                    let request = self.source.request.as_ref()?;
                    count::write_request(spoken, Some(from), request, &target).ok()?
                }
            };
            (Some(written.body), written.losses)
        };
        Some(Outgoing {
            path: from.path(self.model),
            body,
            losses,
            answer: Answer::Count { from, to },
        })
    }
}

// === impl Answer ===

impl Answer {
    /// What the caller gets instead of these bytes; `None` where it gets them untouched. A count
    /// uses nothing that is paid for.
    ///
    /// # Errors
    /// When it is no answer: the attempt has failed.
    pub(super) fn judge(
        &self,
        stream: &mut Stream,
        body: Vec<u8>,
        shown_model: Option<&str>,
    ) -> Result<Option<Vec<u8>>, ErrorInfo> {
        match self {
            Self::Same(shape) => {
                let passed = embeddings::pass_response(*shape, &body, shown_model)?;
                stream.usage = passed.usage;
                Ok(passed.edited)
            }
            Self::Vectors { from, to, reply } => {
                let (body, usage) = embeddings::translate_response(*from, *to, body, reply)?;
                stream.usage = usage;
                Ok(Some(body))
            }
            Self::Count { from, to } => {
                let tokens = count::read_answer(*from, &body)?;
                Ok((!from.answers_like(*to)).then(|| count::write_answer(*to, tokens)))
            }
        }
    }
}

#[cfg(test)]
mod tests;
