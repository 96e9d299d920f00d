//! Reading a channel from a body.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tollgate_catalog::{Unfilled, builtin};

use super::MASK;
use crate::admin::fields::Fields;
use crate::admin::{ApiError, rules};
use crate::demo::Behaviour;
use crate::domain::{
    BaseUrl, ChannelCarePatch, ChannelConfigs, ChannelKey, ChannelPatch, DEFAULT_PRIORITY,
    InvalidConfigs, InvalidProxyUrl, ProxyUrl, Share, on_one_line,
};
use crate::secrets::Secret;

/// Lines of one key field: one channel each.
const MAX_KEYS: usize = 100;
const MAX_KEY: usize = 16 * 1024;
const MAX_PRIORITY: i64 = 1_000_000;

/// What a body wants a channel to be. `notes` gets what was mended.
pub(super) fn read(fields: &mut Fields, notes: &mut Vec<String>) -> Result<ChannelPatch, ApiError> {
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
        proxy: proxy(fields)?,
        models: fields.names("models", rules::MAX_MODEL)?,
        model_mapping: model_mapping(fields)?,
        configs: fields.object("configs")?,
        sets: fields.sets("sets")?,
        priority: priority(fields)?,
        status: fields.status()?,
        skip_tls_verify: fields.flag("skip_tls_verify")?,
        care: ChannelCarePatch {
            warn_error_rate: share(fields, "warn_error_rate")?,
            max_error_rate: share(fields, "max_error_rate")?,
            no_permission_ban: fields.flag("enabled_no_permission_ban")?,
            auto_balance_check: fields.flag("enabled_auto_balance_check")?,
            balance_threshold: fields.usd("balance_threshold")?,
        },
    };
    fields.ignore(&[
        "id",
        "created_at",
        "type_name",
        "used_amount",
        "used_amount_nano_usd",
        "request_count",
        "retry_count",
        "balance",
        "balance_currency",
        "balance_updated_at",
        "last_test_error_at",
        "channel_tests",
    ]);
    Ok(patch)
}

fn share(fields: &mut Fields, name: &str) -> Result<Option<Share>, ApiError> {
    fields
        .hears(name)
        .is(|| json!({ "type": "number", "minimum": 0, "maximum": 1 }));
    let Some(raw) = fields.raw(name) else {
        return Ok(None);
    };
    let number: Option<f64> = serde_json::from_str(raw.get()).ok();
    let share = number.and_then(Share::from_number);
    share
        .map(Some)
        .ok_or_else(|| ApiError::field(name, "must be a number from 0 to 1"))
}

/// Configs that the channel's type does not have are refused, and so is a key that is none of its
/// type, or a channel that would have no address. Without its key, which is not opened here, it
/// counts as told what a key may tell.
pub(super) fn check_configs(
    kind: i64,
    configs: &Map<String, Value>,
    own_address: bool,
    key: Option<&Secret>,
) -> Result<(), ApiError> {
    // A type that is no longer known is not served either.
    let Some(provider) = builtin().provider(kind) else {
        return Ok(());
    };
    if provider.demo {
        return Behaviour::read(configs)
            .map(drop)
            .map_err(|rule| ApiError::field("configs", rule.to_string()));
    }
    let mut configs = ChannelConfigs::read(provider, configs)
        .map_err(|InvalidConfigs(text)| ApiError::Invalid(text))?;
    if let Some(key) = key {
        let key = ChannelKey::read(provider, key).map_err(|rule| ApiError::field("key", rule))?;
        configs.values = key.complete(configs.values);
    }
    let told = match (key, provider.cloud) {
        (None, Some(cloud)) => cloud.settings(),
        _ => &[],
    };
    provider.query(&configs.values).map_err(unfilled)?;
    provider.headers(&configs.values).map_err(unfilled)?;
    match provider.base_url(&configs.values) {
        None | Some(Err(Unfilled::Missing(_))) if own_address => Ok(()),
        Some(Err(Unfilled::Missing(name))) if told.contains(&name) => Ok(()),
        Some(filled) => filled.map(drop).map_err(unfilled),
        None => {
            let rule = "is required: this type has no address of its own";
            Err(ApiError::field("base_url", rule))
        }
    }
}

fn unfilled(unfilled: Unfilled<'_>) -> ApiError {
    let (name, rule) = match unfilled {
        Unfilled::Missing(name) => (name, "is required without a base_url"),
        Unfilled::Unfit(name) => (
            name,
            "must be letters and digits, with '.', '_' and '-' only between them",
        ),
    };
    ApiError::field(&format!("configs.{name}"), rule)
}

/// What a new channel must have.
pub(super) fn complete(patch: ChannelPatch) -> Result<ChannelPatch, ApiError> {
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
    let proxy = patch.proxy.as_ref().and_then(Option::as_ref);
    check_proxy(provider.id, proxy)?;
    let name = patch.name.filter(|name| !name.is_empty());
    Ok(ChannelPatch {
        name: Some(name.unwrap_or_else(|| provider.name.clone())),
        ..patch
    })
}

/// Where there is one channel, there is one key.
pub(super) fn check_one_key(key: Option<&Secret>) -> Result<(), ApiError> {
    if key.is_some_and(|key| key.expose().contains('\n')) {
        return Err(ApiError::field("key", "must be one line for one channel"));
    }
    Ok(())
}

/// A key of several lines makes several channels that differ in their keys.
pub(super) fn one_per_key(patch: ChannelPatch) -> Result<Vec<ChannelPatch>, ApiError> {
    let key = patch.key.clone().unwrap_or_default();
    let keys: Vec<_> = key.expose().lines().collect();
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

/// Lines without what surrounds them, and without empty ones.
fn key(fields: &mut Fields) -> Result<Option<Secret>, ApiError> {
    let Some(text) = fields.text("key")? else {
        return Ok(None);
    };
    let text = on_one_line(&text).unwrap_or(text);
    let keys: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|key| !key.is_empty())
        .collect();
    if keys.iter().any(|key| key.len() > MAX_KEY) {
        return Err(ApiError::field(
            "key",
            format!("has a line longer than {MAX_KEY} bytes"),
        ));
    }
    // It travels in a header.
    let printable = |key: &&str| key.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if !keys.iter().all(printable) {
        return Err(ApiError::field("key", "must be printable ASCII"));
    }
    Ok(Some(Secret::new(keys.join("\n"))))
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
            "base_url: {endpoint} was cut off, with all around it that belongs to it; \
             the gateway adds what is needed"
        ));
    }
    Ok(Some(Some(url)))
}

fn proxy(fields: &mut Fields) -> Result<Option<Option<ProxyUrl>>, ApiError> {
    let Some(text) = fields.text("proxy_url")? else {
        return Ok(None);
    };
    if text.trim().is_empty() {
        return Ok(Some(None));
    }
    let url = ProxyUrl::parse(&text).map_err(|rule| ApiError::field("proxy_url", rule))?;
    Ok(Some(Some(url)))
}

/// Where there is none that is shown already, credentials must be told. The demo provider is nowhere
/// that a proxy could lead to.
pub(super) fn check_proxy(kind: i64, proxy: Option<&ProxyUrl>) -> Result<(), ApiError> {
    let Some(proxy) = proxy else {
        return Ok(());
    };
    if proxy.is_masked() {
        return Err(ApiError::field("proxy_url", InvalidProxyUrl::Masked));
    }
    if builtin().provider(kind).is_some_and(|it| it.demo) {
        return Err(ApiError::field("proxy_url", "is of no use for this type"));
    }
    Ok(())
}

fn model_mapping(fields: &mut Fields) -> Result<Option<BTreeMap<String, String>>, ApiError> {
    let mapping = fields.map("model_mapping")?;
    for (from, to) in mapping.iter().flatten() {
        rules::name("model_mapping", from, rules::MAX_MODEL)?;
        rules::name("model_mapping", to, rules::MAX_MODEL)?;
    }
    Ok(mapping)
}

/// 0 is the default, as in AI Proxy.
fn priority(fields: &mut Fields) -> Result<Option<i32>, ApiError> {
    let number = fields.int("priority", 0, MAX_PRIORITY)?;
    let chosen = |number| i32::try_from(number).ok().filter(|number| *number != 0);
    Ok(number.map(|number| chosen(number).unwrap_or(DEFAULT_PRIORITY)))
}
