//! Control planes that share the database, and which gateways each of them has.

use sqlx::any::AnyRow;

use super::row::{Columns, to_json};
use super::sql::sql;
use super::{Result, Store};

/// What a control plane said last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Made anew with each process.
    pub(crate) id: String,
    /// Rises each time it says something; so nobody's clock has to agree with another's.
    pub(crate) beat: i64,
    pub(crate) gateways: Vec<String>,
}

impl Store {
    /// Whether other control planes may be on the database.
    pub(crate) fn is_shared(&self) -> bool {
        self.0.shared
    }

    /// Writes down what a control plane says.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn beat(&self, peer: &Peer) -> Result<()> {
        let gateways = to_json(&peer.gateways);
        let done = sql("UPDATE control_planes SET beat = $2, gateways = $3 WHERE id = $1")
            .bind(peer.id.clone())
            .bind(peer.beat)
            .bind(gateways.clone())
            .execute(self.writer())
            .await?;
        if done.rows_affected() == 0 {
            sql(
                "INSERT INTO control_planes (id, beat, gateways, notes_addresses) \
                 VALUES ($1, $2, $3, 1)",
            )
            .bind(peer.id.clone())
            .bind(peer.beat)
            .bind(gateways)
            .execute(self.writer())
            .await?;
        }
        Ok(())
    }

    /// What all of them said last, those that are long gone among them.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn peers(&self) -> Result<Vec<Peer>> {
        let rows = sql("SELECT id, beat, gateways FROM control_planes ORDER BY id")
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(peer).collect()
    }

    /// Forgets a control plane, unless it has said something since.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn forget_peer(&self, id: &str, beat: i64) -> Result<()> {
        sql("DELETE FROM control_planes WHERE id = $1 AND beat = $2")
            .bind(id.to_owned())
            .bind(beat)
            .execute(self.writer())
            .await?;
        Ok(())
    }
}

fn peer(row: &AnyRow) -> Result<Peer> {
    Ok(Peer {
        id: row.text("id")?,
        beat: row.int("beat")?,
        gateways: row.json("gateways")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::with_store;

    #[tokio::test]
    async fn each_control_plane_sees_what_the_others_said_last() {
        with_store(async |store| {
            let peer = |id: &str, beat, gateways: &[&str]| Peer {
                id: id.into(),
                beat,
                gateways: gateways.iter().map(|it| (*it).to_owned()).collect(),
            };
            let (a, b) = (peer("a", 1, &["x", "y"]), peer("b", 7, &[]));
            store.beat(&b).await.unwrap();
            store.beat(&a).await.unwrap();
            assert_eq!(store.peers().await.unwrap(), [a.clone(), b]);
            let b = peer("b", 8, &["z"]);
            store.beat(&b).await.unwrap();
            store.forget_peer("b", 7).await.unwrap();
            assert_eq!(store.peers().await.unwrap(), [a, b.clone()], "it goes on");
            store.forget_peer("b", 8).await.unwrap();
            store.forget_peer("a", 1).await.unwrap();
            assert_eq!(store.peers().await.unwrap(), []);
        })
        .await;
    }
}
