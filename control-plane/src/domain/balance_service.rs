//! A service elsewhere that keeps the money of groups.

use tollgate_policy::price::NanoUsd;

use super::BaseUrl;
use crate::secrets::{Secret, SecretTag};

/// A service as administrators see it: its secret is not part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalanceService {
    pub id: i64,
    pub created_at_ms: i64,
    /// Unique.
    pub name: String,
    pub url: BaseUrl,
    /// Whether it may be in a private network; else only public addresses are called, over TLS.
    pub private: bool,
    /// Last four characters of the secret; empty for a short one.
    pub secret_hint: String,
    /// Another one once somebody wrote the secret.
    pub secret_tag: SecretTag,
}

/// What a request wants a service to be.
#[derive(Debug, Clone, Default)]
pub struct BalanceServicePatch {
    pub name: Option<String>,
    pub url: Option<BaseUrl>,
    pub private: Option<bool>,
    pub secret: Option<Secret>,
}

/// Usage that a service has not confirmed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumption {
    pub id: i64,
    pub service: i64,
    pub group: String,
    pub created_at_ms: i64,
    /// The transaction of the group's wallet, whose lines are the calls.
    pub transaction: i64,
    /// The same at every attempt.
    pub key: String,
    pub amount: NanoUsd,
    pub calls: i64,
    /// Made so far.
    pub attempts: i64,
    /// When the next one is due.
    pub next_at_ms: i64,
    /// What was wrong with the last.
    pub error: String,
}
