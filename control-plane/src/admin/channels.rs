//! `/api/channels…` and `/api/channel/…`.

mod balances;
mod form;
mod probing;

use std::collections::BTreeMap;

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use tollgate_catalog::{Mode, builtin};

use super::answer::{Reply, Usd, data, data_with_note, done};
use super::body::Body;
use super::default_models::DefaultModels;
use super::fields::Fields;
use super::params::{Params, Segments};
use super::routes::{Routes, get, post};
use super::{ApiError, State};
use crate::domain::{Channel, ChannelPatch, Listed, ProxyUrl, config_schema, key_again};
use crate::secrets::{Secret, SecretTag};
use crate::store::{ChannelQuery, Store};

pub(super) fn routes() -> Routes {
    let several = get(list).post(create_many);
    let one_new = post(create);
    Routes::new()
        .read("/channels", several.clone())
        .read("/channels/", several)
        .read("/channels/search", get(list))
        .read("/channels/all", get(all))
        .read("/channels/type_metas", get(type_metas))
        .route("/channels/batch_delete", post(delete_many))
        .ask("/channels/batch_info", post(info))
        .route("/channel", one_new.clone())
        .route("/channel/", one_new)
        .read("/channel/type_metas", get(type_metas))
        .read("/channel/{id}", get(show).put(update).delete(delete))
        .route("/channel/{id}/status", post(set_status))
        .merge(balances::routes())
        .merge(probing::routes())
}

/// What stands where the key was, before its last four characters.
const MASK: &str = "****";

const ORDERS: [&str; 9] = [
    "id",
    "name",
    "type",
    "base_url",
    "status",
    "priority",
    "used_amount",
    "request_count",
    "created_at",
];

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Channel")]
struct View {
    id: i64,
    created_at: i64,
    name: String,
    #[serde(rename = "type")]
    kind: i64,
    type_name: &'static str,
    /// Empty: the provider's own.
    base_url: String,
    /// The proxy through which the provider is reached; empty: none. Its credentials are masked.
    proxy_url: String,
    /// Masked; it never comes back whole.
    key: String,
    models: Vec<String>,
    model_mapping: BTreeMap<String, String>,
    configs: Map<String, Value>,
    sets: Vec<String>,
    priority: i32,
    status: i64,
    skip_tls_verify: bool,
    /// From this share of errors on, somebody is told; 0: from the one that the option says.
    warn_error_rate: f64,
    /// From this share of errors on, a model is banned for a while; 0: never.
    max_error_rate: f64,
    /// A model that the provider refuses with 401 to 404 is banned for a while.
    enabled_no_permission_ban: bool,
    /// Its provider is asked for its balance every ten minutes.
    enabled_auto_balance_check: bool,
    /// Below it, somebody is told; 0: never. In the provider's currency.
    #[schemars(with = "f64")]
    balance_threshold: Usd,
    /// In the provider's currency.
    #[schemars(with = "f64")]
    balance: Usd,
    /// Empty: nobody asked yet.
    balance_currency: String,
    balance_updated_at: i64,
    used_amount: Usd,
    used_amount_nano_usd: i64,
    request_count: i64,
    retry_count: i64,
    /// When a test of one of its models went wrong last; 0: its last tests went well.
    last_test_error_at: i64,
    /// The last test of each of its models that was tested.
    channel_tests: Vec<probing::View>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Channels")]
struct ListView {
    channels: Vec<View>,
    total: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ChannelType")]
#[serde(rename_all = "camelCase")]
struct TypeMeta {
    name: &'static str,
    key_help: &'static str,
    default_base_url: &'static str,
    /// Where its documentation is.
    readme: &'static str,
    config_schema: Value,
    // What AI Proxy does not tell:
    dialect: &'static str,
    /// Spoken as well, so that those who speak it are not translated.
    also: Vec<&'static str>,
    quirks: Vec<&'static str>,
    #[schemars(with = "Vec<String>")]
    modes: &'static [Mode],
}

/// Channels, with filters. Keys are masked.
async fn list(Extract(state): Extract<State>, params: Params) -> Reply<ListView> {
    if params.text("key").is_some() {
        return Err(ApiError::field(
            "key",
            "cannot be searched for: keys are stored encrypted",
        ));
    }
    let query = ChannelQuery {
        id: params.nonzero("id")?,
        name: params.text("name"),
        kind: params.nonzero("channel_type")?,
        base_url: params.text("base_url"),
        status: params.nonzero("status")?,
        keyword: params.text("keyword"),
    };
    let Listed { items, total } = state.store.channels(&query, params.page(&ORDERS)?).await?;
    data(ListView {
        channels: with_tests(&state, items).await?,
        total,
    })
}

/// Every channel.
async fn all(Extract(state): Extract<State>) -> Reply<Vec<View>> {
    let channels = state.store.all_channels().await?;
    data(with_tests(&state, channels).await?)
}

/// Channels by their ids.
async fn info(Extract(state): Extract<State>, body: Body) -> Reply<Vec<View>> {
    let mut channels = Vec::new();
    for id in body.ids()? {
        channels.push(state.store.channel(id).await?);
    }
    data(with_tests(&state, channels).await?)
}

/// A channel; its key is masked.
async fn show(Extract(state): Extract<State>, path: Segments) -> Reply<View> {
    let channel = state.store.channel(path.id()?).await?;
    let secrets = secrets(&channel);
    let mut views = with_tests(&state, vec![channel]).await?;
    let shown = data(views.pop().ok_or(ApiError::Internal)?)?;
    Ok(shown.with_secrets(secrets))
}

/// Channels with their tests.
async fn with_tests(state: &State, channels: Vec<Channel>) -> Result<Vec<View>, ApiError> {
    let mut tests = probing::views_of(&state.store, &channels).await?;
    let view = |channel: Channel| {
        let channel_tests = tests.remove(&channel.id).unwrap_or_default();
        let failed = channel_tests.iter().filter_map(probing::View::failed_at);
        View {
            last_test_error_at: failed.max().unwrap_or(0),
            channel_tests,
            ..View::from(channel)
        }
    };
    Ok(channels.into_iter().map(view).collect())
}

/// Adds a channel. A key of several lines makes one for each; without models it gets those of
/// `/api/models/default`.
async fn create(Extract(state): Extract<State>, body: Body) -> Reply<Vec<View>> {
    make(&state, vec![body.object()?]).await
}

/// Adds channels, all or none.
async fn create_many(Extract(state): Extract<State>, body: Body) -> Reply<Vec<View>> {
    make(&state, body.objects()?).await
}

async fn make(state: &State, bodies: Vec<Fields>) -> Reply<Vec<View>> {
    let mut channels = Vec::new();
    let mut notes = Vec::new();
    let defaults = DefaultModels::of(&state.store.options().await?);
    for mut fields in bodies {
        let patch = form::read(&mut fields, &mut notes)?;
        fields.finish()?;
        for channel in form::one_per_key(defaults.fill(form::complete(patch)?))? {
            check_new(&channel)?;
            channels.push(channel);
        }
    }
    let made = state.store.create_channels(channels).await?;
    data_with_note(
        made.into_iter().map(View::from).collect::<Vec<_>>(),
        &notes.join("; "),
    )
}

/// Changes a channel. A key that is left out, or masked, stays, unless the channel moves to another
/// host (by its `base_url`, `type` or `configs`) or others come to read it on the way (by
/// `skip_tls_verify`, or another proxy where TLS is not verified or none): then it must be sent again.
async fn update(Extract(state): Extract<State>, path: Segments, body: Body) -> Reply<View> {
    let id = path.id()?;
    let mut fields = body.object()?;
    let mut notes = Vec::new();
    let mut patch = form::read(&mut fields, &mut notes)?;
    fields.finish()?;
    check_change(&state.store, &state.store.channel(id).await?, &mut patch).await?;
    let channel = state.store.update_channel(id, patch).await?;
    let secrets = secrets(&channel);
    let shown = data_with_note(View::from(channel), &notes.join("; "))?;
    Ok(shown.with_secrets(secrets))
}

fn secrets(channel: &Channel) -> [(&'static str, SecretTag); 2] {
    [("key", channel.key_tag), ("proxy_url", channel.proxy_tag)]
}

/// One channel from a document of several things.
pub(super) fn read_one(mut fields: Fields) -> Result<ChannelPatch, ApiError> {
    let patch = form::read(&mut fields, &mut Vec::new())?;
    fields.finish()?;
    form::check_one_key(patch.key.as_ref())?;
    Ok(patch)
}

/// What a new channel will be.
pub(super) fn new_one(patch: ChannelPatch) -> Result<ChannelPatch, ApiError> {
    let channel = form::complete(patch)?;
    check_new(&channel)?;
    Ok(channel)
}

fn check_new(channel: &ChannelPatch) -> Result<(), ApiError> {
    let none = Map::new();
    let configs = channel.configs.as_ref().unwrap_or(&none);
    let own_address = channel.base_url.as_ref().is_some_and(Option::is_some);
    let kind = channel.kind.unwrap_or_default();
    form::check_configs(kind, configs, own_address, channel.key.as_ref())
}

/// That a channel may become what the patch wants. A key that is left empty, or sent back as it was
/// shown, stays, and so does a proxy that is sent back as it was shown. A key does not move to another
/// host, nor to where others read it.
pub(super) async fn check_change(
    store: &Store,
    now: &Channel,
    patch: &mut ChannelPatch,
) -> Result<(), ApiError> {
    patch.key = patch
        .key
        .take()
        .filter(|key| !key.is_empty() && !key.expose().starts_with(MASK));
    form::check_one_key(patch.key.as_ref())?;
    let key = patch.key.as_ref();
    if patch.configs.is_some() || patch.kind.is_some() || patch.base_url.is_some() || key.is_some()
    {
        let configs = patch.configs.as_ref().unwrap_or(&now.configs);
        let base_url = patch.base_url.as_ref().unwrap_or(&now.base_url);
        let kind = patch.kind.unwrap_or(now.kind);
        form::check_configs(kind, configs, base_url.is_some(), key)?;
    }
    // Where there is none, none can go astray.
    if patch.key.is_none()
        && let Some(rule) = key_again(now, patch)
        && !store.channel_has_key(now.id, &Secret::default()).await?
    {
        return Err(ApiError::field("key", rule));
    }
    let shown = |proxy: &Option<ProxyUrl>| proxy.as_ref().map(ToString::to_string);
    patch.proxy = patch.proxy.take().filter(|proxy| {
        let masked = proxy.as_ref().is_some_and(ProxyUrl::is_masked);
        !masked || shown(proxy) != shown(&now.proxy)
    });
    match &patch.proxy {
        Some(proxy) => form::check_proxy(patch.kind.unwrap_or(now.kind), proxy.as_ref()),
        None => Ok(()),
    }
}

/// Enables (1) or disables (2) a channel.
async fn set_status(Extract(state): Extract<State>, path: Segments, body: Body) -> Reply<View> {
    let id = path.id()?;
    let mut fields = body.object()?;
    let status = Some(fields.required_status()?);
    fields.finish()?;
    let patch = ChannelPatch {
        status,
        ..ChannelPatch::default()
    };
    let channel = state.store.update_channel(id, patch).await?;
    let secrets = secrets(&channel);
    Ok(data(View::from(channel))?.with_secrets(secrets))
}

/// Removes a channel.
async fn delete(Extract(state): Extract<State>, path: Segments) -> Reply {
    state.store.delete_channels(&[path.id()?]).await?;
    done()
}

/// Removes channels by their ids.
async fn delete_many(Extract(state): Extract<State>, body: Body) -> Reply {
    state.store.delete_channels(&body.ids()?).await?;
    done()
}

/// Every type of channel. With its key, address, dialect, and a JSON Schema of its configs.
async fn type_metas() -> Reply<BTreeMap<i64, TypeMeta>> {
    let meta = |provider: &'static tollgate_catalog::Provider| TypeMeta {
        name: &provider.name,
        key_help: &provider.key_help,
        default_base_url: provider.base_url.as_deref().unwrap_or_default(),
        readme: &provider.docs,
        config_schema: config_schema(provider),
        dialect: &provider.dialect,
        also: provider
            .also
            .iter()
            .map(|also| also.dialect.as_str())
            .collect(),
        quirks: provider.quirks.iter().map(|quirk| quirk.as_str()).collect(),
        modes: &provider.modes,
    };
    let metas: BTreeMap<i64, TypeMeta> = builtin()
        .providers()
        .map(|provider| (provider.id, meta(provider)))
        .collect();
    data(metas)
}

/// As its own route shows it.
pub(super) fn shown(channel: Channel) -> Value {
    serde_json::to_value(View::from(channel)).unwrap_or_default()
}

impl From<Channel> for View {
    fn from(channel: Channel) -> Self {
        let provider = builtin().provider(channel.kind);
        Self {
            id: channel.id,
            created_at: channel.created_at_ms,
            name: channel.name,
            kind: channel.kind,
            type_name: provider
                .map(|provider| provider.name.as_str())
                .unwrap_or_default(),
            base_url: channel
                .base_url
                .map(|url| url.to_string())
                .unwrap_or_default(),
            proxy_url: channel.proxy.map(|url| url.to_string()).unwrap_or_default(),
            key: format!("{MASK}{}", channel.key_hint),
            models: channel.models,
            model_mapping: channel.model_mapping,
            configs: channel.configs,
            sets: channel.sets,
            priority: channel.priority,
            status: channel.status.number(),
            skip_tls_verify: channel.skip_tls_verify,
            warn_error_rate: channel.care.warn_error_rate.number(),
            max_error_rate: channel.care.max_error_rate.number(),
            enabled_no_permission_ban: channel.care.no_permission_ban,
            enabled_auto_balance_check: channel.care.auto_balance_check,
            balance_threshold: Usd(channel.care.balance_threshold),
            balance: Usd(channel.balance.amount),
            balance_currency: channel.balance.currency,
            balance_updated_at: channel.balance.updated_at_ms,
            used_amount: Usd(channel.used_amount),
            used_amount_nano_usd: channel.used_amount.0,
            request_count: channel.request_count,
            retry_count: channel.retry_count,
            last_test_error_at: 0,
            channel_tests: Vec::new(),
        }
    }
}
