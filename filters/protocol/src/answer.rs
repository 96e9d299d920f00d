//! Whole answers: what they are, and the way from one dialect to another.

use crate::body::Body;
use crate::dialect::{CallerCodec, Dialect, caller, codec};
use crate::error::{self, ErrorInfo};
use crate::framing::Event;
use crate::json::{Json, JsonWriter, Kind, Limits};
use crate::neutral::{Aggregate, Response, Usage};
use crate::peek;
use crate::stream::intake::Intake;

/// What a whole body with a 2xx status turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Classified {
    Answer,
    /// An error in disguise.
    Error(ErrorInfo),
    /// Neither: HTML, nothing, broken JSON, JSON of another kind. The error is what
    /// the caller gets instead.
    Garbage(ErrorInfo),
}

/// A whole answer that is passed on in its own dialect.
#[derive(Clone, Debug, PartialEq)]
pub struct Passed {
    /// All zero where the answer says nothing of it.
    pub usage: Usage,
    /// The bytes for the caller, unless they are the upstream's own.
    pub edited: Option<Vec<u8>>,
}

pub(crate) fn classify(dialect: Dialect, body: &[u8]) -> Classified {
    if holds_events(dialect, body) {
        return match read(dialect, body.to_vec()) {
            Ok(_) => Classified::Answer,
            Err(error) => Classified::Error(error),
        };
    }
    match judge(dialect, body) {
        Ok(_) => Classified::Answer,
        Err(otherwise) => otherwise,
    }
}

/// The answer in `body`, or what it is instead.
fn judge(dialect: Dialect, body: &[u8]) -> Result<Json<'_>, Classified> {
    let json = Json::parse(body, &Limits::response()).ok();
    let Some(json) = json.filter(|json| json.kind() == Kind::Object) else {
        return Err(Classified::Garbage(garbage(body)));
    };
    match error_in(dialect, json) {
        Some(error) => Err(Classified::Error(error)),
        None if codec(dialect).is_answer(json) => Ok(json),
        None => Err(Classified::Garbage(garbage(body))),
    }
}

/// Judges, measures and edits an answer that stays in its dialect, reading it once.
pub(crate) fn pass(
    dialect: Dialect,
    body: &[u8],
    model: Option<&str>,
) -> Result<Passed, ErrorInfo> {
    let json = judge(dialect, body).map_err(|otherwise| match otherwise {
        Classified::Error(error) | Classified::Garbage(error) => error,
        Classified::Answer => garbage(body),
    })?;
    Ok(Passed {
        usage: codec(dialect).read_usage(json).unwrap_or_default(),
        edited: model.and_then(|model| with_model(dialect, body, json, model)),
    })
}

/// Reads a whole answer: one JSON object, or, from an upstream that can only
/// stream, all the events of it.
pub(crate) fn read(dialect: Dialect, body: Vec<u8>) -> Result<Response, ErrorInfo> {
    if holds_events(dialect, &body) {
        return aggregate(dialect, &body);
    }
    let unreadable = garbage(&body);
    let Ok(body) = Body::parse(body, &Limits::response()) else {
        return Err(unreadable);
    };
    if let Some(error) = error_in(dialect, body.json()) {
        return Err(error);
    }
    if !codec(dialect).is_answer(body.json()) {
        return Err(unreadable);
    }
    codec(dialect).read_response(&body)
}

fn aggregate(dialect: Dialect, body: &[u8]) -> Result<Response, ErrorInfo> {
    let codec = codec(dialect);
    let mut reader = codec.stream_reader();
    let mut intake = Intake::new(codec.framing());
    let mut aggregate = Aggregate::default();
    let mut take = |event: &Event<'_>| {
        reader.read(event, &mut |event| aggregate.add(event));
        Ok(())
    };
    let read = intake.push(body, &mut take);
    read.and_then(|()| intake.finish(&mut take))?;
    aggregate.finish()
}

/// The error that a JSON body with a successful status holds.
pub(crate) fn error_in(dialect: Dialect, json: Json<'_>) -> Option<ErrorInfo> {
    let [error, kind, object, aws] = json.members(["error", "type", "object", "__type"]);
    let has_error = error.and_then(Json::non_null).is_some();
    let says_error = [kind, object]
        .into_iter()
        .flatten()
        .any(|name| name.as_str().as_deref() == Some("error"));
    (has_error || says_error || aws.is_some())
        .then(|| error::read_error(dialect, 200, json.raw().as_bytes()))
}

pub(crate) fn usage(dialect: Dialect, body: &[u8]) -> Option<Usage> {
    if holds_events(dialect, body) {
        return read(dialect, body.to_vec()).ok()?.usage;
    }
    let json = Json::parse(body, &Limits::response()).ok()?;
    codec(dialect).read_usage(json)
}

/// The answer with another model name; every other byte stays.
pub(crate) fn replace_model(dialect: Dialect, body: &[u8], model: &str) -> Option<Vec<u8>> {
    let json = Json::parse(body, &Limits::response()).ok()?;
    with_model(dialect, body, json, model)
}

fn with_model(dialect: Dialect, body: &[u8], json: Json<'_>, model: &str) -> Option<Vec<u8>> {
    let name = model_name(caller(dialect), json)?;
    let start = (name.raw().as_ptr() as usize).checked_sub(body.as_ptr() as usize)?;
    let mut quoted = Vec::new();
    JsonWriter::new(&mut quoted).string(model);
    Some(peek::apply(
        body,
        &[(start..start + name.raw().len(), quoted)],
    ))
}

/// The string that names the model in an answer or an event.
pub(crate) fn model_name<'a>(codec: &dyn CallerCodec, json: Json<'a>) -> Option<Json<'a>> {
    let paths = codec.model_paths().iter();
    let mut found = paths.filter_map(|path| path.iter().try_fold(json, |json, key| json.get(key)));
    found.find(|json| json.kind() == Kind::String)
}

/// Whether a whole body is a stream. One JSON object is not, in whatever framing it
/// could be the only event.
fn holds_events(dialect: Dialect, body: &[u8]) -> bool {
    let inside = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let inside = inside.trim_ascii_start();
    let framing = codec(dialect).framing();
    if framing.begins(inside) {
        return inside.first() != Some(&b'{') || Json::parse(body, &Limits::response()).is_err();
    }
    [&b"data:"[..], b"event:", b":", b"id:", b"retry:"]
        .iter()
        .any(|field| inside.starts_with(field))
}

/// What is said of a body that is no answer.
pub(crate) fn garbage(body: &[u8]) -> ErrorInfo {
    ErrorInfo::upstream(match body.trim_ascii_start().first() {
        None => "The upstream's answer was empty.",
        Some(b'<') => "The upstream answered with a web page.",
        Some(_) => "The upstream's answer could not be read.",
    })
}
