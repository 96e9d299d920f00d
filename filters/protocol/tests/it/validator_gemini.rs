//! Says whether a stream of Gemini chunks is legal.

use serde_json::Value;

use crate::support::events;

/// ```text
/// stream = chunk+                    no names, no [DONE]; same responseId and modelVersion
/// chunk  = candidates, each {content: {parts, role: "model"}, index}
/// part   = text / thought text / functionCall {name, args: object} / inlineData
/// every candidate has a finishReason in its last chunk, and none before; the last
/// chunk has one
/// ```
pub(crate) fn check(stream: &str) -> Result<(), String> {
    if stream.lines().any(|line| line.starts_with("event:")) || stream.contains("[DONE]") {
        return Err("has named events, or [DONE]".into());
    }
    chunks(&events(stream))
}

/// The same for the elements of an array.
pub(crate) fn chunks(chunks: &[Value]) -> Result<(), String> {
    let identity = |chunk: &Value| (chunk["responseId"].clone(), chunk["modelVersion"].clone());
    let first = chunks.first().ok_or("is empty")?;
    if !first["responseId"].is_string() {
        return Err("has no id".into());
    }
    let mut open: Vec<u64> = Vec::new();
    let mut finished: Vec<u64> = Vec::new();
    for chunk in chunks {
        if identity(chunk) != identity(first) {
            return Err("changes its identity".into());
        }
        for candidate in chunk["candidates"].as_array().ok_or("candidates")? {
            let index = candidate["index"].as_u64().ok_or("index")?;
            if finished.contains(&index) {
                return Err(format!("candidate {index} goes on after its finish"));
            }
            if !open.contains(&index) {
                open.push(index);
            }
            if candidate["content"]["role"] != "model" {
                return Err("has a content that is not the model's".into());
            }
            let parts = candidate["content"]["parts"].as_array().ok_or("parts")?;
            if parts.is_empty() {
                return Err("has a content without parts".into());
            }
            parts.iter().try_for_each(part)?;
            if let Some(reason) = candidate.get("finishReason") {
                reason.as_str().ok_or("finishReason")?;
                finished.push(index);
            }
        }
    }
    let last = chunks.last().ok_or("is empty")?;
    let ends = last["candidates"][0].get("finishReason").is_some();
    open.sort_unstable();
    finished.sort_unstable();
    (ends && open == finished)
        .then_some(())
        .ok_or("has a candidate without finish".into())
}

fn part(part: &Value) -> Result<(), String> {
    let data = ["text", "functionCall", "inlineData"];
    let held: Vec<_> = data
        .iter()
        .copied()
        .filter(|key| part.get(key).is_some())
        .collect();
    let fits = match held.as_slice() {
        ["text"] => part["text"].is_string(),
        ["functionCall"] => {
            part["functionCall"]["name"].is_string() && part["functionCall"]["args"].is_object()
        }
        ["inlineData"] => part["inlineData"]["mimeType"].is_string(),
        _ => false,
    };
    let proof = part.get("thoughtSignature");
    let proof_fits = proof.is_none_or(|proof| proof.as_str().is_some_and(is_base64));
    (fits && proof_fits)
        .then_some(())
        .ok_or(format!("has the part {part}"))
}

/// SDKs decode signatures.
fn is_base64(text: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte);
    !text.is_empty() && text.bytes().all(digit)
}
