//! Networks from which users have signed in.

use super::row::Columns;
use super::sql::sql;
use super::write::Write;
use super::{Result, Store};

/// One that was not used for so long is forgotten.
const KEEP_MS: i64 = 90 * 24 * 60 * 60 * 1000;

/// Of one user; who comes from more places than that is known at the last of them.
const MOST: i64 = 32;

impl Store {
    /// Whether the user of this name has signed in from this network.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn is_known_at(&self, username: &str, network: &str, now_ms: i64) -> Result<bool> {
        let row = sql(
            "SELECT user_networks.user_id AS user_id FROM user_networks \
             JOIN users ON users.id = user_networks.user_id \
             WHERE users.username = $1 AND user_networks.network = $2 \
             AND user_networks.last_at >= $3",
        )
        .bind(username.to_owned())
        .bind(network.to_owned())
        .bind(now_ms.saturating_sub(KEEP_MS))
        .fetch_optional(self.reader())
        .await?;
        Ok(row.is_some())
    }
}

impl Write {
    pub(super) async fn note_network(
        &mut self,
        user_id: i64,
        network: &str,
        now: i64,
    ) -> Result<()> {
        sql("DELETE FROM user_networks WHERE last_at < $1")
            .bind(now.saturating_sub(KEEP_MS))
            .execute(&mut *self.transaction)
            .await?;
        sql(
            "INSERT INTO user_networks (user_id, network, last_at) VALUES ($1, $2, $3) \
             ON CONFLICT (user_id, network) DO UPDATE SET last_at = $3",
        )
        .bind(user_id)
        .bind(network.to_owned())
        .bind(now)
        .execute(&mut *self.transaction)
        .await?;
        let beyond = sql("SELECT last_at FROM user_networks WHERE user_id = $1 \
             ORDER BY last_at DESC LIMIT 1 OFFSET $2")
        .bind(user_id)
        .bind(MOST)
        .fetch_optional(&mut *self.transaction)
        .await?;
        let Some(beyond) = beyond else { return Ok(()) };
        sql("DELETE FROM user_networks WHERE user_id = $1 AND last_at <= $2")
            .bind(user_id)
            .bind(beyond.int("last_at")?)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{NewUser, Role, Status};
    use crate::store::testing::with_store;

    #[tokio::test]
    async fn the_last_places_are_known_for_a_while() {
        with_store(async |store| {
            let new = NewUser {
                username: "anna".into(),
                email: String::new(),
                role: Role::User,
                status: Status::Enabled,
                password: None,
            };
            let id = store.create_user(new).await.unwrap().id;
            let come_from = async |place: i64, at: i64| {
                let noted = store.write(move |write| {
                    Box::pin(async move {
                        let network = place.to_string();
                        write.note_network(id, &network, at).await
                    })
                });
                noted.await.unwrap();
            };
            let known = async |place: i64, at: i64| {
                let place = place.to_string();
                store.is_known_at("anna", &place, at).await.unwrap()
            };
            come_from(0, 0).await;
            come_from(1, 1).await;
            assert!(known(0, KEEP_MS).await);
            assert!(!known(0, KEEP_MS + 1).await && !known(2, 1).await);
            assert!(!store.is_known_at("bert", "0", 1).await.unwrap());

            come_from(0, 2).await;
            for place in 2..=MOST {
                come_from(place, 1 + place).await;
            }
            assert!(!known(1, 99).await, "the one that was left longest");
            for place in [0, 2, MOST] {
                assert!(known(place, 99).await, "{place}");
            }
        })
        .await;
    }
}
