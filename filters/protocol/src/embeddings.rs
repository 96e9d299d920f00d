//! Embeddings: texts in, vectors out, in the shapes of several providers.
//!
//! A family of its own beside the chat dialects: there are no turns, tools or streams
//! here, and some who give vectors speak no chat dialect at all. As there, everything
//! goes through one neutral form ([`Request`], [`Response`]), a shape knows no other
//! shape, and within a shape bytes pass as they are ([`rewrite`], [`pass_response`]).
//!
//! Numbers are copied as they were written. Only where one side wants base64 and the
//! other gives numbers they are converted: base64 of 32-bit floats, little endian.

mod cohere;
mod error;
mod gemini;
mod jina;
mod names;
mod ollama;
mod openai;
mod purpose;
mod request;
mod response;
mod shape;
mod titan;
mod vector;
mod vertex;
mod voyage;

use crate::answer;
use crate::body::Body;
use crate::dialect::Dialect;
use crate::error::ErrorInfo;
use crate::json::{Json, Kind, Limits};
use crate::neutral::Usage;
use crate::peek::{self, Peek};
use crate::problem::{InvalidRequest, Losses, Unsupported};
use crate::read::Read;
use crate::target::Written;

pub use self::error::write_error;
pub use self::purpose::Purpose;
pub use self::request::{Formats, Input, Request, Truncate};
pub use self::response::{Passed, Reply, Response};
pub use self::shape::{ALL, Shape, UnknownShape};
pub use self::vector::Vector;

use self::names::Names;

/// What every shape must be able to do.
pub(crate) trait Form: Sync {
    /// What this shape calls things that others have too.
    fn names(&self) -> &'static Names;
    /// Fills in what the body says; `null` says nothing.
    fn read_request(&self, read: Read<'_>, request: &mut Request) -> Result<(), InvalidRequest>;
    /// Where the body names the model, each a JSON string.
    fn model_names<'a>(&self, body: Json<'a>) -> Vec<Json<'a>>;
    fn write_request(
        &self,
        request: &Request,
        model: &str,
        losses: &mut Losses,
    ) -> Result<Vec<u8>, Unsupported>;

    fn is_answer(&self, answer: Json<'_>) -> bool;
    /// The vectors in the order of the inputs; nothing where they cannot be read.
    fn read_vectors(&self, answer: &Body) -> Option<Vec<Vector>>;
    fn read_input_tokens(&self, answer: Json<'_>) -> Option<u64>;
    /// Nothing where a vector cannot be given in the format that the caller wants.
    fn write_response(&self, response: &Response, reply: &Reply) -> Option<Vec<u8>>;
}

/// Which of the shapes that share `POST /v1/embeddings` a body has: Voyage and Jina
/// take what OpenAI takes, and fields of their own besides.
pub fn shape_of(body: &Body) -> Shape {
    openai::shape_of(body.json())
}

/// Who is asked, and on whose behalf. `model` is the one that the path names, where it
/// does; a body that names another is refused, because gateway and provider must not
/// read two different calls out of one.
pub fn peek(shape: Shape, body: &Body, model: Option<&str>) -> Result<Peek, InvalidRequest> {
    let Some(model) = model else {
        return peek::peek(body);
    };
    let same = |name: &str| shape.is_same_model(name, model);
    let other = |name: &Json<'_>| !name.as_str().as_deref().is_some_and(same);
    let named = shape.form().model_names(body.json());
    if named.iter().any(other) {
        let message = "'model' must be the model that the path names.";
        return Err(InvalidRequest::new("model", message));
    }
    peek::of_path(model)
}

/// Reads a request into the neutral form.
pub fn read_request(shape: Shape, body: &Body) -> Result<Request, InvalidRequest> {
    let mut request = Request::new(shape);
    shape.form().read_request(Read::new(body), &mut request)?;
    if request.inputs.is_empty() && request.refused.is_none() {
        let field = shape.form().names().inputs;
        return Err(InvalidRequest::must_be(
            field,
            "a text or a list that is not empty",
        ));
    }
    Ok(request)
}

/// Writes a request for an upstream of `shape`, whose name for the model is `model`.
pub fn write_request(shape: Shape, request: &Request, model: &str) -> Result<Written, Unsupported> {
    let mut losses = Losses::default();
    if shape != request.shape {
        if let Some(refused) = &request.refused {
            return Err(refused.clone());
        }
        for loss in &request.losses {
            losses.note(loss.field.as_str(), loss.reason.clone());
        }
    }
    let body = shape.form().write_request(request, model, &mut losses)?;
    Ok(Written {
        body,
        losses: losses.into_vec(),
        aliases: Default::default(),
    })
}

/// The body with another model name, for an upstream of the caller's own shape; every
/// other byte stays. Nothing where it can go as it is.
pub fn rewrite(shape: Shape, body: &Body, model: &str) -> Option<Vec<u8>> {
    let named = shape.form().model_names(body.json());
    let edits: Vec<_> = named
        .into_iter()
        .filter_map(|name| {
            let changed = !shape.is_same_model(&name.as_str()?, model);
            let replace = || peek::replace_string(body.as_str(), name, &shape.model_in_body(model));
            changed.then(replace)?
        })
        .collect();
    (!edits.is_empty()).then(|| peek::apply(body.as_str().as_bytes(), &edits))
}

/// A whole answer from the upstream's shape to the caller's. The error is ready for the
/// caller.
pub fn translate_response(
    from: Shape,
    to: Shape,
    body: Vec<u8>,
    reply: &Reply,
) -> Result<(Vec<u8>, Usage), ErrorInfo> {
    let unreadable = answer::garbage(&body);
    let Ok(body) = Body::parse(body, &Limits::response()) else {
        return Err(unreadable);
    };
    if let Some(error) = answer::error_in(Dialect::OpenaiChat, body.json()) {
        return Err(error);
    }
    let form = from.form();
    let vectors = form.read_vectors(&body).ok_or_else(|| unreadable.clone())?;
    reply.check(&vectors)?;
    let response = Response {
        vectors,
        input_tokens: form.read_input_tokens(body.json()),
    };
    let written = to.form().write_response(&response, reply);
    Ok((written.ok_or(unreadable)?, response.usage()))
}

/// A whole answer for a caller of the same shape: its usage, and, where `model` is given
/// and the answer names one, its bytes with that name and nothing else changed.
pub fn pass_response(shape: Shape, body: &[u8], model: Option<&str>) -> Result<Passed, ErrorInfo> {
    let json = Json::parse(body, &Limits::response()).ok();
    let Some(json) = json.filter(|json| json.kind() == Kind::Object) else {
        return Err(answer::garbage(body));
    };
    if let Some(error) = answer::error_in(Dialect::OpenaiChat, json) {
        return Err(error);
    }
    if !shape.form().is_answer(json) {
        return Err(answer::garbage(body));
    }
    let name = json.get("model").filter(|name| name.kind() == Kind::String);
    let text = std::str::from_utf8(body).unwrap_or_default();
    let edit = model
        .zip(name)
        .and_then(|(model, name)| peek::replace_string(text, name, model));
    Ok(Passed {
        usage: response::usage(shape.form().read_input_tokens(json)),
        edited: edit.map(|edit| peek::apply(body, &[edit])),
    })
}
