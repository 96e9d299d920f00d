//! What the parts of a request's writing share: the request, what is lost, and how the
//! fields that only one dialect knows are written.

use std::collections::HashSet;

use crate::dialect::Dialect;
use crate::extras;
use crate::json::JsonWriter;
use crate::neutral::{Block, CallKind, Content, Extra, Request};
use crate::openai_responses::read_input::ITEM;
use crate::problem::Losses;

/// Where the losses of messages are.
pub(super) const PLACE: &str = "messages";
pub(super) const CACHES_ITSELF: &str = "the upstream caches prompts by itself or not at all";

/// What every part of the writing needs to see.
pub(super) struct Context<'r> {
    pub(super) request: &'r Request,
    pub(super) losses: Losses,
    /// Ids of the calls whose results are those of custom tools.
    pub(super) custom: HashSet<&'r str>,
}

// === impl Context ===

impl<'r> Context<'r> {
    pub(super) fn new(request: &'r Request) -> Self {
        let blocks = request.messages.iter().flat_map(|message| &message.content);
        let custom = blocks.filter_map(|block| match &block.content {
            Content::ToolCall(call) if call.kind == CallKind::Custom => Some(call.id.as_str()),
            _ => None,
        });
        Self {
            request,
            losses: Losses::default(),
            custom: custom.collect(),
        }
    }

    pub(super) fn same_dialect(&self) -> bool {
        self.request.dialect == Dialect::OpenaiResponses
    }

    /// Fields of a block: what belongs to its item is written with that.
    pub(super) fn extras(&mut self, block: &Block, w: &mut JsonWriter<'_>) {
        if self.same_dialect() {
            let own = block.extras.iter();
            for extra in own.filter(|extra| !extra.key.contains('.')) {
                w.field_raw(&extra.key, extra.value.as_str());
            }
            return;
        }
        extras::note(&block.extras, PLACE, &mut self.losses);
        if block.cache.is_some() {
            self.losses.note("cache_control", CACHES_ITSELF);
        }
    }

    pub(super) fn message_extras(&mut self, extras: &[Extra], w: &mut JsonWriter<'_>) {
        if !self.same_dialect() {
            return extras::note(extras, PLACE, &mut self.losses);
        }
        for extra in extras {
            if let Some(key) = extra.key.strip_prefix(ITEM).filter(|key| *key != "type") {
                w.field_raw(key, extra.value.as_str());
            }
        }
    }
}
