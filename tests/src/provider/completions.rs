//! OpenAI's legacy Completions as the vendor writes them, and what the vendor refuses.

use serde_json::{Value, json};

use super::answer::{Answer, pieces};
use super::asked::Asked;
use super::openai;
use super::server::Piece;
use crate::dialect::array;

/// By the API reference.
const FIELDS: [&str; 18] = [
    "best_of",
    "echo",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_tokens",
    "model",
    "n",
    "presence_penalty",
    "prompt",
    "seed",
    "stop",
    "stream",
    "stream_options",
    "suffix",
    "temperature",
    "top_p",
    "user",
];

pub(super) fn refusal(asked: &Asked) -> Option<String> {
    let body = asked.body.as_object()?;
    if let Some(unknown) = body.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return Some(format!("Unrecognized request argument supplied: {unknown}"));
    }
    let prompt = &asked.body["prompt"];
    let is_text = |value: &Value| value.is_string();
    let is_list = prompt.is_array() && array(prompt).iter().all(is_text);
    (!is_text(prompt) && !is_list).then(|| format!("'{prompt}' is not of type 'string' - 'prompt'"))
}

pub(super) fn whole(answer: &Answer, asked: &Asked) -> Value {
    let mut whole = head(asked);
    whole["choices"] = json!([choice(&answer.text, stop(answer))]);
    if !answer.is_silent {
        whole["usage"] = openai::usage(&answer.usage);
    }
    whole
}

pub(super) fn stream(answer: &Answer, asked: &Asked) -> Vec<Piece> {
    let asks_for_usage = asked.body["stream_options"]["include_usage"] == true;
    let with_usage = asks_for_usage && !answer.is_silent;
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = head(asked);
        chunk["choices"] = choices;
        if with_usage {
            chunk["usage"] = usage;
        }
        Piece::new(format!("data: {chunk}\n\n"))
    };
    let mut out: Vec<Piece> = pieces(&answer.text, answer.chunks)
        .into_iter()
        .map(|piece| chunk(json!([choice(&piece, Value::Null)]), Value::Null))
        .collect();
    out.push(chunk(json!([choice("", stop(answer))]), Value::Null));
    if with_usage {
        out.push(chunk(json!([]), openai::usage(&answer.usage)).tells(answer.usage));
    }
    out.push(Piece::new("data: [DONE]\n\n"));
    out
}

fn head(asked: &Asked) -> Value {
    json!({"id": "cmpl-scripted", "object": "text_completion", "created": 1_763_600_000,
        "model": asked.model, "system_fingerprint": "fp_scripted"})
}

fn choice(text: &str, finish: Value) -> Value {
    json!({"text": text, "index": 0, "logprobs": null, "finish_reason": finish})
}

fn stop(answer: &Answer) -> Value {
    json!(answer.stop_reason.unwrap_or("stop"))
}
