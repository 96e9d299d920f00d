//! Amazon Titan Text Embeddings V2 behind Bedrock's InvokeModel: one text a call.
//!
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html>

use crate::body::Body;
use crate::embeddings::names::Names;
use crate::embeddings::openai::ONLY_FLOATS;
use crate::embeddings::{Form, Input, Reply, Request, Response, Vector};
use crate::json::{Json, Kind, object_bytes};
use crate::path::Path;
use crate::problem::{InvalidRequest, Losses, Unsupported};
use crate::read::{self, Read};

pub(super) struct Titan;

const NAMES: Names = Names {
    inputs: "inputText",
    formats: "embeddingTypes",
    purpose: "purpose",
    truncate: "truncate",
    normalize: "normalize",
};

impl Form for Titan {
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
                "inputText" => {
                    request.inputs.clear();
                    request.push(Input::Text(read.text(value, at)?))?;
                }
                "dimensions" => request.dimensions = Some(read::count(value, at)?),
                "normalize" => request.normalize = Some(read::flag(value, at)?),
                "embeddingTypes" => {
                    let mut types = read::array(value, at)?;
                    if types.any(|kind| kind.as_str().as_deref() != Some("float")) {
                        request.refuse(NAMES.formats, ONLY_FLOATS);
                    }
                }
                other => request.lose(other, "no other provider of vectors knows it"),
            }
        }
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
        let texts = request.texts(1)?;
        request.lose_purpose(losses);
        request.lose_truncate(losses);
        request.lose_user(losses);
        Ok(object_bytes(|w| {
            for text in texts {
                w.field_text("inputText", text);
            }
            if let Some(dimensions) = request.dimensions {
                w.field_u64("dimensions", dimensions);
            }
            if let Some(normalize) = request.normalize {
                w.field_bool("normalize", normalize);
            }
        }))
    }

    fn is_answer(&self, answer: Json<'_>) -> bool {
        let vector = answer.get("embedding");
        vector.is_some_and(|vector| vector.kind() == Kind::Array)
    }

    fn read_vectors(&self, answer: &Body) -> Option<Vec<Vector>> {
        let vector = Vector::read(answer, answer.json().get("embedding")?)?;
        Some(vec![vector])
    }

    fn read_input_tokens(&self, answer: Json<'_>) -> Option<u64> {
        answer.get("inputTextTokenCount")?.as_u64()
    }

    fn write_response(&self, response: &Response, _reply: &Reply) -> Option<Vec<u8>> {
        let vector = response.vectors.first()?;
        let mut whole = None;
        let body = object_bytes(|w| {
            w.key("embedding");
            whole = vector.write_numbers(w);
            w.field_u64("inputTextTokenCount", response.input_tokens.unwrap_or(0));
        });
        whole.map(|()| body)
    }
}
