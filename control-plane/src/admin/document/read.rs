//! A document as what it wants, every entry checked by the rules of its own route.

use serde_json::json;
use serde_json::value::RawValue;
use tollgate_catalog::builtin;
use tollgate_policy::price::NanoUsd;

use crate::admin::fields::Fields;
use crate::admin::{
    ApiError, channels, group_models, groups, models, money, options, rules, tokens,
};
use crate::domain::options::Definition;
use crate::domain::{ChannelPatch, GroupPatch, ModelConfigPatch, NewGroupModel, TokenPatch};
use crate::secrets::NewToken;

/// Lists that the document does not have are `None`: of those, nothing is ever removed.
#[derive(Clone, Default)]
pub(super) struct Wanted {
    pub(super) options: Vec<(&'static Definition, String)>,
    pub(super) models: Option<Vec<(String, ModelConfigPatch)>>,
    pub(super) channels: Option<Vec<(String, ChannelPatch)>>,
    pub(super) groups: Option<Vec<WantedGroup>>,
}

#[derive(Clone)]
pub(super) struct WantedGroup {
    pub(super) id: String,
    pub(super) patch: GroupPatch,
    /// What is in its wallet, if it has none yet.
    pub(super) opening_balance: Option<NanoUsd>,
    pub(super) models: Option<Vec<NewGroupModel>>,
    pub(super) tokens: Option<Vec<(String, WantedToken)>>,
}

/// A token, and its text if it exists elsewhere.
pub(super) type WantedToken = (TokenPatch, Option<NewToken>);

/// Entries that one list may have.
const MAX_ENTRIES: usize = 10_000;

pub(super) fn document(mut fields: Fields) -> Result<Wanted, ApiError> {
    let mut wanted = Wanted::default();
    if let Some(values) = fields.nested("options")? {
        for (name, raw) in values.rest() {
            let read = options::read(&name, &raw).map_err(|error| match error {
                ApiError::NotFound(_) => {
                    let name: String = name.chars().take(64).collect();
                    let rule = "is not an option; GET /api/option/definitions lists those that are";
                    ApiError::field(&format!("options.{name}"), rule)
                }
                other => other.below("options."),
            });
            wanted.options.push(read?);
        }
    }
    wanted.models = list(&mut fields, "model_configs", |fields| {
        let model = required(fields, "model", rules::MAX_MODEL)?;
        Ok((model, models::read(std::mem::take(fields))?))
    })?;
    wanted.channels = list(&mut fields, "channels", |fields| {
        let name = required(fields, "name", rules::MAX_CHANNEL_NAME)?;
        type_by_name(fields)?;
        let patch = channels::read_one(std::mem::take(fields))?;
        let named = ChannelPatch {
            name: Some(name.clone()),
            ..patch
        };
        Ok((name, named))
    })?;
    wanted.groups = list(&mut fields, "groups", |fields| {
        let id = required(fields, "id", rules::MAX_GROUP)?;
        let opening_balance = money::amount(fields, "opening_balance")?;
        let models = list(fields, "model_configs", group_models::read_one)?;
        let tokens = list(fields, "tokens", |fields| {
            let name = required(fields, "name", rules::MAX_TOKEN_NAME)?;
            let given = given_key(fields)?;
            let patch = TokenPatch {
                name: Some(name.clone()),
                ..tokens::read(std::mem::take(fields))?
            };
            Ok((name, (patch, given)))
        })?;
        Ok(WantedGroup {
            id,
            opening_balance,
            models,
            tokens,
            patch: groups::read(std::mem::take(fields))?,
        })
    })?;
    fields.finish()?;
    check_unique("model_configs", wanted.models.iter().flatten(), |it| &it.0)?;
    check_unique("channels", wanted.channels.iter().flatten(), |it| &it.0)?;
    check_unique("groups", wanted.groups.iter().flatten(), |it| &it.id)?;
    for group in wanted.groups.iter().flatten() {
        let place = format!("tokens of group {}", group.id);
        check_unique(&place, group.tokens.iter().flatten(), |it| &it.0)?;
        let place = format!("model_configs of group {}", group.id);
        check_unique(&place, group.models.iter().flatten(), |it| &it.model)?;
    }
    Ok(wanted)
}

/// The entries of a list, errors saying which of them it is about.
fn list<T>(
    fields: &mut Fields,
    name: &str,
    read: impl Fn(&mut Fields) -> Result<T, ApiError>,
) -> Result<Option<Vec<T>>, ApiError> {
    let heard = fields.hears(name).list(MAX_ENTRIES);
    let Some(raw) = fields.raw(name) else {
        return Ok(None);
    };
    let items: Vec<Box<RawValue>> = serde_json::from_str(raw.get())
        .map_err(|_| ApiError::field(name, "must be a list of objects"))?;
    if items.len() > MAX_ENTRIES {
        return Err(ApiError::field(
            name,
            format!("has more than {MAX_ENTRIES} entries"),
        ));
    }
    let entry = |(at, item): (usize, &RawValue)| {
        let read = Fields::parse(item.get().as_bytes())
            .map_err(|_| ApiError::Invalid("must be an object".into()))
            .and_then(|fields| read(&mut fields.heard(heard.clone())));
        read.map_err(|error| match error {
            ApiError::Invalid(text) => ApiError::Invalid(format!("{name}[{at}]: {text}")),
            other => other,
        })
    };
    let entries: Result<Vec<T>, ApiError> = items
        .iter()
        .map(AsRef::as_ref)
        .enumerate()
        .map(entry)
        .collect();
    entries.map(Some)
}

fn required(fields: &mut Fields, name: &str, max: usize) -> Result<String, ApiError> {
    let text = fields
        .line(name, max)?
        .ok_or_else(|| ApiError::field(name, "is required"))?;
    rules::name(name, &text, max)?;
    Ok(text)
}

/// The text of a token that exists elsewhere; a masked one is none.
fn given_key(fields: &mut Fields) -> Result<Option<NewToken>, ApiError> {
    let text = fields.text("key")?;
    let text = text.filter(|text| !text.is_empty() && !text.contains('…'));
    let given = text.map(|text| NewToken::given(&text)).transpose();
    given.map_err(|rule| ApiError::field("key", rule))
}

/// A channel's type may be named, which reads better in a file than its number.
fn type_by_name(fields: &mut Fields) -> Result<(), ApiError> {
    let heard = fields.hears("type");
    heard.is(|| json!({ "type": ["integer", "string"], "minimum": 1 }));
    let Some(raw) = fields.raw("type") else {
        return Ok(());
    };
    let Ok(name) = serde_json::from_str::<String>(raw.get()) else {
        fields.put("type", raw);
        return Ok(());
    };
    let mut named = builtin()
        .providers()
        .filter(|provider| provider.name == name);
    match (named.next(), named.next()) {
        (Some(provider), None) => {
            let number = serde_json::value::to_raw_value(&provider.id);
            if let Ok(number) = number {
                fields.put("type", number);
            }
            Ok(())
        }
        (Some(_), Some(_)) => {
            let rule = format!("{name:?} is the name of several types; give its number");
            Err(ApiError::field("type", rule))
        }
        _ => {
            let rule = "is not known; /api/channels/type_metas lists those that are";
            Err(ApiError::field("type", rule))
        }
    }
}

fn check_unique<'a, T: 'a>(
    list: &str,
    items: impl Iterator<Item = &'a T>,
    name: impl Fn(&'a T) -> &'a String,
) -> Result<(), ApiError> {
    let mut seen = std::collections::BTreeSet::new();
    for item in items {
        if !seen.insert(name(item)) {
            let rule = format!("has {:?} twice", name(item));
            return Err(ApiError::field(list, rule));
        }
    }
    Ok(())
}
