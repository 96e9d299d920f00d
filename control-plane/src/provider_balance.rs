//! What is left of the money at providers that tell it.
//!
//! They are asked from here, with the channel's key and through its proxy, at public addresses alone: nothing that a base
//! URL names may be a way into the operator's own network. Neither the key nor anything else of what
//! was sent or came back is in an error.

mod api;

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use self::api::Api;
use crate::domain::{Channel, ChannelBalance, PublishedChannel, now_unix_ms};
use crate::outbound::{CallError, Reach};
use crate::store::{self, CHANNEL_BALANCES, Error, Notice, Store};

/// Between two questions, by one of all control planes.
const EVERY_MS: i64 = 10 * 60_000;
/// How often one tries to be who asks.
const TRY_EVERY: Duration = Duration::from_secs(5);

/// Providers that are asked at the same time.
const AT_ONCE: usize = 8;

/// Why a balance is not known.
#[derive(Debug, thiserror::Error)]
pub enum BalanceError {
    #[error("channels of this type have no balance that their provider could be asked for")]
    NoApi,
    #[error("the provider is asked at public addresses over https alone, and this is none")]
    NotPublic,
    #[error("the provider cannot be reached")]
    Unreachable,
    #[error("the provider did not answer in time")]
    Late,
    #[error("the provider answered with status {0}")]
    Status(u16),
    #[error("the provider's answer tells no balance")]
    Answer,
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl BalanceError {
    /// Nothing but another channel would help.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::NoApi | Self::NotPublic)
    }
}

impl From<CallError> for BalanceError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotEncrypted | CallError::NotPublic(_) => Self::NotPublic,
            CallError::Late(..) => Self::Late,
            CallError::Answer(_) => Self::Answer,
            CallError::Io(..) | CallError::Http(..) | CallError::NoTunnel(..) => Self::Unreachable,
        }
    }
}

/// Whether a type of channel has a balance that its provider tells.
#[must_use]
pub fn is_told(kind: i64) -> bool {
    Api::of(kind).is_some()
}

/// Asks a channel's provider, keeps what it says, and has people told if that is little.
///
/// # Errors
/// When the provider does not say it, or the database is away.
pub async fn update(store: &Store, channel: &Channel) -> Result<ChannelBalance, BalanceError> {
    update_at(store, channel, Reach::Public).await
}

async fn update_at(
    store: &Store,
    channel: &Channel,
    reach: Reach,
) -> Result<ChannelBalance, BalanceError> {
    let mut opened = store.channels_with_keys(&[channel.id]).await?;
    let opened: PublishedChannel = opened
        .pop()
        .ok_or_else(|| Error::NotFound(format!("channel {}", channel.id)))?;
    let api = Api::of(channel.kind).ok_or(BalanceError::NoApi)?;
    let said = api.ask(&opened, reach).await?;
    let balance = ChannelBalance {
        updated_at_ms: now_unix_ms(),
        ..said
    };
    store.set_channel_balance(channel.id, &balance).await?;
    let threshold = channel.care.balance_threshold;
    if threshold.0 > 0 && balance.amount < threshold {
        store.notice(Notice::ChannelBalanceLow {
            channel: channel.id,
            name: channel.name.clone(),
            balance: format!("{} {}", balance.amount, balance.currency),
            threshold: format!("{threshold} {}", balance.currency),
        });
    }
    Ok(balance)
}

/// How it went with each of these channels, a few at a time, in their order.
pub async fn update_all(
    store: &Store,
    channels: Vec<Channel>,
) -> Vec<(Channel, Result<ChannelBalance, BalanceError>)> {
    let mut asking = JoinSet::new();
    let mut done = Vec::new();
    for (at, channel) in channels.into_iter().enumerate() {
        while asking.len() >= AT_ONCE {
            done.extend(asking.join_next().await.and_then(Result::ok));
        }
        let store = store.clone();
        asking.spawn(async move {
            let updated = update(&store, &channel).await;
            (at, channel, updated)
        });
    }
    while let Some(next) = asking.join_next().await {
        done.extend(next.ok());
    }
    done.sort_by_key(|(at, ..)| *at);
    let outcome = |(_, channel, updated)| (channel, updated);
    done.into_iter().map(outcome).collect()
}

/// Asks for the balances of all channels that want it, until it is dropped.
pub async fn keep(store: Store) {
    let mut interval = tokio::time::interval(TRY_EVERY);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if let Err(error) = round(&store).await {
            tracing::error!(%error, "providers are not asked for balances");
        }
    }
}

async fn round(store: &Store) -> store::Result<()> {
    if !store.take_duty(CHANNEL_BALANCES, EVERY_MS).await? {
        return Ok(());
    }
    let mut channels = store.all_channels().await?;
    channels.retain(|channel| channel.status.is_enabled() && channel.care.auto_balance_check);
    for (channel, updated) in update_all(store, channels).await {
        if let Err(error) = updated {
            store.notice(Notice::ChannelBalanceUnknown {
                channel: channel.id,
                name: channel.name,
                error: error.to_string(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
