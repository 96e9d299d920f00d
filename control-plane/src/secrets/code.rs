//! Redemption codes, and the hash by which they are known.

use std::fmt;

use sha2::{Digest, Sha256};

use super::{Secret, random};

/// A code that was just made; the only moment at which its text exists here.
pub struct NewCode {
    /// `XXXXX-XXXXX-XXXXX-XXXXX`, as it is given to people.
    pub secret: Secret,
    pub hash: [u8; 32],
    /// The last four characters.
    pub hint: String,
}

/// Crockford's base 32: without the letters I, L, O and U, which are misread. Five bits each.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// 100 bits: there is nothing to guess.
const LENGTH: usize = 20;
const GROUP: usize = 5;

impl NewCode {
    #[must_use]
    pub fn random() -> Self {
        let mut text = String::with_capacity(LENGTH + LENGTH / GROUP);
        for (at, byte) in random::<LENGTH>().into_iter().enumerate() {
            if at > 0 && at.is_multiple_of(GROUP) {
                text.push('-');
            }
            // 256 is a multiple of 32: every character is equally likely.
            text.extend(
                ALPHABET
                    .get(usize::from(byte & 31))
                    .copied()
                    .map(char::from),
            );
        }
        Self {
            hash: hash_code(&text),
            hint: super::hint(&text),
            secret: Secret::new(text),
        }
    }
}

/// SHA-256 of a code as it is meant: hyphens and spaces do not count, nor does case, and I, L and O
/// are the digits that they look like.
#[must_use]
pub fn hash_code(text: &str) -> [u8; 32] {
    let meant: Vec<u8> = text
        .bytes()
        .filter(|byte| !matches!(byte, b'-' | b' '))
        .map(|byte| match byte.to_ascii_uppercase() {
            b'I' | b'L' => b'1',
            b'O' => b'0',
            byte => byte,
        })
        .collect();
    Sha256::digest(meant).into()
}

impl fmt::Debug for NewCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewCode(…{})", self.hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_however_it_is_typed() {
        let code = NewCode::random();
        let text = code.secret.expose();
        assert_eq!((text.len(), text.matches('-').count()), (23, 3), "{text}");
        assert!(text.ends_with(&code.hint) && code.hint.len() == 4);
        for typed in [
            text.to_lowercase(),
            text.replace('-', ""),
            format!(" {} ", text.replace('-', " ")),
            text.replace('1', "l").replace('0', "o"),
        ] {
            assert_eq!(hash_code(&typed), code.hash, "{typed}");
        }
        assert_ne!(NewCode::random().hash, code.hash);
    }
}
