//! A wallet: what a group may still spend, and how it came to that.

use tollgate_policy::price::NanoUsd;

/// A group without a wallet may spend without limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wallet {
    /// Its account.
    pub id: i64,
    pub group: String,
    pub created_at_ms: i64,
    /// The sum of its postings.
    pub balance: NanoUsd,
    /// What a service said beyond that; zero for a wallet that is kept here.
    pub credit: NanoUsd,
    /// The service that keeps the group's money; `None`: it is kept here.
    pub service: Option<i64>,
    /// When the service was last heard; 0: never.
    pub credit_at_ms: i64,
}

impl Wallet {
    /// What is left to spend; below zero by what calls that were under way cost.
    #[must_use]
    pub fn remaining(&self) -> NanoUsd {
        NanoUsd(self.balance.0.saturating_add(self.credit.0))
    }
}

/// Why money moved. The numbers are the database's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransactionKind {
    /// A customer paid.
    Recharge = 1,
    /// Calls.
    Usage = 2,
    /// Taken by an administrator.
    Deduction = 3,
    /// Of what a call cost, all or a part.
    Refund = 4,
    /// A redemption code.
    Redemption = 5,
    /// Put right by an administrator, in either direction.
    Adjustment = 6,
}

impl TransactionKind {
    pub const ALL: [Self; 6] = [
        Self::Recharge,
        Self::Usage,
        Self::Deduction,
        Self::Refund,
        Self::Redemption,
        Self::Adjustment,
    ];

    #[must_use]
    pub fn number(self) -> i64 {
        self as i64
    }

    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// As the API and idempotency keys write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Recharge => "recharge",
            Self::Usage => "usage",
            Self::Deduction => "deduction",
            Self::Refund => "refund",
            Self::Redemption => "redemption",
            Self::Adjustment => "adjustment",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A transaction as its wallet sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletTransaction {
    pub id: i64,
    pub created_at_ms: i64,
    pub kind: TransactionKind,
    /// Into the wallet, or, below zero, out of it.
    pub amount: NanoUsd,
    /// Of the wallet, after it.
    pub balance: NanoUsd,
    /// Of usage: for how many calls it is.
    pub calls: i64,
    /// Of a refund: the request; of a redemption: the code's id.
    pub reference: String,
    pub note: String,
    /// Who asked for it; empty: the gateway.
    pub actor: String,
}

/// What one call cost a wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    pub request_id: String,
    pub amount: NanoUsd,
    pub refunded: NanoUsd,
}

/// A redemption code, without its text, which was shown once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedemptionCode {
    pub id: i64,
    pub created_at_ms: i64,
    /// A name for those that were made together.
    pub batch: String,
    /// Last four characters.
    pub hint: String,
    pub amount: NanoUsd,
    /// How many groups may redeem it, each once.
    pub uses: i64,
    pub used: i64,
    /// 0: never.
    pub expires_at_ms: i64,
    pub status: super::Status,
}
