//! Users and their sessions: registering, signing in, going on, signing out.
//!
//! Whoever signs in gets two texts. The access token is a JWT of a few minutes that names the user
//! and the session; it is looked up with each request, so that a session that has ended is ended
//! at once. The refresh token is opaque, kept as a hash, and changes with every use: one that
//! comes a second time has been copied, and ends its session (RFC 9700, section 4.14.2).
//!
//! Passwords cannot be guessed at speed: attempts are counted before they are made, by user, by
//! address and by both, in the database, so that all control planes count together. What others do
//! elsewhere keeps nobody out where they have signed in before. A name that nobody has is treated
//! like any other, the time of hashing included.

mod access_token;
mod address;
mod admin_key;
mod crypto;
mod oidc;
mod password;

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

pub use access_token::Named;
pub use address::{caller, network};
pub(crate) use crypto::install as install_crypto;
pub use oidc::{Begun, LIFETIME_S, OidcRefusal, Returned, Ticket, is_own_path};
pub use password::Busy;

use self::access_token::Signer;
use self::password::Hasher;
use crate::domain::{NewUser, PasswordHash, Role, Status, User, UserPatch, now_unix_ms};
use crate::oidc::Provider;
use crate::secrets::{Secret, random};
use crate::store::{self, Limits, NewSession, Renewed, Store};

/// All that concerns users; cloning shares it.
#[derive(Clone)]
pub struct Accounts {
    store: Store,
    hasher: Hasher,
    /// From the settings; else the database has one.
    secret: Option<Secret>,
    signer: Arc<OnceCell<Signer>>,
    /// `None`: users sign in here alone.
    oidc: Option<Arc<Provider>>,
}

/// A session that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: String,
    pub user: User,
}

/// What somebody gets who has signed in.
#[derive(Debug)]
pub struct SignedIn {
    pub user: User,
    pub access_token: Secret,
    /// Seconds.
    pub access_lifetime: i64,
    pub refresh_token: Secret,
    /// Seconds.
    pub refresh_lifetime: i64,
}

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("the user name or the password is wrong")]
    Wrong,
    /// Seconds until the next attempt is taken.
    #[error("there were too many attempts; the next one is taken in {0} seconds")]
    TooMany(i64),
    #[error("the session has ended; sign in again")]
    Ended,
    #[error(transparent)]
    Oidc(OidcRefusal),
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("the secret that signs access tokens cannot be used")]
    Secret,
}

/// Access tokens are looked up with each request, so this is how long a copy of one is worth
/// something to a thief whom nobody noticed.
const ACCESS_SECONDS: i64 = 15 * 60;
/// A session that nobody goes on with for so long ends.
const REFRESH_SECONDS: i64 = 30 * 24 * 60 * 60;

const SECOND: i64 = 1000;
const HOUR: i64 = 60 * 60 * SECOND;

/// One address at one user: a person who mistypes is not kept waiting.
const PAIR: Limits = Limits {
    free: 5,
    first_wait_ms: SECOND,
    longest_wait_ms: HOUR / 4,
    forget_ms: 24 * HOUR,
};
/// All addresses at one user, but for those that the user has signed in from, each of which has its
/// own: or anybody could keep somebody else out. There are 32 of these at most, so that guesses stay
/// bounded.
const USER: Limits = Limits { free: 50, ..PAIR };
/// One address at all users; many people may share one.
const ADDRESS: Limits = Limits { free: 30, ..PAIR };
/// New users from one address.
const REGISTRATION: Limits = Limits {
    free: 10,
    first_wait_ms: 60 * SECOND,
    longest_wait_ms: HOUR,
    forget_ms: 24 * HOUR,
};

impl Accounts {
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self {
            store,
            hasher: Hasher::new(),
            secret: None,
            signer: Arc::default(),
            oidc: None,
        }
    }

    /// With this secret to sign access tokens, instead of the one in the database.
    #[must_use]
    pub fn with_secret(self, secret: Option<Secret>) -> Self {
        let secret = secret.filter(|secret| !secret.is_empty());
        Self { secret, ..self }
    }

    /// Hashes a password that somebody chose.
    ///
    /// # Errors
    /// When too many are being hashed.
    pub async fn hash(&self, password: Secret) -> Result<PasswordHash, Busy> {
        self.hasher.hash(password).await
    }

    /// Makes an ordinary user.
    ///
    /// # Errors
    /// `TooMany` from one address; `Store(Conflict)` when the name is taken.
    pub async fn register(
        &self,
        username: String,
        email: String,
        password: Secret,
        address: &str,
    ) -> Result<User, Refusal> {
        let network = address::network(address);
        self.attempt(vec![(format!("register/{network}"), REGISTRATION)])
            .await?;
        let new = NewUser {
            username,
            email,
            role: Role::User,
            status: Status::Enabled,
            password: Some(self.hasher.hash(password).await?),
        };
        Ok(self.store.create_user(new).await?)
    }

    /// Signs in with a name (in lower case) and a password.
    ///
    /// # Errors
    /// `Wrong`, whatever is wrong; `TooMany` after many such.
    pub async fn sign_in(
        &self,
        username: &str,
        password: Secret,
        address: &str,
    ) -> Result<SignedIn, Refusal> {
        let user = self.check(username, password, address).await?;
        self.begin(user, address).await
    }

    /// Sets a new password for somebody who knows the old one, ends all their sessions, and begins
    /// a new one.
    ///
    /// # Errors
    /// As [`Accounts::sign_in`].
    pub async fn change_password(
        &self,
        user: &User,
        old: Secret,
        new: Secret,
        address: &str,
    ) -> Result<SignedIn, Refusal> {
        self.prove(user, old, address).await?;
        let patch = UserPatch {
            password: Some(self.hasher.hash(new).await?),
            ..UserPatch::default()
        };
        let user = self.store.update_user(user.id, patch).await?;
        self.begin(user, address).await
    }

    /// That this is the password of somebody who is signed in, for what outlasts their session.
    ///
    /// # Errors
    /// As [`Accounts::sign_in`].
    pub async fn prove(&self, user: &User, password: Secret, address: &str) -> Result<(), Refusal> {
        let proved = self.check(&user.username, password, address);
        proved.await.map(drop)
    }

    /// Goes on with a session.
    ///
    /// # Errors
    /// `Ended` when the token is not the session's last one; the session is over then.
    pub async fn refresh(&self, token: &Secret) -> Result<SignedIn, Refusal> {
        let (session, secret) = parts(token).ok_or(Refusal::Ended)?;
        let next = new_secret();
        let expires = now_unix_ms().saturating_add(REFRESH_SECONDS * SECOND);
        let renewed = self
            .store
            .renew_session(session, digest(secret), digest(next.expose()), expires)
            .await?;
        match renewed {
            Renewed::By(user) => self.signed_in(user, session, &next).await,
            Renewed::Reused(user) => {
                tracing::warn!(user, "a refresh token came twice; its session was ended");
                Err(Refusal::Ended)
            }
            Renewed::Unknown => Err(Refusal::Ended),
        }
    }

    /// The session that goes on with this token, if one does.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn session_to_renew(&self, token: &Secret) -> Result<Option<String>, Refusal> {
        let Some((session, secret)) = parts(token) else {
            return Ok(None);
        };
        let is_last = self.store.is_last_of_session(session, digest(secret));
        Ok(is_last.await?.then(|| session.to_owned()))
    }

    /// Whose access token this is; `None` when it is not one, or not one any longer.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn session(&self, access_token: &str) -> Result<Option<Session>, Refusal> {
        let Some(named) = self.signer().await?.read(access_token) else {
            return Ok(None);
        };
        let user = self
            .store
            .session_user(&named.session, named.user, named.version)
            .await?;
        Ok(user.map(|user| Session {
            id: named.session,
            user,
        }))
    }

    /// Begins a session for somebody who has proved who they are, from an address.
    ///
    /// # Errors
    /// `Wrong` when the user was changed meanwhile.
    pub async fn begin(&self, user: User, address: &str) -> Result<SignedIn, Refusal> {
        let (session, secret) = (hex::encode(random::<16>()), new_secret());
        let new = NewSession {
            id: session.clone(),
            user_id: user.id,
            refresh_hash: digest(secret.expose()),
            expires_at_ms: now_unix_ms().saturating_add(REFRESH_SECONDS * SECOND),
            network: Some(address::network(address)).filter(|network| !network.is_empty()),
        };
        match self.store.begin_session(new, user.token_version).await {
            Err(store::Error::Conflict(_)) => Err(Refusal::Wrong),
            done => {
                done?;
                self.signed_in(user, &session, &secret).await
            }
        }
    }

    /// The user who has this name and this password.
    async fn check(
        &self,
        username: &str,
        password: Secret,
        address: &str,
    ) -> Result<User, Refusal> {
        let network = address::network(address);
        // Of any length and form, but kept in the database: as a digest.
        let name = hex::encode(digest(username));
        let (pair, user, from) = (
            format!("login/{name}/{network}"),
            format!("login/{name}"),
            format!("login//{network}"),
        );
        // PostgreSQL does not take NUL, and no name has one.
        let is_name = !username.contains('\0');
        let is_known = is_name
            && self
                .store
                .is_known_at(username, &network, now_unix_ms())
                .await?;
        let mut cleared = vec![pair.clone()];
        let mut scopes = vec![(pair, PAIR)];
        if !is_known {
            cleared.push(user.clone());
            scopes.push((user, USER));
        }
        scopes.push((from.clone(), ADDRESS));
        self.attempt(scopes).await?;
        let found = match is_name {
            true => self.store.credentials(username).await?,
            false => None,
        };
        let hash = found.as_ref().and_then(|(_, hash)| hash.clone());
        let right = self.hasher.verify(password, hash).await?;
        match found {
            Some((found, _)) if right && found.status.is_enabled() => {
                // Who guesses elsewhere does not start anew each time the user comes home.
                self.store.attempt_succeeded(cleared, vec![from]).await?;
                Ok(found)
            }
            _ => Err(Refusal::Wrong),
        }
    }

    async fn attempt(&self, scopes: Vec<(String, Limits)>) -> Result<(), Refusal> {
        let now = now_unix_ms();
        match self.store.begin_attempt(scopes, now).await? {
            None => Ok(()),
            Some(until) => Err(Refusal::until(until, now)),
        }
    }

    async fn signed_in(
        &self,
        user: User,
        session: &str,
        refresh: &Secret,
    ) -> Result<SignedIn, Refusal> {
        let named = Named {
            user: user.id,
            session: session.to_owned(),
            version: user.token_version,
        };
        let expires = now_unix_ms() / SECOND + ACCESS_SECONDS;
        Ok(SignedIn {
            access_token: self.signer().await?.sign(&named, expires)?,
            access_lifetime: ACCESS_SECONDS,
            refresh_token: Secret::new(format!("{session}.{}", refresh.expose())),
            refresh_lifetime: REFRESH_SECONDS,
            user,
        })
    }

    async fn signer(&self) -> Result<&Signer, Refusal> {
        self.signer
            .get_or_try_init(async || {
                let secret = match &self.secret {
                    Some(secret) => secret.clone(),
                    None => self.store.signing_secret().await?,
                };
                Ok(Signer::new(&secret))
            })
            .await
    }
}

impl Refusal {
    fn until(until_ms: i64, now_ms: i64) -> Self {
        let left = until_ms.saturating_sub(now_ms).max(0);
        Self::TooMany(left / SECOND + 1)
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Accounts")
    }
}

/// The session that a refresh token names, and what proves it.
fn parts(token: &Secret) -> Option<(&str, &str)> {
    let (session, secret) = token.expose().split_once('.')?;
    let is_name = session.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_name.then_some((session, secret))
}

fn new_secret() -> Secret {
    Secret::new(hex::encode(random::<32>()))
}

/// A plain hash is enough for what has 256 bits of randomness.
fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}
