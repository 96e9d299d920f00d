//! The provider's discovery document (OpenID Connect Discovery 1.0, sections 3 and 4).

use serde::Deserialize;
use url::Url;

use super::{Error, Settings};
use crate::outbound::{self, Call, Reach};

/// Where the provider is asked what.
#[derive(Debug, Clone)]
pub(super) struct Metadata {
    pub(super) authorization: Url,
    pub(super) token: Endpoint,
    pub(super) keys: Endpoint,
    /// The client's secret goes into the form, instead of a header.
    pub(super) secret_in_form: bool,
    /// The provider says who it is when it sends browsers back (RFC 9207).
    pub(super) names_itself: bool,
}

/// What we call ourselves.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) url: Url,
    pub(super) reach: Reach,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

const WHAT: &str = "discovery document";

impl Metadata {
    pub(super) async fn fetch(settings: &Settings) -> Result<Self, Error> {
        let base = settings
            .issuer
            .strip_suffix('/')
            .unwrap_or(&settings.issuer);
        let url = Url::parse(&format!("{base}/.well-known/openid-configuration"))
            .map_err(|error| Error::answer(WHAT, error))?;
        // The operator named it.
        let (status, body) = outbound::call(Call::get(&url, Reach::Anywhere)).await?;
        if !status.is_success() {
            return Err(Error::Status {
                what: "its discovery document",
                status: status.as_u16(),
                code: String::new(),
            });
        }
        Self::read(settings, &body)
    }

    fn read(settings: &Settings, body: &[u8]) -> Result<Self, Error> {
        let document: Document =
            serde_json::from_slice(body).map_err(|error| Error::answer(WHAT, error))?;
        if document.issuer != settings.issuer {
            let why = format!(
                "it is of the issuer {:?}, and OIDC_ISSUER is {:?}",
                document.issuer, settings.issuer
            );
            return Err(Error::answer(WHAT, why));
        }
        let methods = document.token_endpoint_auth_methods_supported;
        let takes = |method: &str| {
            let methods = methods.as_ref();
            methods.is_some_and(|known| known.iter().any(|it| it == method))
        };
        Ok(Self {
            authorization: address(
                settings,
                "authorization_endpoint",
                &document.authorization_endpoint,
            )?
            .url,
            token: address(settings, "token_endpoint", &document.token_endpoint)?,
            keys: address(settings, "jwks_uri", &document.jwks_uri)?,
            // A header is what holds where nothing is said.
            secret_in_form: takes("client_secret_post") && !takes("client_secret_basic"),
            names_itself: document.authorization_response_iss_parameter_supported,
        })
    }
}

/// On the issuer's own host, whom the operator trusts, anything may be called; elsewhere what is
/// public, over TLS, lest a provider send us into our own network.
fn address(settings: &Settings, name: &str, text: &str) -> Result<Endpoint, Error> {
    let url = Url::parse(text).map_err(|error| Error::answer(WHAT, format!("{name}: {error}")))?;
    let own = url.origin() == settings.issuer_url.origin();
    if !own && url.scheme() != "https" || !url.has_host() {
        let why = format!("{name} must begin with https://, or be at the issuer's own address");
        return Err(Error::answer(WHAT, why));
    }
    let reach = if own { Reach::Anywhere } else { Reach::Public };
    Ok(Endpoint { url, reach })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::settings::tests::args;
    use super::*;

    fn document() -> Value {
        json!({
            "issuer": "https://id.example/realm",
            "authorization_endpoint": "https://id.example/realm/authorize",
            "token_endpoint": "https://id.example/realm/token",
            "jwks_uri": "https://keys.example/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        })
    }

    fn read(document: &Value) -> Result<Metadata, Error> {
        let settings = Settings::read(&args("https://id.example/realm")).unwrap();
        Metadata::read(&settings.unwrap(), document.to_string().as_bytes())
    }

    #[test]
    fn only_the_issuers_own_host_may_be_private() {
        let metadata = read(&document()).unwrap();
        assert_eq!(metadata.token.reach, Reach::Anywhere);
        assert_eq!(metadata.keys.reach, Reach::Public);
        assert!(!metadata.secret_in_form && !metadata.names_itself);
    }

    #[test]
    fn a_document_of_somebody_else_is_refused() {
        for (field, value, words) in [
            (
                "issuer",
                json!("https://id.example/realm/"),
                "OIDC_ISSUER is",
            ),
            ("issuer", json!("https://evil.example"), "OIDC_ISSUER is"),
            ("issuer", Value::Null, "cannot be used"),
            ("token_endpoint", json!("http://10.0.0.1/token"), "https://"),
            (
                "token_endpoint",
                json!("http://id.example/realm/token"),
                "https://",
            ),
            ("jwks_uri", json!("file:///etc/passwd"), "https://"),
            (
                "authorization_endpoint",
                json!("javascript:alert(1)"),
                "https://",
            ),
            ("jwks_uri", json!("x"), "jwks_uri"),
        ] {
            let mut document = document();
            document[field] = value;
            let told = read(&document).unwrap_err().to_string();
            assert!(told.contains(words), "{told} should say: {words}");
        }
    }

    #[test]
    fn the_secret_goes_where_the_provider_takes_it() {
        let with = |methods: Value| {
            let mut document = document();
            document["token_endpoint_auth_methods_supported"] = methods;
            read(&document).unwrap().secret_in_form
        };
        assert!(with(json!(["client_secret_post"])));
        assert!(!with(json!(["client_secret_basic"])));
        assert!(!with(Value::Null));
    }
}
