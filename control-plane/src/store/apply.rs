//! Several changes as one: all of them in one transaction, or none.

use super::query::Conditions;
use super::write::Write;
use super::{Created, Error, Result, Store};
use crate::domain::options::Definition;
use crate::domain::{
    Channel, ChannelPatch, Group, GroupPatch, ModelConfig, ModelConfigPatch, Token, TokenPatch,
};
use crate::secrets::Secret;

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
    Token {
        id: Option<i64>,
        group: String,
        patch: TokenPatch,
    },
    RemoveToken(i64),
}

/// What a step left.
#[derive(Debug)]
pub(crate) enum Left {
    Nothing,
    Option(String),
    Model(Box<ModelConfig>),
    Channel(Channel),
    Group(Group),
    /// With its text, if it was made.
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
    /// `Conflict` when somebody else changed something since `revision`, or a step contradicts
    /// what is there; `NotFound` when what a step changes is not there. Nothing is changed then.
    pub(crate) async fn apply(
        &self,
        by: &str,
        steps: Vec<Step>,
        revision: i64,
        then: Then,
    ) -> Result<Vec<Left>> {
        let by = by.to_owned();
        self.write(move |write| Box::pin(write.apply(by, steps, revision, then)))
            .await
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
}

impl Write {
    async fn apply(
        &mut self,
        by: String,
        steps: Vec<Step>,
        revision: i64,
        then: Then,
    ) -> Result<Vec<Left>> {
        if self.revision().await? != revision {
            return Err(Error::Conflict(
                "somebody else changed something meanwhile; look at what is there now, and try \
                 again"
                    .into(),
            ));
        }
        let mut left = Vec::with_capacity(steps.len());
        for step in steps {
            left.push(self.step(&by, step).await?);
        }
        if then == Then::Undo {
            self.undo();
        }
        Ok(left)
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
            Step::Channel(Some(id), patch) => Left::Channel(self.update_channel(id, *patch).await?),
            Step::Channel(None, patch) => {
                let made = self.create_channels(vec![*patch]).await?.pop();
                made.map_or(Left::Nothing, Left::Channel)
            }
            Step::RemoveChannel(id) => {
                self.delete_channels(vec![id]).await?;
                Left::Nothing
            }
            Step::Group { id, exists, patch } => Left::Group(match exists {
                true => self.update_group(by.to_owned(), id, patch).await?,
                false => self.create_group(by.to_owned(), id, patch).await?,
            }),
            Step::RemoveGroup(id) => {
                self.delete_groups(vec![id]).await?;
                Left::Nothing
            }
            Step::Token {
                id: Some(id),
                group,
                patch,
            } => Left::Token(self.update_token(id, Some(group), patch).await?, None),
            Step::Token {
                id: None,
                group,
                patch,
            } => match self.create_token(group, patch, false, false).await? {
                Created::New(token, secret) => Left::Token(token, Some(secret)),
                Created::Existing(token) => Left::Token(token, None),
            },
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
