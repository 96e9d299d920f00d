//! Sealing of secrets in the database: AES-256-GCM, bound to the row that holds them.

use std::fmt;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use sha2::{Digest, Sha256};

use super::{Secret, random};

/// The keys that seal secrets. The first seals; all of them open, so that a new key can be put in
/// front of an old one.
#[derive(Clone)]
pub struct KeyRing(Vec<SealingKey>);

#[derive(Clone)]
struct SealingKey {
    id: [u8; ID_BYTES],
    cipher: Aes256Gcm,
}

/// Where a sealed value stands. It is authenticated with the value, so that a value copied to
/// another row or column does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub table: &'static str,
    pub column: &'static str,
    pub row: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret key is 32 bytes, as 64 hexadecimal digits or as base64")]
pub struct InvalidKey;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    #[error("it was sealed with the key {0}, which is not in the ring")]
    UnknownKey(String),
    #[error("it is damaged, or was copied from somewhere else")]
    Damaged,
}

/// Layout of a sealed value: version, key id, nonce, then ciphertext with its tag.
const VERSION: u8 = 1;
const ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 12;

// === impl KeyRing ===

impl KeyRing {
    /// Reads one key, or several separated by commas, newest first.
    ///
    /// # Errors
    /// When one of them is not 32 bytes in hex or base64.
    pub fn parse(text: &Secret) -> Result<Self, InvalidKey> {
        let keys = text
            .expose()
            .split(',')
            .map(|key| decode(key.trim()).map(SealingKey::new));
        keys.collect::<Result<_, _>>().map(Self)
    }

    /// A ring with one new key, for tests and trials.
    #[must_use]
    pub fn random() -> Self {
        Self(vec![SealingKey::new(random())])
    }

    /// Seals a secret for its place.
    ///
    /// # Errors
    /// Never for anything that fits into memory; the cipher's own limit is 64 GiB.
    pub fn seal(&self, place: Place, secret: &Secret) -> Result<Vec<u8>, UnsealError> {
        let key = self.0.first().ok_or(UnsealError::Damaged)?;
        let sealed = encrypt(&key.cipher, place, secret)?;
        Ok([&[VERSION], &key.id[..], &sealed].concat())
    }

    /// Opens what [`KeyRing::seal`] made for the same place.
    ///
    /// # Errors
    /// When the key is not in the ring, or the value is not what was sealed there.
    pub fn open(&self, place: Place, sealed: &[u8]) -> Result<Secret, UnsealError> {
        let damaged = || UnsealError::Damaged;
        let rest = sealed.strip_prefix(&[VERSION]).ok_or_else(damaged)?;
        let (id, rest) = rest.split_first_chunk::<ID_BYTES>().ok_or_else(damaged)?;
        let key = self
            .0
            .iter()
            .find(|key| key.id == *id)
            .ok_or_else(|| UnsealError::UnknownKey(hex::encode(id)))?;
        decrypt(&key.cipher, place, rest)
    }

    /// Names the key that seals; `""` for an empty ring.
    #[must_use]
    pub fn id(&self) -> String {
        self.0
            .first()
            .map(|key| hex::encode(key.id))
            .unwrap_or_default()
    }

    /// Each of its keys as a ring of its own.
    pub fn each(&self) -> impl Iterator<Item = Self> {
        self.0.iter().map(|key| Self(vec![key.clone()]))
    }

    /// Whether older keys stand behind the one that seals.
    #[must_use]
    pub fn has_older(&self) -> bool {
        self.0.len() > 1
    }

    /// The keys of `older` behind these.
    #[must_use]
    pub fn before(mut self, older: Self) -> Self {
        for key in older.0 {
            if self.0.iter().all(|known| known.id != key.id) {
                self.0.push(key);
            }
        }
        self
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.0.iter().map(|key| hex::encode(key.id));
        f.debug_list().entries(ids).finish()
    }
}

// === impl SealingKey ===

impl SealingKey {
    fn new(key: [u8; 32]) -> Self {
        let digest = Sha256::new()
            .chain_update(b"tollgate key id")
            .chain_update(key)
            .finalize();
        let mut id = [0; ID_BYTES];
        id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Self {
            id,
            cipher: Aes256Gcm::new(&key.into()),
        }
    }
}

/// Nonce, then ciphertext with its tag.
pub(super) fn encrypt(
    cipher: &Aes256Gcm,
    place: Place,
    secret: &Secret,
) -> Result<Vec<u8>, UnsealError> {
    let nonce: [u8; NONCE_BYTES] = random();
    let aad = place.to_string();
    let payload = Payload {
        msg: secret.expose().as_bytes(),
        aad: aad.as_bytes(),
    };
    let ciphertext = cipher
        .encrypt(Nonce::from_slice(&nonce), payload)
        .map_err(|_| UnsealError::Damaged)?;
    Ok([&nonce[..], &ciphertext].concat())
}

/// What [`encrypt`] made for the same place.
pub(super) fn decrypt(
    cipher: &Aes256Gcm,
    place: Place,
    sealed: &[u8],
) -> Result<Secret, UnsealError> {
    let damaged = || UnsealError::Damaged;
    let (nonce, ciphertext) = sealed
        .split_first_chunk::<NONCE_BYTES>()
        .ok_or_else(damaged)?;
    let aad = place.to_string();
    let payload = Payload {
        msg: ciphertext,
        aad: aad.as_bytes(),
    };
    let plain = cipher
        .decrypt(Nonce::from_slice(nonce), payload)
        .map_err(|_| damaged())?;
    String::from_utf8(plain)
        .map(Secret::new)
        .map_err(|_| damaged())
}

fn decode(text: &str) -> Result<[u8; 32], InvalidKey> {
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

    if text.len() == 64 {
        let bytes = hex::decode(text).map_err(|_| InvalidKey)?;
        return bytes.try_into().map_err(|_| InvalidKey);
    }
    [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD]
        .iter()
        .find_map(|engine| engine.decode(text).ok())
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(InvalidKey)
}

// === impl Place ===

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.table, self.column, self.row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place {
        table: "channels",
        column: "key",
        row: 7,
    };

    #[test]
    fn what_is_sealed_opens_in_its_place_only() {
        let ring = KeyRing::random();
        let sealed = ring.seal(PLACE, &Secret::new("sk-canary")).unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"canary"));
        assert_eq!(ring.open(PLACE, &sealed).unwrap().expose(), "sk-canary");
        assert_ne!(sealed, ring.seal(PLACE, &Secret::new("sk-canary")).unwrap());

        for elsewhere in [
            Place { row: 8, ..PLACE },
            Place {
                column: "name",
                ..PLACE
            },
            Place {
                table: "tokens",
                ..PLACE
            },
        ] {
            assert_eq!(
                ring.open(elsewhere, &sealed).unwrap_err(),
                UnsealError::Damaged
            );
        }
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert!(ring.open(PLACE, &bent).is_err(), "byte {at}");
            assert!(ring.open(PLACE, &sealed[..at]).is_err(), "{at} bytes");
        }
    }

    #[test]
    fn an_older_key_still_opens() {
        let [old, new] = ["11", "22"].map(|digits| digits.repeat(32));
        let ring = |text: &str| KeyRing::parse(&Secret::new(text)).unwrap();
        let sealed = ring(&old).seal(PLACE, &Secret::new("s")).unwrap();

        assert_eq!(
            ring(&format!("{new}, {old}"))
                .open(PLACE, &sealed)
                .unwrap()
                .expose(),
            "s"
        );
        assert!(matches!(
            ring(&new).open(PLACE, &sealed),
            Err(UnsealError::UnknownKey(_))
        ));
    }

    #[test]
    fn keys_are_32_bytes() {
        let check = |text: &str, good: bool| {
            assert_eq!(KeyRing::parse(&Secret::new(text)).is_ok(), good, "{text}");
        };
        check(&"0f".repeat(32), true);
        check("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", true);
        check("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", true);
        for bad in [
            "",
            "secret",
            "00",
            &"0g".repeat(32),
            "AAECAwQFBgcICQoLDA0ODw==",
        ] {
            check(bad, false);
        }
    }

    #[test]
    fn a_ring_does_not_print_its_keys() {
        let ring = KeyRing::parse(&Secret::new("ab".repeat(32))).unwrap();
        assert!(!format!("{ring:?}").contains("abab"));
    }
}
