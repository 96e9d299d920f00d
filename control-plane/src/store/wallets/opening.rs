//! Wallets that have something in them from their first moment.

use tollgate_policy::price::NanoUsd;

use super::operations::Movement;
use super::system;
use crate::domain::options::NEW_USER_BALANCE;
use crate::domain::{TransactionKind, Wallet};
use crate::store::Result;
use crate::store::write::Write;

impl Write {
    /// A wallet for a group that has none, with money in it from the first moment.
    pub(in crate::store) async fn open_wallet_with(
        &mut self,
        actor: &str,
        group: String,
        balance: NanoUsd,
    ) -> Result<Wallet> {
        let wallet = self.open_wallet(group, None).await?;
        if balance.0 == 0 {
            return Ok(wallet);
        }
        let order = Movement {
            note: "opening balance".into(),
            actor: actor.into(),
            ..Movement::default()
        };
        let (kind, from) = (TransactionKind::Recharge, system::RECHARGES);
        let (amount, none) = (balance.0, String::new());
        self.move_once(&wallet, kind, amount, from, none, order)
            .await?;
        Ok(Wallet { balance, ..wallet })
    }

    /// The wallet of a new user, without which their group would spend without limit. What the
    /// option puts into it is a gift: nobody has paid it.
    pub(in crate::store) async fn open_wallet_of_new_user(&mut self, group: String) -> Result<()> {
        let gift = self.options().await?.amount(NEW_USER_BALANCE);
        let wallet = self.open_wallet(group, None).await?;
        if gift.0 == 0 {
            return Ok(());
        }
        let order = Movement {
            note: "what new users are given".into(),
            ..Movement::default()
        };
        let (kind, none) = (TransactionKind::Adjustment, String::new());
        self.move_once(&wallet, kind, gift.0, system::GIFTS, none, order)
            .await?;
        Ok(())
    }
}
