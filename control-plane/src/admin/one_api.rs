//! `POST /api/channels/import/oneapi`: channels from one-api's database, as AI Proxy has it.
//! `tollgate import` takes more: tokens, groups, prices.

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;

use super::actor::Actor;
use super::answer::{Reply, data};
use super::body::Body;
use super::fields::Fields;
use super::params::Params;
use super::routes::{Routes, post};
use super::sign_in::secret;
use super::{ApiError, State, document};
use crate::one_api::{Taken, taken_channels};
use crate::store::{self, read_one_api};

pub(super) fn routes() -> Routes {
    Routes::new().route("/channels/import/oneapi", post(import))
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Imported")]
struct View {
    #[serde(flatten)]
    applied: document::View,
    /// What could not be taken, and why.
    left_out: Vec<String>,
}

/// Takes channels from one-api's database, `postgres://…`; with `dry_run` only what would change is
/// told.
async fn import(
    Extract(state): Extract<State>,
    by: Actor,
    params: Params,
    body: Body,
) -> Reply<View> {
    let dry_run = params.flag("dry_run")?;
    let mut fields = body.object()?;
    let dsn = secret(&mut fields, "dsn")?;
    fields.finish()?;
    // Files of this machine are nobody's who only knows the API.
    if !dsn.expose().contains("://") || dsn.expose().starts_with("sqlite") {
        let rule = "must be postgres://…; for an SQLite file, run `tollgate import` where it is";
        return Err(ApiError::field("dsn", rule));
    }
    let tables = read_one_api(&dsn).await.map_err(|error| match error {
        store::Error::Address(text) => ApiError::Invalid(format!("dsn: {text}")),
        other => other.into(),
    })?;
    let Taken { document, left_out } = taken_channels(&tables);
    let channels = Fields::parse(document.to_string().as_bytes())?;
    let applied = document::applied(&state, &by, channels, false, dry_run).await?;
    data(View { applied, left_out })
}
