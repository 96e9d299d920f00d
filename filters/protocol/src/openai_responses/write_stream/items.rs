//! Items as they are opened and closed, one after the other; calls, side by side.

use super::Writer;
use crate::neutral::StopReason;
use crate::openai_responses::output::{Item, Kind};

impl Writer {
    pub(super) fn open(&mut self, kind: Kind, out: &mut Vec<u8>) -> usize {
        self.start(out);
        let index = self.items.len();
        self.items.push(Item::new(kind, index, &self.reply));
        self.current = index;
        self.item_event("response.output_item.added", index, out, |item, w| {
            w.field_object("item", |w| item.members(false, w));
        });
        index
    }

    /// Ends whatever is open and not a call: those may go on beside anything.
    pub(super) fn close_current(&mut self, out: &mut Vec<u8>) {
        let is_call = |item: &Item| matches!(item.kind, Kind::Call { .. });
        if self
            .items
            .get(self.current)
            .is_some_and(|item| !is_call(item))
        {
            self.close(self.current, out);
        }
    }

    pub(super) fn block_end(&mut self, out: &mut Vec<u8>) {
        let index = self.current;
        match self.items.get(index).map(|item| &item.kind) {
            // More parts may come.
            Some(Kind::Message(_)) => self.close_part(index, out),
            Some(_) => self.close(index, out),
            None => {}
        }
    }

    pub(super) fn close_all(&mut self, out: &mut Vec<u8>) {
        for index in 0..self.items.len() {
            self.close(index, out);
        }
    }

    pub(super) fn close(&mut self, index: usize, out: &mut Vec<u8>) {
        let Some(item) = self.items.get(index).filter(|item| !item.done) else {
            return;
        };
        match &item.kind {
            Kind::Message(_) => self.close_part(index, out),
            Kind::Reasoning { .. } => self.close_summary(index, out),
            Kind::Call { .. } => self.close_arguments(index, out),
            Kind::Picture { .. } => {}
        }
        if let Some(item) = self.items.get_mut(index) {
            item.done = true;
        }
        let cut = matches!(
            self.finish,
            Some(StopReason::MaxTokens | StopReason::ContextWindow)
        ) && index + 1 == self.items.len();
        self.item_event("response.output_item.done", index, out, |item, w| {
            w.field_object("item", |w| item.members(cut, w));
        });
    }
}
