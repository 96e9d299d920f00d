//! Several changes as one: all of them in one transaction, or none.

use tollgate_policy::price::NanoUsd;

use super::query::Conditions;
use super::write::Write;
use super::{Created, Error, Result, Store};
use crate::domain::options::Definition;
use crate::domain::{
    Channel, ChannelPatch, Group, GroupModelConfig, GroupPatch, ModelConfig, ModelConfigPatch,
    NewGroupModel, ProxyUrl, Token, TokenPatch, Wallet,
};
use crate::secrets::{NewToken, Secret};

/// One change. What has an id is changed, what has none is made.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Option(&'static Definition, String),
    Model(String, Box<ModelConfigPatch>),
    RemoveModel(String),
    Channel(Option<i64>, Box<ChannelPatch>),
    RemoveChannel(i64),
    Group {
        id: String,
        exists: bool,
        patch: GroupPatch,
    },
    RemoveGroup(String),
    /// Of a group: what is different for it with a model.
    GroupModel(String, Box<NewGroupModel>),
    RemoveGroupModel {
        group: String,
        model: String,
    },
    /// Opens a wallet with so much in it.
    Wallet(String, NanoUsd),
    Token {
        id: Option<i64>,
        group: String,
        patch: TokenPatch,
        /// Its text; without one, a new token gets a random one.
        given: Option<NewToken>,
    },
    RemoveToken(i64),
}

/// What a step left.
#[derive(Debug)]
pub(crate) enum Left {
    Nothing,
    Option(String),
    Model(Box<ModelConfig>),
    Channel(Box<Channel>),
    Group(Group),
    GroupModel(Box<GroupModelConfig>),
    Wallet(Wallet),
    /// With its text, if it was made here.
    Token(Token, Option<Secret>),
}

/// What becomes of the steps when all of them worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Keep,
    /// They are undone, and only shown.
    Undo,
}

impl Store {
    /// Does the steps in their order and answers with what each left; `by` asks for it.
    ///
    /// # Errors
    /// `WrittenSince` when somebody else changed something since `revision`; `Conflict` when a step
    /// contradicts what is there; `NotFound` when what a step changes is not there. Nothing is changed then.
    pub(crate) async fn apply(
        &self,
        by: &str,
        steps: Vec<Step>,
        revision: i64,
        then: Then,
    ) -> Result<Vec<Left>> {
        let mut tries = TRIES;
        loop {
            let (by, steps) = (by.to_owned(), steps.clone());
            let applied = self
                .write(move |write| Box::pin(write.apply(by, steps, revision, then)))
                .await;
            tries -= 1;
            match applied {
                // Another writer took the same rows in another order, and has them now.
                Err(error) if error.is_deadlock() && tries > 0 => {}
                applied => return applied,
            }
        }
    }

    /// Whether this is the key that a channel has.
    ///
    /// # Errors
    /// `NotFound` when there is no such channel.
    pub(crate) async fn channel_has_key(&self, id: i64, key: &Secret) -> Result<bool> {
        let published = self.key_of_channel(id).await?;
        // Two empty ones are the same, too.
        Ok(published.expose() == key.expose())
    }

    /// Whether this is the proxy that a channel has, credentials and all.
    ///
    /// # Errors
    /// `NotFound` when there is no such channel.
    pub(crate) async fn channel_has_proxy(
        &self,
        id: i64,
        proxy: Option<&ProxyUrl>,
    ) -> Result<bool> {
        Ok(self.proxy_of_channel(id).await?.as_ref() == proxy)
    }
}

/// How often steps are begun that a database breaks off to let another writer go on.
const TRIES: u32 = 5;

impl Write {
    async fn apply(
        &mut self,
        by: String,
        steps: Vec<Step>,
        revision: i64,
        then: Then,
    ) -> Result<Vec<Left>> {
        let mut left = Vec::with_capacity(steps.len());
        if self.seen_revision().await? != revision {
            return Err(Error::WrittenSince);
        }
        self.lock_what_bookings_lock(&steps).await?;
        for step in steps {
            match self.step(&by, step).await {
                Ok(done) => left.push(done),
                // It may contradict what somebody else did since.
                Err(Error::NotFound(_) | Error::Conflict(_))
                    if self
                        .seen_revision()
                        .await
                        .is_ok_and(|seen| seen != revision) =>
                {
                    return Err(Error::WrittenSince);
                }
                Err(error) => return Err(error),
            }
        }
        match then {
            Then::Undo => self.undo(),
            // Last, as every other write does, so that no two wait for each other.
            Then::Keep if self.revision().await? != revision => return Err(Error::WrittenSince),
            Then::Keep => {}
        }
        Ok(left)
    }

    /// A document has its groups one after the other, each with its tokens; their locks are taken
    /// before, in the order that everybody keeps to.
    async fn lock_what_bookings_lock(&mut self, steps: &[Step]) -> Result<()> {
        let (mut tokens, mut groups, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::RemoveToken(id) | Step::Token { id: Some(id), .. } => tokens.push(*id),
                Step::RemoveGroup(id) => gone.push(id.clone()),
                Step::Group { id, .. } => groups.push(id.clone()),
                _ => {}
            }
        }
        tokens.extend(self.tokens_in(&gone).await?);
        groups.extend(gone);
        self.lock_in_order(&tokens, &groups).await
    }

    async fn step(&mut self, by: &str, step: Step) -> Result<Left> {
        Ok(match step {
            Step::Option(option, value) => {
                self.set_options(vec![(option, value.clone())]).await?;
                Left::Option(value)
            }
            Step::Model(model, patch) => {
                self.save_model_configs(by.to_owned(), vec![(model.clone(), *patch)])
                    .await?;
                Left::Model(Box::new(self.model_config(&model).await?))
            }
            Step::RemoveModel(model) => {
                self.delete_model_configs(by.to_owned(), vec![model])
                    .await?;
                Left::Nothing
            }
            Step::Channel(Some(id), patch) => {
                Left::Channel(Box::new(self.update_channel(id, *patch).await?))
            }
            Step::Channel(None, patch) => {
                let made = self.create_channels(vec![*patch]).await?.pop();
                made.map_or(Left::Nothing, |made| Left::Channel(Box::new(made)))
            }
            Step::RemoveChannel(id) => {
                self.delete_channels(vec![id]).await?;
                Left::Nothing
            }
            Step::Group { id, exists, patch } => Left::Group(match exists {
                true => self.update_group(by.to_owned(), id, patch).await?,
                false => self.create_group(by.to_owned(), id, patch).await?,
            }),
            Step::GroupModel(group, config) => {
                let model = config.model.clone();
                self.save_group_models(by.to_owned(), group.clone(), vec![*config], false)
                    .await?;
                Left::GroupModel(Box::new(self.group_model(&group, &model).await?))
            }
            Step::RemoveGroupModel { group, model } => {
                self.delete_group_models(by.to_owned(), group, vec![model])
                    .await?;
                Left::Nothing
            }
            Step::Wallet(group, balance) => {
                Left::Wallet(self.open_wallet_with(by, group, balance).await?)
            }
            Step::RemoveGroup(id) => {
                self.delete_groups(by.to_owned(), vec![id]).await?;
                Left::Nothing
            }
            Step::Token {
                id: Some(id),
                group,
                patch,
                ..
            } => Left::Token(self.update_token(id, Some(group), patch).await?, None),
            Step::Token {
                id: None,
                group,
                patch,
                given,
            } => {
                let is_given = given.is_some();
                let fresh = given.unwrap_or_else(NewToken::random);
                match self.create_token(group, patch, fresh, false, false).await? {
                    Created::New(token, secret) if !is_given => Left::Token(token, Some(secret)),
                    Created::New(token, _) | Created::Existing(token) => Left::Token(token, None),
                }
            }
            Step::RemoveToken(id) => {
                self.delete_tokens(vec![id], None).await?;
                Left::Nothing
            }
        })
    }

    async fn model_config(&mut self, model: &str) -> Result<ModelConfig> {
        let mut conditions = Conditions::default();
        conditions.text("model = ?", Some(model));
        let row = conditions
            .statement(super::models::COLUMNS, "")
            .fetch_one(&mut *self.transaction)
            .await?;
        super::models::model_config(&row)
    }
}

#[cfg(test)]
mod tests;
