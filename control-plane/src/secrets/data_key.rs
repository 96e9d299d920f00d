//! Keys that seal secrets in the database, and are there themselves, wrapped by secret keys.
//!
//! One data key seals everything. To change the secret key means to wrap 32 bytes anew, and what
//! many control planes read meanwhile opens all the time, because the same data key can be there
//! once for the old secret key and once for the new one.

use std::fmt;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::KeyInit;

use super::keyring::{decrypt, encrypt};
use super::{KeyRing, Place, Secret, UnsealError, random};

/// A key that seals secrets of one database.
#[derive(Clone)]
pub struct DataKey {
    id: i64,
    hex: Secret,
    cipher: Aes256Gcm,
}

/// With what a value was sealed, as it says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedWith {
    /// A secret key itself ([`KeyRing::seal`]), as before there were data keys.
    SecretKey,
    /// The data key with this id.
    DataKey(i64),
}

/// Layout of a sealed value: version, id of the data key, nonce, then ciphertext with its tag.
const VERSION: u8 = 2;
const ID_BYTES: usize = 8;

// === impl DataKey ===

impl DataKey {
    #[must_use]
    pub fn random() -> Self {
        // By chance, so that no other database has a key of this name.
        let id = i64::from_be_bytes(random()) & i64::MAX;
        Self::new(id, random())
    }

    fn new(id: i64, key: [u8; 32]) -> Self {
        Self {
            id,
            hex: Secret::new(hex::encode(key)),
            cipher: Aes256Gcm::new(&key.into()),
        }
    }

    #[must_use]
    pub fn id(&self) -> i64 {
        self.id
    }

    /// The key itself, sealed with the first key of the ring.
    ///
    /// # Errors
    /// When the ring is empty.
    pub fn wrap(&self, ring: &KeyRing) -> Result<Vec<u8>, UnsealError> {
        ring.seal(place(self.id), &self.hex)
    }

    /// What [`DataKey::wrap`] made.
    ///
    /// # Errors
    /// When the ring does not have the key, or it is not what was wrapped.
    pub fn unwrap(id: i64, wrapped: &[u8], ring: &KeyRing) -> Result<Self, UnsealError> {
        let hex = ring.open(place(id), wrapped)?;
        let mut key = [0; 32];
        hex::decode_to_slice(hex.expose(), &mut key).map_err(|_| UnsealError::Damaged)?;
        Ok(Self::new(id, key))
    }

    /// Seals a secret for its place.
    ///
    /// # Errors
    /// Never for anything that fits into memory.
    pub fn seal(&self, place: Place, secret: &Secret) -> Result<Vec<u8>, UnsealError> {
        let sealed = encrypt(&self.cipher, place, secret)?;
        Ok([&[VERSION], &self.id.to_be_bytes()[..], &sealed].concat())
    }

    /// Opens what [`DataKey::seal`] made for the same place.
    ///
    /// # Errors
    /// When it was sealed with another key, or is not what was sealed there.
    pub fn open(&self, place: Place, sealed: &[u8]) -> Result<Secret, UnsealError> {
        let damaged = || UnsealError::Damaged;
        let rest = sealed.strip_prefix(&[VERSION]).ok_or_else(damaged)?;
        let (id, rest) = rest.split_first_chunk::<ID_BYTES>().ok_or_else(damaged)?;
        if *id != self.id.to_be_bytes() {
            return Err(UnsealError::UnknownKey(hex::encode(id)));
        }
        decrypt(&self.cipher, place, rest)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({})", self.id)
    }
}

// === impl SealedWith ===

impl SealedWith {
    /// What opens a value; damaged ones are taken for old ones, which do not open.
    #[must_use]
    pub fn of(sealed: &[u8]) -> Self {
        sealed
            .strip_prefix(&[VERSION])
            .and_then(|rest| rest.first_chunk::<ID_BYTES>())
            .map_or(Self::SecretKey, |id| Self::DataKey(i64::from_be_bytes(*id)))
    }
}

fn place(id: i64) -> Place {
    Place {
        table: "data_keys",
        column: "wrapped",
        row: id,
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
    fn what_is_sealed_opens_in_its_place_with_its_key_only() {
        let key = DataKey::random();
        let sealed = key.seal(PLACE, &Secret::new("sk-canary")).unwrap();
        assert_eq!(SealedWith::of(&sealed), SealedWith::DataKey(key.id()));
        assert_eq!(key.open(PLACE, &sealed).unwrap().expose(), "sk-canary");
        assert!(matches!(
            DataKey::random().open(PLACE, &sealed),
            Err(UnsealError::UnknownKey(_))
        ));
        let elsewhere = Place { row: 8, ..PLACE };
        assert!(key.open(elsewhere, &sealed).is_err());
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert!(key.open(PLACE, &bent).is_err(), "byte {at}");
            assert!(key.open(PLACE, &sealed[..at]).is_err(), "{at} bytes");
        }
        let old = KeyRing::random().seal(PLACE, &Secret::new("s")).unwrap();
        assert_eq!(SealedWith::of(&old), SealedWith::SecretKey);
    }

    #[test]
    fn each_secret_key_that_wraps_it_gives_the_same_key() {
        let key = DataKey::random();
        let sealed = key.seal(PLACE, &Secret::new("s")).unwrap();
        let rings = [KeyRing::random(), KeyRing::random()];
        for ring in &rings {
            let wrapped = key.wrap(ring).unwrap();
            let same = DataKey::unwrap(key.id(), &wrapped, ring).unwrap();
            assert_eq!(same.open(PLACE, &sealed).unwrap().expose(), "s");
            assert!(DataKey::unwrap(key.id() ^ 1, &wrapped, ring).is_err());
        }
        let wrapped = key.wrap(&rings[0]).unwrap();
        assert!(DataKey::unwrap(key.id(), &wrapped, &rings[1]).is_err());
        assert!(!format!("{key:?}").contains(key.hex.expose()));
    }
}
