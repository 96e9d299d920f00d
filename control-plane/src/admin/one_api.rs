//! `POST /api/channels/import/oneapi`: channels from one-api's database, as AI Proxy has it.
//! `tollgate import` takes more: tokens, groups, prices.

use std::time::Duration;

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;
use url::Url;

use super::actor::Actor;
use super::answer::{Reply, data};
use super::body::Body;
use super::fields::Fields;
use super::params::Params;
use super::routes::{Routes, post};
use super::sign_in::secret;
use super::{ApiError, State, document};
use crate::one_api::{Taken, taken_channels};
use crate::store::{self, read_one_api_channels};

pub(super) fn routes() -> Routes {
    Routes::new().route("/channels/import/oneapi", post(import))
}

/// For connecting and for all rows.
const PATIENCE: Duration = Duration::from_secs(30);

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
    check(dsn.expose()).map_err(|rule| ApiError::field("dsn", rule))?;
    let read = tokio::time::timeout(PATIENCE, read_one_api_channels(&dsn)).await;
    let read = read.map_err(|_| {
        ApiError::NotNow(format!("one-api's database: no answer within {PATIENCE:?}"))
    })?;
    let tables = read.map_err(|error| match error {
        store::Error::Address(text) => ApiError::Invalid(format!("dsn: {text}")),
        other => other.into(),
    })?;
    let Taken { document, left_out } = taken_channels(&tables);
    let channels = Fields::parse(document.to_string().as_bytes())?;
    let applied = document::applied(&state, &by, channels, false, dry_run).await?;
    data(View { applied, left_out })
}

/// Who only knows the API gets nothing out of this machine: not its files, nor the passwords that
/// its environment and its `.pgpass` have for what an address leaves out.
fn check(dsn: &str) -> Result<(), &'static str> {
    let url = Url::parse(dsn).ok();
    let url = url.filter(|url| matches!(url.scheme(), "postgres" | "postgresql"));
    let url =
        url.ok_or("must be postgres://…; for an SQLite file, run `tollgate import` where it is")?;
    let host = url.host_str().unwrap_or_default();
    if host.is_empty() || url.username().is_empty() || url.password().unwrap_or_default().is_empty()
    {
        return Err("must have a host, a user and a password");
    }
    // An encoded slash: a socket of this machine.
    if host.contains('%') {
        return Err("must have a host that is a name or an address");
    }
    if url.query_pairs().any(|(name, _)| name != "sslmode") {
        return Err("must have no parameter but sslmode");
    }
    Ok(())
}
