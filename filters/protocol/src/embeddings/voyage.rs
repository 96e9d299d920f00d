//! Voyage AI, `POST /v1/embeddings`: OpenAI's shape with fields of its own.
//!
//! <https://docs.voyageai.com/reference/embeddings-api>

use crate::body::Body;
use crate::embeddings::names::Names;
use crate::embeddings::purpose::{self, Purpose, Words};
use crate::embeddings::{Form, Reply, Request, Response, Truncate, Vector, openai};
use crate::json::{Json, object_bytes};
use crate::problem::{InvalidRequest, Losses, Unsupported};
use crate::read::Read;

pub(super) struct Voyage;

pub(super) const PURPOSES: &Words = &[(Purpose::Query, "query"), (Purpose::Document, "document")];

/// "The maximum length of the list is 1,000."
const TEXTS_MAX: usize = 1_000;

const NAMES: Names = Names {
    inputs: "input",
    formats: "encoding_format",
    purpose: "input_type",
    truncate: "truncation",
    normalize: "normalized",
};

impl Form for Voyage {
    fn names(&self) -> &'static Names {
        &NAMES
    }

    fn read_request(&self, read: Read<'_>, request: &mut Request) -> Result<(), InvalidRequest> {
        openai::read_request(read, request)
    }

    fn model_names<'a>(&self, body: Json<'a>) -> Vec<Json<'a>> {
        openai::model_names(body)
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
        if request.truncate == Some(Truncate::Start) {
            losses.note(request.names().truncate, "the upstream cuts at the end");
        }
        let input_type = purpose::word(PURPOSES, request, losses);
        Ok(object_bytes(|w| {
            w.field_str("model", model);
            w.field_array("input", |w| texts.iter().for_each(|text| w.text(text)));
            if let Some(input_type) = input_type {
                w.field_str("input_type", input_type);
            }
            if let Some(truncate) = request.truncate {
                w.field_bool("truncation", truncate != Truncate::Never);
            }
            if let Some(dimensions) = request.dimensions {
                w.field_u64("output_dimension", dimensions);
            }
            if request.formats.only_base64() {
                w.field_str("encoding_format", "base64");
            }
        }))
    }

    fn is_answer(&self, answer: Json<'_>) -> bool {
        openai::is_answer(answer)
    }

    fn read_vectors(&self, answer: &Body) -> Option<Vec<Vector>> {
        openai::read_vectors(answer)
    }

    fn read_input_tokens(&self, answer: Json<'_>) -> Option<u64> {
        openai::read_input_tokens(answer)
    }

    fn write_response(&self, response: &Response, reply: &Reply) -> Option<Vec<u8>> {
        openai::write_response(response, reply)
    }
}
