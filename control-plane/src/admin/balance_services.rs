//! `/api/balance_services…`: services that keep the money of groups, and what they did not take.

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{Reply, Usd, data, data_with_note, done};
use super::body::Body;
use super::fields::Fields;
use super::params::{Params, Segments};
use super::routes::{Routes, get, post};
use super::{ApiError, State, rules};
use crate::domain::{BalanceService, BalanceServicePatch, BaseUrl, Consumption, Listed};
use crate::secrets::Secret;

pub(super) fn routes() -> Routes {
    Routes::new()
        .read("/balance_services", get(list).post(create))
        .read("/balance_services/", get(list).post(create))
        .read(
            "/balance_services/{id}",
            get(show).put(update).delete(delete),
        )
        .route("/group/{group}/wallet/refresh", post(refresh))
        .read("/logs/consume_error", get(consume_errors))
}

const MAX_NAME: usize = 64;
const MAX_SECRET: usize = 1024;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "BalanceService")]
struct View {
    id: i64,
    created_at: i64,
    name: String,
    url: String,
    /// It may be in a private network.
    private: bool,
    /// Masked.
    secret: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "BalanceServices")]
struct ListView {
    balance_services: Vec<View>,
    total: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ConsumeError")]
struct ErrorView {
    id: i64,
    created_at: i64,
    group: String,
    service: i64,
    /// Of the group's wallet: its charges are the calls.
    transaction: i64,
    idempotency_key: String,
    used_amount: Usd,
    used_amount_nano_usd: i64,
    calls: i64,
    attempts: i64,
    next_at: i64,
    content: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ConsumeErrors")]
struct ErrorsView {
    consume_errors: Vec<ErrorView>,
    /// 10,001 stands for more.
    total: i64,
}

/// Services that keep the money of groups.
async fn list(Extract(state): Extract<State>, params: Params) -> Reply<ListView> {
    let page = params.page(&["id", "name", "created_at"])?;
    let Listed { items, total } = state.store.balance_services(page).await?;
    data(ListView {
        balance_services: items.into_iter().map(View::from).collect(),
        total,
    })
}

/// A balance service; its secret is masked.
async fn show(Extract(state): Extract<State>, path: Segments) -> Reply<View> {
    shown(state.store.balance_service(path.id()?).await?, "")
}

/// Adds a service that keeps the money of groups.
async fn create(Extract(state): Extract<State>, body: Body) -> Reply<View> {
    let (patch, note) = read(body.object()?)?;
    let missing = [
        ("name", patch.name.is_none()),
        ("url", patch.url.is_none()),
        ("secret", patch.secret.is_none()),
    ];
    if let Some((name, _)) = missing.iter().find(|(_, missing)| *missing) {
        return Err(ApiError::field(name, "is required"));
    }
    let made = state.store.create_balance_service(patch).await?;
    data_with_note(View::from(made), &note)
}

/// Changes a balance service. A secret that is left out, or masked, stays, unless the service moves to
/// another host: then it must be sent again.
async fn update(Extract(state): Extract<State>, path: Segments, body: Body) -> Reply<View> {
    let id = path.id()?;
    let (patch, note) = read(body.object()?)?;
    if let (Some(url), None) = (&patch.url, &patch.secret)
        && url.origin() != state.store.balance_service(id).await?.url.origin()
    {
        let rule = "must be sent again: the service moves to another host";
        return Err(ApiError::field("secret", rule));
    }
    let changed = state.store.update_balance_service(id, patch).await?;
    shown(changed, &note)
}

fn shown(service: BalanceService, note: &str) -> Reply<View> {
    let secret = ("secret", service.secret_tag);
    Ok(data_with_note(View::from(service), note)?.with_secrets([secret]))
}

/// Removes a service that no wallet uses.
async fn delete(Extract(state): Extract<State>, path: Segments) -> Reply {
    state.store.delete_balance_service(path.id()?).await?;
    done()
}

/// Asks the balance service of a group at once. A service calls this when somebody has paid.
async fn refresh(Extract(state): Extract<State>, path: Segments) -> Reply {
    state.store.ask_for_credit(path.text("group")).await?;
    done()
}

/// What balance services did not take yet, and why.
async fn consume_errors(Extract(state): Extract<State>, params: Params) -> Reply<ErrorsView> {
    let group = params.text("group");
    let page = params.page(&["id"])?;
    let Listed { items, total } = state.store.consume_errors(group.as_deref(), page).await?;
    data(ErrorsView {
        consume_errors: items.into_iter().map(ErrorView::from).collect(),
        total,
    })
}

fn read(mut fields: Fields) -> Result<(BalanceServicePatch, String), ApiError> {
    let name = fields.line("name", MAX_NAME)?;
    if let Some(name) = &name {
        rules::name("name", name, MAX_NAME)?;
    }
    let mut note = String::new();
    let url = match fields.text("url")? {
        None => None,
        Some(text) => {
            let (url, cut) =
                BaseUrl::parse(&text).map_err(|error| ApiError::field("url", error))?;
            if let Some(cut) = cut {
                note = format!("{cut} was cut off the url");
            }
            Some(url)
        }
    };
    let secret = fields.line("secret", MAX_SECRET)?;
    if secret
        .as_ref()
        .is_some_and(|it| it.is_empty() || !it.is_ascii())
    {
        return Err(ApiError::field("secret", "must be printable ASCII"));
    }
    // What an answer showed and comes back stays as it is.
    let secret = secret.filter(|secret| !secret.starts_with(MASK));
    let patch = BalanceServicePatch {
        name,
        url,
        private: fields.flag("private")?,
        secret: secret.map(Secret::new),
    };
    fields.ignore(&["id", "created_at"]);
    fields.finish()?;
    Ok((patch, note))
}

const MASK: &str = "****";

impl From<BalanceService> for View {
    fn from(service: BalanceService) -> Self {
        Self {
            id: service.id,
            created_at: service.created_at_ms,
            name: service.name,
            url: service.url.to_string(),
            private: service.private,
            secret: format!("{MASK}{}", service.secret_hint),
        }
    }
}

impl From<Consumption> for ErrorView {
    fn from(consumption: Consumption) -> Self {
        Self {
            id: consumption.id,
            created_at: consumption.created_at_ms,
            group: consumption.group,
            service: consumption.service,
            transaction: consumption.transaction,
            idempotency_key: consumption.key,
            used_amount: Usd(consumption.amount),
            used_amount_nano_usd: consumption.amount.0,
            calls: consumption.calls,
            attempts: consumption.attempts,
            next_at: consumption.next_at_ms,
            content: consumption.error,
        }
    }
}
