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
use crate::outbound::CallError;
use crate::secrets::Secret;
use crate::store::{self, mysql_url, read_one_api_channels};

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

/// Takes channels from one-api's database: `postgres://…`, `mysql://…`, or what one-api has in
/// `SQL_DSN` for MySQL. It must be on the public internet, or the operator has named its host
/// (`TOLLGATE_IMPORT_HOSTS`). With `dry_run` only what would change is told.
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
    let (url, port) = checked(dsn.expose()).map_err(|rule| ApiError::field("dsn", rule))?;
    let reached = async {
        let pinned = state.import_hosts.pinned(&url, port).await;
        let pinned = pinned.map_err(|error| unreachable(&error))?;
        // The certificate would be for the name.
        if pinned != url && verifies_the_name(&url) {
            let rule = "can prove its host's name only if TOLLGATE_IMPORT_HOSTS names it";
            return Err(ApiError::field("dsn", rule));
        }
        let read = read_one_api_channels(&Secret::new(pinned)).await;
        read.map_err(|error| match error {
            store::Error::Address(text) => ApiError::Invalid(format!("dsn: {text}")),
            other => other.into(),
        })
    };
    let read = tokio::time::timeout(PATIENCE, reached).await;
    let read = read.map_err(|_| {
        ApiError::NotNow(format!("one-api's database: no answer within {PATIENCE:?}"))
    })?;
    let Taken { document, left_out } = taken_channels(&read?);
    let channels = Fields::parse(document.to_string().as_bytes())?;
    let applied = document::applied(&state, &by, channels, false, dry_run).await?;
    data(View { applied, left_out })
}

/// Who only knows the API gets nothing out of this machine: not its files, nor the passwords that
/// its environment and its `.pgpass` have for what an address leaves out.
fn checked(dsn: &str) -> Result<(Url, u16), &'static str> {
    let url = mysql_url(dsn).or_else(|| Url::parse(dsn).ok());
    let known = url.and_then(|url| match url.scheme() {
        "postgres" | "postgresql" => Some((url, 5432, TLS_OF_POSTGRES)),
        "mysql" | "mariadb" => Some((url, 3306, TLS_OF_MYSQL)),
        _ => None,
    });
    let (url, port, tls) = known.ok_or(
        "must be postgres://…, mysql://… or user:password@tcp(host:port)/database; for an SQLite \
         file, run `tollgate import` where it is",
    )?;
    let host = url.host_str().unwrap_or_default();
    if host.is_empty() || url.username().is_empty() || url.password().unwrap_or_default().is_empty()
    {
        return Err("must have a host, a user and a password");
    }
    // An encoded slash: a socket of this machine.
    if host.contains('%') {
        return Err("must have a host that is a name or an address");
    }
    if url.query_pairs().any(|(name, _)| name != tls) {
        return Err("must have no parameter but sslmode, or ssl-mode for MySQL");
    }
    Ok((url, port))
}

/// The parameters that say whether a connection is encrypted.
const TLS_OF_POSTGRES: &str = "sslmode";
const TLS_OF_MYSQL: &str = "ssl-mode";

fn verifies_the_name(url: &Url) -> bool {
    url.query_pairs().any(|(_, mode)| {
        let mode = mode.to_lowercase();
        matches!(mode.as_str(), "verify-full" | "verify_identity")
    })
}

fn unreachable(error: &CallError) -> ApiError {
    let hint = match error {
        CallError::NotPublic(_) => {
            "; the operator names others in TOLLGATE_IMPORT_HOSTS, or runs `tollgate import`"
        }
        _ => "",
    };
    ApiError::field("dsn", format!("cannot be reached: {error}{hint}"))
}
