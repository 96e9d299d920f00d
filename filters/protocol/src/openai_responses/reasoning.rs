//! Reasoning items: thinking that a provider proves with `encrypted_content`.
//!
//! The provider refuses encrypted content under another item id, so a [`Signature`] of
//! this dialect holds both:
//!
//! ```text
//! data = item-id "." encrypted-content          ; an id has no dot in it
//! ```
//!
//! The other way round, another provider's proof travels to callers of this dialect as
//! the encrypted content of an item: a signature marked as [`Signature`] describes,
//! redacted thinking marked by [`REDACTED`].

use crate::dialect::Dialect;
use crate::json::{Json, JsonWriter};
use crate::neutral::{Block, Content, Request, Signature, shown_signature};
use crate::path::Path;
use crate::problem::{InvalidRequest, Losses};
use crate::read::Read;
use crate::text::Text;

/// Before the data of redacted thinking; no dialect has this name.
const REDACTED: &str = "tg.redacted.";

/// Between the parts of a summary where they become one text.
pub(super) const BETWEEN_PARTS: &str = "\n\n";

/// What an item's encrypted content proves.
pub(super) enum Proof {
    Signature(Signature),
    Redacted(Text),
}

pub(super) fn read(read: Read<'_>, item: Json<'_>, at: &Path<'_>) -> Result<Block, InvalidRequest> {
    let id = read.optional_text(item, "id", at)?.unwrap_or_default();
    let encrypted = read.optional_text(item, "encrypted_content", at)?;
    let proof = encrypted.and_then(|encrypted| proof(&id, encrypted));
    let mut block = Block::new(match proof {
        Some(Proof::Redacted(data)) => Content::RedactedThinking { data },
        Some(Proof::Signature(signature)) => Content::Thinking {
            text: text(item),
            signature: Some(signature),
        },
        None => Content::Thinking {
            text: text(item),
            signature: None,
        },
    });
    for (key, value) in item.entries().filter(|(_, value)| !value.is_null()) {
        if !matches!(&*key, "type" | "encrypted_content") {
            block.extras.push(read.mirrored(&key, value));
        }
    }
    Ok(block)
}

/// Leaves out what other providers signed, of which the caller knew nothing else.
pub(super) fn drop_foreign(request: &mut Request, losses: &mut Losses) {
    let is_foreign = |block: &Block| match &block.content {
        Content::Thinking {
            signature: Some(signature),
            ..
        } => signature.by != Dialect::OpenaiResponses,
        Content::RedactedThinking { .. } => true,
        _ => false,
    };
    for message in &mut request.messages {
        if message.content.iter().any(is_foreign) {
            message.content.retain(|block| !is_foreign(block));
            let reason = "only thinking that the provider signed itself can be sent back";
            losses.note("input.reasoning", reason);
        }
    }
}

/// What the encrypted content of the item with this id means.
pub(super) fn proof(id: &str, encrypted: Text) -> Option<Proof> {
    if encrypted.is_empty() {
        return None;
    }
    if let Some(data) = encrypted.strip_prefix(REDACTED) {
        return Some(Proof::Redacted(encrypted.slice(data)));
    }
    let marked = encrypted.starts_with("tg.");
    let mut signature = Signature::read(Dialect::OpenaiResponses, encrypted);
    // Marked as this dialect's own, it holds the id already.
    if !marked {
        signature.data = format!("{id}.{}", signature.data.as_str()).into();
    }
    Some(Proof::Signature(signature))
}

/// The summary, or where there is none the reasoning itself.
fn text(item: Json<'_>) -> Text {
    let texts = |key: &str| {
        let parts = item.get(key).map(Json::items).into_iter().flatten();
        let texts: Vec<String> = parts
            .filter_map(|part| Some(part.get("text")?.as_str()?.into_owned()))
            .collect();
        texts.join(BETWEEN_PARTS)
    };
    let summary = texts("summary");
    match summary.is_empty() {
        true => texts("content").into(),
        false => summary.into(),
    }
}

/// The encrypted content that carries another provider's signature to a caller. One
/// of this dialect's own is marked as well: the item that carries it has another id.
pub(super) fn shown(by: Dialect, signature: &str) -> String {
    match by {
        Dialect::OpenaiResponses => format!("tg.{by}.{signature}"),
        _ => shown_signature(by, signature, Dialect::OpenaiResponses).into_owned(),
    }
}

pub(super) fn shown_redacted(data: &str) -> String {
    format!("{REDACTED}{data}")
}

/// The item of thinking that this dialect's provider signed itself.
pub(super) fn write_signed(text: &str, data: &str, w: &mut JsonWriter<'_>) {
    let (id, encrypted) = data.split_once('.').unwrap_or(("", data));
    w.field_str("type", "reasoning");
    if !id.is_empty() {
        w.field_str("id", id);
    }
    summary(text, w);
    w.field_str("encrypted_content", encrypted);
}

/// The member `summary` with one part, or none.
pub(super) fn summary(text: &str, w: &mut JsonWriter<'_>) {
    w.field_array("summary", |w| {
        if !text.is_empty() {
            w.object(|w| summary_part(text, w));
        }
    });
}

pub(super) fn summary_part(text: &str, w: &mut JsonWriter<'_>) {
    w.field_str("type", "summary_text");
    w.field_str("text", text);
}
