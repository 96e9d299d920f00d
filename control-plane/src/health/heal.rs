//! What is banned is tried out, and serves again when it answers.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::domain::{ChannelBan, PublishedChannel, TestKind};
use crate::probes::Probes;
use crate::store::{self, BANNED_CHANNELS, Notice, Store};

/// Between two tests of the same ban, on one of all control planes.
const EVERY_MS: i64 = 30_000;
/// How often one tries to be who tests.
const TRY_EVERY: Duration = Duration::from_secs(5);

/// Until it is dropped.
pub async fn heal(store: Store, probes: Probes) {
    let mut interval = tokio::time::interval(TRY_EVERY);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if let Err(error) = round(&store, &probes).await {
            tracing::error!(%error, "banned channels are not tried out");
        }
    }
}

async fn round(store: &Store, probes: &Probes) -> store::Result<()> {
    let banned = store.channel_bans().await?;
    // Without a gateway it is somebody else's duty.
    if banned.is_empty()
        || probes.ready().is_err()
        || !store.take_duty(BANNED_CHANNELS, EVERY_MS).await?
    {
        return Ok(());
    }
    let channels = store.published_channels().await?;
    let mut tests = JoinSet::new();
    for ban in banned {
        let channel = channels.iter().find(|it| it.id == ban.channel_id);
        if let Some(channel) = channel.cloned() {
            let (store, probes) = (store.clone(), probes.clone());
            tests.spawn(async move { test(&store, &probes, channel, ban).await });
        }
    }
    while let Some(done) = tests.join_next().await {
        done.unwrap_or(Ok(()))?;
    }
    Ok(())
}

async fn test(
    store: &Store,
    probes: &Probes,
    channel: PublishedChannel,
    ban: ChannelBan,
) -> store::Result<()> {
    let configs = store
        .model_configs_meant(std::slice::from_ref(&ban.model))
        .await?;
    // What has no test comes back when its time is up.
    let Some(kind) = TestKind::of(&ban.model, configs.first()) else {
        return Ok(());
    };
    let answer = probes
        .call(channel.id, &channel.key, &ban.model, kind)
        .await;
    match answer {
        Ok(answer) if (200..300).contains(&answer.code) => {
            let notice = Notice::ChannelRecovered {
                channel: channel.id,
                name: channel.name,
                model: ban.model.clone(),
            };
            let of = (Some(channel.id), Some(ban.model));
            store.clear_errors(of.0, of.1, Some(notice)).await
        }
        Ok(_) => Ok(()),
        Err(error) => {
            tracing::warn!(channel = channel.id, %error, "a banned channel cannot be tried out");
            Ok(())
        }
    }
}
