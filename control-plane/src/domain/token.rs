//! A token: what a caller shows. Only its hash is kept.

use tollgate_policy::price::NanoUsd;

use super::{Limits, LimitsPatch, Period, Status};
use crate::secrets::SecretTag;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub id: i64,
    pub created_at_ms: i64,
    pub group: String,
    /// Unique within the group.
    pub name: String,
    /// Last four characters of its text.
    pub hint: String,
    /// Another one once it was rotated.
    pub key_tag: SecretTag,
    pub status: Status,
    /// Models it may use; empty: all that its group's sets serve.
    pub models: Vec<String>,
    /// CIDR blocks that its callers must be in; empty: any.
    pub subnets: Vec<String>,
    /// Of all its calls together.
    pub limits: Limits,
    pub used_amount: NanoUsd,
    pub request_count: i64,
    /// Start of the last request with it; `None`: never used.
    pub accessed_at_ms: Option<i64>,
    /// Until when an earlier text of it works; `None`: none does.
    pub rotates_until_ms: Option<i64>,
    /// What it may spend in all; 0: without limit.
    pub quota: NanoUsd,
    /// What it may spend in each window; 0: without limit.
    pub period_quota: NanoUsd,
    pub period: Period,
    /// `None`: it does not expire.
    pub expires_at_ms: Option<i64>,
}

/// What a request wants a token to be.
#[derive(Debug, Clone, Default)]
pub struct TokenPatch {
    pub name: Option<String>,
    pub status: Option<Status>,
    pub models: Option<Vec<String>>,
    pub subnets: Option<Vec<String>>,
    pub limits: LimitsPatch,
    pub quota: Option<NanoUsd>,
    pub period_quota: Option<NanoUsd>,
    pub period: Option<Period>,
    /// `Some(0)`: it does not expire.
    pub expires_at_ms: Option<i64>,
}
