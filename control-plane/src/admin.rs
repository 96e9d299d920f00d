//! The admin API: AI Proxy's paths, envelope and field names over the store.
//!
//! One gate lies over the whole router. Whoever has the admin key passes everywhere; users pass
//! where the route says so for their role, and a route that says nothing, or that nobody thought
//! of, is for administrators. What changes something is written into the audit log. Handlers read
//! a request into domain types, call one method of the store, and show the answer; they hold no SQL and no rules of
//! money. Nothing here ever answers with a provider's key, and with a token's text only when it
//! was just made.
//!
//! How bodies are read:
//! - A field that is absent or `null` stays as it is, or gets its default in something new. To
//!   clear one, send `""`, `[]` or `{}`.
//! - Fields that answers show but nobody can set (`id`, `created_at`, `used_amount`, …) are
//!   ignored, so that an answer can be edited and sent back.
//! - Fields of AI Proxy that have no effect here yet are taken with their neutral value (`0`,
//!   `""`, `false`, empty) and refused with any other: nobody should believe in a quota that
//!   does not hold.
//! - Any other field is refused by name. It is a typing error that would be missed otherwise.

mod access;
mod actor;
mod alerts;
mod answer;
mod audit;
mod auth;
mod balance_services;
mod blacklist;
mod body;
mod catalog;
mod channels;
mod dashboard;
mod default_models;
mod document;
mod fields;
mod group_models;
mod groups;
mod heard;
mod identities;
mod limits;
mod logs;
mod methods;
mod model_facts;
mod model_settings;
mod models;
mod money;
mod monitor;
mod one_api;
mod options;
mod own;
mod params;
mod price_history;
mod prices;
mod principal;
mod rates;
mod redemption;
mod routes;
mod rules;
mod sign_in;
mod sign_in_oidc;
mod tally;
mod tokens;
mod users;
mod versions;
mod wallets;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::any;

pub use access::{Access, Allowed};
pub use answer::ApiError;

use self::auth::Gate;
use self::rates::Rates;
use self::routes::Routes;
use crate::accounts::Accounts;
use crate::oidc::Provider;
use crate::outbound::Hosts;
use crate::probes::Probes;
use crate::secrets::Secret;
use crate::store::Store;

/// What the handlers share.
#[derive(Debug, Clone)]
pub struct State {
    store: Store,
    key: Arc<Secret>,
    accounts: Accounts,
    /// `None`: there is nothing to test channels with.
    probes: Option<Probes>,
    /// Not public, and databases are imported from them.
    import_hosts: Arc<Hosts>,
    rates: Rates,
}

/// Bodies above this get 413. The largest reasonable one is a list of some thousand channels.
const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

impl State {
    #[must_use]
    pub fn new(store: Store, admin_key: Secret) -> Self {
        Self {
            accounts: Accounts::new(store.clone()),
            store,
            key: Arc::new(admin_key),
            probes: None,
            import_hosts: Arc::default(),
            rates: Rates::default(),
        }
    }

    /// With this to test channels.
    #[must_use]
    pub fn with_probes(self, probes: Probes) -> Self {
        Self {
            probes: Some(probes),
            ..self
        }
    }

    /// With these hosts to import from, beside those that are public.
    #[must_use]
    pub fn with_import_hosts(self, hosts: Hosts) -> Self {
        Self {
            import_hosts: Arc::new(hosts),
            ..self
        }
    }

    /// With so many requests a minute that each user may make, and each network of those who are not
    /// signed in; 0: any number.
    #[must_use]
    pub fn with_rate(self, per_minute: u64) -> Self {
        Self {
            rates: Rates::new(per_minute),
            ..self
        }
    }

    /// With this provider to sign in at.
    #[must_use]
    pub fn with_oidc(self, provider: Option<Provider>) -> Self {
        Self {
            accounts: self.accounts.with_oidc(provider),
            ..self
        }
    }

    /// With this secret to sign access tokens, instead of the one in the database.
    #[must_use]
    pub fn with_jwt_secret(self, secret: Option<Secret>) -> Self {
        Self {
            accounts: self.accounts.with_secret(secret),
            ..self
        }
    }
}

/// All of `/api/…` that concerns channels, groups, tokens, models, logs and users.
pub fn router(state: State) -> Router {
    let (api, stated) = all_routes().split();
    let stated = stated
        .into_iter()
        .map(|(path, allowed)| (format!("/api{path}"), allowed))
        .collect();
    let gate = Gate::new(&state, stated, Allowed::ADMINISTRATORS);
    let api = api
        .fallback(async || ApiError::no_such_path())
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .with_state(state.clone());
    let held = versions::Held {
        store: state.store.clone(),
        routes: api.clone(),
    };
    let api = api
        .layer(from_fn_with_state(held, versions::hold))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(gate, auth::admit));
    // A nested router does not see its own root with a slash.
    let root = Router::new().route("/api/", any(async || ApiError::no_such_path()));
    Router::new().nest("/api", api).merge(guard(&state, root))
}

fn all_routes() -> Routes {
    Routes::new()
        .merge(channels::routes())
        .merge(groups::routes())
        .merge(group_models::routes())
        .merge(price_history::routes())
        .merge(tokens::routes())
        .merge(models::routes())
        .merge(catalog::routes())
        .merge(default_models::routes())
        .merge(logs::routes())
        .merge(dashboard::routes())
        .merge(monitor::routes())
        .merge(options::routes())
        .merge(wallets::routes())
        .merge(redemption::routes())
        .merge(balance_services::routes())
        .merge(alerts::routes())
        .merge(blacklist::routes())
        .merge(document::routes())
        .merge(one_api::routes())
        .merge(users::routes())
        .merge(sign_in::routes())
        .merge(sign_in_oidc::routes())
        .merge(identities::routes())
        .merge(own::routes())
        .merge(audit::routes())
}

/// Lets only administrators through to any route of `router`, its fallback included.
pub fn guard(state: &State, router: Router) -> Router {
    guard_as(state, Allowed::ADMINISTRATORS, router)
}

/// Lets those through to every route of `router` whom `allowed` names.
pub fn guard_as(state: &State, allowed: Allowed, router: Router) -> Router {
    let gate = Gate::new(state, BTreeMap::new(), allowed);
    router.layer(from_fn_with_state(gate, auth::admit))
}

#[cfg(test)]
mod tests;
