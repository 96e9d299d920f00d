//! A Chat Completions answer into the neutral form.

use crate::body::Body;
use crate::dialect::Dialect;
use crate::error::{self, ErrorInfo, ErrorKind};
use crate::json::Json;
use crate::media;
use crate::neutral::{Block, Choice, Content, Response, Source, StopReason};
use crate::openai_chat::{read_messages, usage};
use crate::path::Path;
use crate::read::Read;

pub(super) fn read(body: &Body) -> Result<Response, ErrorInfo> {
    let read = Read::new(body);
    let json = read.body();
    let at = Path::Top("choices");
    let choices = json.get("choices").map(Json::items).into_iter().flatten();
    let mut choices: Vec<_> = choices.enumerate().collect();
    choices.sort_by_key(|(position, choice)| {
        let index = choice.get("index").and_then(Json::as_u64);
        index
            .and_then(|index| usize::try_from(index).ok())
            .unwrap_or(*position)
    });
    let choices = choices.into_iter().map(|(index, choice)| {
        if let Some(error) = failure(choice) {
            return Err(error);
        }
        let holder = choice.get("message").unwrap_or(choice);
        let mut message = read_messages::assistant(read, holder, &at.index(index))
            .map_err(|_| ErrorInfo::upstream("The upstream's answer could not be read."))?;
        let is_call = |block: &Block| matches!(block.content, Content::ToolCall(_));
        let first_call = message.content.iter().position(is_call);
        let drawn = pictures(holder).map(|picture| {
            Block::new(match picture {
                Picture::Inline(media_type, data) => Content::media(media_type.into(), data.into()),
                Picture::Elsewhere(url) => Content::Text(url.into()),
            })
        });
        let drawn: Vec<Block> = drawn.collect();
        let at = first_call.unwrap_or(message.content.len());
        message.content.splice(at..at, drawn);
        let calls = first_call.is_some();
        let reason = choice.get("finish_reason").and_then(Json::as_str);
        Ok(Choice {
            content: message.content,
            stop: stop_reason(reason.as_deref(), calls),
            stop_sequence: None,
        })
    });
    let choices: Vec<Choice> = choices.collect::<Result<_, ErrorInfo>>()?;
    if choices.is_empty() {
        return Err(ErrorInfo::upstream(
            "The upstream's answer holds no choice.",
        ));
    }
    let model = json.get("model").and_then(Json::as_str).unwrap_or_default();
    Ok(Response {
        model: model.into_owned().into(),
        choices,
        usage: usage::of_answer(json),
    })
}

/// Unknown and missing reasons are plain ends; calls make the end a `ToolUse`
/// whatever the provider says, because the caller has to run them.
pub(crate) fn stop_reason(name: Option<&str>, calls: bool) -> StopReason {
    match name {
        Some("length") => StopReason::MaxTokens,
        // Mistral: the model's own limit, not the caller's.
        Some("model_length") => StopReason::ContextWindow,
        // The second is Zhipu's.
        Some("content_filter" | "sensitive") => StopReason::Refusal,
        Some("tool_calls" | "function_call") => StopReason::ToolUse,
        _ if calls => StopReason::ToolUse,
        _ => StopReason::EndOfTurn,
    }
}

/// What a model drew, as OpenRouter tells it: in a member of the message, or of a delta.
pub(super) enum Picture {
    /// With its type, in base64.
    Inline(String, String),
    /// At this address.
    Elsewhere(String),
}

pub(super) fn pictures(message: Json<'_>) -> impl Iterator<Item = Picture> {
    let images = message.get("images").map(Json::items);
    images.into_iter().flatten().filter_map(|image| {
        let url = image.get("image_url")?.get("url")?.as_str()?;
        match media::from_data_uri(&url.into_owned().into()) {
            Some(Source::Base64 { media_type, data }) => Some(Picture::Inline(
                media_type.as_str().to_owned(),
                data.as_str().to_owned(),
            )),
            Some(_) => None,
            None => {
                let url = image.get("image_url")?.get("url")?.as_str()?;
                (!url.is_empty()).then(|| Picture::Elsewhere(url.into_owned()))
            }
        }
    })
}

/// The error that a choice ended with, where its reason to finish is one: that of DeepSeek
/// (`insufficient_system_resource`), Mistral and OpenRouter (`error`), and Zhipu
/// (`network_error`). OpenRouter puts the words beside it.
pub(crate) fn failure(choice: Json<'_>) -> Option<ErrorInfo> {
    let [reason, error] = choice.members(["finish_reason", "error"]);
    let error = error.and_then(Json::non_null);
    match reason.and_then(Json::as_str).as_deref() {
        Some("error") if error.is_some() => Some(error::read_error(
            Dialect::OpenaiChat,
            200,
            choice.raw().as_bytes(),
        )),
        Some("error" | "network_error") => Some(ErrorInfo::upstream(
            "The upstream provider failed in the middle of its answer.",
        )),
        Some("insufficient_system_resource") => Some(ErrorInfo::new(
            ErrorKind::Overloaded,
            "The upstream provider is overloaded; try again later.",
        )),
        _ => None,
    }
}

pub(super) fn finish_reason(stop: StopReason) -> &'static str {
    match stop {
        StopReason::EndOfTurn | StopReason::StopSequence | StopReason::Pause => "stop",
        StopReason::MaxTokens | StopReason::ContextWindow => "length",
        StopReason::ToolUse => "tool_calls",
        StopReason::Refusal => "content_filter",
    }
}
