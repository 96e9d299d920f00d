//! Requests, read and written.

use crate::alias::Aliases;
use crate::body::Body;
use crate::dialect::{Dialect, Without};
use crate::extras;
use crate::json::{Json, Kind};
use crate::neutral::{Block, Content, Extra, Format, Message, Request, Role};
use crate::path::Path;
use crate::problem::{InvalidRequest, Losses, Unsupported};
use crate::read::{self, Read};
use crate::target::{Target, Written};
use crate::text::Text;

/// What the API writes at most where the caller sets no limit.
const DEFAULT_MAX_TOKENS: u64 = 16;

pub(super) fn read(body: &Body) -> Result<Request, InvalidRequest> {
    let read = Read::new(body);
    let mut request = Request::new(Dialect::OpenaiCompletions);
    request.max_output_tokens = Some(DEFAULT_MAX_TOKENS);
    // Null means the same as absent.
    let members = read.body().entries().filter(|(_, value)| !value.is_null());
    for (key, value) in members {
        field(&mut request, &key, value, read)?;
    }
    if request.model.is_blank() {
        return Err(InvalidRequest::must_be("model", "a non-empty string"));
    }
    if !request.extras.iter().any(|extra| extra.key == *"prompt") {
        return Err(read::missing(&Path::Top("prompt")));
    }
    Ok(request)
}

fn field(
    request: &mut Request,
    key: &str,
    value: Json<'_>,
    read: Read<'_>,
) -> Result<(), InvalidRequest> {
    let at = &Path::Top(key);
    let sampling = &mut request.sampling;
    match key {
        "model" => request.model = read.text(value, at)?,
        "prompt" => {
            let extra = match prompt(read, value, at)? {
                Some(text) => {
                    let message = Message::new(Role::User, vec![Block::text(text)]);
                    request.messages.push(message);
                    read.mirrored(key, value)
                }
                None => read.extra(key, value),
            };
            request.extras.push(extra);
        }
        "stream" => request.stream = read::flag(value, at)?,
        "stream_options" => {
            let include = value.get("include_usage").and_then(Json::as_bool);
            request.include_usage = include.unwrap_or(false);
        }
        "max_tokens" => request.max_output_tokens = Some(read::count(value, at)?),
        "n" => request.choices = Some(read::count(value, at)?),
        "temperature" => sampling.temperature = Some(read.number(value, at)?),
        "top_p" => sampling.top_p = Some(read.number(value, at)?),
        "seed" => sampling.seed = Some(read.number(value, at)?),
        "frequency_penalty" => sampling.frequency_penalty = Some(read.number(value, at)?),
        "presence_penalty" => sampling.presence_penalty = Some(read.number(value, at)?),
        "stop" if value.kind() == Kind::String => request.stop = vec![read.text(value, at)?],
        "stop" => {
            for (index, stop) in read::array(value, at)?.enumerate() {
                request.stop.push(read.text(stop, &at.index(index))?);
            }
        }
        "user" => request.user = Some(read.text(value, at)?),
        _ => request.extras.push(read.extra(key, value)),
    }
    Ok(())
}

/// A string, alone or the only one of an array; nothing for several prompts at once,
/// and for tokens.
fn prompt(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Option<Text>, InvalidRequest> {
    if json.kind() == Kind::String {
        return read.text(json, at).map(Some);
    }
    let mut items = read::array(json, at)?;
    match (items.next(), items.next()) {
        (Some(only), None) if only.kind() == Kind::String => read.text(only, at).map(Some),
        _ => Ok(None),
    }
}

/// What dropping a field does to the meaning of a request.
pub(super) fn without(extra: &Extra) -> Without {
    let value = extra.value.json();
    match extra.key.as_str() {
        "prompt" => Without::Unsupported("This model takes one prompt, and it as text."),
        "suffix" => Without::Unsupported("This model cannot insert text before a suffix."),
        "echo" if value.as_bool() == Some(true) => {
            Without::Unsupported("This model cannot repeat the prompt.")
        }
        "logprobs" => Without::Unsupported("This model tells no log probabilities."),
        "best_of" if value.as_u64() != Some(1) => {
            Without::Unsupported("This model cannot choose the best of several completions.")
        }
        _ => Without::Loss("the upstream's dialect has no such parameter"),
    }
}

pub(super) fn write(request: &Request, target: &Target<'_>) -> Result<Written, Unsupported> {
    let same_dialect = request.dialect == Dialect::OpenaiCompletions;
    let mut losses = Losses::default();
    let prompt = match same_dialect {
        true => None,
        false => Some(foreign(request, &mut losses)?),
    };
    let body = request.written(|w| {
        w.field_str("model", target.model);
        if let Some(prompt) = prompt {
            w.field_text("prompt", prompt);
        }
        if let Some(wanted) = request.max_output_tokens.or(target.max_output_tokens) {
            let most = target.max_output_tokens.unwrap_or(u64::MAX);
            if wanted > most {
                let reason = "lowered to the most that the model can write";
                losses.note(request.names().max_output_tokens, reason);
            }
            w.field_u64("max_tokens", wanted.min(most));
        }
        let sampling = &request.sampling;
        let numbers = [
            ("temperature", &sampling.temperature, target.drops_sampling),
            ("top_p", &sampling.top_p, target.drops_sampling),
            ("top_k", &sampling.top_k, true),
            ("seed", &sampling.seed, false),
            ("frequency_penalty", &sampling.frequency_penalty, false),
            ("presence_penalty", &sampling.presence_penalty, false),
        ];
        for (key, value, unknown) in numbers {
            match value {
                Some(_) if unknown => losses.note(key, "the model takes no such parameter"),
                Some(value) => w.field_raw(key, value.as_str()),
                None => {}
            }
        }
        if !request.stop.is_empty() {
            w.field_array("stop", |w| {
                for stop in &request.stop {
                    w.text(stop);
                }
            });
        }
        if let Some(choices) = request.choices {
            w.field_u64("n", choices);
        }
        if let Some(user) = &request.user {
            w.field_text("user", user);
        }
        if request.stream {
            w.field_bool("stream", true);
            // Whether or not the caller wants to see it: what is used is billed.
            w.field_object("stream_options", |w| w.field_bool("include_usage", true));
        }
        if same_dialect {
            extras::write(&request.extras, w);
        }
    });
    Ok(Written {
        body,
        losses: losses.into_vec(),
        aliases: Aliases::default(),
    })
}

/// The prompt of a request in another dialect, if it asks for no more than going on
/// with a text.
fn foreign<'r>(request: &'r Request, losses: &mut Losses) -> Result<&'r Text, Unsupported> {
    let refuse = |field: &str, message: &'static str| Err(Unsupported::new(field, message));
    if !request.tools.is_empty() {
        return refuse(
            "tools",
            "This model only completes text; it takes no tools.",
        );
    }
    if !matches!(request.format, None | Some(Format::Text)) {
        let message = "This model only completes text; it takes no format.";
        return refuse(request.names().format, message);
    }
    extras::settle(request, losses)?;
    if request.reasoning.is_some() {
        losses.note(request.names().reasoning, "the model cannot think");
    }
    match request.messages.as_slice() {
        [message] if message.role == Role::User => {
            extras::note(&message.extras, "messages", losses);
            if let [block] = message.content.as_slice()
                && let Content::Text(text) = &block.content
            {
                return Ok(text);
            }
            let message = "This model only completes text; it takes one text.";
            refuse(&request.field_of(0), message)
        }
        _ => refuse(
            "messages",
            "This model only completes text; it takes one message of the user.",
        ),
    }
}
