//! Ollama, `POST /api/embed`.
//!
//! <https://docs.ollama.com/api/embed>

use crate::body::Body;
use crate::embeddings::names::Names;
use crate::embeddings::openai::model_names;
use crate::embeddings::request::INPUTS_MAX;
use crate::embeddings::{Form, Input, Reply, Request, Response, Truncate, Vector};
use crate::json::{Json, Kind, object_bytes};
use crate::path::Path;
use crate::problem::{InvalidRequest, Losses, Unsupported};
use crate::read::{self, Read};

pub(super) struct Ollama;

const NAMES: Names = Names {
    inputs: "input",
    formats: "format",
    purpose: "purpose",
    truncate: "truncate",
    normalize: "normalize",
};

impl Form for Ollama {
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
                "input" if value.kind() == Kind::String => {
                    request.push(Input::Text(read.text(value, at)?))?;
                }
                "input" => {
                    for (index, text) in read::array(value, at)?.enumerate() {
                        request.push(Input::Text(read.text(text, &at.index(index))?))?;
                    }
                }
                "dimensions" => request.dimensions = Some(read::count(value, at)?),
                "truncate" => {
                    request.truncate = Some(match read::flag(value, at)? {
                        true => Truncate::End,
                        false => Truncate::Never,
                    });
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
        let texts = request.texts(INPUTS_MAX)?;
        request.lose_purpose(losses);
        request.lose_normalize(losses);
        request.lose_user(losses);
        if request.truncate == Some(Truncate::Start) {
            losses.note(request.names().truncate, "the upstream cuts at the end");
        }
        Ok(object_bytes(|w| {
            w.field_str("model", model);
            w.field_array("input", |w| texts.iter().for_each(|text| w.text(text)));
            if let Some(truncate) = request.truncate {
                w.field_bool("truncate", truncate != Truncate::Never);
            }
            if let Some(dimensions) = request.dimensions {
                w.field_u64("dimensions", dimensions);
            }
        }))
    }

    fn is_answer(&self, answer: Json<'_>) -> bool {
        let found = answer.get("embeddings");
        found.is_some_and(|found| found.kind() == Kind::Array)
    }

    fn read_vectors(&self, answer: &Body) -> Option<Vec<Vector>> {
        let list = answer.json().get("embeddings")?;
        list.items()
            .map(|vector| Vector::read(answer, vector))
            .collect()
    }

    fn read_input_tokens(&self, answer: Json<'_>) -> Option<u64> {
        answer.get("prompt_eval_count")?.as_u64()
    }

    fn write_response(&self, response: &Response, reply: &Reply) -> Option<Vec<u8>> {
        let mut whole = Some(());
        let body = object_bytes(|w| {
            w.field_str("model", &reply.model);
            w.field_array("embeddings", |w| {
                for vector in &response.vectors {
                    whole = whole.and(vector.write_numbers(w));
                }
            });
            if let Some(tokens) = response.input_tokens {
                w.field_u64("prompt_eval_count", tokens);
            }
        });
        whole.map(|()| body)
    }
}
