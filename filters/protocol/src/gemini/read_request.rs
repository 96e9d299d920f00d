//! A generateContent request into the neutral form. The model and whether to stream
//! stand in the path: see [`crate::Addressed`].

use crate::body::Body;
use crate::dialect::Dialect;
use crate::gemini::fields::{asks_for_more_than_text, named};
use crate::gemini::{read_parts, read_tools, schema};
use crate::json::{Json, Kind};
use crate::neutral::{Effort, Format, Message, Reasoning, Request, Role};
use crate::path::Path;
use crate::problem::InvalidRequest;
use crate::read::{self, Read};
use crate::text::{Raw, Text};

pub(super) fn read(body: &Body) -> Result<Request, InvalidRequest> {
    let read = Read::new(body);
    let mut request = Request::new(Dialect::Gemini);
    // Its streams always report usage.
    request.include_usage = true;
    let members = read.body().entries().filter(|(_, value)| !value.is_null());
    for (key, value) in members {
        field(&mut request, &key, value, read)?;
    }
    if request
        .messages
        .iter()
        .all(|message| message.role == Role::System)
    {
        return Err(InvalidRequest::must_be("contents", "a non-empty array"));
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
    match key {
        "contents" => {
            let messages = read_parts::contents(read, value, at)?;
            request.messages.extend(messages);
        }
        "tools" => read_tools::tools(read, value, at, &mut request.tools)?,
        // Said by the path as well, which counts.
        "model" => {}
        key if named(key, "systemInstruction") => {
            let blocks = match value.kind() {
                Kind::String => vec![crate::neutral::Block::text(read.text(value, at)?)],
                _ => read_parts::content(read, read::object(value, at)?, at)?,
            };
            let system = Message::new(Role::System, blocks);
            request.messages.insert(0, system);
            request.system_apart = 1;
        }
        key if named(key, "toolConfig") => read_tools::config(read, key, value, request)?,
        key if named(key, "generationConfig") => {
            generation_config(request, read::object(value, at)?, read, at)?;
            request.extras.push(read.mirrored(key, value));
        }
        _ => request.extras.push(read.extra(key, value)),
    }
    Ok(())
}

/// What is known of the output's form until all of it is.
#[derive(Default)]
struct FormatParts {
    media_type: Option<Text>,
    schema: Option<Raw>,
}

fn generation_config(
    request: &mut Request,
    config: Json<'_>,
    read: Read<'_>,
    at: &Path<'_>,
) -> Result<(), InvalidRequest> {
    let mut format = FormatParts::default();
    for (key, value) in config.entries().filter(|(_, value)| !value.is_null()) {
        let at = at.key(&key);
        let is = |name| named(&key, name);
        let sampling = &mut request.sampling;
        let number = [
            ("temperature", &mut sampling.temperature),
            ("topP", &mut sampling.top_p),
            ("seed", &mut sampling.seed),
            ("frequencyPenalty", &mut sampling.frequency_penalty),
            ("presencePenalty", &mut sampling.presence_penalty),
        ]
        .into_iter()
        .find(|(name, _)| is(name));
        if let Some((_, number)) = number {
            *number = Some(read.number(value, &at)?);
        } else if is("topK") {
            // A whole number, which SDKs write as 40.0 and others do not take so.
            let whole = value
                .as_u64()
                .and_then(|top_k| Raw::parse(&top_k.to_string()));
            let written = read.number(value, &at)?;
            request.sampling.top_k = Some(whole.unwrap_or(written));
        } else if is("maxOutputTokens") {
            request.max_output_tokens = Some(read::count(value, &at)?);
        } else if is("candidateCount") {
            request.choices = Some(read::count(value, &at)?);
        } else if is("stopSequences") {
            for (index, stop) in read::array(value, &at)?.enumerate() {
                request.stop.push(read.text(stop, &at.index(index))?);
            }
        } else if is("responseMimeType") {
            format.media_type = Some(read.text(value, &at)?);
        } else if is("responseSchema") {
            format.schema = format.schema.or_else(|| schema::to_json_schema(value));
        } else if is("responseJsonSchema") || key == "_responseJsonSchema" {
            format.schema = Some(read.raw(value));
        } else if is("thinkingConfig") {
            request.reasoning = reasoning(value);
        } else if is("responseModalities") && !asks_for_more_than_text(value) {
            // What everybody answers with.
        } else {
            let name = format!("generationConfig.{key}");
            request.extras.push(read.extra(&name, value));
        }
    }
    request.format = match (format.media_type.as_deref(), format.schema) {
        (Some("application/json"), Some(schema)) => Some(Format::JsonSchema {
            name: None,
            description: None,
            schema,
            strict: None,
        }),
        (Some("application/json"), None) => Some(Format::JsonObject),
        (None | Some("text/plain"), schema) => {
            // What is JSON has to say so.
            let key = "generationConfig.responseSchema";
            let extra = schema.map(|schema| crate::neutral::Extra::new(key, schema));
            request.extras.extend(extra);
            None
        }
        // One of the words of an enumeration.
        (Some(other), _) => {
            let mut quoted = Vec::new();
            crate::json::JsonWriter::new(&mut quoted).string(other);
            let quoted = String::from_utf8(quoted).unwrap_or_default();
            let extra = crate::neutral::Extra::new(
                "generationConfig.responseMimeType",
                Raw::trusted(quoted.into()),
            );
            request.extras.push(extra);
            None
        }
    };
    Ok(())
}

/// `thinkingBudget` (0 is off, -1 is as the model likes) or `thinkingLevel`; who only
/// wants to see the thoughts wants some.
fn reasoning(config: Json<'_>) -> Option<Reasoning> {
    let member = |name| crate::gemini::fields::member(config, name);
    if let Some(level) = member("thinkingLevel").and_then(Json::as_str) {
        let effort = Effort::read(&level.to_ascii_lowercase());
        return Some(effort.map_or(Reasoning::Adaptive(None), Reasoning::Effort));
    }
    match member("thinkingBudget") {
        Some(budget) => Some(match budget.as_u64() {
            Some(0) => Reasoning::Off,
            Some(tokens) => Reasoning::Budget(tokens),
            None => Reasoning::Adaptive(None),
        }),
        None => {
            let shown = member("includeThoughts").and_then(Json::as_bool);
            (shown == Some(true)).then_some(Reasoning::Adaptive(None))
        }
    }
}
