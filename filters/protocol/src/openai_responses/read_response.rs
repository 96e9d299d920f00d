//! A response object into the neutral form.

use std::borrow::Cow;

use crate::body::Body;
use crate::error::ErrorInfo;
use crate::json::Json;
use crate::neutral::{Block, Choice, Content, Message, Response, Role, StopReason};
use crate::openai_responses::{read_input, usage};
use crate::path::Path;
use crate::read::Read;

pub(super) fn read(body: &Body) -> Result<Response, ErrorInfo> {
    let read = Read::new(body);
    let json = read.body();
    let status = json.get("status").and_then(Json::as_str);
    if let Some("cancelled" | "in_progress" | "queued") = status.as_deref() {
        let message = "The upstream ended before its answer was complete.";
        return Err(ErrorInfo::upstream(message));
    }
    let at = Path::Top("output");
    let mut messages = Vec::new();
    let items = json.get("output").map(Json::items).into_iter().flatten();
    for (index, item) in items.enumerate() {
        if let Some((media_type, data)) = picture(item) {
            let picture = Content::media(media_type.into(), data.into_owned().into());
            let picture = Message::new(Role::Assistant, vec![Block::new(picture)]);
            messages.push(picture);
            continue;
        }
        read_input::item(read, item, &at.index(index), &mut messages)
            .map_err(|_| ErrorInfo::upstream("The upstream's answer could not be read."))?;
    }
    let content: Vec<Block> = messages
        .into_iter()
        .flat_map(|message| message.content)
        .collect();
    let calls = content
        .iter()
        .any(|block| matches!(block.content, Content::ToolCall(_)));
    let model = json.get("model").and_then(Json::as_str).unwrap_or_default();
    Ok(Response {
        model: model.into_owned().into(),
        choices: vec![Choice {
            content,
            stop: stop_reason(json, calls),
            stop_sequence: None,
        }],
        usage: usage::of_answer(json),
    })
}

/// The type and the bytes of a picture that the model drew, in base64.
pub(super) fn picture(item: Json<'_>) -> Option<(String, Cow<'_, str>)> {
    let [kind, result, format] = item.members(["type", "result", "output_format"]);
    if kind?.as_str()? != "image_generation_call" {
        return None;
    }
    let data = result?.as_str().filter(|data| !data.is_empty())?;
    let format = format.and_then(Json::as_str);
    let format = format.filter(|format| !format.is_empty());
    Some((
        format!("image/{}", format.as_deref().unwrap_or("png")),
        data,
    ))
}

/// Why the model stopped, by the status of a response object.
pub(super) fn stop_reason(response: Json<'_>, calls: bool) -> StopReason {
    let reason = response
        .get("incomplete_details")
        .and_then(|details| details.get("reason")?.as_str());
    let status = response.get("status").and_then(Json::as_str);
    match (reason.as_deref(), status.as_deref()) {
        (Some("content_filter"), _) => StopReason::Refusal,
        (Some("max_output_tokens"), _) | (_, Some("incomplete")) => StopReason::MaxTokens,
        _ if calls => StopReason::ToolUse,
        _ => StopReason::EndOfTurn,
    }
}
