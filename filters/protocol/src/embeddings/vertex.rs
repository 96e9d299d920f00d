//! Text embeddings of Vertex AI, `POST …/publishers/google/models/{model}:predict`.
//!
//! <https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api>

use crate::body::Body;
use crate::embeddings::gemini::PURPOSES;
use crate::embeddings::names::Names;
use crate::embeddings::openai::read_purpose;
use crate::embeddings::{Form, Input, Reply, Request, Response, Truncate, Vector, purpose};
use crate::json::{Json, Kind, object_bytes};
use crate::path::Path;
use crate::problem::{InvalidRequest, Losses, Unsupported};
use crate::read::{self, Read};

pub(super) struct Vertex;

/// "For each request, you're limited to 250 input texts." Some models take fewer, and say so.
const TEXTS_MAX: usize = 250;

const NAMES: Names = Names {
    inputs: "instances",
    formats: "format",
    purpose: "task_type",
    truncate: "autoTruncate",
    normalize: "normalize",
};

impl Form for Vertex {
    fn names(&self) -> &'static Names {
        &NAMES
    }

    /// The purpose of the first text is taken for that of all.
    fn read_request(&self, read: Read<'_>, request: &mut Request) -> Result<(), InvalidRequest> {
        let top = Path::Top("instances");
        let list = read.body().get("instances");
        let list = list.ok_or_else(|| read::missing(&top))?;
        for (index, item) in read::array(list, &top)?.enumerate() {
            let at = top.index(index);
            let content = item.get("content").ok_or_else(|| read::missing(&at))?;
            request.push(Input::Text(read.text(content, &at)?))?;
            if let Some(purpose) = item.get("task_type").filter(|_| index == 0) {
                read_purpose(read, purpose, &at, PURPOSES, request)?;
            }
        }
        let Some(parameters) = read.body().get("parameters") else {
            return Ok(());
        };
        let [dimensions, truncate] = parameters.members(["outputDimensionality", "autoTruncate"]);
        request.dimensions = dimensions.and_then(Json::as_u64);
        request.truncate = truncate.and_then(Json::as_bool).map(|cut| match cut {
            true => Truncate::End,
            false => Truncate::Never,
        });
        Ok(())
    }

    /// The path names it.
    fn model_names<'a>(&self, _body: Json<'a>) -> Vec<Json<'a>> {
        Vec::new()
    }

    fn write_request(
        &self,
        request: &Request,
        _model: &str,
        losses: &mut Losses,
    ) -> Result<Vec<u8>, Unsupported> {
        let texts = request.texts(TEXTS_MAX)?;
        request.lose_normalize(losses);
        request.lose_user(losses);
        if request.truncate == Some(Truncate::Start) {
            losses.note(request.names().truncate, "the upstream cuts at the end");
        }
        let task_type = purpose::word(PURPOSES, request, losses);
        Ok(object_bytes(|w| {
            w.field_array("instances", |w| {
                for text in texts {
                    w.object(|w| {
                        w.field_text("content", text);
                        if let Some(task_type) = task_type {
                            w.field_str("task_type", task_type);
                        }
                    });
                }
            });
            if request.dimensions.is_none() && request.truncate.is_none() {
                return;
            }
            w.field_object("parameters", |w| {
                if let Some(truncate) = request.truncate {
                    w.field_bool("autoTruncate", truncate != Truncate::Never);
                }
                if let Some(dimensions) = request.dimensions {
                    w.field_u64("outputDimensionality", dimensions);
                }
            });
        }))
    }

    fn is_answer(&self, answer: Json<'_>) -> bool {
        let found = answer.get("predictions");
        found.is_some_and(|found| found.kind() == Kind::Array)
    }

    fn read_vectors(&self, answer: &Body) -> Option<Vec<Vector>> {
        let list = answer.json().get("predictions")?;
        let vector = |item: Json<'_>| Vector::read(answer, item.get("embeddings")?.get("values")?);
        list.items().map(vector).collect()
    }

    /// Each vector tells its own.
    fn read_input_tokens(&self, answer: Json<'_>) -> Option<u64> {
        let tokens = |item: Json<'_>| {
            let statistics = item.get("embeddings")?.get("statistics")?;
            statistics.get("token_count")?.as_u64()
        };
        let mut each = answer.get("predictions")?.items().map(tokens);
        each.try_fold(0_u64, |sum, tokens| sum.checked_add(tokens?))
    }

    fn write_response(&self, response: &Response, _reply: &Reply) -> Option<Vec<u8>> {
        let mut whole = Some(());
        let mut tokens = response.input_tokens;
        let body = object_bytes(|w| {
            w.field_array("predictions", |w| {
                for vector in &response.vectors {
                    w.object(|w| {
                        w.field_object("embeddings", |w| {
                            w.key("values");
                            whole = whole.and(vector.write_numbers(w));
                            w.field_object("statistics", |w| {
                                // Nobody tells them apart; the first has all.
                                w.field_u64("token_count", tokens.take().unwrap_or(0));
                            });
                        });
                    });
                }
            });
        });
        whole.map(|()| body)
    }
}
