//! `/api/channels…` and `/api/channel/…`.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::State as Extract;
use axum::routing::{get, post};
use serde::Serialize;
use tollgate_catalog::builtin;

use super::answer::{Reply, Usd, data, data_with_note, done};
use super::body::Body;
use super::fields::Fields;
use super::params::{Params, Segments};
use super::{ApiError, State, rules};
use crate::domain::{BaseUrl, Channel, ChannelPatch, DEFAULT_PRIORITY, Listed, Status};
use crate::secrets::Secret;
use crate::store::ChannelQuery;

pub(super) fn routes() -> Router<State> {
    let several = get(list).post(create_many);
    let one_new = post(create);
    Router::new()
        .route("/channels", several.clone())
        .route("/channels/", several)
        .route("/channels/search", get(list))
        .route("/channels/all", get(all))
        .route("/channels/type_metas", get(type_metas))
        .route("/channels/batch_delete", post(delete_many))
        .route("/channels/batch_info", post(info))
        .route("/channel", one_new.clone())
        .route("/channel/", one_new)
        .route("/channel/{id}", get(show).put(update).delete(delete))
        .route("/channel/{id}/status", post(set_status))
}

/// What stands where the key was, before its last four characters.
const MASK: &str = "****";

/// Lines of one key field: one channel each.
const MAX_KEYS: usize = 100;
const MAX_KEY: usize = 16 * 1024;
const MAX_PRIORITY: i64 = 1_000_000;

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

#[derive(Serialize)]
struct View {
    id: i64,
    created_at: i64,
    name: String,
    #[serde(rename = "type")]
    kind: i64,
    type_name: &'static str,
    /// Empty: the provider's own.
    base_url: String,
    /// Masked; it never comes back whole.
    key: String,
    models: Vec<String>,
    model_mapping: BTreeMap<String, String>,
    sets: Vec<String>,
    priority: i32,
    status: i64,
    skip_tls_verify: bool,
    used_amount: Usd,
    used_amount_nano_usd: i64,
    request_count: i64,
    retry_count: i64,
}

#[derive(Serialize)]
struct ListView {
    channels: Vec<View>,
    total: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TypeMeta {
    name: &'static str,
    key_help: &'static str,
    default_base_url: &'static str,
    readme: &'static str,
    config_schema: BTreeMap<String, String>,
}

async fn list(Extract(state): Extract<State>, params: Params) -> Reply {
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
        channels: items.into_iter().map(View::from).collect(),
        total,
    })
}

async fn all(Extract(state): Extract<State>) -> Reply {
    let channels = state.store.all_channels().await?;
    data(channels.into_iter().map(View::from).collect::<Vec<_>>())
}

async fn info(Extract(state): Extract<State>, body: Body) -> Reply {
    let mut channels = Vec::new();
    for id in body.ids()? {
        channels.push(View::from(state.store.channel(id).await?));
    }
    data(channels)
}

async fn show(Extract(state): Extract<State>, path: Segments) -> Reply {
    data(View::from(state.store.channel(path.id()?).await?))
}

async fn create(Extract(state): Extract<State>, body: Body) -> Reply {
    make(&state, vec![body.object()?]).await
}

async fn create_many(Extract(state): Extract<State>, body: Body) -> Reply {
    make(&state, body.objects()?).await
}

async fn make(state: &State, bodies: Vec<Fields>) -> Reply {
    let mut channels = Vec::new();
    let mut notes = Vec::new();
    for mut fields in bodies {
        let patch = read(&mut fields, &mut notes)?;
        fields.finish()?;
        channels.extend(one_per_key(complete(patch)?)?);
    }
    let made = state.store.create_channels(channels).await?;
    data_with_note(
        made.into_iter().map(View::from).collect::<Vec<_>>(),
        &notes.join("; "),
    )
}

async fn update(Extract(state): Extract<State>, path: Segments, body: Body) -> Reply {
    let id = path.id()?;
    let mut fields = body.object()?;
    let mut notes = Vec::new();
    let mut patch = read(&mut fields, &mut notes)?;
    fields.finish()?;
    // Left empty, or sent back as it was shown: the key stays.
    patch.key = patch
        .key
        .filter(|key| !key.is_empty() && !key.expose().starts_with(MASK));
    if patch
        .key
        .as_ref()
        .is_some_and(|key| key.expose().contains('\n'))
    {
        return Err(ApiError::field(
            "key",
            "must be one line when a channel is changed",
        ));
    }
    let channel = state.store.update_channel(id, patch).await?;
    data_with_note(View::from(channel), &notes.join("; "))
}

async fn set_status(Extract(state): Extract<State>, path: Segments, body: Body) -> Reply {
    let id = path.id()?;
    let mut fields = body.object()?;
    let status = Some(required_status(&mut fields)?);
    fields.finish()?;
    let patch = ChannelPatch {
        status,
        ..ChannelPatch::default()
    };
    data(View::from(state.store.update_channel(id, patch).await?))
}

async fn delete(Extract(state): Extract<State>, path: Segments) -> Reply {
    state.store.delete_channels(&[path.id()?]).await?;
    done()
}

async fn delete_many(Extract(state): Extract<State>, body: Body) -> Reply {
    state.store.delete_channels(&body.ids()?).await?;
    done()
}

async fn type_metas() -> Reply {
    let meta = |provider: &'static tollgate_catalog::Provider| TypeMeta {
        name: &provider.name,
        key_help: &provider.key_help,
        default_base_url: provider.base_url.as_deref().unwrap_or_default(),
        readme: "",
        config_schema: BTreeMap::new(),
    };
    let metas: BTreeMap<i64, TypeMeta> = builtin()
        .providers()
        .map(|provider| (provider.id, meta(provider)))
        .collect();
    data(metas)
}

/// `status` of a body that is about nothing else.
pub(super) fn required_status(fields: &mut Fields) -> Result<Status, ApiError> {
    status(fields)?.ok_or_else(|| ApiError::field("status", "is required: 1 enabled, 2 disabled"))
}

/// `status`; 0 counts as absent.
pub(super) fn status(fields: &mut Fields) -> Result<Option<Status>, ApiError> {
    let number = fields.int("status", 0, 2)?;
    Ok(number.and_then(Status::from_number))
}

fn read(fields: &mut Fields, notes: &mut Vec<String>) -> Result<ChannelPatch, ApiError> {
    let kind = fields.int("type", 1, i64::from(i32::MAX))?;
    if let Some(kind) = kind.filter(|kind| builtin().provider(*kind).is_none()) {
        let rule = format!("{kind} is not known; /api/channels/type_metas lists those that are");
        return Err(ApiError::field("type", rule));
    }
    let patch = ChannelPatch {
        name: fields.line("name", rules::MAX_CHANNEL_NAME)?,
        kind,
        key: key(fields)?,
        base_url: base_url(fields, notes)?,
        models: fields.names("models", rules::MAX_MODEL)?,
        model_mapping: model_mapping(fields)?,
        sets: sets(fields, "sets")?,
        priority: priority(fields)?,
        status: status(fields)?,
        skip_tls_verify: fields.flag("skip_tls_verify")?,
    };
    fields.not_yet(&[
        "configs",
        "proxy_url",
        "enabled_auto_balance_check",
        "balance_threshold",
        "enabled_no_permission_ban",
        "warn_error_rate",
        "max_error_rate",
    ])?;
    fields.ignore(&[
        "id",
        "created_at",
        "type_name",
        "used_amount",
        "used_amount_nano_usd",
        "request_count",
        "retry_count",
        "balance",
        "balance_updated_at",
        "last_test_error_at",
        "channel_tests",
    ]);
    Ok(patch)
}

/// What a new channel must have.
fn complete(patch: ChannelPatch) -> Result<ChannelPatch, ApiError> {
    let provider = patch
        .kind
        .and_then(|kind| builtin().provider(kind))
        .ok_or_else(|| ApiError::field("type", "is required"))?;
    let key = patch.key.as_ref().map(Secret::expose).unwrap_or_default();
    if key.starts_with(MASK) {
        return Err(ApiError::field(
            "key",
            "is a masked one; keys cannot be copied",
        ));
    }
    // An upstream of one's own may do without a key.
    let own_address = patch.base_url.as_ref().is_some_and(Option::is_some);
    if key.is_empty() && !provider.demo && !own_address {
        return Err(ApiError::field(
            "key",
            format!("is required: {}", provider.key_help),
        ));
    }
    let name = patch.name.filter(|name| !name.is_empty());
    Ok(ChannelPatch {
        name: Some(name.unwrap_or_else(|| provider.name.clone())),
        ..patch
    })
}

/// A key of several lines makes several channels that differ in their keys.
fn one_per_key(patch: ChannelPatch) -> Result<Vec<ChannelPatch>, ApiError> {
    let key = patch.key.clone().unwrap_or_default();
    let keys: Vec<_> = key
        .expose()
        .lines()
        .map(str::trim)
        .filter(|key| !key.is_empty())
        .collect();
    if keys.len() > MAX_KEYS {
        return Err(ApiError::field(
            "key",
            format!("has more than {MAX_KEYS} lines"),
        ));
    }
    if keys.is_empty() {
        return Ok(vec![patch]);
    }
    let with_key = |key: &&str| ChannelPatch {
        key: Some(Secret::new(*key)),
        ..patch.clone()
    };
    Ok(keys.iter().map(with_key).collect())
}

fn key(fields: &mut Fields) -> Result<Option<Secret>, ApiError> {
    let Some(key) = fields.text("key")? else {
        return Ok(None);
    };
    let key = Secret::new(key.trim());
    if key.expose().lines().any(|line| line.len() > MAX_KEY) {
        return Err(ApiError::field(
            "key",
            format!("has a line longer than {MAX_KEY} bytes"),
        ));
    }
    // It travels in a header.
    if !key
        .expose()
        .bytes()
        .all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\r'))
    {
        return Err(ApiError::field("key", "must be printable ASCII"));
    }
    Ok(Some(key))
}

fn base_url(
    fields: &mut Fields,
    notes: &mut Vec<String>,
) -> Result<Option<Option<BaseUrl>>, ApiError> {
    let Some(text) = fields.text("base_url")? else {
        return Ok(None);
    };
    if text.trim().is_empty() {
        return Ok(Some(None));
    }
    let (url, endpoint) =
        BaseUrl::parse(&text).map_err(|rule| ApiError::field("base_url", rule))?;
    if let Some(endpoint) = endpoint {
        notes.push(format!(
            "base_url: {endpoint} was cut off; the gateway adds it"
        ));
    }
    Ok(Some(Some(url)))
}

fn model_mapping(fields: &mut Fields) -> Result<Option<BTreeMap<String, String>>, ApiError> {
    let mapping = fields.map("model_mapping")?;
    for (from, to) in mapping.iter().flatten() {
        rules::name("model_mapping", from, rules::MAX_MODEL)?;
        rules::name("model_mapping", to, rules::MAX_MODEL)?;
    }
    Ok(mapping)
}

/// A list of sets; an empty one is the default set.
pub(super) fn sets(fields: &mut Fields, name: &str) -> Result<Option<Vec<String>>, ApiError> {
    let sets = fields.names(name, rules::MAX_SET)?;
    Ok(sets.map(|sets| {
        if sets.is_empty() {
            vec![crate::domain::DEFAULT_SET.to_owned()]
        } else {
            sets
        }
    }))
}

/// 0 is the default, as in AI Proxy.
fn priority(fields: &mut Fields) -> Result<Option<i32>, ApiError> {
    let number = fields.int("priority", 0, MAX_PRIORITY)?;
    let chosen = |number| i32::try_from(number).ok().filter(|number| *number != 0);
    Ok(number.map(|number| chosen(number).unwrap_or(DEFAULT_PRIORITY)))
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
            key: format!("{MASK}{}", channel.key_hint),
            models: channel.models,
            model_mapping: channel.model_mapping,
            sets: channel.sets,
            priority: channel.priority,
            status: channel.status.number(),
            skip_tls_verify: channel.skip_tls_verify,
            used_amount: Usd(channel.used_amount),
            used_amount_nano_usd: channel.used_amount.0,
            request_count: channel.request_count,
            retry_count: channel.retry_count,
        }
    }
}
