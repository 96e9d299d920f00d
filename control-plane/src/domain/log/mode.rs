//! What a logged call asked for, by AI Proxy's numbers, and when it was tried again last: told from
//! what its row keeps.

use super::Log;

impl Log {
    /// AI Proxy's number of what was asked for; 0 for what it has none for, such as counts of tokens.
    #[must_use]
    pub fn mode(&self) -> i64 {
        mode(&self.method, &self.path, &self.dialect)
    }

    /// When the last further attempt began.
    #[must_use]
    pub fn retry_at_ms(&self) -> Option<i64> {
        let retry = self.attempts.iter().skip(1).next_back()?;
        Some(self.request_at_ms.saturating_add(retry.started_ms))
    }
}

fn mode(method: &str, path: &str, dialect: &str) -> i64 {
    // Gemini's clients may write the colon before the method like that.
    let path = path.replace("%3A", ":").replace("%3a", ":");
    let ends = |ends: &[&str]| ends.iter().any(|end| path.ends_with(end));
    if ends(&[
        "/embeddings",
        "/v2/embed",
        ":embedContent",
        ":batchEmbedContents",
    ]) {
        return 3;
    }
    match dialect {
        "openai-chat" if ends(&["/chat/completions"]) => 1,
        "openai-completions" if ends(&["/completions"]) => 2,
        "anthropic" if ends(&["/messages"]) => 12,
        "openai-responses" => responses(method, &path),
        "gemini" if ends(&[":generateContent", ":streamGenerateContent"]) => 21,
        _ => 0,
    }
}

fn responses(method: &str, path: &str) -> i64 {
    let Some((_, below)) = path.split_once("/responses") else {
        return 0;
    };
    match (method, below) {
        (_, "/input_tokens") => 0,
        (_, "") => 16,
        (_, below) if below.ends_with("/cancel") => 19,
        (_, below) if below.ends_with("/input_items") => 20,
        ("GET", _) => 17,
        ("DELETE", _) => 18,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::mode;

    #[test]
    fn a_mode_is_told_by_what_was_asked_for() {
        for (method, path, dialect, expected) in [
            ("POST", "/v1/chat/completions", "openai-chat", 1),
            ("POST", "/v1/completions", "openai-completions", 2),
            ("POST", "/v1/embeddings", "openai-chat", 3),
            ("POST", "/v2/embed", "openai-chat", 3),
            ("POST", "/v1beta/models/m:batchEmbedContents", "gemini", 3),
            ("POST", "/v1/messages", "anthropic", 12),
            ("POST", "/v1/messages/count_tokens", "anthropic", 0),
            ("POST", "/v1/responses", "openai-responses", 16),
            ("POST", "/openai/v1/responses", "openai-responses", 16),
            ("GET", "/v1/responses/resp_1", "openai-responses", 17),
            ("DELETE", "/v1/responses/resp_1", "openai-responses", 18),
            (
                "POST",
                "/v1/responses/resp_1/cancel",
                "openai-responses",
                19,
            ),
            (
                "GET",
                "/v1/responses/resp_1/input_items",
                "openai-responses",
                20,
            ),
            ("POST", "/v1/responses/input_tokens", "openai-responses", 0),
            ("GET", "/v1/conversations/conv_1", "openai-responses", 0),
            ("POST", "/v1beta/models/m:generateContent", "gemini", 21),
            (
                "POST",
                "/v1beta/models/a%2Fb%3AstreamGenerateContent",
                "gemini",
                21,
            ),
            ("POST", "/v1beta/models/m:countTokens", "gemini", 0),
            ("GET", "/v1/models", "openai-chat", 0),
        ] {
            let told = mode(method, path, dialect);
            assert_eq!(told, expected, "{method} {path}");
        }
    }
}
