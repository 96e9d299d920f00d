//! Jina AI, `POST /v1/embeddings`: OpenAI's shape with fields of its own.
//!
//! <https://api.jina.ai/redoc>

use crate::body::Body;
use crate::embeddings::names::Names;
use crate::embeddings::purpose::{self, Purpose, Words};
use crate::embeddings::request::INPUTS_MAX;
use crate::embeddings::{Form, Reply, Request, Response, Truncate, Vector, openai};
use crate::json::{Json, object_bytes};
use crate::problem::{InvalidRequest, Losses, Unsupported};
use crate::read::Read;

pub(super) struct Jina;

pub(super) const PURPOSES: &Words = &[
    (Purpose::Query, "retrieval.query"),
    (Purpose::Document, "retrieval.passage"),
    (Purpose::Classification, "classification"),
    (Purpose::Clustering, "separation"),
    (Purpose::Similarity, "text-matching"),
    (Purpose::CodeQuery, "code.query"),
    (Purpose::Document, "code.passage"),
];

const NAMES: Names = Names {
    inputs: "input",
    formats: "embedding_type",
    purpose: "task",
    truncate: "truncate",
    normalize: "normalized",
};

impl Form for Jina {
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
        let texts = request.texts(INPUTS_MAX)?;
        request.lose_user(losses);
        if request.truncate == Some(Truncate::Start) {
            losses.note(request.names().truncate, "the upstream cuts at the end");
        }
        let task = purpose::word(PURPOSES, request, losses);
        Ok(object_bytes(|w| {
            w.field_str("model", model);
            w.field_array("input", |w| texts.iter().for_each(|text| w.text(text)));
            if let Some(task) = task {
                w.field_str("task", task);
            }
            if let Some(dimensions) = request.dimensions {
                w.field_u64("dimensions", dimensions);
            }
            if let Some(normalize) = request.normalize {
                w.field_bool("normalized", normalize);
            }
            if request.formats.only_base64() {
                w.field_str("embedding_type", "base64");
            }
            if let Some(truncate) = request.truncate {
                w.field_bool("truncate", truncate != Truncate::Never);
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
