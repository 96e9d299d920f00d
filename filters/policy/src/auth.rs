//! Whose token is this, and may it be used.

use std::net::IpAddr;

use sha2::{Digest, Sha256};
use tollgate_config::meter::TokenRecord;
use tollgate_config::names::TOKEN_PREFIX;

use crate::Subnet;

/// Headers that may carry a token, in the order in which they are looked at. The first one that
/// holds something decides, so that a request with two tokens has one meaning.
const TOKEN_HEADERS: [&str; 4] = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];

/// SHA-256 of the caller's token without its `sk-` prefix, or `None` when there is no token.
///
/// `header` finds the first value of a header. `authorization` must be of the scheme `Bearer`
/// (RFC 6750 §2.1, any case); the others hold the token alone.
#[must_use]
pub fn token_hash<'h>(header: impl Fn(&str) -> Option<&'h [u8]>) -> Option<[u8; 32]> {
    let token = TOKEN_HEADERS.iter().find_map(|wanted| {
        let value = header(wanted)?;
        let token = if *wanted == "authorization" {
            bearer(value)?
        } else {
            value.trim_ascii()
        };
        (!token.is_empty()).then_some(token)
    })?;
    let secret = token.strip_prefix(TOKEN_PREFIX.as_bytes()).unwrap_or(token);
    Some(Sha256::digest(secret).into())
}

/// Why a known token may not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    TokenDisabled,
    TokenExpired,
    GroupDisabled,
    /// The caller's address is in none of the token's subnets.
    AddressNotAllowed,
}

/// Whether a token may be used from `address`. An address that could not be read is in no subnet.
///
/// # Errors
/// Says which rule forbids it.
pub fn authorize(
    token: &TokenRecord,
    address: Option<IpAddr>,
    now_unix_ms: i64,
) -> Result<(), Denied> {
    if !token.enabled {
        return Err(Denied::TokenDisabled);
    }
    if token.expires_unix_ms != 0 && now_unix_ms >= token.expires_unix_ms {
        return Err(Denied::TokenExpired);
    }
    if !token.group_enabled {
        return Err(Denied::GroupDisabled);
    }
    let allowed = token.subnets.is_empty()
        || address.is_some_and(|address| {
            token
                .subnets
                .iter()
                .filter_map(|subnet| subnet.parse::<Subnet>().ok())
                .any(|subnet| subnet.contains(address))
        });
    if allowed {
        Ok(())
    } else {
        Err(Denied::AddressNotAllowed)
    }
}

/// Whether a token may use a model; an empty list allows all that its sets serve.
#[must_use]
pub fn allows_model(token: &TokenRecord, model: &str) -> bool {
    token.models.is_empty() || token.models.iter().any(|m| m.eq_ignore_ascii_case(model))
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let value = value.trim_ascii();
    let (scheme, token) = value.split_at_checked("bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(headers: &[(&str, &str)]) -> Option<[u8; 32]> {
        token_hash(|wanted| {
            let found = headers.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| value.as_bytes())
        })
    }

    #[test]
    fn a_token_is_found_wherever_clients_put_it() {
        let expected = Some(Sha256::digest(b"abc").into());
        for headers in [
            &[("authorization", "Bearer sk-abc")][..],
            &[("authorization", "bearer abc")],
            &[("authorization", "Bearer  abc ")],
            &[("x-api-key", "sk-abc")],
            &[("api-key", "abc")],
            &[("x-goog-api-key", "abc")],
            &[("authorization", "Basic Zm9v"), ("x-api-key", "abc")],
            &[("authorization", "Bearer "), ("x-api-key", "abc")],
            &[("authorization", "Bearer abc"), ("x-api-key", "other")],
        ] {
            assert_eq!(hash(headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn what_is_no_token_is_none() {
        for headers in [
            &[][..],
            &[("authorization", "abc")],
            &[("authorization", "Bearer")],
            &[("authorization", "Bea")],
            &[("x-api-key", " ")],
        ] {
            assert_eq!(hash(headers), None, "{headers:?}");
        }
    }

    fn token() -> TokenRecord {
        TokenRecord {
            enabled: true,
            group_enabled: true,
            ..TokenRecord::default()
        }
    }

    fn expiring(expires_unix_ms: i64) -> TokenRecord {
        TokenRecord {
            expires_unix_ms,
            ..token()
        }
    }

    #[test]
    fn each_rule_can_forbid() {
        let inside: Option<IpAddr> = "10.1.2.3".parse().ok();
        let limited = TokenRecord {
            subnets: vec!["10.0.0.0/8".into()],
            ..token()
        };
        let cases = [
            (token(), inside, Ok(())),
            (expiring(1_001), inside, Ok(())),
            (expiring(1_000), inside, Err(Denied::TokenExpired)),
            (
                TokenRecord {
                    enabled: false,
                    ..token()
                },
                inside,
                Err(Denied::TokenDisabled),
            ),
            (
                TokenRecord {
                    group_enabled: false,
                    ..token()
                },
                inside,
                Err(Denied::GroupDisabled),
            ),
            (limited.clone(), inside, Ok(())),
            (
                limited.clone(),
                "11.0.0.1".parse().ok(),
                Err(Denied::AddressNotAllowed),
            ),
            (limited.clone(), None, Err(Denied::AddressNotAllowed)),
            (
                TokenRecord {
                    subnets: vec!["nonsense".into()],
                    ..token()
                },
                inside,
                Err(Denied::AddressNotAllowed),
            ),
        ];
        for (token, address, expected) in cases {
            assert_eq!(
                authorize(&token, address, 1_000),
                expected,
                "{token:?} from {address:?}"
            );
        }
    }

    #[test]
    fn an_empty_model_list_allows_all() {
        assert!(allows_model(&token(), "gpt-5"));
        let limited = TokenRecord {
            models: vec!["gpt-5".into()],
            ..token()
        };
        assert!(allows_model(&limited, "GPT-5"));
        assert!(!allows_model(&limited, "gpt-4"));
    }
}
