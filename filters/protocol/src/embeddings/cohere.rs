//! Cohere, `POST /v2/embed`.
//!
//! <https://docs.cohere.com/reference/embed>

use crate::body::Body;
use crate::embeddings::names::Names;
use crate::embeddings::openai::{ONLY_FLOATS, ONLY_TEXT, model_names, read_purpose};
use crate::embeddings::purpose::{self, Purpose, Words};
use crate::embeddings::{Form, Formats, Input, Reply, Request, Response, Truncate, Vector};
use crate::json::{Json, Kind, object_bytes};
use crate::path::Path;
use crate::problem::{InvalidRequest, Losses, Unsupported};
use crate::read::{self, Read};

pub(super) struct Cohere;

const PURPOSES: &Words = &[
    (Purpose::Query, "search_query"),
    (Purpose::Document, "search_document"),
    (Purpose::Classification, "classification"),
    (Purpose::Clustering, "clustering"),
];

/// What is asked for where the caller names no purpose, for Cohere demands one.
const ASSUMED: &str = "search_document";

const TRUNCATE: [(Truncate, &str); 3] = [
    (Truncate::Never, "NONE"),
    (Truncate::Start, "START"),
    (Truncate::End, "END"),
];

/// "Maximum number of texts per call is 96."
const TEXTS_MAX: usize = 96;

const NAMES: Names = Names {
    inputs: "texts",
    formats: "embedding_types",
    purpose: "input_type",
    truncate: "truncate",
    normalize: "normalized",
};

impl Form for Cohere {
    fn names(&self) -> &'static Names {
        &NAMES
    }

    fn read_request(&self, read: Read<'_>, request: &mut Request) -> Result<(), InvalidRequest> {
        for (key, value) in read.body().entries() {
            let at = &Path::Top(&key);
            if value.is_null() {
                continue;
            }
            match &*key {
                "model" => {}
                "texts" => {
                    request.inputs.clear();
                    for (index, text) in read::array(value, at)?.enumerate() {
                        request.push(Input::Text(read.text(text, &at.index(index))?))?;
                    }
                }
                "images" | "inputs" => request.refuse(&*key, ONLY_TEXT),
                "input_type" => read_purpose(read, value, at, PURPOSES, request)?,
                "output_dimension" => request.dimensions = Some(read::count(value, at)?),
                "embedding_types" => read_formats(read, value, at, request)?,
                "truncate" => {
                    let name = read.text(value, at)?;
                    let mut known = TRUNCATE.iter();
                    let found = known.find(|(_, known)| known.eq_ignore_ascii_case(&name));
                    let found = found.ok_or_else(|| {
                        InvalidRequest::must_be(at.to_string(), "NONE, START or END")
                    })?;
                    request.truncate = Some(found.0);
                }
                other => request.lose(other, "no other provider of vectors knows it"),
            }
        }
        Ok(())
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
        let texts = request.texts(TEXTS_MAX)?;
        request.lose_normalize(losses);
        request.lose_user(losses);
        let input_type = purpose::word(PURPOSES, request, losses).unwrap_or_else(|| {
            let reason = "the upstream demands a purpose; 'search_document' was assumed";
            losses.note(request.names().purpose, reason);
            ASSUMED
        });
        Ok(object_bytes(|w| {
            w.field_str("model", model);
            w.field_array("texts", |w| texts.iter().for_each(|text| w.text(text)));
            w.field_str("input_type", input_type);
            let format = match request.formats.only_base64() {
                true => "base64",
                false => "float",
            };
            w.field_array("embedding_types", |w| w.string(format));
            if let Some(dimensions) = request.dimensions {
                w.field_u64("output_dimension", dimensions);
            }
            let mut known = TRUNCATE.iter();
            if let Some((_, name)) = known.find(|(known, _)| Some(*known) == request.truncate) {
                w.field_str("truncate", name);
            }
        }))
    }

    fn is_answer(&self, answer: Json<'_>) -> bool {
        let found = answer.get("embeddings");
        found.is_some_and(|found| matches!(found.kind(), Kind::Object | Kind::Array))
    }

    /// By type; or, as Bedrock's version 3 has it, a plain list.
    fn read_vectors(&self, answer: &Body) -> Option<Vec<Vector>> {
        let embeddings = answer.json().get("embeddings")?;
        let [numbers, base64] = embeddings.members(["float", "base64"]);
        let plain = (embeddings.kind() == Kind::Array).then_some(embeddings);
        let list = numbers.or(base64).or(plain)?;
        list.items()
            .map(|vector| Vector::read(answer, vector))
            .collect()
    }

    fn read_input_tokens(&self, answer: Json<'_>) -> Option<u64> {
        let billed = answer.get("meta")?.get("billed_units")?;
        billed.get("input_tokens")?.as_u64()
    }

    fn write_response(&self, response: &Response, reply: &Reply) -> Option<Vec<u8>> {
        let mut whole = Some(());
        let body = object_bytes(|w| {
            w.field_str("id", &reply.id);
            w.field_object("embeddings", |w| {
                if reply.formats.numbers {
                    w.field_array("float", |w| {
                        for vector in &response.vectors {
                            whole = whole.and(vector.write_numbers(w));
                        }
                    });
                }
                if reply.formats.base64 {
                    w.field_array("base64", |w| {
                        for vector in &response.vectors {
                            whole = whole.and(vector.write_base64(w));
                        }
                    });
                }
            });
            w.field_object("meta", |w| {
                w.field_object("api_version", |w| w.field_str("version", "2"));
                if let Some(tokens) = response.input_tokens {
                    w.field_object("billed_units", |w| w.field_u64("input_tokens", tokens));
                }
            });
            w.field_str("response_type", "embeddings_by_type");
        });
        whole.map(|()| body)
    }
}

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
    for (index, name) in read::array(value, at)?.enumerate() {
        match read.text(name, &at.index(index))?.as_str() {
            "float" => formats.numbers = true,
            "base64" => formats.base64 = true,
            _ => request.refuse(NAMES.formats, ONLY_FLOATS),
        }
    }
    if formats.numbers || formats.base64 {
        request.formats = formats;
    }
    Ok(())
}
