//! A Responses request into the neutral form.

use crate::body::Body;
use crate::dialect::Dialect;
use crate::json::Json;
use crate::neutral::{Block, Effort, Format, Message, Reasoning, Request, Role};
use crate::openai_responses::{read_input, read_tools};
use crate::path::Path;
use crate::problem::InvalidRequest;
use crate::read::{self, Read};

pub(super) fn read(body: &Body) -> Result<Request, InvalidRequest> {
    let read = Read::new(body);
    let mut request = Request::new(Dialect::OpenaiResponses);
    // Its streams always report usage.
    request.include_usage = true;
    // Null means the same as absent.
    let members = read.body().entries().filter(|(_, value)| !value.is_null());
    for (key, value) in members {
        field(&mut request, &key, value, read)?;
    }
    if let Some(input) = read.body().get("input") {
        read_tools::loaded(read, input, &mut request.tools)?;
    }
    if request.model.is_blank() {
        return Err(InvalidRequest::must_be("model", "a non-empty string"));
    }
    // What is stored elsewhere can take the place of input.
    let refers = |key: &str| request.extras.iter().any(|extra| extra.key == *key);
    let has_input = request.messages.len() > request.system_apart;
    if !has_input
        && !["previous_response_id", "conversation", "prompt"]
            .iter()
            .any(|key| refers(key))
    {
        return Err(InvalidRequest::must_be(
            "input",
            "a string or a non-empty array",
        ));
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
        "model" => request.model = read.text(value, at)?,
        "instructions" => {
            let text = Block::text(read.text(value, at)?);
            request
                .messages
                .insert(0, Message::new(Role::System, vec![text]));
            request.system_apart = 1;
        }
        "input" => read_input::input(read, value, at, &mut request.messages)?,
        "stream" => request.stream = read::flag(value, at)?,
        "tools" => read_tools::tools(read, value, at, &mut request.tools)?,
        "tool_choice" => match read_tools::tool_choice(read, value, at)? {
            Some(choice) => request.tool_choice = Some(choice),
            None => request.extras.push(read.extra(key, value)),
        },
        "parallel_tool_calls" => request.parallel_tool_calls = Some(read::flag(value, at)?),
        "max_output_tokens" => request.max_output_tokens = Some(read::count(value, at)?),
        "temperature" => request.sampling.temperature = Some(read.number(value, at)?),
        "top_p" => request.sampling.top_p = Some(read.number(value, at)?),
        "reasoning" => {
            request.reasoning = reasoning(value);
            request.extras.push(read.mirrored(key, value));
            let effort = value.get("effort").and_then(Json::non_null);
            if let (None, Some(unknown)) = (&request.reasoning, effort) {
                request.extras.push(read.extra("reasoning.effort", unknown));
            }
        }
        "text" => {
            if let Some(format) = value.get("format").and_then(Json::non_null) {
                request.format = Some(self::format(read, format, &at.key("format"))?);
            }
            request.extras.push(read.mirrored(key, value));
            if let Some(verbosity) = value.get("verbosity").and_then(Json::non_null) {
                request.extras.push(read.extra("text.verbosity", verbosity));
            }
        }
        "safety_identifier" | "user" => {
            let user = read.text(value, at)?;
            if key == "safety_identifier" || request.user.is_none() {
                request.user = Some(user);
            }
            request.extras.push(read.mirrored(key, value));
        }
        // Encrypted reasoning is always in the answer, and nothing is ever stored.
        "include" if value.items().all(is_encrypted_reasoning) => {
            request.extras.push(read.mirrored(key, value));
        }
        "store" | "background" if value.as_bool() == Some(false) => {
            request.extras.push(read.mirrored(key, value));
        }
        _ => request.extras.push(read.extra(key, value)),
    }
    Ok(())
}

fn is_encrypted_reasoning(include: Json<'_>) -> bool {
    include.as_str().as_deref() == Some("reasoning.encrypted_content")
}

/// `{effort, summary}`. Who only asks for a summary wants thinking as deep as it is by
/// default; a level that nobody knows yet is left to the model.
fn reasoning(json: Json<'_>) -> Option<Reasoning> {
    let [effort, summary] = json.members(["effort", "summary"]);
    let effort = effort.and_then(Json::non_null);
    match effort {
        Some(effort) => Effort::read(&effort.as_str()?).map(Reasoning::Effort),
        None => {
            summary.and_then(Json::non_null)?;
            Some(Reasoning::Effort(Effort::Medium))
        }
    }
}

fn format(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Format, InvalidRequest> {
    let kind = read.text_of(read::object(json, at)?, "type", at)?;
    match kind.as_str() {
        "text" => Ok(Format::Text),
        "json_object" => Ok(Format::JsonObject),
        "json_schema" => {
            let schema = json.get("schema").and_then(Json::non_null);
            Ok(Format::JsonSchema {
                name: read.optional_text(json, "name", at)?,
                description: read.optional_text(json, "description", at)?,
                schema: read.raw(schema.ok_or_else(|| read::missing(&at.key("schema")))?),
                strict: json.get("strict").and_then(Json::as_bool),
            })
        }
        _ => Err(InvalidRequest::must_be(
            at.key("type").to_string(),
            "'text', 'json_object' or 'json_schema'",
        )),
    }
}
