//! Telling whether a secret was replaced, without opening it.

use sha2::{Digest, Sha256};

/// A few bytes of the hash of what is stored of a secret. Two seals of one text differ in it: it says
/// that somebody wrote it, and nothing of what it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SecretTag([u8; 8]);

impl SecretTag {
    /// Of what is stored, sealed or hashed.
    #[must_use]
    pub fn of(stored: &[u8]) -> Self {
        let mut tag = Self::default();
        for (byte, hashed) in tag.0.iter_mut().zip(Sha256::digest(stored)) {
            *byte = hashed;
        }
        tag
    }

    #[must_use]
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }
}
