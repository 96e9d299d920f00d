//! Where a provider takes a model call.

use tollgate_protocol::{Dialect, path_segment};

/// Path of a model call below a provider's base URL. The base of the OpenAI and Anthropic
/// dialects ends with the version (`/v1`), as does Cohere's (`/v2`), that of Vertex with project
/// and location, Gemini's with `/v1beta`; that of Bedrock and Ollama is empty.
pub(super) fn endpoint(dialect: Dialect, model: &str, stream: bool) -> String {
    match (dialect, stream) {
        (Dialect::Anthropic, _) => "/messages".to_owned(),
        (Dialect::OpenaiResponses, _) => "/responses".to_owned(),
        (Dialect::OpenaiCompletions, _) => "/completions".to_owned(),
        (Dialect::Gemini, stream) => {
            let method = if stream {
                "streamGenerateContent?alt=sse"
            } else {
                "generateContent"
            };
            // Tuned and published models say themselves what they are.
            let collection = if model.contains('/') { "" } else { "models/" };
            let parts: Vec<String> = model.split('/').map(path_segment).collect();
            format!("/{collection}{}:{method}", parts.join("/"))
        }
        (Dialect::BedrockConverse, false) => format!("/model/{}/converse", path_segment(model)),
        (Dialect::BedrockConverse, true) => {
            format!("/model/{}/converse-stream", path_segment(model))
        }
        (Dialect::AnthropicBedrock, false) => format!("/model/{}/invoke", path_segment(model)),
        (Dialect::AnthropicBedrock, true) => {
            format!("/model/{}/invoke-with-response-stream", path_segment(model))
        }
        (Dialect::AnthropicVertex, stream) => {
            let method = if stream {
                "streamRawPredict"
            } else {
                "rawPredict"
            };
            let model = path_segment(model);
            format!("/publishers/anthropic/models/{model}:{method}")
        }
        (Dialect::Cohere, _) => "/chat".to_owned(),
        (Dialect::Ollama, _) => "/api/chat".to_owned(),
        _ => "/chat/completions".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_below_the_base_url() {
        let claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
        let profile = "arn:aws:bedrock:us-east-1:1:application-inference-profile/ab";
        for (dialect, model, stream, path) in [
            (Dialect::OpenaiChat, "m", true, "/chat/completions"),
            (Dialect::Anthropic, "m", false, "/messages"),
            (
                Dialect::Gemini,
                "tunedModels/a b",
                true,
                "/tunedModels/a%20b:streamGenerateContent?alt=sse",
            ),
            (Dialect::Gemini, "m", false, "/models/m:generateContent"),
            (Dialect::Cohere, "m", false, "/chat"),
            (Dialect::Ollama, "m", true, "/api/chat"),
            (
                Dialect::BedrockConverse,
                claude,
                false,
                "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
            ),
            (
                Dialect::BedrockConverse,
                profile,
                true,
                "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fab/converse-stream",
            ),
            (
                Dialect::AnthropicBedrock,
                "a b?é",
                false,
                "/model/a%20b%3F%C3%A9/invoke",
            ),
            (
                Dialect::AnthropicBedrock,
                "m",
                true,
                "/model/m/invoke-with-response-stream",
            ),
            (
                Dialect::AnthropicVertex,
                "claude-sonnet-4@20250514",
                false,
                "/publishers/anthropic/models/claude-sonnet-4@20250514:rawPredict",
            ),
            (
                Dialect::AnthropicVertex,
                "m",
                true,
                "/publishers/anthropic/models/m:streamRawPredict",
            ),
        ] {
            assert_eq!(endpoint(dialect, model, stream), path, "{dialect}");
        }
    }
}
