//! The black-list, which gateways keep to by themselves elsewhere.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tollgate_policy::Subnet;

use crate::store::{Result, Store};

/// It may be long, and clients ask for balances often. Gateways hear of a change as late as this.
const FRESH: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Default)]
pub(super) struct Bans(Arc<Mutex<Option<Read>>>);

#[derive(Debug)]
struct Read {
    at: Instant,
    /// With its end; `None`: never.
    blocks: Vec<(Subnet, Option<i64>)>,
}

impl Bans {
    /// Whether nothing is done for this address.
    ///
    /// # Errors
    /// When the database is away.
    pub(super) async fn hold(&self, store: &Store, address: IpAddr, now_ms: i64) -> Result<bool> {
        // Held while it is read: of many who ask, one reads it.
        let mut read = self.0.lock().await;
        let fresh = match read.take().filter(|read| read.at.elapsed() < FRESH) {
            Some(fresh) => fresh,
            None => Read {
                at: Instant::now(),
                blocks: blocks(store).await?,
            },
        };
        let is_banned = fresh.blocks.iter().any(|(block, until_ms)| {
            until_ms.is_none_or(|until| until > now_ms) && block.contains(address)
        });
        *read = Some(fresh);
        Ok(is_banned)
    }
}

async fn blocks(store: &Store) -> Result<Vec<(Subnet, Option<i64>)>> {
    let bans = store.present_bans().await?.into_iter();
    let block = bans.filter_map(|ban| Some((ban.address.parse().ok()?, ban.expires_at_ms)));
    Ok(block.collect())
}
