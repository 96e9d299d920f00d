//! The neutral form into a response object. It has one choice: the first.

use crate::json::object_bytes;
use crate::neutral::{CallKind, Choice, Content, Image, Media, Response, Source, ToolCall};
use crate::openai_responses::output::{self, Item, Kind, Part, Status};
use crate::openai_responses::reasoning;
use crate::reply::{Reply, unshown};

pub(super) fn write(response: &Response, reply: &Reply) -> Vec<u8> {
    let nothing = Choice::default();
    let choice = response.choices.first().unwrap_or(&nothing);
    let items = items(choice, reply);
    object_bytes(|w| {
        let status = Status::Ended(choice.stop);
        output::response(reply, status, &items, response.usage.as_ref(), w);
    })
}

fn items(choice: &Choice, reply: &Reply) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    for (block, call) in choice.content.iter().zip(0..) {
        let kind = match &block.content {
            Content::Text(text) | Content::Refusal(text) => {
                let refusal = matches!(block.content, Content::Refusal(_));
                say(text.as_str().to_owned(), refusal, &mut items, reply);
                continue;
            }
            Content::Thinking { text, signature } => Kind::Reasoning {
                summary: text.as_str().to_owned(),
                encrypted: signature
                    .as_ref()
                    .map(|signature| reasoning::shown(signature.by, &signature.data)),
            },
            Content::RedactedThinking { data } => Kind::Reasoning {
                summary: String::new(),
                encrypted: Some(reasoning::shown_redacted(data)),
            },
            Content::ToolCall(tool) => self::call(tool, call, reply),
            Content::Image(Image { source })
            | Content::Audio(Media { source })
            | Content::Video(Media { source }) => {
                let Source::Base64 { media_type, data } = source else {
                    continue;
                };
                match Kind::picture(media_type, data) {
                    Some(picture) => picture,
                    None => {
                        say(unshown(media_type), false, &mut items, reply);
                        continue;
                    }
                }
            }
            // Models do not answer with these, or only their own dialect knows them.
            _ => continue,
        };
        push(kind, &mut items, reply);
    }
    if items.is_empty() {
        push(Kind::Message(vec![Part::new(false)]), &mut items, reply);
    }
    items
}

/// Adds to the message that is last, or begins one.
fn say(text: String, refusal: bool, items: &mut Vec<Item>, reply: &Reply) {
    let part = Part {
        refusal,
        text,
        done: true,
    };
    match items.last_mut().map(|item| &mut item.kind) {
        Some(Kind::Message(parts)) => parts.push(part),
        _ => push(Kind::Message(vec![part]), items, reply),
    }
}

fn push(kind: Kind, items: &mut Vec<Item>, reply: &Reply) {
    let mut item = Item::new(kind, items.len(), reply);
    item.done = true;
    items.push(item);
}

fn call(tool: &ToolCall, number: u32, reply: &Reply) -> Kind {
    let arguments = match (tool.kind, tool.arguments.as_str()) {
        (CallKind::Function, "") => "{}",
        (_, arguments) => arguments,
    };
    let mut call = begun_call(number, tool.kind, &tool.id, &tool.name, reply);
    if let Kind::Call { arguments: own, .. } = &mut call {
        own.push_str(arguments);
    }
    call
}

/// A call without its arguments; `id` and `name` as the upstream has them.
pub(super) fn begun_call(number: u32, kind: CallKind, id: &str, name: &str, reply: &Reply) -> Kind {
    let original = reply.aliases.original(name);
    let (namespace, name) = match reply.aliases.namespace(original) {
        Some((namespace, name)) => (Some(namespace.to_owned()), name),
        None => (None, original),
    };
    Kind::Call {
        call: number,
        kind,
        call_id: match id {
            "" => format!("call_{}_{number}", reply.id),
            id => id.to_owned(),
        },
        namespace,
        name: name.to_owned(),
        arguments: String::new(),
    }
}
