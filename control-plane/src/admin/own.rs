//! `/api/self/…` and `/api/keys`: what a user has of their own.
//!
//! The group is always that of the user who asks; nothing in a request can name another. What
//! belongs to somebody else is not there, in the same words as what does not exist.

mod logs;
mod models;
mod usage;

use axum::extract::State as Extract;

use super::answer::Reply;
use super::body::Body;
use super::params::{Params, Segments};
use super::principal::{Caller, Own};
use super::routes::{Routes, get, post};
use super::sign_in::{self, secret, signed_in};
use super::users::{self, UserView, email, ignore_shown, required};
use super::{State, identities, tokens, wallets};
use crate::domain::UserPatch;

pub(super) fn routes() -> Routes {
    let keys = get(list_tokens).post(create_token);
    let key = get(show_token).put(update_token).delete(delete_token);
    Routes::new()
        .own("/self", get(show).put(update))
        .signed_in("/self/password", post(change_password))
        .own("/self/tokens", keys.clone())
        .own("/self/tokens/", keys.clone())
        .own("/self/tokens/search", get(list_tokens))
        .own("/self/tokens/{id}", key.clone())
        .own("/self/tokens/{id}/status", post(set_token_status))
        .own("/self/tokens/{id}/name", post(set_token_name))
        .own("/self/tokens/{id}/rotate", post(rotate_token))
        .own("/keys", keys.clone())
        .own("/keys/", keys)
        .own("/keys/{id}", key)
        .own("/self/wallet", get(wallet))
        .own("/self/wallet/redeem", post(redeem))
        .own("/self/wallet/transactions", get(transactions))
        .merge(logs::routes())
        .merge(models::routes())
        .merge(usage::routes())
}

/// Who is signed in.
async fn show(Extract(state): Extract<State>, Own(session): Own) -> Reply<UserView> {
    // Not as they were when they were let in: somebody may have changed them since.
    users::shown(state.store.user(session.user.id).await?)
}

/// Changes one's own e-mail address.
async fn update(Extract(state): Extract<State>, Own(session): Own, body: Body) -> Reply<UserView> {
    let mut fields = body.object()?;
    let patch = UserPatch {
        email: email(&mut fields)?,
        ..UserPatch::default()
    };
    // Theirs to see, not to set.
    fields.ignore(&["username", "role", "status"]);
    ignore_shown(&mut fields);
    fields.finish()?;
    users::shown(state.store.update_user(session.user.id, patch).await?)
}

/// Changes the password of who is signed in; other sessions end. Identities at OpenID providers
/// stay, and the answer's message says so if there are any.
async fn change_password(
    Extract(state): Extract<State>,
    Own(session): Own,
    caller: Caller,
    body: Body,
) -> Reply<sign_in::View> {
    let mut fields = body.object()?;
    let old = secret(&mut fields, "old_password")?;
    let user = session.user;
    let new = users::password(&mut fields, "new_password", &user.username)?;
    let new = required("new_password", new)?;
    fields.finish()?;
    let changed = state
        .accounts
        .change_password(&user, old, new, &caller.0)
        .await?;
    let note = identities::staying(&state, user.id).await?;
    signed_in(changed).map(|answer| answer.noted(note))
}

/// The keys of one's own.
async fn list_tokens(
    state: Extract<State>,
    own: Own,
    path: Segments,
    params: Params,
) -> Reply<tokens::ListView> {
    tokens::list(state, path.in_group_of(own), params).await
}

/// Makes a key of one's own. It is shown this once only.
async fn create_token(
    Extract(state): Extract<State>,
    Own(session): Own,
    params: Params,
    body: Body,
) -> Reply<tokens::View> {
    // A group is made with its user, and with a wallet: one that is gone stays gone.
    tokens::make(&state, &session.user.group, false, &params, body).await
}

/// A key of one's own, masked.
async fn show_token(state: Extract<State>, own: Own, path: Segments) -> Reply<tokens::View> {
    tokens::show(state, path.in_group_of(own)).await
}

/// Changes a key of one's own.
async fn update_token(
    state: Extract<State>,
    own: Own,
    path: Segments,
    body: Body,
) -> Reply<tokens::View> {
    tokens::update(state, path.in_group_of(own), body).await
}

/// Removes a key of one's own.
async fn delete_token(state: Extract<State>, own: Own, path: Segments) -> Reply {
    tokens::delete(state, path.in_group_of(own)).await
}

/// Enables (1) or disables (2) a key of one's own.
async fn set_token_status(
    state: Extract<State>,
    own: Own,
    path: Segments,
    body: Body,
) -> Reply<tokens::View> {
    tokens::set_status(state, path.in_group_of(own), body).await
}

/// Renames a key of one's own.
async fn set_token_name(
    state: Extract<State>,
    own: Own,
    path: Segments,
    body: Body,
) -> Reply<tokens::View> {
    tokens::set_name(state, path.in_group_of(own), body).await
}

/// Gives a key of one's own another text, and lets the present one work for some time yet. The new
/// one is shown this once only.
async fn rotate_token(
    state: Extract<State>,
    own: Own,
    path: Segments,
    body: Body,
) -> Reply<tokens::View> {
    tokens::rotate(state, path.in_group_of(own), body).await
}

/// One's own wallet.
async fn wallet(Extract(state): Extract<State>, Own(session): Own) -> Reply<wallets::View> {
    wallets::show_wallet(&state.store, &session.user.group).await
}

/// Redeems a code for one's own wallet.
async fn redeem(
    Extract(state): Extract<State>,
    Own(session): Own,
    body: Body,
) -> Reply<wallets::TransactionView> {
    let user = session.user;
    wallets::redeem_code(&state.store, &user.group, body.object()?, &user.username).await
}

/// What went into and out of one's own wallet.
async fn transactions(
    Extract(state): Extract<State>,
    Own(session): Own,
    params: Params,
) -> Reply<wallets::TransactionsView> {
    wallets::list_transactions(&state.store, &session.user.group, &params).await
}

impl Segments {
    /// The path, in the group of the user who asks.
    fn in_group_of(self, Own(session): Own) -> Self {
        self.with("group", session.user.group)
    }
}
