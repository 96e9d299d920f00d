//! Signing in at an OpenID provider: what happens here before and after.
//!
//! A sign-in has three steps. A browser is sent to the provider with a *ticket* in a cookie; the
//! provider sends it back with a code, which is changed for an identity that is kept for some
//! minutes; whoever has the ticket then begins a session with that identity, or adds it to a user.
//! All that the provider must hand back or prove is derived from the ticket with the secret that
//! signs access tokens, so that nothing is kept before the provider has vouched for somebody, any
//! control plane can go on, and a code or a state is worth nothing without the cookie.
//!
//! A person is known by issuer and subject alone. Names and addresses of e-mail are what somebody
//! says, and open nothing.

mod name;
mod recorded;
mod ticket;

pub use ticket::{LIFETIME_S, Ticket, is_own_path};

use serde_json::{Map, json};
use sha2::{Digest, Sha256};

use super::{ADDRESS, Accounts, Refusal, SignedIn, address};
use crate::domain::options::OIDC_REGISTRATION_ENABLED;
use crate::domain::{Identity, NewUser, Role, Status, User, UserPatch};
use crate::oidc::{Error, Proof, Provider, is_code};
use crate::store;
use recorded::recorded;

/// What the provider has a browser say when it sends it back.
#[derive(Debug, Clone, Default)]
pub struct Returned {
    pub state: Option<String>,
    pub code: Option<String>,
    pub error: Option<String>,
    pub issuer: Option<String>,
}

/// Why nobody is signed in at an OpenID provider.
#[derive(Debug, thiserror::Error)]
pub enum OidcRefusal {
    #[error("there is no OpenID provider; OIDC_ISSUER names one")]
    NoProvider,
    #[error(
        "this sign-in was not begun in this browser, or not within the last minutes; begin again"
    )]
    NotBegun,
    #[error("this sign-in was used already; begin again")]
    Used,
    #[error("the OpenID provider does not sign you in{0}")]
    Denied(String),
    #[error("nobody here is known by this identity")]
    Stranger,
    #[error("this user is disabled")]
    Disabled,
    #[error(transparent)]
    Provider(#[from] Error),
}

/// Where a browser goes, and the ticket that it takes along.
#[derive(Debug)]
pub struct Begun {
    pub location: url::Url,
    pub ticket: Ticket,
}

/// How many names are tried for somebody new.
const NAMES: usize = 5;

impl Accounts {
    /// With this provider to sign in at.
    #[must_use]
    pub fn with_oidc(self, provider: Option<Provider>) -> Self {
        let oidc = provider.map(std::sync::Arc::new);
        Self { oidc, ..self }
    }

    /// # Errors
    /// `NoProvider` when none is set up.
    pub fn oidc(&self) -> Result<&Provider, OidcRefusal> {
        self.oidc.as_deref().ok_or(OidcRefusal::NoProvider)
    }

    /// Begins a sign-in that ends at a path of our own.
    ///
    /// # Errors
    /// When there is no provider, or it is away.
    pub async fn begin_oidc(&self, return_to: &str) -> Result<Begun, Refusal> {
        let provider = self.oidc()?;
        let ticket = Ticket::new(return_to);
        let proof = self.proof(&ticket).await?;
        let location = provider.authorization(&proof).await;
        Ok(Begun {
            location: location.map_err(OidcRefusal::from)?,
            ticket,
        })
    }

    /// The provider has sent a browser back: finds out who it is, and keeps that for whoever has
    /// the ticket.
    ///
    /// # Errors
    /// `NotBegun` or `Used` when the browser does not belong to this state, before anything is
    /// asked of the provider; `Denied` when the provider says no; `Provider` when it vouches for
    /// nobody.
    pub async fn finish_oidc(
        &self,
        ticket: &Ticket,
        returned: Returned,
        from: &str,
    ) -> Result<(), Refusal> {
        let provider = self.oidc()?;
        let proof = self.proof(ticket).await?;
        let state = crate::secrets::Secret::new(proof.state.clone());
        if !returned.state.is_some_and(|given| state.matches(&given)) {
            return Err(OidcRefusal::NotBegun.into());
        }
        let network = format!("oidc//{}", address::network(from));
        self.attempt(vec![(network.clone(), ADDRESS)]).await?;
        let ours = provider.may_have_answered(returned.issuer.as_deref()).await;
        if !ours.map_err(OidcRefusal::from)? {
            return Err(OidcRefusal::NotBegun.into());
        }
        // Before the code is used: of two that come with it, one is a copy.
        let (key, forget) = (key(&proof), ticket.forgotten_at_ms());
        if !self.store.begin_oidc_login(key, forget).await? {
            return Err(OidcRefusal::Used.into());
        }
        if let Some(code) = returned.error {
            let code = if is_code(&code) {
                format!(": {code}")
            } else {
                String::new()
            };
            return Err(OidcRefusal::Denied(code).into());
        }
        let code = returned.code.ok_or(OidcRefusal::NotBegun)?;
        let identity = provider.identity(&code, &proof).await;
        let identity = identity.map_err(OidcRefusal::from)?;
        self.store.keep_oidc_identity(key, &identity).await?;
        self.store
            .attempt_succeeded(Vec::new(), vec![network])
            .await?;
        Ok(())
    }

    /// Begins a session of the user who has the identity that came back; makes them if an option
    /// allows it. `from` is the address of whoever asks.
    ///
    /// # Errors
    /// `NotBegun` when nothing came back for this ticket, or it was used; `Stranger` when nobody
    /// has the identity and nobody is made.
    pub async fn sign_in_oidc(&self, ticket: &Ticket, from: &str) -> Result<SignedIn, Refusal> {
        let identity = self.take(ticket).await?;
        let (issuer, subject) = (&identity.issuer, &identity.subject);
        let user = match self.store.user_of_identity(issuer, subject).await? {
            Some(user) => self.with_role(user, identity.role, from).await?,
            None => self.newcomer(&identity, from).await?,
        };
        if user.status != Status::Enabled {
            return Err(OidcRefusal::Disabled.into());
        }
        self.begin(user, from).await
    }

    /// Adds the identity that came back to a user who is signed in.
    ///
    /// # Errors
    /// `NotBegun` as before; `Store(Conflict)` when somebody has it already.
    pub async fn link_oidc(&self, ticket: &Ticket, user: &User) -> Result<(), Refusal> {
        let identity = self.take(ticket).await?;
        self.store
            .add_identity(user.id, &identity.issuer, &identity.subject)
            .await?;
        Ok(())
    }

    async fn take(&self, ticket: &Ticket) -> Result<Identity, Refusal> {
        let proof = self.proof(ticket).await?;
        let identity = self.store.take_oidc_identity(key(&proof)).await?;
        Ok(identity.ok_or(OidcRefusal::NotBegun)?)
    }

    /// The provider may have been given a say in what its users may do.
    async fn with_role(&self, user: User, role: Option<Role>, from: &str) -> Result<User, Refusal> {
        let Some(role) = role.filter(|role| *role != user.role) else {
            return Ok(user);
        };
        tracing::info!(
            user = user.id,
            role = role.as_str(),
            "the OpenID provider changes a role"
        );
        let patch = UserPatch {
            role: Some(role),
            ..UserPatch::default()
        };
        let targets = Map::from_iter([("id".to_owned(), json!(user.id.to_string()))]);
        let fields = json!({"role": role.as_str(), "username": user.username});
        let change = self.store.update_user(user.id, patch);
        Ok(recorded(&self.store, from, targets, fields, change).await?)
    }

    async fn newcomer(&self, identity: &Identity, from: &str) -> Result<User, Refusal> {
        if !self.store.options().await?.flag(OIDC_REGISTRATION_ENABLED) {
            return Err(OidcRefusal::Stranger.into());
        }
        let mut last = None;
        for attempt in 0..NAMES {
            let new = NewUser {
                username: name::username(identity, attempt),
                email: name::email(identity),
                role: identity.role.unwrap_or_default(),
                status: Status::Enabled,
                password: None,
            };
            let (issuer, subject) = (&identity.issuer, &identity.subject);
            let fields = json!({
                "username": new.username, "role": new.role.as_str(),
                "issuer": issuer, "subject": subject,
            });
            let change = self.store.create_user_of_identity(new, issuer, subject);
            match recorded(&self.store, from, Map::new(), fields, change).await {
                Err(error @ store::Error::Conflict(_)) => last = Some(error),
                done => return Ok(done?),
            }
            // The other browser of the same person may have been faster.
            if let Some(user) = self.store.user_of_identity(issuer, subject).await? {
                return Ok(user);
            }
        }
        Err(last.map_or(Refusal::Ended, Refusal::Store))
    }

    async fn proof(&self, ticket: &Ticket) -> Result<Proof, Refusal> {
        let signer = self.signer().await?;
        let derived = |what: &str| signer.derive(&format!("oidc {what}"), ticket.text());
        Ok(Proof {
            state: derived("state"),
            nonce: derived("nonce"),
            verifier: derived("verifier"),
        })
    }
}

/// What a sign-in is kept under.
fn key(proof: &Proof) -> [u8; 32] {
    Sha256::digest(proof.state.as_bytes()).into()
}

impl From<OidcRefusal> for Refusal {
    fn from(refusal: OidcRefusal) -> Self {
        Self::Oidc(refusal)
    }
}
