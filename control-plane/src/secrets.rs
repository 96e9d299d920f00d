//! Everything secret: values that do not print, sealing at rest, key files, new tokens.
//!
//! All randomness comes from the operating system. Nothing here logs.

mod code;
mod data_key;
mod file;
mod keyring;
mod rotation;
mod secret;
mod tag;
mod token;

pub use code::{NewCode, hash_code};
pub use data_key::{DataKey, SealedWith};
pub use file::{
    KeyFileError, admin_key, node_token, node_token_file, read_private, secret_key, weakness,
    write_private,
};
pub use keyring::{InvalidKey, KeyRing, Place, UnsealError};
pub use rotation::{NewKey, RotationError, finish_rotation, rotation_keys};
pub use secret::{Secret, hint};
pub use tag::SecretTag;
pub use token::{InvalidToken, NewToken, TokenHash, hash_token};

/// Bytes from the operating system's generator.
///
/// It only fails where the system has none, and then nothing here can go on.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if getrandom::fill(&mut bytes).is_err() {
        // Going on with predictable keys would be worse than not going on.
        std::process::abort();
    }
    bytes
}
