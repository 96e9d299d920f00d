//! The neutral form into a generateContent answer.

use crate::dialect::Dialect;
use crate::gemini::read_response::finish_reason;
use crate::gemini::{signature, usage, write_parts};
use crate::json::{JsonWriter, object_bytes};
use crate::neutral::{Block, Content, Image, Media, Response, Signature, Source};
use crate::reply::Reply;

pub(super) fn write(response: &Response, reply: &Reply) -> Vec<u8> {
    object_bytes(|w| {
        w.field_array("candidates", |w| {
            for (index, choice) in (0..).zip(&response.choices) {
                w.object(|w| {
                    w.field_object("content", |w| {
                        w.field_array("parts", |w| parts(&choice.content, reply, w));
                        w.field_str("role", "model");
                    });
                    w.field_str("finishReason", finish_reason(choice.stop));
                    w.field_u64("index", index);
                });
            }
        });
        if let Some(usage) = &response.usage {
            w.field_object("usageMetadata", |w| usage::members(usage, w));
        }
        tail(reply, w);
    })
}

/// The members that end an answer, whole or a chunk.
pub(super) fn tail(reply: &Reply, w: &mut JsonWriter<'_>) {
    w.field_str("modelVersion", &reply.model);
    w.field_str("responseId", &reply.id);
}

fn parts(blocks: &[Block], reply: &Reply, w: &mut JsonWriter<'_>) {
    // The signature of the part that comes next: as in streams, also another provider's of
    // the thought before.
    let mut pending: Option<String> = None;
    for Block { content, .. } in blocks {
        let proof = match content {
            Content::Thinking { text, signature } => {
                let (own, next) = match signature {
                    Some(signature) if text.is_empty() || signature.by != Dialect::Gemini => {
                        (None, Some(shown(signature)))
                    }
                    signature => (signature.as_ref().map(shown), None),
                };
                if !text.is_empty() {
                    alone(pending.take(), w);
                    w.object(|w| {
                        w.field_text("text", text);
                        w.field_bool("thought", true);
                        proof_member(own.as_deref(), w);
                    });
                }
                if let Some(next) = next {
                    alone(pending.replace(next), w);
                }
                continue;
            }
            Content::RedactedThinking { data } => {
                alone(pending.replace(signature::shown_redacted(data)), w);
                continue;
            }
            Content::Text(text) | Content::Refusal(text) if text.is_empty() => continue,
            _ if is_sayable(content) => pending.take(),
            _ => continue,
        };
        w.object(|w| {
            match content {
                Content::Text(text) | Content::Refusal(text) => w.field_text("text", text),
                Content::ToolCall(call) => w.field_object("functionCall", |w| {
                    write_parts::function_call(call, reply.aliases.original(&call.name), w);
                }),
                Content::Image(Image { source })
                | Content::Audio(Media { source })
                | Content::Video(Media { source }) => {
                    if let Source::Base64 { media_type, data } = source {
                        inline_data(media_type, data, w);
                    }
                }
                _ => {}
            }
            proof_member(proof.as_deref(), w);
        });
    }
    alone(pending, w);
}

fn is_sayable(content: &Content) -> bool {
    match content {
        Content::Text(_) | Content::Refusal(_) | Content::ToolCall(_) => true,
        Content::Image(Image { source })
        | Content::Audio(Media { source })
        | Content::Video(Media { source }) => matches!(source, Source::Base64 { .. }),
        _ => false,
    }
}

fn shown(signature: &Signature) -> String {
    signature::shown(signature.by, &signature.data).into_owned()
}

/// A signature that no part follows.
fn alone(proof: Option<String>, w: &mut JsonWriter<'_>) {
    if proof.is_some() {
        w.object(|w| {
            w.field_str("text", "");
            proof_member(proof.as_deref(), w);
        });
    }
}

pub(super) fn proof_member(proof: Option<&str>, w: &mut JsonWriter<'_>) {
    if let Some(proof) = proof {
        w.field_str("thoughtSignature", proof);
    }
}

pub(super) fn inline_data(media_type: &str, data: &str, w: &mut JsonWriter<'_>) {
    w.field_object("inlineData", |w| {
        w.field_str("mimeType", media_type);
        w.field_str("data", data);
    });
}
