//! Who may connect as a gateway. Provider keys go to whoever may.

use std::path::Path;

use subtle::ConstantTimeEq;
use tonic::metadata::MetadataMap;
use tonic::service::Interceptor;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};
use tonic::{Request, Status};

use crate::address::Listen;
use crate::cli::TrustArgs;
use crate::secrets::Secret;

/// What a gateway must show.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    node_token: Option<Secret>,
    tls: Option<ServerTlsConfig>,
}

#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error(
        "{0} is not a loopback address, and provider keys would travel there to anybody who asks; \
         set TOLLGATE_NODE_TOKEN, or --xds-certificate, --xds-key and --xds-client-authority"
    )]
    Open(Listen),
    #[error(
        "the node token is too short; use at least {MIN_TOKEN} characters, such as `openssl rand -hex 32`"
    )]
    ShortToken,
    #[error("{path}: {source}")]
    File {
        path: String,
        source: std::io::Error,
    },
}

const MIN_TOKEN: usize = 16;

impl Trust {
    /// # Errors
    /// When the address is open to others and nothing is asked of them, the token is guessable,
    /// or a file cannot be read.
    pub fn new(args: &TrustArgs, listen: Listen) -> Result<Self, TrustError> {
        let node_token = args.node_token.clone().filter(|token| !token.is_empty());
        if node_token
            .as_ref()
            .is_some_and(|token| token.expose().len() < MIN_TOKEN)
        {
            return Err(TrustError::ShortToken);
        }
        let tls = match (
            &args.xds_certificate,
            &args.xds_key,
            &args.xds_client_authority,
        ) {
            (Some(certificate), Some(key), Some(authority)) => Some(
                ServerTlsConfig::new()
                    .identity(Identity::from_pem(read(certificate)?, read(key)?))
                    .client_ca_root(Certificate::from_pem(read(authority)?)),
            ),
            _ => None,
        };
        if node_token.is_none() && tls.is_none() && !listen.0.ip().is_loopback() {
            return Err(TrustError::Open(listen));
        }
        Ok(Self { node_token, tls })
    }

    /// Whether there is anything that a gateway must show.
    #[must_use]
    pub fn asks_something(&self) -> bool {
        self.tls.is_some() || self.node_token.is_some()
    }

    /// Asks for a token even where nothing must be asked.
    #[must_use]
    pub fn or_token(mut self, token: Secret) -> Self {
        if !self.asks_something() {
            self.node_token = Some(token);
        }
        self
    }

    #[must_use]
    pub fn node_token(&self) -> Option<&Secret> {
        self.node_token.as_ref()
    }

    #[must_use]
    pub fn tls(&self) -> Option<&ServerTlsConfig> {
        self.tls.as_ref()
    }

    /// Takes the time that it takes for the right token.
    fn admits(&self, metadata: &MetadataMap) -> bool {
        let Some(token) = &self.node_token else {
            return true;
        };
        let given = metadata
            .get("authorization")
            .map(|value| value.as_bytes())
            .unwrap_or_default();
        let given = given.strip_prefix(b"Bearer ").unwrap_or(given);
        given.ct_eq(token.expose().as_bytes()).into()
    }
}

impl Interceptor for Trust {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        if self.admits(request.metadata()) {
            Ok(request)
        } else {
            Err(Status::unauthenticated(
                "the node token is missing or wrong",
            ))
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TrustError> {
    std::fs::read(path).map_err(|source| TrustError::File {
        path: path.display().to_string(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(token: Option<&str>) -> TrustArgs {
        TrustArgs {
            xds_certificate: None,
            xds_key: None,
            xds_client_authority: None,
            node_token: token.map(Secret::new),
        }
    }

    #[test]
    fn keys_do_not_travel_to_strangers() {
        let check = |listen: &str, token: Option<&str>, ok: bool| {
            let listen = listen.parse().unwrap();
            assert_eq!(
                Trust::new(&args(token), listen).is_ok(),
                ok,
                "{listen} {token:?}"
            );
        };
        let token = Some("0123456789abcdef");
        check("127.0.0.1:1", None, true);
        check("[::1]:1", None, true);
        check("0.0.0.0:1", None, false);
        check(":1", Some(""), false);
        check(":1", Some("short"), false);
        check(":1", token, true);
    }

    #[test]
    fn only_the_token_is_admitted() {
        let token = "0123456789abcdef";
        let trust = Trust::new(&args(Some(token)), ":1".parse().unwrap()).unwrap();
        let check = |header: Option<&str>, ok: bool| {
            let mut metadata = MetadataMap::new();
            if let Some(header) = header {
                metadata.insert("authorization", header.parse().unwrap());
            }
            assert_eq!(trust.admits(&metadata), ok, "{header:?}");
        };
        check(None, false);
        check(Some(""), false);
        check(Some("Bearer"), false);
        check(Some("Bearer 0123456789abcdeg"), false);
        check(Some("Bearer 0123456789abcdef"), true);
        check(Some("0123456789abcdef"), true);
    }
}
