//! The usage that a provider did not tell.

use tollgate_config::counting::Uncounted;
use tollgate_config::meter::Usage;
use tollgate_protocol::embeddings::{self, Input, Shape};
use tollgate_protocol::{Dialect, read_response};

use super::{BODY_BYTES_MAX, Counter, parsed, prompt, request};

/// The usage with counts in place of estimates; nothing where nothing could be counted.
pub(super) fn complete(
    uncounted: &Uncounted,
    dialect: &str,
    model: &str,
    mut usage: Usage,
) -> Option<Usage> {
    let dialect: Dialect = dialect.parse().ok()?;
    let (input, output) = (
        input(uncounted, dialect, model),
        output(uncounted, dialect, model),
    );
    if let Some(tokens) = input {
        usage.input_tokens = tokens;
    }
    if let Some(tokens) = output {
        usage.output_tokens = tokens.max(uncounted.told_output_tokens);
    }
    usage.estimated = true;
    (input.is_some() || output.is_some()).then_some(usage)
}

fn input(uncounted: &Uncounted, dialect: Dialect, model: &str) -> Option<u64> {
    let body = uncounted.request.as_ref()?;
    if uncounted.shape.is_empty() {
        return request(dialect, model, body);
    }
    let shape: Shape = uncounted.shape.parse().ok()?;
    let request = embeddings::read_request(shape, &parsed(body)?).ok()?;
    let mut counter = Counter::new(model);
    for input in &request.inputs {
        match input {
            Input::Text(text) => counter.text(text),
            Input::Tokens(ids) => {
                let ids = ids.json().items().count();
                counter.tokens(u64::try_from(ids).unwrap_or(u64::MAX));
            }
        }
    }
    Some(counter.sum())
}

fn output(uncounted: &Uncounted, dialect: Dialect, model: &str) -> Option<u64> {
    if let Some(answer) = &uncounted.answer {
        let body = answer.restored(BODY_BYTES_MAX)?.into_owned();
        let response = read_response(dialect, body.into_bytes()).ok()?;
        let blocks = response.choices.iter().flat_map(|choice| &choice.content);
        return Some(prompt::answer(blocks, model));
    }
    let said = &uncounted.said;
    if said.is_empty() {
        return None;
    }
    let mut counter = Counter::new(model);
    counter.text(said);
    // What did not come along is taken to be like what did.
    let kept = u128::try_from(said.len()).unwrap_or(1);
    let all = u128::from(uncounted.said_bytes).max(kept);
    let tokens = u128::from(counter.sum()) * all / kept;
    u64::try_from(tokens).ok()
}
