//! What the parts of a request's writing share: the request, its target, what is
//! lost, and the rules that depend on them.

use std::borrow::Cow;

use crate::alias;
use crate::dialect::Dialect;
use crate::extras;
use crate::json::JsonWriter;
use crate::neutral::{Block, CacheMark, Content, Extra, Request};
use crate::openai_chat::write_tools::IDS;
use crate::problem::Losses;
use crate::target::Target;

pub(super) struct Context<'r> {
    pub(super) request: &'r Request,
    pub(super) target: &'r Target<'r>,
    pub(super) losses: Losses,
}

// === impl Context ===

impl Context<'_> {
    pub(super) fn same_dialect(&self) -> bool {
        self.request.dialect == Dialect::OpenaiChat
    }

    /// Whether custom tools go as such, not as functions.
    pub(super) fn takes_custom(&self) -> bool {
        self.same_dialect() || self.target.custom_tools
    }

    fn keeps_marks(&self) -> bool {
        self.same_dialect() || self.target.keeps_cache_control
    }

    pub(super) fn cache(&mut self, mark: Option<CacheMark>, w: &mut JsonWriter<'_>) {
        match mark {
            Some(mark) if self.keeps_marks() => w.field_raw("cache_control", mark.as_json()),
            Some(_) => self.note_mark(),
            None => {}
        }
    }

    pub(super) fn extras(&mut self, extras: &[Extra], place: &str, w: &mut JsonWriter<'_>) {
        if self.same_dialect() {
            extras::write(extras, w);
        } else {
            extras::note(extras, place, &mut self.losses);
        }
    }

    /// A tool call's id as the upstream takes it.
    pub(super) fn call_id<'a>(&self, id: &'a str) -> Cow<'a, str> {
        match self.target.nine_char_call_ids {
            true => alias::nine_chars(id),
            false => IDS.fit(id),
        }
    }

    /// What to put between texts, if the upstream wants one string of them.
    pub(super) fn joint(&self, joint: &'static str) -> Option<&'static str> {
        self.target.string_content.then_some(joint)
    }

    /// A tool message of another dialect's caller holds text only.
    pub(super) fn fits_tool_message(&self, block: &Block) -> bool {
        self.same_dialect() || matches!(block.content, Content::Text(_))
    }

    /// Whether what is attached to the block can be written with it.
    pub(super) fn keeps_attachments(&self, block: &Block) -> bool {
        block.cache.is_some() && self.keeps_marks()
            || !block.extras.is_empty() && self.same_dialect()
    }

    /// Notes what a block loses that becomes a part of a plain string.
    pub(super) fn note_attachments(&mut self, block: &Block, place: &str) {
        if block.cache.is_some() {
            self.note_mark();
        }
        extras::note(&block.extras, place, &mut self.losses);
    }

    fn note_mark(&mut self) {
        let reason = "the upstream caches prompts by itself or not at all";
        self.losses.note("cache_control", reason);
    }
}
