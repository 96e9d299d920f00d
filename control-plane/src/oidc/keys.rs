//! The keys that the provider signs with (RFC 7517).

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header};
use serde::Deserialize;
use serde_json::Value;

use super::Error;
use super::metadata::Endpoint;
use crate::outbound::{self, Call};

/// Public keys, each good for one algorithm.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys(Vec<Key>);

#[derive(Debug, Clone)]
pub(super) struct Key {
    id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

const WHAT: &str = "set of keys";
const MAX_KEYS: usize = 100;

impl Keys {
    pub(super) async fn fetch(endpoint: &Endpoint) -> Result<Self, Error> {
        let (status, body) = outbound::call(Call::get(&endpoint.url, endpoint.reach)).await?;
        if !status.is_success() {
            return Err(Error::Status {
                what: "its keys",
                status: status.as_u16(),
                code: String::new(),
            });
        }
        Self::read(&body)
    }

    /// Keys that are for something else, or of a kind that is not known here, are left out.
    pub(super) fn read(body: &[u8]) -> Result<Self, Error> {
        let set: Set = serde_json::from_slice(body).map_err(|error| Error::answer(WHAT, error))?;
        let keys = set.keys.into_iter().take(MAX_KEYS).filter_map(Key::read);
        Ok(Self(keys.collect()))
    }

    /// The key that a token with this header says it is signed with. Without a name there must be
    /// no choice.
    pub(super) fn find(&self, header: &Header) -> Option<&Key> {
        let mut fitting = self.0.iter().filter(|key| {
            let named = header.kid.is_none() || header.kid == key.id;
            named && key.algorithm == header.alg
        });
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Some(key),
            _ => None,
        }
    }
}

impl Key {
    fn read(json: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(json).ok()?;
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => Algorithm::RS256,
            AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
                Algorithm::ES256
            }
            _ => return None,
        };
        let said = match jwk.common.key_algorithm {
            None => Some(algorithm),
            Some(KeyAlgorithm::RS256) => Some(Algorithm::RS256),
            Some(KeyAlgorithm::ES256) => Some(Algorithm::ES256),
            Some(_) => None,
        };
        let signs = matches!(
            jwk.common.public_key_use,
            None | Some(PublicKeyUse::Signature)
        );
        if said != Some(algorithm) || !signs {
            return None;
        }
        Some(Self {
            id: jwk.common.key_id.clone(),
            algorithm,
            key: DecodingKey::from_jwk(&jwk).ok()?,
        })
    }
}
