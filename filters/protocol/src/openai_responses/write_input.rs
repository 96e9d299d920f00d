//! Neutral messages as the items of `input`.
//!
//! System messages stay where they are, as items with their own role; only those that
//! stood in a field of their own become `instructions`. So the order is the caller's,
//! and what is at the front of a prompt stays there from turn to turn.

use std::collections::HashSet;

use crate::dialect::Dialect;
use crate::extras;
use crate::json::JsonWriter;
use crate::neutral::{
    Block, CallKind, Content, Document, Extra, Image, Media, Message, NAME_THERE, NAMESPACE,
    Request, Role, Source, ToolCall, ToolResult,
};
use crate::openai_responses::read_input::ITEM;
use crate::openai_responses::reasoning;
use crate::openai_responses::write_tools::{IDS, NAMES};
use crate::problem::Losses;
use crate::text::Text;

/// Where the losses of messages are.
const PLACE: &str = "messages";
pub(super) const CACHES_ITSELF: &str = "the upstream caches prompts by itself or not at all";

/// What every part of the writing needs to see.
pub(super) struct Context<'r> {
    request: &'r Request,
    pub(super) losses: Losses,
    /// Ids of the calls whose results are those of custom tools.
    custom: HashSet<&'r str>,
}

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
    fn extras(&mut self, block: &Block, w: &mut JsonWriter<'_>) {
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

    fn message_extras(&mut self, extras: &[Extra], w: &mut JsonWriter<'_>) {
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

/// The texts of `instructions`.
pub(super) fn instructions<'r>(context: &mut Context<'r>) -> Vec<&'r Text> {
    let request = context.request;
    let mut texts: Vec<&Text> = Vec::new();
    for message in request.messages.iter().take(request.system_apart) {
        for block in &message.content {
            if extras::is_billing_header(block) && !context.same_dialect() {
                let reason = "the client's billing header is not for this upstream";
                context.losses.note("system", reason);
                continue;
            }
            if block.cache.is_some() {
                context.losses.note("cache_control", CACHES_ITSELF);
            }
            extras::note(&block.extras, "system", &mut context.losses);
            if let Content::Text(text) = &block.content {
                texts.push(text);
            }
        }
    }
    texts
}

pub(super) fn write(context: &mut Context<'_>, w: &mut JsonWriter<'_>) {
    let messages = context
        .request
        .messages
        .get(context.request.system_apart..)
        .unwrap_or_default();
    w.array(|w| {
        for (index, message) in messages.iter().enumerate() {
            let next = messages.get(index + 1);
            let goes_on = next.is_some_and(|next| next.role == Role::Assistant);
            match message.role {
                Role::System => said(context, "system", message, w),
                Role::Developer => said(context, "developer", message, w),
                Role::User => user(context, message, w),
                Role::Assistant => assistant(context, message, goes_on, w),
            }
        }
    });
}

fn said(context: &mut Context<'_>, role: &str, message: &Message, w: &mut JsonWriter<'_>) {
    let blocks: Vec<&Block> = message.content.iter().collect();
    item(context, role, &blocks, &message.extras, w);
}

/// Results are items of their own, in their place among the rest.
fn user(context: &mut Context<'_>, message: &Message, w: &mut JsonWriter<'_>) {
    let mut run: Vec<&Block> = Vec::new();
    let mut extras = message.extras.as_slice();
    for block in &message.content {
        match &block.content {
            Content::ToolResult(result) => {
                if !run.is_empty() {
                    item(context, "user", &std::mem::take(&mut run), extras, w);
                    extras = &[];
                }
                tool_result(context, block, result, w);
            }
            Content::Foreign { kind, raw, .. } if kind.as_str() == "item_reference" => {
                w.raw(raw.as_str());
            }
            _ => run.push(block),
        }
    }
    if !run.is_empty() {
        item(context, "user", &run, extras, w);
    } else {
        extras::note(extras, PLACE, &mut context.losses);
    }
}

fn item(
    context: &mut Context<'_>,
    role: &str,
    blocks: &[&Block],
    extras: &[Extra],
    w: &mut JsonWriter<'_>,
) {
    w.object(|w| {
        w.field_str("type", "message");
        w.field_str("role", role);
        w.field_array("content", |w| {
            for block in blocks {
                part(context, role, block, w);
            }
        });
        context.message_extras(extras, w);
    });
}

/// Blocks in their order: what is said side by side makes one message item, unless the
/// caller had several.
fn assistant(context: &mut Context<'_>, message: &Message, goes_on: bool, w: &mut JsonWriter<'_>) {
    extras::note(&message.extras, PLACE, &mut context.losses);
    let mut run: Vec<&Block> = Vec::new();
    for (index, block) in message.content.iter().enumerate() {
        if is_empty(block) && !context.same_dialect() {
            continue;
        }
        let is_said = !matches!(
            block.content,
            Content::ToolCall(_)
                | Content::Thinking { .. }
                | Content::RedactedThinking { .. }
                | Content::Foreign { .. }
        ) || is_part(block);
        if !is_said || block.extras.iter().any(|extra| extra.key == *"item.type") {
            flush(context, &mut run, w);
        }
        if is_said {
            run.push(block);
            continue;
        }
        let rest = message.content.get(index + 1..).unwrap_or_default();
        let followed = goes_on || rest.iter().any(can_follow);
        alone(context, block, followed, w);
    }
    flush(context, &mut run, w);
}

/// A part of a message that only this dialect knows, and not an item.
fn is_part(block: &Block) -> bool {
    matches!(&block.content, Content::Foreign { kind, .. } if kind.starts_with("output_"))
}

/// Chat Completions says nothing in so many words.
fn is_empty(block: &Block) -> bool {
    matches!(&block.content, Content::Text(text) if text.is_empty())
}

/// Whether the provider takes it as what reasoning led to.
fn can_follow(block: &Block) -> bool {
    match &block.content {
        Content::Thinking { .. } | Content::RedactedThinking { .. } => false,
        Content::Foreign { dialect, .. } => *dialect == Dialect::OpenaiResponses,
        _ => !is_empty(block),
    }
}

fn flush(context: &mut Context<'_>, run: &mut Vec<&Block>, w: &mut JsonWriter<'_>) {
    let blocks = std::mem::take(run);
    if let Some(first) = blocks.first() {
        let own = first.extras.iter();
        let extras: Vec<Extra> = own
            .filter(|extra| extra.key.starts_with(ITEM))
            .cloned()
            .collect();
        item(context, "assistant", &blocks, &extras, w);
    }
}

/// What is an item by itself.
fn alone(context: &mut Context<'_>, block: &Block, followed: bool, w: &mut JsonWriter<'_>) {
    match &block.content {
        Content::ToolCall(call) => w.object(|w| tool_call(context, block, call, w)),
        Content::Foreign { raw, .. } if context.same_dialect() => w.raw(raw.as_str()),
        Content::Foreign { kind, .. } => {
            let field = format!("{PLACE}.content.{}", kind.as_str());
            let reason = "the trace of a tool that only its own provider runs";
            context.losses.note(field, reason);
        }
        Content::Thinking { .. } | Content::RedactedThinking { .. } if context.same_dialect() => {
            w.object(|w| own_reasoning(context, block, w));
        }
        Content::Thinking { text, signature } => {
            let own = signature.as_ref();
            let own = own.and_then(|own| own.readable_by(Dialect::OpenaiResponses));
            match own {
                // The provider refuses reasoning that led to nothing.
                Some(data) if followed => w.object(|w| reasoning::write_signed(text, data, w)),
                _ => context.losses.note(
                    "messages.thinking",
                    "only thinking that the provider signed itself can be sent back",
                ),
            }
        }
        Content::RedactedThinking { .. } => {
            let reason = "only its own provider can read it";
            context
                .losses
                .note("messages.content.redacted_thinking", reason);
        }
        _ => {}
    }
}

fn own_reasoning(context: &mut Context<'_>, block: &Block, w: &mut JsonWriter<'_>) {
    w.field_str("type", "reasoning");
    context.extras(block, w);
    match &block.content {
        Content::Thinking {
            signature: Some(signature),
            ..
        } => match signature.by {
            Dialect::OpenaiResponses => {
                let data = signature.data.as_str();
                let (_, encrypted) = data.split_once('.').unwrap_or(("", data));
                w.field_str("encrypted_content", encrypted);
            }
            by => w.field_str("encrypted_content", &reasoning::shown(by, &signature.data)),
        },
        Content::RedactedThinking { data } => {
            w.field_str("encrypted_content", &reasoning::shown_redacted(data));
        }
        _ => {}
    }
}

fn tool_call(context: &mut Context<'_>, block: &Block, call: &ToolCall, w: &mut JsonWriter<'_>) {
    let own = |key: &str| block.extras.iter().find(|extra| extra.key == *key);
    let (kind, key) = match call.kind {
        CallKind::Function => ("function_call", "arguments"),
        CallKind::Custom => ("custom_tool_call", "input"),
    };
    w.field_str("type", kind);
    w.field_str("call_id", &IDS.fit(&call.id));
    match own(NAME_THERE).filter(|_| own(NAMESPACE).is_some()) {
        Some(name) => w.field_raw("name", name.value.as_str()),
        None => w.field_str("name", &NAMES.fit(&call.name)),
    }
    match (call.kind, call.arguments.is_empty()) {
        (CallKind::Function, true) => w.field_str(key, "{}"),
        _ => w.field_text(key, &call.arguments),
    }
    context.extras(block, w);
}

fn tool_result(
    context: &mut Context<'_>,
    block: &Block,
    result: &ToolResult,
    w: &mut JsonWriter<'_>,
) {
    if result.is_error {
        let reason = "only the text says that the tool failed";
        context.losses.note("messages.content.is_error", reason);
    }
    w.object(|w| {
        if !context.same_dialect() {
            let custom = context.custom.contains(result.call_id.as_str());
            w.field_str(
                "type",
                if custom {
                    "custom_tool_call_output"
                } else {
                    "function_call_output"
                },
            );
        }
        w.field_str("call_id", &IDS.fit(&result.call_id));
        w.key("output");
        match result.content.as_slice() {
            [] => w.string(""),
            [only] if only.extras.is_empty() => match &only.content {
                Content::Text(text) => w.text(text),
                _ => w.array(|w| part(context, "user", only, w)),
            },
            blocks => w.array(|w| {
                for block in blocks {
                    part(context, "user", block, w);
                }
            }),
        }
        context.extras(block, w);
    });
}

fn part(context: &mut Context<'_>, role: &str, block: &Block, w: &mut JsonWriter<'_>) {
    if let Content::Foreign { raw, .. } = &block.content {
        return w.raw(raw.as_str());
    }
    w.object(|w| {
        match &block.content {
            Content::Text(text) => {
                let kind = if role == "assistant" {
                    "output_text"
                } else {
                    "input_text"
                };
                text_part(kind, text, w);
            }
            Content::Refusal(text) if role == "assistant" => {
                w.field_str("type", "refusal");
                w.field_text("refusal", text);
            }
            Content::Refusal(text) => text_part("input_text", text, w),
            Content::Image(Image { source }) => {
                w.field_str("type", "input_image");
                match source {
                    Source::File { id } => w.field_str("file_id", id),
                    source => {
                        w.key("image_url");
                        url(source, w);
                    }
                }
                let has_detail = block.extras.iter().any(|extra| extra.key == *"detail");
                if !context.same_dialect() {
                    match block.extras.iter().find(|extra| extra.key == *"detail") {
                        // Chat Completions has the same levels.
                        Some(detail) if has_detail => {
                            w.field_raw("detail", detail.value.as_str());
                            return;
                        }
                        _ => w.field_str("detail", "auto"),
                    }
                }
            }
            Content::Document(document) => self::document(document, w),
            Content::Audio(media) => audio(media, w),
            // Not among parts: see `user` and `assistant`.
            _ => {}
        }
        context.extras(block, w);
    });
}

fn text_part(kind: &str, text: &Text, w: &mut JsonWriter<'_>) {
    w.field_str("type", kind);
    w.field_text("text", text);
}

fn url(source: &Source, w: &mut JsonWriter<'_>) {
    match source {
        Source::Base64 { media_type, data } => {
            let (media_type, data) = (media_type.piece(), data.piece());
            w.pieces(&["data:".into(), media_type, ";base64,".into(), data]);
        }
        Source::Url(text) | Source::Text(text) | Source::File { id: text } => w.text(text),
    }
}

fn document(document: &Document, w: &mut JsonWriter<'_>) {
    if let Source::Text(text) = &document.source {
        w.field_str("type", "input_text");
        w.key("text");
        return match &document.name {
            Some(name) => w.pieces(&[name.piece(), "\n\n".into(), text.piece()]),
            None => w.text(text),
        };
    }
    w.field_str("type", "input_file");
    let name = document.name.as_deref();
    match &document.source {
        Source::File { id } => w.field_str("file_id", id),
        Source::Url(url) => w.field_str("file_url", url),
        source => {
            // A name is required with data.
            w.field_str("filename", name.unwrap_or("document.pdf"));
            w.key("file_data");
            return url(source, w);
        }
    }
    if let Some(name) = name {
        w.field_str("filename", name);
    }
}

fn audio(media: &Media, w: &mut JsonWriter<'_>) {
    if let Source::Base64 { media_type, data } = &media.source
        && let Some(format) = audio_format(media_type)
    {
        w.field_str("type", "input_audio");
        w.field_object("input_audio", |w| {
            w.field_text("data", data);
            w.field_str("format", format);
        });
    }
}

/// The name of a format of `input_audio`; there are two.
pub(super) fn audio_format(media_type: &str) -> Option<&'static str> {
    match media_type {
        "audio/wav" | "audio/x-wav" | "audio/wave" => Some("wav"),
        "audio/mpeg" | "audio/mp3" => Some("mp3"),
        _ => None,
    }
}
