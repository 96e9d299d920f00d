//! Guesses at the admin key, which may be as short as whoever set it likes.
//!
//! A hundred wrong keys from one network make it wait; the right one waits as well, or the waiting
//! would bound nothing. It is a minute at the most, because an administrator may sit behind the same
//! address as whoever guesses; they can come from elsewhere meanwhile, or sign in as a user. That
//! leaves some 1,500 guesses a day and network. Access tokens of ours, however old, are no guesses: a
//! page that was left open sends one every now and then.

use super::{Accounts, HOUR, Refusal, SECOND, address};
use crate::domain::now_unix_ms;
use crate::secrets::Secret;
use crate::store::{self, Limits};

const WRONG_KEYS: Limits = Limits {
    free: 100,
    first_wait_ms: SECOND,
    longest_wait_ms: 60 * SECOND,
    forget_ms: HOUR,
};

/// From this many bytes on nobody guesses a key, at whatever speed: waiting would keep out those
/// alone who have it. Those that are made here have 48.
const LONG: usize = 32;

impl Accounts {
    /// Whether what somebody shows is the admin key. What it is not may be an access token.
    ///
    /// # Errors
    /// `TooMany` after many wrong ones from this network.
    pub async fn is_admin_key(
        &self,
        key: &Secret,
        given: &str,
        address: &str,
    ) -> Result<bool, Refusal> {
        let is_right = key.matches(given);
        if key.expose().len() >= LONG {
            return Ok(is_right);
        }
        let scope = format!("admin//{}", address::network(address));
        if !is_right {
            if !self.signer().await?.has_signed(given) {
                self.attempt(vec![(scope, WRONG_KEYS)]).await?;
            }
            return Ok(false);
        }
        let now = now_unix_ms();
        match self.store.locked_until(&[scope], now).await {
            Ok(None) => Ok(true),
            Ok(Some(until)) => Err(Refusal::until(until, now)),
            // Whoever has the key wants to see now what goes on, and wrong ones are refused like this.
            Err(store::Error::Unavailable(_)) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}
