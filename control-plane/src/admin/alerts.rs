//! `/api/alerts/`: what operators were told, and how far that has come.

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;

use super::State;
use super::answer::{Reply, data};
use super::params::Params;
use super::routes::{Routes, get};
use crate::domain::{Alert, Level, Listed};
use crate::store::AlertQuery;

pub(super) fn routes() -> Routes {
    Routes::new()
        .read("/alerts", get(list))
        .read("/alerts/", get(list))
        .read("/alerts/search", get(list))
}

const ORDERS: [&str; 2] = ["id", "created_at"];

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Alert")]
struct View {
    id: i64,
    created_at: i64,
    /// `info`, `warn` or `error`.
    level: &'static str,
    /// What happened, such as `balance_low`.
    kind: String,
    /// Whom it is about: a group, a channel, an address.
    subject: String,
    title: String,
    text: String,
    /// `off` (there was no such address), `waiting`, `delivered` or `given_up`.
    feishu: &'static str,
    /// Likewise.
    webhook: &'static str,
    /// Deliveries that were begun.
    tries: i64,
    /// 0: nothing is left to do.
    next_try_at: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Alerts")]
struct ListView {
    alerts: Vec<View>,
    /// 10,001 stands for more.
    total: i64,
}

/// What operators were told, the newest first. The total stops at 10,001, which stands for more;
/// `keyword` is looked for in the newest 10,000 rows that the other filters leave.
async fn list(Extract(state): Extract<State>, params: Params) -> Reply<ListView> {
    let level = params.one_of("level", &Level::NAMES)?;
    let query = AlertQuery {
        level: level.and_then(Level::from_name),
        kind: params.text("kind"),
        subject: params.text("subject"),
        start_ms: params.nonzero("start_timestamp")?,
        end_ms: params.nonzero("end_timestamp")?,
        keyword: params.text("keyword"),
    };
    let Listed { items, total } = state.store.alerts(&query, params.page(&ORDERS)?).await?;
    data(ListView {
        alerts: items.into_iter().map(View::from).collect(),
        total,
    })
}

impl From<Alert> for View {
    fn from(alert: Alert) -> Self {
        Self {
            id: alert.id,
            created_at: alert.created_at_ms,
            level: alert.level.name(),
            kind: alert.kind,
            subject: alert.subject,
            title: alert.title,
            text: alert.text,
            feishu: alert.feishu.name(),
            webhook: alert.webhook.name(),
            tries: alert.tries,
            next_try_at: alert.next_try_at_ms,
        }
    }
}
