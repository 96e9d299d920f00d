//! From the store to what gateways get: reads on every change, and publishes the result.
//!
//! A channel's cluster is named after its address, so a changed address is a new cluster: requests
//! under way keep the old one, and a new key never goes to an old address. What is no longer
//! wanted stays published for a while, because requests under way may still have it on their list.

mod leaving;
mod plan;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::sync::watch;
use tokio::time::Instant;
use tollgate_config::Banned;

use self::leaving::Upstreams;
use crate::access_tokens::AccessTokens;
use crate::demo::Behaviours;
use crate::domain::options;
use crate::probes::Guests;
use crate::secrets::Secret;
use crate::store::{Change, GroupModelQuery, Store};
use crate::xds::Snapshot;
use crate::xds::resources::{Settings, Topology};

/// Changes that come in quick succession are one update.
const DEBOUNCE: Duration = Duration::from_millis(20);

/// Until the next try when the database is away.
const RETRY: Duration = Duration::from_secs(1);

/// How long the first configuration waits for access tokens: without its token a channel is not in
/// it, and gateways that are served already would lose the channel until the token comes.
const FIRST_TOKENS: Duration = Duration::from_secs(5);

/// Keeps gateways' configuration up to date.
#[derive(Debug)]
pub struct Publisher {
    store: Store,
    settings: Settings,
    demo: Behaviours,
    tokens: AccessTokens,
    guests: Guests,
    changes: Receiver<Change>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    upstreams: Upstreams,
}

impl Publisher {
    /// Publishes for the first time; [`Publisher::run`] does it from then on.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn start(
        store: Store,
        settings: Settings,
        demo: Behaviours,
        tokens: AccessTokens,
    ) -> Result<(Self, watch::Receiver<Arc<Snapshot>>), crate::store::Error> {
        // Before the first read, so that nothing falls between the two.
        let changes = store.changes();
        let (snapshots, receiver) = watch::channel(Arc::default());
        let mut publisher = Self {
            store,
            settings,
            demo,
            tokens,
            guests: Guests::default(),
            changes,
            snapshots,
            upstreams: Upstreams::default(),
        };
        let channels = publisher.store.published_channels().await?;
        publisher.tokens.want(&plan::google_keys(&channels));
        publisher.tokens.tried(FIRST_TOKENS).await;
        publisher.publish().await?;
        Ok((publisher, receiver))
    }

    /// Publishes these as well, from now on.
    #[must_use]
    pub fn with_guests(self, guests: Guests) -> Self {
        Self { guests, ..self }
    }

    /// Ends with the store.
    pub async fn run(mut self) {
        let mut failed = false;
        let mut tokens = self.tokens.changes();
        let mut guests = self.guests.changes();
        loop {
            let wake = if failed {
                Some(Instant::now() + RETRY)
            } else {
                self.upstreams.next_leave()
            };
            tokio::select! {
                change = self.changes.recv() => match change {
                    Ok(Change::Topology) | Err(RecvError::Lagged(_)) => {}
                    Ok(_) => continue,
                    Err(RecvError::Closed) => return,
                },
                // Ends never: the tokens are this publisher's.
                _ = tokens.changed() => {}
                // Likewise.
                _ = guests.changed() => {}
                () = sleep_until(wake) => {}
            }
            tokio::time::sleep(DEBOUNCE).await;
            // What came meanwhile is read now.
            self.changes = self.changes.resubscribe();
            match self.publish().await {
                Ok(()) => failed = false,
                Err(error) => {
                    if !failed {
                        tracing::error!(%error, "cannot publish a change yet; trying on");
                    }
                    failed = true;
                }
            }
        }
    }

    async fn publish(&mut self) -> Result<(), crate::store::Error> {
        let mut channels = self.store.published_channels().await?;
        channels.extend(self.guests.channels());
        let models = self.store.model_configs().await?;
        let options = self.store.options().await?;
        self.tokens.want(&plan::google_keys(&channels));
        let token = |key: &_| self.tokens.token(key);
        let demo = self.demo.address();
        let mut plan = plan::plan(&channels, &models, &self.settings, demo, &token);
        plan.gateway.closed = options.flag(options::DISABLE_SERVE);
        plan.gateway.retry_times = u32::try_from(options.whole(options::RETRY_TIMES))
            .ok()
            .filter(|times| *times > 0);
        let groups = self.store.group_models(&GroupModelQuery::default()).await?;
        plan::add_details(&mut plan.gateway, &models, &groups, &options);
        let bans = self.store.present_bans().await?.into_iter();
        let banned = bans.map(|ban| Banned {
            block: ban.address,
            until_unix_ms: ban.expires_at_ms.unwrap_or(0),
        });
        plan.gateway.banned = banned.collect();
        for ban in self.store.channel_bans().await? {
            let mut channels = plan.gateway.channels.iter_mut();
            if let Some(channel) = channels.find(|channel| channel.id == ban.channel_id) {
                channel.banned.push(ban.model);
            }
        }
        for (channel, reason) in &plan.left_out {
            tracing::warn!(channel, reason, "channel is not published");
        }
        self.guests.published(&plan.left_out);
        self.demo.replace(plan.demo);
        self.upstreams.replace(plan.upstreams, Instant::now());
        let topology = Topology {
            settings: self.settings.clone(),
            gateway: plan.gateway,
            upstreams: self.upstreams.published().cloned().collect(),
        };
        let snapshot = Arc::new(topology.snapshot());
        self.snapshots.send_if_modified(|current| {
            let changed = **current != *snapshot;
            *current = snapshot;
            changed
        });
        Ok(())
    }
}

/// Channels that would not be published, and why.
///
/// # Errors
/// When the database is away.
pub async fn left_out(store: &Store) -> Result<Vec<(i64, String)>, crate::store::Error> {
    let channels = store.published_channels().await?;
    let models = store.model_configs().await?;
    // Nothing of this is in the answer.
    let nowhere = (std::net::Ipv4Addr::LOCALHOST, 0).into();
    let settings = Settings {
        listen: nowhere,
        unavailable_port: 0,
        wasm: PathBuf::new(),
        max_body_bytes: 0,
        stores_responses: false,
    };
    // Whether Google takes a key shows when it is served.
    let token = |_: &_| Ok(Secret::default());
    Ok(plan::plan(&channels, &models, &settings, nowhere, &token).left_out)
}

async fn sleep_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
