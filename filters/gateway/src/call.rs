//! What the caller asks for, read from the request's head.

use tollgate_host::Headers;
use tollgate_protocol::{Addressed, Dialect, ErrorInfo, Framing, write_error};

use crate::operation::Operation;

/// The head of a request.
#[derive(Debug, Default)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// Without its query.
    pub(crate) path: String,
    /// Without the question mark; may be empty.
    pub(crate) query: String,
    pub(crate) endpoint: Endpoint,
    /// What the path says of a model call, where the dialect does not say it in the body.
    pub(crate) addressed: Option<Addressed>,
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
    /// Vectors, or a count.
    Operation(Operation),
    Models,
    Model(String),
    /// A response that may be kept, by its id.
    Stored {
        id: String,
        part: StoredPart,
    },
    /// A conversation, or all of them.
    Conversations {
        /// Behind `/v1/conversations`.
        path: String,
        methods: &'static str,
    },
    #[default]
    Unknown,
}

/// What of a kept response is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoredPart {
    Whole,
    Cancel,
    InputItems,
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

/// Where Gemini's clients find its API: older ones below the first, newer ones below the second,
/// which they share with OpenAI's.
const GEMINI_BASES: [&str; 2] = ["/v1beta/", "/v1/"];

impl Call {
    pub(crate) fn read(headers: &Headers) -> Self {
        let text = |name| String::from_utf8_lossy(headers.get(name).unwrap_or_default());
        let target = text(":path");
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let endpoint = Endpoint::of(below_azures_base(path));
        Self {
            method: text(":method").into_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            dialect: Some(dialect(&endpoint, path, query, headers)),
            addressed: addressed(path, query),
            endpoint,
            forwarded: headers
                .iter()
                .filter(|(name, _)| FORWARDED.contains(name))
                .collect(),
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect.unwrap_or(Dialect::OpenaiChat)
    }

    /// What is asked for, if it is not a model call.
    pub(crate) fn operation(&self) -> Option<&Operation> {
        match &self.endpoint {
            Endpoint::Operation(operation) => Some(operation),
            _ => None,
        }
    }

    /// Status and body of an error, as the caller expects it.
    pub(crate) fn write_error(&self, error: &ErrorInfo) -> (u16, Vec<u8>) {
        match self.operation() {
            Some(operation) => operation.write_error(error),
            None => write_error(self.dialect(), error),
        }
    }

    /// The token in the query, where Gemini's clients may put it.
    pub(crate) fn query_key(&self) -> Option<String> {
        let key = parameter(&self.query, "key").filter(|_| self.dialect() == Dialect::Gemini);
        key.map(percent_decoded)
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
        if let Some(operation) = Operation::of(path) {
            return Self::Operation(operation);
        }
        match path {
            "/v1/chat/completions" => Self::Generate(Dialect::OpenaiChat),
            "/v1/completions" => Self::Generate(Dialect::OpenaiCompletions),
            "/v1/messages" => Self::Generate(Dialect::Anthropic),
            "/v1/responses" => Self::Generate(Dialect::OpenaiResponses),
            "/v1/models" | "/v1/models/" | "/v1beta/models" | "/v1beta/models/" => Self::Models,
            _ if addressed(path, "").is_some() => Self::Generate(Dialect::Gemini),
            _ => {
                let mut bases = GEMINI_BASES.iter();
                let model = bases.find_map(|base| path.strip_prefix(base)?.strip_prefix("models/"));
                match model {
                    Some(model) => Self::Model(percent_decoded(model)),
                    None => Self::stored(path)
                        .or_else(|| Self::conversations(path))
                        .unwrap_or_default(),
                }
            }
        }
    }

    /// `/v1/responses/resp_…`, and below it.
    fn stored(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/v1/responses/")?;
        let (id, part) = match rest.split_once('/') {
            None => (rest, StoredPart::Whole),
            Some((id, "cancel")) => (id, StoredPart::Cancel),
            Some((id, "input_items")) => (id, StoredPart::InputItems),
            Some(_) => return None,
        };
        id.starts_with("resp_").then(|| Self::Stored {
            id: percent_decoded(id),
            part,
        })
    }

    /// `/v1/conversations`, and below it.
    fn conversations(path: &str) -> Option<Self> {
        let path = path.strip_prefix("/v1/conversations")?;
        let mut parts = path.split('/');
        let parts = [(); 5].map(|()| parts.next());
        let methods = match parts {
            [Some(""), None, ..] => "POST",
            [Some(""), Some(_), None, ..] => "GET, POST, DELETE",
            [Some(""), Some(_), Some("items"), None, _] => "GET, POST",
            [Some(""), Some(_), Some("items"), Some(_), None] => "GET, DELETE",
            _ => return None,
        };
        Some(Self::Conversations {
            path: percent_decoded(path),
            methods,
        })
    }

    /// Whether it is about what the control plane keeps.
    pub(crate) fn is_kept(&self) -> bool {
        matches!(self, Self::Stored { .. } | Self::Conversations { .. })
    }

    /// The methods that the endpoint has; `None` when there is no such endpoint.
    pub(crate) fn methods(&self) -> Option<&'static str> {
        match self {
            Self::Generate(_) | Self::Operation(_) => Some("POST"),
            Self::Models | Self::Model(_) => Some("GET"),
            Self::Stored { part, .. } => Some(match part {
                StoredPart::Whole => "GET, DELETE",
                StoredPart::Cancel => "POST",
                StoredPart::InputItems => "GET",
            }),
            Self::Conversations { methods, .. } => Some(methods),
            Self::Unknown => None,
        }
    }
}

/// Azure serves OpenAI's API below `/openai/v1/`, and its clients call it there, with the key in
/// `api-key`.
/// <https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle>
fn below_azures_base(path: &str) -> &str {
    path.strip_prefix("/openai")
        .filter(|rest| rest.starts_with("/v1/"))
        .unwrap_or(path)
}

/// Several dialects have `/v1/models`, and a refusal needs a dialect even where the path names none:
/// then what only Anthropic's or Gemini's clients send decides.
fn dialect(endpoint: &Endpoint, path: &str, query: &str, headers: &Headers) -> Dialect {
    let is_gemini = || {
        let mut own = ["x-goog-api-key", "x-goog-api-client"].iter();
        own.any(|name| headers.get(name).is_some()) || parameter(query, "key").is_some()
    };
    match endpoint {
        Endpoint::Generate(dialect) => *dialect,
        Endpoint::Operation(operation) => operation.dialect(),
        _ if path.starts_with("/v1beta/") => Dialect::Gemini,
        _ if ["/v1/responses", "/v1/conversations"]
            .iter()
            .any(|base| path.starts_with(base)) =>
        {
            Dialect::OpenaiResponses
        }
        _ if path.starts_with("/v1/messages") => Dialect::Anthropic,
        _ if headers.get("anthropic-version").is_some() => Dialect::Anthropic,
        _ if path.starts_with("/v1/models") && is_gemini() => Dialect::Gemini,
        _ => Dialect::OpenaiChat,
    }
}

/// `/v1beta/models/{model}:{method}` and the same below `/v1/`; tuned and published models have
/// paths of their own. The name may hold slashes, and be percent-encoded.
fn addressed(path: &str, query: &str) -> Option<Addressed> {
    let rest = GEMINI_BASES
        .iter()
        .find_map(|base| path.strip_prefix(base))?;
    if !rest.contains([':', '%']) {
        return None;
    }
    let rest = percent_decoded(rest);
    let (name, method) = rest.rsplit_once(':')?;
    let stream = match method {
        "generateContent" => false,
        "streamGenerateContent" => true,
        _ => return None,
    };
    let mut model = name;
    while let Some(shorter) = model.strip_prefix("models/") {
        model = shorter;
    }
    let is_resource = ["tunedModels/", "publishers/"]
        .iter()
        .any(|collection| name.starts_with(collection));
    if model.is_empty() || (model == name && !is_resource) {
        return None;
    }
    let framing = match parameter(query, "alt").or_else(|| parameter(query, "$alt")) {
        Some(alt) if alt.eq_ignore_ascii_case("sse") => Framing::Events,
        _ if stream => Framing::Array,
        _ => Framing::Events,
    };
    Some(Addressed {
        model: model.to_owned(),
        stream,
        framing,
    })
}

/// The first value of a query parameter, as it was written.
fn parameter<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then_some(value)
    })
}

/// RFC 3986 §2.1; what is no valid escape stays as it is.
pub(crate) fn percent_decoded(text: &str) -> String {
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
mod tests;
