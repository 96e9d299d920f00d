//! The body of a call for vectors or for a count: which channels can serve it in which order.

use std::rc::Rc;

use tollgate_config::Channel;
use tollgate_host::Host;
use tollgate_policy::routing::order;
use tollgate_protocol::count::{self, Counter};
use tollgate_protocol::embeddings::{self, Shape};
use tollgate_protocol::{Body, Dialect, ErrorInfo, Peek, Unsupported, Written};

use crate::call::Endpoint;
use crate::gateway::counting::Counting;
use crate::gateway::inputs::Inputs;
use crate::gateway::plan::{Gathered, target};
use crate::memory::{Hold, READ_FACTOR};
use crate::operation::{Operation, counter, shape};
use crate::refusal;
use crate::state::{Active, first_dialect};
use crate::stream::{Plan, Source, Stream};

pub(super) enum Planned {
    Route(Box<Plan>),
    /// No channel can count.
    Counted {
        plan: Box<Plan>,
        counting: Counting,
    },
}

/// Orders the channels that can serve the call.
pub(super) fn plan(
    host: &dyn Host,
    stream: &mut Stream,
    operation: Operation,
    gathered: Gathered,
) -> Result<Planned, ErrorInfo> {
    let active = stream.active.clone().ok_or_else(refusal::not_ready)?;
    let Gathered {
        body,
        hold,
        size,
        is_continued,
    } = gathered;
    let call = Incoming {
        active,
        body,
        hold,
        size,
        is_continued,
    };
    match operation {
        Operation::Embed { shape, model } => {
            let shape = shape.unwrap_or_else(|| embeddings::shape_of(&call.body));
            // Errors from here on have the shape of the body.
            stream.call.endpoint = Endpoint::Operation(Operation::Embed {
                shape: Some(shape),
                model: model.clone(),
            });
            call.embed(host, stream, shape, model.as_deref())
        }
        Operation::Count { dialect, model } => call.count(host, stream, dialect, model.as_deref()),
    }
}

/// A call with its body.
struct Incoming {
    active: Rc<Active>,
    body: Body,
    hold: Hold,
    size: usize,
    is_continued: bool,
}

/// The channels that can serve, and what was written for the first of them, if it has to be.
type Able = (Vec<usize>, Option<(usize, Written)>);

impl Incoming {
    fn embed(
        mut self,
        host: &dyn Host,
        stream: &Stream,
        caller: Shape,
        model: Option<&str>,
    ) -> Result<Planned, ErrorInfo> {
        let peek = embeddings::peek(caller, &self.body, model)?;
        let (model, ordered) = self.route(host, stream, &peek)?;
        let spoken = |channel: &Channel| shape(channel, caller);
        let mut shapes = self.channels(&ordered).filter_map(|(_, c)| spoken(c));
        let foreign = shapes.any(|shape| shape != caller);
        drop(shapes);
        let request = if foreign {
            self.make_room_to_read()?;
            Some(embeddings::read_request(caller, &self.body)?)
        } else {
            None
        };
        let none = Unsupported::new("model", "No channel of this model gives vectors.");
        let able = self.able(&ordered, spoken, none, |shape, channel| match &request {
            Some(request) if shape != caller => {
                let model = channel.upstream_model(&model);
                embeddings::write_request(shape, request, model).map(Some)
            }
            _ => Ok(None),
        })?;
        let mut plan = self.plan(peek, model, able);
        if let (Some(request), Some(source)) = (request, &mut plan.source) {
            plan.body_bytes = request.text_bytes();
            source.embed = Some(request);
        }
        Ok(Planned::Route(Box::new(plan)))
    }

    fn count(
        mut self,
        host: &dyn Host,
        stream: &Stream,
        caller: Dialect,
        model: Option<&str>,
    ) -> Result<Planned, ErrorInfo> {
        let peek = count::peek(caller, &self.body, model)?;
        let (model, ordered) = self.route(host, stream, &peek)?;
        let spoken = |channel: &Channel| counter(channel).map(|_| first_dialect(channel));
        let counting = self.channels(&ordered).filter_map(|(_, c)| spoken(c));
        let counting: Vec<Dialect> = counting.collect();
        let foreign = counting.iter().any(|dialect| *dialect != caller);
        // Who can only guess must read as well.
        let request = if !foreign && !counting.is_empty() {
            None
        } else {
            self.make_room_to_read()?;
            Some(count::read_request(caller, &self.body)?)
        };
        let none = Unsupported::new("model", "No channel of this model counts tokens.");
        let able = self.able(&ordered, spoken, none, |dialect, channel| match &request {
            Some(request) if dialect != caller => {
                let target = target(
                    &self.active,
                    channel,
                    &model,
                    channel.upstream_model(&model),
                );
                count::write_request(dialect, counter(channel), request, &target).map(Some)
            }
            _ => Ok(None),
        });
        match (able, request) {
            (Ok(able), request) => {
                let mut plan = self.plan(peek, model, able);
                if let Some(source) = &mut plan.source {
                    source.request = request;
                }
                Ok(Planned::Route(Box::new(plan)))
            }
            (Err(_), Some(request)) => Ok(Planned::Counted {
                plan: Box::new(self.plan(peek, model, (Vec::new(), None))),
                counting: Counting {
                    counter: Counter::of(caller).unwrap_or(Counter::Anthropic),
                    estimate: count::estimate(&request),
                },
            }),
            (Err(refused), None) => Err(refused.into()),
        }
    }

    /// The model's name as configured, and the channels that serve it in their order.
    fn route(
        &self,
        host: &dyn Host,
        stream: &Stream,
        peek: &Peek,
    ) -> Result<(String, Vec<usize>), ErrorInfo> {
        let token = stream.token.as_ref().ok_or_else(refusal::no_token)?;
        let config = &self.active.config;
        let candidates = self.active.routes.candidates(config, token, &peek.model);
        let candidates = candidates.map_err(|reason| refusal::no_route(reason, &peek.model))?;
        let model = candidates.model;
        let ordered = order(config, &candidates.channels, model, || host.random());
        Ok((model.to_owned(), ordered))
    }

    fn channels<'a>(
        &'a self,
        ordered: &'a [usize],
    ) -> impl Iterator<Item = (usize, &'a Channel)> + 'a {
        let channel = |index: &usize| Some((*index, self.active.channel(*index)?));
        ordered.iter().filter_map(channel)
    }

    fn make_room_to_read(&mut self) -> Result<(), ErrorInfo> {
        match self.hold.grow(self.size.saturating_mul(READ_FACTOR)) {
            true => Ok(()),
            false => Err(refusal::no_room()),
        }
    }

    /// The channels that can express the request, in their order. Whether one can depends on what
    /// it speaks alone, so each is tried once.
    ///
    /// # Errors
    /// When there is none: what the last of them cannot express.
    fn able<K: Copy + Eq>(
        &self,
        ordered: &[usize],
        spoken: impl Fn(&Channel) -> Option<K>,
        none: Unsupported,
        write: impl Fn(K, &Channel) -> Result<Option<Written>, Unsupported>,
    ) -> Result<Able, Unsupported> {
        let mut known: Vec<(K, bool)> = Vec::new();
        let (mut channels, mut first, mut refused) = (Vec::new(), None, none);
        for (index, channel) in self.channels(ordered) {
            let Some(spoken) = spoken(channel) else {
                continue;
            };
            let can = match known.iter().find(|(known, _)| *known == spoken) {
                Some((_, can)) => *can,
                None => {
                    let can = match write(spoken, channel) {
                        Ok(written) => {
                            if channels.is_empty() {
                                first = written.map(|written| (index, written));
                            }
                            true
                        }
                        Err(unsupported) => {
                            refused = unsupported;
                            false
                        }
                    };
                    known.push((spoken, can));
                    can
                }
            };
            if can {
                channels.push(index);
            }
        }
        match channels.is_empty() {
            true => Err(refused),
            false => Ok((channels, first)),
        }
    }

    fn plan(mut self, peek: Peek, model: String, (channels, written): Able) -> Plan {
        self.hold.shrink_to(self.size.saturating_mul(4));
        Plan {
            peek,
            model,
            body_bytes: self.size,
            inputs: Inputs::default(),
            source: Some(Source {
                body: self.body,
                request: None,
                is_continued: self.is_continued,
                embed: None,
                hold: self.hold,
            }),
            channels,
            tried: 0,
            written,
        }
    }
}
