//! `/api/group/<group>/wallet…`: what a group may spend, and how it came to that.

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::actor::Actor;
use super::answer::{Reply, Usd, data, data_with_note, done};
use super::body::Body;
use super::fields::Fields;
use super::params::{Params, Segments};
use super::routes::{Routes, get, post};
use super::{ApiError, State, money, rules};
use crate::domain::{Charge, Listed, TransactionKind, Wallet, WalletTransaction, now_unix_ms};
use crate::store::{Done, Movement, Redeemed, Store, TransactionQuery, Unbalanced};

pub(super) fn routes() -> Routes {
    Routes::new()
        .read("/wallets", get(list))
        .read("/wallets/", get(list))
        .read("/wallets/unbalanced", get(unbalanced))
        .read("/group/{group}/wallet", get(show).post(open).delete(close))
        .route("/group/{group}/wallet/recharge", post(recharge))
        .route("/group/{group}/wallet/deduct", post(deduct))
        .route("/group/{group}/wallet/adjust", post(adjust))
        .route("/group/{group}/wallet/refund", post(refund))
        .route("/group/{group}/wallet/redeem", post(redeem))
        .read("/group/{group}/wallet/transactions", get(transactions))
        .read("/group/{group}/wallet/transactions/{id}", get(transaction))
        .read(
            "/group/{group}/wallet/transactions/{id}/charges",
            get(charges),
        )
}

const MAX_KEY: usize = 128;
const MAX_NOTE: usize = 512;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Wallet")]
pub(super) struct View {
    group: String,
    created_at: i64,
    /// What may be spent.
    balance: Usd,
    balance_nano_usd: i64,
    /// The service that keeps the money; 0: it is kept here.
    service: i64,
    /// When the service was last heard; 0: never.
    service_heard_at: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Wallets")]
struct ListView {
    wallets: Vec<View>,
    total: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WalletTransaction")]
pub(super) struct TransactionView {
    id: i64,
    created_at: i64,
    kind: &'static str,
    /// Into the wallet, or, below zero, out of it.
    amount: Usd,
    amount_nano_usd: i64,
    /// After it.
    balance: Usd,
    balance_nano_usd: i64,
    /// Of usage: for how many calls.
    calls: i64,
    /// Of a refund.
    #[serde(skip_serializing_if = "String::is_empty")]
    request_id: String,
    /// Of a redemption.
    #[serde(skip_serializing_if = "String::is_empty")]
    redemption_code: String,
    note: String,
    /// The user who asked for it, or `admin key`; empty: the gateway.
    actor: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WalletTransactions")]
pub(super) struct TransactionsView {
    transactions: Vec<TransactionView>,
    /// 10,001 stands for more.
    total: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Charge")]
struct ChargeView {
    request_id: String,
    amount: Usd,
    amount_nano_usd: i64,
    refunded: Usd,
    refunded_nano_usd: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Charges")]
struct ChargesView {
    charges: Vec<ChargeView>,
    total: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LedgerFault")]
struct FaultView {
    id: String,
    fault: &'static str,
}

/// Wallets, with what is in them.
async fn list(Extract(state): Extract<State>, params: Params) -> Reply<ListView> {
    let keyword = params.text("keyword");
    let page = params.page(&["group_id", "created_at", "balance"])?;
    let Listed { items, total } = state.store.wallets(keyword.as_deref(), page).await?;
    data(ListView {
        wallets: items.into_iter().map(View::from).collect(),
        total,
    })
}

/// What does not add up in the ledger. An empty list is good. It reads the whole ledger, so it takes the
/// longer the more there is.
async fn unbalanced(Extract(state): Extract<State>) -> Reply<Vec<FaultView>> {
    let found = state.store.unbalanced().await?;
    let view = |Unbalanced { fault, id }| FaultView {
        id,
        fault: fault.text(),
    };
    data(found.into_iter().map(view).collect::<Vec<_>>())
}

/// A group's wallet.
async fn show(Extract(state): Extract<State>, path: Segments) -> Reply<View> {
    show_wallet(&state.store, path.text("group")).await
}

/// Gives a group a wallet, kept here or by a balance service.
async fn open(Extract(state): Extract<State>, path: Segments, body: Body) -> Reply<View> {
    let mut fields = body.object()?;
    let service = fields.int("service", 0, i64::MAX)?.filter(|id| *id != 0);
    fields.finish()?;
    let wallet = state.store.open_wallet(path.text("group"), service);
    data(View::from(wallet.await?))
}

/// Closes a wallet; its group spends without limit again.
async fn close(Extract(state): Extract<State>, by: Actor, path: Segments) -> Reply {
    let group = path.text("group");
    state.store.close_wallet(group, by.name()).await?;
    done()
}

/// Puts money into a wallet.
async fn recharge(
    Extract(state): Extract<State>,
    by: Actor,
    path: Segments,
    body: Body,
) -> Reply<TransactionView> {
    let order = order(&by, body.object()?, money::positive)?;
    answer(state.store.recharge(path.text("group"), order).await?)
}

/// Takes money out of a wallet.
async fn deduct(
    Extract(state): Extract<State>,
    by: Actor,
    path: Segments,
    body: Body,
) -> Reply<TransactionView> {
    let order = order(&by, body.object()?, money::positive)?;
    answer(state.store.deduct(path.text("group"), order).await?)
}

/// Corrects a balance, up or down.
async fn adjust(
    Extract(state): Extract<State>,
    by: Actor,
    path: Segments,
    body: Body,
) -> Reply<TransactionView> {
    let order = order(&by, body.object()?, money::signed)?;
    answer(state.store.adjust(path.text("group"), order).await?)
}

/// Gives back what a call cost. Without an amount, it is all that is left of it.
async fn refund(
    Extract(state): Extract<State>,
    by: Actor,
    path: Segments,
    body: Body,
) -> Reply<TransactionView> {
    let mut fields = body.object()?;
    let request_id = fields.line("request_id", MAX_NOTE)?;
    let request_id = request_id.ok_or_else(|| ApiError::field("request_id", "is required"))?;
    let order = order(&by, fields, |fields, name| {
        let amount = money::amount(fields, name)?;
        if amount.is_some_and(|amount| amount.0 == 0) {
            return Err(ApiError::field(name, "must be above zero"));
        }
        Ok(amount.unwrap_or_default())
    })?;
    let refund = state
        .store
        .refund(path.text("group"), &request_id, order)
        .await?;
    answer(refund)
}

/// Redeems a code for a group.
async fn redeem(
    Extract(state): Extract<State>,
    by: Actor,
    path: Segments,
    body: Body,
) -> Reply<TransactionView> {
    redeem_code(&state.store, path.text("group"), body.object()?, by.name()).await
}

/// What went into and out of a wallet.
async fn transactions(
    Extract(state): Extract<State>,
    path: Segments,
    params: Params,
) -> Reply<TransactionsView> {
    list_transactions(&state.store, path.text("group"), &params).await
}

/// A transaction of a wallet.
async fn transaction(Extract(state): Extract<State>, path: Segments) -> Reply<TransactionView> {
    let found = state
        .store
        .wallet_transaction(path.text("group"), path.id()?);
    data(TransactionView::from(found.await?))
}

/// The calls that a transaction of usage is made of.
async fn charges(
    Extract(state): Extract<State>,
    path: Segments,
    params: Params,
) -> Reply<ChargesView> {
    let page = params.page(&["request_id"])?;
    let Listed { items, total } = state
        .store
        .charges(path.text("group"), path.id()?, page)
        .await?;
    data(ChargesView {
        charges: items.into_iter().map(ChargeView::from).collect(),
        total,
    })
}

/// The view of a wallet, for whoever may see this group.
pub(super) async fn show_wallet(store: &Store, group: &str) -> Reply<View> {
    data(View::from(store.wallet(group).await?))
}

/// The history of a wallet, for whoever may see this group.
pub(super) async fn list_transactions(
    store: &Store,
    group: &str,
    params: &Params,
) -> Reply<TransactionsView> {
    let query = TransactionQuery {
        kind: kind(params)?,
        start_ms: params.nonzero("start_timestamp")?,
        end_ms: params.nonzero("end_timestamp")?,
        request_id: params.text("request_id"),
    };
    let page = params.page(&["id"])?;
    let Listed { items, total } = store.wallet_transactions(group, &query, page).await?;
    data(TransactionsView {
        transactions: items.into_iter().map(TransactionView::from).collect(),
        total,
    })
}

/// `{"code": …}` for a group.
pub(super) async fn redeem_code(
    store: &Store,
    group: &str,
    mut fields: Fields,
    actor: &str,
) -> Reply<TransactionView> {
    let code = fields.line("code", MAX_KEY)?;
    fields.finish()?;
    let code = code.ok_or_else(|| ApiError::field("code", "is required"))?;
    match store.redeem(group, &code, actor).await? {
        Redeemed::Now(transaction) => data(TransactionView::from(transaction)),
        Redeemed::Before => Err(ApiError::Conflict(
            "this group has redeemed the code".into(),
        )),
        Redeemed::Unknown => Err(ApiError::NotFound("this code does not exist".into())),
        Redeemed::Spent => Err(ApiError::Conflict(
            "the code has expired, was redeemed by others, or is disabled".into(),
        )),
        Redeemed::TooManyGuesses { until_ms } => Err(ApiError::TooMany {
            text: "too many codes that do not exist were tried; try again in an hour".into(),
            seconds: until_ms.saturating_sub(now_unix_ms()).max(0) / 1000 + 1,
        }),
    }
}

/// The rest of an order's body.
fn order(
    by: &Actor,
    mut fields: Fields,
    amount: impl Fn(&mut Fields, &str) -> Result<tollgate_policy::price::NanoUsd, ApiError>,
) -> Result<Movement, ApiError> {
    let order = Movement {
        amount: amount(&mut fields, "amount")?,
        key: fields
            .line("idempotency_key", MAX_KEY)?
            .filter(|key| !key.is_empty()),
        note: fields.line("note", MAX_NOTE)?.unwrap_or_default(),
        actor: by.name().into(),
    };
    if let Some(key) = &order.key {
        rules::name("idempotency_key", key, MAX_KEY)?;
    }
    fields.finish()?;
    Ok(order)
}

fn answer(order: Done) -> Reply<TransactionView> {
    let note = match &order {
        Done::Now(_) => "",
        Done::Before(_) => "this was done before, with the same idempotency_key",
    };
    data_with_note(TransactionView::from(order.transaction()), note)
}

fn kind(params: &Params) -> Result<Option<TransactionKind>, ApiError> {
    let names = TransactionKind::ALL.map(|kind| kind.name());
    let name = params.one_of("kind", &names)?;
    Ok(name.and_then(TransactionKind::from_name))
}

/// As its own route shows it.
pub(super) fn shown(wallet: Wallet) -> Value {
    serde_json::to_value(View::from(wallet)).unwrap_or_default()
}

impl From<Wallet> for View {
    fn from(wallet: Wallet) -> Self {
        let remaining = wallet.remaining();
        Self {
            group: wallet.group,
            created_at: wallet.created_at_ms,
            balance: Usd(remaining),
            balance_nano_usd: remaining.0,
            service: wallet.service.unwrap_or(0),
            service_heard_at: wallet.credit_at_ms,
        }
    }
}

impl From<WalletTransaction> for TransactionView {
    fn from(transaction: WalletTransaction) -> Self {
        let of = |kind, reference: &str| {
            if transaction.kind == kind {
                reference.to_owned()
            } else {
                String::new()
            }
        };
        Self {
            id: transaction.id,
            created_at: transaction.created_at_ms,
            kind: transaction.kind.name(),
            amount: Usd(transaction.amount),
            amount_nano_usd: transaction.amount.0,
            balance: Usd(transaction.balance),
            balance_nano_usd: transaction.balance.0,
            calls: transaction.calls,
            request_id: of(TransactionKind::Refund, &transaction.reference),
            redemption_code: of(TransactionKind::Redemption, &transaction.reference),
            note: transaction.note,
            actor: transaction.actor,
        }
    }
}

impl From<Charge> for ChargeView {
    fn from(charge: Charge) -> Self {
        Self {
            request_id: charge.request_id,
            amount: Usd(charge.amount),
            amount_nano_usd: charge.amount.0,
            refunded: Usd(charge.refunded),
            refunded_nano_usd: charge.refunded.0,
        }
    }
}
