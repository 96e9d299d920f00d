//! `/api/monitor/group_…`: how fast groups and their tokens go at the moment.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;

use crate::admin::answer::{Reply, data};
use crate::admin::body::Body;
use crate::admin::params::{Params, Segments};
use crate::admin::routes::{Routes, get, post};
use crate::admin::tally::{Rate, rates};
use crate::admin::{ApiError, State, rules};
use crate::store::{Dimension, Of};

pub(super) fn routes() -> Routes {
    Routes::new()
        .read("/monitor/group_summary_metrics", get(groups))
        .read("/monitor/group_token_metrics/{group}", get(tokens))
        .read("/monitor/group_model_metrics/{group}", get(models))
        .read(
            "/monitor/group_tokenname_model_metrics/{group}",
            get(token_models),
        )
        .ask("/monitor/batch_group_token_metrics", post(batch))
}

/// Groups that one request may name.
const GROUPS_MAX: usize = 100;
/// And tokens.
const TOKENS_MAX: usize = 1_000;

/// Of the last 60 seconds.
#[derive(Debug, Clone, Copy, Default, Serialize, JsonSchema)]
struct Pace {
    rpm: i64,
    tpm: i64,
    rps: f64,
    tps: f64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PacesOfGroups")]
struct Groups {
    groups: BTreeMap<String, Pace>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PacesOfTokens")]
struct Tokens {
    tokens: BTreeMap<String, Pace>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PacesOfModels")]
struct Models {
    models: BTreeMap<String, Pace>,
}

/// The pace of one token, with one model.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TokenModelPace")]
struct TokenModel {
    group: String,
    token_name: String,
    model: String,
    #[serde(flatten)]
    pace: Pace,
}

/// The pace of one token.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TokenPace")]
struct Token {
    group: String,
    token_name: String,
    #[serde(flatten)]
    pace: Pace,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{T}s")]
struct Items<T> {
    items: Vec<T>,
}

/// Requests and tokens per minute of groups. `groups` names them, with commas between.
async fn groups(Extract(state): Extract<State>, params: Params) -> Reply<Groups> {
    let text = params.text("groups").unwrap_or_default();
    let names = text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    let names: Vec<String> = names.map(str::to_owned).collect();
    if names.is_empty() || names.len() > GROUPS_MAX {
        let rule = format!("must name 1 to {GROUPS_MAX} groups, with commas between");
        return Err(ApiError::field("groups", rule));
    }
    let mut groups: BTreeMap<String, Pace> = BTreeMap::new();
    for name in &names {
        groups.insert(name.clone(), Pace::default());
    }
    for rate in of_groups(&state, names, &[Dimension::Group]).await? {
        groups.insert(rate.of.group.clone(), Pace::from(&rate));
    }
    data(Groups { groups })
}

/// Requests and tokens per minute of a group, by token name.
async fn tokens(Extract(state): Extract<State>, path: Segments) -> Reply<Tokens> {
    let group = vec![path.text("group").to_owned()];
    let found = of_groups(&state, group, &[Dimension::TokenName]).await?;
    let paces = found
        .iter()
        .map(|rate| (rate.of.token_name.clone(), Pace::from(rate)));
    let tokens = paces.collect();
    data(Tokens { tokens })
}

/// Requests and tokens per minute of a group, by model.
async fn models(Extract(state): Extract<State>, path: Segments) -> Reply<Models> {
    let group = vec![path.text("group").to_owned()];
    let found = of_groups(&state, group, &[Dimension::Model]).await?;
    let paces = found
        .iter()
        .map(|rate| (rate.of.model.clone(), Pace::from(rate)));
    let models = paces.collect();
    data(Models { models })
}

/// Requests and tokens per minute of a group, by token name and model.
async fn token_models(Extract(state): Extract<State>, path: Segments) -> Reply<Items<TokenModel>> {
    let group = path.text("group").to_owned();
    let by = [Dimension::TokenName, Dimension::Model];
    let found = of_groups(&state, vec![group.clone()], &by).await?;
    let item = |rate: &Rate| TokenModel {
        group: group.clone(),
        token_name: rate.of.token_name.clone(),
        model: rate.of.model.clone(),
        pace: Pace::from(rate),
    };
    let items = found.iter().map(item).collect();
    data(Items { items })
}

/// Requests and tokens per minute of tokens, in their order.
async fn batch(Extract(state): Extract<State>, body: Body) -> Reply<Items<Token>> {
    let mut fields = body.object()?;
    let wanted = fields.list("items", TOKENS_MAX)?;
    fields.finish()?;
    let mut items = Vec::new();
    for mut fields in wanted.ok_or_else(|| ApiError::field("items", "is required"))? {
        let group = fields.line("group", rules::MAX_GROUP)?;
        let token_name = fields.line("token_name", rules::MAX_TOKEN_NAME)?;
        fields.finish()?;
        items.push(Token {
            group: group.ok_or_else(|| ApiError::field("group", "is required"))?,
            token_name: token_name.ok_or_else(|| ApiError::field("token_name", "is required"))?,
            pace: Pace::default(),
        });
    }
    let names: BTreeSet<String> = items.iter().map(|item| item.group.clone()).collect();
    if names.is_empty() || names.len() > GROUPS_MAX {
        let rule = format!("must name 1 to {GROUPS_MAX} groups");
        return Err(ApiError::field("items", rule));
    }
    let by = [Dimension::Group, Dimension::TokenName];
    let found = of_groups(&state, names.into_iter().collect(), &by).await?;
    let paces: BTreeMap<(&str, &str), Pace> = found
        .iter()
        .map(|rate| {
            let key = (rate.of.group.as_str(), rate.of.token_name.as_str());
            (key, Pace::from(rate))
        })
        .collect();
    for item in &mut items {
        let key = (item.group.as_str(), item.token_name.as_str());
        item.pace = paces.get(&key).copied().unwrap_or_default();
    }
    data(Items { items })
}

async fn of_groups(
    state: &State,
    groups: Vec<String>,
    by: &[Dimension],
) -> Result<Vec<Rate>, ApiError> {
    let of = Of::Groups {
        groups,
        token_name: None,
    };
    Ok(rates(&state.store, of, None, by).await?)
}

impl From<&Rate> for Pace {
    #[expect(clippy::cast_precision_loss, reason = "a pace needs no more digits")]
    fn from(rate: &Rate) -> Self {
        Self {
            rpm: rate.rpm,
            tpm: rate.tpm,
            rps: rate.rpm as f64 / 60.0,
            tps: rate.tpm as f64 / 60.0,
        }
    }
}
