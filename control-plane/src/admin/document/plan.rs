//! From what is wanted and what is there to the steps between them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tollgate_policy::price::NanoUsd;

use super::read::{Wanted, WantedGroup, WantedToken};
use crate::admin::{ApiError, State, channels, group_models, groups, models, tokens};
use crate::domain::{
    Channel, ChannelPatch, Group, GroupModelConfig, ModelConfig, ModelConfigPatch, NewGroupModel,
    Token,
};
use crate::store::{self, GroupModelQuery, Step};

/// One step, and what its thing looks like before it.
pub(super) struct Planned {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) verb: Verb,
    pub(super) before: Value,
    /// A channel's key changes.
    pub(super) new_key: bool,
    /// Likewise its proxy, perhaps in its credentials alone.
    pub(super) new_proxy: bool,
    pub(super) step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Create,
    Update,
    Delete,
}

/// In an order in which nothing is needed before it is there.
pub(super) async fn plan(
    state: &State,
    wanted: Wanted,
    prune: bool,
) -> Result<Vec<Planned>, ApiError> {
    let mut plan = Plan {
        state,
        prune,
        steps: Vec::new(),
    };
    let options = state.store.options().await?;
    for (definition, value) in wanted.options {
        let before = option(options.text(definition).0);
        let name = definition.name.to_owned();
        let step = Step::Option(definition, value);
        plan.push("option", name, Verb::Update, before, step);
    }
    if let Some(wanted) = wanted.models {
        plan.models(wanted).await?;
    }
    if let Some(wanted) = wanted.channels {
        plan.channels(wanted).await?;
    }
    if let Some(wanted) = wanted.groups {
        plan.groups(wanted).await?;
    }
    Ok(plan.steps)
}

/// An option as a view.
pub(super) fn option(value: &str) -> Value {
    json!({ "value": value })
}

struct Plan<'a> {
    state: &'a State,
    prune: bool,
    steps: Vec<Planned>,
}

impl Plan<'_> {
    async fn models(&mut self, wanted: Vec<(String, ModelConfigPatch)>) -> Result<(), ApiError> {
        let there = self.state.store.model_configs().await?;
        let mut there: BTreeMap<String, ModelConfig> = there
            .into_iter()
            .map(|config| (config.model.clone(), config))
            .collect();
        let wanted: Vec<_> = wanted
            .into_iter()
            .map(|(model, patch)| (there.remove(&model), model, patch))
            .collect();
        let written = wanted.iter().map(|(_, model, _)| model);
        let (twins, others) = in_another_case(self.rest(there), written);
        let remove = |plan: &mut Self, (model, config): (String, ModelConfig)| {
            let step = Step::RemoveModel(model.clone());
            let before = models::shown(config);
            plan.push("model_config", model, Verb::Delete, before, step);
        };
        twins.into_iter().for_each(|it| remove(self, it));
        for (there, model, patch) in wanted {
            let (verb, before) = existing(there, models::shown);
            let step = Step::Model(model.clone(), Box::new(patch));
            self.push("model_config", model, verb, before, step);
        }
        others.into_iter().for_each(|it| remove(self, it));
        Ok(())
    }

    async fn channels(&mut self, wanted: Vec<(String, ChannelPatch)>) -> Result<(), ApiError> {
        let names: BTreeSet<String> = wanted.iter().map(|(name, _)| name.clone()).collect();
        let mut there: BTreeMap<String, Channel> = BTreeMap::new();
        for channel in self.state.store.all_channels().await? {
            let name = channel.name.clone();
            if names.contains(&name) && there.contains_key(&name) {
                return Err(ApiError::Conflict(format!(
                    "several channels are named {name:?}; rename them, so that the document can \
                     tell them apart"
                )));
            }
            if self.prune || names.contains(&name) {
                // Of those that are removed, each is a step of its own.
                let key = match there.contains_key(&name) {
                    true => format!("{name} ({})", channel.id),
                    false => name,
                };
                there.insert(key, channel);
            }
        }
        for (name, patch) in wanted {
            self.channel(there.remove(&name), name, patch).await?;
        }
        for (name, channel) in self.rest(there) {
            let step = Step::RemoveChannel(channel.id);
            let before = channels::shown(channel);
            self.push("channel", name, Verb::Delete, before, step);
        }
        Ok(())
    }

    async fn channel(
        &mut self,
        there: Option<Channel>,
        name: String,
        mut patch: ChannelPatch,
    ) -> Result<(), ApiError> {
        let within = |error: ApiError| match error {
            ApiError::Invalid(text) => ApiError::Invalid(format!("channel {name:?}: {text}")),
            other => other,
        };
        let Some(there) = there else {
            let patch = channels::new_one(patch).map_err(within)?;
            let step = Step::Channel(None, Box::new(patch));
            self.push("channel", name, Verb::Create, Value::Null, step);
            return Ok(());
        };
        channels::check_change(&self.state.store, &there, &mut patch)
            .await
            .map_err(within)?;
        if let Some(key) = &patch.key
            && self.state.store.channel_has_key(there.id, key).await?
        {
            patch.key = None;
        }
        if let Some(proxy) = &patch.proxy
            && self
                .state
                .store
                .channel_has_proxy(there.id, proxy.as_ref())
                .await?
        {
            patch.proxy = None;
        }
        let new_key = patch.key.is_some();
        let new_proxy = patch.proxy.is_some();
        let step = Step::Channel(Some(there.id), Box::new(patch));
        self.push("channel", name, Verb::Update, channels::shown(there), step);
        if let Some(last) = self.steps.last_mut() {
            (last.new_key, last.new_proxy) = (new_key, new_proxy);
        }
        Ok(())
    }

    async fn groups(&mut self, wanted: Vec<WantedGroup>) -> Result<(), ApiError> {
        let mut there: BTreeMap<String, Group> = BTreeMap::new();
        for group in self.state.store.all_groups().await? {
            there.insert(group.id.clone(), group);
        }
        for wanted in wanted {
            let WantedGroup {
                id,
                patch,
                opening_balance,
                models,
                tokens,
            } = wanted;
            let known = there.remove(&id);
            let exists = known.is_some();
            let (verb, before) = existing(known, groups::shown);
            let step = Step::Group {
                id: id.clone(),
                exists,
                patch,
            };
            self.push("group", id.clone(), verb, before, step);
            if let Some(balance) = opening_balance {
                self.wallet(&id, balance).await?;
            }
            if let Some(models) = models {
                self.group_models(&id, models).await?;
            }
            if let Some(tokens) = tokens {
                self.tokens(&id, tokens).await?;
            }
        }
        for (id, group) in self.rest(there) {
            let step = Step::RemoveGroup(id.clone());
            self.push("group", id, Verb::Delete, groups::shown(group), step);
        }
        Ok(())
    }

    async fn group_models(
        &mut self,
        group: &str,
        wanted: Vec<NewGroupModel>,
    ) -> Result<(), ApiError> {
        let query = GroupModelQuery {
            group: Some(group.to_owned()),
            model: None,
        };
        let there = self.state.store.group_models(&query).await?;
        let mut there: BTreeMap<String, GroupModelConfig> = there
            .into_iter()
            .map(|config| (config.model.clone(), config))
            .collect();
        let name = |model: &str| format!("{group}/{model}");
        let wanted: Vec<_> = wanted
            .into_iter()
            .map(|config| (there.remove(&config.model), config))
            .collect();
        let written = wanted.iter().map(|(_, config)| &config.model);
        let (twins, others) = in_another_case(self.rest(there), written);
        let remove = |plan: &mut Self, (model, config): (String, GroupModelConfig)| {
            let (name, before) = (name(&model), group_models::shown(config));
            let group = group.to_owned();
            let step = Step::RemoveGroupModel { group, model };
            plan.push("group_model_config", name, Verb::Delete, before, step);
        };
        twins.into_iter().for_each(|it| remove(self, it));
        for (there, config) in wanted {
            let name = name(&config.model);
            let (verb, before) = existing(there, group_models::shown);
            let step = Step::GroupModel(group.to_owned(), Box::new(config));
            self.push("group_model_config", name, verb, before, step);
        }
        others.into_iter().for_each(|it| remove(self, it));
        Ok(())
    }

    /// One that is there is left alone: what is in it has been moved by then.
    async fn wallet(&mut self, group: &str, balance: NanoUsd) -> Result<(), ApiError> {
        match self.state.store.wallet(group).await {
            Ok(_) => Ok(()),
            Err(store::Error::NotFound(_)) => {
                let step = Step::Wallet(group.to_owned(), balance);
                let name = group.to_owned();
                self.push("wallet", name, Verb::Create, Value::Null, step);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn tokens(
        &mut self,
        group: &str,
        wanted: Vec<(String, WantedToken)>,
    ) -> Result<(), ApiError> {
        let mut there: BTreeMap<String, Token> = BTreeMap::new();
        for token in self.state.store.tokens_of(group).await? {
            there.insert(token.name.clone(), token);
        }
        // Those first whose key is here, so that none of them is taken for another by its name.
        let (mut renamed, mut named) = (Vec::new(), Vec::new());
        for (name, wanted) in wanted {
            let id = match &wanted.1 {
                Some(given) => self.state.store.token_id(&given.hash).await?,
                None => None,
            };
            let old = there.iter().find(|(_, token)| Some(token.id) == id);
            let old = old.map(|(old, _)| old.clone());
            match old.and_then(|old| there.remove_entry(&old)) {
                Some((old, token)) if old != name => renamed.push((name, wanted, old, token)),
                known => named.push((name, wanted, known.map(|(_, token)| token))),
            }
        }
        let mut steps = Vec::new();
        // Each when its name is free; of those that change names in a circle, none ever is.
        while let Some(at) = renamed
            .iter()
            .position(|(name, ..)| renamed.iter().all(|(_, _, old, _)| old != name))
        {
            let (name, wanted, _, token) = renamed.remove(at);
            steps.push((name, wanted, Some(token)));
        }
        if let Some((name, ..)) = renamed.first() {
            return Err(ApiError::Conflict(format!(
                "tokens of group {group} change names among themselves, {name:?} among them; \
                 rename one of them here first"
            )));
        }
        steps.append(&mut named);
        for (name, (patch, given), by_key) in steps {
            let keyed = by_key.is_some();
            let known = by_key.or_else(|| there.remove(&name));
            let id = known.as_ref().map(|token| token.id);
            if given.is_some() && id.is_some() && !keyed {
                return Err(ApiError::Conflict(format!(
                    "token {group}/{name} has another key; rotate it, or give this one another name"
                )));
            }
            let (verb, before) = existing(known, tokens::shown);
            let step = Step::Token {
                id,
                group: group.to_owned(),
                patch,
                given,
            };
            self.push("token", format!("{group}/{name}"), verb, before, step);
        }
        for (name, token) in self.rest(there) {
            let step = Step::RemoveToken(token.id);
            let before = tokens::shown(token);
            self.push(
                "token",
                format!("{group}/{name}"),
                Verb::Delete,
                before,
                step,
            );
        }
        Ok(())
    }

    /// What is there and not wanted, if that is to go.
    fn rest<T>(&self, there: BTreeMap<String, T>) -> BTreeMap<String, T> {
        if self.prune { there } else { BTreeMap::new() }
    }

    fn push(&mut self, kind: &'static str, name: String, verb: Verb, before: Value, step: Step) {
        self.steps.push(Planned {
            kind,
            name,
            verb,
            before,
            new_key: false,
            new_proxy: false,
            step,
        });
    }
}

/// Of what goes, first what only has its name in another case from now on: both at once cannot be.
fn in_another_case<'n, T>(
    going: BTreeMap<String, T>,
    written: impl Iterator<Item = &'n String>,
) -> (BTreeMap<String, T>, BTreeMap<String, T>) {
    let written: BTreeSet<String> = written.map(|name| name.to_ascii_lowercase()).collect();
    going
        .into_iter()
        .partition(|(name, _)| written.contains(&name.to_ascii_lowercase()))
}

fn existing<T>(there: Option<T>, shown: impl Fn(T) -> Value) -> (Verb, Value) {
    match there {
        Some(there) => (Verb::Update, shown(there)),
        None => (Verb::Create, Value::Null),
    }
}

impl Verb {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}
