//! Whole answers, read and written.

use crate::body::Body;
use crate::error::ErrorInfo;
use crate::json::{Json, JsonWriter, object_bytes};
use crate::neutral::{Block, Choice, Content, Response, StopReason};
use crate::openai_chat::read_response::{failure, stop_reason};
use crate::openai_chat::usage;
use crate::reply::Reply;
use crate::text::Text;

pub(super) fn read(body: &Body) -> Result<Response, ErrorInfo> {
    let json = body.json();
    let choices = json.get("choices").map(Json::items).into_iter().flatten();
    let choices: Vec<Choice> = choices
        .map(|choice| {
            if let Some(error) = failure(choice) {
                return Err(error);
            }
            let [text, reason] = choice.members(["text", "finish_reason"]);
            let text = text.and_then(Json::as_str).unwrap_or_default();
            let reason = reason.and_then(Json::as_str);
            Ok(Choice {
                content: vec![Block::text(text.into_owned())],
                stop: stop_reason(reason.as_deref(), false),
                stop_sequence: None,
            })
        })
        .collect::<Result<_, ErrorInfo>>()?;
    if choices.is_empty() {
        let message = "The upstream's answer holds no choice.";
        return Err(ErrorInfo::upstream(message));
    }
    let model = json.get("model").and_then(Json::as_str).unwrap_or_default();
    Ok(Response {
        model: model.into_owned().into(),
        choices,
        usage: usage::of_answer(json),
    })
}

pub(super) fn finish_reason(stop: StopReason) -> &'static str {
    match stop {
        StopReason::EndOfTurn
        | StopReason::StopSequence
        | StopReason::ToolUse
        | StopReason::Pause => "stop",
        StopReason::MaxTokens | StopReason::ContextWindow => "length",
        StopReason::Refusal => "content_filter",
    }
}

pub(super) fn write(response: &Response, reply: &Reply) -> Vec<u8> {
    object_bytes(|w| {
        head(reply, w);
        w.field_array("choices", |w| {
            for (index, choice) in (0..).zip(&response.choices) {
                // Thinking and calls have no place here; nobody gave this caller tools.
                let texts = choice.content.iter();
                let texts: Vec<&Text> = texts
                    .filter_map(|block| match &block.content {
                        Content::Text(text) | Content::Refusal(text) => Some(text),
                        _ => None,
                    })
                    .collect();
                w.object(|w| {
                    w.key("text");
                    w.joined(&texts, "");
                    w.field_u64("index", index);
                    w.field_null("logprobs");
                    w.field_str("finish_reason", finish_reason(choice.stop));
                });
            }
        });
        if let Some(used) = &response.usage {
            w.field_object("usage", |w| usage::members(used, w));
        }
    })
}

/// The members that begin an answer and every chunk of a stream.
pub(super) fn head(reply: &Reply, w: &mut JsonWriter<'_>) {
    w.field_str("id", &format!("cmpl-{}", reply.id));
    w.field_str("object", "text_completion");
    w.field_u64("created", reply.created_unix_s);
    w.field_str("model", &reply.model);
}
