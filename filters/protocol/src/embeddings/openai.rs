//! OpenAI, `POST /v1/embeddings`, and what it shares with those who speak like it.
//!
//! <https://platform.openai.com/docs/api-reference/embeddings>

use crate::body::Body;
use crate::embeddings::names::Names;
use crate::embeddings::purpose::{self, Purpose};
use crate::embeddings::{Form, Formats, Input, Reply, Request, Response, Shape, Truncate, Vector};
use crate::embeddings::{jina, voyage};
use crate::json::{Json, JsonWriter, Kind, object_bytes};
use crate::path::Path;
use crate::problem::{InvalidRequest, Losses, Unsupported};
use crate::read::{self, Read};

pub(super) struct Openai;

const NAMES: Names = Names {
    inputs: "input",
    formats: "encoding_format",
    purpose: "input_type",
    truncate: "truncation",
    normalize: "normalized",
};

/// Fields that make a body Jina's, or Voyage's.
const OF_JINA: [&str; 5] = [
    "task",
    "embedding_type",
    "normalized",
    "late_chunking",
    "truncate",
];
const OF_VOYAGE: [&str; 4] = [
    "input_type",
    "truncation",
    "output_dimension",
    "output_dtype",
];

pub(super) const ONLY_TEXT: &str = "This model embeds text only.";
pub(super) const ONLY_FLOATS: &str = "This model gives vectors of floats only.";

/// Which of the three a body on their common path is.
pub(super) fn shape_of(body: Json<'_>) -> Shape {
    let has = |fields: &[&str]| {
        let mut entries = body.entries();
        entries.any(|(key, value)| fields.contains(&&*key) && !value.is_null())
    };
    if has(&OF_JINA) {
        Shape::Jina
    } else if has(&OF_VOYAGE) {
        Shape::Voyage
    } else {
        Shape::Openai
    }
}

impl Form for Openai {
    fn names(&self) -> &'static Names {
        &NAMES
    }

    fn read_request(&self, read: Read<'_>, request: &mut Request) -> Result<(), InvalidRequest> {
        read_request(read, request)
    }

    fn model_names<'a>(&self, body: Json<'a>) -> Vec<Json<'a>> {
        model_names(body)
    }

    fn write_request(
        &self,
        request: &Request,
        model: &str,
        losses: &mut Losses,
    ) -> Result<Vec<u8>, Unsupported> {
        request.lose_purpose(losses);
        request.lose_truncate(losses);
        request.lose_normalize(losses);
        Ok(object_bytes(|w| {
            w.field_str("model", model);
            write_inputs(request, w);
            if let Some(dimensions) = request.dimensions {
                w.field_u64("dimensions", dimensions);
            }
            if request.formats.only_base64() {
                w.field_str("encoding_format", "base64");
            }
            if let Some(user) = &request.user {
                w.field_text("user", user);
            }
        }))
    }

    fn is_answer(&self, answer: Json<'_>) -> bool {
        is_answer(answer)
    }

    fn read_vectors(&self, answer: &Body) -> Option<Vec<Vector>> {
        read_vectors(answer)
    }

    fn read_input_tokens(&self, answer: Json<'_>) -> Option<u64> {
        read_input_tokens(answer)
    }

    fn write_response(&self, response: &Response, reply: &Reply) -> Option<Vec<u8>> {
        write_response(response, reply)
    }
}

// What the three share.

/// Reads the fields of all three: each of them means the same wherever it is known.
pub(super) fn read_request(read: Read<'_>, request: &mut Request) -> Result<(), InvalidRequest> {
    for (key, value) in read.body().entries() {
        let at = &Path::Top(&key);
        if value.is_null() {
            continue;
        }
        match &*key {
            "model" => {}
            "input" => read_inputs(read, value, at, request)?,
            "dimensions" | "output_dimension" => {
                request.dimensions = Some(read::count(value, at)?);
            }
            "encoding_format" | "embedding_type" => read_formats(read, value, at, request)?,
            "output_dtype" if read.text(value, at)? == *"float" => {}
            "output_dtype" => request.refuse("output_dtype", ONLY_FLOATS),
            "input_type" => read_purpose(read, value, at, voyage::PURPOSES, request)?,
            "task" => read_purpose(read, value, at, jina::PURPOSES, request)?,
            "truncation" | "truncate" => {
                request.truncate = Some(match read::flag(value, at)? {
                    true => Truncate::End,
                    false => Truncate::Never,
                });
            }
            "normalized" => request.normalize = Some(read::flag(value, at)?),
            "user" => request.user = Some(read.text(value, at)?),
            "late_chunking" => {
                if read::flag(value, at)? {
                    let message = "This model embeds each text by itself.";
                    request.refuse("late_chunking", message);
                }
            }
            other => request.lose(other, "no other provider of vectors knows it"),
        }
    }
    Ok(())
}

pub(super) fn model_names(body: Json<'_>) -> Vec<Json<'_>> {
    let name = body.get("model").filter(|name| name.kind() == Kind::String);
    name.into_iter().collect()
}

/// A text, a list of texts, a list of token ids, or a list of such lists. Jina takes
/// objects as well, of which those that hold a text are texts.
fn read_inputs(
    read: Read<'_>,
    value: Json<'_>,
    at: &Path<'_>,
    request: &mut Request,
) -> Result<(), InvalidRequest> {
    request.inputs.clear();
    match value.kind() {
        Kind::String => return request.push(Input::Text(read.text(value, at)?)),
        Kind::Array => {}
        _ => return Err(InvalidRequest::must_be(at.to_string(), "a text or a list")),
    }
    let first = value.items().next();
    if first.is_some_and(|first| first.kind() == Kind::Number) {
        read_tokens(value, at)?;
        return request.push(Input::Tokens(read.raw(value)));
    }
    for (index, item) in value.items().enumerate() {
        let at = &at.index(index);
        match item.kind() {
            Kind::Array => {
                read_tokens(item, at)?;
                request.push(Input::Tokens(read.raw(item)))?;
            }
            Kind::Object => match item.get("text") {
                Some(text) => request.push(Input::Text(read.text(text, &at.key("text"))?))?,
                None => request.refuse(at.to_string(), ONLY_TEXT),
            },
            _ => request.push(Input::Text(read.text(item, at)?))?,
        }
    }
    Ok(())
}

fn read_tokens(array: Json<'_>, at: &Path<'_>) -> Result<(), InvalidRequest> {
    let mut items = array.items();
    match items.all(|item| item.as_u64().is_some()) {
        true => Ok(()),
        false => Err(InvalidRequest::must_be(
            at.to_string(),
            "a text or a list of token ids",
        )),
    }
}

/// One name, or, as Jina takes them too, a list of names.
fn read_formats(
    read: Read<'_>,
    value: Json<'_>,
    at: &Path<'_>,
    request: &mut Request,
) -> Result<(), InvalidRequest> {
    let mut formats = Formats {
        numbers: false,
        base64: false,
    };
    let one = (value.kind() != Kind::Array).then_some(value);
    for name in one.into_iter().chain(value.items()) {
        match read.text(name, at)?.as_str() {
            "float" => formats.numbers = true,
            "base64" => formats.base64 = true,
            _ => request.refuse(at.to_string(), ONLY_FLOATS),
        }
    }
    if formats.numbers || formats.base64 {
        request.formats = formats;
    }
    Ok(())
}

/// The purpose by its name; one that only this provider knows is lost on others.
pub(super) fn read_purpose(
    read: Read<'_>,
    value: Json<'_>,
    at: &Path<'_>,
    words: &purpose::Words,
    request: &mut Request,
) -> Result<(), InvalidRequest> {
    let word = read.text(value, at)?;
    let purpose: Option<Purpose> = purpose::read(words, &word);
    if purpose.is_none() {
        request.lose(at.to_string(), "no other provider knows this purpose");
    }
    request.purpose = purpose;
    Ok(())
}

fn write_inputs(request: &Request, w: &mut JsonWriter<'_>) {
    w.field_array("input", |w| {
        for input in &request.inputs {
            match input {
                Input::Text(text) => w.text(text),
                Input::Tokens(tokens) => w.raw(tokens.as_str()),
            }
        }
    });
}

pub(super) fn is_answer(answer: Json<'_>) -> bool {
    let data = answer.get("data");
    data.is_some_and(|data| data.kind() == Kind::Array)
}

pub(super) fn read_vectors(answer: &Body) -> Option<Vec<Vector>> {
    let data = answer.json().get("data")?;
    if data.kind() != Kind::Array {
        return None;
    }
    let mut vectors = Vec::new();
    for (place, item) in data.items().enumerate() {
        let [index, embedding] = item.members(["index", "embedding"]);
        let vector = Vector::read(answer, embedding?)?;
        let place = u64::try_from(place).ok()?;
        vectors.push((index.and_then(Json::as_u64).unwrap_or(place), vector));
    }
    vectors.sort_unstable_by_key(|(index, _)| *index);
    Some(vectors.into_iter().map(|(_, vector)| vector).collect())
}

/// Voyage tells only the total, which is the same: vectors are no output.
pub(super) fn read_input_tokens(answer: Json<'_>) -> Option<u64> {
    let [prompt, total] = answer
        .get("usage")?
        .members(["prompt_tokens", "total_tokens"]);
    let told = [prompt, total].into_iter().flatten();
    told.filter_map(Json::as_u64).next()
}

pub(super) fn write_response(response: &Response, reply: &Reply) -> Option<Vec<u8>> {
    let mut whole = Some(());
    let body = object_bytes(|w| {
        w.field_str("object", "list");
        w.field_array("data", |w| {
            for (index, vector) in response.vectors.iter().enumerate() {
                w.object(|w| {
                    w.field_str("object", "embedding");
                    w.field_u64("index", u64::try_from(index).unwrap_or(u64::MAX));
                    w.key("embedding");
                    whole = whole.and(vector.write(reply.formats, w));
                });
            }
        });
        w.field_str("model", &reply.model);
        w.field_object("usage", |w| {
            let tokens = response.input_tokens.unwrap_or(0);
            w.field_u64("prompt_tokens", tokens);
            w.field_u64("total_tokens", tokens);
        });
    });
    whole.map(|()| body)
}
