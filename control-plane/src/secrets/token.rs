//! New tokens, and the hash by which they are known.

use std::fmt;

use sha2::{Digest, Sha256};
use tollgate_config::names::TOKEN_PREFIX;

use super::{Secret, random};

/// SHA-256 of a token without its prefix.
///
/// A plain hash is enough, because a token has 285 bits of randomness: there is nothing to guess.
pub type TokenHash = [u8; 32];

/// A token that was just made; the only moment at which its text exists here.
#[derive(Clone)]
pub struct NewToken {
    /// With the `sk-` prefix, as its owner uses it.
    pub secret: Secret,
    pub hash: TokenHash,
    /// The last four characters.
    pub hint: String,
}

/// Characters after the prefix.
const LENGTH: usize = 48;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A text that would be too easy to guess, or that cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 32 to 128 letters, digits, '-' and '_', with or without sk- before them")]
pub struct InvalidToken;

const GIVEN: std::ops::RangeInclusive<usize> = 32..=128;

impl NewToken {
    /// A token whose text exists already, as somebody had it elsewhere.
    ///
    /// # Errors
    /// When it is too short to be random, or has other characters.
    pub fn given(text: &str) -> Result<Self, InvalidToken> {
        let bare = text.strip_prefix(TOKEN_PREFIX).unwrap_or(text);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !GIVEN.contains(&bare.len()) || !bare.bytes().all(plain) {
            return Err(InvalidToken);
        }
        Ok(Self {
            hash: hash_token(bare),
            hint: super::hint(bare),
            secret: Secret::new(format!("{TOKEN_PREFIX}{bare}")),
        })
    }

    #[must_use]
    pub fn random() -> Self {
        let mut text = String::with_capacity(TOKEN_PREFIX.len() + LENGTH);
        text.push_str(TOKEN_PREFIX);
        while text.len() < TOKEN_PREFIX.len() + LENGTH {
            // Six bits a byte; the two values past the alphabet are thrown away, not folded
            // back, so that every character is equally likely.
            let drawn = random::<64>()
                .into_iter()
                .map(|byte| usize::from(byte & 63));
            let wanted = TOKEN_PREFIX.len() + LENGTH - text.len();
            text.extend(
                drawn
                    .filter_map(|at| ALPHABET.get(at).copied().map(char::from))
                    .take(wanted),
            );
        }
        let hint = super::hint(&text);
        Self {
            hash: hash_token(&text),
            secret: Secret::new(text),
            hint,
        }
    }
}

/// The hash of a token, with or without its prefix.
#[must_use]
pub fn hash_token(token: &str) -> TokenHash {
    let bare = token.strip_prefix(TOKEN_PREFIX).unwrap_or(token);
    Sha256::digest(bare.as_bytes()).into()
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewToken(…{})", self.hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_48_random_alphanumerics() {
        let (one, two) = (NewToken::random(), NewToken::random());
        for token in [&one, &two] {
            let bare = token.secret.expose().strip_prefix("sk-").unwrap();
            assert_eq!(bare.len(), 48);
            assert!(bare.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            assert!(bare.ends_with(&token.hint) && token.hint.len() == 4);
            assert_eq!(token.hash, hash_token(bare));
            assert_eq!(token.hash, hash_token(token.secret.expose()));
        }
        assert_ne!(one.hash, two.hash);
    }

    #[test]
    fn a_given_token_must_be_hard_to_guess() {
        let text = "Ab3".repeat(16);
        let given = NewToken::given(&text).unwrap();
        assert_eq!(given.hash, hash_token(&text));
        assert_eq!(given.secret.expose(), format!("sk-{text}"));
        assert_eq!(
            NewToken::given(given.secret.expose()).unwrap().hash,
            given.hash
        );
        for bad in [
            "",
            "secret",
            &"a".repeat(31),
            &"a".repeat(129),
            &format!("{text} "),
            "sk-",
        ] {
            assert!(NewToken::given(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_hash_is_sha_256_of_what_follows_the_prefix() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex::encode(hash_token("sk-abc")), expected);
        assert_eq!(hex::encode(hash_token("abc")), expected);
    }
}
