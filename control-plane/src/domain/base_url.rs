//! Where a channel's provider is. Only administrators can say it.

use std::fmt;

use url::Url;

/// `http(s)://host[:port][/path]` without credentials, query, fragment or a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBaseUrl {
    #[error("must be a URL such as https://api.example.com/v1")]
    Malformed,
    #[error("must begin with http:// or https://")]
    Scheme,
    #[error("must not hold a user name or password; the key has a field of its own")]
    Credentials,
    #[error("must not have a query or a fragment")]
    Query,
    #[error("must not be longer than 255 characters")]
    TooLong,
}

const MAX_LENGTH: usize = 255;

/// What people paste along with the base URL, from a provider's curl example: the endpoint, behind
/// what of it belongs to the base URL.
const ENDPOINTS: [(&str, &str); 17] = [
    ("", "/chat/completions"),
    ("", "/completions"),
    ("", "/responses"),
    ("", "/embeddings"),
    ("", "/moderations"),
    ("", "/images/generations"),
    ("", "/images/edits"),
    ("", "/audio/speech"),
    ("", "/audio/transcriptions"),
    ("", "/audio/translations"),
    ("", "/rerank"),
    ("", "/messages/count_tokens"),
    ("", "/messages"),
    // Cohere's, and Ollama's
    ("/v1", "/chat"),
    ("/v2", "/chat"),
    ("", "/api/chat"),
    ("", "/api/generate"),
];

/// Endpoints behind a model's name, and the folder of models: Gemini, Vertex AI, Bedrock.
const MODEL_ENDPOINTS: [(&str, &str); 10] = [
    ("/models/", ":generateContent"),
    ("/models/", ":streamGenerateContent"),
    ("/models/", ":countTokens"),
    ("/models/", ":embedContent"),
    ("/models/", ":rawPredict"),
    ("/models/", ":streamRawPredict"),
    ("/model/", "/converse"),
    ("/model/", "/converse-stream"),
    ("/model/", "/invoke"),
    ("/model/", "/invoke-with-response-stream"),
];

impl BaseUrl {
    /// Reads a base URL. If the text is a whole endpoint, such as `…/v1/chat/completions`, the
    /// endpoint is cut off, with the query behind it, and returned beside the URL, so that the
    /// person can be told.
    ///
    /// # Errors
    /// Names the rule that is broken. The text itself is not in the error: it may hold a secret.
    pub fn parse(text: &str) -> Result<(Self, Option<&'static str>), InvalidBaseUrl> {
        let text = text.trim();
        if text.len() > MAX_LENGTH {
            return Err(InvalidBaseUrl::TooLong);
        }
        let mut url = Url::parse(text).map_err(|_| InvalidBaseUrl::Malformed)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidBaseUrl::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
            return Err(InvalidBaseUrl::Credentials);
        }
        // The parser mends `https:api.example.com` and backslashes; better to ask than to guess.
        if !text.contains("://") || text.contains(['\\', ' ', '\t', '\n', '\r']) || !url.has_host()
        {
            return Err(InvalidBaseUrl::Malformed);
        }

        let mut path = url.path().trim_end_matches('/');
        let mut cut = None;
        // Until nothing is left to cut: what is stored is read again as it is.
        while let Some((kept, endpoint)) = cut_endpoint(path) {
            path = kept;
            cut = cut.or(Some(endpoint));
        }
        let path = path.to_owned();
        // What stands behind an endpoint is the endpoint's; elsewhere it may be meant.
        if url.fragment().is_some() || url.query().is_some() && cut.is_none() {
            return Err(InvalidBaseUrl::Query);
        }
        url.set_query(None);
        url.set_path(&path);
        let url = Self(url);
        // Escapes make it longer than what was typed.
        if url.to_string().len() > MAX_LENGTH {
            return Err(InvalidBaseUrl::TooLong);
        }
        Ok((url, cut))
    }

    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Host name or address; an IPv6 address stands in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The port, the scheme's own if none is written.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or_default()
    }

    /// Host, with the port when it is not the scheme's default.
    #[must_use]
    pub fn authority(&self) -> String {
        match self.0.port() {
            Some(port) => format!("{}:{port}", self.host()),
            None => self.host().to_owned(),
        }
    }

    /// Scheme, host and port: whoever is there reads what is sent.
    #[must_use]
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The path without a trailing slash; empty, or beginning with one.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.path().trim_end_matches('/')
    }
}

fn cut_endpoint(path: &str) -> Option<(&str, &'static str)> {
    let behind_model = MODEL_ENDPOINTS.into_iter().find_map(|(folder, endpoint)| {
        let (kept, model) = path.strip_suffix(endpoint)?.rsplit_once(folder)?;
        (!model.is_empty() && !model.contains('/')).then_some((kept, endpoint))
    });
    let plain = || {
        ENDPOINTS.into_iter().find_map(|(base, endpoint)| {
            let kept = path.strip_suffix(endpoint)?;
            kept.ends_with(base).then_some((kept, endpoint))
        })
    };
    let (kept, endpoint) = behind_model.or_else(plain)?;
    Some((kept.trim_end_matches('/'), endpoint))
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_are_read_and_trimmed() {
        let check = |text: &str, expected: &str, cut: Option<&str>| {
            let (url, endpoint) = BaseUrl::parse(text).unwrap();
            assert_eq!(
                (url.to_string().as_str(), endpoint),
                (expected, cut),
                "{text}"
            );
            assert_eq!(
                BaseUrl::parse(expected).unwrap(),
                (url, None),
                "{text}: not stable"
            );
        };
        check(
            "https://api.example.com/v1",
            "https://api.example.com/v1",
            None,
        );
        check(
            " https://API.example.com/v1// ",
            "https://api.example.com/v1",
            None,
        );
        check("http://127.0.0.1:8080", "http://127.0.0.1:8080", None);
        check("https://a.example/", "https://a.example", None);
        check(
            "https://a.example/v1/chat/completions",
            "https://a.example/v1",
            Some("/chat/completions"),
        );
        check(
            "https://a.example/v1/messages/",
            "https://a.example/v1",
            Some("/messages"),
        );
        check(
            "https://a.example/messages",
            "https://a.example",
            Some("/messages"),
        );
        for (pasted, expected, cut) in [
            (
                "/v1/chat/completions?api-version=1",
                "/v1",
                "/chat/completions",
            ),
            ("/v1/completions", "/v1", "/completions"),
            ("/v1/responses/", "/v1", "/responses"),
            ("/v1/embeddings", "/v1", "/embeddings"),
            ("/v1/images/generations", "/v1", "/images/generations"),
            ("/v1/audio/transcriptions", "/v1", "/audio/transcriptions"),
            ("/v1/messages?beta=true", "/v1", "/messages"),
            ("/v1/messages/count_tokens", "/v1", "/messages/count_tokens"),
            (
                "/api/paas/v4/chat/completions",
                "/api/paas/v4",
                "/chat/completions",
            ),
            (
                "/v1beta/models/gemini-2.5-pro:generateContent",
                "/v1beta",
                ":generateContent",
            ),
            (
                "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse&key=canary",
                "/v1beta",
                ":streamGenerateContent",
            ),
            (
                "/v1/projects/p/locations/l/publishers/anthropic/models/claude:streamRawPredict/",
                "/v1/projects/p/locations/l/publishers/anthropic",
                ":streamRawPredict",
            ),
            (
                "/model/anthropic.claude-v2%3A1/converse-stream",
                "",
                "/converse-stream",
            ),
            ("/model/m/invoke", "", "/invoke"),
            ("/v2/chat", "/v2", "/chat"),
            ("/api/chat", "", "/api/chat"),
        ] {
            let expected = format!("https://a.example{expected}");
            check(&format!("https://a.example{pasted}"), &expected, Some(cut));
        }
        // These only look like endpoints.
        for path in [
            "/chat",
            "/invoke",
            "/v1/models/x:generate",
            "/models/:generateContent",
            "/xcompletions",
        ] {
            let url = format!("https://a.example{path}");
            check(&url, &url, None);
        }
        check("http://[::1]:9/x", "http://[::1]:9/x", None);
        check(
            "https://a.example/v1/messages//messages/chat/completions",
            "https://a.example/v1",
            Some("/chat/completions"),
        );
        check(
            &format!("https://a.example/{}", "é".repeat(39)),
            &format!("https://a.example/{}", "%C3%A9".repeat(39)),
            None,
        );
    }

    #[test]
    fn what_is_no_base_url_is_refused() {
        let check = |text: &str, expected: InvalidBaseUrl| {
            assert_eq!(BaseUrl::parse(text).unwrap_err(), expected, "{text}");
        };
        check("", InvalidBaseUrl::Malformed);
        check("api.example.com/v1", InvalidBaseUrl::Malformed);
        check("https:api.example.com", InvalidBaseUrl::Malformed);
        check("https://", InvalidBaseUrl::Malformed);
        check("https://a.example\\b", InvalidBaseUrl::Malformed);
        check("ftp://a.example", InvalidBaseUrl::Scheme);
        check("file:///etc/passwd", InvalidBaseUrl::Scheme);
        check("https://me:canary@a.example", InvalidBaseUrl::Credentials);
        check("https://@a.example", InvalidBaseUrl::Credentials);
        check("https://a.example/v1?key=canary", InvalidBaseUrl::Query);
        check("https://a.example/#x", InvalidBaseUrl::Query);
        check(
            &format!("https://a.example/{}", "x".repeat(300)),
            InvalidBaseUrl::TooLong,
        );
        // Short as it is typed.
        check(
            &format!("https://a.example/{}", "é".repeat(40)),
            InvalidBaseUrl::TooLong,
        );
    }

    #[test]
    fn its_parts() {
        let url = BaseUrl::parse("https://api.example.com/v1").unwrap().0;
        assert_eq!(
            (url.host(), url.port(), url.path()),
            ("api.example.com", 443, "/v1")
        );
        assert_eq!(
            (url.authority().as_str(), url.is_https()),
            ("api.example.com", true)
        );
        let url = BaseUrl::parse("http://[::1]:8080").unwrap().0;
        assert_eq!((url.host(), url.port(), url.path()), ("[::1]", 8080, ""));
        assert_eq!(url.authority(), "[::1]:8080");
    }
}
