//! Gemini, `:embedContent` for one text and `:batchEmbedContents` for several.
//!
//! Field names are read in both spellings, as protocol buffers allow.
//! <https://ai.google.dev/api/embeddings>

use crate::body::Body;
use crate::embeddings::names::Names;
use crate::embeddings::openai::{ONLY_TEXT, read_purpose};
use crate::embeddings::purpose::{self, Purpose, Words};
use crate::embeddings::{Form, Input, Reply, Request, Response, Shape, Truncate, Vector};
use crate::json::{Json, JsonWriter, Kind, object_bytes};
use crate::path::Path;
use crate::problem::{InvalidRequest, Losses, Unsupported};
use crate::read::{self, Read};
use crate::text::Text;

pub(super) struct Single;

pub(super) struct Batch;

pub(super) const PURPOSES: &Words = &[
    (Purpose::Query, "RETRIEVAL_QUERY"),
    (Purpose::Document, "RETRIEVAL_DOCUMENT"),
    (Purpose::Classification, "CLASSIFICATION"),
    (Purpose::Clustering, "CLUSTERING"),
    (Purpose::Similarity, "SEMANTIC_SIMILARITY"),
    (Purpose::Question, "QUESTION_ANSWERING"),
    (Purpose::Claim, "FACT_VERIFICATION"),
    (Purpose::CodeQuery, "CODE_RETRIEVAL_QUERY"),
];

/// "At most 100 requests can be in one batch."
const TEXTS_MAX: usize = 100;

const SINGLE_NAMES: Names = Names {
    inputs: "content",
    ..BATCH_NAMES
};

const BATCH_NAMES: Names = Names {
    inputs: "requests",
    formats: "format",
    purpose: "taskType",
    truncate: "autoTruncate",
    normalize: "normalize",
};

impl Form for Single {
    fn names(&self) -> &'static Names {
        &SINGLE_NAMES
    }

    fn read_request(&self, read: Read<'_>, request: &mut Request) -> Result<(), InvalidRequest> {
        let mut at = None;
        read_one(read, read.body(), &mut at, request)
    }

    fn model_names<'a>(&self, body: Json<'a>) -> Vec<Json<'a>> {
        model_name(body).into_iter().collect()
    }

    fn write_request(
        &self,
        request: &Request,
        model: &str,
        losses: &mut Losses,
    ) -> Result<Vec<u8>, Unsupported> {
        let texts = request.texts(1)?;
        let settings = Settings::of(request, losses);
        Ok(object_bytes(|w| {
            for text in texts {
                settings.write(model, text, w);
            }
        }))
    }

    fn is_answer(&self, answer: Json<'_>) -> bool {
        let found = answer.get("embedding");
        found.is_some_and(|found| found.kind() == Kind::Object)
    }

    fn read_vectors(&self, answer: &Body) -> Option<Vec<Vector>> {
        let vector = read_vector(answer, answer.json().get("embedding")?)?;
        Some(vec![vector])
    }

    fn read_input_tokens(&self, answer: Json<'_>) -> Option<u64> {
        read_input_tokens(answer)
    }

    fn write_response(&self, response: &Response, _reply: &Reply) -> Option<Vec<u8>> {
        let vector = response.vectors.first()?;
        let mut whole = None;
        let body = object_bytes(|w| {
            w.field_object("embedding", |w| {
                w.key("values");
                whole = vector.write_numbers(w);
            });
            write_usage(response, w);
        });
        whole.map(|()| body)
    }
}

impl Form for Batch {
    fn names(&self) -> &'static Names {
        &BATCH_NAMES
    }

    /// One set of settings serves all: that is what other shapes can say.
    fn read_request(&self, read: Read<'_>, request: &mut Request) -> Result<(), InvalidRequest> {
        let top = Path::Top("requests");
        for (key, value) in read.body().entries() {
            match &*key {
                "requests" | "model" => {}
                _ if value.is_null() => {}
                other => request.lose(other, "no other provider of vectors knows it"),
            }
        }
        let list = read.body().get("requests");
        let list = list.ok_or_else(|| read::missing(&top))?;
        let mut settings: Option<Request> = None;
        for (index, item) in read::array(list, &top)?.enumerate() {
            let at = top.index(index);
            let mut one = Request::new(request.shape);
            read_one(read, item, &mut Some(at), &mut one)?;
            let inputs = std::mem::take(&mut one.inputs);
            if one.refused.is_none() && inputs.is_empty() {
                return Err(read::missing(&at.key("content")));
            }
            inputs
                .into_iter()
                .try_for_each(|input| request.push(input))?;
            let first = settings.get_or_insert_with(|| one.clone());
            let same = first.purpose == one.purpose
                && first.dimensions == one.dimensions
                && first.truncate == one.truncate;
            if !same {
                let message = "This model embeds all texts of one call alike.";
                request.refuse(at.to_string(), message);
            }
            for loss in one.losses {
                let known = request.losses.iter().any(|known| known.field == loss.field);
                if !known {
                    request.losses.push(loss);
                }
            }
            if let Some(refused) = one.refused {
                request.refused.get_or_insert(refused);
            }
        }
        if let Some(settings) = settings {
            request.purpose = settings.purpose;
            request.dimensions = settings.dimensions;
            request.truncate = settings.truncate;
        }
        Ok(())
    }

    fn model_names<'a>(&self, body: Json<'a>) -> Vec<Json<'a>> {
        let list = body.get("requests");
        let inside = list.into_iter().flat_map(Json::items);
        let mut names: Vec<_> = inside.filter_map(model_name).collect();
        names.extend(model_name(body));
        // In the order of the text, as edits must be.
        names.sort_unstable_by_key(|name| name.raw().as_ptr() as usize);
        names
    }

    fn write_request(
        &self,
        request: &Request,
        model: &str,
        losses: &mut Losses,
    ) -> Result<Vec<u8>, Unsupported> {
        let texts = request.texts(TEXTS_MAX)?;
        let settings = Settings::of(request, losses);
        Ok(object_bytes(|w| {
            w.field_array("requests", |w| {
                for text in texts {
                    w.object(|w| settings.write(model, text, w));
                }
            });
        }))
    }

    fn is_answer(&self, answer: Json<'_>) -> bool {
        let found = answer.get("embeddings");
        found.is_some_and(|found| found.kind() == Kind::Array)
    }

    fn read_vectors(&self, answer: &Body) -> Option<Vec<Vector>> {
        let list = answer.json().get("embeddings")?;
        list.items().map(|item| read_vector(answer, item)).collect()
    }

    fn read_input_tokens(&self, answer: Json<'_>) -> Option<u64> {
        read_input_tokens(answer)
    }

    fn write_response(&self, response: &Response, _reply: &Reply) -> Option<Vec<u8>> {
        let mut whole = Some(());
        let body = object_bytes(|w| {
            w.field_array("embeddings", |w| {
                for vector in &response.vectors {
                    w.object(|w| {
                        w.key("values");
                        whole = whole.and(vector.write_numbers(w));
                    });
                }
            });
            write_usage(response, w);
        });
        whole.map(|()| body)
    }
}

// What the two share.

/// Reads one `EmbedContentRequest`; its settings may stand in a config object as well.
fn read_one(
    read: Read<'_>,
    object: Json<'_>,
    within: &mut Option<Path<'_>>,
    request: &mut Request,
) -> Result<(), InvalidRequest> {
    for (key, value) in object.entries() {
        let at = match within {
            Some(within) => within.key(&key),
            None => Path::Top(&key),
        };
        if value.is_null() {
            continue;
        }
        match &*key {
            "model" => {}
            "content" => read_content(read, value, &at, request)?,
            "taskType" | "task_type" => match value.as_str().as_deref() {
                Some("TASK_TYPE_UNSPECIFIED") => {}
                _ => read_purpose(read, value, &at, PURPOSES, request)?,
            },
            "outputDimensionality" | "output_dimensionality" => {
                request.dimensions = Some(read::count(value, &at)?);
            }
            "autoTruncate" | "auto_truncate" => {
                request.truncate = Some(match read::flag(value, &at)? {
                    true => Truncate::End,
                    false => Truncate::Never,
                });
            }
            "embedContentConfig" | "embed_content_config" => {
                read_one(read, read::object(value, &at)?, &mut Some(at), request)?;
            }
            other => request.lose(other, "no other provider of vectors knows it"),
        }
    }
    Ok(())
}

/// The parts of a content make one vector, so they become one text.
fn read_content(
    read: Read<'_>,
    content: Json<'_>,
    at: &Path<'_>,
    request: &mut Request,
) -> Result<(), InvalidRequest> {
    let at = &at.key("parts");
    let parts = content.get("parts").ok_or_else(|| read::missing(at))?;
    let mut texts = Vec::new();
    for (index, part) in read::array(parts, at)?.enumerate() {
        let at = at.index(index);
        match part.get("text") {
            Some(text) => texts.push(read.text(text, &at.key("text"))?),
            None => request.refuse(at.to_string(), ONLY_TEXT),
        }
    }
    if texts.len() > 1 {
        let joined: Vec<&str> = texts.iter().map(Text::as_str).collect();
        let joined = joined.join("\n");
        request.lose(at.to_string(), "several parts become lines of one text");
        texts = vec![joined.into()];
    }
    request.inputs.clear();
    let mut texts = texts.into_iter();
    texts.try_for_each(|text| request.push(Input::Text(text)))
}

fn model_name(object: Json<'_>) -> Option<Json<'_>> {
    let name = object.get("model");
    name.filter(|name| name.kind() == Kind::String)
}

fn read_vector(answer: &Body, embedding: Json<'_>) -> Option<Vector> {
    Vector::read(answer, embedding.get("values")?)
}

fn read_input_tokens(answer: Json<'_>) -> Option<u64> {
    answer
        .get("usageMetadata")?
        .get("promptTokenCount")?
        .as_u64()
}

fn write_usage(response: &Response, w: &mut JsonWriter<'_>) {
    if let Some(tokens) = response.input_tokens {
        w.field_object("usageMetadata", |w| w.field_u64("promptTokenCount", tokens));
    }
}

/// What is said of every text of a call.
struct Settings {
    task_type: Option<&'static str>,
    dimensions: Option<u64>,
}

// === impl Settings ===

impl Settings {
    fn of(request: &Request, losses: &mut Losses) -> Self {
        request.lose_normalize(losses);
        request.lose_user(losses);
        if matches!(request.truncate, Some(Truncate::Never | Truncate::Start)) {
            let reason = "the upstream cuts long texts at the end, unasked";
            losses.note(request.names().truncate, reason);
        }
        Self {
            task_type: purpose::word(PURPOSES, request, losses),
            dimensions: request.dimensions,
        }
    }

    /// The members of one `EmbedContentRequest`.
    fn write(&self, model: &str, text: &Text, w: &mut JsonWriter<'_>) {
        w.field_str("model", &Shape::Gemini.model_in_body(model));
        w.field_object("content", |w| {
            w.field_array("parts", |w| w.object(|w| w.field_text("text", text)));
        });
        if let Some(task_type) = self.task_type {
            w.field_str("taskType", task_type);
        }
        if let Some(dimensions) = self.dimensions {
            w.field_u64("outputDimensionality", dimensions);
        }
    }
}
