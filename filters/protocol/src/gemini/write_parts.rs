//! Arranged turns as `systemInstruction` and `contents`.
//!
//! A signature that stands for itself goes onto the part after it. Where the history
//! comes from elsewhere, the first call of a turn gets the documented bypass if it
//! has none: later calls of the turn are not signed by Gemini either.

use std::collections::BTreeMap;

use crate::custom;
use crate::dialect::Dialect;
use crate::extras;
use crate::gemini::read_data::SYNTHETIC;
use crate::gemini::signature::{self, BYPASS};
use crate::gemini::turns::Turn;
use crate::gemini::write_media::media;
use crate::gemini::write_request::NAMES;
use crate::json::{JsonWriter, is_json_object};
use crate::neutral::{
    Block, Content, Document, Extra, Image, Media, Signature, ToolCall, ToolResult,
};
use crate::problem::Losses;
use crate::text::Text;

/// What every part of the writing needs to see.
pub(super) struct Context<'r> {
    pub(super) same_dialect: bool,
    /// Whether calls without a signature need a substitute.
    pub(super) bypasses: bool,
    pub(super) losses: Losses,
    /// The names of the calls so far by their ids.
    pub(super) names: BTreeMap<&'r str, &'r str>,
}

/// Members of a part that do not belong to the data in it.
const OF_PART: [&str; 4] = [
    "videoMetadata",
    "mediaResolution",
    "partMetadata",
    "thought",
];

pub(super) fn system(context: &mut Context<'_>, blocks: &[&Block], w: &mut JsonWriter<'_>) {
    if blocks.is_empty() {
        return;
    }
    w.field_object("systemInstruction", |w| {
        w.field_array("parts", |w| {
            for block in blocks {
                part(context, block, None, w);
            }
        });
    });
}

pub(super) fn contents<'r>(context: &mut Context<'r>, turns: &[Turn<'r>], w: &mut JsonWriter<'_>) {
    w.field_array("contents", |w| {
        for turn in turns {
            let pieces = pieces(context, turn);
            if pieces.is_empty() {
                continue;
            }
            w.object(|w| {
                w.field_str("role", if turn.is_model { "model" } else { "user" });
                w.field_array("parts", |w| {
                    for Signed { block, proof } in &pieces {
                        match block {
                            Some(block) => part(context, block, proof.as_deref(), w),
                            None => empty(proof.as_deref(), w),
                        }
                    }
                });
            });
        }
    });
}

/// A block, or an empty text, with the signature that it bears.
struct Signed<'r> {
    block: Option<&'r Block>,
    proof: Option<String>,
}

fn pieces<'r>(context: &mut Context<'r>, turn: &Turn<'r>) -> Vec<Signed<'r>> {
    let mut pieces: Vec<Signed<'r>> = Vec::with_capacity(turn.blocks.len());
    let mut pending: Option<String> = None;
    let mut called = false;
    // What results hold beside text. Older models take it only beside them.
    let mut moved: Vec<&'r Block> = Vec::new();
    let alone = |proof: String| Signed {
        block: None,
        proof: Some(proof),
    };
    for block in &turn.blocks {
        match &block.content {
            Content::ToolResult(result) if !context.same_dialect => {
                moved.extend(result.content.iter().filter(|block| !is_text(block)));
            }
            _ => pieces.extend(moved.drain(..).map(bare)),
        }
        match &block.content {
            Content::Thinking { text, signature } => {
                let keeps = context.same_dialect && !text.is_empty();
                if keeps {
                    pieces.extend(pending.take().map(alone));
                    let proof = signature.as_ref().map(shown);
                    pieces.push(Signed {
                        block: Some(block),
                        proof,
                    });
                    continue;
                }
                let proof = signature.as_ref().and_then(|signature| {
                    let own = signature.readable_by(Dialect::Gemini).map(str::to_owned);
                    own.or_else(|| context.same_dialect.then(|| shown(signature)))
                });
                match proof {
                    Some(proof) => pieces.extend(pending.replace(proof).map(alone)),
                    // Gemini wants its signatures back, and nobody's thoughts.
                    None if signature.is_none() => {}
                    None => context.losses.note(
                        "messages.thinking",
                        "only thinking that the provider signed itself can be sent back",
                    ),
                }
                continue;
            }
            Content::RedactedThinking { data } if context.same_dialect => {
                let proof = signature::shown_redacted(data);
                pieces.extend(pending.replace(proof).map(alone));
                continue;
            }
            Content::RedactedThinking { .. } => {
                let reason = "only its own provider can read it";
                context.losses.note("messages.redacted_thinking", reason);
                continue;
            }
            Content::Foreign { dialect, kind, .. } if *dialect != Dialect::Gemini => {
                let field = format!("messages.content.{}", kind.as_str());
                let reason = "the trace of a tool that only its own provider runs";
                context.losses.note(field, reason);
                continue;
            }
            Content::ToolCall(call) => {
                context.names.insert(&call.id, &call.name);
                let first = !std::mem::replace(&mut called, true);
                if first && context.bypasses {
                    pending.get_or_insert_with(|| BYPASS.to_owned());
                }
            }
            _ => {}
        }
        pieces.push(Signed {
            block: Some(block),
            proof: pending.take(),
        });
    }
    pieces.extend(moved.into_iter().map(bare));
    pieces.extend(pending.map(alone));
    pieces
}

fn bare(block: &Block) -> Signed<'_> {
    Signed {
        block: Some(block),
        proof: None,
    }
}

fn is_text(block: &Block) -> bool {
    matches!(block.content, Content::Text(_) | Content::Refusal(_))
}

fn shown(signature: &Signature) -> String {
    signature::shown(signature.by, &signature.data).into_owned()
}

fn empty(proof: Option<&str>, w: &mut JsonWriter<'_>) {
    w.object(|w| {
        w.field_str("text", "");
        proof_member(proof, w);
    });
}

fn proof_member(proof: Option<&str>, w: &mut JsonWriter<'_>) {
    if let Some(proof) = proof {
        w.field_str("thoughtSignature", proof);
    }
}

fn part(context: &mut Context<'_>, block: &Block, proof: Option<&str>, w: &mut JsonWriter<'_>) {
    if let Content::Foreign { raw, .. } = &block.content {
        return w.raw(raw.as_str());
    }
    if block.cache.is_some() {
        let reason = "the upstream caches prompts by itself or not at all";
        context.losses.note("cache_control", reason);
    }
    if !context.same_dialect {
        extras::note(&block.extras, "messages.content", &mut context.losses);
    }
    let same_dialect = context.same_dialect;
    let extras = |of_part: bool| {
        let extras = block.extras.iter();
        extras.filter(move |extra| same_dialect && OF_PART.contains(&extra.key.as_str()) == of_part)
    };
    w.object(|w| {
        match &block.content {
            Content::Text(text) | Content::Refusal(text) => w.field_text("text", text),
            Content::Thinking { text, .. } => {
                w.field_text("text", text);
                w.field_bool("thought", true);
            }
            Content::Image(Image { source })
            | Content::Audio(Media { source })
            | Content::Video(Media { source }) => {
                media(source, None, &block.content, block, same_dialect, w);
            }
            Content::Document(Document { source, name }) => {
                media(
                    source,
                    name.as_deref(),
                    &block.content,
                    block,
                    same_dialect,
                    w,
                );
            }
            Content::ToolCall(call) => w.field_object("functionCall", |w| {
                function_call(call, &NAMES.fit(&call.name), w);
                write_all(extras(false), w);
            }),
            Content::ToolResult(result) => w.field_object("functionResponse", |w| {
                function_response(context, result, block, w);
            }),
            Content::RedactedThinking { .. } | Content::Foreign { .. } => {}
        }
        write_all(extras(true), w);
        proof_member(proof, w);
    });
}

fn write_all<'e>(extras: impl Iterator<Item = &'e Extra>, w: &mut JsonWriter<'_>) {
    for extra in extras {
        w.field_raw(&extra.key, extra.value.as_str());
    }
}

/// The members of a `functionCall`; the name is the one to show.
pub(super) fn function_call(call: &ToolCall, name: &str, w: &mut JsonWriter<'_>) {
    if !call.id.is_empty() && !call.id.starts_with(SYNTHETIC) {
        w.field_str("id", &call.id);
    }
    w.field_str("name", name);
    w.key("args");
    arguments(&custom::arguments(call), w);
}

/// Arguments have to be an object. What a model wrote that is none (cut by the token
/// limit, or malformed) is not repaired but wrapped.
pub(super) fn arguments(arguments: &str, w: &mut JsonWriter<'_>) {
    if arguments.trim().is_empty() {
        w.raw("{}");
    } else if is_json_object(arguments) {
        w.raw(arguments.trim());
    } else {
        w.object(|w| w.field_str("malformed_arguments", arguments));
    }
}

fn function_response(
    context: &mut Context<'_>,
    result: &ToolResult,
    block: &Block,
    w: &mut JsonWriter<'_>,
) {
    let own = |key: &str| {
        let mut own = block.extras.iter().filter(|_| context.same_dialect);
        own.rfind(|extra| extra.key == *key)
    };
    if !result.call_id.is_empty() && !result.call_id.starts_with(SYNTHETIC) {
        w.field_str("id", &result.call_id);
    }
    let known = context.names.get(result.call_id.as_str()).copied();
    match own("name") {
        Some(name) => w.field_raw("name", name.value.as_str()),
        None => w.field_str("name", &NAMES.fit(known.unwrap_or("unknown_function"))),
    }
    match own("response") {
        Some(response) => w.field_raw("response", response.value.as_str()),
        None => w.field_object("response", |w| response(result, w)),
    }
    let media = result.content.iter().filter(|_| context.same_dialect);
    let media: Vec<&Block> = media.filter(|block| !is_text(block)).collect();
    if !media.is_empty() {
        w.field_array("parts", |w| {
            for block in media {
                part(context, block, None, w);
            }
        });
    }
    if context.same_dialect {
        let rest = block.extras.iter().filter(|extra| {
            !OF_PART.contains(&extra.key.as_str())
                && !matches!(extra.key.as_str(), "name" | "response")
        });
        write_all(rest, w);
    }
}

/// A response is an object; the text of a result is one member of it, so that any
/// text comes back as it was.
fn response(result: &ToolResult, w: &mut JsonWriter<'_>) {
    let texts = result.content.iter();
    let texts = texts.filter_map(|block| match &block.content {
        Content::Text(text) | Content::Refusal(text) => Some(text),
        _ => None,
    });
    let texts: Vec<&Text> = texts.collect();
    if texts.is_empty() {
        return;
    }
    w.key(if result.is_error { "error" } else { "result" });
    w.joined(&texts, "\n");
}
