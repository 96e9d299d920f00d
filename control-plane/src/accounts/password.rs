//! Passwords: argon2id with OWASP's parameters, away from the threads that serve.

use std::sync::Arc;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;

use crate::domain::PasswordHash;
use crate::secrets::Secret;

/// Too many passwords wait to be hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many people are signing in; try again in a moment")]
pub struct Busy;

/// OWASP's Password Storage Cheat Sheet, its first choice for argon2id with little memory.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// How many may wait for their turn.
const QUEUE: usize = 64;

/// What a password is compared with that nobody has. It was made with the parameters above, so that
/// it takes as long as any other, and is the hash of nothing.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm9ibw$\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes some passwords at a time, each on a thread that may block; cloning shares the turns.
#[derive(Debug, Clone)]
pub(super) struct Hasher {
    turns: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Hasher {
    pub(super) fn new() -> Self {
        // Each takes a processor and 19 MiB; half of the processors stay with everything else.
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let turns = (processors / 2).clamp(1, 4);
        Self {
            turns: Arc::new(Semaphore::new(turns)),
            queue: Arc::new(Semaphore::new(turns + QUEUE)),
        }
    }

    pub(super) async fn hash(&self, password: Secret) -> Result<PasswordHash, Busy> {
        let hashed = self
            .in_turn(move || {
                let hash = argon2()?.hash_password(password.expose().as_bytes()).ok()?;
                Some(PasswordHash(Secret::new(hash.to_string())))
            })
            .await?;
        hashed.ok_or(Busy)
    }

    /// Whether it is the password of that hash; without one it is not, after the same time.
    pub(super) async fn verify(
        &self,
        password: Secret,
        hash: Option<PasswordHash>,
    ) -> Result<bool, Busy> {
        self.in_turn(move || {
            let hash = hash
                .as_ref()
                .map_or(NOBODYS, |PasswordHash(hash)| hash.expose());
            let (Some(argon2), Ok(hash)) = (argon2(), phc::PasswordHash::new(hash)) else {
                return false;
            };
            argon2
                .verify_password(password.expose().as_bytes(), &hash)
                .is_ok()
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let place = self.queue.clone().try_acquire_owned().map_err(|_| Busy)?;
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| Busy)?;
        // The turn ends with the work, also when nobody waits for it any longer.
        let task = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((turn, place));
            done
        });
        task.await.map_err(|_| Busy)
    }
}

fn argon2() -> Option<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_same_password_fits() {
        let hasher = Hasher::new();
        let hash = hasher.hash(Secret::new("correct horse")).await.unwrap();
        let text = hash.0.expose().to_owned();
        assert!(
            text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{text}"
        );
        let again = hasher.hash(Secret::new("correct horse")).await.unwrap();
        assert_ne!(again.0.expose(), text, "each has its own salt");
        for (password, fits) in [
            ("correct horse", true),
            ("correct horse ", false),
            ("", false),
        ] {
            let verified = hasher.verify(Secret::new(password), Some(hash.clone()));
            assert_eq!(verified.await, Ok(fits), "{password:?}");
        }
        assert_eq!(hasher.verify(Secret::new(""), None).await, Ok(false));
    }

    #[test]
    fn nobodys_hash_costs_what_everybodys_costs() {
        let hash = phc::PasswordHash::new(NOBODYS).unwrap();
        let params = Params::try_from(&hash).unwrap();
        assert_eq!(
            (params.m_cost(), params.t_cost(), params.p_cost()),
            (MEMORY_KIB, PASSES, LANES)
        );
        assert_eq!(hash.hash.unwrap().len(), Params::DEFAULT_OUTPUT_LEN);
    }

    #[tokio::test]
    async fn a_full_queue_refuses() {
        let hasher = Hasher::new();
        let places = hasher.queue.available_permits();
        let all = u32::try_from(places).unwrap();
        let _held = hasher.queue.clone().try_acquire_many_owned(all).unwrap();
        assert_eq!(hasher.verify(Secret::new("x"), None).await, Err(Busy));
    }
}
