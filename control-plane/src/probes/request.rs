//! What a model is asked in a test. The gateway translates it into whatever the channel speaks.

use serde_json::{Value, json};

use crate::domain::TestKind;

pub(super) fn path(kind: TestKind) -> &'static str {
    match kind {
        TestKind::Chat => "/v1/chat/completions",
        TestKind::Embeddings => "/v1/embeddings",
    }
}

/// Nothing that any model refuses: there is no limit on tokens in it, because OpenAI's models do
/// not agree on that field's name.
pub(super) fn body(kind: TestKind, model: &str) -> Value {
    match kind {
        TestKind::Chat => json!({
            "model": model,
            "messages": [{"role": "user", "content": "Answer with the word OK."}],
        }),
        TestKind::Embeddings => json!({"model": model, "input": "OK"}),
    }
}
