//! What the caller asks for, read from the request's head.

use tollgate_host::Headers;
use tollgate_protocol::Dialect;

/// The head of a request.
#[derive(Debug, Default)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// Without its query.
    pub(crate) path: String,
    /// Without the question mark; may be empty.
    pub(crate) query: String,
    pub(crate) endpoint: Endpoint,
    /// The dialect in which the caller is answered.
    pub(crate) dialect: Option<Dialect>,
    /// Headers that may go on to a provider which speaks the caller's dialect.
    pub(crate) forwarded: Headers,
}

/// Which of the gateway's endpoints a path names.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A model call.
    Generate(Dialect),
    Models,
    Model(String),
    #[default]
    Unknown,
}

/// Whatever a caller may say to a provider. All else stays at the gateway: credentials and cookies
/// above all, but also what tells where the caller sits.
const FORWARDED: [&str; 5] = [
    "accept",
    "user-agent",
    "anthropic-version",
    "anthropic-beta",
    "openai-beta",
];

/// Query parameters that carry a credential.
const SECRET_PARAMETERS: [&str; 4] = ["key", "api_key", "api-key", "access_token"];

impl Call {
    pub(crate) fn read(headers: &Headers) -> Self {
        let text = |name| header(headers, name).map(|v| String::from_utf8_lossy(v).into_owned());
        let target = text(":path").unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let endpoint = Endpoint::of(path);
        Self {
            method: text(":method").unwrap_or_default(),
            path: path.to_owned(),
            query: query.to_owned(),
            dialect: Some(dialect(&endpoint, path, headers)),
            endpoint,
            forwarded: headers
                .iter()
                .filter(|(name, _)| FORWARDED.contains(&name.as_str()))
                .cloned()
                .collect(),
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect.unwrap_or(Dialect::OpenaiChat)
    }

    /// The query as it may go on to a provider: without credentials.
    pub(crate) fn forwarded_query(&self) -> String {
        let kept: Vec<&str> = self
            .query
            .split('&')
            .filter(|pair| {
                let name = pair.split('=').next().unwrap_or_default();
                let secret = |known: &str| known.eq_ignore_ascii_case(name);
                !pair.is_empty() && !SECRET_PARAMETERS.iter().any(|known| secret(known))
            })
            .collect();
        kept.join("&")
    }
}

impl Endpoint {
    fn of(path: &str) -> Self {
        match path {
            "/v1/chat/completions" => Self::Generate(Dialect::OpenaiChat),
            "/v1/messages" => Self::Generate(Dialect::Anthropic),
            "/v1/models" | "/v1/models/" => Self::Models,
            _ => match path.strip_prefix("/v1/models/") {
                Some(model) => Self::Model(percent_decoded(model)),
                None => Self::Unknown,
            },
        }
    }

    /// The methods that the endpoint has; `None` when there is no such endpoint.
    pub(crate) fn methods(&self) -> Option<&'static str> {
        match self {
            Self::Generate(_) => Some("POST"),
            Self::Models | Self::Model(_) => Some("GET"),
            Self::Unknown => None,
        }
    }
}

/// The first value of a header.
pub(crate) fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a [u8]> {
    headers
        .iter()
        .find(|(n, _)| n == name)
        .map(|(_, value)| value.as_slice())
}

/// Both dialects have `/v1/models`, and a refusal needs a dialect even where the path names none:
/// then what only Anthropic's clients send decides.
fn dialect(endpoint: &Endpoint, path: &str, headers: &Headers) -> Dialect {
    match endpoint {
        Endpoint::Generate(dialect) => *dialect,
        _ if path.starts_with("/v1/messages") => Dialect::Anthropic,
        _ if header(headers, "anthropic-version").is_some() => Dialect::Anthropic,
        _ => Dialect::OpenaiChat,
    }
}

/// RFC 3986 §2.1; what is no valid escape stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let escape = (byte == b'%').then(|| {
            let mut ahead = bytes.clone();
            let high = char::from(ahead.next()?).to_digit(16)?;
            let low = char::from(ahead.next()?).to_digit(16)?;
            bytes = ahead;
            u8::try_from(high * 16 + low).ok()
        });
        decoded.push(escape.flatten().unwrap_or(byte));
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(path: &str, headers: &[(&str, &str)]) -> Call {
        let mut all = vec![(":path".to_owned(), path.as_bytes().to_vec())];
        all.extend(
            headers
                .iter()
                .map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())),
        );
        Call::read(&all)
    }

    #[test]
    fn paths_name_endpoints() {
        for (path, endpoint) in [
            (
                "/v1/chat/completions",
                Endpoint::Generate(Dialect::OpenaiChat),
            ),
            (
                "/v1/messages?beta=true",
                Endpoint::Generate(Dialect::Anthropic),
            ),
            ("/v1/models", Endpoint::Models),
            ("/v1/models/gpt-5", Endpoint::Model("gpt-5".into())),
            (
                "/v1/models/org%2Fmodel%20x",
                Endpoint::Model("org/model x".into()),
            ),
            ("/v1/models/50%", Endpoint::Model("50%".into())),
            ("/v1/messages/batches", Endpoint::Unknown),
            ("/v1", Endpoint::Unknown),
        ] {
            assert_eq!(call(path, &[]).endpoint, endpoint, "{path}");
        }
    }

    #[test]
    fn the_answer_speaks_the_callers_dialect_even_where_the_path_names_none() {
        for (path, headers, dialect) in [
            ("/v1/models", &[][..], Dialect::OpenaiChat),
            (
                "/v1/models",
                &[("anthropic-version", "2023-06-01")][..],
                Dialect::Anthropic,
            ),
            ("/v1/messages/batches", &[][..], Dialect::Anthropic),
            ("/v1/nothing", &[][..], Dialect::OpenaiChat),
        ] {
            assert_eq!(call(path, headers).dialect(), dialect, "{path}");
        }
    }

    #[test]
    fn credentials_do_not_travel_on() {
        let call = call(
            "/v1/messages?beta=true&key=secret&x=1",
            &[
                ("authorization", "Bearer sk-secret"),
                ("x-api-key", "secret"),
                ("cookie", "secret"),
                ("anthropic-beta", "b"),
            ],
        );
        assert_eq!(call.forwarded_query(), "beta=true&x=1");
        assert_eq!(
            call.forwarded,
            [("anthropic-beta".to_owned(), b"b".to_vec())]
        );
    }
}
